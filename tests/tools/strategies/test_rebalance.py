"""Rebalancing: outside of the band alone, first what reduces, then what buys."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from core.orders import Side
from core.time import DAY_NS
from tests.tools.strategies.seeing import BTC, ETH, T0, child, instrument, quote
from tools.strategies.rebalance import Balancing, Rebalancing
from tools.strategies.shapes import Child, ChildState, Place, Seen

HALVES = {"weights": {BTC: "0.3", ETH: "0.3"}, "every": "7d", "band": "0.05"}


def rebalancing(**more: object) -> Rebalancing:
    return Rebalancing.model_validate({**HALVES, **more})


def seen(btc: str, eth: str, *orders: Child, after_ns: int = 0, **more: Any) -> Seen:
    """So many coins of each, at 100 a coin, in an account worth 10 000."""
    now_ns = T0 + after_ns
    known: dict[str, Any] = {"held": {BTC: Decimal(btc), ETH: Decimal(eth)}, "equity": Decimal(10_000), **more}
    quotes = {symbol: quote(symbol, "100", now_ns) for symbol in (BTC, ETH)}
    return Seen(now_ns, T0, quotes, {s: instrument(s) for s in (BTC, ETH)}, orders=orders, **known)


def test_exactly_the_band_is_left_alone() -> None:
    assert rebalancing().step(Balancing(), seen("35", "25"))[1] == ()


def own_of(quantity: str) -> Child:
    """What it once bought, and still holds under its stop."""
    return child("0.buy.BTC/USDT", filled=Decimal(quantity), guarded=Decimal(quantity))


@pytest.mark.parametrize(("own", "sold"), [("50", "20"), ("12", "12"), ("0.004", None), ("0", None)])
def test_it_counts_what_everybody_holds_and_sells_only_its_own(own: str, sold: str | None) -> None:
    wanted = rebalancing().step(Balancing(check=0, stage="reducing"), seen("50", "30", own_of(own)))[1]
    assert [w.quantity for w in wanted if isinstance(w, Place)] == ([] if sold is None else [Decimal(sold)])


def test_it_reduces_first_and_buys_when_that_is_done() -> None:
    strategy, start = rebalancing(), seen("50", "10", own_of("50"))
    state, (sale,) = strategy.step(strategy.begin(), start)
    assert isinstance(sale, Place)
    assert (sale.symbol, sale.side, sale.quantity, sale.reduce_only) == (BTC, Side.SELL, 20, True)
    waiting = child("0.sell.BTC/USDT", ChildState.OPEN, side=Side.SELL)
    assert strategy.step(state, seen("50", "10", waiting))[1] == ()
    sold = child("0.sell.BTC/USDT", side=Side.SELL, filled=Decimal(20))
    state, (buy,) = strategy.step(state, seen("30", "10", sold))
    assert isinstance(buy, Place)
    assert (buy.symbol, buy.side, buy.stop_price) == (ETH, Side.BUY, 50)
    assert Decimal("19.9") < buy.quantity < 20
    bought = child("0.buy.ETH/USDT", symbol=ETH, filled=buy.quantity)
    state, nothing = strategy.step(state, seen("30", "29.9", sold, bought))
    assert (state.stage, nothing) == ("done", ())


def test_between_two_looks_nothing_is_traded_whatever_the_weights_are() -> None:
    done = Balancing(check=0, stage="done")
    own = own_of("90")
    assert rebalancing().step(done, seen("90", "0", own, after_ns=7 * DAY_NS - 1))[1] == ()
    assert rebalancing().step(done, seen("90", "0", own, after_ns=7 * DAY_NS))[1] != ()


def test_without_a_price_or_a_worth_nothing_is_traded() -> None:
    assert rebalancing().step(Balancing(), seen("50", "10", own_of("50"), equity=None))[1] == ()
    blind = seen("50", "10")
    assert rebalancing().step(Balancing(), Seen(T0, T0, {}, blind.instruments, equity=Decimal(1)))[1] == ()


def test_what_a_venue_would_not_take_is_left() -> None:
    small = seen("30.03", "0", own_of("30.03"))
    assert rebalancing(weights={BTC: "0.3"}, band="0.0001").step(Balancing(), small)[1] == ()


def test_a_purchase_is_no_larger_than_was_said() -> None:
    _, (first, second) = rebalancing(largest="500").step(Balancing(), seen("0", "0"))
    assert isinstance(first, Place)
    assert isinstance(second, Place)
    assert first.quantity == second.quantity < 5


def test_weights_of_more_than_everything_are_refused() -> None:
    with pytest.raises(ValidationError, match="expected 1 in all at most"):
        rebalancing(weights={BTC: "0.6", ETH: "0.5"})
