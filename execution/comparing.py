"""Whether the books hold what the venue holds, to its last digit: balances, positions, and since when they do not."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from core.instruments import ContractKind
from core.money import ZERO, text_of
from core.orders import Position, Side
from execution.mismatches import Mismatch, MismatchKind
from execution.ports import VenuePosition

# Decimals to which venues keep balances, where they show fewer.
_DIGITS: Final = 8
# So many rounds in a row with a difference are no lag any more.
_ROUNDS: Final = 8


def balances_off(ours: Mapping[str, Decimal], theirs: Mapping[str, Decimal]) -> list[Mismatch]:
    """Currencies of which the venue has another total than the books."""
    found = []
    for currency in sorted({*ours, *theirs}):
        book, venue = ours.get(currency, ZERO), theirs.get(currency, ZERO)
        if _shown(book, venue) != venue:
            detail = f"the books hold {text_of(book)}, the venue {text_of(venue)}"
            found.append(Mismatch(MismatchKind.BALANCE_OFF, currency, detail, venue - _shown(book, venue)))
    return found


def positions_off(ours: Iterable[Position], theirs: Iterable[VenuePosition]) -> list[Mismatch]:
    """Perpetuals of which the venue has another side or quantity than the books. Spot is compared by its balances."""
    books = {p.symbol: (p.side, Decimal(p.quantity)) for p in ours if p.kind is ContractKind.PERPETUAL}
    venue = {p.symbol: (p.side, Decimal(p.quantity)) for p in theirs if p.quantity}
    return [
        Mismatch(
            MismatchKind.POSITION_OFF,
            symbol,
            f"the books hold {_told(books, symbol)}, the venue {_told(venue, symbol)}",
            _signed(venue, symbol) - _signed(books, symbol),
        )
        for symbol in sorted({*books, *venue})
        if books.get(symbol) != venue.get(symbol)
    ]


class Doubts:
    """What was off, for how long and how often: lists lag behind each other, so one look proves nothing.

    A difference counts when it is the same a quiet period later, however the totals moved meanwhile; and when one was
    found so many rounds in a row, whatever it was: an account that is always moving is judged as well.
    """

    def __init__(self, quiet_ns: int) -> None:
        self._quiet_ns = quiet_ns
        self._since: dict[tuple[MismatchKind, str, Decimal | None], int] = {}
        self._rounds: dict[tuple[MismatchKind, str], int] = {}

    def weigh(self, suspects: Sequence[Mismatch], moving: Collection[str], now_ns: int) -> list[Mismatch]:
        """Those of one round that count. What is `moving` was active a moment ago: that may explain it."""
        self._since = {_key(s): self._since.get(_key(s), now_ns) for s in suspects}
        self._rounds = {_key(s)[:2]: self._rounds.get(_key(s)[:2], 0) + 1 for s in suspects}
        return [s for s in suspects if self._counts(s, s.subject in moving, now_ns)]

    def _counts(self, suspect: Mismatch, moving: bool, now_ns: int) -> bool:
        steady = not moving and now_ns - self._since[_key(suspect)] >= self._quiet_ns
        return steady or self._rounds[_key(suspect)[:2]] >= _ROUNDS


def _key(suspect: Mismatch) -> tuple[MismatchKind, str, Decimal | None]:
    return suspect.kind, suspect.subject, suspect.off


def _shown(book: Decimal, venue: Decimal) -> Decimal:
    """Our total as the venue would write it."""
    exponent = venue.as_tuple().exponent
    digits = max(_DIGITS, -exponent) if isinstance(exponent, int) else _DIGITS
    return book.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)


def _signed(held: Mapping[str, tuple[Side, Decimal]], symbol: str) -> Decimal:
    if symbol not in held:
        return ZERO
    side, quantity = held[symbol]
    return side.sign * quantity


def _told(held: Mapping[str, tuple[Side, Decimal]], symbol: str) -> str:
    if symbol not in held:
        return "nothing"
    side, quantity = held[symbol]
    return f"{text_of(quantity)} ({side})"
