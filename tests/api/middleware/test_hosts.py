"""The names of the service: which `Host` it answers to."""

import pytest

from tests.support.clients import Client

LOOPBACK = ["localhost", "localhost:8000", "LOCALHOST", "127.0.0.1", "127.8.9.1:80", "[::1]", "[::1]:8000"]
OURS = ["stock.example.com", "Stock.Example.com:8443", "10.0.0.7", "[2001:db8::7]:8000", "public.example.com"]
OTHERS = [
    "evil.example",
    "stock.example.com.evil.example",
    "xstock.example.com",
    "10.0.0.70",
    "[2001:db8::70]",
    "a b",
    "",
]


@pytest.fixture
def named(apps, guest):
    """Asks a service with names of its own, by one of them."""
    app = apps(HOSTS="stock.example.com, 10.0.0.7,[2001:db8::7]", PUBLIC_URL="https://public.example.com")
    return lambda host, path="/items": Client(app, {**guest.headers, "Host": host}).get(path)


@pytest.mark.parametrize("host", [*LOOPBACK, *OURS])
def test_it_answers_to_its_own_names_and_to_those_of_loopback(named, host):
    assert named(host).status_code == 200


@pytest.mark.parametrize("host", OTHERS)
@pytest.mark.parametrize("path", ["/items", "//livez", "//docs", "/nowhere"])
def test_any_other_name_is_400_once_names_are_set(named, host, path):
    refused = named(host, path)

    assert (refused.status_code, refused.json["code"]) == (400, "bad_request")
    assert "HOSTS" in refused.json["detail"]


@pytest.mark.parametrize("host", [*LOOPBACK, *OURS, "evil.example"])
def test_any_name_will_do_unless_names_are_set(guest, host):
    assert guest.get("/items", headers={"Host": host}).status_code == 200
