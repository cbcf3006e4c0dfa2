"""The commands of locations: what an administrator or a script may count on."""

import pytest

from tests.support.shelf import add

MAIN = "/locations/1"


def listed(client):
    """The code, name, default and archived of every location."""
    found = [client.get(f"/locations?archived={archived}").json["data"] for archived in ("false", "true")]
    rows = [row for each in found for row in each]
    return [(row["code"], row["name"], row["default"], row["archived"]) for row in rows]


def test_a_location_is_created_listed_and_known_to_the_api(run, member):
    made = run("location", "create", "VAN", "--name", "The van")
    table = run("location", "list").out.splitlines()

    assert (made.status, made.out, made.err.splitlines()[-1]) == (0, "", "VAN.")
    assert [line.split()[1:] for line in table] == [
        ["code", "name", "default", "archived"],
        ["MAIN", "yes", "no"],
        ["VAN", "The", "van", "no", "no"],
    ]
    assert run("location", "list", "--json").json == member.get("/locations").json["data"]
    assert run("location", "create", "Lager 2", "--json").json == member.get("/locations/by-code/lager%202").json


def test_code_name_and_default_are_changed(run, member):
    run("location", "create", "VAN")

    changed = run("location", "change", "van", "--code", "TRUCK", "--name", "The truck", "--default")

    assert (changed.status, changed.err.splitlines()[-1]) == (0, "TRUCK (default).")
    assert listed(member) == [("MAIN", "", False, False), ("TRUCK", "The truck", True, False)]
    assert run("location", "change", "truck", "--name", "", "--json").json["name"] == ""
    assert run("location", "create", "SHOP", "--default", "--json").json["default"] is True
    assert [row[0] for row in listed(member) if row[2]] == ["SHOP"]


def test_an_archived_location_is_restored(run, member):
    run("location", "create", "VAN")

    archived = run("location", "archive", "van")
    gone = listed(member), run("location", "list", "--archived", "--json").json, run("location", "list").out
    restored = run("location", "restore", "VAN")

    assert (archived.status, archived.err.splitlines()[-1]) == (0, "VAN (archived).")
    assert gone[0][1] == ("VAN", "", False, True)
    assert [row["code"] for row in gone[1]] == ["VAN"]
    assert "VAN" not in gone[2]
    assert (restored.status, listed(member)[1]) == (0, ("VAN", "", False, False))


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (["create", "main"], 1, "already"),
        (["create", "SHOP", "--name", "x" * 201], 2, "at most 200 characters"),
        (["create", " SHOP"], 2, "blank"),
        (["create"], 2, "CODE"),
        (["change", "VAN", "--code", "Main"], 1, "already"),
        (["change", "VAN", "--code", ".."], 2, "no URL can end with"),
        (["change", "VAN"], 2, "--code, --name or --default"),
        (["change", "SHOP", "--default"], 1, "no location with the code 'SHOP'"),
        (["change", "OLD", "--name", "x"], 1, "restore it first"),
        (["archive", "SHOP"], 1, "no location with the code 'SHOP'"),
        (["archive", "MAIN"], 1, "main location"),
        (["archive", "VAN"], 1, "default location"),
        (["archive", "ATTIC"], 1, "has stock"),
        (["restore", "SHOP"], 1, "no location with the code 'SHOP'"),
    ],
)
def test_what_can_not_be_done_is_refused_and_changes_nothing(run, member, args, status, words):
    for code in ("VAN", "ATTIC", "OLD"):
        run("location", "create", code)
    run("location", "archive", "OLD")
    moved = {"kind": "receive", "quantity": 1, "reason": "x", "location": "ATTIC"}
    assert member.post(f"/items/{add(member, 'LAMP')['id']}/movements", json=moved).status_code == 201
    run("location", "change", "VAN", "--default")
    before, events = listed(member), member.get("/events").json

    refused = run("location", *args)

    assert (refused.status, refused.out) == (status, "")
    assert words in refused.err
    assert (listed(member), member.get("/events").json) == (before, events)


def test_the_feed_has_what_the_command_line_does_as_done_by_cli(run, member):
    run("location", "create", "VAN")
    run("location", "change", "VAN", "--default")
    run("location", "change", "MAIN", "--default")
    run("location", "archive", "VAN")
    run("location", "restore", "VAN")

    events = member.get("/events").json["data"]
    assert [event["type"].removeprefix("location.") for event in events] == [
        *("created", "updated", "updated", "updated", "updated", "archived", "restored")
    ]
    assert {event["actor"] for event in events} == {"cli"}
    assert events[-1]["data"] == member.get("/locations/by-code/van").json
