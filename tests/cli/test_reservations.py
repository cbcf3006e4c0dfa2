"""The commands of reservations: what an administrator or a script may count on."""

import shlex

import pytest

from tests.support.clients import person
from tests.support.documents import blocks
from tests.support.program import ROOT
from tests.support.reservations import is_sound, let_expire, path_of_reservation, promised, reserve
from tests.support.shelf import add


@pytest.fixture
def bolt(admin, member):
    """The path of an item of which there are ten; there is an admin whom the ledger can name."""
    return f"/items/{add(member, 'BOLT', quantity=10)['id']}"


def last(ran):
    return ran.err.splitlines()[-1]


def test_what_is_reserved_is_listed_and_known_to_the_api(run, member, bolt):
    made = run("reservation", "create", "bolt", 4, "--reason", "web order", "--reference", "order 8")
    table = run("reservation", "list").out.splitlines()

    [reservation] = member.get("/reservations").json["data"]
    words = f"Reservation {reservation['id']} (open): 4 of 4 BOLT at MAIN open."
    assert (made.status, made.out, last(made)) == (0, "", words)
    assert table[0].split()[:6] == ["id", "sku", "location", "quantity", "open", "state"]
    assert [line.split()[:6] for line in table[1:]] == [[str(reservation["id"]), "BOLT", "MAIN", "4", "4", "open"]]
    assert run("reservation", "list", "--sku", "bolt", "--json").json == [reservation]
    assert promised(member, bolt) == (10, 4, 6)


def test_a_reservation_is_fulfilled_in_parts_and_the_rest_released(run, app, member, bolt):
    options = ("--reason", "x", "--expires-in-minutes", 60, "--user", "mel", "--json")
    made = run("reservation", "create", "BOLT", 4, *options).json

    part = run("reservation", "fulfil", made["id"], "--quantity", 1)
    rest = run("reservation", "release", made["id"], "--json")

    assert last(part) == f"Reservation {made['id']} (open): 3 of 4 BOLT at MAIN open."
    assert rest.json == member.get(path_of_reservation(made)).json
    assert (rest.json["state"], rest.json["user"], promised(member, bolt)) == ("released", "mel", (9, 0, 9))
    assert member.get("/movements?kind=issue").json["data"][0]["user"] == "ada"
    assert is_sound(app)


def test_the_list_has_what_is_open_or_what_is_asked_for(run, app, member, bolt):
    old = reserve(member, "BOLT", 1, minutes=9)
    let_expire(app, old)
    new = reserve(member, "BOLT", 2, reference="order 8")

    def ids(*options):
        return [row["id"] for row in run("reservation", "list", "--json", *options).json]

    assert (ids(), ids("--state", "expired"), ids("--state", "released")) == ([new["id"]], [old["id"]], [])
    assert ids("--reference", "order 8") == ids("--location", "main") == [new["id"]]
    assert ids("--location", "VAN") == []


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (["create", "BOLT", 9, "--reason", "x"], 1, "of which 2 are reserved; 9 can't go"),
        (["create", "NUT", 1, "--reason", "x"], 1, "no item with the SKU 'NUT'"),
        (["create", "BOLT", 1, "--reason", "x", "--location", "VAN"], 1, "no location with the code 'VAN'"),
        (["create", "BOLT", 1, "--reason", "x", "--user", "gus"], 1, "gus is guest, and may not change stock"),
        (["create", "BOLT", 1], 2, "--reason"),
        (["create", "BOLT", 0, "--reason", "x"], 2, "1 or more"),
        (["create", "BOLT", "many", "--reason", "x"], 2, "'many'"),
        (["create", "BOLT", 1, "--reason", "x", "--expires-in-minutes", 0], 2, "--expires-in-minutes"),
        (["fulfil", "{open}", "--quantity", 3], 1, "2 open; 3 are more"),
        (["fulfil", 2147483647], 1, "no reservation 2147483647"),
        (["release", "{released}"], 1, "is released"),
        (["list", "--state", "closed"], 2, "closed"),
    ],
)
def test_what_can_not_be_done_is_refused_and_changes_nothing(run, app, member, bolt, args, status, words):
    person(app, "gus", "guest")
    ids = {"open": reserve(member, "BOLT", 2)["id"], "released": reserve(member, "BOLT", 1)["id"]}
    member.post(f"/reservations/{ids['released']}/release")
    before = promised(member, bolt), member.get("/events").json

    refused = run("reservation", *(str(arg).format(**ids) for arg in args))

    assert (refused.status, refused.out) == (status, "")
    assert words in refused.err
    assert (promised(member, bolt), member.get("/events").json) == before


def test_the_commands_of_the_page_about_reservations_run(run, app, member, bolt):
    page = (ROOT / "docs" / "reservations.md").read_text(encoding="utf-8")
    ((commands, _),) = blocks(page, "sh")
    add(member, "LAMP-1", quantity=5)
    number = reserve(member, "LAMP-1", 1)["id"] + 1  # on the page, it is the third

    ran = [run(*shlex.split(line.replace(" 3", f" {number}"))[2:]) for line in commands.splitlines()]

    assert [each.status for each in ran] == [0] * 5
    assert "order 9" in ran[-1].out
    assert is_sound(app)
