"""The real ccxt.pro classes behind the tap, with frames handed in by hand."""

import asyncio
from typing import Any

import orjson
import pytest

from market.orderbooks.feeds import OkxFeed
from market.orderbooks.streamed import OkxBook
from market.streams.health import StreamCounts
from market.streams.tap import Tap, tapped
from market.streams.tapes import TickerBoard, TradeTape
from tests.market.orderbooks.recordings import cryptofeed
from tests.market.orderbooks.venues import NOW_NS

MARKETS = {"BTC-USDT": "BTC/USDT", "UNI-USD-SWAP": "UNI/USD:UNI", "BTC-USD-220527": "BTC/USD:BTC-220527"}


class Tapped:
    """An okx of ccxt.pro that was never connected."""

    def __init__(self) -> None:
        import ccxt.pro

        self.counts = StreamCounts()
        self.ended: list[BaseException] = []
        self.book = OkxBook("BTC/USDT")
        self.tap = Tap(OkxFeed({"BTC-USDT": self.book}), self.counts, lambda: NOW_NS, self.ended.append)
        self.exchange = tapped(ccxt.pro.okx, self.tap, {})
        told = next(m[1] for _, m in cryptofeed("OKX.0") if isinstance(m, tuple) and "instType=SPOT" in m[0])
        self.exchange.set_markets(self.exchange.parse_markets([m for m in told["data"] if m["instId"] == "BTC-USDT"]))
        self.trades = TradeTape(self.tap.heard, self.counts, lambda _: None)
        self.exchange.trades["BTC/USDT"] = self.trades
        self.exchange.tickers = TickerBoard(self.tap.heard, self.counts, lambda *_: None)

    @property
    def client(self) -> Any:
        return self.exchange.client("ws://127.0.0.1:1/ws/v5/public")


@pytest.fixture
async def okx() -> Any:
    made = Tapped()
    yield made
    await made.exchange.close()


async def test_a_recording_of_okx_goes_through_the_classes_own_parser_and_our_own_books(okx: Tapped) -> None:
    client = okx.client
    for _, message in cryptofeed("OKX.ws.1.0"):
        if message.get("arg", {}).get("instId") == "BTC-USDT":
            client.handle_text_or_binary_message(orjson.dumps(message).decode())
    assert okx.book.valid
    assert okx.book.counts.applied == 98
    assert okx.counts.trades > 20
    assert okx.trades.last is not None
    assert str(okx.trades.last.price).startswith("302")
    assert okx.exchange.tickers.last["BTC/USDT"].bid is not None
    assert (okx.counts.malformed, okx.ended) == (0, [])


@pytest.mark.parametrize(
    "content", ["", "{", "nonsense", "[1,", '{"arg":{"channel":"trades"},"data":[{}]}', '{"a":NaN}', b"\xff\xfe"]
)
async def test_no_frame_raises_and_what_is_none_is_counted(okx: Tapped, content: str | bytes) -> None:
    okx.client.handle_text_or_binary_message(content)
    assert okx.counts.frames == 1
    assert okx.counts.malformed + okx.counts.trades <= 1
    assert okx.ended == []


async def test_a_listener_that_fails_does_not_end_the_reader(okx: Tapped, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> bool:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(okx.tap.feed, "route", fails)
    okx.client.handle_text_or_binary_message('{"arg":{"channel":"books","instId":"BTC-USDT"},"data":[{}]}')
    assert (okx.counts.malformed, okx.ended) == (1, [])
    assert okx.tap.last_malformed == "RuntimeError: a mistake of ours"


async def test_an_answered_ping_is_a_frame_and_no_market_data(okx: Tapped) -> None:
    client = okx.client
    client.handle_text_or_binary_message("pong")
    assert (okx.counts.frames, okx.counts.malformed) == (1, 0)
    assert client.lastPong is not None


async def test_a_refused_subscription_ends_the_session(okx: Tapped) -> None:
    refusal = {"event": "error", "msg": "channel:books doesn't exist", "code": "60018"}
    client = okx.client
    waiting = client.future("books:BTC/USDT")
    client.handle_text_or_binary_message(orjson.dumps(refusal).decode())
    assert okx.ended or waiting.done()
    if waiting.done():
        assert waiting.exception() is not None


async def test_whatever_ends_the_socket_ends_the_session(okx: Tapped) -> None:
    client = okx.client
    client.reject(ConnectionError("reset by peer"))

    await asyncio.sleep(0)
    assert [str(error) for error in okx.ended] == ["reset by peer"]
