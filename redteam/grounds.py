"""What an order of the desk's own analyst rests on, found without asking any taint that the desk worked out.

A model is shown the views of texts, and nobody can tell what moved it: all its orders are of texts. The analyst is
code, so two things can be found out. What would it have ordered had nobody said anything? And is what it cites, in the
stored answers of its cycle, of the market alone?
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from inspect import isawaitable
from typing import Any, Final

from sqlalchemy import select

from agents import pipeline
from agents.cycle import Cycle
from agents.ports import Ports
from core.canonical import JSON, Canonical, canonical_text
from core.orders import Proposal, Side
from core.ports import Effect
from desk.build import PastDesk
from memory.books import blobs
from memory.books.tables import effects

# What these answer is computed from bars, quotes and the account.
_OF_THE_MARKET: Final = ("market_snapshot", "trend_view", "position_size", "portfolio_view")
_VIEWS: Final = (pipeline.observe, pipeline.research, pipeline.sentiment, pipeline.forecast, pipeline.plan)

Wanted = Mapping[tuple[str, Side], Decimal]  # base units, by symbol and side


async def unprompted(cycle: Cycle, ports: Ports) -> Wanted:
    """What the same desk would order in this cycle, at this market and with this account, had nobody said anything.

    Asked before the cycle is run: afterwards the account is another.
    """
    deaf = replace(ports, market=_Deaf(ports.market), effects=_Unstored(), memory=None, documents=None)
    for stage in _VIEWS:
        cycle = await stage(cycle, deaf)
    return {(order.symbol, order.side): order.quantity for order in cycle.plans[-1].orders}


def of_texts(desk: PastDesk, cycle_id: str, proposal: Proposal, unprompted: Wanted) -> str | None:
    """What of a text stands behind an order of the analyst; None where nothing does.

    A revision asks for less of the same, and is no other wish.
    """
    order, answers = proposal.order, list(_answers(desk, cycle_id))
    if order.quantity > unprompted.get((order.symbol, order.side), 0):
        return "it would not have been wanted had nobody said anything"
    # It weighs a mood and the forecasters wherever there are any, whatever it cites.
    for node, lane, answer in answers:
        if lane == order.symbol and "reason" not in answer:
            if node == "sentiment":
                return "a mood"
            if node == "forecast" and _outside(desk, answer):
                return "a signal of others"
    for cited in proposal.evidence:
        if cited.partition(":")[0] not in (*_OF_THE_MARKET, "forecast"):
            return cited
        if not any(cited == given or cited in given for _, _, a in answers if (given := a.get("evidence"))):
            return f"{cited}, which no answer gave"
    return None


def _outside(desk: PastDesk, outlook: JSON) -> bool:
    """Whether anybody but a forecaster that reads bars alone has a vote."""
    voting = desk.analysts.forecasters.at(desk.clock.now_ns()).voting
    ours = {one.name for one in voting if not getattr(one, "needs", ())}
    return any(float(line["weight"]) and line["name"] not in ours for line in outlook["lines"])


def _answers(desk: PastDesk, cycle_id: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Node, lane and answer of every stored effect of the cycle."""
    query = select(effects).where(effects.c.cycle_id == cycle_id)
    for row in desk.books.read(lambda conn: conn.execute(query).all()):
        stored = row.body
        answer = (
            desk.books.read(lambda conn, of=row.response: blobs.get_json(conn, of))  # type: ignore[misc]
            if stored is None
            else json.loads(stored)
        )
        if isinstance(answer, dict):
            yield row.node, row.lane, answer


class _Deaf:
    """A market of prices alone: nobody writes, signals or reads."""

    def __init__(self, market: Any) -> None:
        self._market = market

    def __getattr__(self, name: str) -> Any:
        return getattr(self._market, name)

    def texts(self, *_: Any, **__: Any) -> tuple[()]:
        return ()

    signals = readings = texts


class _Unstored:
    """Effects that happen and leave nothing behind."""

    async def perform(
        self, node: str, lane: str, request: JSON, run: Callable[[], Any], beside: Sequence[Canonical] = ()
    ) -> JSON:
        answer = run()
        return json.loads(canonical_text(await answer if isawaitable(answer) else answer))

    def entries(self) -> tuple[Effect, ...]:
        return ()
