"""The settings of one service, read once from the environment and frozen; nothing else reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Literal

from urls import (
    IpNetwork,
    SmtpServer,
    database_url,
    host_name,
    ip_address,
    issuer_url,
    mail_address,
    network,
    origin,
    smtp_server,
    sqlite_url,
    storage_url,
)
from variables import (
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
    RESERVED_USERNAMES,
    ROOT,
    SECRET_KEY_BYTES,
    USERNAME,
    USERNAME_CHARACTERS,
    USERNAME_LENGTH,
    Reader,
    SettingsError,
)

__all__ = [
    "ISSUER_LENGTH",
    "MAX_PASSWORD_LENGTH",
    "MIB",
    "MIN_PASSWORD_LENGTH",
    "RESERVED_USERNAMES",
    "ROOT",
    "SECRET_KEY_BYTES",
    "USERNAME",
    "USERNAME_CHARACTERS",
    "USERNAME_LENGTH",
    "VERSION",
    "MailSettings",
    "OidcSettings",
    "Settings",
    "SettingsError",
]

VERSION = "0.1.0"
MIB = 1024 * 1024
ISSUER_LENGTH = 255


@dataclass(frozen=True)
class OidcSettings:
    """The OpenID provider whose users may sign in, and how this service is registered there."""

    issuer: str
    audience: str
    role_claim: str | None
    client_id: str
    client_secret: str | None


@dataclass(frozen=True)
class MailSettings:
    """The server that mails are handed to, and what they say by default: from whom they are, and who gets alerts."""

    server: SmtpServer
    sender: str
    alert_recipients: tuple[str, ...]


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
    mail: MailSettings | None
    webhook_allow_nets: tuple[IpNetwork, ...]
    webhook_log_days: int
    log_level: str
    log_format: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings; an unset or empty variable has its default.

        Raises SettingsError, naming the variable, for the first value that is not valid.
        """
        read = Reader(os.environ if environ is None else environ)
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
            mail=_mail(read),
            webhook_allow_nets=read.urls("WEBHOOK_ALLOW_NETS", network),
            webhook_log_days=read.integer("WEBHOOK_LOG_DAYS", 30, 1, 3650),
            log_level=read.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
            log_format=read.choice("LOG_FORMAT", "text", ("text", "json")),
        )


def _oidc(read: Reader) -> OidcSettings | None:
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


def _mail(read: Reader) -> MailSettings | None:
    server = read.url("SMTP_URL", smtp_server)
    sender = read.url("MAIL_FROM", mail_address)
    recipients = read.urls("ALERT_RECIPIENTS", mail_address)
    if server is None:
        for name, value in {"MAIL_FROM": sender, "ALERT_RECIPIENTS": recipients}.items():
            if value:
                raise SettingsError(f"{name} is set without SMTP_URL, so no mail can be sent; set both or neither.")
        return None
    username = server.username or ""
    return MailSettings(server, sender or (username if "@" in username else f"stockroom@{server.host}"), recipients)
