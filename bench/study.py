"""The one command that makes docs/models.md: `python -m bench.study [--only xgboost ...] [--workers 1]`.

Every forecaster on BTC and ETH bars of 1h, 4h and 1d, walk-forward over all years, beside the naive baselines on the
same rows. A cell is one forecaster on one market; it is kept as JSON in `--cache` with the budget that it was measured
with, so that the study can be run in parts and taken up again. What is not in the cache is "not measured" on the page.
"""

import argparse
import json
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.study_cells import COMPOSITES, FORECASTERS, MARKETS, SENTIMENT, TIMEFRAMES, Budget, Cell, measure
from bench.study_page import page

ROOT = Path(__file__).resolve().parent.parent


def cells_of(only: list[str], markets: list[str], timeframes: list[str]) -> list[Cell]:
    """The cells asked for, the cheap ones first: the daily bars, then the coarser, then the finest."""
    order = [name for name in (*FORECASTERS, *COMPOSITES) if name in only]
    found = [
        Cell(name, market, timeframe)
        for timeframe in sorted(timeframes, key=TIMEFRAMES.index, reverse=True)
        for name in order
        for market in markets
        if name not in COMPOSITES or timeframe != "1d"
    ]
    return [*found, Cell(SENTIMENT, "texts", "")] if SENTIMENT in only else found


def fresh(cell: Cell, cache: Path, budget: Budget) -> bool:
    """Whether a cell has been measured already with this budget."""
    file = cache / cell.file
    if not file.exists():
        return False
    spent = json.loads(file.read_text())["budget"]
    return all(spent.get(key) == value for key, value in budget.told(cell.name).items())


def run(cell: Cell, cache: Path, shared: Path, budget: Budget) -> str:
    """Measures one cell into the cache and says how long it took, or what was in its way."""
    began = time.perf_counter()
    found = measure(cell, shared / "data", cache, budget)
    took = time.perf_counter() - began
    part = cache / f"{cell.file}.part"
    part.write_text(json.dumps({"cell": cell.told(), "budget": budget.told(cell.name), "seconds": took, **found}))
    part.replace(cache / cell.file)
    return f"{cell.title}: {took:.0f} s"


def main() -> None:
    every = [*FORECASTERS, *COMPOSITES, SENTIMENT]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=every, choices=every, metavar="NAME", help=", ".join(every))
    parser.add_argument("--markets", nargs="*", default=list(MARKETS), choices=list(MARKETS))
    parser.add_argument("--timeframes", nargs="*", default=list(TIMEFRAMES), choices=list(TIMEFRAMES))
    parser.add_argument("--folds", type=int, default=Budget.folds)
    parser.add_argument("--epochs", type=int, default=Budget.epochs, help="the most that a network is given")
    parser.add_argument("--workers", type=int, default=1, help="cells measured side by side")
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "tradewarden-study")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "models.md")
    parser.add_argument("--page-only", action="store_true", help="measure nothing, write the page of what is there")
    asked = parser.parse_args()
    asked.cache.mkdir(parents=True, exist_ok=True)
    budget = Budget(folds=asked.folds, epochs=asked.epochs)
    wanted = [] if asked.page_only else cells_of(asked.only, asked.markets, asked.timeframes)
    missing = [cell for cell in wanted if not fresh(cell, asked.cache, budget)]
    print(f"{len(missing)} of {len(wanted)} cells to measure", flush=True)
    if asked.workers == 1:
        for cell in missing:
            print(run(cell, asked.cache, asked.shared, budget), flush=True)
    else:
        with ProcessPoolExecutor(asked.workers) as pool:
            for told in pool.map(
                run, missing, *zip(*[(asked.cache, asked.shared, budget)] * len(missing), strict=True)
            ):
                print(told, flush=True)
    asked.page.write_text(page(asked.cache), encoding="utf-8")
    print(f"wrote {asked.page}")


if __name__ == "__main__":
    main()
