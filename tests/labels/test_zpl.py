"""ZPL: its numbers are the dots of the printer, and nothing in a text is a command."""

import re

import pytest

from labels.arrangement import Content, arrange
from labels.zpl import dot, zpl

COMMANDS = {"^XA", "^CI", "^PW", "^LL", "^LH", "^FO", "^BY", "^BQ", "^BC", "^A0", "^FH", "^FD", "^FS", "^XZ"}
HOSTILE = ["^FS^XZ^XA", "~JA", "~~^^__", "_5EXZ", "a_b", "^", "\\&", "^CI0~HS", "><>0>5"]


def label(name="Desk lamp", sku="LAMP-1", bin_="", barcode=None, *, size=(100, 50), dpi=203):
    link = "https://stock.example.com/i/LAMP-1"
    return zpl(arrange(Content(name, sku, bin_, barcode, link), *size, dot(dpi)), dpi)


def commands(text):
    return re.findall(r"[\^~][A-Z][A-Z0-9]", text)


def fields(text):
    """The data of each field as the printer has it after ^FH."""
    found = re.findall(r"\^FH\^FD([^\^~]*)\^FS", text)
    assert len(found) == text.count("^FD") == text.count("^FS")
    return [re.sub("_(..)", lambda code: chr(int(code[1], 16)), data) for data in found]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_text_is_a_command(text):
    plain, hostile = label(), label(text, text, text, text)

    assert set(commands(hostile)) == COMMANDS
    assert commands(hostile).count("^XA") == commands(hostile).count("^XZ") == 1
    assert not re.search(r"[\^~](?![A-Z])", hostile)
    assert fields(hostile).count(text) == 4  # its name, its SKU, its bin, and below the bars
    assert "_" not in re.sub("_(5E|7E|5F)", "", hostile)
    assert set(commands(plain)) == COMMANDS


@pytest.mark.parametrize(("dpi", "width", "length"), [(203, 496, 232), (300, 732, 343), (600, 1465, 685)])
def test_the_size_of_the_label_is_in_dots(dpi, width, length):
    written = label(size=(62, 29), dpi=dpi)

    assert written.startswith(f"^XA\n^CI28\n^PW{width}\n^LL{length}\n")
    assert written.endswith("\n^XZ\n")


@pytest.mark.parametrize("dpi", [203, 300, 600])
@pytest.mark.parametrize("size", [(20, 10), (38, 21), (62, 29), (200, 200)])
def test_everything_begins_on_the_label(dpi, size):
    written = label(size=size, dpi=dpi)
    origins = [(int(x), int(y)) for x, y in re.findall(r"\^FO(\d+),(\d+)", written)]

    assert len(origins) == written.count("^FO") >= 2
    assert all(x < size[0] / dot(dpi) and y < size[1] / dot(dpi) for x, y in origins)


@pytest.mark.parametrize(("dpi", "module"), [(203, 2), (300, 3), (600, 5)])
def test_no_module_is_finer_than_scanners_read(dpi, module):
    written = label(sku="S" * 12, size=(62, 29), dpi=dpi)

    assert int(re.search(r"\^BY(\d+)\^BC", written)[1]) >= module
    assert int(re.search(r"\^BQN,2,(\d+)", written)[1]) * dot(dpi) >= 0.33


def test_a_qr_code_has_the_error_level_m_and_is_not_lowered_by_what_was_printed_before():
    assert "^BY2,3,1^FO" in label()
    assert "^FH^FDMA,https://stock.example.com/i/LAMP-1^FS" in label()


def test_letters_of_other_languages_are_utf_8():
    assert "\u5009-42 \u00fc" in fields(label("\u5009-42 \u00fc"))
