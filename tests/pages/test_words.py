"""The words of the page: one catalogue, the same keys in each language, and none that is missing or left over."""

import re
from pathlib import Path

import pytest

from api.problems import PROBLEMS
from pages.files import STATIC
from settings import ROOT

KEY = re.compile(r'^  (?:"([^"]+)"|(\w+)):', re.MULTILINE)
USED = re.compile(r"\bt\(\s*(?:\w+ \? )?\"([^\"]+)\"")
NAMED = re.compile(r'"([a-z_]+\.[a-z_.]+|[a-z]+)"')
PLACE = re.compile(r"\{(\w+)\}")
# What the API refuses: it says so in English itself, and these words say it in another language.
REFUSAL = "problem."
CATALOGUES = sorted((STATIC / "words").glob("*.js"))
SCRIPTS = sorted(path for path in STATIC.rglob("*.js") if path.parent.name != "words")


def keys(catalogue: Path) -> list[str]:
    """The keys of a catalogue, in its order."""
    return [quoted or plain for quoted, plain in KEY.findall(catalogue.read_text(encoding="utf-8"))]


def entries(catalogue: Path) -> dict[str, set[str]]:
    """The places for values in each entry of a catalogue."""
    text = catalogue.read_text(encoding="utf-8")
    parts = re.split(KEY, text)[1:]
    names = [quoted or plain for quoted, plain in zip(parts[0::3], parts[1::3], strict=True)]
    return {name: set(PLACE.findall(words)) for name, words in zip(names, parts[2::3], strict=True)}


def test_every_language_has_the_same_words_with_the_same_values():
    english, *others = (entries(catalogue) for catalogue in reversed(CATALOGUES))

    assert len(english) > 40
    assert others
    assert all({key: other[key] for key in other if not key.startswith(REFUSAL)} == english for other in others)


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.stem)
def test_words_for_a_refusal_have_a_code_of_the_api_and_name_what_it_sends(catalogue):
    sources = "".join(
        path.read_text(encoding="utf-8")
        for room in ("api", "models", "resources")
        for path in (ROOT / room).rglob("*.py")
    )

    for key, places in entries(catalogue).items():
        if not key.startswith(REFUSAL):
            continue
        # Some have words of their own for what was refused about a time in the past.
        code = key.removeprefix(REFUSAL).removesuffix("_then")
        known = PROBLEMS[code].explanation.replace("Retry-After", "retryAfter") if code in PROBLEMS else ""
        assert f'"{code}"' in sources, code
        assert {place for place in places if f"`{place}`" not in known} == set(), code


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.stem)
def test_no_key_is_there_twice(catalogue):
    found = keys(catalogue)

    assert sorted(set(found)) == sorted(found)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_what_a_script_says_is_in_the_catalogue(script):
    used = set(USED.findall(script.read_text(encoding="utf-8")))

    assert used - set(keys(CATALOGUES[0])) == set()


def test_the_number_of_a_thing_is_written_as_a_name_and_not_as_a_quantity():
    found = [
        f"{script.name}: {said}"
        for script in SCRIPTS
        for said in re.findall(r'\bt\("[^"]+", \{ id\b(?!: String\()[^}]*\}', script.read_text(encoding="utf-8"))
    ]

    assert found == []


def test_no_words_are_left_over():
    said = {name for script in SCRIPTS for name in NAMED.findall(script.read_text(encoding="utf-8"))}
    # A key that is put together, as `import.${name}`, is named by its beginning.
    begun = tuple(
        begin for script in SCRIPTS for begin in re.findall(r"`([a-z_.]+\.)\$\{", script.read_text(encoding="utf-8"))
    )

    assert [key for key in keys(CATALOGUES[0]) if key not in said and not key.startswith(begun or ("\0",))] == []
