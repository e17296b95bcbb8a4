"""The venue itself: its markets, its accounts, its time. The same under every dialect; it knows no wire format."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal

from core.ports import Clock
from emulator.accounts import Account, Event, Futures, Holding, MoneyChange, PositionChange, Transfer
from emulator.clock import HOUR_MS, START_MS, VenueClock
from emulator.listings import PERPETUALS, STANDARD, Listing
from emulator.market import Market
from emulator.matching import Matching
from emulator.orders import Cause, Fate, Refusal, Request, Status, VenueOrder
from emulator.path import PricePath
from emulator.perpetuals import Perpetuals

API_KEY = "emulator-key"
API_SECRET = "emulatorsecret00"  # also valid base64, as Kraken wants it  # pragma: allowlist secret
FUNDS = {"USDT": Decimal("1000000"), "BTC": Decimal("10"), "ETH": Decimal("100")}
FUTURES_FUNDS = Decimal("100000")
_LIVED_MS = 5_000  # a market is that old when somebody first looks at it: it has trades to show
_CAUGHT_UP_STEPS = 600  # a market that nobody moved for longer than a minute begins again where the path is


class Exchange:
    """All markets and accounts of the venue. `advance` lets its clock's time pass; `on_event` hears what happens.

    `listings` are the spot pairs and `perpetuals` the contracts, each by symbol. `begins_ms` is the moment of their
    paths at which markets of a wall clock open, to the hour, so that they are the same markets whenever it is; None has
    them go on where they are at this hour, for a venue that may come back.
    """

    def __init__(
        self,
        *,
        seed: int = 7,
        clock: VenueClock | Clock | None = None,
        begins_ms: int | None = START_MS,
        listings: Iterable[Listing] = STANDARD,
        perpetuals: Iterable[Listing] = PERPETUALS,
        funds: dict[str, Decimal] | None = None,
    ) -> None:
        self.seed = seed
        self.clock = clock if isinstance(clock, VenueClock) else VenueClock(clock)
        self.listings = {item.instrument.symbol: item for item in listings}
        self.perpetuals = {item.instrument.symbol: item for item in perpetuals}
        ahead_ms = 0
        if begins_ms is not None and self.clock.wall:
            ahead_ms = (self.clock.now_ms() - begins_ms) // HOUR_MS * HOUR_MS
        self.paths = {symbol: _path(seed, item, ahead_ms) for symbol, item in (self.listings | self.perpetuals).items()}
        self.accounts: dict[str, Account] = {}
        self.on_event: list[Callable[[Event], None]] = []
        self.matching = Matching(self.clock, self.accounts, self._tell)
        self.contracts = Perpetuals(self.clock, self.matching, self.accounts, self._tell)
        self.fate: Fate | None = None  # of the next order
        self.lag: Callable[[VenueOrder], int] | None = None  # by how many ms readers see an order late
        self.open_account(API_KEY, API_SECRET, FUNDS if funds is None else funds)
        self._markets: dict[str, Market] = {}
        self._transfers = 0
        self._busy = False

    def open_account(
        self, key: str, secret: str, funds: dict[str, Decimal], futures: Decimal = FUTURES_FUNDS
    ) -> Account:
        holdings = {currency: Holding(free=amount) for currency, amount in funds.items()}
        self.accounts[key] = Account(key, secret, holdings, futures=Futures(wallet=futures))
        return self.accounts[key]

    def listing(self, symbol: str) -> Listing:
        found = self.listings.get(symbol) or self.perpetuals.get(symbol)
        if found is None:
            raise Refusal(Cause.UNKNOWN_SYMBOL, symbol)
        return found

    def market(self, symbol: str) -> Market:
        """The living market of a symbol, caught up with the clock."""
        listing, now = self.listing(symbol), self.clock.market_ms()
        market = self._markets.get(symbol)
        if market is None:
            market = self._markets[symbol] = Market(listing, self.paths[symbol], self.seed, now - _LIVED_MS)
            for ts_ms in market.steps_until(now):  # its past: nobody is told of it
                market.step(ts_ms)
                market.delta(ts_ms)
        self._catch_up(market, now)
        return market

    def advance(self) -> None:
        """Let every market that was ever looked at come up to the clock, and do what is due."""
        now = self.clock.market_ms()
        for market in self._markets.values():
            self._catch_up(market, now)
        self._do_what_is_due()

    def pin(self, symbol: str, price: Decimal | None) -> None:
        """Hold a market at a price, or let it follow its path again."""
        self.market(symbol).pin(price)

    # ── orders ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def place(self, account: Account, request: Request) -> VenueOrder:
        """Check, match what can be matched, rest what may rest. Raises `Refusal` and changes nothing."""
        market = self.market(request.symbol)
        with self._alone():
            order = self.matching.accept(account, market, request, self.fate)
            self._publish(market, self.clock.now_ms())
        return order

    def cancel(self, account: Account, order: VenueOrder, status: Status = Status.CANCELLED) -> VenueOrder:
        """Take an open order off the book and give its money back."""
        market = self.market(order.symbol)  # which may just now have filled it
        if not order.status.open:
            raise Refusal(Cause.NOT_OPEN, str(order.order_id))
        with self._alone():
            self.matching.close(account, market, order, status)
            self._publish(market, self.clock.now_ms())
        return order

    def find(
        self, account: Account, *, order_id: int | None = None, client_id: str | None = None, symbol: str | None = None
    ) -> VenueOrder:
        """The newest order with this id or client id, as it truly is. Raises `Refusal` where there is none."""
        for order in reversed(account.orders.values()):
            named = order.order_id == order_id or (order_id is None and order.client_id == client_id)
            if named and symbol in (None, order.symbol):
                self.market(order.symbol)
                return order
        raise Refusal(Cause.UNKNOWN_ORDER, str(order_id or client_id))

    # ── what readers see ────────────────────────────────────────────────────────────────────────────────────────────

    def seen(self, account: Account, order: VenueOrder) -> VenueOrder:
        """An order as a reader sees it. Raises `Refusal` where it is not to be seen yet."""
        if self.lag is None or not (late := self.lag(order)):
            return order
        cut = self.clock.now_ms() - late
        if order.created_ms > cut:
            raise Refusal(Cause.UNKNOWN_ORDER, str(order.order_id))
        return order.as_of(cut)

    def orders(self, account: Account, symbol: str | None = None, *, contracts: bool = False) -> list[VenueOrder]:
        """Every order of an account that a reader sees, oldest first: of one symbol, or all of spot or of contracts."""
        self.advance()
        of_symbol = (o for o in account.orders.values() if o.symbol == symbol)
        of_kind = (o for o in account.orders.values() if o.is_contract is contracts)
        return self._seen(account, list(of_kind if symbol is None else of_symbol))

    def open_orders(self, account: Account, symbol: str | None = None, *, contracts: bool = False) -> list[VenueOrder]:
        """The open ones among them."""
        if self.lag is not None:
            return [order for order in self.orders(account, symbol, contracts=contracts) if order.status.open]
        self.advance()
        return account.open_orders(symbol, contracts=contracts)

    def _seen(self, account: Account, orders: list[VenueOrder]) -> list[VenueOrder]:
        if self.lag is None:
            return orders
        found = []
        for order in orders:
            try:
                found.append(self.seen(account, order))
            except Refusal:
                continue
        return found

    # ── money that comes and goes ───────────────────────────────────────────────────────────────────────────────────

    def transfer(self, account: Account, currency: str, amount: Decimal) -> Transfer:
        """A deposit (positive) or a withdrawal of spot coins. Raises `Refusal` where less is free."""
        holding = account.holding(currency)
        if not amount or holding.free + amount < 0:
            raise Refusal(Cause.FUNDS, f"{holding.free} {currency}")
        holding.free += amount
        self._transfers += 1
        made = Transfer(f"transfer-{self._transfers}", currency, amount, self.clock.now_ms())
        account.transfers.append(made)
        self._tell(MoneyChange(account, made))
        return made

    def transfer_futures(self, account: Account, amount: Decimal) -> None:
        """Money from outside into the futures wallet, or out of it."""
        now = self.clock.now_ms()
        account.futures.earn("TRANSFER", "", amount, now)
        self._tell(PositionChange(account, "", "DEPOSIT" if amount > 0 else "WITHDRAW", now))

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _do_what_is_due(self) -> None:
        """Orders whose fate has come, and cancel-after timers that nobody refreshed."""
        if self._busy:
            return
        now = self.clock.now_ms()
        for doom in [doom for doom in self.matching.doomed if doom.due_ms <= now]:
            self.matching.doomed.remove(doom)
            if doom.order.status.open:
                self.cancel(doom.account, doom.order, doom.status)
        for account in self.accounts.values():
            for symbol in [symbol for symbol, due in account.cancel_at_ms.items() if due <= now]:
                del account.cancel_at_ms[symbol]
                for order in account.open_orders(symbol):
                    self.cancel(account, order)

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
                self.matching.match_resting(market, ts_ms)
                self.contracts.after_step(market, ts_ms)
                self._publish(market, self.clock.stamp(ts_ms))

    def _publish(self, market: Market, ts_ms: int) -> None:
        delta = market.delta(ts_ms)
        if delta is not None:
            self._tell(delta)

    def _tell(self, event: Event) -> None:
        for hear in self.on_event:
            hear(event)


def _path(seed: int, item: Listing, ahead_ms: int) -> PricePath:
    """A contract follows the path of its spot pair."""
    instrument = item.instrument
    spot = instrument.symbol.partition(":")[0]
    tick, lot = instrument.tick_size, instrument.lot_size
    return PricePath(seed, spot, price=item.price, tick=tick, lot=lot, ahead_ms=ahead_ms)
