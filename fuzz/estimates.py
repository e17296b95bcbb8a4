"""The oracle's own statistics of a market's hours. It shares no code with the rules or the gate."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.orders import Order, Side
from core.time import HOUR_NS, Timeframe
from fuzz.sums import Account
from fuzz.tape import MONTH, Tape

Floats = NDArray[np.float64]

_DAY: Final = 24  # hours
_LEAST_HOURS: Final = 30
_LEAST_DAYS: Final = 200
_WORST: Final = Fraction(25, 1000)


def market_of(tape: Tape, order: Order, bases: Mapping[str, str], now_ns: int) -> dict[str, Any]:
    """What a scene says of the order's market beyond its quote; `bases` maps every symbol at risk to its asset."""
    if order.symbol not in tape.instruments:
        return {}
    closes, volumes = _hours(tape, order.symbol, now_ns)
    moves = closes[1:] / closes[:-1] - 1
    known = len(moves) >= _LEAST_HOURS
    days = _days(closes)
    losses = -days if order.side is Side.BUY else days
    book, quote = tape.book(order.symbol, as_of_ns=now_ns), tape.quote(order.symbol, as_of_ns=now_ns)
    found: dict[str, Any] = {
        "bar_s": 3600,
        "bar_volume": _decimal(np.median(volumes[-_DAY:])) if len(volumes) >= _LEAST_HOURS else None,
        "volatility": _decimal(np.abs(moves[-_DAY:]).mean()) if known else None,
        "usual_volatility": _decimal(np.abs(moves).mean()) if known else None,
        "window_price": _decimal(closes[-12:].mean()) if len(closes) else None,
        "jump": _decimal(np.abs(moves[-2:]).max() / 60) if len(closes) > 1 else None,
        "shortfall": _decimal(_worst_mean(losses)) if len(days) >= _LEAST_DAYS else None,
        "correlation": {base: _together(tape, order.symbol, symbol, now_ns) for symbol, base in bases.items()},
        "bids": None if book is None else book.bids,
        "asks": None if book is None else book.asks,
    }
    if book is not None:
        late_ns = 0 if quote is None else max(0, now_ns - book.ts_event_ns - quote.cadence_ns)
        found |= {"overdue_s": {"book": Decimal(late_ns) / 10**9}}
        found |= {f"{n[:-1]}_depth": sum((x.quantity for x in found[n]), Decimal(0)) for n in ("bids", "asks")}
    return found


def worst_days(tape: Tape, account: Account, symbols: Mapping[str, str], assumed: Fraction, now_ns: int) -> Fraction:
    """What the account loses on average in its worst days, all assets together; `symbols` names one of each asset."""
    alone = Fraction(0)
    together: list[Floats] = []
    for base in sorted({*account.by_side[Side.BUY], *account.by_side[Side.SELL]}):
        long, short = (account.by_side[side].get(base, Fraction(0)) for side in (Side.BUY, Side.SELL))
        days = _days(_hours(tape, symbols[base], now_ns)[0])
        if len(days) < _LEAST_DAYS:
            alone += (long + short) * assumed
        else:
            together.append(days * float(long - short))
    if not together:
        return alone
    shared = min(len(days) for days in together)
    return alone + Fraction(_worst_mean(-np.sum([days[-shared:] for days in together], axis=0)))


def _hours(tape: Tape, symbol: str, now_ns: int) -> tuple[Floats, Floats]:
    closed = tape.bars(symbol, Timeframe.H1, as_of_ns=now_ns - now_ns % HOUR_NS, n=MONTH)
    return closed.close, closed.volume


def _days(closes: Floats) -> Floats:
    return closes[_DAY:] / closes[:-_DAY] - 1


def _worst_mean(losses: Floats) -> float:
    count = max(1, -(-_WORST.numerator * len(losses) // _WORST.denominator))
    return max(0.0, float(np.sort(losses)[-count:].mean()))


def _together(tape: Tape, symbol: str, other: str, now_ns: int) -> Decimal | None:
    mine, theirs = (_hours(tape, s, now_ns)[0] for s in (symbol, other))
    if tape.instruments[symbol].symbol == tape.instruments[other].symbol:
        return Decimal(1)
    shared = min(len(mine), len(theirs))
    if shared - 1 < _LEAST_HOURS:
        return None
    moves = [closes[1:] / closes[:-1] - 1 for closes in (mine[-shared:], theirs[-shared:])]
    if not all(np.any(m != m.mean()) for m in moves):
        return None
    return _decimal(np.corrcoef(moves[0], moves[1])[0, 1])


def _decimal(value: float) -> Decimal:
    return Decimal(repr(float(value)))
