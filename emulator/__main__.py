"""`python -m emulator --port 0`: the venue as a process. Prints its address, then serves until it is told to stop."""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from pathlib import Path

from core.errors import ConfigError
from core.time import ManualClock, parse_time
from emulator.binance.budget import ORDERS_10S, WEIGHT
from emulator.clock import MS_NS, START_NS, VenueClock
from emulator.listings import STANDARD, made_up
from emulator.server import Emulator

_CLOCKS = """clocks:
  wall     time passes by itself
  stepped  requests and fills are stamped with the wall's time, but the markets move only by POST /control/step,
           along the path of the seed: the same steps are the same prices
  manual   all time begins at 2024-01-01 and moves only by POST /control/step; clients must live by it too
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m emulator",
        description="An exchange on 127.0.0.1: Binance spot and USD-margined contracts, Kraken, Bybit.",
        epilog=_CLOCKS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--seed", type=int, default=7, help="the same seed is the same market")
    parser.add_argument("--clock", choices=("wall", "stepped", "manual"), default="wall", help="see below")
    parser.add_argument("--begins", help="where on its path a market of the wall clock opens; else this hour")
    parser.add_argument("--control", action="store_true", help="serve /control, see emulator/control.py")
    parser.add_argument("--faults", type=Path, help="a JSON file with a list of rules, see emulator/faults.py")
    parser.add_argument("--weight", type=int, default=WEIGHT, help="request weight a minute before 429")
    parser.add_argument("--orders", type=int, default=ORDERS_10S, help="orders in ten seconds before 429")
    parser.add_argument("--symbols", type=int, default=0, help="this many made-up pairs beside the standard ones")
    asked = parser.parse_args()
    try:
        if asked.clock != "wall" and not asked.control:
            raise ConfigError(f"--clock {asked.clock} needs --control: nothing else could move it")
        rules = json.loads(asked.faults.read_text()) if asked.faults else []
        source = ManualClock(START_NS) if asked.clock == "manual" else None
        venue = Emulator(
            port=asked.port,
            seed=asked.seed,
            clock=VenueClock(source, stepped=asked.clock == "stepped"),
            begins_ms=None if asked.begins is None else parse_time(asked.begins) // MS_NS,
            rules=rules,
            weight_limit=asked.weight,
            orders_limit=asked.orders,
            listings=(*STANDARD, *made_up(asked.symbols)),
            control=asked.control,
        )
        asyncio.run(_serve(venue))
    except (OSError, ValueError, ConfigError) as error:
        print(f"emulator: {error}", file=sys.stderr)
        return 2
    return 0


async def _serve(venue: Emulator) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # not everywhere can a loop hear signals
            loop.add_signal_handler(number, stop.set)
    async with venue:
        print(venue.base_url, flush=True)
        await stop.wait()


if __name__ == "__main__":
    raise SystemExit(main())
