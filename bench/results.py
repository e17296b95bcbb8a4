"""The one command that makes docs/backtests.md: `python -m bench.results [--only trend desk ...]`.

Each strategy walked forward over BTC and ETH, 2018 to 2022, with costs, beside buying and holding; and the keyless desk
over the same years, its halts re-armed never, after a day and after a week. What was measured is kept as JSON in
`--cache`, and a desk that was killed goes on there; what is not in the cache is "not measured".
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.results_cells import (
    DESK,
    LIMITS,
    MARKETS,
    NEWS,
    READINGS,
    REARMS,
    SENTIMENT,
    STRATEGIES,
    Cell,
    measure,
)
from bench.results_page import page

ROOT = Path(__file__).resolve().parents[1]


def cells_of(only: Sequence[str]) -> list[Cell]:
    """Strategies first: they take seconds."""
    walked = [Cell(name, market, limits) for name in STRATEGIES for market in MARKETS for limits in LIMITS]
    desks = [Cell(DESK, " ".join(MARKETS), rearm) for rearm in REARMS]
    reading = [Cell(NEWS, months, way) for months in READINGS for way in SENTIMENT]
    return [cell for cell in (*walked, *reading, *desks) if cell.name in only]


def run(cell: Cell, cache: Path, shared: Path) -> str:
    """Measures one cell into the cache and says how long it took."""
    began = time.perf_counter()
    found = measure(cell, shared / "data", cache)
    part = cache / f"{cell.file}.part"
    part.write_text(json.dumps(found, allow_nan=False))
    part.replace(cache / cell.file)
    return f"{cell.title}: {time.perf_counter() - began:.0f} s"


def main() -> None:
    every = [*STRATEGIES, NEWS, DESK]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=every, choices=every, metavar="NAME", help=", ".join(every))
    parser.add_argument("--workers", type=int, default=1, help="cells measured side by side")
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "tradewarden-results")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "backtests.md")
    asked = parser.parse_args()
    asked.cache.mkdir(parents=True, exist_ok=True)
    missing = [cell for cell in cells_of(asked.only) if not (asked.cache / cell.file).exists()]
    print(f"{len(missing)} cells to measure", flush=True)
    with ProcessPoolExecutor(asked.workers) as pool:
        for told in pool.map(run, missing, *zip(*[(asked.cache, asked.shared)] * len(missing), strict=True)):
            print(told, flush=True)
    asked.page.write_text(page(asked.cache), encoding="utf-8")
    print(f"wrote {asked.page}")


if __name__ == "__main__":
    main()
