"""What the name, the address and the password of a user must look like."""

from typing import Any

from werkzeug.exceptions import TooManyRequests

from api.auth.passwords import is_outdated, weakness
from api.errors import InvalidInput, fault
from api.requests.text import Text
from api.requests.types import InvalidValue
from api.services import services
from models.people.user import EMAIL_LENGTH
from models.values import normalized
from settings import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH, USERNAME, USERNAME_LENGTH


class Email(Text):
    """An email address, which must fit the database in lower case too: some letters then become two."""

    def __init__(self) -> None:
        super().__init__(EMAIL_LENGTH, 3, pattern=r"[^@\s]+@[^@\s]+", pattern_words="must be an email address")

    def __call__(self, value: Any) -> str:
        text = super().__call__(value)
        if len(normalized(text)) > self.max_length:
            raise InvalidValue("too_long", f"must have at most {self.max_length} characters in lower case")
        return text


username_type = Text(
    USERNAME_LENGTH,
    1,
    pattern=USERNAME.pattern,
    pattern_words="must consist of letters, digits, dots, hyphens, underscores and @",
)
# Blanks at its ends are part of a password; control characters have no place in HTTP Basic (RFC 7617 section 2).
password_type = Text(
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
    lines=True,
    pattern=r"[^\t\n\r]*",
    pattern_words="must not contain control characters",
)
email_type = Email()


def new_hash(field: str, password: str, username: str) -> str:
    """The hash of a new password; slow, so it is made before the write begins. Raises InvalidInput."""
    if words := weakness(password, username):
        raise InvalidInput([fault(field, "too_easy", words)])
    return services().passwords.hash(password)


def renewed_hash(stored_hash: str, password: str) -> str | None:
    """A hash by today's method for the right password, if the stored one was made by another; None while that can wait.

    A service too busy to hash it now does so at another sign-in.
    """
    if not is_outdated(stored_hash):
        return None
    try:
        return services().passwords.hash(password)
    except TooManyRequests:
        return None
