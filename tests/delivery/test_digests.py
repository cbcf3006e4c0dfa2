"""A digest says what holds in the end, once, to whom it concerns; and one that can't be sent is sent later."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from delivery.digest import MOST_LINES
from delivery.digests import send_digest
from delivery.mailer import Mailer
from models.database.base import db
from models.event import Event
from models.outbound import subscriptions
from models.outbound.feed import end_of_feed
from models.people.user import User
from models.values import now
from tests.support.databases import on_one_database, settings_for
from tests.support.mail_server import mail_server
from tests.support.shelf import add
from tests.support.subscriptions import cross, let_come, read, record, set_columns, subscribe

RIGHT_TO_LEFT, EMOJI = "\u202egpj.exe", "Łampa 💡👩‍👩‍👧 مصباح"


class Post:
    """A service that sends mails to a server of the test, and the people who use it."""

    def __init__(self, app, admin, box, mailer):
        self.app, self.admin, self.box, self.mailer = app, admin, box, mailer

    def send(self, subscription_id):
        """Let the time of a digest come and send it; return the mail, or None where none was sent."""
        let_come(self.app, subscription_id)
        before = len(self.box.mails)
        with self.app.app_context():
            assert subscriptions.due_ids() == [subscription_id]
            sent = send_digest(subscription_id, self.mailer)
        assert len(self.box.mails) == before + sent
        return self.box.mails[-1] if sent else None

    def due(self):
        with self.app.app_context():
            return subscriptions.due_ids()


@pytest.fixture
def environ():
    """The settings of the test, besides the mail server."""
    return {"MAIL_FROM": "stock@example.com", "ALERT_RECIPIENTS": "shop@example.com"}


@pytest.fixture
def post(apps, app, admin, database_url, tmp_path, environ):
    with mail_server() as (box, port):
        settings = {"SMTP_URL": f"smtp://127.0.0.1:{port}", **environ}
        mailer = Mailer(settings_for(database_url, tmp_path, **settings))
        admin.app = apps(**settings)
        yield Post(admin.app, admin, box, mailer)


@pytest.fixture
def lamp(member):
    return add(member, "LAMP-1", name="Desk lamp", quantity=3)


@pytest.fixture
def bulb(member):
    return add(member, "BULB", name="Bulb E27", quantity=3)


def test_a_digest_says_what_is_low_and_what_is_so_no_longer(post, lamp, bulb):
    subscription = subscribe(post.admin, recipients=["mia@example.com", "ada@example.com"])
    cross(post.app, lamp)
    cross(post.app, bulb, "item.restocked", available=1200, reorder_level=1000, location="VAN")

    mail = post.send(subscription)

    assert (mail.sender, mail.recipients) == ("stock@example.com", ["mia@example.com", "ada@example.com"])
    assert mail.subject == "Desk lamp is low, 1 back in stock"
    text = mail.part("plain")
    assert "1 ITEM IS LOW\n\n  LAMP-1  Desk lamp\n    2 available, reorder level 5, all locations\n    since 20" in text
    assert "1 ITEM IS BACK IN STOCK\n\n  BULB  Bulb E27\n    1,200 available, reorder level 1,000, VAN\n" in text
    assert f"by subscription {subscription};" in text
    page = mail.part("html")
    assert all(f">{word}<" in page for word in ("1 item is low", "Desk lamp", "LAMP-1", "2", "5", "VAN", "1,200"))


def test_the_headers_are_those_of_a_mail_that_a_program_sends(post, lamp):
    subscription = subscribe(post.admin)
    cross(post.app, lamp)

    mail = post.send(subscription)

    head = mail.message
    with post.app.app_context():
        first = db.session.scalar(select(func.max(Event.id)).where(Event.type == "item.low_stock"))
    assert head["Message-ID"] == f"<stockroom-s{subscription}-e{first}@example.com>"
    assert (head["From"], head["To"]) == ("Stockroom <stock@example.com>", "shop@example.com")
    assert head["Date"].datetime.utcoffset() == timedelta(0)
    assert (head["Auto-Submitted"], head["X-Auto-Response-Suppress"]) == ("auto-generated", "All")
    assert head["List-Id"] == f"Stockroom <subscription-{subscription}.stockroom.example.com>"
    assert head.get_content_type() == "multipart/alternative"
    assert [(part.get_content_type(), part["Content-Transfer-Encoding"]) for part in head.iter_parts()] == [
        ("text/plain", "quoted-printable"),
        ("text/html", "quoted-printable"),
    ]
    assert max(map(len, mail.raw.split(b"\r\n"))) <= 76
    assert mail.raw.count(b"\n") == mail.raw.count(b"\r\n")


@pytest.mark.parametrize("environ", [{"PUBLIC_URL": "https://stock.example.org", "MAIL_FROM": "a@example.com"}])
@on_one_database
def test_the_address_of_the_service_is_at_the_end_and_in_the_id(post, lamp):
    subscription = subscribe(post.admin, recipients=["mia@example.com"])
    cross(post.app, lamp)

    mail = post.send(subscription)

    assert mail.message["Message-ID"].endswith("@stock.example.org>")
    assert "Stockroom at https://stock.example.org\n" in mail.part("plain")
    assert "Stockroom at https://stock.example.org<br>" in mail.part("html")
    assert "href" not in mail.part("html")
    assert "src=" not in mail.part("html")


def test_only_what_holds_in_the_end_is_said(post, lamp, bulb):
    both, low_alone = subscribe(post.admin), subscribe(post.admin, ["item.low_stock"])
    cross(post.app, lamp)
    cross(post.app, bulb)
    cross(post.app, lamp, "item.restocked")
    cross(post.app, bulb, "item.restocked")
    cross(post.app, bulb, available=1)

    set_columns(post.app, low_alone, active=False)
    told = post.send(both)
    set_columns(post.app, low_alone, active=True)
    set_columns(post.app, both, active=False)
    of_low = post.send(low_alone)

    assert told.subject == "Bulb E27 is low, 1 back in stock"
    assert told.part("plain").count("Desk lamp") == 1
    assert "    1 available" in told.part("plain")
    assert of_low.subject == "Bulb E27 is low"
    assert "Desk lamp" not in of_low.part("plain")


def test_an_item_is_low_at_each_location_by_itself(post, lamp):
    subscription = subscribe(post.admin)
    cross(post.app, lamp)
    cross(post.app, lamp, location="VAN")
    cross(post.app, lamp, "item.restocked", location="VAN")

    assert post.send(subscription).subject == "Desk lamp is low, 1 back in stock"


def test_nothing_to_say_is_no_mail_and_no_reason_to_look_again(post, member, lamp):
    subscription = subscribe(post.admin)
    member.patch(f"/items/{lamp['id']}", json={"name": "Lamp"})
    before = read(post.admin, subscription)["next_at"]

    assert post.send(subscription) is None
    assert post.due() == []
    assert read(post.admin, subscription)["next_at"] > before
    with post.app.app_context():
        assert subscriptions.pending(subscription).last_event_id == end_of_feed()


def test_what_is_low_again_within_a_digest_and_was_restocked_is_nothing_for_who_wants_only_what_is_back(post, lamp):
    subscription = subscribe(post.admin, ["item.restocked"])
    cross(post.app, lamp, "item.restocked")
    cross(post.app, lamp)

    assert post.send(subscription) is None


def test_each_event_is_in_one_digest(post, lamp, bulb):
    subscription = subscribe(post.admin)
    cross(post.app, lamp)
    first = post.send(subscription)
    cross(post.app, bulb)
    second = post.send(subscription)

    assert [mail.subject for mail in (first, second)] == ["Desk lamp is low", "Bulb E27 is low"]
    assert first.message["Message-ID"] != second.message["Message-ID"]
    assert post.send(subscription) is None


def test_other_events_are_a_plain_list(post, member, lamp):
    subscription = subscribe(post.admin, ["*"])
    member.post(f"/items/{lamp['id']}/movements", json={"kind": "issue", "quantity": 2, "reason": "order 7"})
    member.delete(f"/items/{lamp['id']}")

    text = post.send(subscription).part("plain")

    assert "2 CHANGES\n\n  Issue: -2 at MAIN (order 7): LAMP-1 Desk lamp\n    20" in text
    assert "  Item archived: LAMP-1 Desk lamp\n    20" in text
    assert text.count(", by mel\n") == 2


def test_what_is_too_much_for_a_mail_is_counted(post, lamp, monkeypatch):
    monkeypatch.setattr("models.outbound.digest_events.WINDOW", 100)
    subscription = subscribe(post.admin, ["*"])
    record(post.app, "location.updated", {"code": "VAN"}, times=1433)
    cross(post.app, lamp)

    mail = post.send(subscription)

    assert mail.subject == "Desk lamp is low"
    assert "1,433 CHANGES\n" in mail.part("plain")
    assert mail.part("plain").count("Location updated: VAN\n") == MOST_LINES - 1
    assert "\nand 1,234 more\n" in mail.part("plain")
    assert mail.part("html").count("Location updated") == MOST_LINES - 1
    assert ">and 1,234 more<" in mail.part("html")
    assert post.send(subscription) is None


def test_two_hundred_items_that_are_low_have_a_line_and_the_others_a_number(post, lamp):
    subscription = subscribe(post.admin)
    for number in range(MOST_LINES + 5):
        cross(post.app, lamp, location=f"SHELF {number:03}")

    mail = post.send(subscription)

    assert mail.subject == "205 items are low"
    assert mail.part("plain").count("Desk lamp\n") == MOST_LINES
    assert "\nand 5 more\n" in mail.part("plain")


def test_what_comes_after_too_many_items_is_for_the_next_digest(post, lamp, monkeypatch):
    monkeypatch.setattr("models.outbound.digest_events.WINDOW", 2)
    monkeypatch.setattr("delivery.digest.MOST_ITEMS", 4)
    subscription = subscribe(post.admin)
    for number in range(10):
        cross(post.app, lamp, location=f"SHELF {number}")

    told = []
    while mail := post.send(subscription):
        told += re.findall(r"SHELF \d", mail.part("plain"))

    assert told == [f"SHELF {number}" for number in range(10)]
    assert len(post.box.mails) == 3


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "\"'&amp; {{ 7 * 7 }} {% raw %}", "x" * 200, "a b " * 50, EMOJI],
)
def test_a_name_is_text_in_both_parts_and_in_the_subject(post, member, name):
    subscription = subscribe(post.admin)
    item = add(member, "ODD-1", name=name.strip())
    cross(post.app, item)

    mail = post.send(subscription)

    shown = name.strip() if len(name.strip()) <= 120 else f"{name[:120]}…"
    assert shown in mail.part("plain")
    assert mail.subject == f"{shown} is low"
    page = mail.part("html")
    assert "<script>" not in page
    escaped = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;")
    assert f"<bdi>{escaped.replace(chr(39), '&#39;')}</bdi>" in page
    assert max(map(len, mail.raw.split(b"\r\n"))) <= 76


@pytest.mark.parametrize("text", ["VAN\r\nBcc: eve@example.com", "a\nb", f"VAN{RIGHT_TO_LEFT}", "\x1b[31mred\u2028x"])
def test_no_text_adds_a_header_or_turns_what_follows(post, member, lamp, text):
    subscription = subscribe(post.admin, ["*"])
    with post.app.app_context(), db.engine.begin() as connection:
        connection.execute(Event.metadata.tables["items"].update().values(name=text, sku=text))
    cross(post.app, lamp, location=text)
    record(post.app, "location.created", {"code": text})

    mail = post.send(subscription)

    assert mail.recipients == ["shop@example.com"]
    assert "Bcc" not in mail.message
    for part in (mail.subject, mail.part("plain"), mail.part("html")):
        assert not {"\r", "\u202e", "\x1b", "\u2028"} & set(part)
        assert "\nBcc" not in part
        assert "\nb" not in part.replace("\nb {", "").replace("\nby", "")


@on_one_database
def test_a_name_that_looks_like_an_encoded_header_is_not_decoded(post, member):
    subscription = subscribe(post.admin)
    cross(post.app, add(member, "ODD-1", name="=?utf-8?q?hi=0D=0ABcc:_eve=40example.com?="))

    mail = post.send(subscription)

    assert mail.subject == "= ?utf-8?q?hi=0D=0ABcc:_eve=40example.com?= is low"
    assert mail.message.keys().count("Bcc") == 0
    assert "=?utf-8?q?hi=0D=0ABcc:_eve=40example.com?=" in mail.part("plain")


# --- who gets it ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("environ", [{}, {"ALERT_RECIPIENTS": "shop@example.com,till@example.com"}])
def test_who_is_not_named_is_in_the_settings_or_is_an_admin(post, environ, lamp):
    with post.app.app_context():
        for name, role, email in (
            ("bea", "admin", "bea@exämple.com"),
            ("cy", "admin", None),
            ("dan", "member", "dan@example.com"),
            ("eve", "admin", "eve@example.com"),
            ("flo", "admin", '"flo\\"@example.com'),
        ):
            User.create(username=name, password_hash="x", role=role, email=email)
        db.session.commit()
    eve = next(user for user in post.admin.get("/users").json["data"] if user["username"] == "eve")
    post.admin.patch(f"/users/{eve['id']}", json={"active": False})
    subscription = subscribe(post.admin)
    cross(post.app, lamp)

    mail = post.send(subscription)

    named = environ.get("ALERT_RECIPIENTS", "bea@xn--exmple-cua.com").split(",")
    assert mail.recipients == named
    assert mail.message["To"] == ", ".join(named)


@pytest.mark.parametrize("environ", [{}])
def test_nobody_to_send_it_to_is_a_failure_with_a_reason(post, lamp):
    subscription = subscribe(post.admin)
    cross(post.app, lamp)

    assert post.send(subscription) is None
    failed = read(post.admin, subscription)
    assert failed["last_error"].startswith("Nobody is to get it: it names no recipients")
    post.admin.patch(f"/subscriptions/{subscription}", json={"recipients": ["mia@example.com"]})
    assert read(post.admin, subscription)["last_error"] is None
    assert post.send(subscription).recipients == ["mia@example.com"]


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_digest_that_fails_is_sent_later_with_all_since_under_the_same_id(post, lamp, bulb):
    subscription = subscribe(post.admin)
    cross(post.app, lamp)
    ids = []
    post.box.answers["DATA"] = "451 4.3.0 try later"
    post.box.during = lambda: ids.append(1)

    assert post.send(subscription) is None
    failed = read(post.admin, subscription)
    assert failed["last_error"].endswith("answered 451 4.3.0 try later.")
    assert (failed["failing_since"] is None, failed["next_attempt_at"] > failed["next_at"]) == (False, True)
    assert post.due() == []  # not before its next attempt

    cross(post.app, bulb)
    first = first_event(post, "item.low_stock")
    del post.box.answers["DATA"]
    mail = post.send(subscription)

    assert (len(ids), mail.subject) == (2, "2 items are low")
    assert mail.message["Message-ID"] == f"<stockroom-s{subscription}-e{first}@example.com>"
    healed = read(post.admin, subscription)
    assert [healed[name] for name in ("last_error", "failing_since", "next_attempt_at")] == [None] * 3
    assert post.send(subscription) is None


def first_event(post, type_):
    with post.app.app_context():
        return db.session.scalar(select(func.min(Event.id)).where(Event.type == type_))


def test_each_attempt_waits_longer_up_to_an_hour(post, lamp):
    subscription = subscribe(post.admin)
    cross(post.app, lamp)
    post.box.answers["MAIL"] = "421 4.3.2 closing"

    waits = []
    for _ in range(7):
        assert post.send(subscription) is None
        with post.app.app_context():
            row = subscriptions.get(subscription)
            waits.append((row.next_attempt_at - row.updated_at).total_seconds())

    for wait, planned in zip(waits, (5, 30, 120, 600, 1800, 3600, 3600), strict=True):
        assert planned * 0.8 <= wait <= planned * 1.2


def failures(client):
    return [each["data"] for each in client.get("/audit?type=subscription.failing").json["data"]]


def test_the_audit_says_once_that_one_has_failed_for_three_days_and_it_goes_on(post, lamp):
    subscription = subscribe(post.admin)
    cross(post.app, lamp)
    post.box.answers["MAIL"] = "421 4.3.2 closing"
    post.send(subscription)
    long_ago = now() - timedelta(hours=71)
    set_columns(post.app, subscription, failing_since=long_ago, updated_at=long_ago + timedelta(hours=70))
    post.send(subscription)
    assert failures(post.admin) == []

    set_columns(post.app, subscription, failing_since=now() - timedelta(hours=72, seconds=1))
    set_columns(post.app, subscription, updated_at=now() - timedelta(minutes=50))
    post.send(subscription)
    post.send(subscription)

    [told] = failures(post.admin)
    assert (told["id"], told["last_error"].endswith("(421 4.3.2 closing).")) == (subscription, True)
    post.box.answers.clear()
    assert post.send(subscription).subject == "Desk lamp is low"


def test_a_recipient_that_is_refused_does_not_make_it_come_again(post, lamp, caplog):
    subscription = subscribe(post.admin, recipients=["mia@example.com", "gone@example.com"])
    cross(post.app, lamp)
    post.box.answers["gone@example.com"] = "550 5.1.1 no such user"

    assert post.send(subscription).recipients == ["mia@example.com"]
    assert "but not to gone@example.com: 550 5.1.1 no such user" in caplog.text
    assert post.send(subscription) is None


def test_no_transaction_is_open_while_the_server_takes_a_mail(post, lamp):
    subscription = subscribe(post.admin)
    cross(post.app, lamp)
    seen = []

    with post.app.app_context():
        let_come(post.app, subscription)
        pool = db.engine.pool
        post.box.during = lambda: seen.append(pool.checkedout())
        assert send_digest(subscription, post.mailer)

    assert seen == [0]


def test_a_subscription_that_is_changed_meanwhile_loses_nothing(post, lamp):
    subscription = subscribe(post.admin)
    cross(post.app, lamp)
    path = f"/subscriptions/{subscription}"

    stood = []

    def switch_off_and_on():
        for active in (False, True):
            assert post.admin.patch(path, json={"active": active, "every_minutes": 30}).status_code == 200
            cross(post.app, lamp, "item.restocked")
        with post.app.app_context():
            stood.append(subscriptions.pending(subscription).last_event_id)

    post.box.during = switch_off_and_on
    post.send(subscription)
    after = read(post.admin, subscription)

    assert (after["every_minutes"], after["active"]) == (30, True)
    with post.app.app_context():
        assert [subscriptions.pending(subscription).last_event_id] == stood


def test_one_that_is_deleted_meanwhile_is_deleted(post, lamp):
    subscription = subscribe(post.admin)
    cross(post.app, lamp)
    post.box.during = lambda: post.admin.delete(f"/subscriptions/{subscription}")

    assert post.send(subscription) is not None
    assert post.admin.get(f"/subscriptions/{subscription}").status_code == 404
    with post.app.app_context():
        assert send_digest(subscription, post.mailer) is False
