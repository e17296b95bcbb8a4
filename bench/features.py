"""What features cost: a table of all that bars alone give, beside pandas (`bench.by_pandas`), as ratios in one run.

`python -m bench.features [--bars N] [--rounds N]`. Both make the same numbers, which is checked before anything is
printed. Memory is the peak of what Python allocates from the inputs on, the result included, over that of the inputs.
"""

import argparse
import tracemalloc
from collections.abc import Callable
from statistics import median

import numpy as np

from bench.by_pandas import WRITTEN, table_of
from bench.timing import milliseconds, row, timed
from core.bars import Bars
from core.time import MINUTE_NS, Timeframe
from models.features import SERIES, SETS, Frame, Inputs, frame

# Of a feature's own deviation: what float32 and the other sums may differ by.
TOLERANCE = 1e-4


def market(n: int, seed: int = 7) -> Bars:
    """Minutes of a random walk in which every bar trades."""
    random = np.random.default_rng(seed)
    close = 30_000 * np.exp(np.cumsum(random.normal(0, 1e-3, n)))
    open_ = np.append(close[:1], close[:-1])
    reach = np.exp(np.abs(random.normal(0, 5e-4, (2, n))))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    open_ns = MINUTE_NS * np.arange(n, dtype=np.int64)
    return Bars("BTC/USDT", Timeframe.M1, open_ns, open_, high, low, close, random.exponential(10.0, n))


def size_of(inputs: Inputs) -> int:
    bars = inputs.bars
    arrays = (bars.open_ns, bars.open, bars.high, bars.low, bars.close, bars.volume, *inputs.series.values())
    return sum(array.nbytes for array in arrays)


def peak_of(inputs: Inputs, names: tuple[str, ...]) -> int:
    """Bytes at most in use for a table beside its inputs."""
    tracemalloc.start()
    frame(inputs, names)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def main(n: int, rounds: int) -> None:
    bars = market(n)
    inputs, table, names = Inputs(bars), table_of(bars), SETS["bars"]
    kernels = tuple(name for name in names if WRITTEN[name].kernels)
    made: list[Frame] = []
    by_pandas: dict[str, int] = {}
    for name in names:
        column, took = _with_time(lambda name=name: WRITTEN[name].measure(table))
        by_pandas[name] = took
        _same(name, column.to_numpy(), frame(inputs, (name,)).values[:, 0])
    ours = [timed(lambda: made.append(frame(inputs, names)) or made.clear()) for _ in range(rounds)]
    ours_kernels = [timed(lambda: frame(inputs, kernels)) for _ in range(rounds)]
    row(f"{n:,} bars", "pandas, ms", "ours, ms", "times faster")
    slow = sum(by_pandas.values())
    fast = sum(by_pandas[name] for name in kernels)
    row(f"all {len(names)} features", f"{slow / 1e6:,.0f}", *_against(slow, ours))
    row(f"the {len(kernels)} that pandas has kernels for", f"{fast / 1e6:,.0f}", *_against(fast, ours_kernels))
    for name in sorted(set(names) - set(kernels)):
        alone = [timed(lambda name=name: frame(inputs, (name,))) for _ in range(rounds)]
        row(f"  {name} alone", f"{by_pandas[name] / 1e6:,.0f}", *_against(by_pandas[name], alone))
    print()
    recorded = Inputs(bars, {name: np.random.default_rng(1).random(n) for name in SERIES})
    row("memory", "inputs, MB", "peak, MB", "times")
    for said, given, of in (("bars alone", inputs, names), ("with every series", recorded, SETS["all"])):
        size, peak = size_of(given), peak_of(given, of)
        row(f"{len(of)} features, {said}", f"{size / 1e6:.0f}", f"{peak / 1e6:.0f}", f"{peak / size:.2f}")


def _with_time(work: Callable[[], object]) -> tuple[object, int]:
    found: list[object] = []
    took = timed(lambda: found.append(work()))
    return found[0], took


def _against(reference_ns: int, samples: list[int]) -> tuple[str, str]:
    return f"{milliseconds(samples):,.0f}", f"{reference_ns / median(samples):.1f}"


def _same(name: str, theirs: np.ndarray, ours: np.ndarray) -> None:
    """Refuses to compare the time of different numbers."""
    known = np.isfinite(ours)
    apart = np.abs(theirs[known] - ours[known]).max() / np.std(theirs[known])
    if not apart < TOLERANCE or known.sum() < 0.9 * len(ours):
        raise SystemExit(f"{name}: ours and pandas' differ by {apart:.1e} deviations")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bars", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    main(asked.bars, asked.rounds)
