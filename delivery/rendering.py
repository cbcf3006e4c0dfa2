"""The texts of mails, from templates that the administrator may replace.

A mail named `low_stock` is made of `low_stock.txt`, whose first line is `Subject: …`, and of `low_stock.html`. Either
may be in the folder `mail` of the instance; what fails there is logged, and the mail is made of ours.
"""

import logging
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
    select_autoescape,
)

log = logging.getLogger("stockroom")

FOLDER = "mail"
OURS = FileSystemLoader(Path(__file__).parent / "templates")
SUBJECT = "Subject:"
LONGEST_SUBJECT = 150
# What a template can raise by what it computes, besides Jinja's own errors; and its file, by how it is read.
FAILURES = (TemplateError, ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)


class Rendered(NamedTuple):
    """What a mail says."""

    subject: str
    text: str
    html: str


class Templates:
    """The templates of an instance; a file that changes is read again."""

    def __init__(self, instance: Path) -> None:
        self._folder = instance / FOLDER
        # `stockroom/low_stock.html` is ours in any case, for a template to extend that takes its place.
        loaders: list[BaseLoader] = [FileSystemLoader(self._folder), OURS, PrefixLoader({"stockroom": OURS})]
        self._replaced, self._ours = _environment(ChoiceLoader(loaders)), _environment(ChoiceLoader(loaders[1:]))

    def render(self, name: str, values: Mapping[str, Any]) -> Rendered:
        """Return what the mail of this name says."""
        subject, text = self._render(f"{name}.txt", values, _subject_and_text)
        return Rendered(subject, text, self._render(f"{name}.html", values, str))

    def _render(self, file: str, values: Mapping[str, Any], read: Any) -> Any:
        if self._folder.is_dir():
            try:
                return read(self._replaced.get_template(file).render(values))
            except FAILURES as error:
                log.warning(
                    "a mail is made of the built-in %s, since the template of the instance fails: %s",
                    file,
                    self._where(error),
                )
        return read(self._ours.get_template(file).render(values))

    def _where(self, error: BaseException) -> str:
        """Return what has failed, with its file and line."""
        said = " ".join(f"{type(error).__name__}: {error}".split())
        if isinstance(error, TemplateSyntaxError) and error.filename:
            return f"{error.filename}, line {error.lineno}: {said}"
        frames = [
            each for each in traceback.extract_tb(error.__traceback__) if Path(each.filename).parent == self._folder
        ]
        return f"{frames[-1].filename}, line {frames[-1].lineno}: {said}" if frames else f"{self._folder}: {said}"


def _environment(loader: BaseLoader) -> Environment:
    made = Environment(
        loader=loader,
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"number": number, "time": time}
    return made


def number(value: int) -> str:
    """Return a number as people read it: 1,234."""
    return f"{value:,}"


def time(value: datetime) -> str:
    """Return a time to the minute, with its zone."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _subject_and_text(rendered: str) -> tuple[str, str]:
    """Return the subject that the first line of a text is, and the rest; raises ValueError where it is none."""
    first, _, rest = rendered.lstrip().partition("\n")
    subject = one_line(first.removeprefix(SUBJECT), LONGEST_SUBJECT)
    if not first.startswith(SUBJECT) or not subject:
        raise ValueError(f"the first line is not {SUBJECT} with a text behind it")
    return subject, rest.strip("\n") + "\n"


def one_line(text: str, longest: int) -> str:
    """Return a text as one line of bounded length, without what controls a terminal, a mail or the direction."""
    shown = "".join(letter if letter.isprintable() or letter == "\u200d" else " " for letter in text)
    line = " ".join(shown.split())
    return line if len(line) <= longest else f"{line[:longest]}…"
