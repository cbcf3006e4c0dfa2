"""In which encoding a file is written: never guessed in silence, and asked for with what each would read."""

import io

import pytest

from tables.encodings import CODECS, encoding_of, named
from tables.records import UnreadableFile
from tests.support.databases import on_one_database
from tests.support.files import imported, items, send

# A word of each language, and what a shop there writes its files in.
WORDS = {
    "windows-1252": "Müllgröße – 5 €",
    "windows-1250": "Żarówka świetlówka",
    "windows-1251": "Молоток слесарный",
    "cp437": "Müllgröße",
    "mac-roman": "Müllgröße",
    "koi8-r": "Отвёртка крестовая",
    "shift_jis": "電球のランプ",
    "gb18030": "台灯和灯泡",
    "big5": "檯燈和燈泡",
    "euc-kr": "책상 램프",
}


def refusal_of(data: bytes, given: str | None = None) -> UnreadableFile:
    with pytest.raises(UnreadableFile) as refused:
        encoding_of(io.BytesIO(data), given)
    return refused.value


@pytest.mark.parametrize("encoding", WORDS)
@on_one_database
def test_another_encoding_is_asked_for_and_then_read(member, encoding):
    data = f"sku;name\r\nA;{WORDS[encoding]}\r\n".encode(CODECS[encoding])

    refused = send(member, data)
    answer = send(member, data, f"?encoding={encoding}")

    assert (refused.status_code, refused.json["code"]) == (422, "encoding_needed")
    likely = refused.json["encodings"]
    assert {"encoding": encoding, "cell": WORDS[encoding]} in likely
    assert 2 <= len(likely) <= 3
    assert all(
        f"encoding={each['encoding']} (it would read {each['cell']!r})" in refused.json["detail"] for each in likely
    )
    assert (answer.status_code, answer.json["read_as"]["encoding"]) == (200, encoding)
    assert items(member)["A"]["name"] == WORDS[encoding]


@on_one_database
def test_one_wrong_byte_among_good_names_is_refused_with_its_place_and_nothing_is_read(member):
    rows = [f"S{n},Müller {n}\n".encode() for n in range(5000)]
    rows[4321] = rows[4321].replace("ü".encode(), b"\xfc")

    refused = send(member, b"sku,name\n" + b"".join(rows))

    assert (refused.status_code, refused.json["code"]) == (422, "bad_encoding")
    assert (refused.json["line"], refused.json["column"]) == (4323, 8)
    assert "Line 4323, character 8: the byte 0xFC" in refused.json["detail"]
    assert items(member) == {}


@pytest.mark.parametrize(
    ("data", "given", "place"),
    [
        (b"\xef\xbb\xbfsku,name\nA,M\xfc\n", None, (2, 4)),
        (b"sku,name\r\nA,a\r\nB,b\xc3", "utf-8", (3, 4)),
        (b"sku,name\rA,\xc3\xbc\rB,\xff\r", None, (3, 3)),
        (b"sku,name\nA,b\x81\n", "windows-1252", (2, 4)),
        ("sku,name\nA,a\n".encode("utf-16")[:-1], None, (2, 4)),
        (b"x" * 65535 + "é".encode() + b"\n\xff", None, (2, 1)),
    ],
)
def test_a_byte_that_is_wrong_in_its_encoding_is_reported_with_line_and_character(data, given, place):
    refused = refusal_of(data, given)

    assert (refused.code, refused.extra["line"], refused.extra["column"]) == ("bad_encoding", *place)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_asked_for(encoding):
    refused = refusal_of("sku;name\r\nA;Łódź\r\n".encode(encoding))

    assert refused.code == "encoding_needed"
    assert refused.extra["encodings"][0]["encoding"] == encoding


def test_a_mark_says_more_than_the_client():
    assert encoding_of(io.BytesIO("sku;ü".encode("utf-8-sig")), "windows-1252") == "utf-8"


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        *[(name.upper(), name) for name in CODECS],
        *[("cp1252", "windows-1252"), ("latin-1", "iso-8859-1"), ("us-ascii", "utf-8"), ("GBK", "gb18030")],
        *[("klingon", None), ("base64", None), ("idna", None), ("\0", None), ("utf-7", None)],
    ],
)
def test_an_encoding_has_several_names_and_others_are_not_read(name, ours):
    assert named(name) == ours


@on_one_database
def test_the_charset_of_the_content_type_counts_and_that_of_a_part_too(member):
    data = "sku;name\r\nA;Größe\r\n".encode("cp1252")

    assert imported(member, data, content_type="text/csv; charset=windows-1252") == (1, 0, 0)
    part = (io.BytesIO(data), "stock.csv", "text/csv; charset=windows-1252")
    assert member.post("/items/import", data={"file": part}).json["unchanged"] == 1

    assert items(member)["A"]["name"] == "Größe"


@on_one_database
def test_json_is_utf_8_and_a_wrong_byte_is_never_another_encoding(member):
    refused = send(member, b'{"sku": "A", "name": "b\xf6"}\n', content_type="application/x-ndjson")

    assert (refused.status_code, refused.json["code"], refused.json["column"]) == (422, "bad_encoding", 24)
