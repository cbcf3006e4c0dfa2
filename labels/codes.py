"""The codes of a label as their modules: QR (ISO/IEC 18004) and Code 128 (ISO/IEC 15417)."""

from dataclasses import dataclass

import segno
from barcode.codex import Code128

# Quiet zones on each side, in modules, and the finest modules that hand scanners and telephones read, in mm.
QR_QUIET, QR_FINEST = 4, 0.33
BARS_QUIET, BARS_FINEST = 10, 0.19
FIRST_PRINTABLE, LAST_PRINTABLE = " ", "~"


@dataclass(frozen=True)
class QrCode:
    """A QR code: a row of bytes for each row of modules, 1 where it is dark."""

    content: str
    rows: tuple[bytes, ...]

    @property
    def modules(self) -> int:
        """The modules of a side with its quiet zones."""
        return len(self.rows) + 2 * QR_QUIET


@dataclass(frozen=True)
class Bars:
    """A Code 128 symbol: its modules, "1" where one is dark, and the values of its characters without the check."""

    content: str
    pattern: str
    values: tuple[int, ...]

    @property
    def modules(self) -> int:
        """The modules of the width with its quiet zones."""
        return len(self.pattern) + 2 * BARS_QUIET


class _Code128(Code128):  # type: ignore[misc] # python-barcode has no types
    """The encoder, with a flaw of 0.16.1 taken out: it took the digits 99 at the beginning for a change of its set."""

    def _try_to_optimize(self, encoded: list[int]) -> list[int]:
        shortened: list[int] = encoded if self.code.startswith("99") else super()._try_to_optimize(encoded)
        return shortened


def qr_code(content: str) -> QrCode | None:
    """Return a text as a QR code of the error level M, or None where it has more than such a code holds."""
    try:
        code = segno.make_qr(content, error="m", boost_error=False)
    except segno.DataOverflowError:
        return None
    return QrCode(content, tuple(map(bytes, code.matrix)))


def bars(*contents: str) -> Bars | None:
    """Return the first of these texts that Code 128 holds as such a symbol, or None: it must be printable ASCII."""
    for content in contents:
        if content and all(FIRST_PRINTABLE <= letter <= LAST_PRINTABLE for letter in content):
            # The encoder remembers where it ended, so each of the two has one of its own.
            return Bars(content, _Code128(content).build()[0], tuple(_Code128(content).encoded))
    return None
