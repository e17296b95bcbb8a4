"""What a perpetual adds to a market: a mark price, funding at intervals, and liquidation."""

from collections.abc import Callable, Mapping
from decimal import Decimal

import numpy as np

from core.instruments import ContractKind
from core.money import ZERO
from core.orders import Side
from emulator.accounts import Account, Event, Position, PositionChange
from emulator.clock import VenueClock
from emulator.market import Market
from emulator.matching import Matching
from emulator.money import PLACES
from emulator.orders import Request, Status

FUNDING_MS = 8 * 3_600_000
_SALT = 106  # of the path's noise: rates


class Perpetuals:
    """Positions are settled after each step of their market."""

    def __init__(
        self, clock: VenueClock, matching: Matching, accounts: Mapping[str, Account], tell: Callable[[Event], None]
    ) -> None:
        self._clock = clock
        self._matching = matching
        self._accounts = accounts
        self._tell = tell
        self.rates: dict[str, Decimal] = {}  # by symbol, a fraction of notional; longs pay a positive one
        self.funding_ms = FUNDING_MS
        self._settled: dict[str, int] = {}

    def rate(self, market: Market, funding_ms: int) -> Decimal:
        """What is paid at a moment of funding: what somebody set, else the market's own, the same whenever asked."""
        if market.symbol in self.rates:
            return self.rates[market.symbol]
        at = np.array([funding_ms // FUNDING_MS], dtype=np.int64)
        return Decimal(int(300 * float(market.path.noise(at, _SALT)[0])) - 100) / 1_000_000

    def next_funding_ms(self) -> int:
        return (self._clock.market_ms() // self.funding_ms + 1) * self.funding_ms

    def after_step(self, market: Market, step_ms: int) -> None:
        if market.listing.instrument.kind is not ContractKind.PERPETUAL:
            return
        interval = step_ms // self.funding_ms
        due = interval - self._settled.setdefault(market.symbol, interval)
        self._settled[market.symbol] = interval
        for account in list(self._accounts.values()):
            position = account.futures.positions.get(market.symbol)
            if position is None or not position.quantity:
                continue
            if due > 0:
                self._fund(account, market, position, range(interval - due + 1, interval + 1))
            if self._is_lost(account, market, position):
                self._liquidate(account, market, position)

    def _fund(self, account: Account, market: Market, position: Position, intervals: range) -> None:
        now = self._clock.now_ms()
        rate = sum((self.rate(market, each * self.funding_ms) for each in intervals), ZERO)
        amount = (-position.quantity * market.mid * rate).quantize(PLACES)
        account.futures.earn("FUNDING_FEE", market.symbol, amount, now)
        if position.isolated:
            position.margin += amount
        self._tell(PositionChange(account, market.symbol, "FUNDING_FEE", now))

    def _is_lost(self, account: Account, market: Market, position: Position) -> bool:
        """Whether what stands behind the position is no more than its maintenance margin."""
        needed = abs(position.quantity) * market.mid * market.listing.instrument.maintenance_margin
        behind = position.margin
        if not position.isolated:
            others = (p.margin for p in account.futures.positions.values() if p.isolated)
            behind = account.futures.wallet - sum(others, ZERO)
        return behind + position.profit_at(market.mid) <= needed

    def _liquidate(self, account: Account, market: Market, position: Position) -> None:
        """Cancel what is open, sell the position off at the mark, and let the insurance fund bear what is lost beyond
        the margin."""
        futures, symbol, now = account.futures, market.symbol, self._clock.now_ms()
        for order in account.open_orders(symbol):
            self._matching.close(account, market, order, Status.CANCELLED)
        if position.isolated:
            behind = futures.wallet - position.margin
        else:
            behind = sum((p.margin for p in futures.positions.values() if p.isolated), ZERO)
        side = Side.SELL if position.quantity > 0 else Side.BUY
        tick = market.listing.instrument.tick_size
        request = Request(symbol, side, abs(position.quantity), None, f"autoclose-{now}", reduce_only=True)
        self._matching.force(account, market, request, market.mid // tick * tick)
        if futures.wallet < behind:
            futures.earn("INSURANCE_CLEAR", symbol, behind - futures.wallet, now)
        self._tell(PositionChange(account, symbol, "INSURANCE_CLEAR", now))
