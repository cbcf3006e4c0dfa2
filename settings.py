"""The settings of one service, read once from the environment and frozen; nothing else reads the environment."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Literal

from urls import database_url, host_name, ip_address, issuer_url, origin, sqlite_url, storage_url

VERSION = "0.1.0"
ROOT = Path(__file__).resolve().parent
MIB = 1024 * 1024
SECRET_KEY_BYTES = 32
ISSUER_LENGTH = 255
MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH = 12, 128
USERNAME_LENGTH = 64
RESERVED_USERNAMES = ("system", "cli")  # the actors of events that no user causes
USERNAME_CHARACTERS = "A-Za-z0-9._@-"
USERNAME = re.compile(f"[{USERNAME_CHARACTERS}]{{1,{USERNAME_LENGTH}}}")


class SettingsError(ValueError):
    """A setting is not valid; the message is one sentence that begins with its name."""


@dataclass(frozen=True)
class OidcSettings:
    """The OpenID provider whose users may sign in, and how this service is registered there."""

    issuer: str
    audience: str
    role_claim: str | None
    client_id: str
    client_secret: str | None


@dataclass(frozen=True)
class Settings:
    """Everything that can be set from outside; `from_env` reads it."""

    app_env: str
    host: str
    port: int
    threads: int
    processes: int | Literal["auto"]
    cpu_affinity: int | Literal["auto"] | None
    instance_path: Path
    database_url: str
    secret_key: str | None
    secret_key_fallbacks: tuple[str, ...]
    admin_username: str
    admin_password: str | None
    allow_registration: bool
    access_token_lifetime: timedelta
    refresh_token_lifetime: timedelta
    oidc: OidcSettings | None
    oidc_session_lifetime: timedelta
    oidc_token_days: int
    rate_limit: str
    login_rate_limit: str
    rate_limit_storage_url: str
    cors_origins: tuple[str, ...]
    public_url: str | None
    hosts: frozenset[str]
    trusted_proxy: str | None
    max_body_bytes: int
    max_import_bytes: int
    idempotency_lifetime: timedelta
    audit_days: int
    require_if_match: bool
    log_level: str
    log_format: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings; an unset or empty variable has its default.

        Raises SettingsError, naming the variable, for the first value that is not valid.
        """
        read = _Reader(os.environ if environ is None else environ)
        instance_path = read.folder("INSTANCE_PATH", "instance")
        return cls(
            app_env=read.choice("APP_ENV", "development", ("development", "staging", "production")),
            host=read.text("HOST", "127.0.0.1"),
            port=read.integer("PORT", 8000, 0, 65_535),
            threads=read.integer("THREADS", 8, 1, 64),
            processes=read.processes("PROCESSES"),
            cpu_affinity=read.cpu("CPU_AFFINITY"),
            instance_path=instance_path,
            database_url=read.url("DATABASE_URL", partial(database_url, folder=instance_path))
            or sqlite_url(instance_path / "stockroom.sqlite3"),
            secret_key=read.secret_key("SECRET_KEY"),
            secret_key_fallbacks=read.secret_keys("SECRET_KEY_FALLBACKS"),
            admin_username=read.username("ADMIN_USERNAME", "admin"),
            admin_password=read.password("ADMIN_PASSWORD"),
            allow_registration=read.boolean("ALLOW_REGISTRATION", False),
            access_token_lifetime=timedelta(minutes=read.integer("ACCESS_TOKEN_MINUTES", 15, 1, 24 * 60)),
            refresh_token_lifetime=timedelta(days=read.integer("REFRESH_TOKEN_DAYS", 30, 1, 365)),
            oidc=_oidc(read),
            oidc_session_lifetime=timedelta(hours=read.integer("OIDC_SESSION_HOURS", 12, 1, 24 * 365)),
            oidc_token_days=read.integer("OIDC_TOKEN_DAYS", 30, 1, 3650),
            rate_limit=read.rate("RATE_LIMIT", "6000/minute"),
            login_rate_limit=read.rate("LOGIN_RATE_LIMIT", "10/minute"),
            rate_limit_storage_url=read.url("RATE_LIMIT_STORAGE_URL", storage_url) or "memory://",
            cors_origins=read.urls("CORS_ORIGINS", origin),
            public_url=read.url("PUBLIC_URL", origin),
            hosts=frozenset(read.urls("HOSTS", host_name)),
            trusted_proxy=read.url("TRUSTED_PROXY", ip_address),
            max_body_bytes=read.integer("MAX_BODY_MB", 2, 1, 1024) * MIB,
            max_import_bytes=read.integer("MAX_IMPORT_MB", 100, 1, 1024) * MIB,
            idempotency_lifetime=timedelta(hours=read.integer("IDEMPOTENCY_HOURS", 720, 1, 24 * 365)),
            audit_days=read.integer("AUDIT_DAYS", 400, 1, 36_500),
            require_if_match=read.boolean("REQUIRE_IF_MATCH", False),
            log_level=read.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
            log_format=read.choice("LOG_FORMAT", "text", ("text", "json")),
        )


class _Reader:
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

    def url(self, name: str, check: Callable[[str], str]) -> str | None:
        """Return what `check` makes of the value; it raises ValueError with the end of a sentence for a wrong one."""
        value = self.optional(name)
        return None if value is None else self._checked(name, value, check)

    def urls(self, name: str, check: Callable[[str], str]) -> tuple[str, ...]:
        """Return what `check` makes of each of the values between commas."""
        return tuple(self._checked(name, value, check) for value in self.many(name))

    def _checked(self, name: str, value: str, check: Callable[[str], str]) -> str:
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


def _oidc(read: _Reader) -> OidcSettings | None:
    issuer = read.url("OIDC_ISSUER", partial(issuer_url, max_length=ISSUER_LENGTH))
    others = {
        "OIDC_AUDIENCE": read.optional("OIDC_AUDIENCE"),
        "OIDC_ROLE_CLAIM": read.optional("OIDC_ROLE_CLAIM"),
        "OIDC_CLIENT_ID": read.optional("OIDC_CLIENT_ID"),
        "OIDC_CLIENT_SECRET": read.optional("OIDC_CLIENT_SECRET"),
    }
    if issuer is None:
        for name, value in others.items():
            if value is not None:
                raise SettingsError(f"{name} is set without OIDC_ISSUER; set both or neither.")
        return None
    audience = others["OIDC_AUDIENCE"]
    if audience is None:
        raise SettingsError("OIDC_ISSUER is set without OIDC_AUDIENCE; set both or neither.")
    client_id = others["OIDC_CLIENT_ID"] or audience
    return OidcSettings(issuer, audience, others["OIDC_ROLE_CLAIM"], client_id, others["OIDC_CLIENT_SECRET"])
