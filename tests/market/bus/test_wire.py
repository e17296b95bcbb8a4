from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bars import Bar
from core.errors import DataRefused
from core.money import Price, Quantity
from core.orders import Side
from core.quotes import Book, Level
from core.taint import Taint
from core.time import Timeframe
from market.bus.wire import decode, encode
from market.orderbooks.sequenced import SequencedBook
from market.streams.events import BookState, BookView, Candle, Ticker, Trade
from tests.market.orderbooks.venues import BINANCE, history
from tests.market.store.material import text

AMOUNTS = st.decimals(min_value="0.00000001", max_value="1000000000", allow_nan=False).map(Price)
TIMES = st.integers(0, 2**62)


@given(price=AMOUNTS, quantity=AMOUNTS, at=TIMES, side=st.sampled_from(Side), name=st.text())
def test_a_trade_comes_back_digit_by_digit(price: Price, quantity: Price, at: int, side: Side, name: str) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        return
    trade = Trade(at, at + 1, name, side, price, Quantity(quantity))
    assert str(decode(encode(trade))) == str(trade)


def test_a_candle_and_a_ticker_come_back_as_they_were() -> None:
    bar = Bar("BTC/USDT", Timeframe.M1, 60, Decimal("1.10"), Decimal(2), Decimal(1), Decimal("1.5"), Decimal(0))
    for event in (Candle(bar, 61), Ticker(1, 2, Price(Decimal("0.1")), None, Price(Decimal(3)))):
        assert str(decode(encode(event))) == str(event)


def test_a_book_leaves_the_process_as_it_is_when_it_is_looked_at() -> None:
    told = history(1, 2)
    book = SequencedBook("BTC/USDT")
    view = BookView(book)
    assert decode(encode(view)) == BookState("syncing", None, "", 0, 0, None)
    assert book.load(BINANCE.snapshot(told[0]), 7)
    state = decode(encode(view))
    assert isinstance(state, BookState)
    assert state == view.look() == state.look()
    assert state.book is not None
    assert state.book.bids[0] == Level(*told[0].view(1)[0][0])  # type: ignore[arg-type]
    book.receive({**BINANCE.update(told[1], told[2])}, 8)
    assert decode(encode(view)) == BookState("invalid", "gap", book.detail, 100, 7, None)


def test_an_empty_side_is_no_error_on_the_wire() -> None:
    state = BookState("valid", None, "", 1, 2, Book("BTC/USDT", 3, (), ()))
    assert decode(encode(state)) == state


def test_what_has_no_form_is_refused_on_the_way_out() -> None:
    with pytest.raises(TypeError, match="dict has no form on the wire, known are trade, candle, ticker, book, text"):
        encode({"a": 1})


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"7", b'{"kind":"weather"}', b'{"kind":"trade"}', b"\xff"])
def test_what_nobody_wrote_is_refused_on_the_way_in(content: bytes) -> None:
    with pytest.raises(DataRefused, match="on the bus"):
        decode(content)


def test_a_text_comes_back_with_its_taint_and_what_was_hidden_in_it() -> None:
    item = text("Ünïcode", 5, taint=Taint.HOSTILE, assets=("BTC", ""), concealed=(("hidden", 2),))
    assert decode(encode(item)) == item
