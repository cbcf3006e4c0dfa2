"""`mail test`: whether mails arrive, and if not, what to look at."""

import socket

import pytest
from click.testing import CliRunner
from flask.cli import ScriptInfo

import run
from app import create_app
from tests.support.databases import settings_for
from tests.support.mail_server import mail_server
from tests.support.program import FLASK, python_run


@pytest.fixture
def mail_test(tmp_path):
    """Runs `mail test ADDRESS` with these settings."""

    def invoke(address="mia@example.com", **environ):
        app = create_app(settings_for(f"sqlite:///{(tmp_path / 'none.sqlite3').as_posix()}", tmp_path, **environ))
        return CliRunner().invoke(run.program, ["mail", "test", address], obj=ScriptInfo(create_app=lambda: app))

    return invoke


def test_a_mail_with_examples_is_sent_and_the_answer_of_the_server_is_printed(mail_test):
    with mail_server() as (box, port):
        done = mail_test(SMTP_URL=f"smtp://127.0.0.1:{port}", MAIL_FROM="stock@example.com")

    assert (done.exit_code, done.stderr) == (0, f"Mail server: 127.0.0.1:{port} (not encrypted)\n")
    sent = "Sent to mia@example.com from stock@example.com; the server said: 250 2.0.0 Ok: queued as 1\n"
    assert done.stdout == sent
    [mail] = box.mails
    assert (mail.recipients, mail.subject) == (["mia@example.com"], "2 items are low, 1 back in stock")
    assert "This is a test of the mail server; its items are made up." in mail.part("plain")


def test_without_a_mail_server_the_setting_is_named(mail_test):
    done = mail_test()

    assert (done.exit_code, done.stdout) == (1, "")
    assert "SMTP_URL is not set, so no mail is sent" in done.stderr


@pytest.mark.parametrize(
    ("command", "answer", "said"),
    [
        ("RCPT", "550 5.1.1 no such user", "Look at the address;"),
        ("MAIL", "553 5.7.1 not yours", "Look at MAIL_FROM;"),
        ("DATA", "554 5.7.1 spam", "Look at SMTP_URL;"),
    ],
)
def test_a_failure_says_what_to_look_at(mail_test, command, answer, said):
    with mail_server() as (box, port):
        box.answers[command] = answer
        done = mail_test(SMTP_URL=f"smtp://127.0.0.1:{port}")

    assert (done.exit_code, done.stdout) == (1, "")
    assert answer in done.stderr
    assert said in done.stderr


def test_a_server_that_is_not_there_and_an_address_that_is_none(mail_test):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    assert "can't be reached" in mail_test(SMTP_URL=f"smtp://u:p%40ss@127.0.0.1:{port}").stderr
    refused = mail_test("mia", SMTP_URL=f"smtp://127.0.0.1:{port}")
    assert (refused.exit_code, "must be an address as mia@example.com" in refused.stderr) == (2, True)


def test_flask_offers_it_too(tmp_path):
    with mail_server() as (box, port):
        done = python_run(
            *("mail", "test", "mia@example.com"),
            program=FLASK,
            INSTANCE_PATH=str(tmp_path),
            SMTP_URL=f"smtp://127.0.0.1:{port}",
        )

    assert (done.status, len(box.mails)) == (0, 1), done.stderr
