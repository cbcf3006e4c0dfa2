"""Mails are handed over encrypted or not at all, within a deadline, and every failure is one sentence."""

import socket
import time
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from delivery.smtp import MailFailed, send
from tests.support.durations import least_of
from tests.support.mail_server import certificate, mail_server, plain_server, talking

TO = ["mia@example.com", "ada@example.com"]
USER = ("stock", "pässword: 1")


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    """A certificate of this machine that the system trusts."""
    made = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


def mail(text="Hello.\n.\nfrom me"):
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = "stock@example.com", ", ".join(TO), "A test"
    message.set_content(text)
    return message


def hand(server, **options):
    return send(mail(), "stock@example.com", TO, server, **options)


def sentence(server, **options):
    """What a mail that fails is said to have failed for."""
    with pytest.raises(MailFailed) as failed:
        hand(server, **options)
    text = str(failed.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_a_mail_is_handed_over_with_each_protection(trusted, security):
    with mail_server(security, trusted) as (box, port):
        accepted = hand(plain_server(port, security))

    [received] = box.mails
    assert (received.sender, received.recipients) == ("stock@example.com", TO)
    assert received.part("plain") == "Hello.\n.\nfrom me\n"
    assert (accepted.answer, accepted.refused) == ("250 2.0.0 Ok: queued as 1", {})


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # it does not see that all of it is TLS
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_who_signs_in_may_have_a_password_with_letters_beyond_ascii(trusted, security):
    options = {"auth_require_tls": False} if security == "tls" else {}
    with mail_server(security, trusted, auth_required=True, **options) as (box, port):
        hand(plain_server(port, security, USER))

    assert (box.signed_in, len(box.mails)) == ([USER], 1)


def test_who_knows_no_plain_is_signed_in_at_by_login(trusted):
    with mail_server("starttls", trusted, auth_required=True, auth_exclude_mechanism=["PLAIN"]) as (box, port):
        hand(plain_server(port, "starttls", USER))

    assert (box.signed_in, len(box.mails)) == ([USER], 1)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_trusts_ends_the_talk_before_the_password(tmp_path, security):
    with mail_server(security, certificate(tmp_path)) as (box, port):
        text = sentence(plain_server(port, security, USER))

    assert text.startswith(f"The certificate of 127.0.0.1:{port} is not trusted: self")
    assert (box.signed_in, box.mails) == ([], [])


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_of_another_host_is_not_trusted(tmp_path, monkeypatch, security):
    made = certificate(tmp_path, "mail.example.com")
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    with mail_server(security, made) as (box, port):
        text = sentence(plain_server(port, security))

    assert "is not trusted: IP address mismatch, certificate is not valid for '127.0.0.1'" in text
    assert box.mails == []


def test_where_starttls_is_not_offered_nothing_is_sent_in_the_open():
    with mail_server(auth_require_tls=False) as (box, port):
        text = sentence(plain_server(port, "starttls", USER))

    assert "offers no STARTTLS" in text
    assert (box.signed_in, box.mails) == ([], [])


def test_the_wrong_port_is_named_as_such(trusted):
    with mail_server("starttls", trusted) as (_, port):
        assert "speaks no TLS there" in sentence(plain_server(port, "tls"))


def test_a_refused_sign_in_is_told_without_the_password(trusted):
    with mail_server("starttls", trusted) as (box, port):
        text = sentence(plain_server(port, "starttls", ("stock", "wrong")))

    assert text == f"127.0.0.1:{port} refused the sign-in (535 5.7.8 Authentication credentials invalid)."
    assert box.mails == []


def test_a_server_that_repeats_the_password_gets_it_into_no_sentence():
    def talk(connected, stop):
        lines = connected.makefile("rb")
        connected.sendall(b"220 hello\r\n")
        lines.readline()
        connected.sendall(b"250-hello\r\n250 AUTH PLAIN\r\n")
        said = lines.readline().strip()
        connected.sendall(b"535 no: " + said + b" is secret-word\r\n")

    with talking(talk) as port:
        text = sentence(plain_server(port, user=("stock", "secret-word")))

    assert text == f"127.0.0.1:{port} refused the sign-in (535 no: AUTH PLAIN … is …)."


def test_some_refused_recipients_do_not_keep_it_from_the_others():
    with mail_server() as (box, port):
        box.answers[TO[0]] = "550 5.1.1 no such user"
        accepted = hand(plain_server(port))

    assert accepted.refused == {TO[0]: "550 5.1.1 no such user"}
    assert [mail.recipients for mail in box.mails] == [TO[1:]]


@pytest.mark.parametrize(
    ("command", "answer", "setting", "said"),
    [
        ("RCPT", "550 5.1.1 no such user", "ALERT_RECIPIENTS", "takes no mail for any recipient (mia@example.com: 550"),
        ("MAIL", "553 5.7.1 not your address", "MAIL_FROM", "takes no mail from stock@example.com (553 5.7.1 not your"),
        ("DATA", "554 5.7.1 looks like spam", "SMTP_URL", "answered 554 5.7.1 looks like spam"),
        ("DATA", "451 4.3.0 try later", "SMTP_URL", "answered 451 4.3.0 try later"),
        ("MAIL", "421 4.3.2 closing", "MAIL_FROM", "(421 4.3.2 closing)"),
    ],
)
def test_what_the_server_refuses_is_told_with_its_own_words(command, answer, setting, said):
    with mail_server() as (box, port):
        box.answers[command] = answer
        with pytest.raises(MailFailed) as failed:
            hand(plain_server(port))

    assert said in str(failed.value)
    assert (failed.value.setting, box.mails) == (setting, [])


def test_a_server_that_is_not_there_is_named():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    assert sentence(plain_server(port)).startswith(f"127.0.0.1:{port} can't be reached: ")
    assert sentence(plain_server(port, host="mail.invalid")).startswith(f"The host of mail.invalid:{port} is not known")


def hang(connected, stop):
    stop.wait(30)


def drip(connected, stop):
    """Send a byte of a greeting now and then: each read is in time, and the line never ends."""
    while not stop.wait(0.05):
        connected.sendall(b"2")


def drip_lines(connected, stop):
    """Greet with one line after another."""
    while not stop.wait(0.05):
        connected.sendall(b"220-welcome\r\n")


def read_nothing(connected, stop):
    """Answer in advance to all commands, and never read what is sent."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    connected.sendall(b"220 a\r\n" + b"250 a\r\n" * 4 + b"354 go on\r\n")
    stop.wait(30)


@pytest.mark.parametrize("talk", [hang, drip, drip_lines, read_nothing])
@pytest.mark.parametrize("security", ["none", "tls"])
def test_a_server_that_never_gets_done_is_left_at_the_deadline(talk, security):
    large = mail(f"{'a long line' * 6}\n" * 120_000)  # more than the buffers on the way take

    def took():
        began = time.monotonic()
        with talking(talk) as port:
            with pytest.raises(MailFailed) as failed:
                send(large, "stock@example.com", TO, plain_server(port, security), deadline=0.5)
            seconds = time.monotonic() - began
        if security == "none":
            assert str(failed.value) == f"127.0.0.1:{port} did not take the mail within 0.5 seconds."
        return seconds

    assert least_of(took, 5.0) < 5.0


def test_a_server_that_says_goodbye_to_nobody_has_taken_the_mail():
    def talk(connected, stop):
        lines = connected.makefile("rb")
        connected.sendall(b"220 a\r\n")
        for answer in (b"250 a", b"250 a", b"250 a", b"250 a", b"354 go on"):
            lines.readline()
            connected.sendall(answer + b"\r\n")
        while lines.readline() != b".\r\n":
            pass
        connected.sendall(b"250 taken\r\n")

    with talking(talk) as port:
        assert hand(plain_server(port)).answer == "250 taken"


@pytest.mark.parametrize("lines", [b"no mail server\r\n", b"2\r\n", b"", b"x" * 100_000, b"220-a\r\n" * 5000])
def test_what_is_no_mail_server_is_one_sentence(lines):
    def talk(connected, stop):
        connected.sendall(lines)

    with talking(talk) as port:
        assert f"127.0.0.1:{port} " in sentence(plain_server(port))


def test_letters_beyond_ascii_in_an_address_need_a_server_that_takes_them():
    with mail_server(enable_SMTPUTF8=False) as (box, port):
        with pytest.raises(MailFailed, match="takes no address with letters beyond ASCII"):
            send(mail(), "stock@example.com", ["mïa@example.com"], plain_server(port))

    assert box.mails == []
