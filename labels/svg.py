"""A label as SVG: black on white, of presentation attributes alone, with nothing that is loaded, styled or run."""

from collections.abc import Iterator
from html import escape
from itertools import groupby

from labels.arrangement import Arrangement, Box, Code, Text
from labels.codes import Bars, QrCode
from labels.text import drawable

ASCENT = 0.95  # from the top of a line to the foot of its letters, in sizes of the text


def svg(label: Arrangement, title: str) -> str:
    """Return a label as a document of its own, in mm."""
    width, height = number(label.width), number(label.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}mm" height="{height}mm"'
        f' viewBox="0 0 {width} {height}" role="img" font-family="sans-serif">',
        f"<title>{escape(drawable(title))}</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    if label.qr:
        parts.append(_code(label.qr[1], _qr_path(label.qr[0])))
    if label.bars:
        parts.append(_code(label.bars[1], _bars_path(label.bars[0], label.bars[1])))
    parts += map(_text, label.texts)
    return "\n".join([*parts, "</svg>\n"])


def number(value: float) -> str:
    """Return a number to a ten-thousandth of a mm."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _text(text: Text) -> str:
    """Return a line of text, within an `svg` that cuts what a font draws beyond its box."""
    weight = ' font-weight="bold"' if text.bold else ""
    font = f'font-size="{number(text.size)}"{weight}'
    line = f'<text y="{number(ASCENT * text.size)}" {font}>{escape(text.text)}</text>'
    return f"<svg {_attributes(text.box)}>{line}</svg>"


def _attributes(box: Box) -> str:
    return " ".join(f'{name}="{number(value)}"' for name, value in box._asdict().items())


def _code(code: Code, path: str) -> str:
    """Return a code that was drawn in modules."""
    place = f"translate({number(code.x)} {number(code.y)}) scale({code.module:.6g})"
    return f'<path transform="{place}" shape-rendering="crispEdges" d="{path}"/>'


def _qr_path(code: QrCode) -> str:
    return "".join(f"M{x} {y}h{width}v1h-{width}z" for y, row in enumerate(code.rows) for x, width in _dark(row))


def _bars_path(bars: Bars, code: Code) -> str:
    height = number(code.box.height / code.module)
    return "".join(f"M{x} 0h{width}v{height}h-{width}z" for x, width in _dark(bytes(map(int, bars.pattern))))


def _dark(row: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each dark run of a row begins, and its length."""
    x = 0
    for dark, run in groupby(row):
        width = len(list(run))
        if dark:
            yield x, width
        x += width
