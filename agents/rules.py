"""The keyless reasoner: an analyst of fixed rules over the same tools and typed answers as a language model.

It uses only + - x / and comparisons on the tools' decimal answers, so that a replay gives the same words on any
machine. Mirrored prices mirror its stance: every feature it reads changes sign when the market is turned upside down.
"""

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar, cast

from pydantic import BaseModel

from agents.cycle import Answered, Cycle
from agents.ports import Brief, Role
from agents.views import Claim, Figure, Judgement, Mood, Opinion, Outlook, Plan, PlannedOrder
from core.exits import Chandelier, ExitPlan
from core.money import ONE, ZERO, nearest_tick, round_quantity
from core.orders import OrderType, Position, Side
from core.ports import Abstain
from core.taint import Taint, join
from risk.states import TradingState
from tools.toolbox import Toolbox

A = TypeVar("A", bound=BaseModel)

# Votes inside research, and of the three views in a plan. An abstention leaves both sums.
TREND, MOMENTUM, CHANNEL, STRENGTH = Decimal("0.4"), Decimal("0.3"), Decimal("0.2"), Decimal("0.1")
RESEARCH, FORECAST, SENTIMENT = Decimal("0.6"), Decimal("0.25"), Decimal("0.15")
# A trend of half a random walk's usual distance, a momentum of two of them, are as much as one can see.
FULL_SKILL = Decimal(
    "0.10"
)  # of the best forecaster: less has a smaller vote, so that a hair's breadth decides nothing
FULL_TREND, FULL_MOMENTUM = Decimal("0.5"), Decimal("2")
DIRECTIONLESS: Final = Decimal(20)  # of the ADX
ENTER: Final = Decimal("0.45")
LEAVE: Final = Decimal("-0.10")
STOP_RANGES, TARGET_RANGES = Decimal(4), Decimal(8)  # average ranges from the price
# The stop follows at twice the distance that it began with: it keeps what was won, and leaves the rest to the stance.
# A trade that has shown nothing in three days was a wrong guess.
EXITS: Final = ExitPlan(chandelier=Chandelier(bars=48, multiple=2 * STOP_RANGES))
UNPROVEN: Final = "age_h >= 72 and gain < 1%"


class RulesReasoner:
    """Answers every role from rules; says so in each record by its name."""

    name = "rules/2"
    traces = True
    taught = None

    async def structured(self, brief: Brief, answer: type[A], toolbox: Toolbox) -> A | Abstain:
        roles: Mapping[Role, Callable[[Brief, Toolbox], Awaitable[BaseModel | Abstain]]] = {
            Role.RESEARCH: _research,
            Role.PLAN: _plan,
        }
        return cast("A | Abstain", await roles[brief.role](brief, toolbox))


async def _research(brief: Brief, toolbox: Toolbox) -> Opinion | Abstain:
    symbol = brief.facts["symbol"]
    market = await toolbox.call("research", symbol, "market_snapshot", {"symbol": symbol})
    trend = await toolbox.call("research", symbol, "trend_view", {"symbol": symbol})
    for answer in (market, trend):
        if "unavailable" in answer:
            return Abstain(answer["unavailable"])
    features = {name: Decimal(trend[name]) for name in ("trend", "momentum", "channel_position", "log_rsi")}
    stance = (
        TREND * _clamp(features["trend"] / FULL_TREND)
        + MOMENTUM * _clamp(features["momentum"] / FULL_MOMENTUM)
        + CHANNEL * _clamp(features["channel_position"])
        + STRENGTH * _clamp(features["log_rsi"])
    )
    claims = (
        _claim(f"trend {features['trend']:.2f} of a random walk's distance", trend, "trend"),
        _claim(f"momentum {features['momentum']:.2f} over 24 bars", trend, "momentum"),
        _claim(f"at {features['channel_position']:.2f} of the 48-bar channel", trend, "channel_position"),
        _claim(f"last price {market['last']}", market, "last"),
    )
    agreeing = sum(1 for feature in features.values() if feature * stance > 0)
    return Opinion(
        symbol=symbol,
        stance=_signal(stance),
        claims=claims,
        conviction=Decimal(agreeing) / len(features),
        risks=("the market has no direction",) if Decimal(trend["adx"]) < DIRECTIONLESS else (),
        change_my_mind=(f"trend {'below' if stance > 0 else 'above'} 0",) if stance else (),
    )


def _claim(text: str, answer: Mapping[str, Any], field: str) -> Claim:
    figure = Figure(field=field, value=Decimal(answer[field]))
    return Claim(text=text, evidence=(answer["evidence"],), figures=(figure,))


async def _plan(brief: Brief, toolbox: Toolbox) -> Plan:
    cycle: Cycle = brief.facts["cycle"]
    denied: tuple[Answered, ...] = brief.facts["denied"]
    if cycle.plans:
        return _second_try(cycle, denied)
    wanted: list[PlannedOrder] = []
    judgements: list[Judgement] = []
    for symbol in cycle.symbols:
        order, judgement = await _Desk(cycle, symbol, toolbox, len(wanted)).decide()
        judgements.append(judgement)
        if order is not None:
            wanted.append(order)
    return Plan(orders=tuple(wanted), judgements=tuple(judgements))


def _second_try(cycle: Cycle, denied: tuple[Answered, ...]) -> Plan:
    """Asks again for as much as would have passed, where that is still worth trading."""
    orders: list[PlannedOrder] = []
    first = {order.index: order for order in cycle.plans[0].orders}
    for answered in denied:
        order, seen = first[answered.index], cycle.seen.markets[answered.proposal.order.symbol]
        quantity = min(order.quantity, answered.receipt.review.largest_allowed)
        if seen.instrument is None or seen.last is None:
            continue
        quantity = round_quantity(quantity, seen.instrument.lot_size)
        if quantity >= seen.instrument.min_quantity and quantity * seen.last >= seen.instrument.min_notional:
            orders.append(order.model_copy(update={"quantity": quantity}))
    return Plan(revision=1, orders=tuple(orders), judgements=())


class _Desk:
    """One symbol's decision."""

    def __init__(self, cycle: Cycle, symbol: str, toolbox: Toolbox, index: int) -> None:
        self._cycle = cycle
        self._symbol = symbol
        self._toolbox = toolbox
        self._index = index
        self._seen = cycle.seen.markets[symbol]
        self._held = cycle.seen.position(symbol)
        self._opinion = _of(symbol, cycle.research.opinions if cycle.research else ())
        self._outlook = _of(symbol, cycle.forecast.outlooks if cycle.forecast else ())
        self._mood = _of(symbol, cycle.sentiment.moods if cycle.sentiment else ())

    async def decide(self) -> tuple[PlannedOrder | None, Judgement]:
        if self._opinion is None:
            return None, self._judge(None, "research abstained, so there is nothing to weigh")
        stance = combine(self._opinion, self._outlook, self._mood)
        if self._held is not None:
            if stance <= LEAVE:
                return await self._leave(self._held, stance), self._judge(stance, "the thesis has turned: close")
            return None, self._judge(stance, f"keep: the stance is above {LEAVE}")
        reason = self._why_not_enter(stance)
        if reason is not None:
            return None, self._judge(stance, reason)
        return await self._enter(stance)

    def _why_not_enter(self, stance: Decimal) -> str | None:
        if stance <= -ENTER:
            return "it should fall, and spot cannot be sold short"
        if stance < ENTER:
            return f"no edge: the stance is inside +/-{ENTER}"
        if self._seen.unfit is not None:
            return f"unfit for entry: {self._seen.unfit}"
        if self._cycle.seen.account.state != TradingState.ACTIVE.value:
            return f"the desk is {self._cycle.seen.account.state}: no new risk"
        return None

    async def _enter(self, stance: Decimal) -> tuple[PlannedOrder | None, Judgement]:
        trend = await self._ask("trend_view")
        last, instrument = self._seen.last, self._seen.instrument
        if "unavailable" in trend or last is None or instrument is None:
            return None, self._judge(stance, "the range cannot be measured, so no stop can be set")
        reach = Decimal(trend["log_atr"])
        stop = nearest_tick(last * (ONE - STOP_RANGES * reach), instrument.tick_size)
        target = nearest_tick(last * (ONE + TARGET_RANGES * reach), instrument.tick_size)
        size = await self._ask("position_size", side="buy", stop_price=str(stop))
        if "unavailable" in size:
            return None, self._judge(stance, f"no size: {size['unavailable']}")
        quantity = Decimal(size["quantity"])
        if quantity <= 0:
            return None, self._judge(stance, f"no size: {size['reason']}")
        order = PlannedOrder(
            index=self._index,
            symbol=self._symbol,
            side=Side.BUY,
            type=OrderType.MARKET,
            quantity=quantity,
            stop_price=stop,
            target_price=target,
            thesis=f"{self._symbol} rises: stance {stance:.2f}, sized by {size['binding']}",
            invalidation=(UNPROVEN,),
            evidence=self._evidence(trend["evidence"], size["evidence"]),
            taint=self._taint(),
            exits=EXITS,
        )
        return order, self._judge(stance, f"enter: the stance reaches {ENTER}")

    async def _leave(self, held: Position, stance: Decimal) -> PlannedOrder:
        portfolio = await self._ask_portfolio()
        return PlannedOrder(
            index=self._index,
            symbol=self._symbol,
            side=held.side.opposite,
            type=OrderType.MARKET,
            quantity=held.quantity,
            reduce_only=True,
            thesis=f"{self._symbol} no longer rises: stance {stance:.2f}",
            evidence=self._evidence(portfolio["evidence"]),
            taint=self._taint(),
        )

    async def _ask(self, tool: str, **arguments: str) -> dict[str, Any]:
        return await self._toolbox.call("plan", self._symbol, tool, {"symbol": self._symbol, **arguments})

    async def _ask_portfolio(self) -> dict[str, Any]:
        return await self._toolbox.call("plan", self._symbol, "portfolio_view", {})

    def _evidence(self, *more: str) -> tuple[str, ...]:
        said = [e for claim in self._opinion.claims for e in claim.evidence] if self._opinion else []
        if self._outlook is not None and self._outlook.p_up is not None:
            said += self._outlook.evidence
        if self._mood is not None:
            said += self._mood.evidence
        return tuple(dict.fromkeys([*said, *more]))

    def _taint(self) -> Taint:
        claims = self._opinion.claims if self._opinion else ()
        voted = [self._outlook] if self._outlook is not None and self._outlook.p_up is not None else []
        return join([*(c.taint for c in claims), *(view.taint for view in (self._mood, *voted) if view is not None)])

    def _judge(self, stance: Decimal | None, reason: str) -> Judgement:
        return Judgement(symbol=self._symbol, stance=stance, reason=reason)


def combine(opinion: Opinion, outlook: Outlook | None, mood: Mood | None) -> Decimal:
    """The views' weighted mean. Who abstained, or has no vote, is in neither sum."""
    votes = [(RESEARCH, opinion.stance)]
    if outlook is not None and outlook.p_up is not None:
        skill = max((line.weight for line in outlook.lines), default=ZERO)
        votes.append((FORECAST * _clamp(skill / FULL_SKILL), _clamp((outlook.p_up - Decimal("0.5")) * 4)))
    if mood is not None:
        votes.append((SENTIMENT, mood.score))
    return _signal(sum((weight * vote for weight, vote in votes), ZERO) / sum((weight for weight, _ in votes), ZERO))


def _signal(value: Decimal) -> Decimal:
    """A signal to six decimals: half-even rounding, so that the mirror image rounds to the mirror image."""
    return _clamp(value).quantize(Decimal("0.000001"))


def _clamp(value: Decimal) -> Decimal:
    return max(-ONE, min(ONE, value))


_V = TypeVar("_V", Opinion, Outlook, Mood)


def _of(symbol: str, views: tuple[_V, ...]) -> _V | None:
    return next((v for v in views if v.symbol == symbol), None)
