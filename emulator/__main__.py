"""`python -m emulator --port 0`: the venue as a process. Prints its address, then serves until it is told to stop."""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from pathlib import Path

from core.errors import ConfigError
from emulator.binance.budget import WEIGHT
from emulator.listings import STANDARD, made_up
from emulator.server import Emulator


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m emulator", description="An exchange on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--seed", type=int, default=7, help="the same seed is the same market")
    parser.add_argument("--faults", type=Path, help="a JSON file with a list of rules, see emulator/faults.py")
    parser.add_argument("--weight", type=int, default=WEIGHT, help="request weight a minute before 429")
    parser.add_argument("--symbols", type=int, default=0, help="this many made-up pairs beside the standard ones")
    asked = parser.parse_args()
    try:
        rules = json.loads(asked.faults.read_text()) if asked.faults else []
        venue = Emulator(
            port=asked.port,
            seed=asked.seed,
            rules=rules,
            weight_limit=asked.weight,
            listings=(*STANDARD, *made_up(asked.symbols)),
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
