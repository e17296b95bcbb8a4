"""Orders and accounts in the trade's own words, and a review of one over the other.

An account of 10 000 USDT, BTC/USDT at 50 000 with no spread, nothing held and nothing open: a buy of 0.01 passes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from core.instruments import Instrument
from core.money import Price, Quantity
from core.orders import Order, OrderState, OrderType, Position, Side
from core.quotes import Quote
from core.taint import Taint
from core.time import HOUR_NS, SECOND_NS, parse_time
from core.verdicts import Outcome, Review, Verdict
from risk.codes import DenialCode
from risk.facts import Facts, Intent, OpenOrder, RecentOrder
from risk.review import review
from risk.rules import RULES
from risk.rules.base import Rule
from risk.settings import RiskSettings
from risk.states import TradingState

NOW = parse_time("2021-05-19T13:00Z")
BTC = Instrument(
    symbol="BTC/USDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.00001"),
    min_quantity=Decimal("0.0001"),
    min_notional=Decimal("10"),
)
ETH = Instrument(
    symbol="ETH/USDT",
    base="ETH",
    quote="USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.0001"),
    min_quantity=Decimal("0.001"),
    min_notional=Decimal("10"),
)

STATES = tuple(TradingState)
AS_USUAL = object()  # a stop a tenth away on the losing side


# Orders.


def order(
    side: Side, quantity: str | Decimal, *, at: str | None = None, trigger: str | None = None, **more: Any
) -> Order:
    """A market order, a limit order `at` a price, or a stop order with a `trigger`."""
    kind = OrderType.LIMIT if at is not None else OrderType.STOP if trigger is not None else OrderType.MARKET
    fields = {
        "proposal_id": "mine",
        "account_id": "paper",
        "owner": "trend",
        "symbol": "BTC/USDT",
        "side": side,
        "type": kind,
        "quantity": Quantity(Decimal(quantity)),
        "limit_price": _price(at),
        "trigger_price": _price(trigger),
    }
    return Order(**{**fields, **more})


def buy(quantity: str | Decimal, *, at: str | None = None, **more: Any) -> Order:
    return order(Side.BUY, quantity, at=at, **more)


def sell(quantity: str | Decimal, *, at: str | None = None, **more: Any) -> Order:
    return order(Side.SELL, quantity, at=at, **more)


# The account and its market.


def quoted(mid: str, *, bid: str | None = None, ask: str | None = None, symbol: str = "BTC/USDT", **more: Any) -> Quote:
    """A fresh quote; without `bid` and `ask` there is no spread."""
    fields = {"ts_event_ns": NOW, "known_at_ns": NOW, **more}
    return Quote(symbol, _money(mid), _money(bid or mid), _money(ask or mid), **fields)


def held(quantity: str, *, at: str = "50000", symbol: str = "BTC/USDT", side: Side = Side.BUY) -> Position:
    return Position("paper", symbol, side, Quantity(Decimal(quantity)), _money(at))


def resting(
    side: Side,
    remaining: str,
    *,
    at: str,
    symbol: str = "BTC/USDT",
    state: OrderState = OrderState.OPEN,
    reduce_only: bool = False,
    proposal_id: str = "resting",
) -> OpenOrder:
    """One of our live orders with its worst price."""
    return OpenOrder(proposal_id, "trend", symbol, side, Decimal(remaining), Decimal(at), reduce_only, state)


def placed(
    side: Side, quantity: str, *, ago_s: int, symbol: str = "BTC/USDT", proposal_id: str = "other"
) -> RecentOrder:
    return RecentOrder(proposal_id, symbol, side, Decimal(quantity), NOW - ago_s * SECOND_NS)


def facts_of(
    wanted: Order,
    *,
    mid: str | None = "50000",
    quote: Quote | None = None,
    equity: str | None = "10000",
    cash: str | None = None,
    coins: str | None = None,
    reserved: dict[str, str] | None = None,
    positions: Sequence[Position] = (),
    orders: Sequence[OpenOrder] = (),
    recent: Sequence[RecentOrder] = (),
    quotes: Sequence[Quote] = (),
    instruments: Sequence[Instrument] = (BTC, ETH),
    stop: Any = AS_USUAL,
    taint: Taint = Taint.TRUSTED,
    reused_id: bool = False,
) -> Facts:
    """What one review reads. `cash` defaults to the equity, `coins` (of BTC) to what is held."""
    seen = quote or (None if mid is None else quoted(mid))
    if stop is AS_USUAL:
        stop = "45000" if wanted.side is Side.BUY else "55000"
    coins = coins or str(sum((p.quantity for p in positions if p.symbol == "BTC/USDT"), Decimal(0)))
    return Facts(
        account_id="paper",
        numeraire="USDT",
        now_ns=NOW,
        equity=None if equity is None else Decimal(equity),
        balances={"USDT": Decimal(cash or equity or "10000"), "BTC": Decimal(coins)},
        reserved={currency: Decimal(amount) for currency, amount in (reserved or {}).items()},
        positions=tuple(positions),
        orders=tuple(orders),
        recent=tuple(recent),
        quotes={q.symbol: q for q in [*quotes, *([seen] if seen else [])]},
        instruments={i.symbol: i for i in instruments},
        intent=Intent(taint, _price(stop)),
        reused_id=reused_id,
    )


# The review.


@dataclass(frozen=True, slots=True)
class Judged:
    """A review as tests read it."""

    review: Review

    @property
    def allowed(self) -> bool:
        return self.review.allowed

    @property
    def denials(self) -> list[str]:
        return [v.code for v in self.review.denials]

    @property
    def reducing(self) -> bool:
        return self.review.reducing

    def of(self, code: DenialCode) -> Verdict:
        return next(v for v in self.review.verdicts if v.code == code)

    def denied_by(self, code: DenialCode) -> bool:
        return self.of(code).outcome is Outcome.DENIED


def policy_of(**limits: Any) -> RiskSettings:
    """A policy with some limits tightened; numbers may be given as text."""
    return RiskSettings.model_validate(limits)


def review_of(wanted: Order, *, state: TradingState = TradingState.ACTIVE, **given: Any) -> Judged:
    """Reviews an order. What `facts_of` does not know is a limit of the policy."""
    known = {name: value for name, value in given.items() if name in _FACTS}
    limits = {name: value for name, value in given.items() if name not in _FACTS}
    return judged(wanted, facts_of(wanted, **known), state=state, policy=policy_of(**limits))


def judged(
    wanted: Order,
    facts: Facts,
    *,
    state: TradingState = TradingState.ACTIVE,
    policy: RiskSettings | None = None,
    rules: Sequence[Rule] = RULES,
) -> Judged:
    return Judged(review(wanted, facts, state, policy or RiskSettings(), rules))


def hours_ago(hours: int) -> int:
    return NOW - hours * HOUR_NS


_FACTS = frozenset(facts_of.__kwdefaults__ or {})


def _money(text: str) -> Price:
    return Price(Decimal(text))


def _price(text: str | None) -> Price | None:
    return None if text is None else _money(text)
