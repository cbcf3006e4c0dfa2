"""Logs: one line an event with the request's id; nobody outside can forge one."""

import io
import logging
import re
from collections.abc import Iterator

import pytest
from flask import Flask

from api.monitoring.logs import line_handler
from app import create_app
from tests.support.databases import settings_for

LINE = re.compile(r"\d{4}-\d\d-\d\d [\d:,]+ (WARNING|ERROR) stockroom \[(?P<id>[^\]]+)\] (?P<message>.*)")
CONTINUED = "    "
log = logging.getLogger("stockroom")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the log has written so far."""
    lines = io.StringIO()
    handler = line_handler(lines)
    log.addHandler(handler)
    yield lines
    log.removeHandler(handler)


def events(written: io.StringIO) -> list[str]:
    """The lines that begin an event; whatever reads lines, by whichever separator, finds no others."""
    lines = written.getvalue().splitlines()
    begun = [line for line in lines if not line.startswith(CONTINUED)]
    assert all(LINE.fullmatch(line) for line in begun), lines
    return begun


@pytest.mark.parametrize("character", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1b", "\x85", "\u2028", "\u2029", "\x00"])
def test_a_message_stays_on_its_line_whatever_is_in_it(written, character):
    forged = f"2026-11-20 08:00:00,000 ERROR stockroom [-] forged{character}"

    log.warning("signed in: %s", f"mel{character}{forged}")

    assert len(events(written)) == 1
    assert character not in written.getvalue().removesuffix("\n")
    assert "mel\\" in written.getvalue()


@pytest.mark.parametrize("character", ["\n", "\r", "\x0b", "\x1b", "\x85", "\u2028"])
def test_an_exception_cant_begin_a_line_either(written, character):
    try:
        raise ValueError(f"mel{character}2026-11-20 08:00:00,000 ERROR stockroom [-] forged")
    except ValueError:
        log.exception("failed")

    assert len(events(written)) == 1
    assert "Traceback" in written.getvalue()
    assert character == "\n" or character not in written.getvalue()


def test_a_traceback_that_another_handler_has_formatted_cant_begin_a_line_either(written):
    try:
        raise ValueError("mel\nforged")
    except ValueError as error:
        record = log.makeRecord(log.name, logging.ERROR, "", 0, "failed", (), (type(error), error, error.__traceback__))
    logging.Formatter().format(record)

    log.handle(record)

    assert len(events(written)) == 1


@pytest.fixture
def chatty(tmp_path) -> Flask:
    """An application that logs before anything else has asked for the request's id."""
    app = create_app(settings_for(f"sqlite:///{(tmp_path / 'none.sqlite3').as_posix()}", tmp_path))
    app.before_request(lambda: log.warning("a request came"))
    return app


def test_each_line_of_a_request_has_the_id_that_its_answer_carries(chatty, written):
    answers = [chatty.test_client().get("/nowhere", headers={"X-Request-ID": sent}) for sent in ("mine-1", "not sane")]

    logged = [LINE.fullmatch(line)["id"] for line in events(written)]
    assert logged == [answer.headers["X-Request-ID"] for answer in answers]
    assert logged[0] == "mine-1"


def test_a_line_outside_any_request_has_a_dash(written):
    log.warning("started")

    assert LINE.fullmatch(events(written)[0])["id"] == "-"
