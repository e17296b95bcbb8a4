"""`warden up` as a process of its own: it says when it is ready, answers curl, and ends in order on SIGTERM."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.canonical import JSON
from desk.home import Home
from tests.api.terminal import warden
from tests.desk.desks import fresh_home, verified

WARDEN = str(Path(sys.executable).with_name("warden"))
PATIENCE_S = 120


@contextmanager
def at_work(home: Home, *more: str) -> Iterator[tuple[subprocess.Popen[str], JSON]]:
    """The process, and what it said once it was ready."""
    home.make()
    environment = {**os.environ, "TRADEWARDEN_HOME": str(home.path)}
    command = [WARDEN, "up", "--port", "0", "--json", *more]
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, cwd=home.path, **piped) as process:  # type: ignore[call-overload]
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.stderr.read()
            yield process, json.loads(line)
        finally:
            process.kill()


def curl(*words: str) -> tuple[int, str]:
    done = subprocess.run(
        ["curl", "-sS", "--max-time", str(PATIENCE_S), "-w", "\n%{http_code}", *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    body, _, status = done.stdout.rpartition("\n")
    return int(status or 0), body


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on this machine")
def test_a_server_is_ready_when_it_says_so_and_ends_in_order() -> None:
    with fresh_home() as home:
        assert warden(home, "demo").code == 0
        key = warden(home, "keys", "create", "--name", "ada", "--scope", "signals:read", "--json").json["key"]
        with at_work(home) as (process, said):
            assert (said["mode"], said["keys"], said["signals"]) == ("paper", 1, 2)
            assert said["url"].startswith("http://127.0.0.1:")
            assert curl(f"{said['url']}/readyz")[0] == 200
            assert curl(f"{said['url']}/v1/signals")[0] == 401
            status, body = curl(f"{said['url']}/v1/signals", "-H", f"Authorization: Bearer {key}")
            assert status == 200
            shown = json.loads(body)["signals"]
            # The command line shows the very same, from the same books.
            assert warden(home, "signals", "--json").json["signals"] == shown
            # What a header may carry splits no answer in two.
            _, headers = curl("-i", f"{said['url']}/healthz", "-H", "X-Request-ID: a%0d%0aSet-Cookie:x")
            assert "Set-Cookie" not in headers
            assert curl("--path-as-is", f"{said['url']}/v1/../../../../etc/passwd")[0] == 404
            streaming = subprocess.Popen(
                ["curl", "-sSN", f"{said['url']}/v1/signals/stream", "-H", f"Authorization: Bearer {key}",
                 "-H", "Last-Event-ID: 0"],
                stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            with streaming:
                assert streaming.stdout is not None
                heard = [streaming.stdout.readline() for _ in range(4)]
                assert any(line.startswith("id: ") for line in heard)
                # Revoked by another process: it opens nothing from then on.
                assert warden(home, "keys", "revoke", key.split("_")[1]).code == 0
                assert curl(f"{said['url']}/v1/signals", "-H", f"Authorization: Bearer {key}")[0] == 401
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE_S) == 0
                assert streaming.wait(PATIENCE_S) in (0, 18)
        assert verified(home).ok
        assert warden(home, "keys", "list", "--json").json[0]["used"] is not None


def test_a_port_that_is_taken_and_an_address_for_others_are_one_sentence() -> None:
    with fresh_home() as home:
        with at_work(home) as (_, said):
            port = said["url"].rpartition(":")[2]
            warden(home, "up", "--port", port).refused("cannot be served at")
        warden(home, "up", "--port", "0", "--host", "0.0.0.0").refused("can be reached by others", "public = true")


def test_asking_for_help_loads_nothing_of_the_server() -> None:
    program = "import sys, api.cli.main; print([m for m in ('fastapi', 'uvicorn', 'starlette') if m in sys.modules])"
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    assert said.stdout.strip() == "[]"
