"""The emulated venue as a process of its own, and its back door."""

import json
import os
import runpy
import sys
import threading
from http.client import HTTPConnection
from multiprocessing.connection import Connection
from typing import Any, Final
from urllib.parse import urlsplit

KEY: Final = "emulator-key"
SECRET: Final = "emulatorsecret00"  # pragma: allowlist secret
_PLENTY: Final = str(10**9)
_TIMEOUT_S: Final = 30


def serve(seed: int, told: Connection) -> None:
    """`python -m emulator`, here: `told` gets its address, and it serves until it is told to stop."""
    read_fd, write_fd = os.pipe()
    os.dup2(write_fd, 1)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    threading.Thread(target=lambda: told.send(os.fdopen(read_fd).readline().strip()), daemon=True).start()
    sys.argv = ["emulator", "--control", "--clock", "manual", "--seed", str(seed)]
    sys.argv += ["--orders", _PLENTY, "--weight", _PLENTY]
    runpy.run_module("emulator", run_name="__main__")


class Control:
    """Moves the venue, breaks it, and reads its own books. Not through the engine, and never broken itself."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._line = HTTPConnection(urlsplit(address).netloc, timeout=_TIMEOUT_S)

    def step(self, ms: int) -> int:
        """Lets time pass; what the clock shows then, in milliseconds."""
        return int(self._ask("POST", "step", {"ms": ms})["now_ms"])

    def price(self, symbol: str, price: str) -> None:
        self._ask("POST", "price", {"symbol": symbol, "price": price})

    def faults(self, *rules: dict[str, Any]) -> None:
        """These and no others."""
        self._ask("POST", "faults", list(rules))

    def more(self, *rules: dict[str, Any]) -> None:
        self._ask("PATCH", "faults", list(rules))

    def struck(self) -> list[int]:
        """How often each rule struck."""
        return [int(rule["struck"]) for rule in self._ask("GET", "faults")["rules"]]

    def close(self, client_id: str, to: str) -> bool:
        """The venue ends an order by itself. False where there is none to end."""
        return "error" not in self._ask("POST", "close", {"client_id": client_id, "to": to}, strict=False)

    def transfer(self, currency: str, amount: str, wallet: str = "spot") -> None:
        self._ask("POST", "transfer", {"currency": currency, "amount": amount, "wallet": wallet})

    def books(self) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("GET", "books")
        return found

    def hang_up(self) -> None:
        self._line.close()

    def _ask(self, method: str, name: str, body: Any = None, *, strict: bool = True) -> Any:
        self._line.request(method, f"/control/{name}", None if body is None else json.dumps(body))
        answer = self._line.getresponse()
        found = json.loads(answer.read())
        if strict and answer.status != 200:
            raise RuntimeError(f"the venue's back door refused {name}: {found}")
        return found
