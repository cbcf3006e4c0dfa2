"""The texts of mails can be replaced by files of the instance, and one that fails stops no mail."""

from pathlib import Path

import pytest

from delivery.digest import Digest, Line
from delivery.rendering import Templates
from models.values import now

DIGEST = Digest(1, 1, [Line("LAMP-1", "Desk <lamp>", "", 2, 5, now())], low_count=1)
VALUES = {"digest": DIGEST, "subscription": 3, "service": None}


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    """The folder for templates of an instance."""
    folder = tmp_path / "mail"
    folder.mkdir()
    return folder


def render(tmp_path, **more):
    return Templates(tmp_path).render("low_stock", VALUES | more)


def test_without_a_folder_the_texts_are_ours(tmp_path):
    rendered = render(tmp_path)

    assert rendered.subject == "Desk <lamp> is low"
    assert "LAMP-1  Desk <lamp>\n" in rendered.text
    assert "<bdi>Desk &lt;lamp&gt;</bdi>" in rendered.html


def test_a_template_of_the_instance_takes_the_place_of_ours(tmp_path, mail):
    lines = ("Subject: Nachbestellen: {{ digest.low_count }}", "", "{{ digest.low[0].name }}", "")
    (mail / "low_stock.txt").write_bytes("\r\n".join(lines).encode())

    rendered = render(tmp_path)

    assert (rendered.subject, rendered.text) == ("Nachbestellen: 1", "Desk <lamp>\n")
    assert "1 item is low" in rendered.html


def test_it_may_extend_ours_and_is_read_again_when_it_changes(tmp_path, mail):
    templates = Templates(tmp_path)
    page = '{% extends "stockroom/low_stock.html" %}{% block reason %}<b>{{ digest.low[0].name }}</b>{% endblock %}'
    (mail / "low_stock.html").write_text(page, encoding="utf-8")
    first = templates.render("low_stock", VALUES).html
    (mail / "low_stock.html").write_text("plain", encoding="utf-8")

    assert "<b>Desk &lt;lamp&gt;</b>" in first
    assert "1 item is low" in first
    assert templates.render("low_stock", VALUES).html == "plain"


def test_the_frame_of_all_mails_may_be_replaced(tmp_path, mail):
    (mail / "digest.html").write_text("<main>{% block content %}{% endblock %}</main>", encoding="utf-8")

    assert render(tmp_path).html.startswith("<main><h1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Subject: x\n{% if %}", "line 2: TemplateSyntaxError"),
        (
            "Subject: x\n\n{{ digest.nothing }}",
            "line 3: UndefinedError: 'delivery.digest.Digest object' has no attribute",
        ),
        ("Subject: x\n\n{{ 1 / 0 }}", "line 3: ZeroDivisionError"),
        ("Subject: x\n\n{{ digest.low + 1 }}", "line 3: TypeError"),
        ("Subject: x\n{% include 'none' %}", "line 2: TemplateNotFound: none"),
        ("Subject: x\n{% extends 'low_stock.txt' %}", "RecursionError"),
        ("No subject\n", "ValueError: the first line is not Subject:"),
        ("Subject:  \n\ntext", "ValueError: the first line is not Subject:"),
        ("", "ValueError"),
    ],
)
def test_one_that_fails_is_logged_with_its_line_and_ours_is_taken(tmp_path, mail, caplog, text, said):
    (mail / "low_stock.txt").write_text(text, encoding="utf-8")

    rendered = render(tmp_path)

    assert rendered.subject == "Desk <lamp> is low"
    assert str(mail) in caplog.text
    assert said in caplog.text


def test_one_that_is_no_utf_8_is_logged_and_ours_is_taken(tmp_path, mail, caplog):
    (mail / "low_stock.html").write_bytes("<p>Größe</p>".encode("latin-1"))

    assert "1 item is low" in render(tmp_path).html
    assert "UnicodeDecodeError" in caplog.text


def test_a_subject_is_one_short_line(tmp_path, mail):
    (mail / "low_stock.txt").write_text("Subject: {{ service }}\n\ntext", encoding="utf-8")

    assert render(tmp_path, service="a\tb\x00\u202e" + "c" * 500).subject == f"a b {'c' * 146}…"
