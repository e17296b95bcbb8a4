"""What a person typed, as words: whitespace parts them, and nothing in them is hidden."""

import unicodedata
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Final, TypeVar

from core.errors import ToolInputError

T = TypeVar("T")

LONGEST: Final = 4_000  # characters of what is said at once
_WORD: Final = 60
# Steers a terminal, or hides from a person's eyes: controls, formats, surrogates, private use.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
# Persian and emoji join and part their letters with these.
_JOINS: Final = frozenset("\u200c\u200d")


class Unclear(ToolInputError):
    """Words that are no sentence of the grammar: what was expected, and where."""


def cleaned(text: str) -> str:
    """One line of what can be seen. Raises Unclear for what cannot, for nothing, and for a novel."""
    if len(text) > LONGEST:
        raise Unclear(f"that are {len(text):,} characters, at most {LONGEST:,} are read at once")
    for at, char in enumerate(text):
        if unicodedata.category(char) in _HIDDEN and not char.isspace() and char not in _JOINS:
            raise Unclear(f"a character that cannot be seen (U+{ord(char):04X}) stands at {at + 1}: type it without")
    said = " ".join(unicodedata.normalize("NFC", text).split())
    if not said:
        raise Unclear("nothing was said: `help` says what this chat can do")
    return said


class Words:
    """The words of one sentence, taken from the front."""

    def __init__(self, text: str, symbols: Callable[[], tuple[str, ...]]) -> None:
        self._left = text.split()
        self._symbols = symbols

    @property
    def done(self) -> bool:
        return not self._left

    def peek(self) -> str:
        """The next word as the grammar reads it: without its case and its full stop. Empty at the end."""
        return self._left[0].lower().strip("?!.,;:") if self._left else ""

    def take(self) -> str:
        if not self._left:
            raise Unclear("the sentence ends too early")
        return self._left.pop(0)

    def takes(self, *words: str) -> bool:
        """Whether the next word is one of these; then it is taken."""
        if self.peek() in words and self._left:
            self._left.pop(0)
            return True
        return False

    def takes_before(self, word: str) -> str | None:
        """The next word where `word` comes after it; then both are taken."""
        if len(self._left) < 2 or self._left[1].lower() != word:
            return None
        found = self._left[0]
        del self._left[:2]
        return found

    def skip(self, words: frozenset[str]) -> None:
        while self._left and self.peek() in words:
            self._left.pop(0)

    def rest(self) -> str:
        """Everything that is left, as it was typed."""
        left, self._left = " ".join(self._left), []
        return left

    def number(self, of: str) -> Decimal:
        word = self.take().rstrip("?!;:")
        found = _decimal(word)
        if found is None:
            raise Unclear(f"expected {of} as a number such as 0.1 or 58000, found {word[:_WORD]!r}")
        return found

    @property
    def at_number(self) -> bool:
        return bool(self._left) and self._left[0][:1].isdigit()

    def symbol(self) -> str:
        return symbol_named(self.take().strip("?!.,;:"), self._symbols())

    def next_symbol(self) -> str:
        """The symbol that comes next, which stays."""
        return symbol_named(self._left[0].strip("?!.,;:"), self._symbols()) if self._left else self.symbol()

    def end(self) -> None:
        """Raises Unclear where words are left: half a sentence that is obeyed is worse than none."""
        if self._left:
            raise Unclear(f"did not expect {self._left[0][:_WORD]!r} there")


def symbol_named(word: str, known: tuple[str, ...]) -> str:
    """BTC, btc/usdt and BTC/USDT are one symbol of the desk. Raises Unclear with the nearest names."""
    wanted = word.upper().replace("-", "/")
    if wanted in known:
        return wanted
    found = [symbol for symbol in known if wanted in (symbol.partition("/")[0], symbol.replace("/", ""))]
    if len(found) == 1:
        return found[0]
    if found:
        raise Unclear(f"{word[:_WORD]} may be {' or '.join(found)}: name one")
    bases = {symbol.partition("/")[0]: symbol for symbol in known}
    near = get_close_matches(wanted[:_WORD], [*known, *bases], n=3, cutoff=0.6)
    named = sorted({bases.get(name, name) for name in near})
    hint = f"near it are {', '.join(named)}" if named else f"it trades {', '.join(known[:12]) or 'nothing'}"
    raise Unclear(f"this desk does not trade {word[:_WORD]!r}, {hint}")


def _decimal(word: str) -> Decimal | None:
    """A plain number. A comma means thousands to some and a fraction to others: it is not guessed at."""
    if not word.isascii() or not all(c.isdigit() or c == "." for c in word) or len(word) > 40:
        return None
    try:
        return Decimal(word)
    except InvalidOperation:
        return None
