"""What the sender is given to send by mail, and that a mail server that hangs does not keep the service from ending."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from delivery.mailer import Mailer
from delivery.mails import Mails
from tests.delivery.test_announcements import are_told, paused
from tests.support.databases import settings_for
from tests.support.durations import least_of
from tests.support.mail_server import mail_server, talking
from tests.support.program import SOON
from tests.support.shelf import add
from tests.support.subscriptions import cross, let_come, read, subscribe


@pytest.fixture
def owner(apps, admin):
    admin.app = apps(SMTP_URL="smtp://127.0.0.1:2525", MAIL_FROM="stock@example.com")
    return admin


@pytest.fixture
def low(owner, member) -> int:
    """A subscription whose digest is due."""
    item, subscription = add(member, "LAMP-1", name="Desk lamp"), subscribe(owner, recipients=["mia@example.com"])
    cross(owner.app, item)
    let_come(owner.app, subscription)
    return subscription


@pytest.fixture
def mails(owner, database_url, tmp_path):
    """Makes what is to be sent by the mail server on this port."""

    def make(port: int, *, works: bool = True, may_send: bool = True) -> Mails:
        @contextmanager
        def working() -> Iterator[bool]:
            with owner.app.app_context():
                yield works

        environ = {"SMTP_URL": f"smtp://127.0.0.1:{port}", "ALERT_RECIPIENTS": "shop@example.com"}
        return Mails(Mailer(settings_for(database_url, tmp_path, **environ)), working, lambda: may_send)

    return make


def due(owner, mails):
    with owner.app.app_context():
        return mails.due()


def test_digests_and_announcements_are_tasks_by_name(owner, low, mails):
    paused(owner.app, owner)
    subscribe(owner)  # which is not due yet
    with mail_server() as (box, port):
        source = mails(port)
        tasks = due(owner, source)
        assert tasks.keys() == {f"subscription {low}", "announcements"}

        assert [task() for task in tasks.values()] == [None, None]
        assert due(owner, source) == {}

    assert sorted(mail.recipients[0] for mail in box.mails) == ["mia@example.com", "shop@example.com"]
    assert are_told(owner.app) == [True]


@pytest.mark.parametrize("options", [{"works": False}, {"may_send": False}])
def test_nothing_is_sent_under_maintenance_or_without_the_lease(owner, low, mails, options):
    with mail_server() as (box, port):
        [task] = due(owner, mails(port, **options)).values()
        task()

    assert box.mails == []
    assert read(owner, low)["last_error"] is None


def test_a_mail_server_that_hangs_does_not_keep_the_service_from_ending(owner, low, mails):
    connected, ended = threading.Event(), threading.Event()

    def hang(_connection, stop):
        connected.set()
        stop.wait(SOON)

    def took() -> float:
        connected.clear()
        ended.clear()
        with talking(hang) as port:
            source = mails(port)
            [task] = due(owner, source).values()
            thread = threading.Thread(target=lambda: (task(), ended.set()))
            thread.start()
            assert connected.wait(SOON)
            began = time.monotonic()
            source.close()
            thread.join(SOON)
            return time.monotonic() - began

    assert least_of(took, 1.0) < 1.0
    assert ended.is_set()
    assert read(owner, low)["last_error"] is None  # no attempt has failed
    assert due(owner, mails(1)).keys() == {f"subscription {low}"}
