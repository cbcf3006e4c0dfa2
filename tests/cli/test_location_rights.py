"""The commands that bind users and tokens to locations, and what a bound user may import."""

import pytest

from tests.support.clients import Client
from tests.support.shelf import add, make_location


@pytest.fixture
def shop(app):
    """The code of a second location."""
    return make_location(app, "SHOP")


@pytest.fixture
def van(app):
    """The code of a third location."""
    return make_location(app, "VAN")


def open_to(client, item, *codes):
    """Those of the locations at which a client may receive one of an item."""
    body = {"kind": "receive", "quantity": 1, "reason": "test"}
    return [
        code for code in codes if client.post(f"{item}/movements", json={**body, "location": code}).status_code == 201
    ]


def test_a_user_is_created_for_some_locations(run, admin, shop, van):
    made = run("user", "create", "pat", "--role", "member", "--location", "van", "--location", "SHOP")

    assert (made.status, made.err.splitlines()[-1]) == (
        0,
        "pat (member, bound to SHOP, VAN). The password, printed this once:",
    )
    [pat] = [user for user in admin.get("/users").json["data"] if user["username"] == "pat"]
    assert pat["locations"] == ["SHOP", "VAN"]
    assert run("user", "list").out.splitlines()[-1].split()[1:] == ["pat", "member", "yes", "-", "SHOP", "VAN"]
    assert run("user", "list", "--json").json == admin.get("/users").json["data"]


def test_other_locations_count_from_the_next_request_on_and_none_is_all(run, member, lamp, shop, van):
    opened = []
    for codes in (["shop"], ["VAN", "MAIN", "van"], []):
        changed = run("user", "set-locations", "MEL", *codes)
        assert changed.status == 0, changed.err
        opened.append((changed.err.splitlines()[-1], open_to(member, lamp, "MAIN", "SHOP", "VAN")))

    assert opened == [
        ("mel (member, bound to SHOP).", ["SHOP"]),
        ("mel (member, bound to MAIN, VAN).", ["MAIN", "VAN"]),
        ("mel (member).", ["MAIN", "SHOP", "VAN"]),
    ]
    assert run("user", "set-locations", "mel", "VAN", "--json").json["locations"] == ["VAN"]


def test_a_token_is_created_for_some_locations(run, app, member, lamp, shop, van):
    made = run("token", "create", "mel", "--name", "till", "--scope", "stock:write", "--location", "shop")
    till = Client(app, {"X-API-Key": made.out.strip()})

    assert open_to(till, lamp, "MAIN", "SHOP", "VAN") == ["SHOP"]
    assert run("token", "list", "mel", "--json").json[-1]["locations"] == ["SHOP"]
    assert run("token", "list", "mel").out.splitlines()[-1].split()[-1] == "SHOP"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["user", "create", "pat", "--location", "NONE"], "There is no location with the code 'NONE'."),
        (["user", "set-locations", "mel", "SHOP", "NONE"], "There is no location with the code 'NONE'."),
        (["user", "set-locations", "nobody", "SHOP"], "There is no user 'nobody'."),
        (["token", "create", "mel", "--name", "x", "--scope", "stock:write", "--location", "NONE"], "the code 'NONE'"),
        (
            ["token", "create", "mel", "--name", "x", "--scope", "stock:write", "--location", "VAN"],
            "mel is bound to SHOP, not to VAN.",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(run, admin, member, shop, van, args, words):
    run("user", "set-locations", "mel", "SHOP")
    before = admin.get("/users").json, admin.get("/tokens?user=mel").json

    refused = run(*args)

    assert (refused.status, refused.out) == (1, "")
    assert words in refused.err
    assert (admin.get("/users").json, admin.get("/tokens?user=mel").json) == before


@pytest.mark.parametrize("options", [["--user", "mel"], []])
def test_an_import_changes_the_stock_where_the_user_may_whom_the_ledger_names(
    run, admin, member, shop, tmp_path, options
):
    add(member, "LAMP")
    run("user", "set-locations", "mel" if options else "ada", "SHOP")
    file = tmp_path / "moved.csv"

    file.write_text("sku,kind,quantity,location\nLAMP,receive,1,SHOP\nLAMP,receive,1,MAIN\n")
    refused = run("import", file, "--movements", *options)
    file.write_text("sku,kind,quantity,location\nLAMP,receive,1,SHOP\n")
    imported = run("import", file, "--movements", *options)

    assert refused.status == 1
    assert f"line 3: {options[-1] if options else 'ada'} may not change the stock at 'MAIN'" in refused.err
    assert imported.status == 0, imported.err
    assert [row["location"] for row in member.get("/movements").json["data"]] == ["SHOP"]
