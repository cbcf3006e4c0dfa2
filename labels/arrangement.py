"""What stands where on a label, in mm from its upper left corner."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from labels.codes import BARS_FINEST, BARS_QUIET, QR_FINEST, QR_QUIET, Bars, QrCode, bars, qr_code
from labels.text import LINE, SMALLEST, Lines, drawable, fit

LARGEST_TEXT = 10.0
SHARE_OF_BIN = 0.75  # of the size of name and SKU
WIDEST_QR_MODULE, WIDEST_BARS_MODULE = 1.0, 0.5
EASY_QR_MODULE = 0.5  # which any telephone reads at once
LOWEST_BARS = 4.0
MOST_DOTS = 10  # the widest module that every printer can be told
ROUNDING = 1e-9


@dataclass(frozen=True)
class Content:
    """What a label says of a thing; the QR code is `link`, and Code 128 is the barcode or else the SKU."""

    name: str
    sku: str
    bin: str
    barcode: str | None
    link: str


class Box(NamedTuple):
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


class Text(NamedTuple):
    """One line of text; nothing of it may leave its box, of which it begins at the upper left corner."""

    box: Box
    size: float
    text: str
    bold: bool = False


class Code(NamedTuple):
    """One code: the box with its quiet zones, the width of its modules, and where the first of them stands."""

    box: Box
    module: float
    x: float
    y: float


@dataclass(frozen=True)
class Arrangement:
    """Everything on a label."""

    width: float
    height: float
    texts: list[Text]
    qr: tuple[QrCode, Code] | None = None
    bars: tuple[Bars, Code] | None = None
    rank: tuple[float, ...] = ()  # the greater, the more of the content is shown


def arrange(content: Content, width: float, height: float, dot: float = 0) -> Arrangement:
    """Return the arrangement that shows most: the QR code before all, then name and SKU, then Code 128, then the rest.

    With `dot`, the width of a printer's dot, each module has whole dots.
    """
    planner = _Planner(content, width, height, dot)
    return max(planner.plans(), key=lambda plan: plan.rank)


class _Planner:
    """All ways to arrange one content: the QR code beside or above the rest, Code 128 below all, below that or not."""

    def __init__(self, content: Content, width: float, height: float, dot: float) -> None:
        self.content = content
        self.whole = Box(0, 0, width, height)
        self.short = min(width, height)
        self.largest_text = min(max(SMALLEST / SHARE_OF_BIN, 0.13 * self.short), LARGEST_TEXT)
        self.margin = max(0.8, 0.04 * self.short)
        self.dot = dot
        self.qr = qr_code(content.link)
        self.bars = bars(content.barcode or "", content.sku)

    def plans(self) -> Iterator[Arrangement]:
        wide = self.whole.width >= self.whole.height
        for beside, share, across, below in product((True, False), (0.4, 0), (False, True), (True, False)):
            upper, strip = self._cut_strip(self.whole) if across and below else (self.whole, None)
            qr, rest = self._cut_qr(upper, beside, share)
            if below and not across:
                rest, strip = self._cut_strip(rest)
            yield self._plan(qr, strip, rest, beside == wide)
        yield self._plan(None, None, self.whole, False)

    def _cut_qr(self, area: Box, beside: bool, share: float) -> tuple[Code | None, Box]:
        """Return the QR code at the left of an area or at its top, and what is left of the area."""
        if self.qr is None:
            return None, area
        count = self.qr.modules
        side = min(area.width, area.height, max(share * (area.width if beside else area.height), count * QR_FINEST))
        module = self._module(side / count, QR_FINEST, WIDEST_QR_MODULE)
        if module is None:
            return None, area
        side = count * module
        if beside:
            box = Box(area.x, area.y + self._dots((area.height - side) / 2), side, side)
            rest = Box(area.x + side, area.y, area.width - side, area.height)
        else:
            box = Box(area.x + self._dots((area.width - side) / 2), area.y, side, side)
            rest = Box(area.x, area.y + side, area.width, area.height - side)
        return Code(box, module, box.x + QR_QUIET * module, box.y + QR_QUIET * module), rest

    def _cut_strip(self, area: Box) -> tuple[Box, tuple[Code, Text] | None]:
        """Return an area without the strip at its bottom, and Code 128 in that strip with its text below."""
        if self.bars is None:
            return area, None
        module = self._module(area.width / self.bars.modules, BARS_FINEST, WIDEST_BARS_MODULE)
        if module is None:
            return area, None
        width = self.bars.modules * module
        x = area.x or self._dots((area.width - width) / 2)
        inner = width - 2 * BARS_QUIET * module
        size = min(max(SMALLEST, 0.07 * self.short), 4)
        label = fit(self.bars.content, inner, size * LINE, size, lines=1)
        height = max(LOWEST_BARS, min(0.25 * self.whole.height, 25))
        bottom = area.y + area.height - self.margin
        top = bottom - label.height - height
        if not label.lines or top < area.y + self.margin:
            return area, None
        first = x + BARS_QUIET * module
        text = Text(Box(first, bottom - label.height, inner, label.height), label.size, label.lines[0])
        return (
            Box(area.x, area.y, area.width, top - area.y),
            (Code(Box(x, top, width, height), module, first, top), text),
        )

    def _plan(self, qr: Code | None, strip: tuple[Code, Text] | None, rest: Box, along: bool) -> Arrangement:
        """Return one arrangement: the text in the middle of what the codes leave."""
        box = Box(rest.x + self.margin, rest.y + self.margin, rest.width - 2 * self.margin, 0)
        box = box._replace(height=rest.height - self.margin * (1 if strip else 2))
        block = self._block(box, said=strip[1].text if strip else "")
        y = box.y + (box.height - sum(lines.height for lines, _ in block)) / 2
        texts: list[Text] = [strip[1]] if strip else []
        for lines, bold in block:
            for line in lines.lines:
                texts.append(Text(Box(box.x, y, box.width, lines.size * LINE), lines.size, line, bold))
                y += lines.size * LINE
        shown = [lines for lines, _ in block]
        rank = (
            qr is not None,
            any(bold for _, bold in block) and (len(block) > 1 or strip is not None),
            strip is not None,
            len(shown),
            all(lines.whole for lines in shown[1:]),
            along,
            min(qr.module, EASY_QR_MODULE) if qr else 0,
            all(lines.whole for lines in shown),
            max((lines.size for lines in shown), default=0),
        )
        return Arrangement(
            self.whole.width,
            self.whole.height,
            texts,
            (self.qr, qr) if self.qr and qr else None,
            (self.bars, strip[0]) if self.bars and strip else None,
            rank,
        )

    def _block(self, box: Box, said: str) -> list[tuple[Lines, bool]]:
        """Return name, SKU and bin as far as there is room; a SKU that is `said` already gives way first."""
        name, sku, bin_ = (drawable(text) for text in (self.content.name, self.content.sku, self.content.bin))
        for lines_of_name, with_sku, with_bin in ((2, 1, 1), (1, 1, 1), (2, 0, 1), (1, 1, 0), (1, 0, 0), (0, 1, 0)):
            if not with_sku and said != sku:
                continue
            shares = (lines_of_name, with_sku, SHARE_OF_BIN * (with_bin and bin_ != ""))
            size = min(box.height / LINE / sum(shares), self.largest_text)
            if size * (shares[2] or 1) < SMALLEST - ROUNDING or box.width < 4 * size:
                continue
            spare = box.height - size * LINE * sum(shares)
            block = [
                (self._name(name, box.width, size * LINE * shares[0], size), True),
                (self._sku(sku, box.width, (size * LINE + spare) * with_sku, size), False),
                (fit(bin_, box.width, size * LINE * shares[2], size * SHARE_OF_BIN, lines=2), False),
            ]
            return [part for part in block if part[0].lines]
        return []

    @staticmethod
    def _name(name: str, width: float, height: float, size: float) -> Lines:
        return fit(name, width, height, size, lines=2, smallest=max(SMALLEST, 0.6 * size))

    @staticmethod
    def _sku(sku: str, width: float, height: float, size: float) -> Lines:
        """Return a SKU in one line if it can be, smaller than the name; a SKU that is broken is hard to compare."""
        line = fit(sku, width, min(height, size * LINE), size, lines=1, smallest=max(SMALLEST, 0.6 * size))
        return line if line.whole else fit(sku, width, height, max(SMALLEST, 0.7 * size), lines=3)

    def _module(self, room: float, finest: float, widest: float) -> float | None:
        """Return the width of a module that has this room at most, or None where it were too fine to be read."""
        module = min(room, widest, MOST_DOTS * self.dot or widest)
        module = self._dots(module)
        return module if module >= finest - ROUNDING else None

    def _dots(self, length: float) -> float:
        """Return a length, of a printer the whole dots in it."""
        return int(length / self.dot + ROUNDING) * self.dot if self.dot else length
