"""API tokens: told once, kept as a hash, one's own only, expiring, revocable, and their use is noted."""

import logging
import re
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from api.services import services_of
from api.throttle import Throttle
from app import create_app
from models.database.base import db
from models.people.token import ALPHABET, ApiToken, is_well_formed, new_secret
from models.principal import SCOPES
from tests.support.clients import PASSWORD, Client, person, signed_in, with_password
from tests.support.databases import on_one_database, settings_for
from tests.support.durations import within
from tests.support.watching import statements, write_locked

BODY = {"name": "till", "scopes": ["items:read"]}


@pytest.fixture
def mel(app, member):
    """The member, with a password."""
    return with_password(app, "mel")


@pytest.fixture
def told(mel):
    """A new token, as it was told."""
    created = mel.post("/tokens", json=BODY)
    assert created.status_code == 201, created.json
    return created.json


@pytest.fixture
def till(app, told):
    """Whoever holds the new token."""
    return Client(app, {"Authorization": f"Bearer {told['token']}"})


def moment(shown):
    """A moment as the service shows it."""
    assert shown.endswith("Z")
    return datetime.fromisoformat(shown)


# --- make -----------------------------------------------------------------------------------------------------------


def test_a_new_token_works_and_can_be_read_again_without_its_secret(mel, told, till):
    path = f"/tokens/{told['id']}"

    assert till.get("/items").status_code == 200
    read = mel.get(path).json
    assert set(read) == {
        "id", "prefix", "name", "scopes", "expires_at", "allowed_ips", "locations", "last_used_at", "last_used_ip",
        "created_at"
    }  # fmt: skip
    assert {**read, "last_used_at": None, "last_used_ip": None} == {
        name: value for name, value in told.items() if name != "token"
    }
    assert (read["name"], read["scopes"], read["expires_at"]) == ("till", ["items:read"], None)
    assert told["token"].startswith(read["prefix"])
    assert len(read["prefix"]) < 20


def test_the_location_of_a_new_token_leads_to_it(mel):
    created = mel.post("/tokens", json=BODY)

    assert mel.get(created.headers["Location"]).json["id"] == created.json["id"]


def test_a_token_lives_as_many_days_as_asked_for(mel):
    for days in (1, 3650):
        made = mel.post("/tokens", json={**BODY, "expires_in_days": days}).json
        assert moment(made["expires_at"]) - moment(made["created_at"]) == timedelta(days=days)
    assert mel.post("/tokens", json={**BODY, "expires_in_days": None}).json["expires_at"] is None


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"name": ""}, "name", "too_short"),
        ({"name": "x" * 101}, "name", "too_long"),
        ({"scopes": []}, "scopes", "wrong_length"),
        ({"scopes": "items:read"}, "scopes", "wrong_type"),
        ({"scopes": ["items:all"]}, "scopes[0]", "not_a_choice"),
        ({"scopes": ["items:read", "items:read"]}, "scopes[1]", "repeated"),
        ({"scopes": ["items:read", "users:read"]}, "scopes", "beyond_role"),
        ({"expires_in_days": 0}, "expires_in_days", "too_small"),
        ({"expires_in_days": 3651}, "expires_in_days", "too_large"),
        ({"expires_in_days": 1.5}, "expires_in_days", "wrong_type"),
        ({"token": "stk_mine"}, "token", "unknown_field"),
    ],
)
@on_one_database
def test_a_token_that_makes_no_sense_is_refused(mel, changes, field, code):
    refused = mel.post("/tokens", json={**BODY, **changes})

    assert refused.status_code == 422
    assert [(fault["field"], fault["code"]) for fault in refused.json["errors"]] == [(field, code)]
    assert mel.get("/tokens").json["total_items"] == 1


def test_a_token_has_random_letters_and_their_checksum():
    secrets = {new_secret() for _ in range(100)}

    assert len(secrets) == 100
    for secret in secrets:
        body, check = re.fullmatch(r"stk_([0-9A-Za-z]{43})([0-9A-Za-z]{6})", secret).groups()
        number = 0
        for letter in check:
            number = number * 62 + ALPHABET.index(letter)
        assert number == zlib.crc32(body.encode())
        assert is_well_formed(secret)


def test_a_mistyped_token_is_refused_without_asking_the_database(app, nobody, told):
    secret = told["token"]
    mistyped = [secret[:at] + ("a" if secret[at] != "a" else "b") + secret[at + 1 :] for at in range(len(secret))]
    mistyped += [
        secret[:-1],
        secret + "a",
        secret[1:],
        secret.swapcase(),
        secret[:9] + secret[10] + secret[9] + secret[11:],
    ]
    mistyped = [each for each in mistyped if each != secret]

    with statements(app) as made:
        answers = {nobody.get("/items", headers={"X-API-Key": each}).status_code for each in mistyped}

    assert answers == {401}
    assert made == []


# --- told once ------------------------------------------------------------------------------------------------------


def test_the_secret_is_told_once_and_neither_stored_nor_logged(app, mel, caplog):
    caplog.set_level(logging.DEBUG)
    secret = mel.post("/tokens", json=BODY).json["token"]
    till = Client(app, {"X-API-Key": secret})
    answers = [
        till.get("/items"),
        till.get("/tokens/current"),
        till.post("/items", json={}),
        till.get("/nowhere"),
        mel.get("/tokens"),
        Client(app, {"Authorization": f"Basic {secret}"}).get("/items"),
        Client(app, {"Authorization": f"Bearer {secret}x"}).get("/items"),
        with_password(app, "mel", "a password mistyped").get("/items"),
        mel.put("/users/me/password", json={"current_password": PASSWORD, "new_password": "another battery"}),
    ]

    with app.app_context(), db.engine.connect() as connection:
        stored = repr([connection.execute(select(table)).all() for table in db.metadata.sorted_tables])
    told = caplog.text + repr([(answer.text, answer.headers) for answer in answers]) + stored

    assert secret[:12] in stored
    for word in (secret, secret[12:40], PASSWORD, "mistyped", "another battery"):
        assert word not in told


# --- one's own ------------------------------------------------------------------------------------------------------


def test_one_lists_ones_own_tokens_without_the_revoked(app, admin, mel, told):
    assert [token["name"] for token in mel.get("/tokens?sort=name").json["data"]] == ["tests", "till"]

    mel.delete(f"/tokens/{told['id']}")

    assert [token["name"] for token in mel.get("/tokens").json["data"]] == ["tests"]
    assert [token["name"] for token in with_password(app, "ada").get("/tokens").json["data"]] == ["tests"]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_somebody_elses_token_is_not_found_by_who_is_no_admin(app, guest, told, till, method):
    path = f"/tokens/{told['id']}"
    others, nobodys = (with_password(app, "gus").open(method, each) for each in (path, "/tokens/2147483647"))

    assert others.status_code == nobodys.status_code == 404
    assert others.json["code"] == nobodys.json["code"] == "not_found"
    assert till.get("/items").status_code == 200


@pytest.mark.parametrize("sign_in", [with_password, signed_in])
def test_an_admin_sees_and_revokes_the_tokens_of_others(app, admin, mel, told, till, sign_in):
    boss, path = sign_in(app, "ada"), f"/tokens/{told['id']}"

    assert [token["name"] for token in boss.get("/tokens?user=MEL").json["data"]] == ["tests", "till"]
    assert boss.get("/tokens?user=nobody").json["data"] == []
    assert boss.get("/tokens?user=ada").json == boss.get("/tokens").json
    assert boss.get(path).json == mel.get(path).json
    assert till.get("/items").status_code == 200
    assert boss.post(f"{path}/rotate").status_code == 404  # the secret is the owner's
    assert boss.delete(path).status_code == 204

    assert till.get("/items").status_code == 401
    revoked = admin.get("/audit?type=token.revoked").json["data"]
    assert [(event["actor"], event["data"]["id"]) for event in revoked] == [("ada", told["id"])]


def test_nobody_else_asks_for_the_tokens_of_others(app, mel, guest, told):
    refused = with_password(app, "gus").get("/tokens?user=mel")

    assert (refused.status_code, refused.json["code"]) == (403, "forbidden")
    assert with_password(app, "gus").get("/tokens?user=GUS").status_code == 200


def test_a_reactivated_user_has_none_of_the_old_tokens(app, admin, member, told, till):
    for active in (False, True):
        assert admin.patch(f"/users/{member.user_id}", json={"active": active}).status_code == 200

    assert till.get("/items").status_code == member.get("/items").status_code == 401
    assert with_password(app, "mel").get("/tokens").json["data"] == []
    revoked = admin.get("/audit?type=token.revoked").json["data"]
    assert {(event["actor"], event["data"]["name"]) for event in revoked} == {("ada", "tests"), ("ada", "till")}


def test_a_token_makes_lists_reads_and_revokes_none(app, admin, told):
    admin = person(app, "ada", "admin")
    own = with_password(app, "ada").get("/tokens").json["data"][0]
    answers = [
        admin.post("/tokens", json=BODY),
        admin.get("/tokens"),
        *(admin.open(method, f"/tokens/{id_}") for id_ in (own["id"], told["id"]) for method in ("GET", "DELETE")),
    ]

    assert [(each.status_code, each.json["code"]) for each in answers] == [(403, "password_required")] * 6
    assert with_password(app, "ada").get("/tokens").json["total_items"] == 2


def test_a_token_can_tell_about_itself(mel, told, till):
    current = till.get("/tokens/current").json

    assert current == mel.get(f"/tokens/{told['id']}").json
    assert "token" not in current


def test_a_revoked_token_is_gone_and_can_not_be_revoked_again(mel, told, till):
    path = f"/tokens/{told['id']}"

    assert mel.delete(path).status_code == 204
    assert till.get("/items").status_code == 401
    assert [mel.get(path).status_code, mel.delete(path).status_code] == [404, 404]


def test_a_token_is_not_revoked_when_it_is_no_longer_as_read(mel, told, till):
    path = f"/tokens/{told['id']}"
    stale = mel.get(path).headers["ETag"]
    till.get("/items")  # its use is noted
    current = mel.get(path).headers["ETag"]

    assert mel.delete(path, headers={"If-Match": stale}).status_code == 412
    assert till.get("/items").status_code == 200
    assert mel.delete(path, headers={"If-Match": current}).status_code == 204


def test_a_token_never_may_more_than_its_owner(app, admin):
    pat = person(app, "pat", "admin")
    assert pat.get("/users").status_code == 200

    admin.patch(f"/users/{pat.user_id}", json={"role": "guest"})
    assert [pat.get("/users").status_code, pat.get("/items").status_code] == [403, 200]

    admin.patch(f"/users/{pat.user_id}", json={"role": "admin"})
    assert pat.get("/users").status_code == 200


@pytest.mark.parametrize("scope", SCOPES)
def test_a_token_may_have_any_scope_of_its_owner(app, admin, scope):
    assert with_password(app, "ada").post("/tokens", json={**BODY, "scopes": [scope]}).json["scopes"] == [scope]


# --- rotate ---------------------------------------------------------------------------------------------------------


def test_a_successor_has_the_same_name_scopes_and_lifetime(app, mel):
    for days in (None, 7):
        old = mel.post("/tokens", json={**BODY, "expires_in_days": days}).json

        for _ in range(2):  # again, should the first answer have been lost
            rotated = mel.post(f"/tokens/{old['id']}/rotate")

            assert rotated.status_code == 201, rotated.json
            new = rotated.json
            assert (new["name"], new["scopes"], new["replaces"]) == (old["name"], old["scopes"], old["id"])
            assert mel.get(rotated.headers["Location"]).json["prefix"] == new["prefix"] != old["prefix"]
            lifetime = new["expires_at"] and moment(new["expires_at"]) - moment(new["created_at"])
            assert lifetime == (days and timedelta(days=days))
            assert Client(app, {"X-API-Key": new["token"]}).get("/items").status_code == 200


def test_a_token_that_is_rotated_again_has_one_successor(app, mel, told):
    first, second = (mel.post(f"/tokens/{told['id']}/rotate").json for _ in range(2))

    assert Client(app, {"X-API-Key": first["token"]}).get("/items").status_code == 401
    assert Client(app, {"X-API-Key": second["token"]}).get("/items").status_code == 200


def test_two_rotations_at_once_leave_one_successor(app, mel, told):
    with ThreadPoolExecutor(4) as pool:
        rotated = list(pool.map(lambda _: mel.post(f"/tokens/{told['id']}/rotate"), range(4)))

    good = [Client(app, {"X-API-Key": each.json["token"]}).get("/items").status_code for each in rotated]
    assert [each.status_code for each in rotated] == [201] * 4
    assert sorted(good) == [200, 401, 401, 401]
    assert mel.get("/tokens").json["total_items"] == 3  # of the tests, the old one and its successor


def test_the_old_token_works_for_a_day_more(mel, told, till):
    rotated = mel.post(f"/tokens/{told['id']}/rotate").json

    old = mel.get(f"/tokens/{told['id']}").json
    assert old["expires_at"] == rotated["replaced_expires_at"]
    assert abs(moment(old["expires_at"]) - moment(rotated["created_at"]) - timedelta(hours=24)) < timedelta(seconds=10)
    assert till.get("/items").status_code == 200


def test_a_token_that_ends_within_the_day_ends_no_later_for_being_rotated(app, mel, told, till):
    with app.app_context():
        token = db.session.get(ApiToken, told["id"])
        token.expires_at = token.created_at
        db.session.commit()

    rotated = mel.post(f"/tokens/{told['id']}/rotate").json

    assert rotated["replaced_expires_at"] == told["created_at"]
    assert till.get("/items").status_code == 401


def test_a_token_can_not_be_rotated_by_itself_nor_by_others_nor_after_its_end(app, admin, mel, told, till):
    path = f"/tokens/{told['id']}/rotate"

    assert till.post(path).status_code == 403
    assert with_password(app, "ada").post(path).status_code == 404
    assert mel.get("/tokens").json["total_items"] == 2
    mel.delete(f"/tokens/{told['id']}")
    assert mel.post(path).status_code == 404


# --- its use --------------------------------------------------------------------------------------------------------


def test_the_first_use_is_noted_with_its_address(mel, told, till):
    assert (told["last_used_at"], told["last_used_ip"]) == (None, None)

    till.get("/items", environ_base={"REMOTE_ADDR": "192.0.2.7"})

    noted = mel.get(f"/tokens/{told['id']}").json
    assert noted["last_used_ip"] == "192.0.2.7"
    assert timedelta(0) <= datetime.now(UTC) - moment(noted["last_used_at"]) < timedelta(minutes=1)


def test_an_address_with_a_long_zone_is_noted_as_far_as_it_fits(mel, told, till):
    address = "fe80:1111:2222:3333:4444:5555:6666:7777%wlx00c0cab1c2d3"

    assert till.get("/items", environ_base={"REMOTE_ADDR": address}).status_code == 200
    assert mel.get(f"/tokens/{told['id']}").json["last_used_ip"] == address[:45]


def test_the_uses_of_the_same_minute_write_nothing(app, database_url, tmp_path, mel, told, till):
    till.get("/items")
    noted = mel.get(f"/tokens/{told['id']}").json
    other = create_app(settings_for(database_url, tmp_path))
    Client(other).get("/items")  # the first request of a process purges the audit

    with statements(app) as made, statements(other) as made_there:
        for each in (app, app, other):
            Client(each, till.headers).get("/items", environ_base={"REMOTE_ADDR": "192.0.2.7"})

    assert mel.get(f"/tokens/{told['id']}").json == noted
    assert not [
        each for each in made + made_there if re.match("UPDATE|INSERT|BEGIN IMMEDIATE|.*FOR UPDATE", each, re.S)
    ]
    with other.app_context():
        db.engine.dispose()


def test_a_use_of_another_minute_is_noted_again(app, mel, told, till):
    seconds = [0.0]
    services_of(app).last_uses = Throttle(60, lambda: seconds[-1])
    till.get("/items")
    with app.app_context():
        token = db.session.get(ApiToken, told["id"])
        token.last_used_at = old = token.last_used_at - timedelta(seconds=61)
        db.session.commit()
    seconds.append(61.0)

    till.get("/items", environ_base={"REMOTE_ADDR": "192.0.2.7"})

    noted = mel.get(f"/tokens/{told['id']}").json
    assert moment(noted["last_used_at"]) > old + timedelta(seconds=60)
    assert noted["last_used_ip"] == "192.0.2.7"


def test_reading_goes_on_while_nobody_can_write(app, mel, told, till, caplog):
    with write_locked(app):
        answers = within(1, lambda: [till.get("/items") for _ in range(3)])

    assert [answer.status_code for answer in answers] == [200] * 3
    assert mel.get(f"/tokens/{told['id']}").json["last_used_at"] is None
    assert len([line for line in caplog.messages if "last use" in line]) <= 1
