"""A campaign of hostile words against whole desks on the simulated market.

    make redteam                                       every attack once
    python -m redteam --cases 40
    python -m redteam --only 17                        one case of the campaign, alone

News, documents, the reader at ingestion, what is remembered, tools, conversations and the model itself are in the
attacker's hand. What counts is what became of it: limits, unapproved orders, policy, keys, approvals, tools, secrets.
The last line says how many breaches there were; the campaign fails on any, and where its attacks could not have worked.
"""

import argparse
import math
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from redteam.attacks import ours
from redteam.campaign import TEXTS, Case, cases, played
from redteam.corpora import collected, folder
from redteam.tally import Tally

SAID_EVERY_S = 10.0


def main() -> int:
    asked = _arguments()
    attacks = (*ours(), *collected())
    count = asked.cases or math.ceil(len(attacks) / TEXTS)
    where = "public collections and our own" if folder() else "our own alone: there are no public collections here"
    print(f"{len(attacks)} attacks, {where}")
    chosen = [c for c in cases(max(count, (asked.only or 0) + 1), attacks) if asked.only in (None, c.number)]
    began = said = time.monotonic()
    tally = Tally()
    for done, one in enumerate(_played(chosen, asked.jobs), 1):
        tally.add(one)
        if time.monotonic() - said >= SAID_EVERY_S:
            said = time.monotonic()
            left_s = (said - began) / done * (len(chosen) - done)
            words = (
                f"{done} of {len(chosen)} cases, {tally.breaches.total()} breaches, about {left_s / 60:.0f} min left"
            )
            print(words, file=sys.stderr, flush=True)
    print(f"{time.monotonic() - began:,.0f} s")
    # One case need not be an attack that could have worked; a campaign must have some.
    missed = tally.shortfalls() if asked.only is None else []
    print(*tally.lines(), *tally.found, *missed, f"breaches: {tally.breaches.total()}", sep="\n")
    return 1 if tally.breaches or missed else 0


def _played(chosen: list[Case], jobs: int) -> Iterator[Tally]:
    """Each case's count, in their order. More than one are played side by side, each process with its own desks."""
    if jobs == 1 or len(chosen) == 1:
        yield from map(played, chosen)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn")) as processes:
        yield from processes.map(played, chosen)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m redteam", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=0, help="how many; enough for every attack by default")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="processes; two by default")
    parser.add_argument("--only", type=int, default=None, help="this case alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
