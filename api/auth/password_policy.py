"""The password policy: which passwords of sufficient length are still too easy to guess."""

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

# Neighbours: in the alphabet, among the digits, on keyboards. NIST SP 800-63B section 3.1.1.2 asks for a list of common
# passwords; these rules cover what no list can contain.
ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm")
NEIGHBOURS = {pair for row in ROWS for one, next_ in pairwise(row) for pair in (one + next_, next_ + one)}
# Characters that people write instead of letters.
SUBSTITUTES = str.maketrans("@430$5!17", "aaeossiit")
COMMON = Path(__file__).with_name("common_passwords.txt")


def find_weakness(password: str, username: str, minimum: int) -> str | None:
    """Return what is wrong with a password of `minimum` characters or more; None if nothing is.

    It is the end of a sentence that begins with the name of the field.
    """
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
    """Return after how many characters the text repeats itself, up to its end; its length if it does not."""
    return next((n for n in range(1, len(text)) if text[n:] == text[:-n]), len(text))


def _with_letters(text: str) -> str:
    """Return the text with letters for the substitutes between its first and last letter; those outside stay."""
    core = re.search(r"[^\W\d_].*[^\W\d_]", text)
    return text[: core.start()] + core[0].translate(SUBSTITUTES) + text[core.end() :] if core else text


def _is_common(text: str, name: str, minimum: int) -> bool:
    """Return whether without common words and the user name only digits and signs are left, fewer than `minimum`."""
    left = _common().sub("", text.replace(name, "") if name else text)
    return left != text and len(left) < minimum and not any(character.isalpha() for character in left)


@cache
def _common() -> re.Pattern[str]:
    lines = COMMON.read_text(encoding="ascii").splitlines()
    entries = sorted((line for line in lines if line and not line.startswith("#")), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, entries)))
