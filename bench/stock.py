"""The stock that every service is filled with: the same items, made from their numbers."""

from collections.abc import Iterator
from typing import Any

TOKEN = "0123456789abcdef0123456789abcdef01234567"
ITEMS_OF_A_WORD = 10


def items(first: int, last: int) -> Iterator[dict[str, Any]]:
    """The items of these numbers, the last included, with the fields of an import."""
    for number in range(first, last + 1):
        yield {
            "sku": f"SKU-{number:08}",
            "name": f"Thing {word(number)} {number}",
            "description": "A thing to measure by, as long as such texts are",
            "unit": "piece",
            "price": f"{number % 900}.25",
            "quantity": number % 90 + 1000,
            "reorder_level": 5,
            "bin": f"Aisle {number % 40}",
            "barcode": str(4_000_000_000_000 + number),
            "tags": ["light", f"tag{number % 50}"],
            "attributes": {"colour": "red", "size": number % 50},
        }


def word(number: int) -> str:
    """A word that ITEMS_OF_A_WORD items have in common, however many there are."""
    rest, letters = number // ITEMS_OF_A_WORD, ""
    for _ in range(4):
        rest, digit = divmod(rest, 100)
        letters += "bdfghjklmnprstvwyzcq"[digit // 5] + "aeiou"[digit % 5]
    return letters
