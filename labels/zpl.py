"""A label as ZPL II, the language of Zebra's printers and of many others."""

from collections.abc import Iterator

from labels.arrangement import Arrangement, Code, Text
from labels.codes import Bars, QrCode

MM_PER_INCH = 25.4
DENSITIES = (203, 300, 600)  # the dots per inch of such printers, the most common first
# Commands begin with ^ and ~, and _ begins a hexadecimal byte after ^FH.
SPECIAL = {ord(sign): f"_{ord(sign):02X}" for sign in "^~_"}
# How Code 128 is written: its starts, its changes of the set, and the letters of the set B that have another meaning.
START_B, START_C, TO_C, TO_B = 104, 105, 99, 100
STARTS = {START_B: ">:", START_C: ">;"}
LETTERS_OF_B = {"^": "><", ">": ">0", "~": ">="}


def dot(dpi: int) -> float:
    """Return the width of a dot in mm."""
    return MM_PER_INCH / dpi


def zpl(label: Arrangement, dpi: int) -> str:
    """Return a label that was arranged for the dots of a printer."""

    def dots(length: float) -> int:
        return round(length / dot(dpi))

    def origin(x: float, y: float) -> str:
        return f"^FO{dots(x)},{dots(y)}"

    def text(line: Text) -> str:
        return f"{origin(*line.box[:2])}^A0N,{dots(line.size)}^FH^FD{escaped(line.text)}^FS"

    def qr(code: QrCode, place: Code) -> str:
        # The printer lowers a QR code by the height that ^BY has: by one dot, whatever was printed before.
        x, y = dots(place.x), dots(place.y) - 1
        return f"^BY2,3,1^FO{x},{y}^BQN,2,{dots(place.module)}^FH^FDMA,{escaped(code.content)}^FS"

    def bars(code: Bars, place: Code) -> str:
        form = f"^BY{dots(place.module)}^BCN,{dots(place.box.height)},N,N,N,N"
        return f"{origin(place.x, place.y)}{form}^FH^FD{escaped(''.join(_invocations(code.values)))}^FS"

    lines = ["^XA", "^CI28", f"^PW{dots(label.width)}", f"^LL{dots(label.height)}", "^LH0,0"]
    if label.qr:
        lines.append(qr(*label.qr))
    if label.bars:
        lines.append(bars(*label.bars))
    return "\n".join([*lines, *map(text, label.texts), "^XZ\n"])


def escaped(data: str) -> str:
    """Return the data of a field after ^FH, in which nothing is a command."""
    return data.translate(SPECIAL)


def _invocations(values: tuple[int, ...]) -> Iterator[str]:
    """Yield the characters of Code 128 as ZPL writes them, so that the printer packs them as it was measured here."""
    yield STARTS[values[0]]
    digits = values[0] == START_C
    for value in values[1:]:
        if value == (TO_B if digits else TO_C):
            digits = not digits
            yield ">5" if digits else ">6"
        elif digits:
            yield f"{value:02}"
        else:
            letter = chr(value + ord(" "))
            yield LETTERS_OF_B.get(letter, letter)
