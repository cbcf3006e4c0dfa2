"""The environment of the process: completed from `.env`, where it wins, and read into the settings."""

import codecs
import io
import os
import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from settings import ROOT, Settings, SettingsError

# What the libraries below us and the server's own programs read, and so may stand in `.env` too.
OTHERS = re.compile(
    "FLASK_[A-Z_]+|PG[A-Z]+|PYTHON[A-Z]+|SSL_CERT_(FILE|DIR)|(?i:(https?|all|no)_proxy)"
    "|WEB_CONCURRENCY|TMPDIR|TEMP|TMP|TZ"
)
# How alike a variable of the environment must be to be taken for a misspelt setting: most of them are not ours.
ALIKE = 0.9


def read_settings(after_flask: bool = False) -> Settings:
    """Return the settings of the environment and of `.env`; raises SettingsError.

    `after_flask` says that `flask` has read the file before, in its own way.

    Every way in begins here: the service, its commands, `flask` and gunicorn. So from here on, each file that the
    process makes belongs to its user alone; Windows has no umask, and there the folder decides.
    """
    os.umask(0o077)
    _complete_environment(ROOT / ".env", after_flask)
    return Settings.from_env()


def set_metrics_folder(folder: Path) -> None:
    """Set where the processes of the service share their metrics; prometheus_client looks for it in the environment."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


@cache
def setting_names() -> frozenset[str]:
    """Return the names of all settings: those that `Settings.from_env` asks for."""
    asked = _Asked()
    Settings.from_env(asked)
    return frozenset(asked.names)


def misspelt() -> list[str]:
    """Return a sentence for each variable of the environment that nobody reads and that is almost a setting."""
    near = {name: _nearest(name, ALIKE) for name in sorted(os.environ.keys() - setting_names())}
    return [f"{name} is set, and nobody reads it; did you mean {known}?" for name, known in near.items() if known]


class _Asked(dict[str, str]):
    """An empty environment that keeps the names it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.names.add(name)
        return default


def _complete_environment(file: Path, after_flask: bool) -> None:
    """Put what `file` sets into the environment, unless it is set there already. Raises SettingsError."""
    for name, value in dict(_assignments(file)).items():
        # Here nothing within a value is replaced, as it may be part of a secret; `flask` does it before we can read it.
        if after_flask and "${" in value and os.environ.get(name) != value:
            raise SettingsError(f"{file} sets {name} to a value with ${{, which flask replaces; use: python run.py")
        os.environ.setdefault(name, value)


def _text(file: Path) -> str:
    """Return what stands in the file: UTF-8, or UTF-16 as the `>` of Windows PowerShell writes it."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise SettingsError(f"{file} can't be read: {error.strerror}.") from error
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(encoding)
        if "\0" not in text:
            return text
        before = content[: content.index(b"\0")]  # PowerShell's >> adds UTF-16 to whatever was there
    except UnicodeDecodeError as error:
        before = content[: error.start]
    line = before.count(b"\n") + 1
    raise SettingsError(f"{file}, line {line}, is not UTF-8, at least not from there on; save the file as UTF-8.")


def _assignments(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the names and values of the file. Raises SettingsError for the first line that nobody would understand."""
    for binding in parse_stream(io.StringIO(_text(file))):
        where = f"{file}, line {_line(binding)},"
        if binding.error or "\n" in binding.original.string.strip():
            raise SettingsError(f"{where} can't be read; a line is NAME=value, and a quote ends on its line.")
        if binding.key is None:  # a comment, or the blank end
            continue
        if binding.value is None:
            raise SettingsError(f"{where} has no equals sign; a line is NAME=value.")
        if binding.key not in setting_names() and not OTHERS.fullmatch(binding.key):
            near = _nearest(binding.key)
            hint = f"did you mean {near}?" if near else "docs/settings.md lists the settings."
            raise SettingsError(f"{where} sets {binding.key}, which is no setting; {hint}")
        yield binding.key, binding.value


def _line(binding: Binding) -> int:
    """Return the number of the line, without the blank ones before it, which the parser counts in."""
    string = binding.original.string
    return binding.original.line + string[: len(string) - len(string.lstrip())].count("\n")


def _nearest(name: str, alike: float = 0.6) -> str | None:
    return next(iter(get_close_matches(name.upper(), sorted(setting_names()), 1, alike)), None)
