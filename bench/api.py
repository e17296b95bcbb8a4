"""`GET /v1/signals` with its key checked, beside a plain FastAPI route that returns as many signals as dicts.

Both in one process and one run, alternating, straight at the ASGI application: no socket and no client of theirs is
measured. Then how long `warden up` takes to be ready, in processor time.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from time import process_time_ns
from typing import Any

from fastapi import FastAPI

from api.rest.app import application, serving
from api.rest.feed import document
from bench.timing import row
from desk import access
from desk.clock import SystemClock
from desk.home import Home
from desk.settings import parse
from memory.books import signals as stored
from memory.books.database import Books
from tests.desk.desks import BUYS_ETH, fresh_home, moment, run

SIGNALS = 20
REQUESTS = 300
ROUNDS = 9


async def ask(app: Any, path: str, headers: list[tuple[bytes, bytes]]) -> bytes:
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers,
        "server": ("127.0.0.1", 1), "client": ("127.0.0.1", 2),
    }  # fmt: skip
    body, status = b"", 0

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal body, status
        status = message.get("status", status)
        body += message.get("body", b"")

    await app(scope, receive, send)
    assert status == 200, body
    return body


def plain(lines: list[Any]) -> FastAPI:
    app = FastAPI()

    @app.get("/signals")
    async def signals() -> Any:
        return {"signals": lines, "next": None}

    return app


async def measured(home: Home) -> None:
    settings = parse({"api": {"requests_per_minute": 1_000_000}}, "the bench")
    with Books.open(home.database_url) as books:
        async with serving(home, settings, books) as at:
            said: Any = {"person": False, "expires_ns": None, "third_parties": False, "by": "bench"}
            now_ns = SystemClock().now_ns()
            _, key = books.write(lambda conn: access.create(conn, "bench", ["signals:read"], now_ns=now_ns, **said))
            account = at.feed.account_id
            assert account is not None
            newest = books.read(lambda conn: stored.latest(conn, account))
            at.feed.latest = document((newest * SIGNALS)[:SIGNALS])
            lines = json.loads(at.feed.latest)["signals"]
            headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {key.reveal()}".encode())]
            ways = {
                "20 signals as dicts, no key": (plain(lines), "/signals", [(b"host", b"127.0.0.1")]),
                "GET /v1/signals with its key": (application(at), "/v1/signals", headers),
            }
            assert len({len(json.loads(await ask(*way))["signals"]) for way in ways.values()}) == 1
            taken: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(ROUNDS):
                for name, way in ways.items():
                    started = process_time_ns()
                    for _ in range(REQUESTS):
                        await ask(*way)
                    taken[name].append((process_time_ns() - started) / REQUESTS / 1e6)
    (slow, fast) = (median(each) for each in taken.values())
    row("a request, p50 of rounds", "ms of CPU", "times faster")
    for name, each in taken.items():
        row(name, f"{median(each):.3f}", f"{slow / median(each):.1f}x")
    assert fast > 0


def start_up(home: Home) -> float:
    """Processor seconds from nothing to the report that says it is ready, and the end."""
    before = getrusage(RUSAGE_CHILDREN)
    warden = str(Path(sys.executable).with_name("warden"))
    environment = {**os.environ, "TRADEWARDEN_HOME": str(home.path)}
    command = [warden, "up", "--port", "0", "--json"]
    with subprocess.Popen(command, env=environment, cwd=home.path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.terminate()
        process.wait()
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    with fresh_home() as home:
        asyncio.run(run(home, moment(BUYS_ETH)))
        asyncio.run(measured(home))
        print()
        row("start to ready, and the end", "s of CPU")
        row("warden up", f"{median(start_up(home) for _ in range(1)):.1f}")


if __name__ == "__main__":
    main()
