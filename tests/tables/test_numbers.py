"""Numbers as people write them in cells, and the words for those that need an option."""

import pytest

from tables.cells import Number, WrongCell
from tables.numbers import NumberFormat
from tables.records import CellFault

PLAIN, GERMAN = NumberFormat(), NumberFormat(decimal=",")
SWISS = NumberFormat(thousands="'")
FRENCH = NumberFormat(decimal=",", thousands=" ")
BRITISH = NumberFormat(thousands=",", ignore_currency=True)


@pytest.mark.parametrize(
    ("numbers", "cell", "number"),
    [
        *[(PLAIN, cell, "5") for cell in ("5", "5.0", "5.00", "005", " 5 ", "\xa05\u202f", Number("5"), Number("5.0"))],
        *[(PLAIN, "007", "7"), (PLAIN, "0", "0"), (PLAIN, "-3.0", "-3"), (PLAIN, "000", "0"), (PLAIN, "10", "10")],
        *[(PLAIN, cell, cell) for cell in ("5.5", "many", "1e3", "5.", "--5", "٣")],  # for the field to refuse
        *[(GERMAN, "1.234", "1234"), (GERMAN, "1.234,0", "1234"), (GERMAN, "12", "12"), (GERMAN, Number("5.0"), "5")],
        *[(FRENCH, "1\u202f234", "1234"), (FRENCH, "1 234 567", "1234567"), (SWISS, "1’234", "1234")],
    ],
)
def test_a_whole_number_is_read(numbers, cell, number):
    assert numbers.whole(cell) == number


@pytest.mark.parametrize(
    ("numbers", "cell", "amount"),
    [
        *[(PLAIN, "12.50", "12.50"), (PLAIN, " 12 ", "12"), (PLAIN, "-1", "-1"), (PLAIN, Number("0.0325"), "0.0325")],
        *[(GERMAN, "1.234,50", "1234.50"), (GERMAN, "12,5", "12.5"), (GERMAN, "1234,5", "1234.5")],
        *[(FRENCH, "1 234,50", "1234.50"), (SWISS, "1'234.50", "1234.50"), (GERMAN, Number("2.5"), "2.5")],
        *[(BRITISH, cell, "1250.00") for cell in ("£1,250.00", "GBP 1,250.00", "1,250.00 GBP", "1,250.00£")],
        *[(BRITISH, "-£5", "-5"), (BRITISH, "12 PCS", "12 PCS"), (BRITISH, "$ 5 USD", "$ 5 USD"), (BRITISH, "", "")],
        *[
            (NumberFormat(decimal=",", ignore_currency=True), cell, "12.50")
            for cell in ("12,50 zł", "R$ 12,50", "€12,50")
        ],
    ],
)
def test_an_amount_is_read(numbers, cell, amount):
    assert numbers.amount(cell) == amount


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("12,50", "to read '12,50', add decimal=,"),
        ("1.234,50", "to read '1.234,50', add decimal=,"),
        ("1,000", "in '1,000', add thousands=, if the comma stands between thousands, or decimal=, if decimals follow"),
        ("1,000,000", "in '1,000,000', add thousands=,"),
        ("1,250.00", "to read '1,250.00', add thousands=,"),
        ("1.250.000", "add thousands=. and decimal=,"),
        ("1'250.00", "add thousands='"),
        ("1 250,00", "add thousands=%20 (a blank) and decimal=,"),
        ("€5", "it has the currency '€': add currency=ignore"),
        ("5 USD", "it has the currency 'USD': add currency=ignore"),
    ],
)
def test_a_number_that_needs_an_option_names_it(cell, words):
    with pytest.raises(CellFault) as refused:
        PLAIN.amount(cell)

    assert refused.value.code == "wrong_type"
    assert str(refused.value).startswith("must be an amount as '12.50'; ")
    assert words in str(refused.value)


@pytest.mark.parametrize(("numbers", "cell"), [(GERMAN, "12.50"), (GERMAN, "1.2345"), (FRENCH, "12.5")])
def test_what_does_not_fit_the_options_is_not_read_otherwise(numbers, cell):
    with pytest.raises(CellFault, match="does not fit decimal=,"):
        numbers.amount(cell)


def test_a_date_is_no_number():
    with pytest.raises(CellFault, match="has a date in the cell D7"):
        PLAIN.whole(WrongCell("D7", "a date", "2026-01-31"))
