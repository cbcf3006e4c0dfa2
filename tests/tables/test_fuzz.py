"""The three readers for a bounded time: changed files of every kind are read or refused, each in a bounded time.

`python -m pytest -m fuzz tests/tables`; tests/tables/test_any_bytes.py has some hundred of these in every run.
"""

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resources.item_rows import COLUMNS
from tables.reading import CSV, NDJSON, XLSX, Options
from tables.writing import Layout, written
from tests.tables.test_any_bytes import CELLS, OPTIONS, WORKBOOK, read, with_cells

pytestmark = pytest.mark.fuzz

# For each test, and the most that one file of up to 64 KiB may take, on a machine that does much else too.
SECONDS, MOST = 20, 10
FILES = [path.read_bytes() for path in sorted((Path(__file__).parent / "presets").glob("*.csv"))]
ITEM = dict.fromkeys(COLUMNS, "x") | {"price": "1.50", "quantity": 5, "tags": ["a", "b"], "attributes": {"w": "<é>"}}
OWN = {format_: b"".join(written(Layout(format_, COLUMNS, "items"), [[ITEM] * 20])) for format_ in (CSV, NDJSON, XLSX)}
SEEDS = {
    CSV: [*FILES, OWN[CSV], OWN[CSV].decode().encode("utf-16")],
    NDJSON: [OWN[NDJSON]],
    XLSX: [OWN[XLSX], WORKBOOK],
}
CHUNKS = st.binary(max_size=8) | st.sampled_from(
    [
        b'"',
        b"'",
        b"\r",
        b"\n",
        b",",
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"PK\x03\x04",
        b"{",
        b"[" * 500,
        b"9" * 500,
        b"\\u",
    ]
)
CHANGES = st.lists(st.tuples(st.integers(0, 64 * 1024), st.integers(0, 64), CHUNKS, st.integers(1, 200)), max_size=6)


def changed(seed: bytes, changes: list[tuple[int, int, bytes, int]]) -> bytes:
    """The same file with other bytes in some places, up to 64 KiB of it."""
    for place, length, chunk, times in changes:
        begin = place % (len(seed) + 1)
        seed = (seed[:begin] + chunk * times + seed[begin + length :])[: 64 * 1024]
    return seed


def in_time(data: bytes, format_: str | None, options: Options) -> None:
    """Read or refuse a file, in at most `MOST` seconds."""
    began = time.monotonic()
    read(data, format_, options)
    assert time.monotonic() - began < MOST


def for_a_while(property_: object, **strategies: st.SearchStrategy) -> None:
    """Try a property with new examples until `SECONDS` are over."""
    unlimited = [HealthCheck.too_slow, HealthCheck.data_too_large]
    attempt = settings(max_examples=100, deadline=None, database=None, suppress_health_check=unlimited)(
        given(**strategies)(property_)
    )
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        attempt()


@pytest.mark.parametrize("format_", [CSV, NDJSON, XLSX])
def test_a_changed_file_is_read_or_refused(format_: str) -> None:
    for_a_while(
        lambda seed, changes, options, said: in_time(changed(seed, changes), said, options),
        seed=st.sampled_from(SEEDS[format_]),
        changes=CHANGES,
        options=OPTIONS,
        said=st.sampled_from([format_, None]),
    )


def test_a_workbook_with_other_cells_is_read_or_refused() -> None:
    rows = st.lists(st.lists(CELLS | CHUNKS, max_size=6).map(b"".join), max_size=40)
    for_a_while(
        lambda rows, options: in_time(with_cells(b"".join(b"<row>%s</row>" % row for row in rows)), XLSX, options),
        rows=rows,
        options=OPTIONS,
    )
