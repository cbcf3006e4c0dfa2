"""Text fits: in its lines, in its width, whole if it can be and cut with an ellipsis if not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels.text import SMALLEST, drawable, fit, width_of

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200).map(drawable).filter(bool)


@given(TEXTS, st.floats(3, 200), st.floats(2, 60), st.floats(1.5, 10), st.integers(1, 3))
def test_no_line_is_wider_and_no_block_higher_than_its_room(text, width, height, largest, lines):
    fitted = fit(text, width, height, largest, lines=lines)

    assert len(fitted.lines) <= lines
    assert fitted.height <= height + 1e-6
    assert all(sum(map(width_of, line)) * fitted.size <= width + 1e-6 for line in fitted.lines)
    assert not fitted.lines or SMALLEST <= fitted.size <= largest


@given(TEXTS, st.floats(3, 200), st.integers(1, 3))
def test_a_text_is_whole_or_ends_with_an_ellipsis(text, width, lines):
    fitted = fit(text, width, 20, 4, lines=lines)

    if fitted.whole:
        assert "".join(fitted.lines).replace(" ", "") == text.replace(" ", "")
    else:
        kept = "".join(fitted.lines).removesuffix("…").replace(" ", "")
        assert text.replace(" ", "").startswith(kept)
        assert len(kept) < len(text.replace(" ", ""))


def test_a_text_breaks_at_blanks_and_a_word_that_is_too_long_within():
    assert fit("Desk lamp green", 20, 6, 2.5, lines=2).lines == ["Desk lamp", "green"]
    assert fit("Donaudampfschifffahrt", 20, 6, 2.5, lines=2, smallest=2.5).lines == ["Donaudampf", "schifffahrt"]


def test_a_text_is_made_smaller_before_it_is_cut():
    large, small = fit("Desk lamp", 40, 12, 5, lines=1), fit("Desk lamp", 20, 12, 5, lines=1)

    assert (large.lines, small.lines) == (["Desk lamp"], ["Desk lamp"])
    assert small.size < large.size == 5


@pytest.mark.parametrize("joined", ["e\u0301", "\U0001f469\u200d\U0001f4bb", "\U0001f44d\U0001f3fd", "\u2764\ufe0f"])
def test_what_is_drawn_as_one_letter_is_not_torn(joined):
    lines = fit(joined * 30, 20, 6, 2.5, lines=2, smallest=2.5).lines

    assert len(lines) == 2
    assert all(line.removesuffix("…").replace(joined, "") == "" for line in lines)


def test_east_asian_letters_take_twice_the_room_of_a_common_one():
    common = sum(map(width_of, "einstaor")) / 8

    assert width_of("\u68da") >= 1.6 * common
    assert width_of("\u00fc") == width_of("u")


@pytest.mark.parametrize("text", ["a\u202eb", "a\ufffeb", "a\x00b", "a\ud800b"])
def test_what_no_document_can_hold_or_what_turns_the_text_is_replaced(text):
    assert drawable(text) == "a\N{REPLACEMENT CHARACTER}b"
