"""Secrets that the service generates: random enough that a plain hash of them is safe to store."""

import hashlib
import secrets
import string

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
# So many random letters and digits have 256 bits.
SECRET_LENGTH = 43


def random_letters(length: int) -> str:
    """Return `length` random letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def hashed(secret: str) -> str:
    """Return the SHA-256 of a secret in hexadecimal; enough for 256 random bits, where a password needs scrypt."""
    return hashlib.sha256(secret.encode()).hexdigest()
