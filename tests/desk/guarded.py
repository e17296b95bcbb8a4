"""A desk that only beats, as a process. What is watched over comes on standard input; it ends by SIGTERM, or worse."""

import asyncio
import json
import signal
import sys

from desk.guarding import guarded
from desk.watchdog import Charge
from execution.venues.exchange.client import Keys

BEATS_S = 0.2


async def main() -> None:
    said = json.loads(sys.stdin.readline())
    keys = Keys(*said.pop("keys"))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with guarded(Charge.told(said), keys) as watchdog:
        print(watchdog.pid, flush=True)
        while not ended.is_set():
            watchdog.beat()
            await asyncio.sleep(BEATS_S)


if __name__ == "__main__":
    asyncio.run(main())
