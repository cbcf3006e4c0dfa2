"""The start and the stop: what somebody may count on who types `python run.py`."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from sqlalchemy import create_engine, inspect

import run
from models.database.base import db
from models.database.engine import engine_options
from tests.support.databases import own_database, settings_for
from tests.support.program import PASSWORD, ROOT, SOON, STOP, environment, fresh_copy, program, python_run

LAMP = {"sku": "LAMP-1", "name": "Desk lamp", "quantity": 5}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh checkout, used by the tests that start with nothing configured."""
    return fresh_copy(tmp_path_factory.mktemp("checkout"))


@pytest.fixture
def empty_database(database_url: str) -> Iterator[str]:
    """A database of its own on each server, without a table; for SQLite the one of the instance."""
    if database_url.startswith("sqlite"):
        yield ""
        return
    with own_database(database_url, "start") as url:
        yield url


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Start with these settings, in this process, and answer the sentence that refuses it."""

    def start(**settings: str) -> str:
        defaults = {"INSTANCE_PATH": str(tmp_path / "instance"), "PORT": "0", "ADMIN_PASSWORD": PASSWORD}
        with monkeypatch.context() as patch:
            for name in list(os.environ):
                patch.delenv(name)
            for name, value in {**environment(), **defaults, **settings}.items():
                patch.setenv(name, value)
            patch.setattr("environment.ROOT", tmp_path)  # without a .env
            patch.setattr(run, "init_logs", lambda *_: None)
            patch.setattr(run, "serve", lambda *_, **__: pytest.fail("it serves"))
            status = run.main()
        told = capsys.readouterr()
        assert status == 2
        assert told.out == ""
        assert told.err.count("\n") == 1
        return told.err

    return start


def test_with_nothing_configured_it_serves_and_a_second_start_loses_nothing(checkout: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path
    with program(folder=checkout, cwd=elsewhere, PORT="0", read_errors=True) as first:
        admin = f"admin:{first.password}"
        instance = checkout / "instance"
        key = (instance / "secret_key").read_bytes()
        files = sorted(path.name for path in instance.iterdir() if "-" not in path.name)
        pasted = _paste(first.first_admin[1].removeprefix("Try it:  "))
        created = first.ask("POST", "/items", LAMP, user=admin)
        assert first.stop() == 0
        errors = first.errors()

    with program(folder=checkout, cwd=elsewhere, PORT="0") as second:
        users = second.ask("GET", "/users", user=admin).json
        items = second.ask("GET", "/items", user=admin).json

    assert files == ["secret_key", "stockroom.sqlite3"]
    assert len(key) == 64
    if os.name == "posix":
        assert stat.S_IMODE((instance / "secret_key").stat().st_mode) == 0o600
        assert stat.S_IMODE(instance.stat().st_mode) == 0o700
    assert re.fullmatch(r"[A-Za-z0-9]{24}", first.password)
    assert first.password not in "".join(first.said)
    assert pasted in ("", "200")
    assert {line.split()[2:4] == ["INFO", "stockroom.access"] for line in errors.splitlines()} == {True}, errors
    assert created.status == 201
    assert len(second.said) == 2
    assert first.password not in "".join(second.said)
    assert (instance / "secret_key").read_bytes() == key
    assert [user["username"] for user in users["data"]] == ["admin"]
    assert items["data"] == [created.json]
    assert list(elsewhere.iterdir()) == []


def _paste(line: str) -> str:
    """The status that the printed line gets when a shell runs it; nothing where there is no curl."""
    if not shutil.which("curl"):
        return ""
    shown = subprocess.run(  # noqa: S602 - a shell is what it is pasted into
        f'{line} -s -o {os.devnull} -w "%{{http_code}}"', shell=True, capture_output=True, text=True, check=True
    )
    return shown.stdout


def test_a_log_of_json_has_nothing_else_and_never_a_password(tmp_path: Path) -> None:
    settings = {"INSTANCE_PATH": str(tmp_path / "instance"), "PORT": "0", "LOG_FORMAT": "json"}
    with program(read_errors=True, **settings) as running:
        assert running.process.stdout is not None
        first = json.loads(running.process.stdout.readline())
        address = re.search(r"http://\S+", first["message"])[0]  # type: ignore[index]
        with closing(HTTPConnection(urlsplit(address).netloc, timeout=SOON)) as client:
            client.request("GET", "/livez")
            assert client.getresponse().status == 200
        assert running.stop() == 0
        lines = [json.loads(line) for line in [*running.process.stdout, *running.errors().splitlines()]]

    messages = [line["message"] for line in lines]
    assert messages[0] == "Ctrl+C stops it."
    assert any("reset-password admin" in message for message in messages)
    assert not any(re.search(r"\b[A-Za-z0-9]{24}\b", message) for message in messages)
    assert {line["level"] for line in lines} == {"INFO", "WARNING"}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal here")
def test_on_a_terminal_the_first_password_is_shown_beside_a_log_of_json(tmp_path: Path) -> None:
    import pty  # noqa: PLC0415 - not on Windows

    ours, theirs = pty.openpty()
    settings = {"INSTANCE_PATH": str(tmp_path / "instance"), "PORT": "0", "LOG_FORMAT": "json"}
    start = [sys.executable, str(ROOT / "run.py")]
    with subprocess.Popen(start, env=environment(**settings), stdout=subprocess.PIPE, stderr=theirs) as process:
        assert process.stdout is not None
        public = [json.loads(process.stdout.readline())["message"] for _ in range(2)]
        shown = os.read(ours, 10_000).decode()
        process.terminate()
    os.close(ours)
    os.close(theirs)

    assert public[1] == "Ctrl+C stops it."
    assert re.match(
        r"The first admin is admin; the password, printed this once: [A-Za-z0-9]{24}\r\nTry it:  curl ", shown
    )


def test_the_environment_wins_over_dotenv_which_may_have_crlf(tmp_path: Path) -> None:
    folder = fresh_copy(tmp_path)
    lines = ["PORT=1", "ADMIN_USERNAME=dora", f"ADMIN_PASSWORD='{PASSWORD}'", "APP_ENV=staging"]
    (folder / ".env").write_bytes(b"\xef\xbb\xbf# Settings\r\n" + "".join(f"{line}\r\n" for line in lines).encode())

    with program(folder=folder, PORT="0", ADMIN_USERNAME="eve") as running:
        me = running.ask("GET", "/users/me", user=f"eve:{PASSWORD}")

    assert me.json["role"] == "admin"
    assert "(staging; SQLite " in running.said[0]
    assert running.said[1] == "The first admin is eve, with the password of ADMIN_PASSWORD."
    assert PASSWORD not in "".join(running.said)


def test_it_lives_in_a_path_with_blanks_and_any_letters_and_speaks_to_an_old_console(tmp_path: Path) -> None:
    instance = tmp_path / "Lager Süd – 東京"

    with program(INSTANCE_PATH=str(instance), PORT="0", ADMIN_PASSWORD=PASSWORD, PYTHONIOENCODING="cp1252") as running:
        created = running.ask("POST", "/items", LAMP)

    assert created.status == 201
    assert (instance / "stockroom.sqlite3").is_file()
    assert r"\u6771\u4eac" in running.said[0]


def test_it_serves_ipv6(tmp_path: Path) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("there is no IPv6 here")

    with program(INSTANCE_PATH=str(tmp_path), HOST="::1", PORT="0", ADMIN_PASSWORD=PASSWORD) as running:
        assert running.address.startswith("http://[::1]:")
        assert running.ask("GET", "/items").status == 200


def test_a_service_on_every_address_says_so_and_where_to_try_it(tmp_path: Path) -> None:
    everywhere = "0.0.0.0"  # noqa: S104 - what is tested
    with program(INSTANCE_PATH=str(tmp_path), HOST=everywhere, PORT="0", ADMIN_PASSWORD=PASSWORD) as running:
        assert " listens on every IPv4 address of this machine; try it here: http://127.0.0.1:" in running.said[0]
        assert running.ask("GET", "/items").status == 200


SENSELESS = {
    "APP_ENV": ["prod"],
    "HOST": ["300.1.2.3", "192.0.2.1", "a b"],
    "PORT": ["http", "65536", "-1", "80.5"],
    "THREADS": ["0", "65", "many"],
    "PROCESSES": ["0", "65", "all"],
    "CPU_AFFINITY": ["-1", "all", "9999"],
    "INSTANCE_PATH": [__file__, f"{__file__}/below", "why?", "n" * 300],
    "DATABASE_URL": [
        "stock.sqlite3",
        "oracle://u:geheim@h/n",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://u:geheim@h",
        "postgresql://u:geheim@h:port/n",
        "mysql://u:geheim@w@h/n",
        "mysql://u:geheim@127.0.0.1:1/n?nonsense=1",
        "mysql://u:geheim@127.0.0.1:1/n?ssl_ca=/none",
        "mysql://u:geheim@127.0.0.1:1/n?ssl=true",
        "mysql://u:geheim@127.0.0.1:1/n?connect_timeout=abc",
        "mysql://u:geheim@127.0.0.1:1/n?ssl_check_hostname=maybe",
        "mysql://u:geheim@127.0.0.1:1/n?port=abc",
        "postgresql://u:geheim@127.0.0.1:1/n?nonsense=1",
        "postgresql://u:geheim@127.0.0.1:1/n?ssl_ca=/none",
        "postgresql://u:geheim@127.0.0.1:1/n?ssl=true",
        "postgresql://u:geheim@127.0.0.1:1/n?connect_timeout=abc",
        "postgresql://u:geheim@127.0.0.1:1/n?port=abc",
        "sqlite:///stock.sqlite3?connect_timeout=abc",
    ],
    "SECRET_KEY": ["too short"],
    "SECRET_KEY_FALLBACKS": [f"{'k' * 32},too short"],
    "ALLOW_REGISTRATION": ["yes"],
    "ACCESS_TOKEN_MINUTES": ["0", "15m"],
    "REFRESH_TOKEN_DAYS": ["0", "366"],
    "OIDC_ISSUER": [
        "https://id.example.com",
        "http://id.example.com",
        "id.example.com",
        "https://id.example.com/?tenant=1",
        "https://id.example.com:port",
        "https://u:geheim@",
        f"https://id.example.com/{'x' * 250}",
    ],
    "OIDC_AUDIENCE": ["stockroom"],
    "OIDC_ROLE_CLAIM": ["roles"],
    "OIDC_CLIENT_ID": ["stockroom"],
    "OIDC_CLIENT_SECRET": ["geheim"],
    "OIDC_SESSION_HOURS": ["0", "a day"],
    "OIDC_TOKEN_DAYS": ["0", "4000"],
    "RATE_LIMIT": ["6000", "many/minute", "1/fortnight", "0/minute"],
    "LOGIN_RATE_LIMIT": ["ten/minute"],
    "SMTP_URL": ["mail.example.com", "smtp://u:geheim@h:port", "smtp://u:geheim@h/x", "smtp://u:geheim@h?tls=off"],
    "MAIL_FROM": ["nobody", "stock@example.com"],
    "ALERT_RECIPIENTS": ["a@b.de,nobody", "a@b.de"],
    "WEBHOOK_ALLOW_NETS": ["lan", "192.168.1.5/16"],
    "WEBHOOK_LOG_DAYS": ["0", "a month"],
    "RATE_LIMIT_STORAGE_URL": ["memcached://127.0.0.1", "redis://"],
    "CORS_ORIGINS": ["shop.example.com", "https://shop.example.com/", "*", "null"],
    "PUBLIC_URL": [
        "stock.example.com",
        "ftp://stock.example.com",
        "https://stock.example.com/stock",
        "https://a https://b",
    ],
    "HOSTS": ["https://stock.example.com", "stock.example.com:8000", "*", "::1", "stock/", "a b"],
    "TRUSTED_PROXY": ["*", "10.0.0.0/8", "proxy.example.com", "10.0.0.1,10.0.0.2"],
    "ADMIN_USERNAME": ["System", "cli", "a b", "x" * 65, "Jörg"],
    "ADMIN_PASSWORD": ["short", "x" * 129, "two\nlines are one too many", "x" * 12, "admin1234567"],
    "IDEMPOTENCY_HOURS": ["0", "a day"],
    "AUDIT_DAYS": ["0", "a year"],
    "MAX_BODY_MB": ["0", "1.5", "2MB"],
    "MAX_IMPORT_MB": ["0", "20MB"],
    "REQUIRE_IF_MATCH": ["yes", "1"],
    "LOG_LEVEL": ["LOUD"],
    "LOG_FORMAT": ["xml"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in SENSELESS.items() for value in values])
def test_a_setting_that_makes_no_sense_is_refused_in_one_sentence_that_names_it(refused, name, value) -> None:
    sentence = refused(**{name: value})

    assert sentence.startswith(f"{name} ")
    assert "geheim" not in sentence


def test_every_setting_is_among_those_that_can_make_no_sense() -> None:
    dotenv = (ROOT / ".env").read_text(encoding="utf-8")

    assert set(re.findall(r"^#? ?([A-Z_]+)=", dotenv, re.MULTILINE)) == {"FLASK_APP", *SENSELESS}


def test_what_is_not_text_is_refused_by_name(refused) -> None:
    if os.name != "posix":
        pytest.skip("the environment is always text here")

    assert refused(ADMIN_PASSWORD="secret of bytes \udcff").startswith("ADMIN_PASSWORD ")


def test_a_refused_start_has_status_2_and_no_traceback(tmp_path: Path) -> None:
    with program(INSTANCE_PATH=str(tmp_path / "instance"), PORT="eighty", read_errors=True) as running:
        assert running.wait() == 2
        assert running.said == []
        assert running.errors() == "PORT is 'eighty'; it must be a whole number from 0 to 65535.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_another_program_has_is_refused_and_nothing_is_made(refused, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        sentence = refused(PORT=str(other.getsockname()[1]))

    assert sentence.startswith("PORT ")
    assert list(tmp_path.iterdir()) == []


def test_a_second_copy_on_the_same_port_is_refused_and_the_first_goes_on(refused, tmp_path: Path) -> None:
    with program(INSTANCE_PATH=str(tmp_path / "instance"), PORT="0", ADMIN_PASSWORD=PASSWORD) as first:
        sentence = refused(PORT=str(urlsplit(first.address).port))

        assert sentence.startswith("PORT ")
        assert first.ask("GET", "/items").status == 200


@pytest.mark.parametrize(
    ("scheme", "options"), [("postgresql", ""), ("mysql", ""), ("postgresql", "?application_name=geheim")]
)
def test_a_database_that_does_not_answer_is_named_without_its_password(refused, scheme: str, options: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        sentence = refused(DATABASE_URL=f"{scheme}://stock:geheim@127.0.0.1:{port}/stock{options}")

    assert sentence.startswith("DATABASE_URL ")
    assert f"stock:***@127.0.0.1:{port}/stock" in sentence
    assert "geheim" not in sentence


def test_a_database_that_its_server_does_not_have_is_named(refused, database_url: str) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite makes the file that it lacks")

    sentence = refused(DATABASE_URL=urlsplit(database_url)._replace(path="/no_such_stock").geturl())

    assert sentence.startswith("DATABASE_URL ")
    assert sentence.count("no_such_stock") >= 2


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_can_not_hold_every_letter_is_refused(refused, database_url: str, encoding: str) -> None:
    if not database_url.startswith("postgresql"):
        pytest.skip("elsewhere the columns have their encoding, not the database")
    url = urlsplit(database_url)
    name = f"stock_{encoding.lower()}"
    server = create_engine(settings_for(database_url, Path()).database_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")
        connection.exec_driver_sql(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
        sentence = refused(DATABASE_URL=url._replace(path=f"/{name}").geturl())
        connection.exec_driver_sql(f"DROP DATABASE {name}")
    server.dispose()

    assert sentence.startswith("DATABASE_URL ")
    assert f"whose encoding is {encoding}; it must be UTF8" in sentence


def test_the_password_of_the_database_may_have_any_letters(database_url: str, tmp_path: Path) -> None:
    if not database_url.startswith("mysql"):
        pytest.skip("only PyMySQL takes a text for Latin-1; no password is asked for elsewhere")
    url = urlsplit(database_url)
    server = create_engine(settings_for(database_url, tmp_path).database_url, isolation_level="AUTOCOMMIT")
    user, password = "stock_any_letter", "geheim é € 東京"
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE OR REPLACE USER {user} IDENTIFIED BY '{password}'")
        connection.exec_driver_sql(f"GRANT ALL ON `{url.path.strip('/')}`.* TO {user}")
        given = url._replace(netloc=f"{user}:{quote(password)}@{url.hostname}:{url.port or 3306}").geturl()
        ran = python_run("upgrade", DATABASE_URL=given, INSTANCE_PATH=str(tmp_path / "instance"))
        connection.exec_driver_sql(f"DROP USER {user}")
    server.dispose()

    assert ran.status == 0, ran.err


@pytest.mark.parametrize(
    "url", ["postgresql://u:geheim@127.0.0.1:1/n?nonsense=1", "mysql://u:geheim@127.0.0.1:1/n?ssl=true"]
)
def test_a_command_refuses_an_option_of_the_database_in_one_sentence_too(tmp_path: Path, url: str) -> None:
    ran = python_run("stats", "--json", DATABASE_URL=url, INSTANCE_PATH=str(tmp_path / "instance"))

    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert ran.err.startswith("Error: DATABASE_URL ") and "geheim" not in ran.err


def test_an_option_of_the_url_wins_over_what_the_service_would_take(tmp_path: Path) -> None:
    options = "connect_timeout=9&options=-c%20work_mem=8MB&keepalives_idle=7"
    url = settings_for(f"postgresql://127.0.0.1/n?{options}", tmp_path).database_url
    given = engine_options(url, threads=1)["connect_args"]

    assert {"connect_timeout", "keepalives_idle"}.isdisjoint(given)
    assert given["options"].endswith("-c work_mem=8MB") and "lock_timeout" in given["options"]


def test_a_sqlite_path_below_a_file_is_refused(refused, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    assert refused(DATABASE_URL=f"sqlite:///{(tmp_path / 'file' / 'stock').as_posix()}").startswith("DATABASE_URL ")


def test_a_file_that_is_no_database_is_refused_and_left_alone(refused, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Sir or Madam, " * 100)
    before = letter.read_bytes()

    sentence = refused(DATABASE_URL=f"sqlite:///{letter.as_posix()}")

    assert sentence.startswith("DATABASE_URL ")
    assert letter.read_bytes() == before


def test_a_database_of_a_newer_version_is_refused_and_left_alone(refused, tmp_path: Path) -> None:
    newer = tmp_path / "newer.sqlite3"
    with closing(sqlite3.connect(newer)) as connection:
        connection.executescript(
            "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('f00d')"
        )

    sentence = refused(DATABASE_URL=f"sqlite:///{newer.as_posix()}")

    assert sentence.startswith("DATABASE_URL ")
    assert "newer" in sentence and "'f00d'" in sentence
    with closing(sqlite3.connect(newer)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("alembic_version",)]


def test_a_damaged_secret_key_is_refused_by_the_folder_it_is_in(refused, tmp_path: Path) -> None:
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / "secret_key").write_bytes(b"")

    assert refused().startswith("INSTANCE_PATH ")


def test_a_secret_key_of_the_settings_is_not_written_down(tmp_path: Path, refused) -> None:
    """The last refusal comes after everything was made; what is in the folder then is all there is."""
    refused(SECRET_KEY="k" * 32, DATABASE_URL="sqlite:///no/such/folder.sqlite3")

    assert list((tmp_path / "instance").iterdir()) == []


@pytest.mark.parametrize("how", [STOP, signal.SIGINT])
def test_a_stop_answers_the_request_under_way_and_exits_with_0(tmp_path: Path, how: signal.Signals) -> None:
    if how == signal.SIGINT and sys.platform == "win32":
        pytest.skip("Ctrl+C reaches every process of a console on Windows, this one too")
    with program(INSTANCE_PATH=str(tmp_path), PORT="0", ADMIN_PASSWORD=PASSWORD, read_errors=True) as running:
        running.ask("GET", "/items")
        body = b'{"sku": "LAMP-1", "name": "Desk lamp"}'
        with closing(HTTPConnection(urlsplit(running.address).netloc, timeout=SOON)) as client:
            client.putrequest("POST", "/api/v1/items")
            client.putheader("Authorization", "Basic YWRtaW46Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ==")
            client.putheader("Content-Type", "application/json")
            client.putheader("Content-Length", str(len(body)))
            client.putheader("Expect", "100-continue")
            client.endheaders()
            assert client.sock.recv(100).startswith(b"HTTP/1.1 100 ")  # so it is under way
            running.send(how)
            client.send(body)

            assert client.getresponse().status == 201
        assert running.wait() == 0
        assert "Traceback" not in running.errors()
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["maintenance-lock", "secret_key", "stockroom.sqlite3", "stockroom.sqlite3-lock"]  # all closed


def test_starts_at_the_same_moment_share_one_instance(tmp_path: Path, empty_database: str) -> None:
    settings = {"INSTANCE_PATH": str(tmp_path / "instance"), "DATABASE_URL": empty_database, "PORT": "0"}
    with ExitStack() as closes:
        running = [closes.enter_context(program(ADMIN_PASSWORD=PASSWORD, **settings)) for _ in range(3)]
        assert sorted(len(each.said) for each in running) == [2, 2, 4]  # one of them made the first admin
        user = f"admin:{PASSWORD}"
        created = running[0].ask("POST", "/items", LAMP, user=user)

        assert created.status == 201
        for each in running:
            assert each.ask("GET", "/items/by-sku/lamp-1", user=user).json == created.json
            assert each.ask("GET", "/users", user=user).json["total_items"] == 1
        running[0].ask("POST", "/items", {**LAMP, "sku": "LAMP-2"}, user=user)
        cursor = running[1].ask("GET", "/items?limit=1", user=user).json["next_cursor"]
        assert running[2].ask("GET", f"/items?limit=1&cursor={cursor}", user=user).status == 200
    made = {path.name.partition("-")[0] for path in (tmp_path / "instance").iterdir()}
    assert made <= {"maintenance", "secret_key", "stockroom.sqlite3"}


def test_flask_db_upgrade_brings_an_empty_database_up_to_date(tmp_path: Path, empty_database: str) -> None:
    settings = {"INSTANCE_PATH": str(tmp_path / "instance"), "DATABASE_URL": empty_database}
    subprocess.run(
        [sys.executable, "-m", "flask", "db", "upgrade"],
        cwd=ROOT,
        env=environment(**settings),
        capture_output=True,
        check=True,
    )

    engine = create_engine(settings_for(empty_database, tmp_path / "instance").database_url)
    assert set(db.metadata.tables) < set(inspect(engine).get_table_names())
    engine.dispose()
