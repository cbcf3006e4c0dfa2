"""The secrets of webhooks after a change of the secret key: they are encrypted anew, so that the former key can go."""

from sqlalchemy import select

from models.database.base import db
from models.database.transactions import transactional
from models.outbound.secret_box import SecretBox, SecretLost
from models.outbound.webhook import Webhook


@transactional
def seal_anew(box: SecretBox) -> int:
    """Encrypt with the first key whatever another one has encrypted; return how many secrets that were.

    What no key opens remains as it is: its key may come back.
    """
    webhooks = select(Webhook).order_by(Webhook.id).with_for_update().execution_options(populate_existing=True)
    sealed = 0
    for webhook in db.session.scalars(webhooks):
        for name in ("secret", "former_secret"):
            anew = _sealed_anew(box, getattr(webhook, name))
            if anew is not None:
                setattr(webhook, name, anew)
                sealed += 1
    return sealed


def _sealed_anew(box: SecretBox, sealed: str | None) -> str | None:
    """Return a secret encrypted anew; None if there is none, it need not be, or it can't be."""
    try:
        return None if sealed is None else box.sealed_anew(sealed)
    except SecretLost:
        return None
