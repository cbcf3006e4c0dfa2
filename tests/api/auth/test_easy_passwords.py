"""Easy passwords: long enough, and refused all the same wherever one is set; and what is remade at a sign-in."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from werkzeug.security import generate_password_hash

from api.auth.password_policy import COMMON, find_weakness
from api.auth.passwords import METHOD
from api.services import services_of
from models.database.base import db
from models.people.user import User
from settings import MIN_PASSWORD_LENGTH
from tests.support.clients import PASSWORD, Client, signed_in, with_password

REPEAT = "must not repeat one character or a short pattern"
SEQUENCE = "must not be a sequence of letters, digits or keys"
COMMONEST = "must not be made of the commonest passwords, words and names"
EASY = {
    "aaaaaaaaaaaa": REPEAT,
    "abcabcabcabc": REPEAT,
    "password" * 2: REPEAT,
    "hello hello hello": REPEAT,
    "two birdstwo birds": REPEAT,
    "😀" * 12: REPEAT,
    "123456789012": SEQUENCE,
    "210987654321": SEQUENCE,
    "abcdefghijkl": SEQUENCE,
    "qwertyuiopas": SEQUENCE,
    "QWERTZUIOPAS": SEQUENCE,
    "qwerty123456": SEQUENCE,
    "aabbccddeeff": SEQUENCE,
    "password1234": COMMONEST,
    "PassWord2024!": COMMONEST,
    "P@ssw0rd!!!!": COMMONEST,
    "2024sunshine": COMMONEST,
    "Summer2024!!": COMMONEST,
    "welcome admin": COMMONEST,
    "stockroom2024": COMMONEST,
    "1q2w3e4r5t6y": COMMONEST,
    "mel.mason2024": COMMONEST,
    "Mel.Mason": "must not be the user name",
}
GOOD = [
    PASSWORD,
    "twelve chars",
    "839201748392",
    "kX9#mQ2$vL5@",
    "a password that is long",
    "old enough wine",
    "ein Paßwort für Süßes",
    "密码是十二个字以上的中文",
    "mel.mason has 839201748392",
    "password 839201748392",
]


@pytest.mark.parametrize(("password", "words"), EASY.items())
def test_a_password_that_anybody_would_try_is_too_easy(password, words):
    assert find_weakness(password, "mel.mason", MIN_PASSWORD_LENGTH) == words


@pytest.mark.parametrize("password", GOOD)
def test_a_password_that_has_enough_of_its_own_is_good(password):
    assert find_weakness(password, "mel.mason", MIN_PASSWORD_LENGTH) is None


def test_the_rules_take_no_time_whatever_is_sent():
    for text in ("password" * 15 + "!", "pass" * 31 + "word", "a" * 127 + "b", "ab" * 63 + "c", ("abc" * 42) + "x"):
        find_weakness(text, "a", MIN_PASSWORD_LENGTH)


def test_the_list_is_sorted_in_lower_case_and_names_each_once():
    lines = COMMON.read_text(encoding="ascii").splitlines()[1:]

    assert lines == sorted({line.strip().lower() for line in lines})
    assert "" not in lines


@pytest.mark.parametrize("password", ["password1234", "123456789012", "aaaaaaaaaaaa"])
def test_an_easy_password_is_refused_wherever_one_is_set_and_nothing_changes(app, admin, member, password):
    mel = with_password(app, "mel")

    created = admin.post("/users", json={"username": "pat", "password": password})
    reset = admin.patch(f"/users/{member.user_id}", json={"password": password})
    changed = mel.put("/users/me/password", json={"current_password": PASSWORD, "new_password": password})

    for refused in (created, reset, changed):
        assert refused.status_code == 422
        assert [fault["code"] for fault in refused.json["errors"]] == ["too_easy"]
        assert password not in refused.text
    assert admin.get("/users").json["total_items"] == 2
    assert mel.get("/users/me").status_code == 200


# --- hashes of another method ---------------------------------------------------------------------------------------


def stored_hash(app: Flask, name: str) -> str:
    with app.app_context():
        return User.by_name(name).password_hash


def store_hash(app: Flask, name: str, value: str) -> None:
    with app.app_context():
        User.by_name(name).password_hash = value
        db.session.commit()


OLD_METHODS = ["pbkdf2:sha256:1000", "scrypt:16384:8:1"]


@pytest.mark.usefixtures("real_hashes")
@pytest.mark.parametrize("method", OLD_METHODS)
def test_a_sign_in_remakes_a_hash_of_another_method_once_and_ends_nothing(app, member, method):
    store_hash(app, "mel", generate_password_hash(PASSWORD, method))
    changed_at = member.get("/users/me").json["updated_at"]

    first = signed_in(app, "mel")
    renewed = stored_hash(app, "mel")
    second = signed_in(app, "mel")

    assert renewed.startswith(f"{METHOD}$")
    assert stored_hash(app, "mel") == renewed
    assert first.get("/users/me").json["updated_at"] == changed_at
    assert second.get("/users/me").status_code == member.get("/users/me").status_code == 200
    assert with_password(app, "mel").get("/users/me").status_code == 200


def test_a_wrong_password_remakes_nothing(app, member):
    before = stored_hash(app, "mel")

    Client(app).post("/auth/login", json={"username": "mel", "password": "not the one that it is"})

    assert stored_hash(app, "mel") == before


def test_a_service_too_busy_to_remake_a_hash_signs_in_all_the_same(app, member, monkeypatch):
    before = stored_hash(app, "mel")
    passwords = services_of(app).passwords
    assert with_password(app, "mel").get("/users/me").status_code == 200  # remembered, so that it needs no room
    taken = 0
    while passwords._places.acquire(blocking=False):
        taken += 1
    try:
        signed_in(app, "mel")
    finally:
        for _ in range(taken):
            passwords._places.release()

    assert stored_hash(app, "mel") == before


@pytest.mark.parametrize("change", [{"password": "another long one"}, {"active": False}])
def test_a_sign_in_that_a_change_of_the_user_overtakes_does_not_begin(app, admin, member, monkeypatch, change):
    verify, boss = services_of(app).passwords.verify, signed_in(app, "ada")

    def overtaken(*args: Any) -> bool:
        right = verify(*args)
        with ThreadPoolExecutor(1) as elsewhere:
            changed = elsewhere.submit(boss.patch, f"/users/{member.user_id}", json=change).result(10)
        assert changed.status_code == 200
        return right

    monkeypatch.setattr(services_of(app).passwords, "verify", overtaken)

    refused = Client(app).post("/auth/login", json={"username": "mel", "password": PASSWORD})

    assert (refused.status_code, refused.json["code"]) == (401, "invalid_credentials")
