"""Sessions: a browser signs in with a cookie, and whoever signed in sees and ends what is open."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from api.services import services_of
from models.database.base import db
from models.people.session import Session
from tests.support.clients import OUR_PAGE, PASSWORD, Client, person, signed_in, with_cookie, with_password

LOGIN = {"username": "mel", "password": PASSWORD}


@pytest.fixture
def mel(app, member):
    """The member in a browser."""
    return with_cookie(app, "mel")


def problem(answer):
    return answer.status_code, answer.json["code"]


def moment(text):
    return datetime.fromisoformat(text)


def sessions(client):
    """The sessions that are open, by their ids."""
    return {session["id"]: session for session in client.get("/sessions").json["data"]}


def set_all(app, **columns):
    """Set columns of every session."""
    with app.app_context():
        db.session.execute(update(Session).values(**columns))
        db.session.commit()


# --- in -------------------------------------------------------------------------------------------------------------


def test_a_sign_in_answers_the_session_and_a_cookie_that_opens_what_the_role_may(app, nobody, member, lamp):
    begun = nobody.post("/session", json=LOGIN, headers={"User-Agent": "Browser/1"})
    mel = Client(app, {**OUR_PAGE, "Cookie": begun.headers["Set-Cookie"].partition(";")[0]})

    assert begun.status_code == 201
    assert begun.headers["Location"] == "http://localhost/api/v1/session"
    assert mel.get(begun.headers["Location"]).json == begun.json
    assert mel.get("/users/me").json["username"] == "mel"
    moved = mel.post(f"{lamp}/movements", json={"kind": "issue", "quantity": 1, "reason": "order 7"})
    assert (moved.status_code, moved.json["user"]) == (201, "mel")


def test_a_session_says_when_it_began_and_ends_and_from_where_it_is_used(nobody, member):
    before = datetime.now(UTC)

    begun = nobody.post("/session", json=LOGIN, headers={"User-Agent": "Browser/1"}).json

    assert set(begun) == {
        "id", "kind", "created_at", "last_used_at", "expires_at", "address", "client", "current",
    }  # fmt: skip
    assert (begun["kind"], begun["address"], begun["client"], begun["current"]) == (
        *("cookie", "127.0.0.1", "Browser/1", True),
    )
    assert before <= moment(begun["created_at"]) == moment(begun["last_used_at"]) <= datetime.now(UTC)
    assert moment(begun["expires_at"]) - moment(begun["created_at"]) == timedelta(days=30)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("x" * 201, "x" * 200),
        ("Brow\x1bser\x85 \x7f1 ", "Browser 1"),
        ("x" * 199 + " y", "x" * 199),
        ("M\u00fcller/1", "M\u00fcller/1"),
        (" \x1b ", None),
        ("", None),
    ],
)
def test_what_the_client_calls_itself_is_cleaned_and_cut(nobody, member, sent, kept):
    headers = {"User-Agent": sent}

    assert nobody.post("/session", json=LOGIN, headers=headers).json["client"] == kept


def test_an_address_with_a_long_zone_is_kept_as_far_as_it_fits(nobody, member):
    address = "fe80:1111:2222:3333:4444:5555:6666:7777%wlx00c0cab1c2d3"

    begun = nobody.post("/session", json=LOGIN, environ_base={"REMOTE_ADDR": address})

    assert (begun.status_code, begun.json["address"]) == (201, address[:45])


@pytest.mark.parametrize(
    ("username", "password"), [("mel", "wrong password"), ("nobody", PASSWORD), ("mel", ""), ("", "")]
)
def test_a_wrong_name_or_password_is_refused_in_the_same_words_and_begins_nothing(
    app, nobody, admin, member, username, password
):
    refused = nobody.post("/session", json={"username": username, "password": password})

    assert problem(refused) == (401, "invalid_credentials")
    assert refused.json["detail"] == "The user name, password or token is wrong, expired or revoked."
    assert "Set-Cookie" not in refused.headers
    with app.app_context():
        assert db.session.scalars(select(Session)).all() == []
    assert admin.get("/audit").json["data"][0]["type"] == "sign_in.failed"


def test_guesses_count_as_those_of_any_other_sign_in(apps, member):
    there = Client(apps(LOGIN_RATE_LIMIT="2/minute"))
    wrong = {**LOGIN, "password": "a wrong password"}

    statuses = [there.post(path, json=wrong).status_code for path in ("/session", "/auth/login", "/session")]
    right = there.post("/session", json=LOGIN)

    assert statuses == [401, 401, 429]
    assert problem(right) == (429, "too_many_requests")
    assert "Set-Cookie" not in right.headers


def test_each_sign_in_has_a_secret_of_its_own_even_over_an_open_one(app, mel):
    cookie = mel.headers["Cookie"]

    again = Client(app, {**OUR_PAGE, "Cookie": cookie}).post("/session", json=LOGIN)

    assert again.status_code == 201
    assert re.fullmatch("stockroom=[0-9A-Za-z]{43}", cookie)
    assert again.headers["Set-Cookie"].partition(";")[0] != cookie


def test_nothing_of_a_cookie_is_stored_or_in_an_event(app, admin, mel):
    secret = mel.headers["Cookie"].partition("=")[2]
    mel.delete("/session")

    with app.app_context():
        stored = repr(db.session.execute(select(Session.__table__)).all())
    events = admin.get("/audit?actor=mel").json["data"]
    assert secret not in stored + repr(events)
    assert [event["type"] for event in events] == ["sign_in.ended", "sign_in.begun"]


def test_a_cookie_refreshes_nothing_and_a_refresh_token_is_no_cookie(app, nobody, member, mel):
    refresh_token = signed_in(app, "mel").pair["refresh_token"]
    secret = mel.headers["Cookie"].partition("=")[2]

    for token in (secret, f"{secret}.", f"{secret}.{'x' * 43}", f"{secret}.{secret}"):
        assert problem(nobody.post("/auth/refresh", json={"refresh_token": token})) == (401, "invalid_credentials")
    for value in (refresh_token, *refresh_token.split(".")):
        client = Client(app, {**OUR_PAGE, "Cookie": f"stockroom={value}"})
        assert problem(client.get("/users/me")) == (401, "invalid_credentials")
    assert mel.get("/users/me").status_code == 200
    assert nobody.post("/auth/refresh", json={"refresh_token": refresh_token}).status_code == 200


# --- out ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/session"), ("POST", "/auth/logout")])
@pytest.mark.parametrize("enter", [with_cookie, signed_in])
def test_to_sign_out_ends_this_sign_in_in_every_process_and_no_other(app, apps, member, enter, method, path):
    mel, other = enter(app, "mel"), with_cookie(app, "mel")
    there = Client(apps(), mel.headers)
    assert there.get("/users/me").status_code == 200

    ended = mel.open(method, path)

    assert ended.status_code == 204
    assert problem(there.get("/users/me")) == problem(mel.get("/users/me")) == (401, "invalid_credentials")
    assert other.get("/users/me").status_code == 200
    assert ("Max-Age=0" in ended.headers.get("Set-Cookie", "")) is (enter is with_cookie)


def test_who_signs_out_with_a_token_beside_a_cookie_keeps_the_cookie(app, mel):
    pair = signed_in(app, "mel")

    ended = Client(app, {**mel.headers, **pair.headers}).delete("/session")

    assert ended.status_code == 204
    assert "Set-Cookie" not in ended.headers
    assert pair.get("/users/me").status_code == 401
    assert mel.get("/users/me").status_code == 200


def test_of_two_who_sign_out_at_once_neither_fails(app, mel):
    def leave(_):
        return Client(app, mel.headers).delete("/session").status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = set(pool.map(leave, range(4)))

    assert 204 in statuses
    assert statuses <= {204, 401}


@pytest.mark.parametrize("change", [{"active": False}, {"password": "another long one"}])
def test_a_changed_password_and_a_deactivation_end_every_cookie_in_every_process(admin, apps, member, mel, change):
    there = Client(apps(), mel.headers)
    assert there.get("/users/me").status_code == 200

    assert admin.patch(f"/users/{member.user_id}", json=change).status_code == 200

    assert problem(there.get("/users/me")) == problem(mel.get("/users/me")) == (401, "invalid_credentials")
    admin.patch(f"/users/{member.user_id}", json={"active": True})
    assert mel.get("/users/me").status_code == 401


def test_changing_ones_own_password_ends_ones_cookies(app, mel):
    changed = mel.put("/users/me/password", json={"current_password": PASSWORD, "new_password": "another long one"})

    assert changed.status_code == 204
    assert mel.get("/users/me").status_code == 401
    assert with_cookie(app, "mel", "another long one").get("/users/me").status_code == 200


# --- one's own ------------------------------------------------------------------------------------------------------


def test_one_sees_ones_sign_ins_and_which_of_them_one_uses(app, member, mel):
    pair = signed_in(app, "mel")
    with_cookie(app, "mel")
    person(app, "mia", "member")
    with_cookie(app, "mia")

    by_cookie, by_token = sessions(mel), sessions(pair)

    assert [(each["kind"], each["current"]) for each in by_cookie.values()] == [
        ("cookie", True),
        ("token", False),
        ("cookie", False),
    ]
    assert [each["current"] for each in by_token.values()] == [False, True, False]
    assert mel.get("/session").json == next(iter(by_cookie.values()))
    assert pair.get("/session").json["kind"] == "token"
    assert [each["current"] for each in sessions(with_password(app, "mel")).values()] == [False] * 3


def test_sign_ins_are_read_page_by_page(app, member, mel):
    with_cookie(app, "mel")
    signed_in(app, "mel")

    newest = mel.get("/sessions?sort=-created_at&limit=2").json
    walked = mel.get("/sessions?sort=-created_at&limit=2&cursor=").json
    rest = mel.get("/sessions", query_string={"sort": "-created_at", "cursor": walked["next_cursor"]}).json

    assert (newest["total_items"], newest["total_pages"]) == (3, 2)
    assert [each["kind"] for each in walked["data"] + rest["data"]] == ["token", "cookie", "cookie"]
    assert rest["data"][0]["current"] is True


def test_a_refresh_is_the_last_use_of_its_sign_in(app, nobody, member):
    mel = signed_in(app, "mel")
    set_all(app, last_used_at=datetime(2020, 1, 1, tzinfo=UTC))

    headers = {"User-Agent": "script/2"}
    nobody.post("/auth/refresh", json={"refresh_token": mel.pair["refresh_token"]}, headers=headers)

    session = mel.get("/session").json
    assert moment(session["last_used_at"]) > datetime.now(UTC) - timedelta(minutes=1)
    assert session["client"] == "script/2"


@pytest.mark.parametrize("enter", [with_cookie, signed_in])
def test_one_ends_ones_own_sign_ins_on_whichever_device(app, apps, member, mel, enter):
    lost = enter(app, "mel")
    lost_id, there = lost.get("/session").json["id"], Client(apps(), lost.headers)
    assert there.get("/users/me").status_code == 200

    ended = mel.delete(f"/sessions/{lost_id}")

    assert ended.status_code == 204
    assert "Set-Cookie" not in ended.headers
    assert there.get("/users/me").status_code == lost.get("/users/me").status_code == 401
    assert [session["current"] for session in sessions(mel).values()] == [True]
    assert problem(mel.delete(f"/sessions/{lost_id}")) == (404, "not_found")


def test_who_ends_the_own_session_by_its_id_is_out_and_the_browser_forgets_the_cookie(mel):
    ended = mel.delete(f"/sessions/{mel.get('/session').json['id']}")

    assert ended.status_code == 204
    assert "Max-Age=0" in ended.headers["Set-Cookie"]
    assert mel.get("/users/me").status_code == 401


def test_somebody_elses_session_is_not_found_and_goes_on(admin, app, mel):
    session_id = mel.get("/session").json["id"]

    assert problem(admin.delete(f"/sessions/{session_id}")) == (404, "not_found")
    assert problem(admin.delete("/sessions/2147483647")) == (404, "not_found")
    assert mel.get("/session").json["id"] == session_id


@pytest.mark.parametrize(
    "columns",
    [
        {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)},
        {"ends_at": datetime(2020, 1, 1, tzinfo=UTC)},
        {"ended_at": datetime(2020, 1, 1, tzinfo=UTC)},
    ],
    ids=str,
)
def test_what_is_over_is_neither_listed_nor_found(app, member, columns):
    for enter in (with_cookie, signed_in):
        session_id = enter(app, "mel").get("/session").json["id"]
    set_all(app, **columns)
    mel = with_password(app, "mel")

    assert mel.get("/sessions").json["total_items"] == 0
    assert problem(mel.delete(f"/sessions/{session_id}")) == (404, "not_found")


def test_an_api_token_sees_and_ends_no_sign_in(member, mel):
    session_id = mel.get("/session").json["id"]

    assert problem(member.get("/sessions")) == (403, "password_required")
    assert problem(member.delete(f"/sessions/{session_id}")) == (403, "password_required")
    assert problem(member.get("/session")) == (403, "sign_in_required")
    assert mel.get("/session").status_code == 200


def test_the_lifetime_is_that_of_the_settings(apps, member):
    there = apps(REFRESH_TOKEN_DAYS="7")
    begun = Client(there).post("/session", json=LOGIN)

    assert moment(begun.json["expires_at"]) - moment(begun.json["created_at"]) == timedelta(days=7)
    assert services_of(there).settings.refresh_token_lifetime == timedelta(days=7)
