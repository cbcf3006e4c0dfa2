"""Codes are what a decoder of others reads, and a printer is told the same symbol."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labels.arrangement import Content, arrange
from labels.codes import bars, qr_code
from labels.zpl import dot, zpl
from tests.support.scanner import decode

PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)
# The meanings in the sets of Code 128 of what ZPL writes with >.
OF_ZPL = {">0": ">", "><": "^", ">=": "~"}


def spoken(data: str) -> tuple[str, float]:
    """What a printer makes of the data of a ^BC in mode N (ZPL II Programming Guide, "Code 128 Subsets").

    Returns the text, and the characters of the symbol before its check.
    """
    assert data[:2] in (">:", ">;")
    text, characters, digits = "", 1.0, data[:2] == ">;"
    for part in re.findall(r">.|.", data[2:]):
        characters += 0.5 if digits and part.isdigit() else 1
        if part in (">5", ">6"):
            assert digits == (part == ">6")
            digits = not digits
        else:
            assert part.isdigit() or not digits
            text += OF_ZPL.get(part, part)
    return text, characters


@given(PRINTABLE)
@example("4006381333931")
@example("12345")
@example("A1234B56")
@example("99")
@example("991234")
@example("99A")
@example("^XA~_>0>5")
def test_printable_ascii_is_read_back_from_code_128(text):
    symbol = bars(text)
    row = b"".join(b"\xff\xff\x00\x00"[2 * int(module) :][:2] for module in f"{'0' * 10}{symbol.pattern}{'0' * 10}")

    assert decode(row * 40, len(row), 40) == {"Code128": text}


@given(PRINTABLE)
@example("4006381333931")
@example("A1234B56")
@example("99")
@example("991234")
@example("99A")
@example("^XA~_>0>5")
def test_a_printer_is_told_the_symbol_that_was_measured(text):
    label = zpl(arrange(Content("Lamp", "Lampe \u00fc", "", text, "x"), 200, 100, dot(600)), 600)
    found = re.search(r"\^BCN,\d+,N,N,N,N\^FH\^FD(.*)\^FS", label)

    if found:
        data = re.sub("_([0-9A-F]{2})", lambda code: chr(int(code[1], 16)), found[1])
        assert spoken(data) == (text, len(bars(text).values))
    else:
        assert bars(text).modules * 5 * dot(600) > 100  # it had no room beside the QR code


@pytest.mark.parametrize("texts", [("\u00fc",), ("",), ("a\u20ac", "\u68da"), ("a\tb",), ("a\x7f",)])
def test_what_code_128_does_not_hold_here_has_none(texts):
    assert bars(*texts) is None


def test_the_first_text_that_code_128_holds_is_taken():
    assert bars("", "A-1").content == "A-1"
    assert bars("\u00fc", "A-1").content == "A-1"
    assert bars("111", "A-1").content == "111"


def test_a_qr_code_has_the_error_level_m_and_as_many_modules_as_it_needs():
    assert [len(qr_code("x" * length).rows) for length in (14, 15, 2331)] == [21, 25, 177]
    assert qr_code("x" * 2332) is None
