"""Tables on a console: they fit its width and its characters."""

import io
import sys

import pytest

from cli.tables import print_table

LINES = [["row", "sku", "from", "to"], [1, "LAMP-1", "a" * 100, "b" * 40], [12, "Größe-Ⅻ", None, {"w": "é"}]]


def printed(monkeypatch, encoding, lines, widest=None):
    """The lines that a console of this encoding gets."""
    stream = io.BytesIO()
    console = io.TextIOWrapper(stream, encoding=encoding, errors="strict", newline="\n")
    monkeypatch.setattr(sys, "stdout", console)
    print_table(lines, widest)
    console.flush()
    monkeypatch.undo()
    return stream.getvalue().decode(encoding).splitlines()


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "cp437", "ascii"])
@pytest.mark.parametrize("widest", [30, 60, 80, 200])
def test_a_table_is_no_wider_than_asked_and_cuts_the_longest(monkeypatch, encoding, widest):
    lines = printed(monkeypatch, encoding, LINES, widest)

    assert max(map(len, lines)) <= widest
    cut = [line for line in lines if ("…" if encoding in ("utf-8", "cp1252") else "...") in line]
    assert bool(cut) == (widest < 200)
    assert [line.split()[0] for line in lines] == ["row", "1", "12"]


def test_a_table_on_a_very_narrow_console_keeps_a_little_of_each_column(monkeypatch):
    assert printed(monkeypatch, "utf-8", [["row", "from"], [1, "x" * 50]], 4) == ["row  from", "1    xxxx…"]


def test_what_a_console_lacks_or_would_obey_is_escaped(monkeypatch):
    lines = printed(monkeypatch, "cp1252", [["Ⅻ €", "a\nb\x1b[31m", "\u202eabc"]])

    assert lines == [r"\u216b €  a\nb\x1b[31m  \u202eabc"]


def test_columns_stand_below_each_other_also_with_wide_letters(monkeypatch):
    assert printed(monkeypatch, "utf-8", [["灯", "x"], ["灯泡", "y"], ["e\u0301", "z"]]) == [
        "灯    x",
        "灯泡  y",
        "e\u0301     z",
    ]
