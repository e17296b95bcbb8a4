"""Orders, accounts and markets in the trade's own words, and a review of one order over them.

An account of 10 000 USDT, BTC/USDT at 50 000 with no spread in a calm market, nothing held and nothing open: a buy of
0.01 with a thesis, a stop and evidence passes every rule. Each keyword changes one thing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any

from core.instruments import ContractKind, Instrument
from core.money import ONE, Price, Quantity
from core.orders import Expectation, Order, OrderState, OrderType, Position, Side
from core.quotes import Level, Quote
from core.taint import Taint
from core.time import HOUR_NS, SECOND_NS, parse_time
from core.verdicts import Outcome, Review, Verdict
from risk.facts import Activity, Conditions, Facts, Intent, OpenOrder, RecentOrder
from risk.review import review
from risk.rules import RULES
from risk.rules.base import Rule
from risk.settings import RiskSettings
from risk.states import Standing, TradingState

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
ETH = replace(
    BTC,
    symbol="ETH/USDT",
    base="ETH",
    lot_size=Decimal("0.0001"),
    min_quantity=Decimal("0.001"),
)
USDC = replace(
    BTC,
    symbol="USDC/USDT",
    base="USDC",
    tick_size=Decimal("0.0001"),
    lot_size=Decimal("0.1"),
    min_quantity=Decimal("1"),
)
PERP = replace(BTC, symbol="BTC/USDT:USDT", kind=ContractKind.PERPETUAL)
LISTED = (BTC, ETH, USDC, PERP)

STATES = tuple(TradingState)
AS_USUAL = object()  # a stop a tenth away on the losing side, a mean price that is the last one


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


def held(
    quantity: str, *, at: str = "50000", symbol: str = "BTC/USDT", side: Side = Side.BUY, margin: str | None = None
) -> Position:
    """A spot position, or a perpetual one that `margin` carries."""
    position = Position("paper", symbol, side, Quantity(Decimal(quantity)), _money(at))
    return position if margin is None else replace(position, kind=ContractKind.PERPETUAL, margin=Decimal(margin))


def resting(
    side: Side,
    remaining: str,
    *,
    at: str,
    trigger: str | None = None,
    symbol: str = "BTC/USDT",
    state: OrderState = OrderState.OPEN,
    reduce_only: bool = False,
    protective: bool = False,
    owner: str = "trend",
    proposal_id: str = "resting",
) -> OpenOrder:
    """One of our live orders: a limit order `at` its price, or a stop with a `trigger` that trades `at` worst."""
    return OpenOrder(
        proposal_id,
        owner,
        symbol,
        side,
        Decimal(remaining),
        Decimal(at),
        reduce_only,
        state,
        protective,
        None if trigger is not None else Decimal(at),
        _price(trigger),
    )


def placed(
    side: Side, quantity: str, *, ago_s: int, symbol: str = "BTC/USDT", proposal_id: str = "other"
) -> RecentOrder:
    return RecentOrder(proposal_id, symbol, side, Decimal(quantity), NOW - ago_s * SECOND_NS)


def depth(*levels: tuple[str, str]) -> tuple[Level, ...]:
    """One side of a book, best first: prices with what rests there."""
    return tuple(Level(_money(price), Quantity(Decimal(quantity))) for price, quantity in levels)


def expects(price: str, *, within_s: int = 3600) -> Expectation:
    return Expectation(_money(price), within_s)


def facts_of(
    wanted: Order,
    *,
    mid: str | None = "50000",
    quote: Quote | None = None,
    equity: str | None = "10000",
    cash: str | None = None,
    coins: str | None = None,
    reserved: Mapping[str, str] | None = None,
    positions: Sequence[Position] = (),
    orders: Sequence[OpenOrder] = (),
    recent: Sequence[RecentOrder] = (),
    quotes: Sequence[Quote] = (),
    instruments: Sequence[Instrument] | Mapping[str, Instrument] = LISTED,
    stop: Any = AS_USUAL,
    window_price: Any = AS_USUAL,
    portfolio_shortfall: str | None = "0",
    peg_prices: Mapping[str, str | None] | None = None,
    venue_status: int = 0,
    account_restricted: bool = False,
    loop_lag_s: str | None = "0",
    reused_id: bool = False,
    **more: Any,
) -> Facts:
    """What one review reads. `cash` defaults to the equity, `coins` (of BTC) to what is held.

    `more` are fields of the order's Conditions, its Intent or the account's Activity; numbers may be given as text.
    """
    seen = quote or (None if mid is None else quoted(mid, symbol=wanted.symbol))
    if stop is AS_USUAL:
        stop = "45000" if wanted.side is Side.BUY else "55000"
    if window_price is AS_USUAL:
        window_price = seen.last if seen else "50000"
    coins = coins or str(sum((p.quantity for p in positions if p.symbol == "BTC/USDT"), Decimal(0)))
    market = {**_CALM, **_depths(more), **_those(Conditions, more), "window_price": window_price}
    return Facts(
        account_id="paper",
        numeraire="USDT",
        now_ns=NOW,
        equity=_exact(equity),
        balances={"USDT": Decimal(cash or equity or "10000"), "BTC": Decimal(coins)},
        reserved=_exact(reserved or {}),
        positions=tuple(positions),
        orders=tuple(orders),
        recent=tuple(recent),
        quotes={q.symbol: q for q in [*quotes, *([seen] if seen else [])]},
        instruments=instruments if isinstance(instruments, Mapping) else {i.symbol: i for i in instruments},
        intent=Intent(**{**_REASONED, **_those(Intent, more), "stop_price": _price(stop)}),
        conditions={wanted.symbol: Conditions(**{name: _exact(value) for name, value in market.items()})},
        activity=Activity(**_those(Activity, more)),
        pegs=_exact(peg_prices or {}),
        portfolio_shortfall=_exact(portfolio_shortfall),
        venue_status=venue_status,
        restricted=account_restricted,
        loop_lag_s=_exact(loop_lag_s),
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

    def of(self, code: str) -> Verdict:
        return next(v for v in self.review.verdicts if v.code == code)

    def denied_by(self, code: str) -> bool:
        return self.of(code).outcome is Outcome.DENIED


def policy_of(**limits: Any) -> RiskSettings:
    """A policy with some limits tightened; numbers may be given as text."""
    return RiskSettings.model_validate(limits)


def facts_and_policy(wanted: Order, **known: Any) -> tuple[Facts, RiskSettings]:
    """The facts and the policy that these keywords say. What `facts_of` does not know is a limit of the policy."""
    facts = {name: value for name, value in known.items() if name in _FACTS}
    return facts_of(wanted, **facts), policy_of(**{k: v for k, v in known.items() if k not in _FACTS})


def review_of(wanted: Order, **known: Any) -> Judged:
    """Reviews an order, in a `state` and at a fraction of the `caps`."""
    state, caps = known.pop("state", TradingState.ACTIVE), Decimal(known.pop("caps", ONE))
    facts, policy = facts_and_policy(wanted, **known)
    return judged(wanted, facts, state=state, caps=caps, policy=policy)


def judged(
    wanted: Order,
    facts: Facts,
    *,
    state: TradingState = TradingState.ACTIVE,
    caps: Decimal = ONE,
    policy: RiskSettings | None = None,
    rules: Sequence[Rule] = RULES,
) -> Judged:
    return Judged(review(wanted, facts, Standing(state, caps), policy or RiskSettings(), rules))


def largest_of(code: str, wanted: Order, **known: Any) -> Quantity | None:
    """The largest quantity that one rule would pass."""
    return review_of(wanted, **known).of(code).largest


# A market that moves as it always does, and a proposal that says why, on what grounds and until when.
_CALM = {
    "bar_volume": "1000",
    "volatility": "0.005",
    "usual_volatility": "0.005",
    "jump": "0.001",
    "shortfall": "0.05",
}
_REASONED = {
    "taint": Taint.TRUSTED,
    "thesis": True,
    "predicates": 1,
    "evidence": 2,
    "views_until_ns": NOW + HOUR_NS,
}
_READINGS = {field.name for kind in (Conditions, Intent, Activity) for field in fields(kind)}
_FACTS = frozenset({*(facts_of.__kwdefaults__ or {}), *_READINGS})


def _those(kind: type, named: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of one kind of reading among those named; a name that is nobody's is a mistake of the test."""
    if unknown := named.keys() - _READINGS:
        raise TypeError(f"no reading is called {sorted(unknown)}")
    return {field.name: _exact(named[field.name]) for field in fields(kind) if field.name in named}


def _depths(named: Mapping[str, Any]) -> dict[str, Any]:
    """What rests on each side of a given book in all."""
    sides = {"bid_depth": named.get("bids"), "ask_depth": named.get("asks")}
    return {name: sum((level.quantity for level in side), Decimal(0)) for name, side in sides.items() if side}


def _exact(value: Any) -> Any:
    """Text as a number, alone or in a mapping; everything else as it is."""
    if isinstance(value, Mapping):
        return {key: _exact(number) for key, number in value.items()}
    return Decimal(value) if isinstance(value, str) else value


def _money(text: str) -> Price:
    return Price(Decimal(text))


def _price(text: str | None) -> Price | None:
    return None if text is None else _money(text)
