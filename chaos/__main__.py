"""A seeded campaign of order lives against a broken venue, with processes that are killed.

    make chaos                                         2,000 lives, on two workers
    python -m chaos --lives 200 --seed 7
    python -m chaos --only 7:113                       one life of that campaign, alone
    python -m chaos --venue kraken --lives 60          at another venue; --kind perpetual for contracts
    python -m chaos day --orders 10000                 a day by an accelerated clock

Every life has a venue of its own, real HTTP, real books. The judge reads the venue's own books and the ledger, nothing
else. The last line says what it found; the campaign fails on anything, and where it did not cover what it must.
"""

import argparse
import sys
import time

from chaos.campaign import Tally, campaign
from chaos.plan import LIVES
from chaos.plants import PLANTS
from chaos.surfaces import BINANCE, SURFACES, VENUES
from core.instruments import ContractKind


def main() -> int:
    asked = _arguments()
    if asked.what == "day":
        from chaos.day import day

        return day(asked.seed, asked.orders)
    seed, numbers = asked.seed, range(asked.first, asked.first + asked.lives)
    if asked.only:
        seed, number = (int(part) for part in asked.only.split(":"))
        numbers = range(number, number + 1)
    began = time.monotonic()
    tally = campaign(seed, numbers, asked.workers, asked.plant, where=asked.where, quiet=False)
    print(f"seed {seed}: {time.monotonic() - began:,.0f} s on {asked.workers} workers")
    return said(tally, whole=len(numbers) >= LIVES)


def said(tally: Tally, *, whole: bool) -> int:
    thin = tally.thin() if whole else []
    print(*tally.lines(), *tally.words, *thin, tally.last_line(), sep="\n")
    return 1 if tally.found or thin else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=("lives", "day"), default="lives")
    parser.add_argument("--lives", type=int, default=LIVES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--first", type=int, default=0, help="number of the first life")
    parser.add_argument("--venue", choices=VENUES, default="binance")
    parser.add_argument("--kind", choices=tuple(ContractKind), default=ContractKind.SPOT)
    parser.add_argument("--only", default="", help="SEED:LIFE")
    parser.add_argument("--orders", type=int, default=10_000, help="of a day")
    parser.add_argument("--plant", choices=PLANTS, help="a mistake that must be found")
    asked = parser.parse_args()
    asked.where = f"{asked.venue} {asked.kind}"
    if asked.where not in SURFACES:
        parser.error(f"the emulated venue has {', '.join(SURFACES)}; found {asked.where}")
    if asked.what == "day" and asked.where != BINANCE:
        parser.error(f"a day is worked at {BINANCE}; found {asked.where}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
