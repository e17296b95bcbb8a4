"""What was known at a moment, found without looking at everything that is stored."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.bars import Bars
from core.time import HOUR_NS
from market.store.versions import Versions, taken
from tests.market.store.material import T0, hours

# position: hours after the close at which each version became known
HISTORY = st.dictionaries(
    st.integers(0, 40), st.lists(st.integers(0, 30), min_size=1, max_size=3, unique=True), min_size=1
)


def versions_of(history: dict[int, list[int]]) -> Versions:
    rows = [(p, late) for p, lates in sorted(history.items()) for late in sorted(lates)]
    bars = hours([float(i + 1) for i in range(len(rows))], at=[p for p, _ in rows])
    known = bars.open_ns + HOUR_NS * (1 + np.array([late for _, late in rows], dtype=np.int64))
    return Versions.of(bars, known)


def naive(versions: Versions, as_of_ns: int) -> list[tuple[int, float]]:
    rows = zip(versions.rows.open_ns.tolist(), versions.known_ns.tolist(), versions.rows.close.tolist(), strict=True)
    return sorted({open_ns: close for open_ns, known_ns, close in rows if known_ns <= as_of_ns}.items())


def pairs(bars: Bars) -> list[tuple[int, float]]:
    return list(zip(bars.open_ns.tolist(), bars.close.tolist(), strict=True))


@given(history=HISTORY, hour=st.integers(0, 75), n=st.integers(0, 45))
def test_the_last_known_bars_are_those_of_a_naive_filter(history: dict[int, list[int]], hour: int, n: int) -> None:
    versions, as_of = versions_of(history), T0 + hour * HOUR_NS
    expected = naive(versions, as_of)
    assert pairs(versions.known(as_of)) == expected
    assert pairs(versions.tail(as_of, n)) == expected[len(expected) - min(n, len(expected)) :]
    newest = versions.newest_known_ns(as_of)
    if not expected:
        assert newest == -1
    else:
        at = [i for i, open_ns in enumerate(versions.rows.open_ns.tolist()) if open_ns == expected[-1][0]]
        assert newest == max(k for k in versions.known_ns[at].tolist() if k <= as_of)


@given(history=HISTORY, hour=st.integers(0, 75), more=st.integers(0, 40))
def test_what_happened_in_between_is_newer_than_the_newest_and_known_at_the_end(
    history: dict[int, list[int]], hour: int, more: int
) -> None:
    versions, after = versions_of(history), T0 + hour * HOUR_NS
    until = after + more * HOUR_NS
    before = naive(versions, after)
    newest = before[-1][0] if before else -1
    assert pairs(versions.fresh(after, until)) == [pair for pair in naive(versions, until) if pair[0] > newest]


@given(history=HISTORY)
def test_every_moment_brings_a_newer_bar_and_no_newer_bar_comes_without_one(history: dict[int, list[int]]) -> None:
    versions = versions_of(history)
    moments = versions.moments().tolist()
    assert moments == sorted(set(moments))
    for at in {*moments, *versions.known_ns.tolist()}:
        assert (len(versions.fresh(at - 1, at)) > 0) == (at in moments)


def test_bars_of_one_version_are_views_and_not_copies() -> None:
    bars = hours([1.0, 2.0, 3.0])
    assert np.shares_memory(Versions.closed(bars).known(T0 + 2 * HOUR_NS).close, bars.close)
    assert not np.shares_memory(taken(bars, np.array([0, 1])).close, bars.close)
