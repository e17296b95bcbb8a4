"""`warden demo --venue emulator`: the demo over real HTTP and WebSockets, at an exchange on this machine.

A process of its own plays the venue. The desk is the one that would go live: keys, streams, reconciliation, a watchdog,
and orders that travel.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any, Final

from api.cli import show
from api.cli.console import console, print_json
from api.cli.ordering import shown_orders
from core.canonical import JSON, plain
from core.errors import ConfigError, ExchangeUnavailable
from desk import ordering, reports
from desk.home import Home
from desk.live import LiveCommand, LiveDesk, open_live
from desk.settings import Settings, load, parse
from memory.books import accounts, records

VENUE: Final = "emulator"
SYMBOLS: Final = ("BTC/USDT", "ETH/USDT")
# The emulated venue's own, and good nowhere else.
_KEYS: Final = {
    "TRADEWARDEN_BINANCE_KEY": "emulator-key",
    "TRADEWARDEN_BINANCE_SECRET": "emulatorsecret00",  # pragma: allowlist secret
}
# A market in which both rise, whenever it is, so that there is something to decide.
_RISING: Final = ("--seed", "13", "--begins", "2024-01-01")
_SHARE: Final = Decimal("0.05")
_START_S: Final = 20.0
_FILLS_S: Final = 20.0


def run(venue: str, *, json: bool) -> None:
    if venue != VENUE:
        raise ConfigError(f"--venue is {venue!r}: the demo runs on the simulated market, or at the {VENUE}")
    home = Home.find()
    own = load(home)
    with _venue() as url:
        endpoints = {"binance": {"rest": url}}
        told = {"mode": "testnet", "venue": {"name": "binance", "endpoints": endpoints}, "account": {"id": "demo"}}
        # The emulated account is rich: a twentieth of it is less than what any one order may be worth.
        risk = {**own.risk.model_dump(), "max_asset_exposure": min(own.risk.max_asset_exposure, _SHARE)}
        settings = parse({**told, "risk": risk}, "the settings of the demo")
        report = asyncio.run(_cycle(home, settings))
    if json:
        print_json({"venue": url, **report})
        return
    console.print(f"binance, played by {url}: REST and WebSockets, spoken by the desk's own client", style="dim")
    for finding in report["readiness"]:
        console.print(f"  {finding['part']}: {finding['found']}", style="dim")
    show.decision(report["record"])
    if report["orders"]:
        shown_orders(report["orders"])
    _ending(report)


async def _cycle(home: Home, settings: Settings) -> JSON:
    async with open_live(home, settings, _KEYS, LiveCommand(SYMBOLS)) as live, live.running():
        cycle = await live.decide()
        await live.settled(_FILLS_S)
        await live.desk.watch.step()  # which has its stops rest at the venue
        return await _told(live, cycle.cycle_id)


async def _told(live: LiveDesk, cycle_id: str) -> JSON:
    desk = live.desk
    reconciled = await desk.watch.reconcile()

    def read(conn: Any) -> JSON:
        account = accounts.account(conn, desk.account_id)
        return {
            "account": reports.portfolio(conn, account, desk.market),
            "record": reports.record_report(conn, records.find(conn, cycle_id)),
            "orders": ordering.listing(conn, desk.account_id, live=False, limit=20),
            "journal": reports.verified(conn, desk.account_id),
        }

    shown = desk.books.read(read)
    return plain({**shown, "reconciled": reconciled, "readiness": live.readiness, "troubles": live.troubles})


def _ending(report: JSON) -> None:
    found, journal = report["reconciled"], report["journal"]
    if found["mismatches"]:
        console.print(f"[bold red]✗ the venue and the books disagree[/]: {found['mismatches']}")
    else:
        console.print("[bold green]✓ reconciled[/] the venue and the books hold the same")
    if journal["ok"]:
        console.print(f"[bold green]✓ journal verified[/] {journal['entries']} entries, one chain")
    console.print(f"  account {report['account']['account']}", style="dim")


@contextmanager
def _venue() -> Iterator[str]:
    command = [sys.executable, "-m", "emulator", *_RISING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url.startswith("http"):
                raise ExchangeUnavailable("the emulated venue did not start: `python -m emulator` says why")
            yield url
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_START_S)
            process.kill()
