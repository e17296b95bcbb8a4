"""`warden --help` against `python -c pass`: what a person waits before anything is said. Alternating; medians."""

import subprocess
import sys
from pathlib import Path

from bench.timing import milliseconds, row, timed

ROUNDS = 11


def main() -> None:
    warden = str(Path(sys.executable).with_name("warden"))
    commands = {"python -c pass": [sys.executable, "-c", "pass"], "warden --help": [warden, "--help"]}
    taken: dict[str, list[int]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            ns = timed(lambda command=command: subprocess.run(command, check=True, capture_output=True))
            taken[name].append(ns)
    base = milliseconds(taken["python -c pass"])
    row("start, p50", "ms", "of pass")
    for name, ns in taken.items():
        row(name, f"{milliseconds(ns):.0f}", f"{milliseconds(ns) / base:.1f}x")


if __name__ == "__main__":
    main()
