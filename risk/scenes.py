"""A review in a few numbers, for the cases of a policy: what they do not name is as rich, calm and sound as usual.

The account holds 10 000 USDT, BTC/USDT trades at 50 000 without a spread, and an order has a thesis, evidence and a
stop a tenth away: a buy of 0.01 passes every rule.
"""

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from core.instruments import Instrument
from core.money import ZERO, Price, Quantity
from core.orders import Order, OrderType, Position, Side
from core.quotes import Quote
from core.taint import Taint
from core.time import HOUR_NS, SECOND_NS
from risk.codes import DenialCode
from risk.facts import Activity, Conditions, Facts, Intent

ACCOUNT: Final = "paper"
BTC: Final = Instrument(
    symbol="BTC/USDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.00001"),
    min_quantity=Decimal("0.0001"),
    min_notional=Decimal(10),
)
_CALM: Final[Mapping[str, Any]] = {
    "bar_volume": Decimal(1000),
    "volatility": Decimal("0.005"),
    "usual_volatility": Decimal("0.005"),
    "jump": Decimal("0.001"),
    "shortfall": Decimal("0.05"),
}
_SOUND: Final[Mapping[str, Any]] = {"taint": Taint.TRUSTED, "thesis": True, "predicates": 1, "evidence": 2}
Kind = TypeVar("Kind")


class Data(BaseModel):
    """What stands in a file of cases."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Wanted(Data):
    """An order, and the codes that must deny it: none for one that must pass. A limit order has `at`."""

    side: Side
    quantity: Decimal
    at: Decimal | None = None
    stop: Decimal | None = None
    reduce_only: bool = False
    denied: tuple[DenialCode, ...]


class Scene(Data):
    """The account and its market: `held` base units bought at `price`, quoted `age_s` seconds ago.

    `conditions`, `intent` and `activity` set fields of those facts by their names.
    """

    equity: Decimal = Field(Decimal(10_000), gt=0)
    price: Decimal = Field(Decimal(50_000), gt=0)
    spread_bps: Decimal = Field(ZERO, ge=0)
    held: Decimal = Field(ZERO, ge=0)
    age_s: int = Field(0, ge=0)
    conditions: dict[str, Any] = Field(default_factory=dict)
    intent: dict[str, Any] = Field(default_factory=dict)
    activity: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _can_be_built(self) -> "Scene":
        self._built(Conditions, {**_CALM, **self.conditions})
        self._built(Intent, {**_SOUND, "stop_price": None, **self.intent})
        self._built(Activity, self.activity)
        return self

    def order(self, wanted: Wanted) -> Order:
        return Order(
            proposal_id="case",
            account_id=ACCOUNT,
            owner="case",
            symbol=BTC.symbol,
            side=wanted.side,
            type=OrderType.MARKET if wanted.at is None else OrderType.LIMIT,
            quantity=Quantity(wanted.quantity),
            limit_price=None if wanted.at is None else Price(wanted.at),
            reduce_only=wanted.reduce_only,
        )

    def facts(self, wanted: Wanted, now_ns: int) -> Facts:
        """What the review of one order reads at this moment."""
        tenth = self.price * (10 - wanted.side.sign) / 10
        sound = {**_SOUND, "views_until_ns": now_ns + HOUR_NS, "stop_price": wanted.stop or tenth, **self.intent}
        position = Position(ACCOUNT, BTC.symbol, Side.BUY, Quantity(self.held), Price(self.price))
        return Facts(
            account_id=ACCOUNT,
            numeraire=BTC.quote,
            now_ns=now_ns,
            equity=self.equity,
            balances={BTC.quote: self.equity - self.held * self.price, BTC.base: self.held},
            reserved={},
            positions=(position,) if self.held else (),
            orders=(),
            recent=(),
            quotes={BTC.symbol: self._quote(now_ns - self.age_s * SECOND_NS)},
            instruments={BTC.symbol: BTC},
            intent=self._built(Intent, sound),
            conditions={BTC.symbol: self._built(Conditions, {**_CALM, "window_price": self.price, **self.conditions})},
            activity=self._built(Activity, self.activity),
            portfolio_shortfall=ZERO,
        )

    def _quote(self, seen_ns: int) -> Quote:
        half = self.price * self.spread_bps / 20_000
        return Quote(
            BTC.symbol, Price(self.price), Price(self.price - half), Price(self.price + half), seen_ns, seen_ns
        )

    def _built(self, kind: type[Kind], given: Mapping[str, Any]) -> Kind:
        known = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # each is a dataclass
        if unknown := sorted(given.keys() - known):
            raise ValueError(f"{kind.__name__} has no {unknown[0]}, there are {', '.join(sorted(known))}")
        try:
            return TypeAdapter(kind).validate_python(dict(given))
        except ValidationError as wrong:
            error = wrong.errors()[0]
            raise ValueError(f"{'.'.join(map(str, error['loc']))}: {error['msg']}") from None
