"""The commands: what an administrator or a script may count on, whichever program runs them."""

import json
import os
import re
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from openpyxl import Workbook

from app import create_app
from models.event import Event
from models.people.token import ApiToken
from models.people.user import User
from models.stock.item import Item
from models.stock.movement import Movement
from resources.users import CurrentUserResource
from tests.support.clients import PASSWORD, Client, with_password
from tests.support.databases import settings_for
from tests.support.program import ROOT, environment, python_run

NEW = "quite another sentence"
CSV = "sku,name,quantity\r\nLAMP-1,Desk lamp,5\r\nBULB-1,Bulb,40\r\n"


def audited(admin: Client) -> list[tuple[str, str]]:
    """What the audit has of the command line: the types of its events and their data's name."""
    events = admin.get("/audit?limit=200").json["data"]
    return [(event["type"], event["data"].get("username")) for event in events if event["actor"] == "cli"]


# --- users ----------------------------------------------------------------------------------------------------------


def test_a_new_user_gets_a_random_password_alone_on_stdout_and_it_opens(run, app):
    made = run("user", "create", "mia", "--role", "member", "--email", "mia@example.com")

    assert made.status == 0
    assert len(made.out.strip()) == 24
    assert made.out.strip() not in made.err
    me = with_password(app, "mia", made.out.strip()).get("/users/me").json
    assert (me["role"], me["email"]) == ("member", "mia@example.com")


def test_a_new_user_is_a_guest_unless_said_otherwise(run):
    assert run("user", "create", "mia", "--json").json["role"] == "guest"


def test_as_json_the_password_is_a_member(run, app):
    made = run("user", "create", "mia", "--json")

    assert with_password(app, "mia", made.json["password"]).get("/users/me").status_code == 200


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_password_is_read_from_stdin_and_not_shown(run, app, end):
    made = run("user", "create", "mia", "--password-stdin", stdin=f"{NEW}{end}")

    assert made.status == 0
    assert NEW not in made.out + made.err
    assert with_password(app, "mia", NEW).get("/users/me").status_code == 200


def test_a_password_is_asked_for_twice_and_not_shown(run, app):
    made = run("user", "create", "mia", "--prompt", stdin=f"{NEW}\n{NEW}\n")

    assert made.status == 0
    assert NEW not in made.out + made.err
    assert with_password(app, "mia", NEW).get("/users/me").status_code == 200


@pytest.mark.parametrize(
    ("args", "stdin", "status", "words"),
    [
        (["mia", "--password-stdin"], "short\n", 1, "password"),
        (["mia", "--password-stdin"], "", 1, "password"),
        (["mia", "--password-stdin", "--prompt"], "", 2, "either"),
        (["mia@example-example", "--password-stdin"], "mia@example-example\n", 1, "password"),
        (["a b"], "", 2, "letters"),
        (["mia", "--role", "boss"], "", 2, "boss"),
        (["mia", "--email", "nonsense"], "", 2, "email"),
        (["ADA"], "", 1, "already"),
        ([], "", 2, "USERNAME"),
    ],
)
def test_a_user_that_makes_no_sense_is_refused_and_not_made(run, admin, args, stdin, status, words):
    refused = run("user", "create", *args, stdin=stdin)

    assert (refused.status, refused.out) == (status, "")
    assert words in refused.err
    assert admin.get("/users").json["total_items"] == 1


def test_users_are_listed_for_people_and_for_scripts(run, admin, member):
    table = run("user", "list").out.splitlines()
    rows = run("user", "list", "--json").json

    assert table[0].split() == ["id", "username", "role", "active", "email", "locations"]
    assert [line.split()[1:4] for line in table[1:]] == [["ada", "admin", "yes"], ["mel", "member", "yes"]]
    assert rows == admin.get("/users?sort=created_at").json["data"]
    assert [row["username"] for row in run("user", "list", "--role", "member", "--json").json] == ["mel"]


def test_another_role_counts_from_the_next_request_on(run, member):
    before = member.post("/items", json={"sku": "A", "name": "A"}).status_code
    changed = run("user", "set-role", "MEL", "guest")
    after = member.post("/items", json={"sku": "B", "name": "B"}).status_code

    assert (before, changed.status, after) == (201, 0, 403)


def test_another_password_ends_the_old_one(run, app, member):
    reset = run("user", "reset-password", "mel")

    assert with_password(app, "mel", PASSWORD).get("/users/me").status_code == 401
    assert with_password(app, "mel", reset.out.strip()).get("/users/me").status_code == 200


def test_a_deactivated_user_is_refused_until_activated_again_and_the_tokens_stay_revoked(app, run, member):
    mel = with_password(app, "mel")
    deactivated = run("user", "deactivate", "mel").status
    refused = [each.get("/users/me").status_code for each in (mel, member)]
    activated = run("user", "activate", "mel").status

    assert (deactivated, refused, activated) == (0, [401, 401], 0)
    assert [each.get("/users/me").status_code for each in (mel, member)] == [200, 401]


@pytest.mark.parametrize("name", ["system", "CLI"])
def test_no_user_is_created_with_a_name_of_the_service_itself(run, app, name):
    refused = run("user", "create", name)

    assert refused.status == 2
    assert "the audit means the service itself" in refused.err
    assert run("user", "list").out.count("\n") <= 1


@pytest.mark.parametrize("args", [["set-role", "ada", "guest"], ["deactivate", "ada"]])
def test_the_last_admin_stays(run, admin, args):
    refused = run("user", *args)

    assert refused.status == 1
    assert "last active admin" in refused.err
    assert admin.get("/users/me").json["role"] == "admin"


@pytest.mark.parametrize(
    "args", [["set-role", "x", "guest"], ["deactivate", "x"], ["activate", "x"], ["reset-password", "x"]]
)
def test_who_is_not_there_can_not_be_changed(run, app, args):
    refused = run("user", *args)

    assert (refused.status, refused.out) == (1, "")
    assert refused.err.splitlines()[1:] == ["Error: There is no user 'x'."]


def test_what_the_command_line_does_is_audited_as_done_by_cli(run, admin):
    run("user", "create", "mia")
    run("user", "set-role", "mia", "member")
    run("token", "create", "mia", "--name", "till", "--scope", "items:read")

    assert [each[0] for each in audited(admin)] == ["token.created", "user.updated", "user.created"]


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_a_new_token_stands_alone_on_stdout_and_opens_what_it_should(run, app, member):
    made = run("token", "create", "mel", "--name", "till", "--scope", "items:read", "--expires-in-days", "1")
    till = Client(app, {"Authorization": f"Bearer {made.out.strip()}"})

    assert made.status == 0
    assert till.get("/items").status_code == 200
    assert till.post("/items", json={"sku": "A", "name": "A"}).status_code == 403
    assert till.get("/tokens/current").json["expires_at"] is not None


def test_tokens_are_listed_without_their_secret(run, member):
    secret = run("token", "create", "mel", "--name", "till", "--scope", "items:read", "--json").json["token"]

    rows = run("token", "list", "mel", "--json").json
    table = run("token", "list").out

    assert [row["name"] for row in rows] == ["tests", "till"]
    assert {row["username"] for row in rows} == {"mel"}
    assert secret not in json.dumps(rows) + table
    assert secret[:12] in table


def test_a_revoked_token_opens_nothing(run, app, member):
    made = run("token", "create", "mel", "--name", "till", "--scope", "items:read", "--json").json

    assert run("token", "revoke", "mel", made["id"]).status == 0

    assert Client(app, {"X-API-Key": made["token"]}).get("/items").status_code == 401
    assert run("token", "revoke", "mel", made["id"]).status == 1
    assert member.get("/items").status_code == 200


def test_somebody_elses_token_is_not_revoked(run, member, guest):
    token_id = run("token", "list", "mel", "--json").json[0]["id"]

    assert run("token", "revoke", "gus", token_id).status == 1

    assert member.get("/items").status_code == 200


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["gus", "--name", "x", "--scope", "stock:write"], 1),
        (["gus", "--name", "x"], 2),
        (["gus", "--scope", "items:read"], 2),
        (["gus", "--name", "x", "--scope", "everything"], 2),
        (["gus", "--name", "x", "--scope", "items:read", "--expires-in-days", "0"], 2),
        (["nobody", "--name", "x", "--scope", "items:read"], 1),
    ],
)
def test_a_token_that_makes_no_sense_is_refused_and_not_made(run, guest, args, status):
    refused = run("token", "create", *args)

    assert (refused.status, refused.out) == (status, "")
    assert len(run("token", "list", "--json").json) == 1


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "Artikel Süd.csv"
    path.write_bytes(CSV.encode())
    return path


def test_an_import_creates_and_counts_in_the_name_of_the_first_admin(run, admin, file):
    imported = run("import", file, "--json")

    assert imported.status == 0
    assert (imported.json["created"], imported.json["updated"]) == (2, 0)
    assert imported.err == ""
    movements = admin.get("/movements").json["data"]
    assert sorted((each["sku"], each["delta"], each["user"]) for each in movements) == [
        ("BULB-1", 40, "ada"),
        ("LAMP-1", 5, "ada"),
    ]


def test_an_import_names_the_user_it_was_given(run, admin, member, file):
    assert run("import", file, "--user", "mel").out == "created: 2, updated: 0, unchanged: 0\n"

    assert {each["user"] for each in admin.get("/movements").json["data"]} == {"mel"}
    assert {each["actor"] for each in admin.get("/events").json["data"]} == {"mel"}
    assert all(each["request_id"].startswith("cli-") for each in admin.get("/events").json["data"])


def test_a_dry_run_changes_nothing(run, admin, file):
    out = run("import", file, "--dry-run").out

    assert out.splitlines()[-1] == "nothing changed, created: 2, updated: 0, unchanged: 0"
    assert admin.get("/items").json["total_items"] == 0


def test_a_dry_run_lists_the_changes_as_wide_as_the_console(run, admin, file, monkeypatch):
    run("import", file)
    file.write_text(f"sku,name,quantity\nLAMP-1,{'Lamp ' * 30},7\nBULB-1,Bulb,40\n", encoding="utf-8")
    monkeypatch.setenv("COLUMNS", "60")

    lines = run("import", file, "--dry-run").out.splitlines()

    assert [line.split() for line in (lines[0], lines[2])] == [
        ["row", "sku", "field", "from", "to"],
        ["1", "LAMP-1", "quantity", "5", "7"],
    ]
    assert lines[1].startswith("1    LAMP-1  name      Desk lamp  Lamp Lamp")
    assert (len(lines[1]), lines[1][-1]) == (60, "…")
    assert lines[3:] == ["nothing changed, created: 0, updated: 1, unchanged: 1, counted: 1"]


def test_an_import_has_the_rules_of_a_request(run, admin, file):
    run("import", file)
    file.write_text("barcode,sku,quantity\n7,LAMP-1,2\n", encoding="utf-8")

    received = run("import", file, "--quantity", "receive", "--on-missing", "fail")
    issued = run("import", file, "--quantity", "issue", "--match", "barcode")
    file.write_text("barcode,sku,quantity\n7,LAMP-1,-2\n8,X,1\n", encoding="utf-8")
    missing = run("import", file, "--match", "barcode", "--on-missing", "skip", "--negative", "zero")
    refused = run("import", file, "--quantity", "add")

    assert received.out == "created: 0, updated: 1, unchanged: 0, counted: 1\n"
    assert issued.out == "created: 0, updated: 1, unchanged: 0, counted: 1\n"
    assert missing.out == "created: 0, updated: 1, unchanged: 0, skipped: 1, counted: 1\n"
    assert (refused.status, "must be one of count, ignore, receive, issue" in refused.err) == (2, True)
    assert admin.get("/items/by-sku/lamp-1").json["quantity"] == 0


def test_an_import_with_its_option_records_movements(run, admin, file):
    run("import", file)
    goods = file.with_name("goods.csv")
    goods.write_text("Article;Count\nLAMP-1;3\nBULB-1;2\n", encoding="utf-8")
    options = ("--movements", "--kind", "receive", "--map", "Article=sku", "--map", "Count=quantity")

    tried = run("import", goods, *options, "--dry-run")
    received = run("import", goods, *options)
    goods.write_text("sku,kind,quantity\nLAMP-1,issue,9\n", encoding="utf-8")
    refused = run("import", "--movements", goods)
    as_json = run("import", "--movements", goods, "--json")

    assert [each.split() for each in tried.out.splitlines()[1:3]] == [
        ["1", "LAMP-1", "quantity", "5", "8"],
        ["2", "BULB-1", "quantity", "40", "42"],
    ]
    assert tried.out.endswith("\nnothing changed, recorded: 2\n")
    assert received.out == "recorded: 2\n"
    assert (refused.status, refused.err.splitlines()[1]) == (1, "line 2: Item 'LAMP-1' has 8; 9 can't go")
    assert (as_json.status, as_json.json["error_counts"]) == (1, {"insufficient_stock": 1})
    assert [each["user"] for each in admin.get("/movements?kind=receive").json["data"]] == ["ada", "ada"]
    assert admin.get("/items/by-sku/lamp-1").json["quantity"] == 8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--movements", "--preset", "shopify"), "--preset says nothing about movements."),
        (("--movements", "--on-conflict", "skip"), "--on-conflict says nothing about movements."),
        (("--kind", "receive"), "--kind says something about movements only."),
        (("--movements", "--map", "Title=name"), '"Title=name" must be NAME=FIELD, with one of sku, barcode, kind'),
        (("--movements", "--kind", "opening"), "'opening' is not one of 'receive', 'issue', 'adjust', 'count'."),
    ],
)
def test_options_of_items_say_nothing_about_movements(run, admin, file, options, words):
    called = run("import", file, *options)

    assert called.status == 2
    assert words in called.err


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_an_import_reads_what_programs_write(run, admin, file, encoding):
    file.write_bytes("sku;name\r\nA;Größe\r\n".encode(encoding))
    named = ["--encoding", "windows-1252"] if encoding == "cp1252" else []

    assert run("import", file, *named).status == 0

    assert admin.get("/items/by-sku/a").json["name"] == "Größe"


def test_an_import_has_the_options_of_a_request(run, admin, file, tmp_path):
    file.write_text("Variant SKU;Title;Variant Price;Vendor\n'00123;Größe;1.234,50 €;x\n", encoding="utf-8")
    names = ["--map", "Variant SKU=sku", "--map", "Title=name", "--map", "Variant Price=price"]
    workbook = Workbook()
    workbook.create_sheet("Stock").append(["sku", "quantity"])
    workbook["Stock"].append(["00123", 7])
    workbook.save(tmp_path / "stock.xlsx")

    options = ["--extra-columns", "ignore", "--decimal", ",", "--currency", "ignore"]

    mapped = run("import", file, *names, *options, "--json")
    counted = run("import", tmp_path / "stock.xlsx", "--sheet", "Stock")

    assert mapped.json["read_as"]["columns"] == {"Variant SKU": "sku", "Title": "name", "Variant Price": "price"}
    assert counted.out == "created: 0, updated: 1, unchanged: 0, counted: 1\n"
    item = admin.get("/items/by-sku/00123").json
    assert (item["name"], item["price"], item["quantity"]) == ("Größe", "1234.50", 7)


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_each_step_of_an_import_has_a_bar_of_its_own_and_comes_to_its_end(run, admin, tmp_path, monkeypatch, suffix):
    ended = []

    @contextmanager
    def progress(label, length):
        assert not shown, f"{label} begins before {shown} has ended"
        shown.append(label)
        bar = SimpleNamespace(length=length, pos=0)
        bar.update = lambda steps: setattr(bar, "pos", bar.pos + steps)
        yield bar
        shown.remove(label)
        ended.append((label, bar.pos == bar.length))

    def steps(file, rows, *options):
        ended.clear()
        if suffix == "xlsx":
            book = Workbook()
            for row in rows:
                book.active.append(row)
            book.save(tmp_path / file)
        else:
            (tmp_path / file).write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
        assert run("import", tmp_path / file, *options).status == 0
        return ended

    shown: list[str] = []
    monkeypatch.setattr("cli.files.progress", progress)
    names = [("sku", "name", "quantity"), *((f"S-{number}", "Thing", 1) for number in range(1200))]
    goods = [("sku", "quantity"), *((f"S-{number}", 2) for number in range(1200))]

    assert steps(f"items.{suffix}", names) == [("Reading", True), ("Comparing", True), ("Writing", True)]
    assert steps(f"goods.{suffix}", goods, "--movements", "--kind", "receive") == [
        (step, True) for step in ("Reading", "Checking", "Preparing", "Writing")
    ]


def test_an_import_takes_a_preset_and_counts_what_it_leaves_out(run, admin):
    file = Path(__file__).parents[1] / "tables" / "presets" / "shopify.csv"

    assert run("import", file, "--preset", "shopify").out == "created: 3, updated: 0, unchanged: 0, skipped: 1\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--map", "Title=title"], "must be NAME=FIELD"),
        (["--map", "A=name", "--map", "B=name"], "each field once"),
        (["--preset", "amazon"], "must be one of shopify"),
        (["--decimal", ",", "--thousands", ","], "--thousands must not be"),
    ],
)
def test_an_option_of_an_import_that_means_nothing_is_a_wrong_call(run, admin, file, options, words):
    file.write_text("sku,name\nA,a\n", encoding="utf-8")

    called = run("import", file, *options)

    assert (called.status, words in called.err) == (2, True), called.err


def test_a_file_that_is_no_table_is_one_sentence(run, admin, file):
    file.write_bytes(b"%PDF-1.7")

    called = run("import", file)

    assert (called.status, "The file is a PDF." in called.err) == (1, True), called.err


def test_a_faulty_file_is_refused_with_every_fault_and_nothing_is_changed(run, admin, file):
    file.write_text("sku,name,price\nA,A,1\nB,,x\n", encoding="utf-8")

    refused = run("import", file)
    as_json = run("import", file, "--json")

    assert (refused.status, refused.out) == (1, "")
    assert [line.split(":")[0] for line in refused.err.splitlines()] == ["Database", "line 3", "line 3", "Error"]
    assert {error["column"] for error in as_json.json["errors"]} == {"name", "price"}
    assert admin.get("/items").json["total_items"] == 0


@pytest.mark.parametrize("user", ["gus", "nobody"])
def test_who_may_not_import_or_is_not_there_does_not(run, admin, guest, file, user):
    assert run("import", file, "--user", user).status == 1

    assert admin.get("/items").json["total_items"] == 0


def test_without_an_admin_an_import_asks_for_a_user(run, member, file):
    refused = run("import", file)

    assert refused.status == 1
    assert "--user" in refused.err
    assert member.get("/items").json["total_items"] == 0


@pytest.mark.parametrize("name", ["items.csv", "items.ndjson", "items.jsonl", "items.tsv", "items.XLSX"])
def test_what_was_exported_is_unchanged_when_it_is_imported_again(run, admin, file, tmp_path, name):
    run("import", file)
    exported = run("export", tmp_path / name)

    again = run("import", tmp_path / name, "--json")

    assert (exported.status, exported.out) == (0, "")
    assert again.json["unchanged"] == 2
    assert [path.name for path in tmp_path.glob("items*")] == [name]


def test_an_export_goes_to_stdout_as_the_api_gives_it(run, admin, file):
    run("import", file)

    assert run("export", "-").out.replace("\r\n", "\n") == admin.get("/items/export").text.replace("\r\n", "\n")


def test_an_export_replaces_a_file_as_a_whole(run, admin, file, tmp_path):
    run("import", file)
    target = tmp_path / "items.csv"
    target.write_text("x" * 100_000, encoding="utf-8")

    run("export", target, "--bom")

    assert target.read_bytes().startswith(b"\xef\xbb\xbfsku,name")
    assert b"xxx" not in target.read_bytes()


@pytest.mark.parametrize(
    ("name", "options", "begins"),
    [
        ("items.tsv", [], b"sku\tname\t"),
        ("items.txt", ["--delimiter", "tab"], b"sku\tname\t"),
        ("items.csv", ["--delimiter", ";", "--bom", "--fields", "price,sku"], b"\xef\xbb\xbfprice;sku\r\n"),
        ("items.tsv", ["--delimiter", "|"], b"sku|name|"),
        ("items.ndjson", ["--fields", "sku,quantity"], b'{"sku":"LAMP-1","quantity":5}\n'),
        ("items.csv", ["--format", "xlsx"], b"PK\x03\x04"),
        ("items.xlsx", ["--format", "csv"], b"sku,name,"),
    ],
)
def test_an_export_is_written_as_its_name_and_the_options_say(run, admin, file, tmp_path, name, options, begins):
    run("import", file)

    ran = run("export", tmp_path / name, *options)

    assert (ran.status, ran.out) == (0, "")
    assert (tmp_path / name).read_bytes().startswith(begins)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("items.xlsx", ["--delimiter", ";"], "--delimiter and --bom say nothing about a file that is xlsx."),
        ("items.ndjson", ["--bom"], "--delimiter and --bom say nothing about a file that is ndjson."),
        ("items.csv", ["--delimiter", "x"], "'x' must be a comma, ; or | or tab."),
        ("items.csv", ["--fields", "sku,quantiy"], "did you mean 'quantity'?"),
    ],
)
def test_an_option_of_an_export_that_makes_no_sense_is_refused(run, admin, tmp_path, name, options, words):
    refused = run("export", tmp_path / name, *options)

    assert (refused.status, refused.out) == (2, "")
    assert words in refused.err
    assert list(tmp_path.glob("items*")) == []


def test_a_workbook_that_can_not_be_is_refused_in_one_sentence_and_leaves_no_file(run, admin, tmp_path):
    attributes = {f"a{number}": "x" * 1000 for number in range(40)}
    assert admin.post("/items", json={"sku": "A", "name": "a", "attributes": attributes}).status_code == 201

    refused = run("export", tmp_path / "items.xlsx")

    assert (refused.status, refused.out) == (1, "")
    assert "must be csv or ndjson" in refused.err and "attributes in row 1" in refused.err
    assert list(tmp_path.glob("items*")) == []


def linked(link: Path, target: Path) -> None:
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("this user of Windows may make no links")
    if not link.is_symlink():
        pytest.skip("Wine says that it makes links, and makes none that Windows programs can see")


@pytest.mark.parametrize("there", [True, False])
def test_an_export_writes_the_file_behind_a_link(run, admin, file, tmp_path, there):
    run("import", file)
    (tmp_path / "share").mkdir()
    target, link = tmp_path / "share" / "stock.csv", tmp_path / "items.csv"
    if there:
        target.write_text("old", encoding="utf-8")
    linked(link, target)

    assert run("export", link).status == 0

    assert link.is_symlink()
    assert target.read_bytes().startswith(b"sku,name")


@pytest.mark.skipif(os.name != "posix", reason="Windows keeps permissions elsewhere")
def test_an_exported_file_keeps_its_permissions(run, admin, file, tmp_path):
    target = tmp_path / "items.csv"
    target.touch(mode=0o600)

    run("export", target)

    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="Windows has no FIFOs in folders")
@pytest.mark.parametrize(("options", "begins"), [([], b"sku,name"), (["--format", "xlsx"], b"PK\x03\x04")])
def test_an_export_goes_through_a_pipe_and_leaves_it_there(run, admin, file, tmp_path, options, begins):
    run("import", file)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(pipe.read_bytes)
        assert run("export", pipe, *options).status == 0
        assert reader.result().startswith(begins)

    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no name for stdout")
def test_an_export_to_the_name_of_stdout_is_appended_to_what_stands_there(tmp_path):
    """The name is a link of our own, not /dev/stdout: a program with a fault, run as root, would replace that."""
    log, link = tmp_path / "log", tmp_path / "stdout"
    link.symlink_to("/dev/fd/1")
    settings = {"INSTANCE_PATH": str(tmp_path / "instance"), "SECRET_KEY": "k" * 32}
    assert python_run("upgrade", **settings).status == 0
    log.write_text("before\n", encoding="utf-8")
    command = [sys.executable, "run.py", "export", str(link)]
    with log.open("ab") as out:
        subprocess.run(command, cwd=ROOT, env=environment(**settings), stdout=out, stderr=subprocess.PIPE, check=True)

    assert log.read_text(encoding="utf-8").startswith("before\nsku,name")
    assert link.is_symlink()


@pytest.mark.parametrize(
    ("command", "name"),
    [("export", "items.xlsm"), ("export", "items.JSON"), ("import", "items.xls"), ("import", "items.JSON")],
)
def test_the_name_of_a_format_that_there_is_not_is_refused_with_those_that_there_are(
    run, admin, tmp_path, command, name
):
    path = tmp_path / name
    path.write_text("sku,name\nA,a\n", encoding="utf-8")

    refused = run(command, path)

    assert (refused.status, refused.out) == (2, "")
    assert ".csv" in refused.err and ".ndjson" in refused.err
    assert path.read_text(encoding="utf-8") == "sku,name\nA,a\n"
    assert run(command, path, "--format", "csv").status == 0


def test_an_import_reads_stdin(run, admin):
    assert run("import", "-", stdin=CSV).status == 0
    assert run("import", "-", "--format", "ndjson", stdin='{"sku": "A", "name": "a"}\n').status == 0

    assert sorted(item["sku"] for item in admin.get("/items").json["data"]) == ["A", "BULB-1", "LAMP-1"]


def test_an_export_to_nowhere_is_refused_in_one_sentence(run, admin, tmp_path):
    refused = run("export", tmp_path / "nowhere" / "items.csv")

    assert (refused.status, refused.out) == (1, "")
    assert [line.split(":")[0] for line in refused.err.splitlines()] == ["Database", "Error"]


# --- the rest -------------------------------------------------------------------------------------------------------


def test_stats_are_those_of_the_api(run, member, lamp):
    printed = run("stats", "--json").json
    asked = member.get("/stats").json

    assert {**printed, "generated_at": ""} == {**asked, "generated_at": ""}
    assert "62.50" in run("stats").out


def test_verify_has_json_for_scripts(run, lamp):
    assert run("verify", "--json").json == {"movements": 1, "faults": []}


def test_maintenance_goes_on_and_off(run, app, nobody):
    on = run("maintenance", "on", "back", "at noon")
    answer = nobody.get("/items").json
    off = run("maintenance", "off")

    assert (on.status, off.status) == (0, 0)
    assert (answer["code"], answer["detail"]) == ("maintenance", "back at noon")
    assert nobody.get("/items").status_code == 401


def test_maintenance_says_whether_it_is_on(run, app):
    off = run("maintenance", "status")
    run("maintenance", "on", "back", "at noon")
    on = run("maintenance", "status"), run("maintenance", "status", "--json").json
    run("maintenance", "off")

    assert (off.status, off.out) == (0, "Maintenance is off.\n")
    assert (on[0].status, on[0].out) == (0, "Maintenance is on: back at noon\n")
    assert on[1] == {"on": True, "message": "back at noon", "under_way": False}


def test_maintenance_says_how_long_it_waited_and_that_a_request_is_still_under_way(run, app, member, monkeypatch):
    entered, may_end = threading.Event(), threading.Event()

    def slow(*_):
        entered.set()
        may_end.wait()
        return {}

    monkeypatch.setattr(CurrentUserResource, "get", slow)
    monkeypatch.setattr(member, "documented", False, raising=False)
    request = threading.Thread(target=member.get, args=["/users/me"])
    request.start()
    entered.wait()
    settings = {"INSTANCE_PATH": app.instance_path, "DATABASE_URL": "sqlite:///other.sqlite3"}  # another process
    in_vain = python_run("maintenance", "on", "--wait", "0.2", **settings)
    still = python_run("maintenance", "status", "--json", **settings)
    may_end.set()
    request.join()
    done = run("maintenance", "on")
    ended = run("maintenance", "status", "--json").json
    run("maintenance", "off")

    assert in_vain.status == 1
    assert re.search(r"after \d\.\d s a request that began before is still under way", in_vain.err), in_vain.err
    assert json.loads(still.out)["under_way"] is True
    assert done.status == 0
    assert re.search(r"nothing is under way \(waited \d\.\d s\)", done.err)
    assert ended["under_way"] is False


def test_the_shell_has_the_database_and_the_models_at_hand(app):
    with app.app_context():
        at_hand = app.make_shell_context()

    assert {each.__name__ for each in (ApiToken, Event, Item, Movement, User)} | {"db"} <= at_hand.keys()


# --- faults ---------------------------------------------------------------------------------------------------------

COMMANDS = [
    ["user", "list"],
    ["token", "list"],
    ["stats"],
    ["verify"],
    ["export", "-"],
    ["report", "reorder"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_outdated_database_is_reported_and_not_touched(tmp_path, command):
    (tmp_path / "empty.sqlite3").touch()
    app = create_app(settings_for("sqlite:///empty.sqlite3", tmp_path))
    result = app.test_cli_runner().invoke(args=command)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "empty.sqlite3 is not up to date" in result.stderr
    assert "python run.py upgrade" in result.stderr
    assert (tmp_path / "empty.sqlite3").stat().st_size < 10_000


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("url", ["postgresql://u:geheim@127.0.0.1:1/stock", "mysql://u:geheim@127.0.0.1:1/stock"])
def test_a_database_that_does_not_answer_is_one_sentence_without_its_password(tmp_path, command, url):
    app = create_app(settings_for(url, tmp_path))
    result = app.test_cli_runner().invoke(args=command)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1].startswith("Error: DATABASE_URL names ")
    assert "Traceback" not in result.stderr
    assert "geheim" not in result.stderr


def test_an_old_console_is_told_any_letters(tmp_path):
    settings = {"INSTANCE_PATH": str(tmp_path), "PYTHONIOENCODING": "cp1252"}
    file = tmp_path / "東京.csv"
    file.write_text("sku,name\n東京,A\n", encoding="utf-8")
    python_run("upgrade", **settings)
    python_run("user", "create", "ada", "--role", "admin", **settings)

    imported = python_run("import", str(file), **settings)
    refused = python_run("import", str(file), "--on-conflict", "fail", **settings)

    assert imported.out == "created: 1, updated: 0, unchanged: 0\n"
    assert refused.status == 1
    assert "Traceback" not in refused.err
    assert r"\u6771\u4eac" in refused.err
