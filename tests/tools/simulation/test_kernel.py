"""The compiled kernel against the same account in plain decimals: the same trips, the same equity at every close."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.time import Timeframe
from risk.breakers import STANDARD
from tests.tools.simulation import reference
from tests.tools.simulation.markets import START_NS, candles, decimals, rates, wild, wishes
from tools.simulation import running
from tools.simulation.outcome import ExitReason
from tools.simulation.settings import Exits, Terms, tiers_of

N = 60
LADDER = ((0.03, 0.5), (0.08, 0.5))

terms = st.builds(
    Terms,
    capital=st.sampled_from([10_000.0, 250_000.0]),
    fee=st.sampled_from([0.0, 0.001]),
    slippage=st.sampled_from([0.0, 0.0005]),
    impact=st.sampled_from([0.0, 1.0]),
    participation=st.sampled_from([0.1, math.inf]),
    latency_ms=st.sampled_from([0.0, 60_000.0]),
    leverage=st.sampled_from([1.0, 1.0, 10.0]),
    max_asset=st.sampled_from([0.2, 0.5, 1.0]),
    max_gross=st.sampled_from([0.6, 1.0]),
    max_positions=st.sampled_from([1.0, math.inf]),
    shorts=st.booleans(),
    units=st.sampled_from([0.0, 0.0, 5.0]),
    band=st.sampled_from([0.0, 0.35]),
    tiers=st.sampled_from([(), tiers_of(STANDARD)]),
)
maybe = st.sampled_from
exits = st.builds(
    Exits,
    stop=maybe([None, 0.04, 0.15]),
    trail=maybe([None, 0.06]),
    chandelier=maybe([None, 2.0]),
    chandelier_bars=st.just(5),
    break_even=maybe([None, 0.03]),
    hold_bars=maybe([None, 4.0]),
    take=maybe([(), ((0.05, 1.0),), LADDER]),
)


@given(
    seed=st.integers(0, 10_000),
    symbols=st.integers(1, 3),
    gaps=st.booleans(),
    terms=terms,
    exits=exits,
)
@settings(max_examples=25, derandomize=True)
def test_the_kernel_and_a_slow_account_in_decimals_make_the_same_trips(
    seed: int, symbols: int, gaps: bool, terms: Terms, exits: Exits
) -> None:
    market, wanted = wild(seed, N, symbols, gaps=gaps), wishes(seed, N, symbols)
    ours = running.outcome(market, wanted, terms, exits)
    curve, account = reference.replay(
        candles(market), rates(market), decimals(wanted), [int(ns) for ns in market.close_ns], terms, exits
    )
    closed = [trade for trade in ours.trades if trade.reason is not ExitReason.END]
    told = [
        (market.symbols.index(t.symbol), t.direction, _row(t.opened_ns), _row(t.closed_ns) - 1, t.reason)
        for t in closed
    ]
    assert told == [(k, sign, opened, at, why) for k, sign, opened, at, _, _, why in account.trips]
    for trade, (_, _, _, _, quantity, profit, _) in zip(closed, account.trips, strict=True):
        assert trade.quantity == pytest.approx(float(quantity), rel=1e-9)
        assert trade.profit == pytest.approx(float(profit), rel=1e-6, abs=1e-6)
    assert ours.equity == pytest.approx([float(one) for one in curve], rel=1e-9, abs=1e-6)


def _row(ns: int) -> int:

    return (ns - START_NS) // Timeframe.H4.ns
