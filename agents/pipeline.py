"""The stages of a cycle: plain functions from a cycle to a cycle with one thing more.

    observe, then research, sentiment and forecast side by side, then plan, propose, and record

A denial that a smaller size could save goes back to the planner once. Nothing here catches errors: the graph's
interrupt is one. Everything from outside goes through `ports.effects`, so the same functions live and replay.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from agents.briefing import account_table, denials_table, market_table, orders_table, views_table
from agents.claims import checked
from agents.cycle import Answered, Cycle
from agents.events import told_events
from agents.forecasting import ask_forecasters, look_back
from agents.listening import score_texts
from agents.masked import shown_cycle, shown_denied, shown_observation, shown_orders, shown_position
from agents.masking import OPEN, Mask
from agents.observing import HISTORY_BARS, read_symbol
from agents.planning import reviewed, sized
from agents.ports import Brief, Ports, Role
from agents.record import decision_body
from agents.tainting import tainted
from agents.views import (
    Abstention,
    AccountState,
    EventSeen,
    ForecastView,
    Mood,
    Observation,
    Opinion,
    Outlook,
    Plan,
    PlannedOrder,
    ResearchView,
    Rulings,
    SentimentView,
    Snapshot,
)
from core import identity
from core.canonical import JSON, plain
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
            masked=ports.thinking.masked,
        ),
    )
    return Observation.model_validate(answer)


async def research(cycle: Cycle, ports: Ports) -> Cycle:
    """Reads the snapshot and asks the reasoner about each symbol, with tools. Adds opinions and abstentions."""
    if "research" in ports.left_out:
        return replace(cycle, research=ResearchView(opinions=(), abstentions=_silence(cycle)))
    answers = await asyncio.gather(*(_research_symbol(cycle, ports, symbol) for symbol in cycle.symbols))
    view = ResearchView(
        opinions=tuple(a for a in answers if isinstance(a, Opinion)),
        abstentions=tuple(a for a in answers if isinstance(a, Abstention)),
    )
    return replace(cycle, research=view)


async def _research_symbol(cycle: Cycle, ports: Ports, symbol: str) -> Opinion | Abstention:
    seen, held = cycle.seen.markets[symbol], cycle.seen.position(symbol)
    mask, equity = _mask(cycle, ports), cycle.seen.account.equity
    looks = shown_observation(mask, seen), shown_position(mask, held)
    shown = market_table(*looks, equity, amounts=ports.thinking.amounts)
    prompt = ports.prompts.render("research", timeframe=ports.timeframe.value, **shown)
    brief = _brief(ports, mask, Role.RESEARCH, symbol, prompt, {"symbol": symbol, "observation": seen})
    toolbox = _toolbox(cycle, ports)
    answer = await ports.reasoner.structured(brief, Opinion, toolbox)
    if isinstance(answer, Opinion):
        answer = checked(answer, toolbox, traced=ports.reasoner.traces)
    # A half-parsed opinion is worse than none: an abstention is a view too, and counts nowhere.
    return Abstention(symbol=symbol, reason=answer.reason) if isinstance(answer, Abstain) else answer


async def sentiment(cycle: Cycle, ports: Ports) -> Cycle:
    """Reads the snapshot's texts. Adds a decayed score per symbol, or an abstention, and the events that they tell."""
    if "sentiment" in ports.left_out:
        return replace(cycle, sentiment=SentimentView(moods=(), abstentions=_silence(cycle), events=()))
    answers = await asyncio.gather(*(_listen(cycle, ports, symbol) for symbol in cycle.symbols))
    events = await asyncio.gather(*(_hear(cycle, ports, symbol) for symbol in cycle.symbols))
    view = SentimentView(
        moods=tuple(a for a in answers if isinstance(a, Mood)),
        abstentions=tuple(a for a in answers if isinstance(a, Abstention)),
        events=tuple(event for some in events for event in some),
    )
    return replace(cycle, sentiment=view)


async def _listen(cycle: Cycle, ports: Ports, symbol: str) -> Mood | Abstention:
    texts = cycle.seen.markets[symbol].texts
    # Who speaks is part of the answer: a replay elsewhere need not have the same classifier.
    request = {"texts": [t.item_id for t in texts], "settings": plain(ports.models)}
    score = partial(score_texts, symbol, texts, ports.scorer, ports.models, cycle.as_of_ns)
    answer = await ports.effects.perform("sentiment", symbol, request, lambda: ports.apart(score))
    return Abstention.model_validate(answer) if "reason" in answer else Mood.model_validate(answer)


async def _hear(cycle: Cycle, ports: Ports, symbol: str) -> tuple[EventSeen, ...]:
    texts = cycle.seen.markets[symbol].texts
    if not texts:
        return ()
    latency_s = ports.models.reading_latency_s
    known = {"as_of_ns": cycle.as_of_ns, "latency_s": latency_s}
    answer = await ports.effects.perform(
        "events",
        symbol,
        {"texts": [t.item_id for t in texts], **known},
        lambda: told_events(ports.market, symbol, texts, **known),
    )
    return tuple(EventSeen.model_validate(event) for event in answer["events"])


async def forecast(cycle: Cycle, ports: Ports) -> Cycle:
    """Asks every forecaster and outside signal about each symbol. Adds outlooks weighted by skill, and abstentions."""
    if "forecast" in ports.left_out:
        return replace(cycle, forecast=ForecastView(outlooks=(), abstentions=_silence(cycle)))
    answers = await asyncio.gather(*(_look_ahead(cycle, ports, symbol) for symbol in cycle.symbols))
    view = ForecastView(
        outlooks=tuple(a for a in answers if isinstance(a, Outlook)),
        abstentions=tuple(a for a in answers if isinstance(a, Abstention)),
    )
    return replace(cycle, forecast=view)


async def _look_ahead(cycle: Cycle, ports: Ports, symbol: str) -> Outlook | Abstention:
    # Who speaks is part of the answer: a replay elsewhere need not have the same models.
    request = {"bars": cycle.seen.markets[symbol].bars_digest, "settings": plain(ports.models)}

    answer = await ports.effects.perform("forecast", symbol, request, lambda: _judge(cycle, ports, symbol))
    return Abstention.model_validate(answer) if "reason" in answer else Outlook.model_validate(answer)


def _judge(cycle: Cycle, ports: Ports, symbol: str) -> Awaitable[JSON]:
    """What every forecaster says of a symbol, with its record."""
    # Read here: a market belongs to the event loop.
    bars, signals = look_back(ports.market, symbol, ports.timeframe, ports.models, as_of_ns=cycle.as_of_ns)
    who = ports.forecasters, ports.models, ports.shadows
    return ports.apart(partial(ask_forecasters, symbol, bars, signals, *who))


def _silence(cycle: Cycle) -> tuple[Abstention, ...]:
    return tuple(Abstention(symbol=symbol, reason="left out of this rehearsal") for symbol in cycle.symbols)


async def plan(cycle: Cycle, ports: Ports) -> Cycle:
    """Turns views, positions and limits into orders, or reasons for none. Adds a plan; a revision adds another."""
    denied, mask = cycle.savable, _mask(cycle, ports)
    shown = shown_cycle(mask, cycle)
    prompt = ports.prompts.render(
        "plan",
        timeframe=ports.timeframe.value,
        account=account_table(shown, amounts=ports.thinking.amounts),
        views=views_table(shown),
        denials=denials_table(shown_denied(mask, denied)),
    )
    brief = _brief(ports, mask, Role.PLAN, "plan", prompt, {"cycle": cycle, "denied": denied})
    toolbox = _toolbox(cycle, ports)
    answer = await ports.reasoner.structured(brief, Plan, toolbox)
    if isinstance(answer, Abstain):
        answer = Plan(revision=len(cycle.plans), abstained=answer.reason, orders=(), judgements=())
    answer = tainted(answer, cycle, toolbox.taints, traced=ports.reasoner.traces)
    if not cycle.plans:
        # A revision only makes smaller what was sized and reviewed before.
        answer = await _review(sized(answer, cycle, toolbox), cycle, ports)
    return cycle.adding_plan(answer)


async def _review(wanted: Plan, cycle: Cycle, ports: Ports) -> Plan:
    """The plan as a second model leaves it, where the settings ask for one."""
    if not ports.thinking.review or not wanted.orders:
        return wanted
    mask = _mask(cycle, ports)
    tables = {"views": views_table(shown_cycle(mask, cycle)), "orders": orders_table(shown_orders(mask, wanted.orders))}
    prompt = ports.prompts.render("review", **tables)
    brief = _brief(ports, mask, Role.REVIEW, "review", prompt, {"cycle": cycle, "plan": wanted})
    return reviewed(wanted, cycle, await ports.reasoner.structured(brief, Rulings, _toolbox(cycle, ports)))


def _brief(ports: Ports, mask: Mask, role: Role, lane: str, prompt: str, facts: Mapping[str, Any]) -> Brief:
    system = ports.prompts.system("desk", role.value)
    return Brief(role, lane, prompt, facts, system, ports.effects, ports.bill, mask)


def _mask(cycle: Cycle, ports: Ports) -> Mask:
    return Mask.of(cycle) if ports.thinking.masked else OPEN


async def propose(cycle: Cycle, ports: Ports) -> Cycle:
    """Puts each order of the newest plan before the gate, in the plan's order. Adds the gate's first answers."""
    newest = cycle.plans[-1]
    wanted = newest.orders if newest.revision == 0 else revised(newest.orders, cycle.savable)
    for order in wanted:
        seen = cycle.seen.markets.get(order.symbol)
        proposal = orders.shape(
            order,
            None if seen is None else seen.instrument,
            proposal_id=identity.cycle_proposal_id(cycle.cycle_id, order.index, newest.revision),
            account_id=cycle.account_id,
            owner="desk",
            source=f"cycle:{cycle.cycle_id}",
            decided_ns=cycle.as_of_ns,
            views_until_ns=cycle.as_of_ns + _horizon_ns(ports),
            expectation=_expectation(cycle, ports, order.symbol),
            work=ports.work,
            last=None if seen is None else seen.last,
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
    context = ToolContext(ports.market, cycle.as_of_ns, ports.timeframe, view, ports.effects)
    judge, memory = partial(_judge, cycle, ports), ports.memory
    return bind(context, memory=memory, judge=judge, documents=ports.documents, trials=ports.trials)
