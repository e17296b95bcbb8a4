"""Whether the books hold what the venue holds: balances and positions, to the venue's last digit. Pure comparison."""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from core.instruments import ContractKind
from core.money import ZERO, text_of
from core.orders import Position
from execution.mismatches import Mismatch, MismatchKind
from execution.ports import VenuePosition

# Decimals to which venues keep balances, where they show fewer.
_DIGITS: Final = 8


def balances_off(ours: Mapping[str, Decimal], theirs: Mapping[str, Decimal]) -> list[Mismatch]:
    """Currencies of which the venue has another total than the books."""
    found = []
    for currency in sorted({*ours, *theirs}):
        book, venue = ours.get(currency, ZERO), theirs.get(currency, ZERO)
        if _shown(book, venue) != venue:
            detail = f"the books hold {text_of(book)}, the venue {text_of(venue)}"
            found.append(Mismatch(MismatchKind.BALANCE_OFF, currency, detail))
    return found


def positions_off(ours: Iterable[Position], theirs: Iterable[VenuePosition]) -> list[Mismatch]:
    """Perpetuals of which the venue has another side or quantity than the books. Spot is compared by its balances."""
    books = {p.symbol: (p.side, p.quantity) for p in ours if p.kind is ContractKind.PERPETUAL}
    venue = {p.symbol: (p.side, Decimal(p.quantity)) for p in theirs if p.quantity}
    return [
        Mismatch(MismatchKind.POSITION_OFF, symbol, f"the books hold {_told(books, symbol)}, the venue {told}")
        for symbol in sorted({*books, *venue})
        if books.get(symbol) != venue.get(symbol) and (told := _told(venue, symbol))
    ]


def _shown(book: Decimal, venue: Decimal) -> Decimal:
    """Our total as the venue would write it."""
    exponent = venue.as_tuple().exponent
    digits = max(_DIGITS, -exponent) if isinstance(exponent, int) else _DIGITS
    return book.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)


def _told(held: Mapping[str, tuple[object, Decimal]], symbol: str) -> str:
    side, quantity = held.get(symbol, ("nothing", None))
    return "nothing" if quantity is None else f"{text_of(quantity)} ({side})"
