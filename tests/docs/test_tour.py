"""The tours: the calls of curl are answered as printed, and PowerShell makes the same."""

import json
import re
import shlex
from typing import NamedTuple

from tests.support.documents import assert_closed, blocks, powershell_tokens
from tests.support.program import ROOT

TOUR = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
POWERSHELL = (ROOT / "docs" / "powershell.md").read_text(encoding="utf-8")


def test_the_tour_with_curl_is_answered_as_printed(assert_answered) -> None:
    assert_answered(blocks(TOUR, "bash"))


# PowerShell can't be run everywhere. What can be known without it: strings and brackets are closed, cmdlets and
# their parameters are spelled right, no variable is used before it has a value, bodies are JSON, and the calls are
# those of the curl tour, which has been run.

CMDLETS = {
    "Invoke-RestMethod": {"-Method", "-Headers", "-Uri", "-ContentType", "-Body"},
    "Invoke-WebRequest": {"-Method", "-Headers", "-Uri", "-ContentType", "-Body", "-UseBasicParsing"},
}


class Call(NamedTuple):
    """One request, as a tour makes it."""

    method: str
    path: str
    body: object


def powershell_calls() -> list[Call]:
    """Return the requests of the tour with PowerShell."""
    calls: list[Call] = []
    tokens = powershell_tokens("".join(block.commands for block in blocks(POWERSHELL, "powershell")))
    for index, (_, token) in enumerate(tokens):
        if token not in CMDLETS:
            continue
        given: dict[str, str] = {}
        for (kind, name), (_, value) in zip(tokens[index + 1 :], tokens[index + 2 :], strict=False):
            if kind == "newline" or name in "})":
                break
            if kind == "word" and name.startswith("-"):
                assert name in CMDLETS[token], f"{token} has no parameter {name}"
                given[name] = value
        calls.append(call(given.get("-Method", "Get"), given["-Uri"][1:-1], given.get("-Body", "''")[1:-1]))
    return calls


def curl_calls() -> list[Call]:
    """Return the requests of the tour with curl."""
    text = "".join(block.commands for block in blocks(TOUR, "bash"))
    calls: list[Call] = []
    for line in text.replace("\\\n", " ").replace("$(curl", "\ncurl").split("\ncurl ")[1:]:
        words = iter(shlex.split(line.split("\nTOKEN")[0].split(" | ")[0].rstrip().removesuffix(")")))
        method, url, body = "", "", ""
        for word in words:
            if word == "-X":
                method = next(words)
            elif word == "-d":
                body = next(words)
            elif word.startswith("$STOCKROOM"):
                url = word
        calls.append(call(method or ("Post" if body else "Get"), url, body))
    return calls


def call(method: str, url: str, body: str) -> Call:
    path = re.sub(r"/\$\w+$", "/ID", url.lower().removeprefix("$stockroom"))
    assert re.fullmatch(r"/api/v1(/[a-z0-9-]+)+(/ID)?(\?\S+)?", path), url
    return Call(method.upper(), path, json.loads(body) if body else None)


def test_the_powershell_tour_makes_the_calls_of_the_curl_tour() -> None:
    assert len(curl_calls()) > 12
    assert powershell_calls() == curl_calls()


def test_the_powershell_tour_closes_what_it_opens() -> None:
    assert_closed(powershell_tokens("".join(block.commands for block in blocks(POWERSHELL, "powershell"))))


def test_the_powershell_tour_uses_cmdlets_that_exist_and_variables_that_have_a_value() -> None:
    tokens = powershell_tokens("".join(block.commands for block in blocks(POWERSHELL, "powershell")))
    known = {"$_"}
    for index, (kind, token) in enumerate(tokens):
        if kind == "word" and re.fullmatch(r"[A-Z][a-z]+-\w+", token):
            assert token in CMDLETS
        elif kind == "variable" and tokens[index + 1][1] == "=":
            known.add(token)
        elif kind in ("variable", "double"):
            assert set(re.findall(r"\$\w+", token)) <= known
