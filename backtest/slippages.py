"""What fills cost against the price that was asked for: measured, so that the next simulation is told what was paid."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from core.errors import ConfigError, DataRefused
from core.money import ZERO, significant
from core.time import show_time
from desk.lived import Lived, Wanted
from desk.settings import Settings

if TYPE_CHECKING:
    from core.canonical import JSON

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class Measured:
    """Fractions of price: `slippage` weighted by what was traded, and the `middle` of all fills; `fee` of notional."""

    fills: int
    slippage: float
    middle: float
    fee: float


def measured(lived: Lived) -> dict[str, Measured]:
    """By symbol, and of all under ''. DataRefused where no fill had such a price beside it."""
    known = [one for one in lived.orders if one.filled is not None and one.slippage is not None]
    if not known:
        raise DataRefused(f"{lived.account_id} has no fill of a decision that saw a price: nothing can be measured")
    found = {"": _of(known)}
    for symbol in sorted({one.symbol for one in known}):
        found[symbol] = _of([one for one in known if one.symbol == symbol])
    return found


def save(path: Path, lived: Lived) -> None:
    """Writes what was measured; a slippage below 0 is written as it is found, and read as 0."""
    found = measured(lived)
    told: JSON = {
        "schema": SCHEMA,
        "account": lived.account_id,
        "from": show_time(lived.decided[0].at_ns),
        "until": show_time(lived.decided[-1].at_ns),
        **_told(found.pop("")),
        "symbols": {symbol: _told(one) for symbol, one in found.items()},
    }
    try:
        path.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from None


def slippage_of(word: str) -> float:
    """Of a number as it was typed, or of a file that was saved here; never below 0: luck is no cost to be told.

    Raises ConfigError where it is neither.
    """
    try:
        return float(word)
    except ValueError:
        pass
    path = Path(word)
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["schema"] != SCHEMA:
            raise ConfigError(f"{path} is of schema {told['schema']!r}, this program reads {SCHEMA}")
        found = float(told["slippage"])
        if not math.isfinite(found):
            raise ValueError(f"found {found}")
        return max(0.0, found)
    except OSError:
        raise ConfigError(f"slippage is a fraction, or a file of `warden backtest compare`: found {word!r}") from None
    except (ValueError, KeyError, TypeError) as wrong:
        raise ConfigError(f"{path} holds no measured slippage: {wrong!r}"[:300]) from None


def told_to(settings: Settings, word: str) -> Settings:
    """The same settings, but for the slippage of the paper venue: it is part of what names a run.

    Raises ConfigError where it is no fraction.
    """
    slippage = slippage_of(word)
    if not 0 <= slippage < 1:
        raise ConfigError(f"slippage is a fraction from 0 to below 1, found {slippage:g}")
    paper = settings.execution.paper.model_copy(update={"slippage": Decimal(significant(slippage))})
    return settings.model_copy(update={"execution": settings.execution.model_copy(update={"paper": paper})})


def _of(known: Sequence[Wanted]) -> Measured:
    slips = [one.slippage for one in known if one.slippage is not None]
    worth = [one.filled.worth for one in known if one.filled is not None]
    paid = sum((slip * size for slip, size in zip(slips, worth, strict=True)), ZERO)
    fees = sum((one.filled.fee for one in known if one.filled is not None), ZERO)
    whole = sum(worth, ZERO)
    return Measured(len(known), float(paid / whole), float(median(slips)), float(fees / whole))


def _told(one: Measured) -> dict[str, JSON]:
    return {"fills": one.fills, "slippage": one.slippage, "median": one.middle, "fee": one.fee}
