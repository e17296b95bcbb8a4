"""Results too good, too few or too dear to be believed, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from models.validation.metrics import Scores
from models.validation.trading import Result

MOST_ACCURATE: Final = 0.70
HIGHEST_SHARPE: Final = 3.0
LEAST_TRADES: Final = 100


class AlarmCode(StrEnum):
    ACCURACY = "accuracy"
    SHARPE = "sharpe"
    TRADES = "trades"
    COST = "cost"


@dataclass(frozen=True, slots=True)
class Alarm:
    """What was found, what it was held against, and what to think of it."""

    code: AlarmCode
    message: str


def alarms(scored: Scores | None = None, result: Result | None = None) -> tuple[Alarm, ...]:
    """Of what was scored and what it earned; exactly a bound is no alarm. What was not measured raises none."""
    found = []
    if scored is not None and scored.accuracy > MOST_ACCURATE:
        found.append(
            Alarm(
                AlarmCode.ACCURACY,
                f"accuracy of {scored.accuracy:.1%} over {scored.n} forecasts is above {MOST_ACCURATE:.0%}:"
                " no market is that easy, so this is leakage until shown otherwise",
            )
        )
    if result is None:
        return tuple(found)
    if result.sharpe > HIGHEST_SHARPE:
        found.append(
            Alarm(
                AlarmCode.SHARPE,
                f"Sharpe ratio of {result.sharpe:.1f} a year is above {HIGHEST_SHARPE:g}:"
                " leakage until shown otherwise",
            )
        )
    if result.trades < LEAST_TRADES:
        found.append(Alarm(AlarmCode.TRADES, f"{result.trades} trades are no evidence: {LEAST_TRADES} are the least"))
    if result.gross > 0 and result.cost > result.gross:
        found.append(
            Alarm(
                AlarmCode.COST,
                f"trading {result.turnover:.0f} times equity a year costs {result.cost:.1%}, more than the"
                f" {result.gross:.1%} that the signal earned: turnover eats the edge",
            )
        )
    return tuple(found)
