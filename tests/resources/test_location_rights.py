"""Rights per location: who is bound to some changes the stock there and nowhere else, and reads all of it."""

import pytest

from models import location_codes
from models.principal import SYSTEM
from models.stock.location_rights import LocationRights
from models.stock.place import Place
from models.stock.verify import verify
from tests.resources.test_events import read_all
from tests.resources.test_movement_import import send as send_movements
from tests.support.clients import HERE, PASSWORD, Client, person, person_with_password, signed_in, with_password
from tests.support.databases import on_one_database
from tests.support.files import items as items_by_sku
from tests.support.files import send
from tests.support.identity_provider import AUDIENCE, provider
from tests.support.shelf import add, make_location

FORBIDDEN = (403, "location_forbidden")


@pytest.fixture
def shop(app):
    """The code of a second location; the default one is MAIN."""
    return make_location(app, "SHOP")


@pytest.fixture
def van(app):
    """The code of a third location."""
    return make_location(app, "VAN")


@pytest.fixture
def sam(app, admin, shop):
    """A member with a password who is bound to the shop."""
    sam = person_with_password(app, "sam", "member")
    bind(admin, sam, shop)
    return sam


@pytest.fixture
def stocked(member, lamp, shop, van):
    """The path of an item of which five are at MAIN, three in the shop and two in the van."""
    assert move(member, lamp, 3, location=shop).status_code == 201
    assert move(member, lamp, 2, location=van).status_code == 201
    return lamp


def bind(admin, client, *codes):
    """Bind the user of a client to the locations with these codes, or to none."""
    bound = admin.patch(f"/users/{client.user_id}", json={"locations": list(codes)})
    assert bound.status_code == 200, bound.json
    return bound.json


def place(client, code):
    """The path of the location with this code."""
    return f"/locations/{client.get(f'/locations/by-code/{code}').json['id']}"


def with_token(app, owner, *codes, **fields):
    """A client with a new API token of the owner, who has a password, bound to the locations with these codes."""
    scopes = ["items:read", "items:write", "stock:write"]
    made = owner.post("/tokens", json={"name": "till", "scopes": scopes, "locations": list(codes), **fields})
    assert made.status_code == 201, made.json
    return Client(app, {"Authorization": f"Bearer {made.json['token']}"})


def move(client, path, quantity=1, kind="receive", **fields):
    return client.post(f"{path}/movements", json={"kind": kind, "quantity": quantity, "reason": "test", **fields})


def batch(client, *lines, **headers):
    common = {"sku": "LAMP-1", "kind": "receive", "quantity": 1, "reason": "test"}
    return client.post("/movements", json={"movements": [{**common, **line} for line in lines]}, headers=headers)


def refusal(answer):
    return answer.status_code, answer.json["code"]


def faults(answer):
    """The field and code of every validation error."""
    return [(each["field"], each["code"]) for each in answer.json["errors"]]


def open_to(client, path, *codes):
    """Those of the locations at which a client may receive one of an item."""
    answers = {code: move(client, path, location=code) for code in codes}
    assert {refusal(each) for each in answers.values() if each.status_code != 201} <= {FORBIDDEN}
    return [code for code, answer in answers.items() if answer.status_code == 201]


def everything(client):
    """All items and stocks, the ledger, and the feed."""
    return [client.get(path).json["data"] for path in ("/items", "/stocks", "/movements")], read_all(client, limit=100)


# --- movements ------------------------------------------------------------------------------------------------------


def test_who_is_bound_to_a_location_changes_the_stock_there(app, sam, stocked):
    moved = [move(sam, stocked, location=code, kind=kind) for code in ("SHOP", "shop") for kind in ("receive", "issue")]
    counted = move(sam, stocked, 7, location="SHOP", kind="count")

    assert [each.status_code for each in (*moved, counted)] == [201] * 5
    assert (counted.json["location_quantity_after"], counted.json["user"]) == (7, "sam")
    with app.app_context():
        assert list(verify()) == []


@pytest.mark.parametrize("location", ["MAIN", "VAN", "van"])
@pytest.mark.parametrize(
    ("kind", "quantity"), [("receive", 1), ("issue", 1), ("issue", 99), ("adjust", -1), ("count", 4), ("count", 2)]
)
def test_at_another_location_nothing_is_recorded_whatever_it_is(member, sam, stocked, location, kind, quantity):
    before = everything(member)

    refused = move(sam, stocked, quantity, kind, location=location)

    assert refusal(refused) == FORBIDDEN
    assert refused.json["location"] == location.upper()
    assert refused.json["detail"] == f"sam may not change the stock at '{location.upper()}', only at 'SHOP'."
    assert everything(member) == before


def test_a_count_that_finds_what_there_is_needs_the_right_too(member, sam, stocked):
    before = everything(member)

    assert refusal(move(sam, stocked, 2, "count", location="VAN")) == FORBIDDEN
    assert everything(member) == before


def test_what_names_no_location_needs_the_right_to_the_default_one(member, sam, stocked):
    before = everything(member)

    refused = move(sam, stocked)
    in_batch = batch(sam, {})
    counted = move(sam, stocked, 10, "count")

    assert [refusal(each) for each in (refused, in_batch, counted)] == [FORBIDDEN] * 3
    assert refused.json["location"] == "MAIN"
    assert refused.json["detail"] == "sam may not change the stock at 'MAIN', the default location, only at 'SHOP'."
    assert everything(member) == before
    member.patch(place(member, "SHOP"), json={"default": True})
    assert move(sam, stocked).json["location"] == "SHOP"


def test_an_unknown_location_is_unknown_to_who_is_bound_too(sam, stocked):
    assert refusal(move(sam, stocked, location="NOWHERE")) == (422, "unknown_location")


def test_who_is_bound_reads_what_everybody_reads(member, sam, stocked):
    for path in (
        "/items",
        "/stocks",
        "/movements",
        "/locations",
        f"{stocked}/stocks",
        "/stocks?location=VAN",
        "/events",
    ):
        assert sam.get(path).json == member.get(path).json, path


def test_a_refusal_is_in_the_audit(admin, sam, stocked):
    move(sam, stocked, location="VAN")

    [refused] = admin.get("/audit?type=access.refused").json["data"]
    assert (refused["actor"], refused["data"]["code"]) == ("sam", "location_forbidden")


def test_a_batch_is_recorded_where_every_stock_is_ones_own(admin, member, sam, stocked):
    bind(admin, sam, "SHOP", "VAN")

    moved = batch(sam, {"location": "VAN", "kind": "issue"}, {"location": "SHOP"})

    assert [line["location_quantity_after"] for line in moved.json["movements"]] == [1, 4]


def test_of_a_batch_nothing_is_recorded_and_each_line_elsewhere_is_named(member, sam, stocked):
    before = everything(member)

    refused = batch(
        sam,
        {"location": "SHOP", "kind": "issue", "quantity": 9},
        {"location": "VAN"},
        {"location": "SHOP"},
        {"sku": "NONE", "location": "SHOP"},
        {},
    )

    assert refusal(refused) == FORBIDDEN
    assert refused.json["location"] == "VAN"
    assert "Line 1: sam may not change the stock at 'VAN'" in refused.json["detail"]
    assert [(each["index"], each["code"], each.get("location")) for each in refused.json["errors"]] == [
        (0, "insufficient_stock", "SHOP"),
        (1, "location_forbidden", "VAN"),
        (3, "not_found", None),
        (4, "location_forbidden", "MAIN"),
    ]
    assert everything(member) == before


def test_a_movement_elsewhere_is_reversed_by_who_may_be_there(member, sam, stocked):
    there = move(member, stocked, location="VAN").json["id"]
    here = move(member, stocked, location="SHOP").json["id"]
    before = everything(member)

    refused = sam.post(f"/movements/{there}/reversal", json={})

    assert (refusal(refused), refused.json["location"]) == (FORBIDDEN, "VAN")
    assert everything(member) == before
    assert sam.post(f"/movements/{here}/reversal", json={}).json["location"] == "SHOP"
    assert member.post(f"/movements/{there}/reversal", json={}).status_code == 201


def test_an_opening_stock_needs_the_right_to_the_default_location(member, sam):
    before = everything(member)
    body = {"sku": "DESK", "name": "Desk"}

    refused = sam.post("/items", json={**body, "quantity": 3})

    assert (refusal(refused), refused.json["location"]) == (FORBIDDEN, "MAIN")
    assert everything(member) == before
    assert sam.post("/items", json=body).status_code == 201
    member.patch(place(member, "SHOP"), json={"default": True})
    assert sam.post("/items", json={"sku": "DESK-2", "name": "Desk", "quantity": 3}).json["quantity"] == 3


def test_what_the_service_itself_keeps_is_open_to_who_is_bound():
    rights = LocationRights(SYSTEM._replace(location_ids=frozenset((2,))))

    allowed = [rights.allow(Place(each, "CODE")) for each in (None, 2, 3, -1)]

    assert allowed == [False, True, False, True]


def test_a_refusal_names_ten_of_many_locations(app, admin, member, lamp):
    codes = [make_location(app, f"L-{number:02}") for number in range(11)]
    bind(admin, member, *codes[:10])
    of_ten = move(member, lamp)
    bind(admin, member, *codes)

    assert of_ten.json["detail"].endswith(f"only at {', '.join(map(repr, codes[:10]))}.")
    assert move(member, lamp).json["detail"] == f"{of_ten.json['detail'].removesuffix('.')}, …."


# --- retries --------------------------------------------------------------------------------------------------------


def test_a_retry_is_answered_as_the_first_request_was_though_the_right_is_gone(admin, member, sam, stocked, van):
    first = batch(sam, {"location": "SHOP"}, Idempotency_Key="1")
    bind(admin, sam, van)
    before = everything(member)

    again = batch(sam, {"location": "SHOP"}, Idempotency_Key="1")

    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert refusal(batch(sam, {"location": "SHOP"}, Idempotency_Key="2")) == FORBIDDEN
    assert everything(member) == before


def test_what_was_refused_is_recorded_by_a_retry_once_the_right_is_given(admin, member, sam, stocked, van):
    refused = batch(sam, {"location": "VAN"}, Idempotency_Key="1")
    bind(admin, sam, van)

    again = batch(sam, {"location": "VAN"}, Idempotency_Key="1")

    assert (refusal(refused), again.status_code) == (FORBIDDEN, 201)


# --- credentials ----------------------------------------------------------------------------------------------------


def test_every_credential_of_a_bound_user_is_bound(app, sam, stocked):
    token = with_token(app, sam).headers["Authorization"].removeprefix("Bearer ")
    credentials = {
        "password": sam,
        "sign-in": signed_in(app, "sam"),
        "token": Client(app, {"Authorization": f"Bearer {token}"}),
        "X-API-Key": Client(app, {"X-API-Key": token}),
        "token as a password": with_password(app, "sam", token),
    }

    opened = {name: open_to(client, stocked, "MAIN", "SHOP", "VAN") for name, client in credentials.items()}

    assert opened == {name: ["SHOP"] for name in credentials}


def test_a_user_of_the_provider_is_bound_too(apps, admin, stocked):
    with provider() as idp:
        service = apps(OIDC_ISSUER=idp.issuer, OIDC_AUDIENCE=AUDIENCE, OIDC_ROLE_CLAIM="roles")
        mia = Client(service, {"Authorization": f"Bearer {idp.token(roles=['member'])}"})
        mia.user_id = mia.get("/users/me").json["id"]
        before = open_to(mia, stocked, "MAIN", "SHOP", "VAN")
        bind(admin, mia, "VAN")

        assert (before, open_to(mia, stocked, "MAIN", "SHOP", "VAN")) == (["MAIN", "SHOP", "VAN"], ["VAN"])


def test_a_token_may_be_bound_more_closely_than_its_user(app, admin, sam, stocked):
    bind(admin, sam, "SHOP", "VAN")
    token = with_token(app, sam, "van")

    assert token.get("/tokens/current").json["locations"] == ["VAN"]
    assert open_to(token, stocked, "MAIN", "SHOP", "VAN") == ["VAN"]
    refused = move(token, stocked)
    assert refused.json["detail"] == (
        "This token may not change the stock at 'MAIN', the default location, only at 'VAN'."
    )
    assert open_to(sam, stocked, "MAIN", "SHOP", "VAN") == ["SHOP", "VAN"]


def test_a_token_of_a_user_who_is_not_bound_may_be_bound(app, admin, stocked):
    token = with_token(app, admin, "SHOP", "MAIN")

    assert token.get("/tokens/current").json["locations"] == ["MAIN", "SHOP"]
    assert open_to(token, stocked, "MAIN", "SHOP", "VAN") == ["MAIN", "SHOP"]


def test_a_token_without_locations_follows_its_user(app, admin, sam, stocked):
    token = with_token(app, sam)

    opened = []
    for codes in (["SHOP"], ["VAN", "MAIN"], []):
        bind(admin, sam, *codes)
        opened.append(open_to(token, stocked, "MAIN", "SHOP", "VAN"))

    assert opened == [["SHOP"], ["MAIN", "VAN"], ["MAIN", "SHOP", "VAN"]]
    assert token.get("/tokens/current").json["locations"] == []


def test_a_token_is_cut_with_its_user_at_each_use(app, admin, sam, stocked):
    bind(admin, sam)
    token = with_token(app, sam, "SHOP", "VAN")

    bind(admin, sam, "VAN", "MAIN")
    assert open_to(token, stocked, "MAIN", "SHOP", "VAN") == ["VAN"]
    bind(admin, sam)
    assert open_to(token, stocked, "MAIN", "SHOP", "VAN") == ["SHOP", "VAN"]


def test_a_token_that_has_no_location_in_common_with_its_user_changes_no_stock(app, admin, member, sam, stocked):
    token = with_token(app, sam, "SHOP")
    bind(admin, sam, "VAN")
    before = everything(member)

    assert open_to(token, stocked, "MAIN", "SHOP", "VAN") == []
    refused = move(token, stocked, location="SHOP")
    assert refused.json["detail"] == (
        "This token may not change the stock at 'SHOP', nor at any other: it has no location in common with its owner."
    )
    assert token.get("/items").status_code == 200
    assert everything(member) == before


def test_a_token_is_not_made_for_a_location_beyond_its_users(admin, sam, van):
    refused = sam.post("/tokens", json={"name": "x", "scopes": ["stock:write"], "locations": ["SHOP", "VAN", "MAIN"]})

    assert (refused.status_code, faults(refused)) == (422, [("locations", "beyond_user")])
    assert refused.json["errors"][0]["message"] == "locations exceed your own: MAIN, VAN"
    assert sam.get("/tokens").json["total_items"] == 1


def test_a_rotated_token_is_bound_as_the_one_before(app, admin, sam, stocked):
    bind(admin, sam)
    old = with_token(app, sam, "SHOP")
    rotated = sam.post(f"/tokens/{old.get('/tokens/current').json['id']}/rotate").json
    new = Client(app, {"Authorization": f"Bearer {rotated['token']}"})

    assert rotated["locations"] == ["SHOP"]
    assert [open_to(each, stocked, "MAIN", "SHOP", "VAN") for each in (old, new)] == [["SHOP"]] * 2


def test_a_change_counts_from_the_next_request_on_in_every_process(app, apps, admin, sam, stocked):
    others = {
        "password": Client(apps(), sam.headers),
        "sign-in": Client(apps(), signed_in(app, "sam").headers),
        "token": Client(apps(), with_token(app, sam).headers),
    }
    opened = []
    for codes in (["SHOP"], ["VAN"], [], ["SHOP", "VAN"]):
        bind(admin, sam, *codes)
        opened.append({tuple(open_to(client, stocked, "MAIN", "SHOP", "VAN")) for client in others.values()})

    assert opened == [{("SHOP",)}, {("VAN",)}, {("MAIN", "SHOP", "VAN")}, {("SHOP", "VAN")}]


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_a_file_of_movements_is_refused_for_each_line_elsewhere(member, sam, stocked, query):
    before = everything(member)
    file = "sku,kind,quantity,location\nLAMP-1,receive,1,SHOP\nLAMP-1,receive,1,van\nLAMP-1,count,5,\n"

    refused = send_movements(sam, file, query)

    assert refusal(refused) == (422, "invalid_input")
    assert [(each["line"], each["column"], each["value"], each["code"]) for each in refused.json["errors"]] == [
        (3, "location", "van", "location_forbidden"),
        (4, "location", "", "location_forbidden"),
    ]
    assert [each["location"] for each in refused.json["errors"]] == ["VAN", "MAIN"]
    assert refused.json["error_counts"] == {"location_forbidden": 2}
    assert everything(member) == before
    assert send_movements(sam, "sku,kind,quantity,location\nLAMP-1,receive,1,SHOP\n").json["recorded"] == 1


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_a_file_of_items_is_refused_for_each_row_that_changes_a_stock_elsewhere(member, sam, stocked, query):
    add(member, "DESK", quantity=1)
    before = everything(member)
    file = (
        "sku,name,quantity,location\nLAMP-1,Lamp,9,VAN\nDESK,Desk,4,\nNEW,New,1,\nSHELF,Shelf,2,SHOP\nOAK,Oak,1,MAIN\n"
    )

    refused = send(sam, file, query)

    assert refusal(refused) == (422, "invalid_input")
    assert [(each["line"], each["column"], each["value"], each["code"]) for each in refused.json["errors"]] == [
        (2, "location", "VAN", "location_forbidden"),
        (3, "location", "", "location_forbidden"),
        (4, "location", "", "location_forbidden"),
        (6, "location", "MAIN", "location_forbidden"),
    ]
    assert "sam may not change the stock at 'VAN', only at 'SHOP'" in refused.json["errors"][0]["message"]
    assert everything(member) == before


def test_a_file_of_items_changes_ones_own_stock_and_may_say_what_lies_elsewhere(member, sam, stocked):
    add(member, "DESK", quantity=1)
    file = "sku,name,quantity,location\nLAMP-1,Lamp,2,VAN\nDESK,A desk,1,\nSHELF,Shelf,2,SHOP\nOAK,Oak,0,\n"

    imported = send(sam, file)

    assert imported.status_code == 200, imported.json
    assert {sku: item["quantity"] for sku, item in items_by_sku(member).items()} == {
        "LAMP-1": 10,
        "DESK": 1,
        "SHELF": 2,
        "OAK": 0,
    }
    assert items_by_sku(member)["DESK"]["name"] == "A desk"


# --- who is bound to what -------------------------------------------------------------------------------------------


def test_a_user_is_bound_from_the_beginning_by_codes_in_any_case(app, admin, stocked):
    body = {"username": "pat", "password": PASSWORD, "role": "member", "locations": ["van", "MAIN"]}
    made = admin.post("/users", json=body)

    assert (made.status_code, made.json["locations"]) == (201, ["MAIN", "VAN"])
    pat = with_password(app, "pat")
    assert pat.get("/users/me").json == admin.get(made.headers["Location"]).json == made.json
    assert open_to(pat, stocked, "MAIN", "SHOP", "VAN") == ["MAIN", "VAN"]


@pytest.mark.parametrize("locations", [[], None])
def test_none_named_is_all(app, admin, sam, stocked, locations):
    path = f"/users/{sam.user_id}"

    assert admin.patch(path, json={"email": "sam@example.org"}).json["locations"] == ["SHOP"]
    assert admin.patch(path, json={"locations": locations}).json["locations"] == []
    assert open_to(sam, stocked, "MAIN", "SHOP", "VAN") == ["MAIN", "SHOP", "VAN"]


@pytest.mark.parametrize(
    ("locations", "expected"),
    [
        (["SHOP", "NONE", "Shop", "NOR THIS"], [(1, "unknown_location"), (2, "repeated"), (3, "unknown_location")]),
        (["SHOP", "SHOP"], [(1, "repeated")]),
        (["SHOP", 7, None], [(1, "wrong_type"), (2, "wrong_type")]),
    ],
)
@on_one_database
def test_a_list_that_makes_no_sense_is_refused_at_its_entries(admin, member, sam, locations, expected):
    before = admin.get("/users").json, admin.get("/tokens").json
    user = {"username": "pat", "password": PASSWORD, "locations": locations}
    token = {"name": "till", "scopes": ["items:read"], "locations": locations}

    answers = [
        admin.post("/users", json=user),
        admin.patch(f"/users/{sam.user_id}", json={"locations": locations}),
        admin.post("/tokens", json=token),
    ]

    for answer in answers:
        assert answer.status_code == 422
        assert faults(answer) == [(f"locations[{index}]", code) for index, code in expected]
    assert (admin.get("/users").json, admin.get("/tokens").json) == before


@on_one_database
def test_what_is_no_list_or_too_long_a_one_is_refused(admin, sam):
    for locations, code in (("SHOP", "wrong_type"), ([f"L-{number}" for number in range(101)], "wrong_length")):
        assert faults(admin.patch(f"/users/{sam.user_id}", json={"locations": locations})) == [("locations", code)]


def test_a_right_belongs_to_the_location_whatever_its_code_and_though_it_is_archived(admin, member, sam, van, lamp):
    bind(admin, sam, "VAN", "SHOP")

    renamed = member.patch(place(member, "SHOP"), json={"code": "STORE"})
    made = member.post("/locations", json={"code": "SHOP"})
    member.delete(place(member, "VAN"))

    assert (renamed.status_code, made.status_code) == (200, 201)
    assert sam.get("/users/me").json["locations"] == ["STORE", "VAN"]
    assert open_to(sam, lamp, "STORE", "SHOP") == ["STORE"]
    assert refusal(move(sam, lamp, location="VAN")) == (409, "location_archived")
    assert admin.patch(f"/users/{sam.user_id}", json={"locations": ["van"]}).json["locations"] == ["VAN"]


def test_lists_have_the_codes_and_look_them_up_once_and_only_where_somebody_is_bound(app, admin, sam, van, monkeypatch):
    looked_up = []
    rows = location_codes._ALL.rows
    monkeypatch.setattr(location_codes._ALL, "rows", lambda **values: looked_up.append(values) or rows(**values))
    with_token(app, sam, "SHOP")
    bind(admin, person(app, "pat", "guest"), "VAN", "SHOP")
    looked_up.clear()

    users = admin.get("/users?sort=username").json["data"]
    tokens = admin.get("/tokens?user=sam").json["data"]
    in_two = len(looked_up)
    nobody_bound = admin.get("/users?role=admin").json["data"]

    assert [(user["username"], user["locations"]) for user in users] == [
        ("ada", []),
        ("pat", ["SHOP", "VAN"]),
        ("sam", ["SHOP"]),
    ]
    assert [token["locations"] for token in tokens] == [[], ["SHOP"]]
    assert [user["locations"] for user in nobody_bound] == [[]]
    assert (in_two, len(looked_up)) == (2, 2)


def test_the_audit_has_the_codes_that_clients_see(app, admin, sam, van):
    bind(admin, sam, "VAN", "SHOP")
    with_token(app, sam, "VAN")
    admin.post("/users", json={"username": "pat", "password": PASSWORD, "locations": ["VAN"]})

    def newest(type_):
        return admin.get(f"/audit?type={type_}&limit=1").json["data"][0]["data"]

    assert (newest("user.updated")["locations"], newest("user.updated")["changed"]) == (["SHOP", "VAN"], ["locations"])
    assert newest("token.created")["locations"] == newest("user.created")["locations"] == ["VAN"]


def test_the_same_locations_again_change_nothing(admin, sam, van):
    bound = bind(admin, sam, "SHOP", "VAN")
    events = admin.get("/audit").json["total_items"]

    assert bind(admin, sam, "van", "shop") == bound
    assert bind(admin, admin)["locations"] == []
    assert admin.get("/audit").json["total_items"] == events


def test_a_bound_token_gives_nobody_a_location_that_it_does_not_have(app, admin, van, shop):
    scopes = ["users:read", "users:write", "stock:write"]
    made = admin.post("/tokens", json={"name": "staff", "scopes": scopes, "locations": ["SHOP", "MAIN"]})
    token = Client(app, {"X-API-Key": made.json["token"]})
    new = {"username": "pat", "password": PASSWORD, "role": "guest"}
    ada, gus = f"/users/{admin.user_id}", f"/users/{person(app, 'gus', 'guest').user_id}"
    before = admin.get("/users").json

    refused = [
        token.post("/users", json=new),
        token.post("/users", json={**new, "locations": []}),
        token.post("/users", json={**new, "locations": ["SHOP", "VAN"]}),
        token.patch(gus, json={"role": "member"}),
        token.patch(gus, json={"locations": ["VAN"]}),
        token.patch(ada, json={"locations": []}),
    ]

    assert [refusal(each) for each in refused] == [(403, "password_required")] * 6
    assert admin.get("/users").json == before
    pat = token.post("/users", json={**new, "locations": ["SHOP"]})
    assert (pat.status_code, pat.json["locations"]) == (201, ["SHOP"])
    path = pat.headers["Location"].removeprefix(HERE)
    assert token.patch(path, json={"role": "member", "locations": ["MAIN"]}).json["locations"] == ["MAIN"]
    assert token.delete(gus).status_code == 204


def test_an_admin_who_is_bound_may_lift_it(admin, shop, lamp):
    bind(admin, admin, "SHOP")

    assert open_to(admin, lamp, "MAIN", "SHOP") == ["SHOP"]
    assert bind(admin, admin)["locations"] == []
    assert open_to(admin, lamp, "MAIN", "SHOP") == ["MAIN", "SHOP"]
