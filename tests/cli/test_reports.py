"""The commands of reports say what the API says, on a terminal and into files."""

import json

import pytest
from openpyxl import load_workbook

from tests.support.shelf import add


@pytest.fixture
def stock(member):
    """Bolts that were received and issued, and nuts that are low."""
    bolt = add(member, "BOLT", price="9")
    add(member, "NUT", price="0.50", quantity=4, reorder_level=5)
    for line in ({"kind": "receive", "quantity": 10, "unit_cost": "1.5"}, {"kind": "issue", "quantity": 4}):
        assert member.post(f"/items/{bolt['id']}/movements", json={**line, "reason": "test"}).status_code == 201


@pytest.mark.parametrize(
    ("args", "path"),
    [
        (["valuation"], "valuation"),
        (["valuation", "--method", "last"], "valuation?method=last"),
        (["reorder", "--reorder-to", 9], "reorder?reorder_to=9"),
        (["turnover"], "turnover"),
    ],
)
def test_a_report_has_the_same_rows_as_that_of_the_api(run, member, stock, args, path):
    ran = run("report", *args, "--format", "json")

    report = member.get(f"/reports/{path}").json
    assert ran.status == 0
    assert ran.json["data"] == report["data"] != []
    moments = {"at", "since", "until", "next_cursor"}
    assert {k: v for k, v in ran.json.items() if k not in moments} == {
        k: v for k, v in report.items() if k not in moments
    }


def test_on_a_terminal_it_is_a_table_with_its_totals_below(run, stock):
    ran = run("report", "valuation")

    assert [line.split()[1:] for line in ran.out.splitlines()] == [
        ["sku", "quantity", "unit_cost", "value"],
        ["BOLT", "6", "1.50", "9.00"],
        ["NUT", "4", "0.50", "2.00"],
    ]
    assert ran.err.splitlines()[-1].endswith("method: average, value: 11.00, items: 2, without cost: 1")
    assert run("report", "valuation", "--at", "2020-01-01T00:00:00Z").out.split() == ran.out.splitlines()[0].split()


def test_a_file_is_written_as_its_name_says(run, member, stock, tmp_path):
    for name in ("value.csv", "value.xlsx", "value.json"):
        ran = run("report", "valuation", tmp_path / name)
        assert (ran.status, ran.out) == (0, "")

    table = member.get("/reports/valuation?format=csv").text
    assert (tmp_path / "value.csv").read_bytes().decode() == table
    assert json.loads((tmp_path / "value.json").read_text())["value"] == "11.00"
    assert [*load_workbook(tmp_path / "value.xlsx").active.values][1][1:] == ("BOLT", 6, 1.5, 9)
    assert run("report", "reorder", "--format", "csv").out.splitlines()[1].endswith(",NUT,NUT,4,4,5,1")


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (["valuation", "--at", "yesterday"], 2, "must be a time"),
        (["valuation", "--method", "fifo"], 2, "fifo"),
        (["valuation", "value.ods"], 2, "can't be had here"),
        (["reorder", "--location", "ATTIC"], 1, "no location with the code 'ATTIC'"),
        (["reorder", "--reorder-to", "0"], 2, "must be 1 or more"),
        (["turnover", "--since", "9000-01-01T00:00:00Z"], 2, "must be earlier"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(run, args, status, words):
    refused = run("report", *args)

    assert (refused.status, refused.out) == (status, "")
    assert words in refused.err
