from decimal import Decimal

import numpy as np
import pytest

from emulator.path import MINUTE_MS, PricePath

T0 = 1_600_000_200_000 // MINUTE_MS * MINUTE_MS
HOUR_MS = 60 * MINUTE_MS


def path(seed: int = 7, symbol: str = "BTC/USDT", ahead_ms: int = 0) -> PricePath:
    tick, lot = Decimal("0.01"), Decimal("0.00001")
    return PricePath(seed, symbol, price=Decimal(60_000), tick=tick, lot=lot, ahead_ms=ahead_ms)


def test_the_same_seed_is_the_same_market() -> None:
    ours, again = path().bars(MINUTE_MS, T0, 300), path().bars(MINUTE_MS, T0, 300)
    assert np.array_equal(ours.close, again.close)
    assert np.array_equal(ours.volume, again.volume)


@pytest.mark.parametrize("other", [path(seed=8), path(symbol="ETH/USDT")])
def test_another_seed_or_symbol_is_another_market(other: PricePath) -> None:
    assert not np.array_equal(path().bars(MINUTE_MS, T0, 300).close, other.bars(MINUTE_MS, T0, 300).close)


def test_a_candle_does_not_depend_on_the_page_in_which_it_was_asked_for() -> None:
    page = path().bars(MINUTE_MS, T0, 500)
    assert path().bars(MINUTE_MS, T0 + 217 * MINUTE_MS, 1).close[0] == page.close[217]


def test_an_hour_is_the_aggregate_of_its_minutes() -> None:
    hour, minutes = path().bars(HOUR_MS, T0, 2), path().bars(MINUTE_MS, T0, 120)
    assert hour.open.tolist() == [minutes.open[0], minutes.open[60]]
    assert hour.close.tolist() == [minutes.close[59], minutes.close[119]]
    assert hour.high[1] == minutes.high[60:].max()
    assert hour.low[1] == minutes.low[60:].min()
    assert hour.volume.sum() == minutes.volume.sum()


def test_every_candle_is_whole_and_opens_where_the_one_before_closed() -> None:
    bars = path().bars(MINUTE_MS, T0, 5_000)
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.volume > 0).all()
    assert np.array_equal(bars.open[1:], bars.close[:-1])


def test_a_forming_candle_stays_inside_what_it_will_be() -> None:
    whole = path().bars(HOUR_MS, T0, 1)
    for elapsed in (1, MINUTE_MS, 17 * MINUTE_MS + 31_000, HOUR_MS - 1):
        forming = path().partial(HOUR_MS, T0, T0 + elapsed)
        assert forming.open[0] == whole.open[0]
        assert whole.low[0] <= forming.low[0] <= forming.close[0] <= forming.high[0] <= whole.high[0]
        assert forming.volume[0] <= whole.volume[0]


def test_a_path_that_is_behind_its_callers_moments_is_the_same_path_later() -> None:
    behind = PricePath(
        7, "BTC/USDT", price=Decimal(60_000), tick=Decimal("0.01"), lot=Decimal("0.00001"), ahead_ms=HOUR_MS
    )
    ours, later = path().bars(MINUTE_MS, T0, 60), behind.bars(MINUTE_MS, T0 + HOUR_MS, 60)
    assert np.array_equal(later.open_ms, ours.open_ms + HOUR_MS)
    for column in ("open", "high", "low", "close", "volume", "trades"):
        assert np.array_equal(getattr(later, column), getattr(ours, column))
