"""A plausible order book around a simulated price: wider and thinner after a jump, on ticks and lots.

Two venues show a book of the same moment. The second trades a little apart from the first, further in stress.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from core.money import Price, Quantity
from core.quotes import Level
from market.draws import Draws, stream
from market.paths import CHARACTERS, STREAM_KEYS, Path, underlying

if TYPE_CHECKING:
    from core.instruments import Instrument

LEVELS = 20

# Of a minute's turnover, at the best level of a calm book; each further level holds a quarter of that more.
_TOP_SHARE, _GROWTH = 0.05, 0.25
_THINNING_BPS = 10.0  # so much excess spread halves the depth
_BASIS_SPREADS, _BASIS_STRESS = 0.6, 0.25  # between venues, of the spread and of its excess


def best_ticks(path: Path, minute: int, apart: int = 0) -> tuple[int, int]:
    """Best bid and ask in ticks: the spread around the last price, at least one tick; `apart` ticks away from it."""
    last = max(1, int(path.ticks[minute]) + apart)
    spread = max(1, round(last * float(path.spread_bps[minute]) / 10_000))
    bid = max(1, last - spread // 2)
    return bid, bid + spread


def basis_ticks(path: Path, minute: int, seed: int) -> int:
    """How far the second venue trades from the first at that minute: about half a spread, more after a jump."""
    one, other = stream(seed, STREAM_KEYS[underlying(path.symbol)], Draws.BASIS, minute).random(2).tolist()
    width_bps = _BASIS_SPREADS * float(path.spread_bps[minute]) + _BASIS_STRESS * float(path.stress[minute])
    moved: float = int(path.ticks[minute]) * width_bps * (one - other) / 10_000
    return round(moved)


def levels(
    path: Path, minute: int, instrument: Instrument, seed: int, apart: int = 0, *, second: bool = False
) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """Twenty bids and twenty asks, best first."""
    bid, ask = best_ticks(path, minute, apart)
    purpose = (Draws.DEPTH, minute, 1) if second else (Draws.DEPTH, minute)
    chance = stream(seed, STREAM_KEYS[underlying(path.symbol)], *purpose).random((2, LEVELS, 2)).tolist()
    stride = max(1.0, (ask - bid) / 2)
    top = CHARACTERS[underlying(path.symbol)].turnover * _TOP_SHARE / (1 + float(path.stress[minute]) / _THINNING_BPS)
    return (
        _side(bid, -1, chance[0], stride, top, instrument),
        _side(ask, +1, chance[1], stride, top, instrument),
    )


def _side(
    best: int, away: int, chance: list[list[float]], stride: float, top: float, instrument: Instrument
) -> tuple[Level, ...]:
    tick, lot = instrument.tick_size, instrument.lot_size
    lot_worth = float(tick) * float(lot)
    ticks, side = best, []
    for depth, (distance, size) in enumerate(chance):
        if depth:
            ticks += away * (1 + int(2 * stride * distance))
        if ticks < 1:
            break
        lots = max(1, round(top * (1 + _GROWTH * depth) * (0.4 + 1.2 * size) / (ticks * lot_worth)))
        side.append(Level(Price(Decimal(ticks) * tick), Quantity(Decimal(lots) * lot)))
    return tuple(side)
