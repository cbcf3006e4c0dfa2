"""Races of locations with each other and with movements: one is the default, and no archived one has stock."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait

from models.stock.location import Location
from tests.resources.test_events import read_all
from tests.support.shelf import add, together

ROUNDS = 8


def create(client, code, **fields):
    """Create a location and return its path."""
    created = client.post("/locations", json={"code": code, **fields})
    assert created.status_code == 201, created.json
    return created.headers["Location"]


def refusals(answers):
    """The statuses of answers, and the codes of those that are refusals."""
    return sorted((each.status_code, each.json["code"] if each.status_code > 299 else "") for each in answers)


def default_of(client):
    """The code of the only default location, which is not archived."""
    listed = [client.get(f"/locations?archived={archived}").json["data"] for archived in ("false", "true")]
    [default] = [each["code"] for each in listed[0] if each["default"]]
    assert not any(each["default"] for each in listed[1])
    return default


def replay(client):
    """Go through the feed, which has the order of the commits; return what each location has at its end.

    Fails where a location is archived with stock, a movement is at an archived one, or not exactly one is the default.
    """
    stock, archived, default = Counter(), set(), {"MAIN": True}
    for event in read_all(client, limit=1000):
        data = event["data"]
        if event["type"] == "movement.created":
            assert data["location"] not in archived, event
            stock[data["location"]] += data["delta"]
        elif event["type"].startswith("location."):
            default[data["code"]] = data["default"]
            assert sum(default.values()) <= 1, event
            archived = archived | {data["code"]} if data["archived"] else archived - {data["code"]}
            assert not (data["archived"] and (stock[data["code"]] or data["default"])), event
    assert sum(default.values()) == 1
    return stock


def test_of_locations_that_become_the_default_at_the_same_moment_one_is_it(member):
    paths = [create(member, code) for code in ("SHOP", "VAN", "ATTIC")]

    for _ in range(ROUNDS):
        changed = together(*(lambda path=path: member.patch(path, json={"default": True}) for path in paths))
        assert refusals(changed) == [(200, "")] * 3
        assert default_of(member) in ("SHOP", "VAN", "ATTIC")

    events = [event["data"]["code"] for event in read_all(member, limit=1000)]
    versions = {each["code"]: each["version"] for each in member.get("/locations").json["data"]}
    assert versions == Counter(["MAIN", *events])  # which no event has made
    replay(member)


def test_of_new_locations_that_are_the_default_one_stays_it(member):
    for number in range(ROUNDS):
        new = [{"code": f"{name}-{number}", "default": True} for name in ("SHOP", "VAN", "ATTIC")]
        created = together(*(lambda body=body: member.post("/locations", json=body) for body in new))
        assert refusals(created) == [(201, "")] * 3
        assert default_of(member).endswith(f"-{number}")
    replay(member)


def test_two_who_create_one_code_at_the_same_moment_make_one_location(member):
    for number in range(ROUNDS):
        bodies = [{"code": f"{name}-{number}", "default": name == "VAN"} for name in ("van", "VAN", "Van")]
        made = together(*(lambda body=body: member.post("/locations", json=body) for body in bodies))
        assert refusals(made) == [(201, ""), (409, "code_taken"), (409, "code_taken")]
        put = together(*(lambda: member.put(f"/locations/by-code/shop-{number}", json={}) for _ in range(3)))  # noqa: B023
        assert refusals(put) == [(200, ""), (200, ""), (201, "")]
    assert member.get("/locations").json["total_items"] == 1 + 2 * ROUNDS


def test_a_location_does_not_become_the_default_while_it_is_archived(member):
    van = create(member, "VAN")

    for _ in range(ROUNDS):
        answers = together(lambda: member.delete(van), lambda: member.patch(van, json={"default": True}))
        assert refusals(answers) in (
            [(204, ""), (409, "location_archived")],
            [(200, ""), (409, "location_in_use")],
        )
        default_of(member)
        member.patch("/locations/1", json={"default": True})
        member.patch(van, json={"archived": False})
    replay(member)


def moving(client, item, location):
    """Receive and issue one at a location, again and again; return the answers."""
    body = {"reason": "a race", "quantity": 1, **({"location": location} if location else {})}
    return [
        client.post(f"{item}/movements", json={**body, "kind": kind})
        for _ in range(ROUNDS)
        for kind in ("receive", "issue")
    ]


def archiving(client, van):
    """Archive a location and restore it, again and again; return the answers to the first."""
    answers = []
    for _ in range(ROUNDS * 2):
        answers.append(client.delete(van))
        client.patch(van, json={"archived": False})
    return answers


def test_a_location_that_is_archived_while_others_put_stock_there_has_none(member):
    van = create(member, "VAN")
    items = [f"/items/{add(member, f'ITEM-{number}')['id']}" for number in range(3)]

    with ThreadPoolExecutor(4) as pool:
        movements = [pool.submit(moving, member, item, "VAN") for item in items]
        archived = pool.submit(archiving, member, van).result()
        moved = [answer for each in movements for answer in each.result()]

    assert {code for _, code in refusals(archived)} <= {"", "location_in_use"}
    assert {code for _, code in refusals(moved)} <= {"", "location_archived", "insufficient_stock"}
    assert (201, "") in refusals(moved)
    stock = replay(member)["VAN"]
    assert refusals([member.delete(van)]) == [(409, "location_in_use") if stock else (204, "")]


def taking_turns(client, van):
    """Make a location the default, then not, archive it and restore it; return the answers to the archiving."""
    answers = []
    for _ in range(ROUNDS * 2):
        client.patch(van, json={"default": True})
        client.patch("/locations/1", json={"default": True})
        answers.append(client.delete(van))
        client.patch(van, json={"archived": False})
    return answers


def test_an_opening_stock_is_at_no_location_that_is_archived_meanwhile(member, monkeypatch):
    van, default_place, others = create(member, "VAN", default=True), Location.default_place, ThreadPoolExecutor(1)

    def archive():
        return [member.patch("/locations/1", json={"default": True}), member.delete(van)]

    def read_while_others_archive():
        place = default_place()
        answers.append(others.submit(archive))
        wait(answers, timeout=0.5)  # which they must not have ended by, because this transaction holds the location
        return place

    answers = []
    monkeypatch.setattr(Location, "default_place", read_while_others_archive)
    created = member.post("/items", json={"sku": "LAMP", "name": "Lamp", "quantity": 1})

    assert created.status_code == 201
    assert refusals(answers[0].result()) == [(200, ""), (409, "location_in_use")]
    assert replay(member)["VAN"] == 1
    others.shutdown()


def test_a_movement_that_names_no_location_is_at_none_that_is_archived(member):
    van, item = create(member, "VAN"), f"/items/{add(member, 'LAMP')['id']}"

    with ThreadPoolExecutor(4) as pool:
        movements = [pool.submit(moving, member, item, None) for _ in range(3)]
        pool.submit(taking_turns, member, van).result()
        moved = [answer for each in movements for answer in each.result()]

    assert {code for _, code in refusals(moved)} <= {"", "location_archived", "insufficient_stock"}
    replay(member)
