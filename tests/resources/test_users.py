"""Users: create, list, change, deactivate, change one's password; and there is always an admin."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.database import transactions
from models.principal import SCOPES_OF_ROLE
from tests.support.clients import PASSWORD, Client, person, person_with_password, signed_in, with_password
from tests.support.databases import on_one_database

NEW = "another battery staple"


@pytest.fixture
def pat(admin):
    """The path of a guest."""
    created = admin.post("/users", json={"username": "Pat", "password": PASSWORD, "email": "pat@example.org"})
    assert created.status_code == 201, created.json
    return created.headers["Location"]


LONG = ("a sentence of its own that nobody would guess, " * 3)[:128]


def codes(answer):
    """The field and code of every fault."""
    return [(fault["field"], fault["code"]) for fault in answer.json["errors"]]


# --- create, read, list ---------------------------------------------------------------------------------------------


def test_a_new_user_is_an_active_guest_who_can_sign_in(app, admin):
    created = admin.post("/users", json={"username": "Pat", "password": PASSWORD})

    assert created.status_code == 201
    assert {name: created.json[name] for name in ("username", "email", "role", "active")} == {
        "username": "Pat",
        "email": None,
        "role": "guest",
        "active": True,
    }
    assert admin.get(created.headers["Location"]).json == created.json
    assert with_password(app, "pat").get("/users/me").json == created.json


@pytest.mark.parametrize("role", SCOPES_OF_ROLE)
def test_a_user_is_created_with_the_role_given(admin, role):
    assert admin.post("/users", json={"username": "pat", "password": PASSWORD, "role": role}).json["role"] == role


def test_what_is_told_of_a_user_holds_nothing_of_the_password(admin, pat):
    shape = {"id", "username", "email", "role", "active", "locations", "created_at", "updated_at"}

    for answer in (admin.get(pat), admin.get("/users/me"), admin.patch(pat, json={"password": NEW})):
        assert set(answer.json) == shape
    assert all(set(user) == shape for user in admin.get("/users").json["data"])


@pytest.mark.parametrize("username", ["PAT", "pat", "Pat"])
def test_a_taken_name_is_refused_whatever_its_case(admin, pat, username):
    refused = admin.post("/users", json={"username": username, "password": PASSWORD})

    assert (refused.status_code, refused.json["code"]) == (409, "username_taken")
    assert admin.get("/users").json["total_items"] == 2


def test_a_taken_address_is_refused_whatever_its_case(admin, pat):
    body = {"username": "mat", "password": PASSWORD, "email": "PAT@Example.org"}
    refused = admin.post("/users", json=body)
    mat = admin.post("/users", json={**body, "email": "mat@example.org"}).headers["Location"]
    refused_too = admin.patch(mat, json={"email": "Pat@example.ORG"})

    assert [(each.status_code, each.json["code"]) for each in (refused, refused_too)] == [(409, "email_taken")] * 2
    assert admin.get(mat).json["email"] == "mat@example.org"


def test_two_who_take_one_name_at_the_same_moment_get_one_user(app, admin):
    with ThreadPoolExecutor(8) as pool:
        bodies = [{"username": name, "password": PASSWORD} for name in ("pat", "PAT", "Pat")]  # hashes have few places
        answers = list(pool.map(lambda body: admin.post("/users", json=body), bodies))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert admin.get("/users").json["total_items"] == 2


@pytest.mark.parametrize("username", ["", "a b", "a:b", "ä", "a\n", "a\u0000", "a/b", " a", "a" * 65, 7, None, ["a"]])
@on_one_database
def test_a_name_that_could_be_misread_is_refused(admin, username):
    refused = admin.post("/users", json={"username": username, "password": PASSWORD})

    assert refused.status_code == 422
    assert [field for field, _ in codes(refused)] == ["username"]
    assert admin.get("/users").json["total_items"] == 1


@pytest.mark.parametrize(
    "email", ["pat", "pat@", "@example.org", "a b@example.org", "a@b@c", "", "a@b\n", 7, "a@" * 200]
)
@on_one_database
def test_what_is_no_address_is_refused(admin, pat, email):
    for refused in (
        admin.patch(pat, json={"email": email}),
        admin.post("/users", json={"username": "mat", "password": PASSWORD, "email": email}),
    ):
        assert refused.status_code == 422
        assert [field for field, _ in codes(refused)] == ["email"]
    assert admin.get(pat).json["email"] == "pat@example.org"


@pytest.mark.parametrize(
    "email", ["o'pat+stock@sub.example.org", "pat@localhost", "пат@пример.рф", "p" * 242 + "@example.org"]
)
def test_an_address_is_kept_as_written(admin, pat, email):
    assert admin.patch(pat, json={"email": email}).json["email"] == email
    assert admin.get(pat).json["email"] == email


def test_an_address_that_is_too_long_in_lower_case_is_refused(admin, pat):
    refused = admin.patch(pat, json={"email": "ß" * 200 + "@example.org"})

    assert (refused.status_code, codes(refused)) == (422, [("email", "too_long")])


def test_null_takes_an_address_away_and_frees_it(admin, pat):
    assert admin.patch(pat, json={"email": None}).json["email"] is None

    body = {"username": "mat", "password": PASSWORD, "email": "pat@example.org"}
    assert admin.post("/users", json=body).status_code == 201


def test_the_list_holds_everybody_and_can_be_narrowed(admin, member, pat):
    admin.delete(f"/users/{member.user_id}")

    def names(query=""):
        return [user["username"] for user in admin.get(f"/users?sort=username{query}").json["data"]]

    assert names() == ["ada", "mel", "Pat"]
    assert names("&active=false") == ["mel"]
    assert names("&active=true") == ["ada", "Pat"]
    assert names("&role=guest") == ["Pat"]
    assert names("&role=admin&active=false") == []


# --- passwords ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("x" * 11, "too_short"),
        ("", "too_short"),
        ("x" * 129, "too_long"),
        ("tab\tin the middle", "bad_format"),
        ("line\nin the middle", "bad_format"),
        ("nul\u0000in the middle", "bad_characters"),
        (123456789012, "wrong_type"),
        (None, "null"),
        ("PAT@example.org", "too_easy"),
        ("pat@example.org", "too_easy"),
        ("x" * 12, "too_easy"),
        ("Password1234", "too_easy"),
    ],
)
@on_one_database
def test_a_password_that_will_not_do_is_refused_wherever_it_is_set(app, admin, password, code):
    body = {"username": "pat@example.org", "password": PASSWORD}
    path = admin.post("/users", json=body).headers["Location"]
    pat = with_password(app, "pat@example.org")

    created = admin.post("/users", json={"username": "Pat@Example.org", "password": password})
    reset = admin.patch(path, json={"password": password})
    changed = pat.put("/users/me/password", json={"current_password": PASSWORD, "new_password": password})

    assert [each.status_code for each in (created, reset, changed)] == [422] * 3
    assert codes(created) == codes(reset) == [("password", code)]
    assert codes(changed) == [("new_password", code)]
    assert pat.get("/users/me").status_code == 200


@pytest.mark.parametrize("password", ["twelve chars", LONG, "  blanks around  "])
def test_a_password_of_12_to_128_characters_is_good(app, admin, password):
    assert admin.post("/users", json={"username": "pat", "password": password}).status_code == 201
    assert with_password(app, "pat", password).get("/users/me").status_code == 200


def test_one_changes_ones_own_password_with_the_old_one(app, pat):
    me = with_password(app, "pat")

    changed = me.put("/users/me/password", json={"current_password": PASSWORD, "new_password": NEW})

    assert (changed.status_code, changed.data) == (204, b"")
    assert me.get("/users/me").status_code == 401
    assert with_password(app, "pat", NEW).get("/users/me").status_code == 200


def test_a_wrong_current_password_changes_nothing(app, pat):
    me = with_password(app, "pat")

    refused = me.put("/users/me/password", json={"current_password": NEW, "new_password": NEW})

    assert (refused.status_code, codes(refused)) == (422, [("current_password", "wrong_password")])
    assert me.get("/users/me").status_code == 200


def test_of_two_password_changes_at_the_same_moment_one_counts(app, pat, together):
    me = with_password(app, "pat")
    new = [f"{NEW} {number}" for number in range(2)]

    answers = together(
        lambda number: me.put("/users/me/password", json={"current_password": PASSWORD, "new_password": new[number]})
    )

    assert sorted(answer.status_code for answer in answers) == [204, 422]
    winner = [answer.status_code for answer in answers].index(204)
    assert with_password(app, "pat", new[winner]).get("/users/me").status_code == 200


# --- change and deactivate ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{"username": "mat"}, {"id": 7}, {"created_at": "2026-01-01T00:00:00Z"}])
def test_what_is_not_to_be_changed_is_refused(admin, pat, changes):
    before = admin.get(pat).json

    assert admin.patch(pat, json=changes).status_code == 422
    assert admin.get(pat).json == before


def test_the_user_name_is_named_as_what_stays(admin, pat):
    assert codes(admin.patch(pat, json={"username": "mat"})) == [("username", "read_only")]


def test_a_change_that_changes_nothing_leaves_the_entity_tag(admin, pat):
    before = admin.get(pat)

    same = admin.patch(pat, json={"role": "guest", "active": True, "email": "pat@example.org"})

    assert same.headers["ETag"] == before.headers["ETag"]
    assert admin.patch(pat, json={}).json == before.json


@pytest.mark.parametrize(
    ("method", "body", "status"),
    [("PATCH", {"role": "member"}, 200), ("PATCH", {"password": NEW}, 200), ("DELETE", None, 204)],
)
def test_a_change_is_refused_when_the_user_is_no_longer_as_read(admin, pat, method, body, status):
    stale = admin.get(pat).headers["ETag"]
    current = admin.patch(pat, json={"email": "new@example.org"})

    refused = admin.open(method, pat, json=body, headers={"If-Match": stale})

    assert (refused.status_code, refused.json["code"]) == (412, "precondition_failed")
    assert admin.get(pat).json == current.json
    assert admin.open(method, pat, json=body, headers={"If-Match": current.headers["ETag"]}).status_code == status


def test_to_delete_is_to_deactivate_and_may_be_repeated(admin, pat):
    assert admin.delete(pat).status_code == 204
    gone = admin.get(pat).json

    assert gone["active"] is False
    assert admin.delete(pat).status_code == 204
    assert admin.get(pat).json == gone
    assert admin.patch(pat, json={"active": True}).json["active"] is True


def test_what_a_user_did_goes_on_naming_them(admin, member, lamp):
    admin.delete(f"/users/{member.user_id}")

    assert admin.get(f"{lamp}/movements").json["data"][0]["user"] == "mel"


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("user_id", ["2147483647", "2147483648", "0", "-1", "01x"])
def test_a_user_who_does_not_exist_is_not_found(admin, method, user_id):
    assert admin.open(method, f"/users/{user_id}", json={} if method == "PATCH" else None).status_code == 404


# --- the last admin -------------------------------------------------------------------------------------------------

ENDS = [("PATCH", {"role": "member"}), ("PATCH", {"role": "guest", "active": True}), ("PATCH", {"active": False})]
ENDS += [("DELETE", None)]


@pytest.mark.parametrize(("method", "body"), ENDS)
def test_the_last_admin_stays(app, admin, member, method, body):
    other = person(app, "eve", "admin")
    assert admin.delete(f"/users/{other.user_id}").status_code == 204  # an inactive admin does not count
    before = admin.get("/users/me").json

    refused = admin.open(method, f"/users/{admin.user_id}", json=body)

    assert (refused.status_code, refused.json["code"]) == (409, "last_admin")
    assert admin.get("/users/me").json == before


@pytest.mark.parametrize(("method", "body"), ENDS)
def test_an_admin_may_go_while_another_stays(app, admin, method, body):
    other = person(app, "eve", "admin")

    gone = admin.open(method, f"/users/{other.user_id}", json=body)

    assert gone.status_code == (204 if method == "DELETE" else 200)
    assert admin.get("/users?role=admin&active=true").json["total_items"] == 1


def test_the_last_admin_may_change_all_else(admin):
    path = f"/users/{admin.user_id}"

    assert admin.patch(path, json={"role": "admin", "active": True, "email": "ada@example.org"}).status_code == 200


@pytest.fixture
def together(monkeypatch):
    """Runs a request in two threads that begin to write at the same moment, both being signed in."""
    begin_write, barrier, arrived = transactions.begin_write, threading.Barrier(2), threading.local()

    def wait_and_begin(*args, **options):
        if not getattr(arrived, "once", False):
            arrived.once = True
            barrier.wait(10)
        begin_write(*args, **options)

    def run(request):
        monkeypatch.setattr(transactions, "begin_write", wait_and_begin)
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(request, range(2)))
        monkeypatch.setattr(transactions, "begin_write", begin_write)
        return answers

    return run


@pytest.mark.parametrize(("method", "body"), ENDS)
@pytest.mark.parametrize("whom", ["each other", "themselves"])
def test_two_last_admins_who_go_at_the_same_moment_leave_one(app, admin, together, method, body, whom):
    eve = person_with_password(app, "eve", "admin")
    admins = [admin, eve] if whom == "themselves" else [eve, admin]
    for each in admins:
        each.get("/users/me")  # the password is known to be right

    answers = together(lambda number: (admin, eve)[number].open(method, f"/users/{admins[number].user_id}", json=body))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses in ([200, 409], [204, 409])
    left = [each.get("/users?role=admin&active=true") for each in (admin, eve)]
    assert sorted(answer.status_code for answer in left) in ([200, 401], [200, 403])
    assert next(answer for answer in left if answer.status_code == 200).json["total_items"] == 1


@pytest.mark.parametrize("name", ["system", "System", "cli", "CLI"])
def test_nobody_is_called_as_the_audit_calls_the_service_itself(apps, admin, name):
    registering = Client(apps(ALLOW_REGISTRATION="true"))
    body = {"username": name, "password": PASSWORD, "email": "s@example.com"}

    for answer in (admin.post("/users", json=body), registering.post("/auth/register", json=body)):
        assert answer.status_code == 422
        assert [(fault["field"], fault["code"]) for fault in answer.json["errors"]] == [("username", "reserved")]
    assert admin.get("/users").json["total_items"] == 1


# --- what an API token may not do -----------------------------------------------------------------------------------


@pytest.fixture
def script(app, admin):
    """An API token of the admin, with every scope."""
    return person(app, "ada", "admin")


def refused(answer):
    return answer.status_code, answer.json["code"]


PASSWORD_REQUIRED = 403, "password_required"


def test_an_api_token_takes_over_nobody_and_makes_no_admin(app, admin, script, member):
    before, (mel, ada) = admin.get("/users").json["data"], (f"/users/{member.user_id}", f"/users/{admin.user_id}")
    eve = {"username": "eve", "password": PASSWORD, "role": "admin"}

    assert refused(script.patch(ada, json={"password": "another long one"})) == PASSWORD_REQUIRED
    assert refused(script.patch(mel, json={"password": "another long one"})) == PASSWORD_REQUIRED
    assert refused(script.patch(mel, json={"role": "admin"})) == PASSWORD_REQUIRED
    assert refused(script.patch(mel, json={"role": "guest"})) == PASSWORD_REQUIRED
    assert refused(script.patch(ada, json={"role": "member"})) == PASSWORD_REQUIRED
    assert refused(script.post("/users", json=eve)) == PASSWORD_REQUIRED

    assert admin.get("/users").json["data"] == before
    assert with_password(app, "mel").get("/users/me").status_code == 200
    told = admin.get("/audit?type=access.refused").json["data"]
    assert {(event["actor"], event["data"]["code"]) for event in told} == {("ada", "password_required")}


@pytest.mark.parametrize("role", ["guest", "member"])
def test_an_api_token_makes_guests_and_members_with_their_first_password(app, admin, script, role):
    made = script.post("/users", json={"username": "pat", "password": PASSWORD, "role": role})

    assert (made.status_code, made.json["role"]) == (201, role)
    assert with_password(app, "pat").get("/users/me").status_code == 200


def test_an_api_token_makes_a_guest_a_member_changes_an_address_and_deactivates(admin, script, guest):
    path = f"/users/{guest.user_id}"

    assert script.patch(path, json={"role": "member"}).json["role"] == "member"
    assert script.patch(path, json={"email": "gus@example.com"}).json["email"] == "gus@example.com"
    assert script.delete(path).status_code == 204


@pytest.mark.parametrize("sign_in", [with_password, signed_in])
def test_an_admin_with_a_password_or_a_sign_in_does_all_of_it(app, admin, member, sign_in):
    path = f"/users/{member.user_id}"

    assert sign_in(app, "ada").patch(path, json={"role": "admin"}).json["role"] == "admin"
    assert sign_in(app, "ada").patch(path, json={"role": "guest", "password": "another long one"}).status_code == 200
    assert with_password(app, "mel", "another long one").get("/users/me").json["role"] == "guest"
