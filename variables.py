"""The variables of the environment: each is read strictly, and refused with one sentence that begins with its name."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, TypeVar

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent
SECRET_KEY_BYTES = 32
MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH = 12, 128
USERNAME_LENGTH = 64
RESERVED_USERNAMES = ("system", "cli")  # the actors of events that no user causes
USERNAME_CHARACTERS = "A-Za-z0-9._@-"
USERNAME = re.compile(f"[{USERNAME_CHARACTERS}]{{1,{USERNAME_LENGTH}}}")


class SettingsError(ValueError):
    """A setting is not valid; the message is one sentence that begins with its name."""


class Reader:
    """Reads one variable each call, strictly; all but `exact` ignore spaces around the value."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ

    def optional(self, name: str) -> str | None:
        """Return the value, None for an unset or empty variable."""
        return self.exact(name).strip() or None

    def exact(self, name: str) -> str:
        """Return the value with the spaces around it, which may belong to a password."""
        value = self.environ.get(name, "")
        # Bytes that are not UTF-8 arrive as surrogates.
        if re.search("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]", value.rstrip("\r\n")):
            raise SettingsError(f"{name} contains a control character or is not UTF-8; write it anew.")
        return value.rstrip("\r\n")

    def text(self, name: str, default: str) -> str:
        return self.optional(name) or default

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.text(name, default)
        by_name = {choice.casefold(): choice for choice in choices}
        if value.casefold() not in by_name:
            raise SettingsError(f"{name} is {value!r}; it must be one of {', '.join(choices)}.")
        return by_name[value.casefold()]

    def integer(self, name: str, default: int, minimum: int, maximum: int, or_word: str = "") -> int:
        value = self.text(name, str(default))
        if not re.fullmatch(r"-?[0-9]{1,18}", value) or not minimum <= int(value) <= maximum:
            raise SettingsError(f"{name} is {value!r}; it must be a whole number from {minimum} to {maximum}{or_word}.")
        return int(value)

    def processes(self, name: str) -> int | Literal["auto"]:
        return "auto" if self.text(name, "").lower() == "auto" else self.integer(name, 1, 1, 64, ", or auto")

    def cpu(self, name: str) -> int | Literal["auto"] | None:
        """Return the number of a CPU, `auto`, or None for `off`."""
        value = self.text(name, "auto").lower()
        if value == "auto":
            return "auto"
        if value != "off" and not re.fullmatch("[0-9]{1,4}", value):
            raise SettingsError(f"{name} is {value!r}; it must be auto, off or the number of a CPU.")
        return None if value == "off" else int(value)

    def boolean(self, name: str, default: bool) -> bool:
        return self.choice(name, str(default).lower(), ("true", "false")) == "true"

    def folder(self, name: str, default: str) -> Path:
        path = (ROOT / self.text(name, default)).resolve()
        if "?" in str(path):  # in the URL of SQLite it would begin the options
            raise SettingsError(f"{name} is {str(path)!r}; it must not contain a question mark.")
        return path

    def many(self, name: str) -> tuple[str, ...]:
        """Return the values between commas, without empty ones."""
        return tuple(value.strip() for value in self.text(name, "").split(",") if value.strip())

    def secret_key(self, name: str) -> str | None:
        value = self.optional(name)
        if value is not None and len(value.encode()) < SECRET_KEY_BYTES:
            raise SettingsError(f"{name} is too short to be safe; it must have {SECRET_KEY_BYTES} bytes or more.")
        return value

    def secret_keys(self, name: str) -> tuple[str, ...]:
        values = self.many(name)
        if any(len(value.encode()) < SECRET_KEY_BYTES for value in values):
            raise SettingsError(f"{name} has a key that is too short; each must have {SECRET_KEY_BYTES} bytes or more.")
        return values

    def rate(self, name: str, default: str) -> str:
        """Return a number of requests per unit of time; a variable that is set but empty is no limit."""
        value = self.text(name, "" if name in self.environ else default)
        if value and not re.fullmatch(r"[1-9][0-9]{0,8}/(second|minute|hour|day)", value):
            raise SettingsError(f"{name} is {value!r}; it must be as 600/minute (second, minute, hour, day), or empty.")
        return value

    def url(self, name: str, check: Callable[[str], T]) -> T | None:
        """Return what `check` makes of the value; it raises ValueError with the end of a sentence for a wrong one."""
        value = self.optional(name)
        return None if value is None else self._checked(name, value, check)

    def urls(self, name: str, check: Callable[[str], T]) -> tuple[T, ...]:
        """Return what `check` makes of each of the values between commas."""
        return tuple(self._checked(name, value, check) for value in self.many(name))

    def _checked(self, name: str, value: str, check: Callable[[str], T]) -> T:
        try:
            return check(value)
        except ValueError as error:
            raise SettingsError(f"{name} {error}.") from None

    def username(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if value.lower() in RESERVED_USERNAMES:
            raise SettingsError(f"{name} is {value!r}, by which the audit means the service itself; take another name.")
        if not USERNAME.fullmatch(value):
            raise SettingsError(
                f"{name} is {value!r}; it must be 1 to {USERNAME_LENGTH} letters, digits, or . - _ @ signs."
            )
        return value

    def password(self, name: str) -> str | None:
        value = self.exact(name) or None
        if value is not None and not MIN_PASSWORD_LENGTH <= len(value) <= MAX_PASSWORD_LENGTH:
            raise SettingsError(f"{name} must have {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters.")
        return value
