"""The examples do what they say, against a real service."""

import csv
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.program import PASSWORD, ROOT, SOON, Program, environment, program

SCRIPT = ROOT / "docs" / "examples" / "replay_sales.py"
RETAIL = ROOT.parent / "shared" / "data" / "online-retail-2010-12-01.csv"
SCOPES = ["items:read", "items:write", "stock:write"]
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
DIRTY = (
    HEADER
    + """\
1001,85123A,"WHITE  HEART, LARGE ",6,12/1/10 8:26,2.55,17850,France
1001,85123a,white heart,3,12/1/10 8:26,2.60,17850,France
1001,POST,POSTAGE,1,12/1/10 8:26,18,,France
C1002,85123A,WHITE HEART,-12,12/1/10 9:41,2.55,17850,France
1003,85123A,WHITE HEART,2,12/1/2010 9:45,2.55,17850,France
1004,22139,,56,2010-12-01 11:52:00,0,,United Kingdom
1005,D,Remise été – 5 €,-1,12/1/10 12:00,27.5,,France
1006,D,Discount,0,12/1/10 12:01,27.5,,France
1006,AB/1 C,"TWO
LINES",1,12/1/10 12:02,0.0325,,France
"""
)
STOCK_AFTER = {"85123A": 10, "POST": 0, "22139": 0, "D": 1, "AB/1 C": 0}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A service of its own, emptied by nobody: each test brings other codes and invoices, or its own service."""
    with program(INSTANCE_PATH=str(tmp_path_factory.mktemp("instance")), PORT="0", ADMIN_PASSWORD=PASSWORD) as running:
        yield running


MONTH_FIRST = "--month-first"


def replay(
    service: Program, path: Path, *, order: str = MONTH_FIRST, url: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the example on a file, with a token of its own; `url` leads there by another way."""
    token = service.ask("POST", "/tokens", {"name": "replay", "scopes": SCOPES}).json["token"]
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(path), *filter(None, [order])],
        env=environment(STOCKROOM_URL=url or service.address, STOCKROOM_TOKEN=token, PYTHONIOENCODING="utf-8"),
        capture_output=True,
        check=False,
        encoding="utf-8",
    )


def rows(service: Program, path: str) -> list[dict]:
    """Every row of a collection."""
    found: list[dict] = []
    cursor: str | None = ""
    while cursor is not None:
        page = service.ask("GET", f"{path}?limit=200&cursor={cursor}").json
        found += page["data"]
        cursor = page["next_cursor"]
    return found


def stock(service: Program) -> dict[str, int]:
    """The stock by SKU, after a check that every quantity is the sum of its ledger."""
    ledger: Counter[str] = Counter()
    for movement in rows(service, "/movements"):
        ledger[movement["sku"]] += movement["delta"]
    quantities = {item["sku"]: item["quantity"] for item in rows(service, "/items")}
    assert quantities == {sku: ledger[sku] for sku in quantities}
    return quantities


@contextmanager
def faltering(address: str, how: str) -> Iterator[str]:
    """The URL of something before the service that lets each write down once."""
    let_down: set[bytes] = set()

    class Between(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            first_write = self.command == "POST" and body not in let_down
            let_down.add(body)
            if first_write and how == "busy":
                self.answer(503, b"{}", {"Retry-After": "0"})
            elif not first_write or how == "after":
                upstream = HTTPConnection(urlsplit(address).netloc, timeout=SOON)
                with closing(upstream):
                    upstream.request(self.command, self.path, body, dict(self.headers))
                    response = upstream.getresponse()
                    received = response.read()
                if not first_write:
                    self.answer(response.status, received, {})

        do_POST = do_GET  # noqa: N815 - the name is http.server's

        def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: pytest would show it."""

    with HTTPServer(("127.0.0.1", 0), Between) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def last_line(run: subprocess.CompletedProcess[str]) -> str:
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()[-1]


def test_a_dirty_file_becomes_items_and_movements_once(service: Program, tmp_path: Path) -> None:
    sales = tmp_path / "sales.csv"
    sales.write_text(DIRTY, encoding="windows-1252", newline="")

    first = replay(service, sales)
    ledger = rows(service, "/movements")
    again = replay(service, sales)

    assert last_line(first) == "8 lines: 8 new, 0 in the ledger already."
    assert last_line(again) == "8 lines: 0 new, 8 in the ledger already."
    assert rows(service, "/movements") == ledger
    assert {sku: stock(service)[sku] for sku in STOCK_AFTER} == STOCK_AFTER
    told = [(row["sku"], row["kind"], row["delta"], row["reason"], row["reference"]) for row in ledger]
    assert told == [
        ("85123A", "receive", 9, "opening for replay", "opening/1001/1"),
        ("POST", "receive", 1, "opening for replay", "opening/1001/3"),
        ("22139", "receive", 56, "opening for replay", "opening/1004/1"),
        ("AB/1 C", "receive", 1, "opening for replay", "opening/1006/2"),
        ("85123A", "issue", -6, "sale", "1001/1"),
        ("85123A", "issue", -3, "sale", "1001/2"),
        ("POST", "issue", -1, "sale", "1001/3"),
        ("85123A", "receive", 12, "return", "C1002/1"),
        ("85123A", "issue", -2, "sale", "1003/1"),
        ("22139", "issue", -56, "sale", "1004/1"),
        ("D", "receive", 1, "return", "1005/1"),
        ("AB/1 C", "issue", -1, "sale", "1006/2"),
    ]
    assert [row["occurred_at"] for row in ledger[7:10]] == [
        "2010-12-01T09:41:00.000000Z",
        "2010-12-01T09:45:00.000000Z",
        "2010-12-01T11:52:00.000000Z",
    ]
    named = {item["sku"]: (item["name"], item["price"]) for item in rows(service, "/items")}
    assert named["85123A"] == ("WHITE HEART, LARGE", "2.55")
    assert named["22139"] == ("Item 22139", "0.00")
    assert named["D"] == ("Remise été – 5 €", "27.50")
    assert named["AB/1 C"] == ("TWO LINES", "0.0325")


def test_a_file_that_has_grown_adds_what_is_new(service: Program, tmp_path: Path) -> None:
    sales = tmp_path / "sales.csv"
    sales.write_text(HEADER + "2001,GROWS,Growing,4,12/2/10 8:00,1,,\n", encoding="utf-8")
    replay(service, sales)
    sales.write_text(sales.read_text() + "2001,GROWS,Growing,5,12/2/10 8:00,1,,\n", encoding="utf-8-sig")

    grown = replay(service, sales)

    assert last_line(grown) == "2 lines: 1 new, 1 in the ledger already."
    ledger = [row["delta"] for row in rows(service, "/movements") if row["sku"] == "GROWS"]
    assert ledger == [4, -4, 5, -5]


def test_sales_that_are_out_of_order_and_older_than_the_stock_are_replayed(service: Program, tmp_path: Path) -> None:
    item = {"sku": "OLD", "name": "There today", "quantity": 7}
    assert service.ask("POST", "/items", item).status == 201
    sales = tmp_path / "sales.csv"
    lines = "5002,OLD,Old,2,12/2/10 8:00,1,,\n5001,OLD,Old,3,12/1/10 8:00,1,,\n"
    sales.write_text(HEADER + lines, encoding="utf-8")

    assert last_line(replay(service, sales)) == "2 lines: 2 new, 0 in the ledger already."

    assert [row["delta"] for row in rows(service, "/movements") if row["sku"] == "OLD"] == [7, 5, -3, -2]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("3001,X,Thing,many,12/1/10 8:26,1,,", "line 3: Quantity must be a whole number; it is 'many'"),
        ("3001,X,Thing,1.5,12/1/10 8:26,1,,", "line 3: Quantity must be a whole number; it is '1.5'"),
        (
            "3001,X,Thing,1,31/12/10 8:26,1,,",
            "line 3: InvoiceDate must be as 12/31/2010 8:26 in this file; it is '31/12/10 8:26'",
        ),
        ("3001,X,Thing,1,12/1/10 8:26,free,,", "line 3: UnitPrice must be a number; it is 'free'"),
        ("3001,,Thing,1,12/1/10 8:26,1,,", "line 3: InvoiceNo and StockCode must not be empty"),
        ("3001,X,Thing,1", "line 3: it has more or fewer cells than the first line"),
        ("3001,X,Thing,1,12/1/10 8:26,1,,,", "line 3: it has more or fewer cells than the first line"),
        (f"3001,{'X' * 65},Thing,1,12/1/10 8:26,1,,", "line 3, StockCode " + "X" * 65),
    ],
)
def test_a_bad_line_is_told_with_its_number_and_nothing_is_recorded(
    service: Program, tmp_path: Path, line: str, words: str
) -> None:
    sales = tmp_path / "sales.csv"
    sales.write_text(f"{HEADER}3000,FINE,Fine,1,12/1/10 8:26,1,,\n{line}\n", encoding="utf-8")
    before = rows(service, "/movements")

    refused = replay(service, sales)

    assert refused.returncode == 1
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr
    assert rows(service, "/movements") == before


@pytest.mark.parametrize(
    ("dates", "order", "occurred"),
    [
        (("3/12/10 8:00", "13/12/10 8:00"), "", ("2010-12-03T08", "2010-12-13T08")),
        (("12/3/10 8:00", "12/13/10 8:00"), "", ("2010-12-03T08", "2010-12-13T08")),
        (("3/12/10 8:00", "4/12/2010 8:00:05"), "--day-first", ("2010-12-03T08", "2010-12-04T08")),
        (("3/12/10 8:00", "4/12/10 8:00"), "--month-first", ("2010-03-12T08", "2010-04-12T08")),
        (("2010-12-03 08:00", "2010-12-04 08:00:00"), "", ("2010-12-03T08", "2010-12-04T08")),
    ],
)
def test_a_day_above_12_or_an_option_says_whether_days_come_first(
    service: Program, tmp_path: Path, dates: tuple[str, str], order: str, occurred: tuple[str, str]
) -> None:
    sku = f"DATED-{order}-{dates[0][:2]}-{dates[1][:2]}".replace("/", "")
    sales = tmp_path / "sales.csv"
    sales.write_text(HEADER + "".join(f"{sku},{sku},Dated,1,{date},1,,\n" for date in dates), encoding="utf-8")

    assert last_line(replay(service, sales, order=order)) == "2 lines: 2 new, 0 in the ledger already."

    found = [row["occurred_at"][:13] for row in rows(service, "/movements") if row["sku"] == sku]
    assert tuple(found[1:]) == occurred


@pytest.mark.parametrize(
    ("dates", "order", "words"),
    [
        (
            ("3/12/10 8:00", "4/12/10 8:00"),
            "",
            "no day is above 12, so nobody knows whether 2/1/2010 is in January; say --day",
        ),
        (
            ("3/12/10 8:00", "12/13/10 8:00"),
            "--day-first",
            "line 3: InvoiceDate must be as 31/12/2010 8:26 in this file",
        ),
        (("13/12/10 8:00", "12/13/10 8:00"), "", "line 3: InvoiceDate must be as 31/12/2010 8:26 in this file"),
    ],
)
def test_dates_that_nobody_can_read_for_certain_are_refused_and_nothing_is_recorded(
    service: Program, tmp_path: Path, dates: tuple[str, str], order: str, words: str
) -> None:
    sales = tmp_path / "sales.csv"
    sales.write_text(HEADER + "".join(f"U1,UNDATED,Undated,1,{date},1,,\n" for date in dates), encoding="utf-8")
    before = rows(service, "/movements")

    refused = replay(service, sales, order=order)

    assert (refused.returncode, words in refused.stderr) == (1, True), refused.stderr
    assert rows(service, "/movements") == before


def test_lines_whose_dates_were_read_wrongly_before_are_not_sold_twice(service: Program, tmp_path: Path) -> None:
    sales = tmp_path / "sales.csv"
    sales.write_text(
        HEADER + "W1,WRONG,Wrong,3,3/12/10 8:00,1,,\nW1,WRONG,Wrong,4,4/12/10 8:00,1,,\n", encoding="utf-8"
    )
    replay(service, sales, order="--month-first")

    again = replay(service, sales, order="--day-first")

    assert last_line(again) == "2 lines: 0 new, 2 in the ledger already."
    assert [row["delta"] for row in rows(service, "/movements") if row["sku"] == "WRONG"] == [7, -3, -4]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(("encoding", "above"), [("utf-8-sig", ""), ("utf-16", ""), ("utf-8", "sep=D\r\n")])
def test_any_delimiter_and_the_encodings_of_excel_are_read(
    service: Program, tmp_path: Path, delimiter: str, encoding: str, above: str
) -> None:
    number = f"{ord(delimiter)}-{encoding}-{len(above)}"
    sku = f"DELIMITED-{number}"
    line = f"{number},{sku},Größe,2,2010-12-01 8:00,1.50,,\r\n"
    sales = tmp_path / "sales.csv"
    text = above.replace("D", delimiter) + (HEADER.replace("\n", "\r\n") + line).replace(",", delimiter)
    sales.write_text(text, encoding=encoding, newline="")

    assert last_line(replay(service, sales, order="")) == "1 lines: 1 new, 0 in the ledger already."

    item = service.ask("GET", f"/items/by-sku/{sku}").json
    assert (item["name"], item["price"]) == ("Größe", "1.50")


def test_a_file_without_the_columns_is_refused(service: Program, tmp_path: Path) -> None:
    sales = tmp_path / "sales.csv"
    sales.write_text("InvoiceNo;StockCode\n1;2\n", encoding="utf-8")

    assert "the first line must name the columns" in replay(service, sales).stderr


@pytest.mark.parametrize("how", ["busy", "before", "after"])
def test_a_service_that_falters_loses_and_doubles_nothing(service: Program, tmp_path: Path, how: str) -> None:
    """`busy` answers 503; `before` and `after` cut the line before or after the service has got each write."""
    sku = f"FALTERS-{how}"
    sales = tmp_path / "sales.csv"
    sales.write_text(HEADER + f"4-{how},{sku},Thing,3,12/3/10 8:26,1,,\n" * 2, encoding="utf-8")

    with faltering(service.address, how) as url:
        replayed = replay(service, sales, url=url)

    assert last_line(replayed) == "2 lines: 2 new, 0 in the ledger already."
    ledger = [row["delta"] for row in rows(service, "/movements") if row["sku"] == sku]
    assert ledger == [6, -3, -3]


@pytest.mark.skipif(not RETAIL.is_file(), reason="the retail data are not beside this checkout")
def test_a_day_of_real_retail_adds_up(tmp_path: Path) -> None:
    balance: Counter[str] = Counter()
    lowest: Counter[str] = Counter()
    with RETAIL.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))[1:]
    for _, code, _, quantity, *_ in lines:
        balance[code] -= int(quantity)
        lowest[code] = min(lowest[code], balance[code])
    expected = {code: balance[code] - lowest[code] for code in balance}
    instance = tmp_path / "instance"

    with program(INSTANCE_PATH=str(instance), PORT="0", ADMIN_PASSWORD=PASSWORD) as retail:
        runs = [replay(retail, RETAIL) for _ in range(2)]
        after = stock(retail)
        ledger = rows(retail, "/movements")

    assert last_line(runs[0]) == f"{len(lines)} lines: {len(lines)} new, 0 in the ledger already."
    assert last_line(runs[1]) == f"{len(lines)} lines: 0 new, {len(lines)} in the ledger already."
    assert after == expected
    moved = [row["delta"] for row in ledger if row["reason"] != "opening for replay"]
    assert moved == [-int(line[3]) for line in lines]
