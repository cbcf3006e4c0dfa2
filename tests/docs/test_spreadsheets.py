"""The page about spreadsheets is true: its commands answer as printed, its tables and scripts are those of the code."""

import json
import re
import shutil
import subprocess

import pytest

from models.stock.item import Item
from models.stock.item_fields import FILE_COLUMNS
from resources.import_options import OPTIONS
from resources.item_parsers import list_parser
from resources.item_rows import IMPORT_COLUMNS
from resources.items import ItemListResource
from tables.presets import PRESETS
from tests.support.documents import assert_closed, blocks, section
from tests.support.program import ROOT

PAGE = (ROOT / "docs" / "spreadsheets.md").read_text(encoding="utf-8")
POWER_QUERY = re.compile(
    r'(?P<text>"[^"\n]*") | (?P<word>[A-Za-z_][\w.]*) | (?P<number>\d+) | (?P<blank>\s+) | (?P<other>=>|<>|[][(){},=])',
    re.VERBOSE,
)
# What a query may use of the language and of its library.
WORDS = {"let", "in", "as", "if", "then", "else", "null", "text", "record", "type"}
FUNCTIONS = {
    *("Web.Contents", "Json.Document", "Json.FromValue", "Text.Combine", "Text.FromBinary", "TextEncoding.Utf8"),
    *("List.Generate", "List.Combine", "Table.FromRecords", "Table.TransformColumns", "Table.TransformColumnTypes"),
    *("MissingField.UseNull", "Currency.Type", "Int64.Type"),
}
# What Apps Script has and the script uses; `fetch` asks the service with curl.
APPS_SCRIPT = """
const { execFileSync } = require("node:child_process");
const sheets = {};
const menu = { addItem: (title, name) => (eval(name), menu), addToUi: () => {} };
const sheet = (name) => sheets[name] && {
  clearContents: () => { sheets[name].rows = []; },
  getRange: (row, column, height, width) => ({
    setValues: (rows) => {
      if (rows.length !== height || rows.some((cells) => cells.length !== width)) throw new Error("another range");
      sheets[name].rows = rows;
    },
  }),
  setFrozenRows: (number) => { sheets[name].frozen = number; },
};
const file = { getSheetByName: sheet, insertSheet: (name) => { sheets[name] = {}; return sheet(name); } };
const SpreadsheetApp = { getUi: () => ({ createMenu: () => menu }), getActiveSpreadsheet: () => file };
const PropertiesService = { getScriptProperties: () => ({ getProperty: (name) => process.env[name] }) };
const UrlFetchApp = {
  fetch: (url, options) => {
    const headers = Object.entries(options.headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
    const text = execFileSync("curl", ["-sS", "--fail", ...headers, url], { encoding: "utf8" });
    return { getContentText: () => text };
  },
};
"""


def first_cells(title: str) -> list[str]:
    """The names in the first column of the table below a heading."""
    return re.findall(r"^\| `([a-z_-]+)", section(PAGE, title), re.MULTILINE)


def test_its_commands_answer_as_printed(assert_answered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert_answered(blocks(PAGE, "bash", "(?:json|csv)"))


def test_it_names_every_column_option_and_preset():
    assert sorted(first_cells("Columns")) == sorted(IMPORT_COLUMNS)
    assert first_cells("Options") == ["dry_run", *(option.name for option in OPTIONS)]
    assert first_cells("Export") == ["format", "fields", "delimiter", "bom"]
    assert first_cells("Files of other products") == list(PRESETS)


def test_every_curl_that_sends_a_file_keeps_its_line_ends():
    curls = [
        command
        for block in blocks(PAGE, "bash")
        for command in re.findall(r"^curl (?:.*\\\n)*.*", block.commands, re.M)
    ]

    sent = [command for command in curls if "/import" in command]
    assert len(sent) >= 4
    assert all("--data-binary @" in command or "-F file=@" in command for command in sent)
    assert not any(re.search(r"\s-d\s", command) for command in curls)


def test_the_query_of_power_query_asks_for_what_there_is():
    [query] = (block.commands for block in blocks(PAGE, "powerquery"))
    tokens = [(str(match.lastgroup), match[0]) for match in POWER_QUERY.finditer(query)]
    words = [text for kind, text in tokens if kind == "word"]
    strings = [text.strip('"') for kind, text in tokens if kind == "text"]

    assert "".join(text for _, text in tokens) == query
    assert_closed(tokens)
    assert strings[1 : 1 + len(FILE_COLUMNS)] == list(FILE_COLUMNS)
    assert {word for word in words if "." in word} == FUNCTIONS
    bound = set(re.findall(r"^    (\w+) =", query, re.MULTILINE))
    taken = set(re.findall(r"\((\w+)(?: as text)?\) (?:as record )?=>", query))
    asked = set(re.findall(r"(\w+) = ", query[query.index("Query = [") + 9 :].partition("]")[0]))
    members = set(re.findall(r"page\[(\w+)\]", query))
    assert set(words) <= WORDS | FUNCTIONS | bound | taken | asked | members | {"RelativePath", "Query", "number"}
    assert asked <= list_parser.query.keys()
    assert members <= ItemListResource.operations["GET"].output.schema["properties"].keys()
    typed = dict(re.findall(r'\{"(\w+)", (type text|[\w.]+)\}', query))
    numbers = {"price": "Currency.Type", "quantity": "Int64.Type", "reorder_level": "Int64.Type"}
    texts = set(FILE_COLUMNS) - numbers.keys() - {"tags", "attributes"}
    assert typed == dict.fromkeys(texts, "type text") | numbers
    assert set(FILE_COLUMNS) < Item.SCHEMA["properties"].keys()


@pytest.mark.skipif(not (shutil.which("node") and shutil.which("curl")), reason="there is no node, or no curl")
def test_the_script_of_google_sheets_fills_the_sheet_page_by_page(first_start, tmp_path):
    user = f"admin:{first_start.password}"
    token = first_start.ask("POST", "/tokens", {"name": "sheet", "scopes": ["items:read"]}, user=user).json["token"]
    for number in range(5):
        item = {"sku": f"0{number}", "name": "=1+1", "price": "12.5", "quantity": number, "tags": ["a", "b"][:number]}
        assert first_start.ask("POST", "/items", item, user=user).status == 201
    [script] = (block.commands for block in blocks(PAGE, "javascript"))
    script = script.replace("https://stock.example.com", first_start.address).replace("limit=200", "limit=2")
    (tmp_path / "script.js").write_text(
        f"{APPS_SCRIPT}{script}\nonOpen(); refresh(); refresh(); console.log(JSON.stringify(sheets));", encoding="utf-8"
    )

    ran = subprocess.run(
        ["node", str(tmp_path / "script.js")],
        env={"STOCKROOM_TOKEN": token, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
        encoding="utf-8",
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    [(name, sheet)] = json.loads(ran.stdout).items()
    assert (name, sheet["frozen"], sheet["rows"][0]) == ("Stock", 1, list(FILE_COLUMNS))
    filled = [dict(zip(FILE_COLUMNS, row, strict=True)) for row in sheet["rows"][1:]]
    assert [row["sku"] for row in filled] == [f"'0{number}" for number in range(5)]
    assert {name: filled[2][name] for name in ("name", "price", "quantity", "reorder_level", "barcode", "tags")} == {
        "name": "'=1+1",
        "price": 12.5,
        "quantity": 2,
        "reorder_level": "",
        "barcode": "",
        "tags": "'a|b",
    }
