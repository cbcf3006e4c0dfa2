"""The exports of other products: their names of our columns and their quirks, which presets.toml lists."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Fill:
    """The columns that a row leaves out because the row before has them, if both have the same value in one of `by`."""

    by: Sequence[str]
    columns: Sequence[str]


@dataclass(frozen=True, slots=True)
class Preset:
    """The export of one product; presets.toml says what its members are."""

    title: str
    signature: Sequence[str]
    columns: Mapping[str, str]
    decimal: str = ""
    thousands: str = ""
    currency: str = ""
    empty: Sequence[str] = ()
    skip: Mapping[str, Sequence[str]] = field(default_factory=dict)
    fill: Fill | None = None
    tags: str = ""


def _preset(entry: Mapping[str, Any]) -> Preset:
    fill = Fill(**entry["fill"]) if "fill" in entry else None
    return Preset(**{**entry, "fill": fill})


_ENTRIES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
PRESETS: Mapping[str, Preset] = {name: _preset(entry) for name, entry in _ENTRIES.items()}
