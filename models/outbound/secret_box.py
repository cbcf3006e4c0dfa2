"""The encryption of secrets that have to be used again, as those that sign; at rest they are never plain."""

from base64 import urlsafe_b64encode
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PURPOSE = b"stockroom: secrets of webhooks"


class SecretLost(ValueError):
    """No key that is known opens it: the secret key was changed, without its predecessor as a fallback."""


class SecretBox:
    """Encrypts with a key derived from the first secret key (HKDF, RFC 5869), and decrypts with any of them."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self._fernets = [Fernet(_derived(key)) for key in secret_keys]
        self._all = MultiFernet(self._fernets)

    def seal(self, secret: str) -> str:
        """Return a secret encrypted and authenticated, as ASCII text."""
        return self._all.encrypt(secret.encode()).decode("ascii")

    def open(self, sealed: str) -> str:
        """Return the secret that was sealed; raises SecretLost."""
        try:
            return self._all.decrypt(sealed.encode("ascii")).decode()
        except InvalidToken:
            raise SecretLost("no secret key opens it") from None

    def sealed_anew(self, sealed: str) -> str | None:
        """Return it sealed with the first key, or None if it is already; raises SecretLost."""
        try:
            self._fernets[0].decrypt(sealed.encode("ascii"))
        except InvalidToken:
            return self.seal(self.open(sealed))
        return None


def _derived(secret_key: str) -> bytes:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret_key.encode())
    return urlsafe_b64encode(key)
