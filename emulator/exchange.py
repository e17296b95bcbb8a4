"""The matching core: accounts, orders, fills and balances, exact, and the same under every dialect.

It knows no wire format. A refusal carries its cause and each dialect says it in its own words.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from core.money import ZERO
from core.orders import Side, TimeInForce
from core.ports import Clock
from emulator.clock import VenueClock
from emulator.listings import STANDARD, Listing
from emulator.market import Delta, Market, PublicTrade
from emulator.path import PricePath

API_KEY = "emulator-key"
API_SECRET = "emulatorsecret00"  # also valid base64, as Kraken wants it  # pragma: allowlist secret
_FUNDS = {"USDT": Decimal("1000000"), "BTC": Decimal("10"), "ETH": Decimal("100")}
_LIVED_MS = 5_000  # a market is that old when somebody first looks at it: it has trades to show
_CAUGHT_UP_STEPS = 600  # a market that nobody moved for longer than a minute begins again where the path is


class Cause(StrEnum):
    """Why the venue refuses."""

    UNKNOWN_SYMBOL = "unknown symbol"
    PRICE_GRID = "price off the grid"
    PRICE_BAND = "price too far from the market"
    LOT_GRID = "quantity off the grid"
    NOTIONAL = "worth too little"
    FUNDS = "insufficient balance"
    DUPLICATE = "duplicate client order id"
    WOULD_TAKE = "a post-only order would take"
    NO_LIQUIDITY = "nothing on the other side"
    UNKNOWN_ORDER = "no such order"
    NOT_OPEN = "the order is not open"
    FROZEN = "the account is frozen"
    BAD_PARAMETER = "a parameter is missing or malformed"


class Refusal(Exception):
    """The venue says no, and nothing happened."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        super().__init__(f"{cause}: {detail}" if detail else str(cause))
        self.cause = cause
        self.detail = detail


class Status(StrEnum):
    NEW = "new"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def open(self) -> bool:
        return self in (Status.NEW, Status.PARTIAL)


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. The fee is in the currency received."""

    trade_id: int
    order_id: int
    ts_ms: int
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    maker: bool


@dataclass(slots=True)
class VenueOrder:
    """An order as the venue has it. `limit_price` None is a market order; `funds` a market buy sized in quote."""

    order_id: int
    client_id: str
    symbol: str
    side: Side
    quantity: Decimal
    limit_price: Decimal | None
    time_in_force: TimeInForce
    post_only: bool
    created_ms: int
    updated_ms: int
    status: Status = Status.NEW
    fills: list[Fill] = field(default_factory=list)

    @property
    def filled(self) -> Decimal:
        return sum((fill.quantity for fill in self.fills), ZERO)

    @property
    def cost(self) -> Decimal:
        return sum((fill.quantity * fill.price for fill in self.fills), ZERO)

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled


@dataclass(slots=True)
class Holding:
    free: Decimal = ZERO
    locked: Decimal = ZERO


@dataclass(slots=True)
class Account:
    """One customer: keys, money, orders."""

    key: str
    secret: str
    holdings: dict[str, Holding]
    orders: dict[int, VenueOrder] = field(default_factory=dict)
    frozen: bool = False

    def holding(self, currency: str) -> Holding:
        return self.holdings.setdefault(currency, Holding())

    def open_orders(self, symbol: str | None = None) -> list[VenueOrder]:
        return [o for o in self.orders.values() if o.status.open and symbol in (None, o.symbol)]


@dataclass(frozen=True, slots=True)
class OrderChange:
    """An order of `account` was accepted, filled in part or whole, cancelled or expired."""

    account: Account
    order: VenueOrder  # as it was at this moment
    fill: Fill | None
    ts_ms: int


Event = Delta | PublicTrade | OrderChange


@dataclass(frozen=True, slots=True)
class Request:
    """An order as a dialect read it. Exactly one of `quantity` and `funds` is given."""

    symbol: str
    side: Side
    quantity: Decimal | None
    limit_price: Decimal | None
    client_id: str
    funds: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False


class Exchange:
    """All markets and accounts of the venue. `advance` lets its clock's time pass; `on_event` hears what happens."""

    def __init__(
        self,
        *,
        seed: int = 7,
        clock: Clock | None = None,
        listings: Iterable[Listing] = STANDARD,
        funds: dict[str, Decimal] | None = None,
    ) -> None:
        self.seed = seed
        self.clock = VenueClock(clock)
        self.listings = {item.instrument.symbol: item for item in listings}
        self.paths = {
            symbol: PricePath(
                seed, symbol, price=item.price, tick=item.instrument.tick_size, lot=item.instrument.lot_size
            )
            for symbol, item in self.listings.items()
        }
        self.accounts: dict[str, Account] = {}
        self.open_account(API_KEY, API_SECRET, _FUNDS if funds is None else funds)
        self.on_event: list[Callable[[Event], None]] = []
        self._markets: dict[str, Market] = {}
        self._order_id = 1_000_000
        self._busy = False

    def open_account(self, key: str, secret: str, funds: dict[str, Decimal]) -> Account:
        account = Account(key, secret, {currency: Holding(free=amount) for currency, amount in funds.items()})
        self.accounts[key] = account
        return account

    def listing(self, symbol: str) -> Listing:
        if symbol not in self.listings:
            raise Refusal(Cause.UNKNOWN_SYMBOL, symbol)
        return self.listings[symbol]

    def market(self, symbol: str) -> Market:
        """The living market of a symbol, caught up with the clock."""
        listing = self.listing(symbol)
        now = self.clock.now_ms()
        market = self._markets.get(symbol)
        if market is None:
            market = self._markets[symbol] = Market(listing, self.paths[symbol], self.seed, now - _LIVED_MS)
            for ts_ms in market.steps_until(now):  # its past: nobody is told of it
                market.step(ts_ms)
                market.delta(ts_ms)
        self._catch_up(market, now)
        return market

    def advance(self) -> None:
        """Let every market that was ever looked at come up to the clock."""
        now = self.clock.now_ms()
        for market in self._markets.values():
            self._catch_up(market, now)

    def pin(self, symbol: str, price: Decimal | None) -> None:
        """Hold a market at a price, or let it follow its path again."""
        market = self.market(symbol)
        market.pinned_ticks = None if price is None else int(price / market.listing.instrument.tick_size)

    def place(self, account: Account, request: Request) -> VenueOrder:
        """Check, match what can be matched, rest what may rest. Raises `Refusal` and changes nothing."""
        market = self.market(request.symbol)
        with self._alone():
            return self._place(account, market, request)

    def _place(self, account: Account, market: Market, request: Request) -> VenueOrder:
        if account.frozen:
            raise Refusal(Cause.FROZEN)
        if any(o.client_id == request.client_id for o in account.open_orders()):
            raise Refusal(Cause.DUPLICATE, request.client_id)
        quantity = self._checked(market, request)
        self._affordable(account, market, request, quantity)
        order = self._accepted(account, market, request, quantity)
        self._tell(OrderChange(account, self._as_is(order), None, order.created_ms))
        self._take(account, market, order)
        self._rest_or_expire(account, market, order)
        return order

    def cancel(self, account: Account, order: VenueOrder) -> VenueOrder:
        """Take an open order off the book and give its money back."""
        market = self.market(order.symbol)  # which may just now have filled it
        if not order.status.open:
            raise Refusal(Cause.NOT_OPEN, str(order.order_id))
        with self._alone():
            self._close(account, market, order, Status.CANCELLED, resting=True)
            self._publish(market, self.clock.now_ms())
        return order

    def find(
        self, account: Account, *, order_id: int | None = None, client_id: str | None = None, symbol: str | None = None
    ) -> VenueOrder:
        """The newest order with this id or client id. Raises `Refusal` where there is none."""
        for order in reversed(account.orders.values()):
            if (order.order_id == order_id or (order_id is None and order.client_id == client_id)) and symbol in (
                None,
                order.symbol,
            ):
                self.market(order.symbol)
                return order
        raise Refusal(Cause.UNKNOWN_ORDER, str(order_id or client_id))

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _checked(self, market: Market, request: Request) -> Decimal:
        """The quantity to trade, after the venue's filters in the order in which it applies them."""
        instrument, price = market.listing.instrument, request.limit_price
        if price is not None:
            if price <= 0 or price % instrument.tick_size:
                raise Refusal(Cause.PRICE_GRID, str(price))
            mid = market.price(market.best_bid)
            if not mid / 5 <= price <= mid * 5:
                raise Refusal(Cause.PRICE_BAND, str(price))
        worst = price or market.price(market.best_ask if request.side is Side.BUY else market.best_bid)
        quantity = request.quantity
        if quantity is None:
            if request.funds is None or request.funds <= 0:
                raise Refusal(Cause.BAD_PARAMETER, "quantity")
            quantity = request.funds / worst // instrument.lot_size * instrument.lot_size
        most = instrument.max_quantity or quantity
        if not instrument.min_quantity <= quantity <= most or quantity % instrument.lot_size:
            raise Refusal(Cause.LOT_GRID, str(quantity))
        if quantity * worst < instrument.min_notional:
            raise Refusal(Cause.NOTIONAL, str(quantity * worst))
        crosses = price is None or (
            price >= market.price(market.best_ask)
            if request.side is Side.BUY
            else price <= market.price(market.best_bid)
        )
        if request.post_only and crosses:
            raise Refusal(Cause.WOULD_TAKE)
        return quantity

    def _affordable(self, account: Account, market: Market, request: Request, quantity: Decimal) -> None:
        instrument = market.listing.instrument
        if request.side is Side.SELL:
            need, currency = quantity, instrument.base
        else:
            # A market buy is held against what it would cost right now, level by level.
            price = request.limit_price
            need = quantity * price if price is not None else self._cost_now(market, quantity)
            currency = instrument.quote
        if account.holding(currency).free < need:
            raise Refusal(Cause.FUNDS, f"{need} {currency}")

    def _cost_now(self, market: Market, quantity: Decimal) -> Decimal:
        left, cost = int(quantity / market.listing.instrument.lot_size), ZERO
        for ticks in sorted(market.asks.strangers):
            part = min(left, market.asks.strangers[ticks])
            cost += market.price(ticks) * market.quantity(part)
            left -= part
            if not left:
                break
        return cost

    def _accepted(self, account: Account, market: Market, request: Request, quantity: Decimal) -> VenueOrder:
        self._order_id += 1
        now = self.clock.now_ms()
        order = VenueOrder(
            order_id=self._order_id,
            client_id=request.client_id,
            symbol=request.symbol,
            side=request.side,
            quantity=quantity,
            limit_price=request.limit_price,
            time_in_force=request.time_in_force,
            post_only=request.post_only,
            created_ms=now,
            updated_ms=now,
        )
        account.orders[order.order_id] = order
        if order.limit_price is not None:
            self._lock(account, market, order, order.quantity)
        return order

    def _take(self, account: Account, market: Market, order: VenueOrder) -> None:
        instrument = market.listing.instrument
        worst = None if order.limit_price is None else int(order.limit_price / instrument.tick_size)
        lots = int(order.quantity / instrument.lot_size)
        if order.time_in_force is TimeInForce.FOK and self._on_offer(market, order.side, worst) < lots:
            return
        now = self.clock.now_ms()
        for ticks, part in market.take(order.side, lots, worst):
            trade = market.printed(now, ticks, part, order.side)
            self._tell(trade)
            self._fill(account, market, order, trade, market.price(ticks), maker=False)

    def _on_offer(self, market: Market, taker: Side, worst: int | None) -> int:
        levels = market.side(taker.opposite).strangers
        if worst is None:
            return sum(levels.values())
        return sum(n for t, n in levels.items() if (t <= worst if taker is Side.BUY else t >= worst))

    def _rest_or_expire(self, account: Account, market: Market, order: VenueOrder) -> None:
        if order.status.open:
            if order.limit_price is None or order.time_in_force is not TimeInForce.GTC:
                self._close(account, market, order, Status.EXPIRED, resting=False)
            else:
                self._rest(market, order, order.remaining)
        self._publish(market, self.clock.now_ms())

    def _fill(
        self, account: Account, market: Market, order: VenueOrder, trade: PublicTrade, price: Decimal, *, maker: bool
    ) -> None:
        instrument, quantity = market.listing.instrument, market.quantity(trade.lots)
        rate = instrument.maker_fee if maker else instrument.taker_fee
        if order.limit_price is not None:
            self._lock(account, market, order, -quantity)
        base, quote = account.holding(instrument.base), account.holding(instrument.quote)
        if order.side is Side.BUY:
            fee, currency = quantity * rate, instrument.base
            quote.free -= quantity * price
            base.free += quantity - fee
        else:
            fee, currency = quantity * price * rate, instrument.quote
            base.free -= quantity
            quote.free += quantity * price - fee
        fill = Fill(trade.trade_id, order.order_id, trade.ts_ms, price, quantity, fee, currency, maker)
        order.fills.append(fill)
        order.status = Status.FILLED if order.remaining == 0 else Status.PARTIAL
        order.updated_ms = trade.ts_ms
        self._tell(OrderChange(account, self._as_is(order), fill, trade.ts_ms))

    def _close(self, account: Account, market: Market, order: VenueOrder, status: Status, *, resting: bool) -> None:
        if resting:
            self._rest(market, order, -order.remaining)
        if order.limit_price is not None:
            self._lock(account, market, order, -order.remaining)
        order.status = status
        order.updated_ms = self.clock.now_ms()
        self._tell(OrderChange(account, self._as_is(order), None, order.updated_ms))

    def _lock(self, account: Account, market: Market, order: VenueOrder, quantity: Decimal) -> None:
        """Move what `quantity` of an order needs from free to locked; a negative quantity moves it back."""
        instrument, limit = market.listing.instrument, order.limit_price or ZERO
        if order.side is Side.BUY:
            holding, amount = account.holding(instrument.quote), quantity * limit
        else:
            holding, amount = account.holding(instrument.base), quantity
        holding.free -= amount
        holding.locked += amount

    def _rest(self, market: Market, order: VenueOrder, quantity: Decimal) -> None:
        instrument = market.listing.instrument
        ticks = int((order.limit_price or ZERO) / instrument.tick_size)
        market.side(order.side).rest(ticks, int(quantity / instrument.lot_size))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Whoever hears an event may ask for the market again, and must not move it while it is being moved."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    def _catch_up(self, market: Market, now_ms: int) -> None:
        if self._busy:
            return
        steps = market.steps_until(now_ms)
        with self._alone():
            for ts_ms in steps[-_CAUGHT_UP_STEPS:]:
                for trade in market.step(ts_ms):
                    self._tell(trade)
                for account in self.accounts.values():
                    for order in account.open_orders(market.symbol):
                        self._match_resting(account, market, order, ts_ms)
                self._publish(market, ts_ms)

    def _match_resting(self, account: Account, market: Market, order: VenueOrder, ts_ms: int) -> None:
        """The market came to a resting order: it fills at its own price, as far as strangers offer."""
        instrument = market.listing.instrument
        limit = int((order.limit_price or ZERO) / instrument.tick_size)
        for _, lots in market.take(order.side, int(order.remaining / instrument.lot_size), limit):
            self._rest(market, order, -market.quantity(lots))
            trade = market.printed(ts_ms, limit, lots, order.side.opposite)
            self._tell(trade)
            self._fill(account, market, order, trade, order.limit_price or ZERO, maker=True)

    def _publish(self, market: Market, ts_ms: int) -> None:
        delta = market.delta(ts_ms)
        if delta is not None:
            self._tell(delta)

    def _tell(self, event: Event) -> None:
        for hear in self.on_event:
            hear(event)

    @staticmethod
    def _as_is(order: VenueOrder) -> VenueOrder:
        return replace(order, fills=list(order.fills))
