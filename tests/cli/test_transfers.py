"""The commands of transfers: what an administrator or a script may count on."""

import pytest

from tests.support.shelf import add, make_location


@pytest.fixture(autouse=True)
def goods(app, admin, member):
    make_location(app, "VAN")
    for sku in ("LAMP-1", "A=B"):
        add(member, sku, quantity=5)


def last(ran):
    return ran.status, ran.err.splitlines()[-1]


def send(run, *args):
    return run("transfer", "send", "MAIN", "VAN", *args, "--reason", "for Tuesday")


def test_goods_are_sent_at_once(run, member):
    sent = send(run, "LAMP-1=2", "A=B=1")

    assert last(sent) == (0, "Transfer {id}: from MAIN to VAN, received.".format(**listed(member)[0]))
    assert [(line["sku"], line["received"]) for line in listed(member)[0]["lines"]] == [("LAMP-1", 2), ("A=B", 1)]
    assert {stock["location"]: stock["quantity"] for stock in member.get("/stocks?sku=LAMP-1").json["data"]} == {
        "MAIN": 3,
        "VAN": 2,
    }


def listed(member):
    return member.get("/transfers").json["data"]


def test_goods_are_received_in_parts_and_then_all_that_are_on_their_way(run, member):
    made = send(run, "LAMP-1=4", "A=B=1", "--later", "--reference", "T-1", "--json").json
    part = run("transfer", "receive", made["id"], "--received", "1=1", "--damaged", "1=1", "--reason", "fell")
    rest = run("transfer", "receive", made["id"])

    assert (made["state"], made["reference"]) == ("in_transit", "T-1")
    assert last(part) == (0, f"Transfer {made['id']}: from MAIN to VAN, partly received.")
    assert last(rest) == (0, f"Transfer {made['id']}: from MAIN to VAN, received.")
    shown = run("transfer", "show", made["id"])
    assert [line.split() for line in shown.out.splitlines()] == [
        ["line", "sku", "quantity", "received", "returned", "damaged"],
        ["1", "LAMP-1", "4", "3", "0", "1"],
        ["2", "A=B", "1", "1", "0", "0"],
    ]
    assert run("transfer", "show", made["id"], "--json").json == listed(member)[0]


def test_transfers_are_listed_and_reversed(run, member):
    first, second = (send(run, "LAMP-1=1", *more, "--json").json["id"] for more in ((), ("--later",)))

    assert [row["id"] for row in run("transfer", "list", "--json").json] == [second, first]
    assert [row["id"] for row in run("transfer", "list", "--state", "in_transit", "--json").json] == [second]
    assert run("transfer", "list", "--location", "NONE", "--json").json == []
    assert run("transfer", "list").out.splitlines()[0].split()[:4] == ["id", "state", "from", "to"]
    assert last(run("transfer", "reverse", first)) == (
        0,
        f"Transfer {first}: from MAIN to VAN, received, reversed.",
    )


@pytest.mark.parametrize("words", ["LAMP-1", "LAMP-1=", "LAMP-1=0", "LAMP-1=x", "LAMP-1=99999999999", "=1"])
def test_a_line_that_makes_no_sense_is_refused(run, member, words):
    refused = send(run, words)

    assert refused.status == 2
    assert repr(words)[1:-1] in refused.err
    assert listed(member) == []


def test_what_can_not_be_sent_is_said_in_one_sentence(run, member):
    refused = send(run, "LAMP-1=6")

    assert last(refused) == (1, "Error: Nothing was recorded. Line 0: Item 'LAMP-1' has 5; 6 can't go.")
