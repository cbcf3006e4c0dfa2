"""On a label of any size nothing overlaps, nothing leaves it, and no code is finer than scanners read."""

from itertools import combinations, product

import pytest

from labels.arrangement import Content, arrange
from labels.zpl import DENSITIES, dot

LINK = "https://stock.example.com/i/"
CONTENTS = {
    "short": Content("Desk lamp", "LAMP-1", "A-01", None, f"{LINK}LAMP-1"),
    "long": Content("Donaudampfschifffahrtsgesellschaft " * 5, "S" * 64, "b" * 100, "9" * 64, f"{LINK}{'S' * 64}"),
    "wide": Content("\u68da" * 200, "\u5009" * 64, "\u68da" * 100, None, f"{LINK}{'%E5%80%89' * 64}"),
    "one letter": Content("W", "W", "", "1", f"{LINK}W"),
    "words": Content("hexagon socket head cap screw " * 6, "SCREW-M8X40-A2", "Aisle 7", "4006381333931", f"{LINK}S"),
}
SIZES = [*product((20, 25, 38, 62, 100, 200), (10, 12, 21, 29, 50, 100, 200))]
NEARLY = 1e-6


def boxes(label):
    """The rectangles of all that stands on a label, quiet zones included."""
    codes = [each[1].box for each in (label.qr, label.bars) if each]
    return [*codes, *(text.box for text in label.texts)]


def apart(one, other):
    return (
        one.x + one.width <= other.x + NEARLY
        or other.x + other.width <= one.x + NEARLY
        or one.y + one.height <= other.y + NEARLY
        or other.y + other.height <= one.y + NEARLY
    )


@pytest.mark.parametrize("dpi", [0, *DENSITIES])
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_nothing_overlaps_and_nothing_leaves_the_label(content, dpi):
    for width, height in SIZES:
        label = arrange(content, width, height, dot(dpi) if dpi else 0)

        assert boxes(label), f"{width} x {height} is empty"
        for box in boxes(label):
            assert box.x >= -NEARLY and box.x + box.width <= width + NEARLY, (width, height, box)
            assert box.y >= -NEARLY and box.y + box.height <= height + NEARLY, (width, height, box)
        for one, other in combinations(boxes(label), 2):
            assert apart(one, other), (width, height, one, other)


@pytest.mark.parametrize("dpi", [0, *DENSITIES])
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_codes_have_their_quiet_zones_and_modules_that_are_read(content, dpi):
    for width, height in SIZES:
        label = arrange(content, width, height, dot(dpi) if dpi else 0)
        if label.qr:
            code, place = label.qr
            dark = len(code.rows) * place.module
            assert place.module >= 0.33 - NEARLY
            for start, first, room in (
                (place.x, place.box.x, place.box.width),
                (place.y, place.box.y, place.box.height),
            ):
                assert start - first >= 4 * place.module - NEARLY
                assert first + room - start - dark >= 4 * place.module - NEARLY
        if label.bars:
            symbol, place = label.bars
            assert place.module >= 0.19 - NEARLY
            assert place.x - place.box.x >= 10 * place.module - NEARLY
            end = place.x + len(symbol.pattern) * place.module
            assert place.box.x + place.box.width - end >= 10 * place.module - NEARLY
        for _, place in filter(None, (label.qr, label.bars) if dpi else ()):
            assert place.module / dot(dpi) == pytest.approx(round(place.module / dot(dpi)))
            assert 1 <= round(place.module / dot(dpi)) <= 10


@pytest.mark.parametrize(("size", "codes"), [((62, 29), "QB"), ((100, 50), "QB"), ((38, 21), "QB"), ((20, 10), "")])
def test_the_codes_of_a_short_sku_have_room_down_to_small_labels(size, codes):
    label = arrange(CONTENTS["short"], *size)

    assert "Q" * bool(label.qr) + "B" * bool(label.bars) == codes
    assert {"Desk lamp", "LAMP-1"} <= {text.text for text in label.texts}


def test_the_qr_code_has_room_before_code_128_and_before_the_name():
    content = CONTENTS["short"]
    label = arrange(content, 20, 14)

    assert label.qr and not label.bars
    assert "Desk lamp" not in [text.text for text in label.texts]
    assert arrange(Content(*[*vars(content).values()][:4], link="x" * 3000), 20, 14).texts[0].text == "Desk lamp"


def test_a_larger_label_has_larger_letters_and_codes():
    small, large = (arrange(CONTENTS["short"], *size) for size in ((62, 29), (100, 50)))

    assert large.qr[1].module > small.qr[1].module
    assert large.bars[1].module > small.bars[1].module
    for one, other in zip(small.texts, large.texts, strict=True):
        assert (one.text, one.size < other.size) == (other.text, True)


def test_a_name_has_two_lines_at_most_and_ends_with_an_ellipsis_where_it_is_cut():
    for width, height in SIZES:
        name = [text.text for text in arrange(CONTENTS["words"], width, height).texts if text.bold]
        whole = " ".join(name) == CONTENTS["words"].name.strip()

        assert len(name) <= 2
        assert not name or whole or name[-1].endswith("…")
