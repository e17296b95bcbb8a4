"""Books whose snapshot comes on the stream itself, with each subscription: Bybit, OKX, Kraken v2, Coinbase."""

from __future__ import annotations

from binascii import crc32
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from core.time import parse_time
from market.orderbooks.ladder import Amount, RawLevel
from market.orderbooks.verified import MS_NS, Broken, Message, Reason, State, VerifiedBook


class BybitBook(VerifiedBook):
    """`{"type", "ts", "data": {"u", "b", "a"}}`: after a snapshot, each `u` is one more than the last.

    `u` = 1 is a snapshot after the venue's service restarted.
    https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook
    """

    def _follow(self, message: Message) -> bool:
        data = message["data"]
        last, event_ns = data["u"], int(message["ts"]) * MS_NS
        if message["type"] == "snapshot" or last == 1:
            self._whole(data["b"], data["a"], last, event_ns)
            return True
        if self.state is not State.VALID:
            return False
        if last <= self.update_id:
            self.counts.duplicates += 1
            return False
        if last != self.update_id + 1:
            raise Broken(Reason.GAP, f"after {self.update_id} came {last}")
        self.ladder.apply(data["b"], data["a"])
        self.update_id, self.event_ns = last, event_ns
        return True


class OkxBook(VerifiedBook):
    """`{"action", "data": [{"bids", "asks", "ts", "seqId", "prevSeqId", "checksum"}]}`.

    `prevSeqId` is the last `seqId`. A checksum over the best 25 levels is held against ours wherever the venue sends
    one; 0 says that it does not.
    https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel
    """

    _CHECKED: Final = 25

    def __init__(self, symbol: str, **listeners: Callable[[VerifiedBook], object] | None) -> None:
        super().__init__(symbol, **listeners)
        # The checksum is over the prices as the venue wrote them.
        self._texts: dict[float, str] = {}

    def _follow(self, message: Message) -> bool:
        changed = False
        for data in message["data"]:
            changed |= self._step(message["action"], data)
        return changed

    def _step(self, action: str, data: Message) -> bool:
        bids, asks = [level[:2] for level in data["bids"]], [level[:2] for level in data["asks"]]
        number = data.get("seqId", 0)
        if action == "snapshot":
            self._texts = {}
            self._remember(bids, asks)
            self._whole(bids, asks, number, int(data["ts"]) * MS_NS)
            self._check(data)
            return True
        if self.state is not State.VALID:
            return False
        before = data.get("prevSeqId", self.update_id)
        if before != self.update_id:
            if number <= self.update_id:
                self.counts.duplicates += 1
                return False
            raise Broken(Reason.GAP, f"after {self.update_id} came {number}, which follows {before}")
        self.ladder.apply(bids, asks)
        self._remember(bids, asks)
        self.update_id, self.event_ns = number, int(data["ts"]) * MS_NS
        self._check(data)
        return True

    def _remember(self, bids: list[RawLevel], asks: list[RawLevel]) -> None:
        for price, _ in (*bids, *asks):
            self._texts[float(price)] = str(price)
        if len(self._texts) > 4 * (len(self.ladder.bids) + len(self.ladder.asks) + 1_000):
            live = {*self.ladder.bids, *self.ladder.asks}
            self._texts = {price: text for price, text in self._texts.items() if price in live}

    def _check(self, data: Message) -> None:
        theirs = data.get("checksum", 0)
        if not theirs:
            return
        ladder, texts = self.ladder, self._texts
        bids, asks = ladder.best_bids(self._CHECKED), ladder.best_asks(self._CHECKED)
        parts: list[str] = []
        for i in range(max(len(bids), len(asks))):
            if i < len(bids):
                parts += (texts[bids[i]], str(ladder.bids[bids[i]]))
            if i < len(asks):
                parts += (texts[asks[i]], str(ladder.asks[asks[i]]))
        ours = crc32(":".join(parts).encode())
        if ours != theirs & 0xFFFFFFFF:
            raise Broken(Reason.CHECKSUM, f"ours {ours}, the venue's {theirs & 0xFFFFFFFF}")


class KrakenBook(VerifiedBook):
    """Kraken v2: `{"type", "data": [{"bids", "asks", "checksum", "timestamp"}]}`, a CRC32 of the best ten levels.

    There is no sequence, so only a subscription ten deep is proven whole: in a deeper one, a loss below the tenth level
    shows when that level comes up. Both sides are cut to the depth subscribed after each update, as the venue does.
    `price_digits` and `quantity_digits` are the pair's decimals, without which no checksum can be made.
    https://docs.kraken.com/exchange/guides/websockets/book-checksum-v2
    """

    _CHECKED: Final = 10

    def __init__(
        self,
        symbol: str,
        *,
        price_digits: int,
        quantity_digits: int,
        depth: int = 10,
        **listeners: Callable[[VerifiedBook], object] | None,
    ) -> None:
        super().__init__(symbol, **listeners)
        self._price_digits, self._quantity_digits, self._depth = price_digits, quantity_digits, depth

    def _follow(self, message: Message) -> bool:
        changed = False
        for data in message["data"]:
            bids = [(level["price"], level["qty"]) for level in data["bids"]]
            asks = [(level["price"], level["qty"]) for level in data["asks"]]
            if message["type"] == "snapshot":
                self._whole(bids, asks, self.update_id + 1, _event_ns(data, self.event_ns))
            elif self.state is State.VALID:
                self.ladder.apply(bids, asks)
                self.update_id, self.event_ns = self.update_id + 1, _event_ns(data, self.event_ns)
            else:
                continue
            self.ladder.keep(self._depth)
            self._check(data["checksum"])
            changed = True
        return changed

    def _check(self, theirs: int) -> None:
        ladder = self.ladder
        parts = [self._digits(price, ladder.asks[price]) for price in ladder.best_asks(self._CHECKED)]
        parts += [self._digits(price, ladder.bids[price]) for price in ladder.best_bids(self._CHECKED)]
        ours = crc32("".join(parts).encode())
        if ours != theirs:
            raise Broken(Reason.CHECKSUM, f"ours {ours}, the venue's {theirs}")

    def _digits(self, price: float, quantity: Amount) -> str:
        priced = f"{price:.{self._price_digits}f}".replace(".", "").lstrip("0")
        return priced + f"{float(quantity):.{self._quantity_digits}f}".replace(".", "").lstrip("0")


class CoinbaseBook(VerifiedBook):
    """Coinbase Advanced Trade: events of `{"type", "updates": [{"side", "price_level", "new_quantity"}]}`.

    Its numbers belong to the connection, all channels together: see `ConnectionSequence`, whose owner calls
    `invalidate` on every book of a connection that lost a message.
    https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels#level2-channel
    """

    def _follow(self, message: Message) -> bool:
        bids: list[RawLevel] = []
        asks: list[RawLevel] = []
        for update in message["updates"]:
            level = (update["price_level"], update["new_quantity"])
            if update["side"] == "bid":
                bids.append(level)
            elif update["side"] == "offer":
                asks.append(level)
            else:
                raise Broken(Reason.MALFORMED, f"found the side {update['side']!r}, allowed are bid and offer")
        if message["type"] == "snapshot":
            self._whole(_present(bids), _present(asks), message["sequence_num"], parse_time(message["timestamp"]))
            return True
        if self.state is not State.VALID:
            return False
        self.ladder.apply(bids, asks)
        self.update_id, self.event_ns = message["sequence_num"], parse_time(message["timestamp"])
        return True


class ConnectionSequence:
    """The numbers of one connection, each one more than the last over all of its channels."""

    def __init__(self) -> None:
        self._last: int | None = None

    def follows(self, number: int) -> bool | None:
        """True when it is the next, None when it is one that we had, False when something is missing."""
        if self._last is None or number == self._last + 1:
            self._last = number
            return True
        if number <= self._last:
            return None
        self._last = number
        return False


def _present(levels: list[RawLevel]) -> list[RawLevel]:
    # A snapshot of Coinbase lists empty levels too.
    return [level for level in levels if Decimal(level[1])]


def _event_ns(data: Mapping[str, Any], otherwise: int) -> int:
    stamp = data.get("timestamp")
    return otherwise if stamp is None else parse_time(stamp)
