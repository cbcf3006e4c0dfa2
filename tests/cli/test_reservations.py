"""The commands of reservations: what an administrator or a script may count on."""

import shlex

import pytest

from tests.support.clients import person
from tests.support.documents import blocks
from tests.support.program import ROOT
from tests.support.reservations import is_sound, let_expire, promised, reserve
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

    assert (made.status, made.out, last(made)) == (0, "", "Reservation 1 (open): 4 of 4 BOLT at MAIN open.")
    assert table[0].split()[:6] == ["id", "sku", "location", "quantity", "open", "state"]
    assert [line.split()[:6] for line in table[1:]] == [["1", "BOLT", "MAIN", "4", "4", "open"]]
    assert run("reservation", "list", "--sku", "bolt", "--json").json == member.get("/reservations").json["data"]
    assert promised(member, bolt) == (10, 4, 6)


def test_a_reservation_is_fulfilled_in_parts_and_the_rest_released(run, app, member, bolt):
    run("reservation", "create", "BOLT", 4, "--reason", "x", "--expires-in-minutes", 60, "--user", "mel")

    part = run("reservation", "fulfil", 1, "--quantity", 1)
    rest = run("reservation", "release", 1, "--json")

    assert last(part) == "Reservation 1 (open): 3 of 4 BOLT at MAIN open."
    assert rest.json == member.get("/reservations/1").json
    assert (rest.json["state"], rest.json["user"], promised(member, bolt)) == ("released", "mel", (9, 0, 9))
    assert member.get("/movements?kind=issue").json["data"][0]["user"] == "ada"
    assert is_sound(app)


def test_the_list_has_what_is_open_or_what_is_asked_for(run, app, member, bolt):
    let_expire(app, reserve(member, "BOLT", 1, minutes=9))
    reserve(member, "BOLT", 2, reference="order 8")

    def ids(*options):
        return [row["id"] for row in run("reservation", "list", "--json", *options).json]

    assert (ids(), ids("--state", "expired"), ids("--state", "released")) == ([2], [1], [])
    assert (ids("--reference", "order 8"), ids("--location", "main"), ids("--location", "VAN")) == ([2], [2], [])


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
        (["fulfil", 1, "--quantity", 3], 1, "2 open; 3 are more"),
        (["fulfil", 7], 1, "no reservation 7"),
        (["release", 2], 1, "is released"),
        (["list", "--state", "closed"], 2, "closed"),
    ],
)
def test_what_can_not_be_done_is_refused_and_changes_nothing(run, app, member, bolt, args, status, words):
    person(app, "gus", "guest")
    reserve(member, "BOLT", 2)
    member.post(f"/reservations/{reserve(member, 'BOLT', 1)['id']}/release")
    before = promised(member, bolt), member.get("/events").json

    refused = run("reservation", *args)

    assert (refused.status, refused.out) == (status, "")
    assert words in refused.err
    assert (promised(member, bolt), member.get("/events").json) == before


def test_the_commands_of_the_page_about_reservations_run(run, app, member, bolt):
    page = (ROOT / "docs" / "reservations.md").read_text(encoding="utf-8")
    ((commands, _),) = blocks(page, "sh")
    add(member, "LAMP-1", quantity=5)
    for _ in range(2):  # which the page has made before
        reserve(member, "LAMP-1", 1)

    ran = [run(*shlex.split(line)[2:]) for line in commands.splitlines()]

    assert [each.status for each in ran] == [0] * 5
    assert "order 9" in ran[-1].out
    assert is_sound(app)
