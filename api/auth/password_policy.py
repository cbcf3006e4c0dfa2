"""Passwords that are long enough and still among the first that anybody would try."""

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

# What stands side by side: the alphabet, the digits, and the keys of keyboards. (NIST SP 800-63B section 3.1.1.2
# asks for a list of the commonest; rules stand for what no list can hold.)
ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm")
NEIGHBOURS = {pair for row in ROWS for one, next_ in pairwise(row) for pair in (one + next_, next_ + one)}
# What people write for letters, and think that nobody knows.
SIGNS = str.maketrans("@430$5!17", "aaeossiit")
COMMON = Path(__file__).with_name("common_passwords.txt")


def find_weakness(password: str, username: str, minimum: int) -> str | None:
    """What is wrong with a password of `minimum` characters or more, in words that follow its name; or None."""
    text, name = password.casefold(), username.casefold()
    if text == name:
        return "must not be the user name"
    if _period(text) < min(minimum, len(text) // 2 + 1):
        return "must not repeat one character or a short pattern"
    if sum(one == next_ or one + next_ in NEIGHBOURS for one, next_ in pairwise(text)) >= len(text) * 0.7:
        return "must not be a sequence of letters, digits or keys"
    if any(_is_common(each, name, minimum) for each in (text, _with_letters(text))):
        return "must not be made of the commonest passwords, words and names"
    return None


def _period(text: str) -> int:
    """After how many characters the text repeats itself, to its end; its length, if it does not."""
    return next((n for n in range(1, len(text)) if text[n:] == text[:-n]), len(text))


def _with_letters(text: str) -> str:
    """The text with letters for the signs within it; those around it are what is added, and stay."""
    core = re.search(r"[^\W\d_].*[^\W\d_]", text)
    return text[: core.start()] + core[0].translate(SIGNS) + text[core.end() :] if core else text


def _is_common(text: str, name: str, minimum: int) -> bool:
    """Whether nothing but digits and signs is left, and too few of them, without common words and the user's name."""
    left = _common().sub("", text.replace(name, "") if name else text)
    return left != text and len(left) < minimum and not any(character.isalpha() for character in left)


@cache
def _common() -> re.Pattern[str]:
    lines = COMMON.read_text(encoding="ascii").splitlines()
    words = sorted((line for line in lines if line and not line.startswith("#")), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, words)))
