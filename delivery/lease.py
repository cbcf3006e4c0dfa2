"""The sender's lease as one process has it: taken when there is something to send, and renewed while that lasts."""

import secrets
import time

from models.outbound import lease

# In seconds: how often it is renewed.
RENEW_EVERY = 3.0


class SenderLease:
    """The lease as this process knows it; it ends by its own clock too, if the database can't be asked."""

    def __init__(self, *, dedicated: bool) -> None:
        self._holder = secrets.token_hex(16)
        self._dedicated = dedicated
        self._acquired = self._ends = float("-inf")

    def is_held(self) -> bool:
        """Return whether this process may send now."""
        return time.monotonic() < self._ends

    def keep(self) -> bool:
        """Acquire the lease, or renew it when it is time to; return whether it is held."""
        began = time.monotonic()
        if began < self._acquired + RENEW_EVERY and self.is_held():
            return True
        if not self.is_held() and not lease.may_be_free(self._holder, dedicated=self._dedicated):
            return False
        if lease.acquire(self._holder, dedicated=self._dedicated):
            self._acquired, self._ends = began, began + lease.LIFETIME.total_seconds()
        else:
            self._ends = float("-inf")
        return self.is_held()

    def rest(self) -> None:
        """Leave it to others while there is nothing to send; a process that does nothing else keeps it."""
        if self._dedicated:
            self.keep()
        else:
            self.release()

    def release(self) -> None:
        """Leave it to others, if it is held."""
        if self.is_held() or self._dedicated:
            self._ends = float("-inf")
            lease.release(self._holder, dedicated=self._dedicated)
