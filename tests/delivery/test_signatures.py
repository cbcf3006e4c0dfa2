"""A receiver can tell who sent a webhook: the signatures are those of Standard Webhooks."""

import base64
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from delivery.signatures import new_secret, signature_headers

BODY = '{"id": 7, "type": "item.low_stock", "sku": "Lämpchen €"}'.encode()


def signed(*signing: str, body: bytes = BODY, timestamp: int | None = None) -> dict[str, str]:
    """The headers of a delivery of now, signed with these secrets."""
    return signature_headers("evt_7", int(time.time()) if timestamp is None else timestamp, body, signing)


def test_the_example_of_the_specification_is_signed_as_printed_there() -> None:
    headers = signature_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_library_of_standard_webhooks_verifies_a_delivery() -> None:
    secret = new_secret()

    assert Webhook(secret).verify(BODY, signed(secret))["id"] == 7


def test_while_a_secret_is_exchanged_receivers_verify_with_either() -> None:
    old, new = new_secret(), new_secret()
    headers = signed(new, old)

    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (old, new):
        Webhook(secret).verify(BODY, headers)


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "webhook-signature", "body", "secret"])
def test_nothing_that_is_signed_can_be_changed(changed: str) -> None:
    secret = new_secret()
    headers = signed(secret)
    body = BODY.replace(b"7", b"8") if changed == "body" else BODY
    if changed in headers:
        headers[changed] = {
            "webhook-id": "evt_8",
            "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1),
            "webhook-signature": f"v1,{base64.b64encode(bytes(32)).decode()}",
        }[changed]

    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret() if changed == "secret" else secret).verify(body, headers)


def test_an_old_delivery_is_not_taken_again() -> None:
    secret = new_secret()

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, signed(secret, timestamp=int(time.time()) - 301))


def test_a_secret_is_32_random_bytes_in_base64() -> None:
    made = {new_secret() for _ in range(50)}

    assert len(made) == 50
    assert {len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) for secret in made} == {32}
