"""The stages of a cycle: plain functions from a cycle to a cycle with one thing more.

    observe, then research, sentiment and forecast side by side, then plan, propose, and record

A denial that a smaller size could save goes back to the planner once. Nothing here catches errors: the graph's
interrupt is one. Everything from outside goes through `ports.effects`, so the same functions live and replay.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from agents.cycle import Answered, Cycle
from agents.forecasting import look_ahead
from agents.listening import score_texts
from agents.observing import HISTORY_BARS, read_symbol
from agents.ports import Brief, Ports, Role
from agents.record import decision_body
from agents.views import (
    Abstention,
    AccountState,
    ForecastView,
    Mood,
    Observation,
    Opinion,
    Outlook,
    Plan,
    PlannedOrder,
    ResearchView,
    SentimentView,
    Snapshot,
)
from core import identity
from core.canonical import plain
from core.money import Price
from core.orders import Expectation
from core.ports import Abstain
from core.taint import join
from core.time import SECOND_NS
from tools import orders
from tools.context import AccountView, ToolContext
from tools.registry import bind
from tools.toolbox import Toolbox

Stage = Callable[[Cycle, Ports], Awaitable[Cycle]]


async def observe(cycle: Cycle, ports: Ports) -> Cycle:
    """Reads the market and the account as of the cycle. Adds the snapshot; what is stale is marked, not hidden."""
    account = await ports.effects.perform("observe", "account", {"as_of_ns": cycle.as_of_ns}, ports.account)
    markets = {symbol: await _observe_symbol(cycle, ports, symbol) for symbol in cycle.symbols}
    return replace(cycle, snapshot=Snapshot(account=AccountState.model_validate(account), markets=markets))


async def _observe_symbol(cycle: Cycle, ports: Ports, symbol: str) -> Observation:
    request = {"as_of_ns": cycle.as_of_ns, "timeframe": ports.timeframe, "bars": HISTORY_BARS}
    answer = await ports.effects.perform(
        "observe",
        symbol,
        request,
        lambda: read_symbol(
            ports.market,
            symbol,
            ports.timeframe,
            as_of_ns=cycle.as_of_ns,
            text_window_s=ports.models.text_window_s,
            max_price_age_s=ports.max_price_age_s,
        ),
    )
    return Observation.model_validate(answer)


async def research(cycle: Cycle, ports: Ports) -> Cycle:
    """Reads the snapshot and asks the reasoner about each symbol, with tools. Adds opinions and abstentions."""
    answers = await asyncio.gather(*(_research_symbol(cycle, ports, symbol) for symbol in cycle.symbols))
    view = ResearchView(
        opinions=tuple(a for a in answers if isinstance(a, Opinion)),
        abstentions=tuple(a for a in answers if isinstance(a, Abstention)),
    )
    return replace(cycle, research=view)


async def _research_symbol(cycle: Cycle, ports: Ports, symbol: str) -> Opinion | Abstention:
    seen, held = cycle.seen.markets[symbol], cycle.seen.position(symbol)
    prompt = ports.prompts.render(
        "research",
        symbol=symbol,
        timeframe=ports.timeframe.value,
        bars=seen.bars,
        missing=seen.missing_bars,
        last=seen.last,
        spread=seen.spread_bps,
        overdue=seen.overdue_s,
        position="none" if held is None else f"{held.quantity} at {held.average_price}",
    )
    brief = Brief(Role.RESEARCH, symbol, prompt, {"symbol": symbol, "observation": seen})
    answer = await ports.reasoner.structured(brief, Opinion, _toolbox(cycle, ports))
    # A half-parsed opinion is worse than none: an abstention is a view too, and counts nowhere.
    return Abstention(symbol=symbol, reason=answer.reason) if isinstance(answer, Abstain) else answer


async def sentiment(cycle: Cycle, ports: Ports) -> Cycle:
    """Reads the snapshot's texts. Adds a decayed score per symbol, or an abstention."""
    answers = await asyncio.gather(*(_listen(cycle, ports, symbol) for symbol in cycle.symbols))
    view = SentimentView(
        moods=tuple(a for a in answers if isinstance(a, Mood)),
        abstentions=tuple(a for a in answers if isinstance(a, Abstention)),
    )
    return replace(cycle, sentiment=view)


async def _listen(cycle: Cycle, ports: Ports, symbol: str) -> Mood | Abstention:
    texts = cycle.seen.markets[symbol].texts
    request = {"scorer": ports.scorer.name, "texts": [t.item_id for t in texts], "settings": plain(ports.models)}
    answer = await ports.effects.perform(
        "sentiment", symbol, request, lambda: score_texts(symbol, texts, ports.scorer, ports.models, cycle.as_of_ns)
    )
    return Abstention.model_validate(answer) if "reason" in answer else Mood.model_validate(answer)


async def forecast(cycle: Cycle, ports: Ports) -> Cycle:
    """Asks every forecaster and outside signal about each symbol. Adds outlooks weighted by skill, and abstentions."""
    answers = await asyncio.gather(*(_look_ahead(cycle, ports, symbol) for symbol in cycle.symbols))
    view = ForecastView(
        outlooks=tuple(a for a in answers if isinstance(a, Outlook)),
        abstentions=tuple(a for a in answers if isinstance(a, Abstention)),
    )
    return replace(cycle, forecast=view)


async def _look_ahead(cycle: Cycle, ports: Ports, symbol: str) -> Outlook | Abstention:
    request = {
        "forecasters": [f.name for f in ports.forecasters],
        "bars": cycle.seen.markets[symbol].bars_digest,
        "settings": plain(ports.models),
    }
    answer = await ports.effects.perform(
        "forecast",
        symbol,
        request,
        lambda: look_ahead(
            ports.market, symbol, ports.timeframe, ports.forecasters, ports.models, as_of_ns=cycle.as_of_ns
        ),
    )
    return Abstention.model_validate(answer) if "reason" in answer else Outlook.model_validate(answer)


async def plan(cycle: Cycle, ports: Ports) -> Cycle:
    """Turns views, positions and limits into orders, or reasons for none. Adds a plan; a revision adds another."""
    denied = cycle.savable
    prompt = ports.prompts.render(
        "plan",
        account=cycle.seen.account.model_dump_json(),
        views="\n".join(v.model_dump_json() for v in (cycle.research, cycle.sentiment, cycle.forecast) if v),
        denials="\n".join(f"{a.index}: {[v.code for v in a.receipt.review.denials]}" for a in denied) or "none",
    )
    brief = Brief(Role.PLAN, "plan", prompt, {"cycle": cycle, "denied": denied})
    answer = await ports.reasoner.structured(brief, Plan, _toolbox(cycle, ports))
    if isinstance(answer, Abstain):
        answer = Plan(revision=len(cycle.plans), abstained=answer.reason, orders=(), judgements=())
    return cycle.adding_plan(answer)


async def propose(cycle: Cycle, ports: Ports) -> Cycle:
    """Puts each order of the newest plan before the gate, in the plan's order. Adds the gate's first answers."""
    newest = cycle.plans[-1]
    wanted = newest.orders if newest.revision == 0 else revised(newest.orders, cycle.savable)
    for order in wanted:
        proposal = orders.shape(
            order,
            cycle.seen.markets[order.symbol].instrument if order.symbol in cycle.seen.markets else None,
            proposal_id=identity.cycle_proposal_id(cycle.cycle_id, order.index, newest.revision),
            account_id=cycle.account_id,
            owner="desk",
            source=f"cycle:{cycle.cycle_id}",
            decided_ns=cycle.as_of_ns,
            views_until_ns=cycle.as_of_ns + _horizon_ns(ports),
            expectation=_expectation(cycle, ports, order.symbol),
        )
        receipt = await orders.propose(ports.orders, proposal)
        cycle = cycle.adding_answers(Answered(order.index, newest.revision, proposal, receipt))
    return cycle


def _horizon_ns(ports: Ports) -> int:
    return ports.models.horizon_bars * ports.timeframe.ns


def _expectation(cycle: Cycle, ports: Ports, symbol: str) -> Expectation | None:
    """Where the forecasters with a vote see the price; nothing where none has one."""
    outlooks = cycle.forecast.outlooks if cycle.forecast else ()
    outlook = next((o for o in outlooks if o.symbol == symbol), None)
    last = cycle.seen.markets[symbol].last if symbol in cycle.seen.markets else None
    expected = None if outlook is None else outlook.expected_return
    if last is None or expected is None:
        return None
    # A small log return is a return; a large one is understated downward, and judged by its size all the same.
    return Expectation(Price(last * (1 + expected)), _horizon_ns(ports) // SECOND_NS)


def revised(wanted: tuple[PlannedOrder, ...], denied: tuple[Answered, ...]) -> tuple[PlannedOrder, ...]:
    """Of a revision, what may be put forward: each denied index at most once, same trade, and never more of it."""
    allowed = {a.index: a.proposal for a in denied}
    kept: dict[int, PlannedOrder] = {}
    for order in wanted:
        before = allowed.get(order.index)
        if before is None or order.index in kept:
            continue
        same = (order.symbol, order.side, order.reduce_only) == (
            before.order.symbol,
            before.order.side,
            before.order.reduce_only,
        )
        if same and order.quantity <= before.order.quantity:
            # Taint never falls: a revision is at least as doubtful as what it replaces.
            kept[order.index] = order.model_copy(update={"taint": join([order.taint, before.taint])})
    return tuple(kept.values())


async def record(cycle: Cycle, ports: Ports) -> Cycle:
    """Closes the cycle with its DecisionRecord. It never waits for a person or a fill."""
    body = decision_body(cycle, ports)
    return replace(cycle, record_hash=ports.records.close(cycle, body))


async def run(cycle: Cycle, ports: Ports) -> Cycle:
    """All stages in sequence, without a graph: for replays and sweeps."""
    for stage in (observe, research, sentiment, forecast, plan, propose):
        cycle = await stage(cycle, ports)
    if cycle.needs_revision:
        cycle = await propose(await plan(cycle, ports), ports)
    return await record(cycle, ports)


def _toolbox(cycle: Cycle, ports: Ports) -> Toolbox:
    account = cycle.seen.account
    view = AccountView(
        equity=account.equity,
        start_equity=account.start_equity,
        cash=account.cash,
        numeraire=account.numeraire,
        positions=account.positions,
        limits=account.limits,
        track_record=account.track_record,
    )
    return bind(ToolContext(ports.market, cycle.as_of_ns, ports.timeframe, view, ports.effects))
