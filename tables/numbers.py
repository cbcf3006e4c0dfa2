"""Numbers as people write them in cells: `1.234,50`, `5.00`, `€ 12`."""

import re
import unicodedata
from dataclasses import dataclass, field

from tables.cells import Cell, Number, right
from tables.records import CellFault

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
ZEROS = re.compile(r"(-?)0*([0-9]+?)(\.0+)?")
# What stands before and after a number.
AROUND = re.compile(r"(?P<before>[^\d.,'’]*)(?P<number>\d(?:.*\d)?)(?P<after>[^\d]*)", re.DOTALL)
# ISO 4217, and what people write instead of a sign.
_CURRENCIES = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR
IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR
MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD
SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF
XPF YER ZAR ZMW ZWG kr kr. zł Kč Ft lei лв лв. руб руб. р. грн грн. Rs Rs. Fr. 元 円 원
"""
CURRENCIES = frozenset(_CURRENCIES.split())
SEPARATORS = (",", ".", "'", " ")
DECIMALS = (",", ".")


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How numbers are written in a file; thousands are separated if `thousands` or `decimal` is given."""

    decimal: str = ""
    thousands: str = ""
    ignore_currency: bool = False
    _grouped: re.Pattern[str] | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        between = self.thousands or {",": ".", ".": ","}.get(self.decimal, "")
        if between:
            group = {" ": r"\s", "'": "['’]"}.get(between, re.escape(between))
            before_decimals = re.escape(self.decimal or ".")
            pattern = rf"(-?)([0-9]{{1,3}}(?:{group}[0-9]{{3}})+|[0-9]+)(?:{before_decimals}([0-9]+))?"
            object.__setattr__(self, "_grouped", re.compile(pattern))

    def whole(self, cell: Cell) -> str:
        """Return the digits of a whole number, without `.0`; a text that is none is returned for its type to refuse."""
        text = right(cell) if isinstance(cell, Number) else self._plain(right(cell).strip(), "a whole number")
        found = ZEROS.fullmatch(text)
        return found[1] + found[2] if found else text

    def amount(self, cell: Cell) -> str:
        """Return an amount with a point before its decimals; raise CellFault for one that has to be explained."""
        text = right(cell).strip()
        if isinstance(cell, Number) or (text.isascii() and text.isdigit()):
            return text
        return self._plain(self._without_currency(text), "an amount as '12.50'")

    def _plain(self, text: str, kind: str) -> str:
        """Return a number with a point before its decimals and nothing between thousands."""
        if self._grouped is not None:
            found = self._grouped.fullmatch(text)
            if found:
                return f"{found[1]}{re.sub('[^0-9]', '', found[2])}{'.' + found[3] if found[3] else ''}"
            if NUMBER.fullmatch(text):
                raise CellFault("wrong_type", f"must be {kind}; {text!r} does not fit {self._in_words()}")
            return text
        if NUMBER.fullmatch(text) or not (hint := _hint(text)):
            return text
        raise CellFault("wrong_type", f"must be {kind}; {hint}")

    def _in_words(self) -> str:
        return " and ".join(f"{name}={value}" for name in ("decimal", "thousands") if (value := getattr(self, name)))

    def _without_currency(self, text: str) -> str:
        found = AROUND.fullmatch(text)
        if not found:
            return text
        before, after = found["before"].strip(), found["after"].strip()
        minus = "-" if before[:1] == "-" or before[-1:] == "-" else ""
        signs = [sign for sign in (before.strip("- "), after) if sign]
        if len(signs) != 1 or not _is_currency(signs[0]):
            return text
        if not self.ignore_currency:
            raise CellFault(
                "wrong_type", f"must be an amount as '12.50'; it has the currency {signs[0]!r}: add currency=ignore"
            )
        return minus + found["number"]


def _is_currency(text: str) -> bool:
    if text in CURRENCIES:
        return True
    return len(text) <= 4 and any(unicodedata.category(character) == "Sc" for character in text)


def _hint(text: str) -> str:
    """Return which option may read a number that has a comma, an apostrophe or blanks; nothing for other texts."""
    short = repr(text[:40])
    if re.fullmatch(r"-?[0-9]{1,3}(,[0-9]{3})+", text):
        ways = "add thousands=, if the comma stands between thousands"
        return f"in {short}, {ways}" + (", or decimal=, if decimals follow it" if text.count(",") == 1 else "")
    if re.fullmatch(r"-?[0-9]{1,3}(,[0-9]{3})*\.[0-9]+", text):
        return f"to read {short}, add thousands=,"
    if re.fullmatch(r"-?[0-9]{1,3}([.][0-9]{3})*,[0-9]+|-?[0-9]+,[0-9]+", text):
        return f"to read {short}, add decimal=,"
    if re.fullmatch(r"-?[0-9]{1,3}(\.[0-9]{3}){2,}", text):
        return f"to read {short}, add thousands=. and decimal=,"
    if found := re.fullmatch(r"-?[0-9]{1,3}(?:([\s'’])[0-9]{3})+([.,][0-9]+)?", text):
        way = "thousands=%20 (a blank)" if found[1].isspace() else "thousands='"
        return f"to read {short}, add {way}" + (" and decimal=," if (found[2] or "").startswith(",") else "")
    return ""
