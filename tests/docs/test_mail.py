"""The page about mail is true: its URLs are valid, its subscription is one, its template works, its words are said."""

import dataclasses
import inspect
import json
import re
from pathlib import Path

import pytest

from delivery import announcements, mailer, smtp
from delivery.digest import Digest, Line, OtherLine
from delivery.rendering import Templates
from models.values import now
from resources.subscription_parsers import create_parser
from settings import ROOT, Settings
from tests.support.documents import blocks, section

PAGE = (ROOT / "docs" / "mail.md").read_text(encoding="utf-8")
TEMPLATES = section(PAGE, "Templates of your own")


@pytest.mark.parametrize("url", re.findall(r"`(smtps?://\S+?)`", PAGE))
def test_every_url_of_a_mail_server_is_one(url: str) -> None:
    if url.endswith("://"):
        return
    mail = Settings.from_env({"SMTP_URL": url}).mail

    assert mail is not None
    ports = {"smtp://localhost:25": (25, "none"), "smtp://relay.example.lan:25?tls=off": (25, "none")}
    usual = (587, "starttls") if url.startswith("smtp:") else (465, "tls")
    assert (mail.server.port, mail.server.security) == ports.get(url, usual)


def test_the_subscription_of_the_page_is_one() -> None:
    [block] = blocks(section(PAGE, "Subscribe"), "bash")
    found = re.search(r"-d '(.*)'", block.commands, re.DOTALL)
    assert found

    assert create_parser.read(json.loads(found[1]))["daily_at"] == "06:30"


def test_the_template_of_the_page_works(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    [block] = blocks(TEMPLATES, "jinja")
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "low_stock.html").write_text(block.commands, encoding="utf-8")
    digest = Digest(1, 1, [Line("LAMP-1", "Desk lamp", "", 2, 5, now())], low_count=1)

    rendered = Templates(tmp_path).render("low_stock", {"digest": digest, "subscription": 3, "service": None})

    assert "Questions? Ask Mia, extension 12." in rendered.html
    assert "Desk lamp" in rendered.html
    assert caplog.text == ""


def test_what_templates_get_is_on_the_page() -> None:
    fields = {field.name for kind in (Digest, Line, OtherLine) for field in dataclasses.fields(kind)}
    shown = re.findall(r'"(\w+)":', inspect.getsource(announcements._described))

    named = {name.removeprefix("digest.") for name in re.findall(r"`([\w.]+)`", TEMPLATES)}
    assert fields - named == {"first_event_id", "until"}
    assert set(shown) <= named
    assert set(re.findall(r"`(\w+\.(?:txt|html))`", TEMPLATES)) == {
        path.name for path in (ROOT / "delivery" / "templates").iterdir()
    }


def test_the_messages_of_the_page_are_those_of_the_code() -> None:
    said = inspect.getsource(smtp) + inspect.getsource(mailer)
    messages = re.findall(r"`([a-z][^`]+)`", "".join(re.findall(r"^\| (`.*?) \|", section(PAGE, "Test"), re.MULTILINE)))

    assert len(messages) == 6
    for message in messages:
        for part in re.sub(r"\d+ seconds", "", message).split(" … "):
            assert part.strip().removeprefix("certificate") in said, message
