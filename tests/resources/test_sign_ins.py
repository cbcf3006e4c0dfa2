"""Sign-ins: how people come in, stay in, and are out at once when told to be."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from sqlalchemy import select

from api.services import services_of
from app import create_app
from models.database.base import db
from models.people.session import Session
from tests.support.clients import PASSWORD, Client, signed_in, with_password
from tests.support.databases import settings_for

SECRET = "k" * 32


@pytest.fixture
def settings_of(tmp_path):
    """The settings of an application, some of them set anew: another process on the same database."""

    def changed(app, **environ):
        url = services_of(app).settings.database_url
        return settings_for(url, tmp_path, **environ)

    return changed


@pytest.fixture
def mel(app, member):
    return signed_in(app, "mel")


def refresh(client, token):
    return client.post("/auth/refresh", json={"refresh_token": token})


def test_a_sign_in_answers_a_pair_that_opens_what_the_role_may(mel, member, lamp):
    assert set(mel.pair) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (mel.pair["token_type"], mel.pair["expires_in"]) == ("Bearer", 900)
    assert mel.get("/users/me").json["username"] == "mel"
    moved = mel.post(f"{lamp}/movements", json={"kind": "issue", "quantity": 1, "reason": "order 7"})
    assert (moved.status_code, moved.json["user"]) == (201, "mel")


@pytest.mark.parametrize(
    ("username", "password"),
    [("mel", "wrong password"), ("nobody", PASSWORD), ("mel", ""), ("", ""), ("mel", "x" * 200)],
)
def test_a_wrong_name_or_password_is_refused_in_the_same_words(nobody, member, username, password):
    refused = nobody.post("/auth/login", json={"username": username, "password": password})

    assert (refused.status_code, refused.json["code"]) == (401, "invalid_credentials")
    assert refused.json["detail"] == "The user name, password or token is wrong, expired or revoked."
    assert len(refused.headers.getlist("WWW-Authenticate")) == 2


def test_a_refresh_token_is_spent_by_its_use_and_the_next_goes_on(nobody, mel):
    second = refresh(nobody, mel.pair["refresh_token"])
    third = refresh(nobody, second.json["refresh_token"])

    assert (second.status_code, third.status_code) == (200, 200)
    assert mel.get("/users/me").status_code == 200
    assert (
        Client(mel.app, {"Authorization": f"Bearer {third.json['access_token']}"}).get("/users/me").status_code == 200
    )


def test_a_spent_refresh_token_ends_the_whole_sign_in(app, nobody, mel):
    second = refresh(nobody, mel.pair["refresh_token"]).json
    other = signed_in(app, "mel")

    stolen = refresh(nobody, mel.pair["refresh_token"])

    assert (stolen.status_code, stolen.json["code"]) == (401, "invalid_credentials")
    assert refresh(nobody, second["refresh_token"]).status_code == 401
    assert mel.get("/users/me").status_code == 401
    assert other.get("/users/me").status_code == 200


def test_of_refreshes_that_race_at_most_one_wins(app, mel):
    def race(_):
        return refresh(Client(app), mel.pair["refresh_token"]).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(race, range(8)))

    assert statuses.count(200) <= 1
    assert set(statuses) <= {200, 401}


@pytest.mark.parametrize("token", ["x", "x.y", ".", "", "é", "a" * 43 + "." + "b" * 43])
def test_a_refresh_token_that_is_none_ends_nothing(nobody, mel, token):
    assert refresh(nobody, token).status_code == 401
    assert mel.get("/users/me").status_code == 200


def test_logging_out_ends_this_sign_in_at_once_and_no_other(app, nobody, mel):
    other = signed_in(app, "mel")

    assert mel.post("/auth/logout").status_code == 204
    assert mel.get("/users/me").status_code == 401
    assert refresh(nobody, mel.pair["refresh_token"]).status_code == 401
    assert other.get("/users/me").status_code == 200


def test_only_a_sign_in_can_log_out(app, member):
    for client in (member, with_password(app, "mel")):
        refused = client.post("/auth/logout")
        assert (refused.status_code, refused.json["code"]) == (403, "sign_in_required")


@pytest.mark.parametrize("change", [{"active": False}, {"password": "another long one"}])
def test_a_changed_password_and_a_deactivation_end_every_sign_in(admin, app, nobody, mel, member, change):
    assert admin.patch(f"/users/{member.user_id}", json=change).status_code == 200

    assert mel.get("/users/me").status_code == 401
    assert refresh(nobody, mel.pair["refresh_token"]).status_code == 401

    admin.patch(f"/users/{member.user_id}", json={"active": True})
    assert mel.get("/users/me").status_code == 401


def test_changing_ones_own_password_ends_ones_sign_ins(app, mel):
    changed = mel.put("/users/me/password", json={"current_password": PASSWORD, "new_password": "another long one"})

    assert changed.status_code == 204
    assert mel.get("/users/me").status_code == 401
    assert signed_in(app, "mel", "another long one").get("/users/me").status_code == 200


def test_a_changed_role_counts_from_the_next_request_on(admin, mel, member):
    admin.patch(f"/users/{member.user_id}", json={"role": "guest"})

    assert mel.post("/items", json={"sku": "A", "name": "B"}).json["code"] == "forbidden"


def test_an_end_counts_in_every_process(app, mel, settings_of):
    other = create_app(settings_of(app))
    there = Client(other, mel.headers)

    assert there.get("/users/me").status_code == 200
    mel.post("/auth/logout")
    assert there.get("/users/me").status_code == 401

    with other.app_context():
        db.engine.dispose()


def signed_without(name, claims):
    return jwt.encode({other: claims[other] for other in claims if other != name}, SECRET)


FORGERIES = {
    "unsigned": lambda claims: jwt.encode(claims, None, "none"),
    "another key": lambda claims: jwt.encode(claims, "another key of thirty-two bytes!", "HS256"),
    "another algorithm": lambda claims: jwt.encode(claims, SECRET * 2, "HS512"),
    "the right key in another algorithm": lambda claims: jwt.encode(claims, SECRET.ljust(64, "k"), "HS384"),
    "another key id": lambda claims: jwt.encode(claims, "x" * 32, "HS256", {"kid": "../../dev/null"}),
    "expired": lambda claims: jwt.encode({**claims, "exp": claims["iat"] - timedelta(seconds=1)}, SECRET),
    "from the future": lambda claims: jwt.encode({**claims, "iat": claims["exp"]}, SECRET),
    "not yet good": lambda claims: jwt.encode({**claims, "nbf": claims["exp"]}, SECRET),
    "another user": lambda claims: jwt.encode({**claims, "sub": "999"}, SECRET),
    "another sign-in": lambda claims: jwt.encode({**claims, "sid": 999}, SECRET),
    "a sign-in that is no number": lambda claims: jwt.encode({**claims, "sid": [1]}, SECRET),
    "a user that is no number": lambda claims: jwt.encode({**claims, "sub": "one"}, SECRET),
    "a huge user": lambda claims: jwt.encode({**claims, "sub": "9" * 30}, SECRET),
    "a huge sign-in": lambda claims: jwt.encode({**claims, "sid": 10**30}, SECRET),
    "without exp": lambda claims: signed_without("exp", claims),
    "without iat": lambda claims: signed_without("iat", claims),
    "without sub": lambda claims: signed_without("sub", claims),
    "without jti": lambda claims: signed_without("jti", claims),
    "without sid": lambda claims: signed_without("sid", claims),
    "cut": lambda claims: jwt.encode(claims, SECRET)[:-3],
    "nonsense": lambda claims: "a.b.c",
}


@pytest.mark.filterwarnings("ignore:.*HMAC key is.*:Warning")
@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_access_token_opens_nothing(app, mel, forge):
    claims = jwt.decode(mel.pair["access_token"], SECRET, ["HS256"])
    claims |= {name: datetime.fromtimestamp(claims[name], UTC) for name in ("iat", "exp")}

    refused = Client(app, {"Authorization": f"Bearer {forge(claims)}"}).get("/users/me")

    assert (refused.status_code, refused.json["code"]) == (401, "invalid_credentials")


def shifted(claims, seconds):
    """The access token of a process whose clock is ahead by so many seconds."""
    times = {name: claims[name] + seconds for name in ("iat", "exp")}
    return jwt.encode({**claims, **times}, SECRET, "HS256")


@pytest.mark.parametrize(("ahead", "status"), [(20, 200), (-20, 200), (300, 401)])
def test_the_clocks_of_two_processes_may_differ_a_little(app, mel, ahead, status):
    claims = jwt.decode(mel.pair["access_token"], SECRET, ["HS256"])

    answer = Client(app, {"Authorization": f"Bearer {shifted(claims, ahead)}"}).get("/users/me")

    assert answer.status_code == status


def test_an_access_token_lasts_no_longer_for_that(app, mel):
    claims = jwt.decode(mel.pair["access_token"], SECRET, ["HS256"])

    expired = shifted(claims, claims["iat"] - claims["exp"] - 5)

    assert Client(app, {"Authorization": f"Bearer {expired}"}).get("/users/me").status_code == 401


def test_a_token_signed_with_an_earlier_key_stays_good_while_that_is_a_fallback(app, mel, settings_of):
    rotated = create_app(settings_of(app, SECRET_KEY="n" * 32, SECRET_KEY_FALLBACKS=SECRET))
    replaced = create_app(settings_of(app, SECRET_KEY="n" * 32))

    assert Client(rotated, mel.headers).get("/users/me").status_code == 200
    assert Client(replaced, mel.headers).get("/users/me").status_code == 401
    for each in (rotated, replaced):
        with each.app_context():
            db.engine.dispose()


def test_registration_is_closed_unless_it_is_opened(nobody, admin):
    stranger = {"username": "eve", "email": "eve@example.com", "password": "a long enough one"}

    refused = nobody.post("/auth/register", json=stranger)

    assert (refused.status_code, refused.json["code"]) == (403, "registration_closed")
    assert admin.get("/users").json["total_items"] == 1


def test_who_registers_becomes_a_guest_whatever_they_ask_for(app, admin, settings_of):
    opened = create_app(settings_of(app, ALLOW_REGISTRATION="true"))
    nobody = Client(opened)
    stranger = {"username": "eve", "email": "eve@example.com", "password": "a long enough one"}

    assert nobody.post("/auth/register", json={**stranger, "role": "admin"}).status_code == 422
    registered = nobody.post("/auth/register", json=stranger)
    assert (registered.status_code, registered.json["role"]) == (201, "guest")
    assert (
        nobody.post("/auth/register", json={**stranger, "username": "EVE", "email": "e@x"}).json["code"]
        == "username_taken"
    )
    assert signed_in(opened, "eve", stranger["password"]).get("/items").status_code == 200
    with opened.app_context():
        db.engine.dispose()


def test_nothing_of_a_token_is_stored(app, mel):
    with app.app_context():
        stored = repr(db.session.execute(select(Session.__table__)).all())

    assert mel.pair["access_token"] not in stored
    for part in mel.pair["refresh_token"].split("."):
        assert part not in stored
