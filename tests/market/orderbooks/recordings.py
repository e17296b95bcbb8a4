"""Recorded feeds of real venues, brought where the version is old into the words that the venue uses today."""

import gzip
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

Message = dict[str, Any]
Timed = tuple[int, Any]  # our nanoseconds, the parsed message

_RECEIVED = re.compile(r"^(\d+\.\d+): ([\[{].*)$", re.DOTALL)
_ANSWER = re.compile(r"^(https\S+) -> (\d+\.\d+): (.*)$", re.DOTALL)


def shared(name: str) -> Path:
    folder = Path(os.environ.get("TRADEWARDEN_SHARED") or Path(__file__).parents[3] / "../shared").resolve() / "data"
    path = folder / name
    if not path.exists():
        pytest.skip(f"the recorded feed {name} is not at hand: set TRADEWARDEN_SHARED")
    return path


def raw_feed(name: str) -> Iterator[Timed]:
    """Lines of our nanoseconds, a space, and what came over the WebSocket."""
    with gzip.open(shared(f"orderbook/{name}")) as lines:
        for line in lines:
            at, _, text = line.partition(b" ")
            yield int(at), orjson.loads(text)


def cryptofeed(name: str) -> Iterator[Timed]:
    """What was received, in order; an HTTP answer comes with its address, as a pair."""
    with gzip.open(shared(f"exchange_api/cryptofeed/{name}.txt.gz"), "rt") as lines:
        for line in lines:
            if match := _RECEIVED.match(line.strip()):
                yield int(float(match[1]) * 1e9), orjson.loads(match[2])
            elif match := _ANSWER.match(line.strip()):
                yield int(float(match[2]) * 1e9), (match[1], orjson.loads(match[3]))


def with_snapshots(venue: str, asked: str) -> list[tuple[int, str | None, Any]]:
    """WebSocket messages and HTTP snapshots by time: (when, market of a snapshot or None, message)."""
    streamed = [(at, None, message) for at, message in cryptofeed(f"{venue}.ws.1.0")]
    answered = [(at, _market(asked, url), body) for at, (url, body) in cryptofeed(f"{venue}.http.0.0")]
    return sorted([*streamed, *answered], key=lambda timed: timed[0])


def _market(asked: str, url: str) -> str:
    found = re.search(asked + r"=([\w-]+)", url)
    assert found is not None
    return found[1]


def gate(message: Any) -> Message | None:
    """Gate.io v4 numbers as Binance spot does, under its own names."""
    if not isinstance(message, dict) or message.get("channel") != "spot.order_book_update":
        return None
    result: Message = message["result"]
    return result if result.get("e") == "depthUpdate" else None


def kucoin(message: Any) -> Message | None:
    """KuCoin's `sequenceStart` and `sequenceEnd` are `U` and `u`; a change at price 0 only moves the number."""
    if not isinstance(message, dict) or message.get("subject") != "trade.l2update":
        return None
    data = message["data"]
    sides = {side: [level[:2] for level in data["changes"][side] if level[0] != "0"] for side in ("bids", "asks")}
    return {
        "e": "depthUpdate",
        "E": 0,
        "s": data["symbol"],
        "U": data["sequenceStart"],
        "u": data["sequenceEnd"],
        "b": sides["bids"],
        "a": sides["asks"],
    }


def kraken_v2(message: Any) -> tuple[str, Message] | None:
    """A book message of Kraken's first protocol in the second's form; its snapshots have no checksum."""
    if not isinstance(message, list) or not str(message[-2]).startswith("book"):
        return None
    parts: dict[str, Any] = {}
    for part in message[1:-2]:
        parts.update(part)
    kind = "snapshot" if "as" in parts else "update"
    data: Message = {
        "bids": _kraken_levels(parts.get("bs") or parts.get("b") or []),
        "asks": _kraken_levels(parts.get("as") or parts.get("a") or []),
    }
    if "c" in parts:
        data["checksum"] = int(parts["c"])
    return message[-1], {"channel": "book", "type": kind, "data": [{"symbol": message[-1], **data}]}


def kraken_digits(message: Any) -> tuple[int, int]:
    """Decimals of prices and quantities, as the first protocol writes them out."""
    parts = message[1]
    price, quantity = next(iter(parts.get("as") or parts["bs"]))[:2]
    return len(price.partition(".")[2]), len(quantity.partition(".")[2])


def _kraken_levels(levels: list[list[str]]) -> list[Message]:
    return [{"price": float(level[0]), "qty": float(level[1])} for level in levels]
