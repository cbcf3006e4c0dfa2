"""Secrets that the service makes: random enough that a plain hash of them is safe to store."""

import hashlib
import secrets
import string

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
# So many random letters and digits carry 256 bits.
SECRET_LENGTH = 43


def random_letters(length: int) -> str:
    """Random letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def hashed(secret: str) -> str:
    """What is stored of a secret of 256 random bits: SHA-256 is enough, where a password needs scrypt."""
    return hashlib.sha256(secret.encode()).hexdigest()
