"""The file `.env`: what it may be written like, what stops the start, and that the environment wins."""

import os
import re
import stat
import sys
from pathlib import Path

import pytest

import environment
from environment import setting_names
from settings import SettingsError
from tests.support.program import FLASK, PASSWORD, ROOT, RUN, fresh_copy, program, python_run

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has rights of folders instead")


@pytest.fixture
def dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Read the settings with this content of `.env` and nothing else in the environment."""
    monkeypatch.setattr(environment, "ROOT", tmp_path)

    def read(content: bytes | str, **variables: str):
        (tmp_path / ".env").write_bytes(content.encode() if isinstance(content, str) else content)
        with monkeypatch.context() as patch:
            patch.setattr(os, "environ", dict(variables))
            return environment.read_settings()

    return read


def test_every_setting_is_known_by_its_name() -> None:
    shown = re.findall(r"^#? ?([A-Z_]+)=", (ROOT / ".env").read_text(encoding="utf-8"), re.MULTILINE)

    assert set(shown) == setting_names() | {"FLASK_APP"}


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        ('# Settings\nLOG_LEVEL=INFO\nADMIN_PASSWORD="correct horse battery\n', 3),
        ("\n\nADMIN_PASSWORD='correct horse battery\n", 3),
        ('SECRET_KEY="open\nPORT=9000\nADMIN_PASSWORD="\n', 1),
        ("PORT: 9000\n", 1),
        ("PORT 9000\n", 1),
        ("LOG_LEVEL=INFO\r\n\r\nPORT\r\n", 3),
        ('PORT="9000" HOST=127.0.0.1\n', 1),
        ("=9000\n", 1),
    ],
)
def test_a_line_that_can_not_be_read_stops_the_start_and_is_named(dotenv, tmp_path, lines, number) -> None:
    with pytest.raises(SettingsError) as refused:
        dotenv(lines)

    assert str(refused.value).startswith(f"{tmp_path / '.env'}, line {number}, ")
    assert "NAME=value" in str(refused.value)
    assert "correct horse" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        *(("DATABSE_URL", "DATABASE_URL"), ("INSTANCE_DIR", "INSTANCE_PATH"), ("port", "PORT")),
        *(("OIDC_ISUER", "OIDC_ISSUER"), ("AUDIT_DAY", "AUDIT_DAYS"), ("LOGLEVEL", "LOG_LEVEL")),
    ],
)
def test_a_name_that_nobody_reads_stops_the_start_and_the_nearest_is_named(dotenv, tmp_path, name, near) -> None:
    with pytest.raises(SettingsError) as refused:
        dotenv(f"# Settings\n{name}=geheim\n")

    assert str(refused.value) == f"{tmp_path / '.env'}, line 2, sets {name}, which is no setting; did you mean {near}?"


def test_a_name_that_is_like_no_setting_is_sent_to_the_list_of_them(dotenv) -> None:
    with pytest.raises(SettingsError, match="sets XYZZY, which is no setting; docs/settings.md lists"):
        dotenv("XYZZY=1\n")


@pytest.mark.parametrize(
    "name", ["FLASK_APP", "PGPASSWORD", "PGSSLROOTCERT", "WEB_CONCURRENCY", "https_proxy", "TMPDIR"]
)
def test_what_libraries_read_may_stand_in_the_file_too(dotenv, name: str) -> None:
    assert dotenv(f"{name}=app\n").port == 8000


@pytest.mark.parametrize("quote", ["", "'", '"'], ids=["bare", "single", "double"])
def test_nothing_is_replaced_within_a_value(dotenv, quote: str) -> None:
    settings = dotenv(f"HOST=127.0.0.9\nADMIN_PASSWORD={quote}a ${{HOST}} and $PORT{quote}\n")

    assert settings.admin_password == "a ${HOST} and $PORT"


@pytest.mark.parametrize(
    "content",
    [
        "PORT=9000\n".encode("utf-8-sig"),
        b"\xff\xfe" + "PORT=9000\r\n".encode("utf-16-le"),
        b"\xfe\xff" + "PORT=9000\r\n".encode("utf-16-be"),
        b"export PORT = 9000 # of the test\r\n",
    ],
    ids=["bom", "utf-16-le", "utf-16-be", "export"],
)
def test_what_windows_and_shells_write_is_read(dotenv, content: bytes) -> None:
    assert dotenv(content).port == 9000


@pytest.mark.parametrize(
    "content",
    [
        "LOG_LEVEL=INFO\nADMIN_PASSWORD=geheime Käsesorte\n".encode("cp1252"),
        b"LOG_LEVEL=INFO\r\n" + "ADMIN_PASSWORD=geheime Parole\r\n".encode("utf-16-le"),
    ],
    ids=["cp1252", "utf-16 behind utf-8"],
)
def test_a_file_that_is_not_utf_8_is_named_with_the_line(dotenv, tmp_path, content: bytes) -> None:
    with pytest.raises(SettingsError) as refused:
        dotenv(content)

    assert str(refused.value).startswith(f"{tmp_path / '.env'}, line 2, is not UTF-8")
    assert "geheim" not in str(refused.value)


def test_the_environment_wins_even_where_it_is_empty(dotenv) -> None:
    assert dotenv("PORT=9000\nHOST=::1\n", PORT="9001", HOST="").port == 9001
    assert dotenv("PORT=9000\nHOST=::1\n", HOST="").host == "127.0.0.1"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose `.env` each test writes."""
    return fresh_copy(tmp_path_factory.mktemp("checkout"))


def faces(checkout: Path, *args: str, **settings: str):
    """What the command says as `python run.py …` and as `flask …`."""
    for face in ((str(checkout / "run.py"),), FLASK):
        yield python_run(*args, cwd=checkout, program=face, **settings)


@pytest.mark.parametrize("wrong", ["DATABSE_URL=sqlite:///x.sqlite3", "PORT: 1", "SECRET_KEY='open"])
def test_service_and_commands_refuse_the_file_in_one_sentence(checkout: Path, tmp_path: Path, wrong: str) -> None:
    (checkout / ".env").write_text(f"FLASK_APP=app\n{wrong}\n", encoding="utf-8")
    settings = {"INSTANCE_PATH": str(tmp_path / "instance")}
    with program(folder=checkout, read_errors=True, **settings) as service:
        assert (service.wait(), service.said) == (2, [])
        said = [service.errors()]
    ran = list(faces(checkout, "upgrade", **settings))

    assert [each.status for each in ran] == [2, 2]
    said += [each.err.splitlines(keepends=True)[-1].removeprefix("Error: ") for each in ran]
    assert len(set(said)) == 1  # before it, `flask` has words of its own about a line that can't be read
    assert said[0].startswith(f"{checkout / '.env'}, line 2, ") and said[0].count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_where_flask_replaces_something_within_a_value_its_commands_are_refused(checkout: Path, tmp_path: Path) -> None:
    lines = ["FLASK_APP=app", f"INSTANCE_PATH='{tmp_path.as_posix()}/${{HOST}}'", "HOST=127.0.0.9"]
    (checkout / ".env").write_text("\n".join(lines), encoding="utf-8")

    program, flask = faces(checkout, "upgrade")

    assert (program.status, flask.status) == (0, 2)
    assert "INSTANCE_PATH" in flask.err and "python run.py" in flask.err and flask.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["${HOST}"]


def test_a_misspelt_setting_of_the_environment_is_a_warning(checkout: Path, tmp_path: Path) -> None:
    """The environment is full of names of others, so it stops nothing."""
    (checkout / ".env").write_text("FLASK_APP=app\n", encoding="utf-8")
    settings = {
        "INSTANCE_PATH": str(tmp_path / "instance"),
        "DATABSE_URL": "geheim",
        "DATABASE_PORT": "1",
        "HOSTNAME": "x",
    }
    words = "DATABSE_URL is set, and nobody reads it; did you mean DATABASE_URL?"
    with program(folder=checkout, read_errors=True, PORT="0", ADMIN_PASSWORD=PASSWORD, **settings) as service:
        assert service.ask("GET", "/items").status == 200
        service.process.kill()
        warnings = [line for line in service.errors().splitlines() if " WARNING " in line]
    said = [ran.err.splitlines()[0] for ran in faces(checkout, "stats", **settings)]

    assert [line.partition("[-] ")[2] for line in warnings] == [words]
    assert said == [words] * 2


@POSIX
def test_in_an_open_instance_folder_nobody_else_reads_a_file(checkout: Path, tmp_path: Path) -> None:
    (checkout / ".env").write_text("FLASK_APP=app\n", encoding="utf-8")
    tmp_path.chmod(0o755)
    instance = tmp_path / "instance"
    instance.mkdir()
    instance.chmod(0o755)
    settings = {"INSTANCE_PATH": str(instance), "ADMIN_PASSWORD": PASSWORD}
    with program(folder=checkout, read_errors=True, PORT="0", **settings) as service:
        assert service.ask("POST", "/items", {"sku": "A", "name": "a"}).status == 201
        for face, ran in enumerate(faces(checkout, "export", str(instance / "items.csv"), **settings)):
            assert ran.status == 0, face
        for face in (RUN, FLASK):
            copy = instance / f"copy{len(face)}.sqlite3"
            assert python_run("backup", str(copy), cwd=checkout, program=face, **settings).status == 0
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in instance.iterdir()}
        service.process.kill()
        warnings = [line for line in service.errors().splitlines() if " WARNING " in line]

    assert modes.keys() >= {"secret_key", "stockroom.sqlite3", "stockroom.sqlite3-wal", "items.csv"}
    assert {name for name, mode in modes.items() if mode != 0o600} == set()
    assert len(warnings) == 1
    assert warnings[0].endswith(f"chmod go= '{instance}'")


@POSIX
def test_an_instance_that_others_can_not_enter_is_no_reason_to_warn(checkout: Path, tmp_path: Path) -> None:
    (checkout / ".env").write_text("FLASK_APP=app\n", encoding="utf-8")
    tmp_path.chmod(0o755)
    settings = {"INSTANCE_PATH": str(tmp_path / "instance"), "ADMIN_PASSWORD": PASSWORD}
    assert python_run("upgrade", **settings).status == 0
    (tmp_path / "instance" / "stockroom.sqlite3").chmod(0o644)  # as earlier versions made it
    with program(folder=checkout, read_errors=True, PORT="0", **settings) as service:
        assert service.ask("GET", "/items").status == 200
        service.process.kill()

        assert " WARNING " not in service.errors()
