"""Binance's request budget: weight a minute and orders in ten seconds; 429 when it is spent, 418 for who goes on."""

from core.time import MINUTE_NS
from emulator.binance.errors import BinanceError
from emulator.clock import MS_NS, VenueClock

MINUTE_MS = MINUTE_NS // MS_NS
WEIGHT = 6_000  # github.com/binance/binance-spot-api-docs, rest-api.md, LIMITS
ORDERS_10S = 100
_PATIENCE = 10  # refused requests before the ban
_BAN_MS = 2 * MINUTE_MS


class Budget:
    """Of one address; the emulator has one caller."""

    def __init__(self, clock: VenueClock, weight: int = WEIGHT, most_orders: int = ORDERS_10S) -> None:
        self._clock = clock
        self.weight = weight
        self._most_orders = most_orders
        self.used = 0
        self.orders = 0
        self._minute = self._ten_seconds = -1
        self._refused = 0
        self._banned_until = 0

    def spend(self, weight: int, *, order: bool = False) -> dict[str, str]:
        """Charge one request; the headers that tell what is used. Raises 429 or 418."""
        now = self._clock.now_ms()
        if now // MINUTE_MS != self._minute:
            self._minute, self.used, self._refused = now // MINUTE_MS, 0, 0
        if now // 10_000 != self._ten_seconds:
            self._ten_seconds, self.orders = now // 10_000, 0
        if now < self._banned_until:
            raise self._ban(now)
        self.used += weight
        if self.used > self.weight:
            self._refused += 1
            if self._refused > _PATIENCE:
                self._banned_until = now + _BAN_MS
                raise self._ban(now)
            text = (
                f"Too much request weight used; current limit is {self.weight} request weight per 1 MINUTE. "
                "Please use WebSocket Streams for live updates to avoid polling the API."
            )
            raise BinanceError(-1003, text, 429, self._headers() | self._retry((self._minute + 1) * MINUTE_MS - now))
        if order:
            self.orders += 1
            if self.orders > self._most_orders:
                text = f"Too many new orders; current limit is {self._most_orders} orders per 10 SECOND."
                raise BinanceError(-1015, text, 429, self._headers() | self._retry(10_000 - now % 10_000))
            return self._headers() | {"x-mbx-order-count-10s": str(self.orders)}
        return self._headers()

    def _headers(self) -> dict[str, str]:
        return {"x-mbx-used-weight": str(self.used), "x-mbx-used-weight-1m": str(self.used)}

    @staticmethod
    def _retry(ms: int) -> dict[str, str]:
        return {"Retry-After": str(-(-ms // 1000))}

    def _ban(self, now: int) -> BinanceError:
        text = (
            f"Way too much request weight used; IP banned until {self._banned_until}. "
            "Please use WebSocket Streams for live updates to avoid bans."
        )
        return BinanceError(-1003, text, 418, self._retry(self._banned_until - now))
