"""The admins learn by mail that a webhook was paused, once, and no secret of its URL."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from delivery.announcements import Announcements
from delivery.mailer import Mailer
from models.database.base import db
from models.outbound.webhook import FAILING, GONE, Webhook
from models.people.user import User
from models.values import now
from tests.support.databases import settings_for
from tests.support.mail_server import mail_server

SINCE = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)


@pytest.fixture
def box():
    with mail_server() as (box, port):
        box.port = port
        yield box


@pytest.fixture
def announcements(database_url, tmp_path, box):
    environ = {"SMTP_URL": f"smtp://127.0.0.1:{box.port}", "ALERT_RECIPIENTS": "shop@example.com"}
    return Announcements(Mailer(settings_for(database_url, tmp_path, **environ)))


def paused(app, admin, why=FAILING, status=503, url="https://hooks.example.com:8443/T0/secret?key=secret"):
    """Add a webhook that was paused; return its id."""
    values = {
        "url": url,
        "types": ["*"],
        "active": False,
        "paused": why,
        "unannounced": True,
        "last_event_id": 7,
        "attempts": 80,
        "failing_since": SINCE,
        "last_status": status,
        "secret": "x",
        "user_id": admin.user_id,
        "created_at": now(),
        "updated_at": now(),
    }
    with app.app_context(), db.engine.begin() as connection:
        return connection.execute(insert(Webhook).values(**values)).inserted_primary_key[0]


def are_told(app):
    with app.app_context():
        return [not each for each in db.session.scalars(select(Webhook.unannounced).order_by(Webhook.id))]


def test_a_pause_is_announced_once_without_the_secrets_of_the_url(app, admin, box, announcements):
    webhook = paused(app, admin)

    with app.app_context():
        assert announcements.are_due()
        assert announcements.announce_paused()
        assert not announcements.are_due()
        assert not announcements.announce_paused()

    [mail] = box.mails
    assert (mail.recipients, mail.subject) == (
        ["shop@example.com"],
        f"Webhook {webhook} to hooks.example.com was paused",
    )
    text = mail.part("plain")
    assert "its receiver has taken nothing since 2026-11-27 08:00 UTC.\n  Its last answer was 503.\n" in text
    assert f'PATCH /api/v1/webhooks/{webhook} {{"active": true}}' in text
    assert "hooks.example.com" in mail.part("html")
    assert b"secret" not in mail.raw
    assert b"T0" not in mail.raw
    assert are_told(app) == [True]


def test_the_admins_get_it_whoever_gets_what_is_subscribed(app, admin, box, announcements):
    with app.app_context():
        db.session.execute(update(User).where(User.id == admin.user_id).values(email="ada@example.com"))
        db.session.commit()
        paused(app, admin)
        assert announcements.announce_paused()

    assert box.mails[0].recipients == ["ada@example.com"]


def test_a_second_pause_at_the_same_event_is_another_mail(app, admin, box, announcements):
    webhook = paused(app, admin)
    with app.app_context():
        announcements.announce_paused()
        again = update(Webhook).where(Webhook.id == webhook)
        db.session.execute(again.values(unannounced=True, failing_since=SINCE + timedelta(seconds=1)))
        db.session.commit()
        announcements.announce_paused()

    first, second = (re.search(rb"Message-ID: (\S+)", mail.raw)[1] for mail in box.mails)
    assert first != second


def test_several_are_one_mail(app, admin, box, announcements):
    paused(app, admin)
    paused(app, admin, GONE, 410, "https://other.example.com/")
    paused(app, admin, status=None)

    with app.app_context():
        assert announcements.announce_paused()

    [mail] = box.mails
    assert mail.subject == "3 webhooks were paused"
    assert "other.example.com was paused\n  because its receiver answered 410" in mail.part("plain")
    assert "Its last answer was none." in mail.part("plain")
    assert are_told(app) == [True] * 3


def test_a_mail_that_fails_is_sent_later(app, admin, box, announcements, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("delivery.announcements.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("delivery.smtp.DEADLINE", 1e6)  # Windows counts the time of a socket in 32 bits of milliseconds
    paused(app, admin)
    box.answers["DATA"] = "451 4.3.0 try later"

    with app.app_context():
        assert not announcements.announce_paused()
        assert not announcements.are_due()
        box.answers.clear()
        assert not announcements.announce_paused()
        clock[0] += 7
        assert announcements.are_due()
        assert announcements.announce_paused()

    assert are_told(app) == [True]


def test_without_a_mail_server_nobody_waits_for_a_mail(app, admin, database_url, tmp_path):
    paused(app, admin)

    with app.app_context():
        assert not Announcements(Mailer(settings_for(database_url, tmp_path))).announce_paused()

    assert are_told(app) == [True]
