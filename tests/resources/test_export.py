"""Exports: every row that matches, as CSV or NDJSON, in a shape that can come back; pages as CSV."""

import csv
import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from api.services import services_of
from models.stock import item_query
from tests.support.cells import MARKS
from tests.support.clients import person
from tests.support.files import CSV, HEADER, NDJSON, XLSX, imported, items
from tests.support.shelf import add

FORMULAS = {
    "sku": "=A",
    "name": "+name",
    "description": "@SUM(1)\n-2",
    "unit": "-kg",
    "bin": "'=quoted",
    "barcode": "-123",
    "tags": ["=tag", "-tag"],
}


def table(response):
    """The rows of a CSV answer."""
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


def test_items_are_exported_in_the_columns_of_the_import(member):
    add(member, "B", name="b", price="12.50", quantity=5, tags=["x", "y"], attributes={"w": 1})
    add(member, "A", description='say "hi",\nplease', reorder_level=3, barcode="77", unit="kg", bin="Aisle 3")

    answer = member.get("/items/export")

    assert answer.text == (
        f'{HEADER}\r\nB,b,,,12.50,5,,,,x|y,"{{""w"": 1}}"\r\nA,A,"say ""hi"",\nplease",kg,0.00,0,3,Aisle 3,77,,{{}}\r\n'
    )
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith('attachment; filename="items-')
    assert disposition.endswith('.csv"')


def test_json_lines_are_there_for_those_who_accept_them(member):
    add(member, "A", price="12.50", quantity=5, tags=["x"], attributes={"w": 0.5})

    answer = member.get("/items/export", headers={"Accept": NDJSON})

    assert answer.mimetype == NDJSON
    [item] = map(json.loads, answer.text.splitlines())
    assert list(item) == HEADER.split(",")
    assert (item["price"], item["quantity"], item["tags"], item["attributes"]) == ("12.50", 5, ["x"], {"w": 0.5})
    assert answer.headers["Content-Disposition"].endswith('.ndjson"')


@pytest.mark.parametrize("path", ["/items/export", "/movements/export"])
@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("*/*", "text/csv"),
        ("text/*", "text/csv"),
        ("text/csv;charset=utf-8", "text/csv"),
        ("application/x-ndjson, text/csv;q=0.5", NDJSON),
        ("application/json", None),
    ],
)
def test_accept_chooses_the_format(guest, path, accept, chosen):
    answer = guest.get(path, headers={"Accept": accept})

    assert (answer.status_code, answer.mimetype) == ((200, chosen) if chosen else (406, "application/problem+json"))


def test_an_empty_export_has_its_header(guest):
    assert guest.get("/items/export").text == f"{HEADER}\r\n"
    assert guest.get("/items/export", headers={"Accept": NDJSON}).text == ""


def test_excel_gets_a_byte_order_mark_when_asked_for(member):
    add(member, "A", name="ä")

    assert member.get("/items/export?bom=true").data.startswith(b"\xef\xbb\xbfsku,")
    assert member.get("/items/export").data.startswith(b"sku,")


@pytest.mark.parametrize(
    ("query", "skus"),
    [
        ("", "ABC"),
        ("?tag=x", "A"),
        ("?low_stock=true", "B"),
        ("?q=third", "C"),
        ("?min_price=2", "BC"),
        ("?archived=true", "D"),
    ],
)
def test_an_export_has_the_filters_of_the_list(member, query, skus):
    add(member, "A", tags=["x"], price="1")
    add(member, "B", reorder_level=1, price="2")
    add(member, "C", name="the third", price="3")
    member.delete(f"/items/{add(member, 'D')['id']}")

    assert [row["sku"] for row in table(member.get(f"/items/export{query}"))] == list(skus)


@pytest.mark.parametrize("path", ["/items/export?sort=name", "/items/export?limit=5", "/movements/export?cursor="])
def test_what_a_file_has_not_is_refused(guest, path):
    assert guest.get(path).status_code == 422


def test_movements_are_exported_as_the_ledger_tells_them(member, lamp):
    member.post(f"{lamp}/movements", json={"kind": "issue", "quantity": 2, "reason": "=1+1", "reference": "-7"})
    [_, issued] = member.get("/movements").json["data"]

    rows = table(member.get("/movements/export?kind=issue"))

    assert rows == [
        {name: "" if value is None else str(value) for name, value in issued.items()}
        | {"reason": "'=1+1", "reference": "'-7", "delta": "-2"}
    ]
    assert len(table(member.get("/movements/export"))) == 2
    assert table(member.get("/movements/export?sku=other")) == []
    as_json = member.get("/movements/export?kind=issue", headers={"Accept": NDJSON})
    assert [json.loads(line) for line in as_json.text.splitlines()] == [issued]


def test_many_rows_come_once_each_and_in_order(member):
    imported(member, "sku,name\n" + "".join(f"S{n},n\n" for n in range(1203)))

    assert [row["sku"] for row in table(member.get("/items/export"))] == [f"S{n}" for n in range(1203)]


@pytest.mark.parametrize("path", ["/items/export", "/movements/export"])
def test_head_answers_as_get_without_the_rows(member, lamp, path):
    head, get = member.head(path), member.get(path)

    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Type", "Content-Disposition"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize("path", ["/items/export", "/movements/export"])
def test_an_export_needs_items_read(app, nobody, path):
    assert nobody.get(path).status_code == 401
    assert person(app, "pat", "member", ["items:write"]).get(path).status_code == 403


def test_a_failure_midway_breaks_the_answer_off(app, member, monkeypatch):
    imported(member, "sku,name\n" + "".join(f"S{n},n\n" for n in range(600)))
    calls = []

    def represent(row):
        calls.append(row)
        if len(calls) > 510:
            raise OperationalError("SELECT", {}, Exception("gone"))
        return to_dict(row)

    to_dict = item_query.to_dict
    monkeypatch.setattr(item_query, "to_dict", represent)
    with closing(app.test_client().get("/api/v1/items/export", headers=member.headers)) as answer:
        with pytest.raises(OperationalError):
            list(answer.response)


def test_a_client_that_goes_away_leaves_no_connection_behind(app, member):
    imported(member, "sku,name\n" + "".join(f"S{n},n\n" for n in range(1100)))
    with app.app_context():
        pool = app.extensions["sqlalchemy"].engine.pool

    answer = app.test_client().get("/api/v1/items/export", headers=member.headers)
    sent = sum(chunk.count(b"\r\n") for chunk in islice(answer.response, 2))
    held = pool.checkedout()
    answer.close()

    assert (sent, held, pool.checkedout()) == (1001, 0, 0)


# --- what goes out can come back ------------------------------------------------------------------------------------


def test_formulas_are_harmless_outside_and_come_back_as_they_were(member):
    made = add(member, FORMULAS["sku"], **{name: value for name, value in FORMULAS.items() if name != "sku"})

    [row] = table(member.get("/items/export"))

    for name, value in FORMULAS.items():
        text = value if isinstance(value, str) else "|".join(value)
        assert row[name] == "'" + text
    assert imported(member, member.get("/items/export").data) == (0, 0, 1)
    assert items(member) == {"=A": made}


letter = st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp", "Zs"])
line = st.lists(letter | st.sampled_from(MARKS)).map("".join)
short = line.map(lambda text: text[:30].strip())
item_fields = st.fixed_dictionaries(
    {"name": short.filter(bool)},
    optional={
        "description": st.lists(st.sampled_from([*"\t\r\na ß“", *MARKS])).map("".join),
        "unit": short,
        "price": st.decimals(0, 10**6, places=4).map(str),
        "quantity": st.integers(0, 10**9),
        "reorder_level": st.none() | st.integers(0, 10**9),
        "bin": short,
        "tags": st.lists(short.map(lambda text: text.replace("|", "").strip()).filter(bool), max_size=3, unique=True),
        "attributes": st.dictionaries(
            short.filter(bool),
            short
            | st.booleans()
            | st.integers(-(2**53) + 1, 2**53 - 1)
            | st.floats(allow_nan=False, allow_infinity=False),
            max_size=3,
        ),
    },
)


@pytest.mark.parametrize(
    ("query", "content_type"),
    [("format=csv", CSV), ("format=csv&delimiter=;", CSV), ("format=ndjson", NDJSON), ("format=xlsx", XLSX)],
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(many=st.lists(item_fields, min_size=1, max_size=4))
def test_any_items_go_out_and_come_back_unchanged_and_rise_again_elsewhere(member, query, content_type, many):
    for item in items(member).values():
        member.patch(f"/items/{item['id']}", json={"sku": f"old-{item['id']}"})
        member.delete(f"/items/{item['id']}")
    for number, fields in enumerate(many):
        add(member, f"S{number}", **fields)
    before = items(member)
    exported = member.get(f"/items/export?{query}").data

    assert imported(member, exported, content_type=content_type) == (0, 0, len(many))

    for item in before.values():  # elsewhere: where nothing has these SKUs
        member.patch(f"/items/{item['id']}", json={"sku": f"old-{item['id']}"})
    assert imported(member, exported, content_type=content_type) == (len(many), 0, 0)
    after = items(member)
    own = ("id", "version", "created_at", "updated_at")
    for sku, item in before.items():
        assert {k: v for k, v in after[sku].items() if k not in own} == {k: v for k, v in item.items() if k not in own}


# --- pages as CSV ---------------------------------------------------------------------------------------------------


def test_a_page_of_items_is_csv_for_those_who_accept_it(member):
    for sku in "ABC":
        add(member, sku, name=f"={sku}", tags=["x", "y"])

    page = member.get("/items?sort=-name&limit=2", headers={"Accept": "text/csv"})

    rows = table(page)
    assert [(row["sku"], row["name"], row["tags"], row["archived"]) for row in rows] == [
        ("C", "'=C", "x|y", "false"),
        ("B", "'=B", "x|y", "false"),
    ]
    assert set(rows[0]) == set(member.get("/items").json["data"][0])
    assert page.headers["Link"] == member.get("/items?sort=-name&limit=2").headers["Link"]


def test_a_page_of_csv_has_the_fields_that_were_asked_for_even_if_it_is_empty(member):
    asked = {"headers": {"Accept": "text/csv"}}
    assert member.get("/items?fields=price,sku", **asked).text == "price,sku\r\n"
    add(member, "A", price="1")

    assert member.get("/items?fields=price,sku&cursor=", **asked).text == "price,sku\r\n1.00,A\r\n"


def test_a_page_of_movements_is_csv_for_those_who_accept_it(member, lamp):
    for path in ("/movements", f"{lamp}/movements"):
        [row] = table(member.get(path, headers={"Accept": "text/csv"}))

        assert (row["sku"], row["kind"], row["delta"], row["reverses"]) == ("LAMP-1", "opening", "5", "")


def test_json_stays_the_first_choice_of_a_page(member, lamp):
    for accept in ("*/*", "application/json, text/csv;q=0.9", "text/csv;q=0.5, */*"):
        assert member.get("/items", headers={"Accept": accept}).is_json
    assert member.get(lamp, headers={"Accept": "text/csv"}).status_code == 406
    assert member.get("/items", headers={"Accept": "application/pdf"}).status_code == 406


def test_half_of_the_threads_at_most_are_at_exports_and_one_more_is_told_to_come_again(member, app):
    imported(member, "sku,name\r\n" + "".join(f"A{number},lamp\r\n" for number in range(600)))  # several chunks
    half = services_of(app).settings.threads // 2
    all_have_begun, may_end = threading.Barrier(half + 1), threading.Event()

    def export():
        response = member.get("/items/export", buffered=False)
        all_have_begun.wait()
        may_end.wait()
        return response.text.count("\r\n")

    with ThreadPoolExecutor(half) as threads:
        exports = [threads.submit(export) for _ in range(half)]
        all_have_begun.wait()
        refused = member.get("/items/export"), member.get("/movements/export")
        may_end.set()
        lines = [each.result() for each in exports]
    later = [member.get("/items/export").status_code for _ in range(half + 1)]

    for each in refused:
        assert (each.status_code, each.json["code"]) == (503, "server_busy")
        assert each.headers["Retry-After"]
    assert lines == [601] * half
    assert later == [200] * (half + 1)
