"""The input types of user names, email addresses and passwords, and the hash of a new password."""

from typing import Any

from flask import has_request_context
from werkzeug.exceptions import TooManyRequests

from api.auth.passwords import is_outdated, weakness
from api.errors import InvalidInput, fault
from api.middleware.rate_limits import client_network
from api.requests.text import Text
from api.requests.types import InvalidValue
from api.services import services
from models.people.user import EMAIL_LENGTH
from models.values import normalized
from settings import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH, RESERVED_USERNAMES, USERNAME, USERNAME_LENGTH


class Email(Text):
    """An email address that fits the database in lower case too, where some letters become two."""

    def __init__(self) -> None:
        super().__init__(EMAIL_LENGTH, 3, pattern=r"[^@\s]+@[^@\s]+", pattern_words="must be an email address")

    def __call__(self, value: Any) -> str:
        text = super().__call__(value)
        if len(normalized(text)) > self.max_length:
            raise InvalidValue("too_long", f"must have at most {self.max_length} characters in lower case")
        return text


# What mail servers agree on without quotes (RFC 5322 section 3.2.3); a domain may have letters beyond ASCII.
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LABEL = r'[^@\s<>(),:;\\"\[\].]+'
RECIPIENT_LENGTH = 254


class Recipient(Text):
    """A mail address that every mail server takes."""

    def __init__(self) -> None:
        pattern = rf"{ATOM}(\.{ATOM})*@{LABEL}(\.{LABEL})*"
        super().__init__(RECIPIENT_LENGTH, 3, pattern=pattern, pattern_words="must be an address as mia@example.com")


class Username(Text):
    """The name of a user."""

    def __init__(self) -> None:
        words = "must consist of letters, digits, dots, hyphens, underscores and @"
        super().__init__(USERNAME_LENGTH, 1, pattern=USERNAME.pattern, pattern_words=words)


class NewUsername(Username):
    """The name of a new user, who must not be taken for the service itself in the audit."""

    def __call__(self, value: Any) -> str:
        text = super().__call__(value)
        if normalized(text) in RESERVED_USERNAMES:
            raise InvalidValue("reserved", "is a name by which the audit means the service itself")
        return text


username_type, new_username_type = Username(), NewUsername()
# Spaces at its ends are part of a password; control characters have no place in HTTP Basic (RFC 7617 section 2).
password_type = Text(
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
    lines=True,
    pattern=r"[^\t\n\r]*",
    pattern_words="must not contain control characters",
)
email_type, recipient_type = Email(), Recipient()


def new_hash(field: str, password: str, username: str) -> str:
    """Return the hash of a new password; raises InvalidInput, naming `field`, for a weak one.

    It takes some 90 ms: call it before the write transaction begins.
    """
    if reason := weakness(password, username):
        raise InvalidInput([fault(field, "too_easy", reason)])
    return services().passwords.hash(password, client_network() if has_request_context() else "")


def renewed_hash(stored_hash: str, password: str) -> str | None:
    """Return a hash by the current method for a password that was right, or None if it needs none now.

    It needs none if the stored hash is by that method already. A service that is too busy does it at a later sign-in.
    """
    if not is_outdated(stored_hash):
        return None
    try:
        return services().passwords.hash(password, client_network())
    except TooManyRequests:
        return None
