"""The settings of one service, read once from the environment and frozen."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlencode, urlsplit

VERSION = "0.1.0"
ROOT = Path(__file__).resolve().parent
MIB = 1024 * 1024
SECRET_KEY_BYTES = 32
ISSUER_LENGTH = 255
MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH = 12, 128
USERNAME_LENGTH = 64
USERNAME_CHARACTERS = "A-Za-z0-9._@-"
USERNAME = re.compile(f"[{USERNAME_CHARACTERS}]{{1,{USERNAME_LENGTH}}}")

DATABASE_DRIVERS = {
    "sqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mysql+pymysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "mariadb+pymysql": "mysql+pymysql",
}


class SettingsError(ValueError):
    """A setting makes no sense; the message is one sentence that begins with its name."""


@dataclass(frozen=True)
class OidcSettings:
    """The OpenID provider whose users may come in, and as whom this service is known there."""

    issuer: str
    audience: str
    role_claim: str | None
    client_id: str
    client_secret: str | None


@dataclass(frozen=True)
class Settings:
    """Everything that can be set from outside; `from_env` reads it, tests build it."""

    app_env: str
    host: str
    port: int
    threads: int
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
    rate_limit: str
    login_rate_limit: str
    rate_limit_storage_url: str
    cors_origins: tuple[str, ...]
    trusted_proxy: str | None
    max_body_bytes: int
    max_import_bytes: int
    idempotency_lifetime: timedelta
    audit_days: int | None
    require_if_match: bool
    log_level: str
    log_format: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings; an unset or empty variable takes its default.

        Raises SettingsError, naming the variable, for the first value that makes no sense.
        """
        read = _Reader(os.environ if environ is None else environ)
        instance_path = read.folder("INSTANCE_PATH", "instance")
        return cls(
            app_env=read.choice("APP_ENV", "development", ("development", "staging", "production")),
            host=read.text("HOST", "127.0.0.1"),
            port=read.integer("PORT", 8000, 0, 65_535),
            threads=read.integer("THREADS", 8, 1, 64),
            cpu_affinity=read.cpu("CPU_AFFINITY"),
            instance_path=instance_path,
            database_url=read.database_url("DATABASE_URL", instance_path),
            secret_key=read.secret_key("SECRET_KEY"),
            secret_key_fallbacks=read.secret_keys("SECRET_KEY_FALLBACKS"),
            admin_username=read.username("ADMIN_USERNAME", "admin"),
            admin_password=read.password("ADMIN_PASSWORD"),
            allow_registration=read.boolean("ALLOW_REGISTRATION", False),
            access_token_lifetime=timedelta(minutes=read.integer("ACCESS_TOKEN_MINUTES", 15, 1, 24 * 60)),
            refresh_token_lifetime=timedelta(days=read.integer("REFRESH_TOKEN_DAYS", 30, 1, 365)),
            oidc=_oidc(read),
            rate_limit=read.rate("RATE_LIMIT", "6000/minute"),
            login_rate_limit=read.rate("LOGIN_RATE_LIMIT", "10/minute"),
            rate_limit_storage_url=read.storage_url("RATE_LIMIT_STORAGE_URL"),
            cors_origins=read.origins("CORS_ORIGINS"),
            trusted_proxy=read.address("TRUSTED_PROXY"),
            max_body_bytes=read.integer("MAX_BODY_MB", 2, 1, 1024) * MIB,
            max_import_bytes=read.integer("MAX_IMPORT_MB", 100, 1, 1024) * MIB,
            idempotency_lifetime=timedelta(hours=read.integer("IDEMPOTENCY_HOURS", 24, 1, 24 * 365)),
            audit_days=read.integer("AUDIT_DAYS", 0, 1, 36_500) if read.optional("AUDIT_DAYS") else None,
            require_if_match=read.boolean("REQUIRE_IF_MATCH", False),
            log_level=read.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
            log_format=read.choice("LOG_FORMAT", "text", ("text", "json")),
        )


class _Reader:
    """Reads one variable each call, strictly."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ

    def optional(self, name: str) -> str | None:
        return self.exact(name).strip() or None

    def exact(self, name: str) -> str:
        """The value with the blanks around it, because a password may have some."""
        value = self.environ.get(name, "")
        # Bytes that are not text reach us as surrogates.
        if re.search("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]", value.rstrip("\r\n")):
            raise SettingsError(f"{name} contains a control character or is not UTF-8; write it anew.")
        return value.rstrip("\r\n")

    def text(self, name: str, default: str) -> str:
        return self.optional(name) or default

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.text(name, default)
        by_folded = {choice.casefold(): choice for choice in choices}
        if value.casefold() not in by_folded:
            raise SettingsError(f"{name} is {value!r}; it must be one of {', '.join(choices)}.")
        return by_folded[value.casefold()]

    def integer(self, name: str, default: int, minimum: int, maximum: int) -> int:
        value = self.text(name, str(default))
        if not re.fullmatch(r"-?[0-9]{1,18}", value) or not minimum <= int(value) <= maximum:
            raise SettingsError(f"{name} is {value!r}; it must be a whole number from {minimum} to {maximum}.")
        return int(value)

    def cpu(self, name: str) -> int | Literal["auto"] | None:
        """The number of a CPU, `auto`, or `off`, which is None."""
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
        if "?" in str(path):  # it would begin the options of the SQLite URL
            raise SettingsError(f"{name} is {str(path)!r}; it must not contain a question mark.")
        return path

    def many(self, name: str) -> tuple[str, ...]:
        """The values between the commas."""
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
        """A number of requests per time; empty, though set, is no limit."""
        value = self.text(name, "" if name in self.environ else default)
        if value and not re.fullmatch(r"[1-9][0-9]{0,8}/(second|minute|hour|day)", value):
            raise SettingsError(f"{name} is {value!r}; it must be as 600/minute (second, minute, hour, day), or empty.")
        return value

    def storage_url(self, name: str) -> str:
        value = self.text(name, "memory://")
        if not re.match(r"memory://$|rediss?://[^/\s]", value):
            raise SettingsError(f"{name} must be memory:// or begin with redis:// and a host.")
        return value

    def origins(self, name: str) -> tuple[str, ...]:
        values = self.many(name)
        for value in values:
            if not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+", value):
                raise SettingsError(
                    f"{name} has {value!r}; each must be an origin as https://shop.example.com, without a path."
                )
        return values

    def issuer(self, name: str) -> str | None:
        value = self.optional(name)
        if value and not (len(value) <= ISSUER_LENGTH and is_private_url(value) and not set("?#@") & set(value)):
            raise SettingsError(
                f"{name} must be the issuer exactly as the provider writes it, with https (http on this machine "
                f"only), at most {ISSUER_LENGTH} characters and without user, password, query and fragment."
            )
        return value

    def address(self, name: str) -> str | None:
        value = self.optional(name)
        if value is None:
            return None
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            raise SettingsError(f"{name} is {value!r}; it must be one exact IP address, as 127.0.0.1.") from None

    def username(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if not USERNAME.fullmatch(value):
            raise SettingsError(
                f"{name} is {value!r}; it must be 1 to {USERNAME_LENGTH} letters, digits, dots, hyphens, "
                "underscores or @ signs."
            )
        return value

    def password(self, name: str) -> str | None:
        value = self.exact(name) or None
        if value is not None and not MIN_PASSWORD_LENGTH <= len(value) <= MAX_PASSWORD_LENGTH:
            raise SettingsError(f"{name} must have {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters.")
        return value

    def database_url(self, name: str, instance_path: Path) -> str:
        """The URL for SQLAlchemy, its driver named; a relative SQLite path is below the instance."""
        value = self.optional(name)
        if value is None:
            return f"sqlite:///{(instance_path / 'stockroom.sqlite3').as_posix()}"
        scheme, separator, rest = value.partition("://")
        if not separator or scheme.lower() not in DATABASE_DRIVERS:
            raise SettingsError(
                f"{name} must begin with sqlite:///, postgresql:// or mysql://; this one begins with {scheme[:20]!r}."
            )
        driver = DATABASE_DRIVERS[scheme.lower()]
        if driver == "sqlite":
            return f"sqlite:///{_sqlite_path(name, rest, instance_path)}"
        parts = _split(name, f"{driver}://{rest}")
        if not parts.path.strip("/"):
            raise SettingsError(f"{name} names no database; add its name after the host, as /stockroom.")
        return _many_hosts(driver, parts) if "," in parts.netloc else f"{driver}://{rest}"


def is_private_url(url: str) -> bool:
    """Whether nobody on the way there can listen: https, or http that stays on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        valid = bool(host) and parts.port != 0
    except ValueError:  # the port is no number, or a bracket is left open
        return False
    return valid and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _oidc(read: _Reader) -> OidcSettings | None:
    issuer = read.issuer("OIDC_ISSUER")
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


def _split(name: str, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        valid = parts.netloc.count("@") < 2 and not parts.netloc.endswith(":")
        valid = valid and ("," in parts.netloc or parts.port != 0)
    except ValueError:  # the port is no number, or a bracket is left open
        valid = False
    if not valid:
        raise SettingsError(
            f"{name} is no URL as postgresql://user:password@host:5432/name; "
            "in user and password, write %40 for @, %2F for / and %23 for #."
        )
    return parts


def _sqlite_path(name: str, rest: str, instance_path: Path) -> str:
    path = rest.removeprefix("/")
    if not rest.startswith("/") or not path or path == ":memory:" or "?" in path:
        raise SettingsError(f"{name} must name a file, as sqlite:///stock.sqlite3; it does not.")
    return (instance_path / path).resolve().as_posix()


def _many_hosts(driver: str, parts: SplitResult) -> str:
    """libpq's `//user@one:5432,two:5432/name` in the form SQLAlchemy reads, `?host=one:5432&host=…`."""
    credentials, at, hosts = parts.netloc.rpartition("@")
    query = urlencode([("host", host) for host in hosts.split(",")], safe=":[]")
    if parts.query:
        query += f"&{parts.query}"
    return f"{driver}://{credentials}{at}{parts.path}?{query}"
