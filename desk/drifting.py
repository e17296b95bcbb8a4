"""Whether the market has left what a model with a vote learnt: what it said in its cycles, held against what came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from sqlalchemy import Connection

from memory.books import blobs, records
from memory.books.words import RecordKind
from models.features.frames import frame, warmup_of
from models.features.inputs import Inputs
from models.validation.drift import WEEK_NS, DriftVerdict, judge, weekly
from models.validation.population import Population

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray, IntArray
    from models.learners.trained import Trained

# What is older says little of now; a week counts with the outcomes that became known in it.
_BACK_NS: Final = 5 * WEEK_NS
# Of hours six weeks: over fewer, one quiet spell looks like a market that was left.
RECENT_ROWS: Final = 1000


@dataclass(frozen=True, slots=True)
class Spoken:
    """What one model said in stored cycles: when, and its probability of a rise. Shapes (n,), oldest first."""

    at_ns: IntArray
    p_up: FloatArray


def spoken(conn: Connection, account_id: str, model: Trained, until_ns: int) -> Spoken:
    """The model's lines in the decisions of an account until then, whether it had a vote or was in the shadow."""
    since_ns = until_ns - _BACK_NS
    listed = records.listing(conn, account_id=account_id, kind=RecordKind.DECISION, since_ns=since_ns, limit=None)
    found: list[tuple[int, float]] = []
    for record in reversed(listed):
        body = blobs.get_json(conn, record.body) if record.as_of_ns <= until_ns else None
        outlooks = (body or {}).get("forecast") or {"outlooks": []}
        lines = [line for o in outlooks["outlooks"] if o["symbol"] == model.card.symbol for line in o["lines"]]
        found += [(record.as_of_ns, float(line["p_up"])) for line in lines if line["name"] == model.name]
    at_ns = np.array([at for at, _ in found], dtype=np.int64)
    return Spoken(at_ns, np.array([p_up for _, p_up in found], dtype=np.float64))


def bars_needed(model: Trained, timeframe_ns: int) -> int:
    """How many bars up to now a verdict reads."""
    weeks = _BACK_NS // timeframe_ns + model.card.horizon
    return max(weeks, RECENT_ROWS + warmup_of(model.card.features)) + 1


def verdict(model: Trained, said: Spoken, bars: Bars, now_ns: int) -> DriftVerdict:
    """Of what it said and of the newest rows that it read, on bars known at `now_ns`.

    Cycles more often than bars close say the same twice: of each bar the last word counts.
    """
    card, closes = model.card, bars.open_ns + bars.timeframe.ns
    place = np.searchsorted(closes, said.at_ns, side="right") - 1
    last = np.append(place[1:] != place[:-1], True) if len(place) else np.zeros(0, dtype=bool)
    judged = last & (place >= 0) & (place + card.horizon < len(bars))
    at, p_up = place[judged], said.p_up[judged]
    later = at + card.horizon
    recent = frame(Inputs(bars, model.series(bars)), card.features)
    rows = type(recent)(recent.names, recent.values[-RECENT_ROWS:], recent.warmup)
    return judge(
        model.name,
        p_up=said.p_up[last],
        weeks=weekly(closes[later], p_up, np.log(bars.close[later] / bars.close[at])),
        population=None if card.population is None else Population.from_state(card.population),
        recent=rows,
        trained_until_ns=card.trained_until_ns,
        now_ns=now_ns,
    )
