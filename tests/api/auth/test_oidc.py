"""Tokens of an OpenID provider: whose are taken, what they make of their users, and what happens when it is away."""

import base64
import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from api.auth import issuer, oidc
from api.auth.issuer import TIMEOUT
from api.services import services_of
from tests.support.clients import PASSWORD, Client, with_password
from tests.support.databases import on_one_database
from tests.support.durations import within
from tests.support.identity_provider import AUDIENCE, DISCOVERY, EC, OTHER_RSA, RSA, SigningKey, provider


@pytest.fixture
def idp():
    with provider() as found:
        yield found


@pytest.fixture
def served(apps, idp):
    """Makes services on the same database that take tokens of the provider, each with settings of its own."""
    return partial(apps, OIDC_ISSUER=idp.issuer, OIDC_AUDIENCE=AUDIENCE)


@pytest.fixture
def service(served):
    return served()


@pytest.fixture
def clock(service):
    """The seconds that the service counts, to be moved on by hand."""

    class Clock:
        seconds = 1000.0

    services_of(service).issuer.clock = lambda: Clock.seconds
    return Clock


def bearing(app, token):
    return Client(app, {"Authorization": f"Bearer {token}"})


def me(app, token):
    return bearing(app, token).get("/users/me")


def usernames(admin):
    return {user["username"] for user in admin.get("/users").json["data"]}


def part(value):
    """A part of a token written by hand."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


# --- which tokens are taken -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [RSA, EC], ids=["RS256", "ES256"])
def test_a_token_of_the_issuer_opens_what_a_guest_may(service, idp, key):
    idp.keys = [RSA.public(), EC.public()]

    answer = me(service, idp.token(key))

    assert (answer.status_code, answer.json["username"], answer.json["role"]) == (200, "mia", "guest")
    assert bearing(service, idp.token(key)).get("/items").status_code == 200
    assert bearing(service, idp.token(key)).post("/items", json={"sku": "A", "name": "A"}).status_code == 403


def test_the_same_subject_is_the_same_user_ever_after(service, idp):
    first = me(service, idp.token())

    again = me(service, idp.token(preferred_username="renamed", email="new@example.com"))

    assert again.json == first.json


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["other", AUDIENCE]},
        {"exp": timedelta(seconds=-20)},
        {"iat": timedelta(seconds=20)},
        {"sub": "CN=Mia M"},
        {"azp": AUDIENCE},
        {"header": {"typ": "at+jwt"}},
        {"header": {"typ": "application/AT+JWT"}},
    ],
    ids=str,
)
def test_several_audiences_and_clocks_that_differ_a_little_are_no_reason_to_refuse(service, idp, claims):
    assert me(service, idp.token(**claims)).status_code == 200


def confused(idp):
    """Signed as HS256 with the public key of the issuer for a secret."""
    pem = RSA.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _, claims, _ = idp.token().split(".")
    signed = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'one'})}.{claims}"
    digest = hmac.new(pem, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def with_header(idp, **header):
    """The token with another header, its signature left."""
    _, claims, signature = idp.token().split(".")
    return f"{part({'alg': 'RS256', 'kid': 'one', **header})}.{claims}.{signature}"


def with_claims_of(token, other):
    """The token with the claims of another, its signature left."""
    header, _, signature = token.split(".")
    return f"{header}.{other.split('.')[1]}.{signature}"


def forged(kid):
    """Signed by somebody else, under this key id."""
    return SigningKey(OTHER_RSA.private, "RS256", kid)


BAD_TOKENS = {
    "another issuer": lambda idp: idp.token(iss="https://evil.example.com"),
    "the issuer with a slash more": lambda idp: idp.token(iss=idp.issuer + "/"),
    "no issuer": lambda idp: idp.token(iss=None),
    "another audience": lambda idp: idp.token(aud="other"),
    "no audience": lambda idp: idp.token(aud=None),
    "audiences that hold ours inside": lambda idp: idp.token(aud=[f"x{AUDIENCE}"]),
    "expired": lambda idp: idp.token(exp=timedelta(seconds=-40)),
    "from the future": lambda idp: idp.token(iat=timedelta(seconds=300)),
    "not yet good": lambda idp: idp.token(nbf=timedelta(seconds=300)),
    "without an end": lambda idp: idp.token(exp=None),
    "without a beginning": lambda idp: idp.token(iat=None),
    "an end that no clock shows": lambda idp: idp.token(exp="never"),
    "without a subject": lambda idp: idp.token(sub=None),
    "an empty subject": lambda idp: idp.token(sub=""),
    "a blank at the subject's end": lambda idp: idp.token(sub="s-1 "),
    "a NUL in the subject": lambda idp: idp.token(sub="s\x00"),
    "a long subject": lambda idp: idp.token(sub="s" * 256),
    "a key of somebody else": lambda idp: idp.token(forged("one")),
    "a key of somebody else, and where to find it": lambda idp: idp.token(
        forged("one"), header={"jku": f"{idp.issuer}/evil", "x5u": f"{idp.issuer}/evil", "jwk": OTHER_RSA.public()}
    ),
    "a path for a key id": lambda idp: idp.token(forged("../../one")),
    "SQL for a key id": lambda idp: idp.token(forged("one' OR '1'='1")),
    "a NUL in the key id": lambda idp: idp.token(forged("one\x00")),
    "a number for a key id": lambda idp: with_header(idp, kid=1),
    "no key id among several keys": lambda idp: idp.token(SigningKey(RSA.private, "RS256", None)),
    "HS256 with the public key": confused,
    "no algorithm": lambda idp: with_header(idp, alg="none"),
    "no algorithm and no signature": lambda idp: f"{with_header(idp, alg='none').rpartition('.')[0]}.",
    "an algorithm of another key": lambda idp: with_header(idp, alg="ES256"),
    "RS512": lambda idp: idp.token(SigningKey(RSA.private, "RS512", "one")),
    "a changed claim": lambda idp: with_claims_of(idp.token(), idp.token(sub="s-2")),
    "no token at all": lambda idp: "a.b.c",
    "an ID token, by its nonce": lambda idp: idp.token(nonce="n"),
    "an ID token, by its hash of an access token": lambda idp: idp.token(at_hash="h"),
    "an ID token, by its hash of a code": lambda idp: idp.token(c_hash="h"),
    "a logout token": lambda idp: idp.token(events={"http://schemas.openid.net/event/backchannel-logout": {}}),
    "a logout token, by its type": lambda idp: idp.token(header={"typ": "logout+jwt"}),
    "a token of another type": lambda idp: idp.token(header={"typ": "dpop+jwt"}),
    "for another client": lambda idp: idp.token(aud=["other", AUDIENCE], azp="other"),
    "for a client that is no text": lambda idp: idp.token(azp=["stockroom"]),
}


@pytest.mark.parametrize("name", BAD_TOKENS)
@on_one_database
def test_any_other_token_is_refused_and_makes_nobody(service, idp, admin, name):
    idp.keys = [RSA.public(), EC.public()]

    refused = me(service, BAD_TOKENS[name](idp))

    assert (refused.status_code, refused.json["code"]) == (401, "invalid_credentials")
    assert usernames(admin) == {"ada"}
    assert "/evil" not in idp.asked


def test_a_token_without_a_key_id_means_the_only_key(service, idp):
    assert me(service, idp.token(SigningKey(RSA.private, "RS256", None))).status_code == 200


@pytest.mark.filterwarnings("ignore:The RSA key is 1024 bits")
def test_keys_that_are_weak_damaged_or_not_for_signing_are_left_out(service, idp, admin):
    weak = SigningKey(rsa.generate_private_key(65537, 1024), "RS256", "weak")  # noqa: S505 - that is the point
    secret = {"kty": "oct", "k": "c2VjcmV0", "kid": "secret", "alg": "HS256"}
    tiny = {**RSA.public(), "kid": "tiny", "n": "AQIDBAUG"}
    damaged = [{**RSA.public(), "kid": "damaged", "n": 7}, {"kty": ["RSA"]}, {"kty": "EC", "crv": "P-256"}, "key", None]
    sealing = {**OTHER_RSA.public(), "use": "enc"}
    idp.keys = [weak.public(), tiny, secret, *damaged, sealing, {**RSA.public(), "kid": ["one"]}, EC.public()]

    for key in (weak, OTHER_RSA, forged("tiny"), forged("damaged"), RSA):
        assert me(service, idp.token(key)).status_code == 401
    assert usernames(admin) == {"ada"}
    assert me(service, idp.token(EC)).status_code == 200


def test_without_an_issuer_its_tokens_open_nothing_and_its_doors_are_not_there(app, idp, nobody):
    assert me(app, idp.token()).status_code == 401
    for path in ("/auth/oidc/login", "/auth/oidc/callback?code=x&state=y"):
        missing = nobody.get(path)
        assert (missing.status_code, missing.json["code"]) == (404, "not_found")
    assert idp.asked == []


# --- asking the issuer ----------------------------------------------------------------------------------------------


def test_the_issuer_is_asked_once_for_many_tokens_at_once(service, idp):
    idp.go.clear()
    token = idp.token()

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(me, service, token) for _ in range(8)]
        idp.go.set()

    assert {answer.result().status_code for answer in answers} == {200}
    assert idp.asked == [DISCOVERY, "/keys"]


def test_for_unknown_keys_the_issuer_is_asked_at_most_every_30_seconds(service, idp, clock):
    me(service, idp.token())
    for second in range(90):
        clock.seconds = 1000.0 + second
        assert me(service, idp.token(forged(f"unknown {second}"))).status_code == 401

    assert idp.asked.count("/keys") == 3


def test_a_new_key_of_the_issuer_is_found_when_it_is_needed(service, idp, clock):
    me(service, idp.token())
    idp.keys = [OTHER_RSA.public()]
    clock.seconds += 30

    assert me(service, idp.token(OTHER_RSA)).status_code == 200
    assert me(service, idp.token(RSA)).status_code == 401


def test_a_key_that_the_issuer_withdrew_is_not_trusted_for_long(service, idp, clock):
    me(service, idp.token())
    idp.keys = [OTHER_RSA.public()]
    clock.seconds += issuer.FRESH

    me(service, idp.token())
    services_of(service).issuer._asked.result()

    assert me(service, idp.token()).status_code == 401


def test_an_issuer_that_is_away_is_503_for_its_tokens_and_for_nobody_else(service, idp, clock, member):
    idp.answers = {DISCOVERY: 500}

    unreachable = me(service, idp.token())

    assert (unreachable.status_code, unreachable.json["code"]) == (503, "issuer_unreachable")
    assert unreachable.headers["Retry-After"] == "5"
    assert Client(service, member.headers).get("/users/me").status_code == 200
    assert with_password(service, "mel").get("/users/me").status_code == 200
    assert me(service, "a.b.c").status_code == 401
    assert me(service, idp.token(iss="https://other.example.com")).status_code == 401
    idp.answers = {}
    assert me(service, idp.token()).status_code == 503
    assert idp.asked == [DISCOVERY]
    clock.seconds += 5
    assert me(service, idp.token()).status_code == 200


def test_while_the_issuer_is_away_tokens_of_known_keys_go_on(service, idp, clock):
    me(service, idp.token())
    idp.answers = {DISCOVERY: 503}
    clock.seconds += issuer.FRESH

    assert me(service, idp.token()).status_code == 200
    services_of(service).issuer._asked.result()
    assert me(service, idp.token()).status_code == 200
    unknown = me(service, idp.token(OTHER_RSA))
    assert (unknown.status_code, unknown.json["code"]) == (503, "issuer_unreachable")
    assert unknown.headers["Retry-After"] == "30"


def test_a_port_where_nobody_listens_is_503(served, app):
    unreachable = served(OIDC_ISSUER="http://127.0.0.1:9")
    token = jwt.encode({"iss": "http://127.0.0.1:9"}, RSA.private, "RS256", {"kid": "one"})

    assert me(unreachable, token).status_code == 503


def test_a_slow_issuer_is_waited_for_3_seconds_at_most(service, idp, monkeypatch):
    assert TIMEOUT == 3
    monkeypatch.setattr(issuer, "TIMEOUT", 0.2)
    idp.go.clear()

    assert me(service, idp.token()).status_code == 503
    assert within(2, lambda: me(service, idp.token())).status_code == 503
    assert idp.asked == [DISCOVERY]


@pytest.mark.parametrize(
    "answers",
    [
        {DISCOVERY: b"{"},
        {DISCOVERY: []},
        {DISCOVERY: {"issuer": "http://127.0.0.1:1", "jwks_uri": "http://127.0.0.1:1"}},
        {DISCOVERY: 302},
        {"/keys": {"keys": "none"}},
        {"/keys": {}},
        {"/keys": 302},
        {"/keys": b'{"keys":' + b"[" * 100_000},
        {"/keys": b'{"keys": [' + b" " * 300_000 + b"]}"},
        {"/keys": b"\xff\xfe{}"},
    ],
    ids=lambda answers: str(answers)[:50],
)
@on_one_database
def test_an_issuer_that_makes_no_sense_is_503_and_lets_nobody_in(service, idp, admin, answers):
    idp.answers = answers

    refused = me(service, idp.token())

    assert (refused.status_code, refused.json["code"]) == (503, "issuer_unreachable")
    assert usernames(admin) == {"ada"}
    assert "/elsewhere" not in idp.asked


@pytest.mark.parametrize(
    "jwks_uri", ["http://keys.example.com/", "file:///etc/passwd", "ftp://127.0.0.1/keys", None, 7]
)
def test_keys_are_fetched_from_nowhere_that_others_could_forge(service, idp, jwks_uri):
    idp.metadata["jwks_uri"] = jwks_uri

    assert me(service, idp.token()).status_code == 503


# --- who they are here ----------------------------------------------------------------------------------------------


def test_a_name_or_an_address_is_no_way_into_the_account_of_another(service, idp, admin):
    admin.patch(f"/users/{admin.user_id}", json={"email": "ada@example.com"})

    answer = me(service, idp.token(preferred_username="ADA", email="ada@example.com"))

    assert answer.json["username"].startswith("ADA-")
    assert (answer.json["role"], answer.json["email"]) == ("guest", None)


def test_the_same_subject_of_another_issuer_is_somebody_else(service, served, idp):
    mine = me(service, idp.token()).json
    with provider() as other:
        theirs = me(served(OIDC_ISSUER=other.issuer), other.token()).json

    assert mine["id"] != theirs["id"]
    assert mine["username"] != theirs["username"]


@pytest.mark.parametrize(
    ("claims", "username"),
    [
        ({"preferred_username": "mia.m"}, "mia.m"),
        ({"preferred_username": None, "email": "mia@example.com"}, "mia@example.com"),
        ({"preferred_username": None}, "s-1"),
        ({"preferred_username": "", "email": 7}, "s-1"),
        ({"preferred_username": "Mia Müller"}, "Mia-M-ller"),
        ({"preferred_username": "m" * 300}, "m" * 64),
        ({"preferred_username": "密码"}, "s-1"),
        ({"preferred_username": None, "sub": "auth0|5"}, "auth0-5"),
        ({"preferred_username": None, "sub": "|"}, "user"),
        ({"preferred_username": ["mia"]}, "s-1"),
    ],
)
def test_a_user_name_is_made_of_what_the_token_tells(service, idp, claims, username):
    assert me(service, idp.token(**claims)).json["username"] == username


def test_a_name_of_the_service_itself_gets_a_suffix(service, idp):
    assert me(service, idp.token(preferred_username="System")).json["username"].startswith("System-")


def test_racing_first_tokens_make_one_user(service, idp):
    token = idp.token()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: me(service, token), range(8)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json["id"] for answer in answers}) == 1


def test_racing_namesakes_become_users_with_names_of_their_own(service, idp):
    tokens = [idp.token(sub=f"s-{number}") for number in range(8)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda token: me(service, token), tokens))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json["username"] for answer in answers}) == 8


def test_such_a_user_has_no_password_and_can_not_be_given_one(service, idp, admin):
    mia = me(service, idp.token()).json

    for password in ("", PASSWORD, "x"):
        assert with_password(service, "mia", password).get("/users/me").status_code == 401
        login = Client(service).post("/auth/login", json={"username": "mia", "password": password})
        assert login.status_code == 401
    refused = admin.patch(f"/users/{mia['id']}", json={"password": "a long enough one"})
    assert (refused.status_code, refused.json["code"]) == (409, "no_password")
    assert with_password(service, "mia", "a long enough one").get("/users/me").status_code == 401


def test_a_deactivated_user_stays_out(service, idp, admin):
    mia = me(service, idp.token()).json
    admin.delete(f"/users/{mia['id']}")

    assert me(service, idp.token()).status_code == 401
    assert me(service, idp.token(preferred_username="other", iat=timedelta(seconds=5))).status_code == 401
    assert admin.get(f"/users/{mia['id']}").json["active"] is False


def test_a_token_makes_no_token_that_would_outlive_it(service, idp):
    refused = bearing(service, idp.token()).post("/tokens", json={"name": "till", "scopes": ["items:read"]})

    assert (refused.status_code, refused.json["code"]) == (403, "password_required")


def test_what_a_user_does_is_told_under_their_name(served, idp):
    mia = bearing(served(OIDC_ROLE_CLAIM="roles"), idp.token(roles="member"))

    created = mia.post("/items", json={"sku": "LAMP-1", "name": "Lamp", "quantity": 1})

    assert mia.get(f"{created.headers['Location']}/movements").json["data"][0]["user"] == "mia"


# --- what they may do -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "claims", "role"),
    [
        ("roles", {"roles": ["member"]}, "member"),
        ("roles", {"roles": "admin"}, "admin"),
        ("roles", {"roles": ["guest", "admin", "member"]}, "admin"),
        ("realm_access.roles", {"realm_access": {"roles": ["offline_access", "member"]}}, "member"),
        ("https://example.com/roles", {"https://example.com/roles": ["member"]}, "member"),
        ("roles", {}, "guest"),
        ("roles", {"roles": None}, "guest"),
        ("roles", {"roles": []}, "guest"),
        ("roles", {"roles": ["Admin", "administrator", "admin "]}, "guest"),
        ("roles", {"roles": "not an admin"}, "guest"),
        ("roles", {"roles": {"admin": True}}, "guest"),
        ("roles", {"roles": [["admin"], {"admin": 1}, 7]}, "guest"),
        ("roles", {"roles": True}, "guest"),
        ("realm_access.roles", {"realm_access": ["admin"]}, "guest"),
        ("role", {"roles": ["admin"]}, "guest"),
    ],
)
def test_the_role_is_the_highest_that_the_claim_names(served, idp, path, claims, role):
    assert me(served(OIDC_ROLE_CLAIM=path), idp.token(**claims)).json["role"] == role


def test_without_a_role_claim_set_nobody_gets_a_role_by_a_token(service, idp):
    assert me(service, idp.token(roles=["admin"], role="admin")).json["role"] == "guest"


@pytest.fixture
def by_roles(served):
    return served(OIDC_ROLE_CLAIM="roles")


def test_a_newer_token_changes_the_role_and_an_older_one_does_not(by_roles, idp):
    old, new = (
        idp.token(roles="member", iat=timedelta(seconds=-60)),
        idp.token(roles="guest", iat=timedelta(seconds=-30)),
    )

    assert [me(by_roles, token).json["role"] for token in (old, new, old, new)] == ["member", "guest", "guest", "guest"]


def test_tokens_of_one_second_tell_the_role_in_the_order_they_come(by_roles, idp):
    second = int(time.time())
    tokens = [idp.token(roles=role, iat=second) for role in ("guest", "member", "guest")]

    assert [me(by_roles, token).json["role"] for token in tokens] == ["guest", "member", "guest"]


def test_a_role_given_here_holds_until_the_next_token(by_roles, idp, admin):
    token = idp.token(roles="member", iat=timedelta(seconds=-60))
    mia = me(by_roles, token).json

    admin.patch(f"/users/{mia['id']}", json={"role": "guest"})

    assert me(by_roles, token).json["role"] == "guest"
    assert me(by_roles, idp.token(roles="member", iat=timedelta())).json["role"] == "member"


def test_a_token_without_the_claim_takes_away_a_role_that_came_by_one(by_roles, idp):
    old, bare = idp.token(roles="member", iat=timedelta(seconds=-60)), idp.token(iat=timedelta(seconds=-30))

    assert [me(by_roles, token).json["role"] for token in (old, bare, old, bare)] == [
        "member",
        "guest",
        "guest",
        "guest",
    ]


def test_a_token_without_the_claim_leaves_a_role_that_was_given_here(by_roles, idp, admin):
    mia = me(by_roles, idp.token(iat=timedelta(seconds=-60))).json

    admin.patch(f"/users/{mia['id']}", json={"role": "member"})

    assert me(by_roles, idp.token(iat=timedelta())).json["role"] == "member"


def test_where_roles_are_no_longer_read_from_tokens_they_stay_as_they_are(by_roles, service, idp):
    me(by_roles, idp.token(roles="member", iat=timedelta(seconds=-60)))

    assert me(service, idp.token(iat=timedelta())).json["role"] == "member"


def test_a_token_gives_a_deactivated_user_nothing(by_roles, idp, admin):
    mia = me(by_roles, idp.token(roles="guest", iat=timedelta(seconds=-60))).json
    admin.delete(f"/users/{mia['id']}")

    assert me(by_roles, idp.token(roles="admin")).status_code == 401
    assert admin.get(f"/users/{mia['id']}").json["role"] == "guest"


def test_the_last_admin_stays_one_whatever_the_token_tells(by_roles, idp, admin):
    root = bearing(
        by_roles, idp.token(sub="root", preferred_username="root", roles="admin", iat=timedelta(seconds=-60))
    )
    assert root.delete(f"/users/{admin.user_id}").status_code == 204

    later = me(by_roles, idp.token(sub="root", roles="guest", iat=timedelta()))

    assert (later.status_code, later.json["role"]) == (200, "admin")


# --- beside other credentials ---------------------------------------------------------------------------------------


def test_sign_ins_and_api_tokens_go_on_beside_the_issuer(service, idp, member):
    pair = Client(service).post("/auth/login", json={"username": "mel", "password": PASSWORD}).json

    assert me(service, pair["access_token"]).json["username"] == "mel"
    assert Client(service, member.headers).get("/users/me").json["username"] == "mel"
    assert idp.asked == []


def test_the_fixed_algorithms_are_those_of_two_key_pairs():
    assert oidc.ALGORITHMS == ["RS256", "ES256"]
