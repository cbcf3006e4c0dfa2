"""The settings: what each may be, and that the code, `.env` and docs/settings.md say the same."""

import re
from pathlib import Path

import pytest

from settings import Settings, SettingsError
from tests.support.program import ROOT

SOURCE = (ROOT / "settings.py").read_text(encoding="utf-8")
DOTENV = (ROOT / ".env").read_text(encoding="utf-8")
TABLE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
# What `flask …` reads; the service does not.
OTHERS = {"FLASK_APP"}
# Set but empty, these mean something of their own: no limit.
OFF_WHEN_EMPTY = {"RATE_LIMIT", "LOGIN_RATE_LIMIT"}


def of_dotenv() -> dict[str, str]:
    """Every setting of `.env` with the value that it shows, also behind a #."""
    return dict(re.findall(r"^#? ?([A-Z_]+)=(.*)$", DOTENV, re.MULTILINE))


def of_table() -> dict[str, str]:
    """Every setting of the table in docs/settings.md with its default."""
    return dict(re.findall(r"^\| `([A-Z_]+)` \| (?:`([^|`]+)` )?\|", TABLE, re.MULTILINE))


def test_code_dotenv_and_document_name_the_same_settings() -> None:
    read = set(re.findall(r'\bread\.\w+\(\s*"([A-Z_]+)"', SOURCE))

    assert len(read) > 10
    assert of_dotenv().keys() - OTHERS == read
    assert of_table().keys() == read


@pytest.mark.parametrize("documented", [of_dotenv, of_table])
def test_the_defaults_are_documented_as_they_are(documented) -> None:
    assert Settings.from_env(documented()) == Settings.from_env({})
    assert {name for name, value in documented().items() if value} >= {"HOST", "PORT", "THREADS", "LOG_LEVEL"}


def test_every_setting_of_dotenv_has_a_comment_and_no_value() -> None:
    before = ""
    for line in filter(None, DOTENV.splitlines()):
        if re.match(r"#? ?[A-Z_]+=", line):
            assert before.startswith("# "), line
            assert line.startswith("# ") or line.partition("=")[0] in OTHERS, line
        before = line


def test_only_two_files_read_the_environment() -> None:
    floors = ("api", "cli", "models", "pages", "resources", "server")
    files = [path for floor in floors for path in (ROOT / floor).rglob("*.py")]
    files += [path for path in ROOT.glob("*.py") if path.name not in ("settings.py", "environment.py")]

    assert len(files) > 80
    assert [path.name for path in files if re.search(r"os\.environ|getenv", path.read_text(encoding="utf-8"))] == []


def test_an_empty_or_blank_setting_is_an_unset_one() -> None:
    blank = dict.fromkeys(of_dotenv().keys() - OFF_WHEN_EMPTY, "")
    blanks = {**blank, "PORT": "  ", "HOST": "\r\n"}

    assert Settings.from_env(blank) == Settings.from_env(blanks) == Settings.from_env({})


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("postgres://u:p@h/n", "postgresql+psycopg://u:p@h/n"),
        ("postgresql://u:p@h:5433/n?sslmode=require", "postgresql+psycopg://u:p@h:5433/n?sslmode=require"),
        ("POSTGRESQL://h/n", "postgresql+psycopg://h/n"),
        ("postgresql://[::1]:5432/n", "postgresql+psycopg://[::1]:5432/n"),
        ("postgresql:///n?host=/var/run/postgresql", "postgresql+psycopg:///n?host=/var/run/postgresql"),
        (
            "postgresql://u:p@one:5432,two:5433/n?target_session_attrs=read-write",
            "postgresql+psycopg://u:p@/n?host=one:5432&host=two:5433&target_session_attrs=read-write",
        ),
        ("mysql://u:p@h/n", "mysql+pymysql://u:p@h/n"),
        ("mariadb://u:p%40q@h/n", "mysql+pymysql://u:p%40q@h/n"),
    ],
)
def test_a_database_url_is_read_with_the_driver_that_comes_along(url: str, read: str) -> None:
    assert Settings.from_env({"DATABASE_URL": url}).database_url == read


def test_a_sqlite_file_is_in_the_instance_folder_unless_its_path_is_absolute(tmp_path: Path) -> None:
    instance = {"INSTANCE_PATH": str(tmp_path / "instance")}
    absolute = (tmp_path / "elsewhere.db").resolve()

    default = Settings.from_env(instance).database_url
    relative = Settings.from_env({**instance, "DATABASE_URL": "sqlite:///stock.db"}).database_url
    given = Settings.from_env({**instance, "DATABASE_URL": f"sqlite:///{absolute.as_posix()}"}).database_url

    folder = (tmp_path / "instance").resolve().as_posix()
    assert default == f"sqlite:///{folder}/stockroom.sqlite3"
    assert relative == f"sqlite:///{folder}/stock.db"
    assert given == f"sqlite:///{absolute.as_posix()}"


def test_a_relative_instance_path_is_beside_the_program_wherever_that_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert Settings.from_env({"INSTANCE_PATH": "data"}).instance_path == ROOT / "data"


def test_a_password_keeps_its_blanks_but_not_a_line_end() -> None:
    assert Settings.from_env({"ADMIN_PASSWORD": " twelve  letters \r\n"}).admin_password == " twelve  letters "


def test_choices_may_be_written_in_any_case() -> None:
    settings = Settings.from_env({"APP_ENV": "Production", "LOG_LEVEL": "debug", "REQUIRE_IF_MATCH": "TRUE"})

    assert (settings.app_env, settings.log_level, settings.require_if_match) == ("production", "DEBUG", True)


@pytest.mark.parametrize("name", ["SECRET_KEY", "ADMIN_PASSWORD", "DATABASE_URL"])
def test_a_refusal_does_not_repeat_a_secret(name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env({name: "geheim"})

    assert str(refused.value).startswith(f"{name} ")
    assert name == "DATABASE_URL" or "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("smtp://u%40b.de:p%3Aw@mail.example.com", ("mail.example.com", 587, "starttls", "u@b.de", "p:w")),
        ("smtps://u:p@mail.example.com", ("mail.example.com", 465, "tls", "u", "p")),
        ("smtp://mail.example.com:25?tls=off", ("mail.example.com", 25, "none", None, None)),
        ("smtp://127.0.0.1:1025", ("127.0.0.1", 1025, "none", None, None)),
        ("smtp://u:p@localhost", ("localhost", 587, "none", "u", "p")),
    ],
)
def test_a_mail_server_is_spoken_to_under_tls_unless_it_is_this_machine_or_said_otherwise(
    url: str, read: object
) -> None:
    mail = Settings.from_env({"SMTP_URL": url}).mail

    assert mail is not None
    assert mail.server == read


def test_mails_come_from_the_user_of_the_mail_server_or_from_its_host() -> None:
    urls = ("smtp://stock%40b.de:p@mail.b.de", "smtp://stock:p@mail.b.de")
    senders = [Settings.from_env({"SMTP_URL": url}).mail.sender for url in urls]

    assert senders == [
        "stock@b.de",
        "stockroom@mail.b.de",
    ]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SMTP_URL", "mail.example.com", "must begin with smtp"),
        ("SMTP_URL", "http://mail.example.com", "must begin with smtp"),
        ("SMTP_URL", "smtp://mail.example.com/inbox", "nothing after it"),
        ("SMTP_URL", "smtp://mail.example.com:no", "is no URL as smtp://"),
        ("SMTP_URL", "smtp://u@mail.example.com", "give both or neither"),
        ("SMTP_URL", "smtp://u:p@mail.example.com?tls=off", "anybody on the way could read"),
        ("SMTP_URL", "smtp://mail.example.com?tls=never", "the only one is"),
        ("MAIL_FROM", "Stock <stock@example.com>", "without a name"),
        ("MAIL_FROM", "stock@example.com", "without SMTP_URL"),
        ("ALERT_RECIPIENTS", "a@b.de, nobody", "has 'nobody'"),
        ("WEBHOOK_ALLOW_NETS", "192.168.1.5/16", "host bits set"),
        ("WEBHOOK_ALLOW_NETS", "lan", "must be a network"),
        ("WEBHOOK_LOG_DAYS", "0", "from 1 to 3650"),
    ],
)
def test_what_can_not_be_a_mail_server_an_address_or_a_network_is_refused(name: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env({name: value})

    assert str(refused.value).startswith(f"{name} ")
    assert says in str(refused.value)


def test_networks_of_both_families_are_read() -> None:
    nets = Settings.from_env({"WEBHOOK_ALLOW_NETS": "192.168.0.0/16, fd00::/8"}).webhook_allow_nets

    assert [str(net) for net in nets] == ["192.168.0.0/16", "fd00::/8"]
