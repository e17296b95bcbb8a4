"""A Binance-like venue that only sends: depth and trades of many symbols, framed beforehand, from a process of its own.

`python -m bench.sender --symbols 1 --messages 20000` sends them as fast as the client reads; with `--every-ms 100` each
symbol gets one change and one trade in that time, stamped when they leave. It prints its port.
"""

import argparse
import asyncio
import base64
import hashlib
import random
import struct
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MID = 60_000
_LEVELS = 10
FIRST_ID = 1_001
IDS_A_MESSAGE = 5
SETTLE_S = 0.7


def symbols_of(n: int) -> list[str]:
    """Base assets: BTC alone, or so many that are none."""
    return ["BTC"] if n == 1 else [f"A{i:03d}" for i in range(n)]


def depth(market: str, i: int, chance: random.Random, stamp_ms: int) -> dict[str, Any]:
    """The i-th change of a market: ten levels a side, a quarter of them removed; never crossed."""
    return {
        "e": "depthUpdate",
        "E": stamp_ms,
        "s": market,
        "U": FIRST_ID + i * IDS_A_MESSAGE,
        "u": FIRST_ID + i * IDS_A_MESSAGE + IDS_A_MESSAGE - 1,
        "b": _levels(chance, -1),
        "a": _levels(chance, +1),
    }


def snapshot() -> dict[str, Any]:
    """Before the first change: three of four ticks hold a level, which is what the changes keep it at."""
    sides = {
        name: [[f"{_MID + away * 0.01 * (k + 1):.2f}", "1.00000"] for k in range(2_000) if k % 4 != 3]
        for name, away in (("bids", -1), ("asks", +1))
    }
    return {"lastUpdateId": FIRST_ID - 1, **sides}


def changes(n: int, market: str = "BTCUSDT", seed: int = 5) -> Iterator[dict[str, Any]]:
    """What the sender sends of one market, for whoever wants it without a socket."""
    chance = random.Random(seed)
    for i in range(n):
        yield depth(market, i, chance, 1_767_225_600_000 + i)


def _levels(chance: random.Random, away: int) -> list[list[str]]:
    return [
        [
            f"{_MID + away * (0.01 + chance.randrange(2_000) / 100):.2f}",
            f"{chance.choice((0, 1, 1, 1)) * chance.uniform(0.001, 3):.5f}",
        ]
        for _ in range(_LEVELS)
    ]


def _frame(content: bytes) -> bytes:
    size = len(content)
    if size < 126:
        return bytes((0x81, size)) + content
    return b"\x81\x7e" + struct.pack(">H", size) + content


class Sender:
    """One venue. `/_stop` ends it and tells what it sent, to be held against what arrived."""

    def __init__(self, symbols: int, messages: int, every_ms: int) -> None:
        self._bases, self._messages, self._every_ms = symbols_of(symbols), messages, every_ms
        self._markets = [f"{base}USDT" for base in self._bases]
        self._burst = b"" if every_ms else b"".join(_frame(orjson.dumps(change)) for change in changes(messages))
        self._stopped = False
        self.sent = {"depth": 0, "trades": 0}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError), closing(writer):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                path = head.split(" ", 2)[1]
                if "upgrade: websocket" in head.lower():
                    return await self._websocket(head, reader, writer)
                content = orjson.dumps(self._answer(path))
                headers = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
                writer.write(headers.encode() + content)
                await writer.drain()

    def _answer(self, path: str) -> Any:
        parts = urlsplit(path)
        if parts.path.endswith("/depth"):
            return snapshot()
        if parts.path.endswith("/time"):
            return {"serverTime": time.time_ns() // 1_000_000}
        if parts.path.endswith("/exchangeInfo"):
            return {"timezone": "UTC", "rateLimits": [], "symbols": [_listing(base) for base in self._bases]}
        if parts.path == "/_stop":
            self._stopped = True
            return self.sent
        return {"asked": parse_qs(parts.query)}

    async def _websocket(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (line.split(":", 1) for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        key = next(lines)[1].strip().encode()
        accept = base64.b64encode(hashlib.sha1(key + _MAGIC).digest()).decode()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        wanted = orjson.loads(await _text(reader))
        writer.write(_frame(orjson.dumps({"result": None, "id": wanted["id"]})))
        await writer.drain()
        kinds = {stream.partition("@")[2].partition("@")[0] for stream in wanted["params"]}
        if self._every_ms:
            await self._paced(writer, kinds)
        else:
            await self._all_at_once(writer)
        await reader.read(100)

    async def _all_at_once(self, writer: asyncio.StreamWriter) -> None:
        # The first alone, so that the snapshot is joined before the flood: the flood is what is measured.
        first = len(_frame(orjson.dumps(next(changes(1)))))
        writer.write(self._burst[:first])
        await writer.drain()
        await asyncio.sleep(SETTLE_S)
        rest = memoryview(self._burst)[first:]
        for start in range(0, len(rest), 1 << 18):
            writer.write(rest[start : start + (1 << 18)])
            await writer.drain()

    async def _paced(self, writer: asyncio.StreamWriter, kinds: set[str]) -> None:
        chance, loop = random.Random(5), asyncio.get_running_loop()
        due = loop.time()
        for i in range(self._messages):
            if self._stopped:
                return
            for market in self._markets:
                stamp_ms = time.time_ns() // 1_000_000
                if "depth" in kinds:
                    writer.write(_frame(orjson.dumps(depth(market, i, chance, stamp_ms))))
                    self.sent["depth"] += 1
                if "trade" in kinds:
                    told = {"e": "trade", "E": stamp_ms, "T": stamp_ms, "s": market, "t": i + 1, "m": False}
                    writer.write(_frame(orjson.dumps({**told, "p": "60000.00", "q": "0.00100"})))
                    self.sent["trades"] += 1
            await writer.drain()
            due += self._every_ms / 1_000
            await asyncio.sleep(max(0.0, due - loop.time()))


async def _text(reader: asyncio.StreamReader) -> bytes:
    """One masked text frame of a client."""
    size = (await reader.readexactly(2))[1] & 127
    if size == 126:
        size = struct.unpack(">H", await reader.readexactly(2))[0]
    elif size == 127:
        size = struct.unpack(">Q", await reader.readexactly(8))[0]
    mask = await reader.readexactly(4)
    return bytes(c ^ mask[i % 4] for i, c in enumerate(await reader.readexactly(size)))


def _listing(base: str) -> dict[str, Any]:
    return {
        "symbol": f"{base}USDT",
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": "USDT",
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "isSpotTradingAllowed": True,
        "permissions": ["SPOT"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.00000", "stepSize": "0.00001"},
            {"filterType": "NOTIONAL", "minNotional": "5.00"},
        ],
    }


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=1)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--every-ms", type=int, default=0)
    given = parser.parse_args()
    sender = Sender(given.symbols, given.messages, given.every_ms)
    server = await asyncio.start_server(sender.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
