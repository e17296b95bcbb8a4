"""What `warden backtest new` does."""

from __future__ import annotations

from pathlib import Path

from api.cli.console import console, print_json
from backtest import templates


def new(name: str, *, workflow: bool, json: bool) -> None:
    written = templates.write(Path(), name, with_workflow=workflow)
    if json:
        print_json({"written": [str(path) for path in written]})
        return
    for path in written:
        console.print(f"✓ written: {path}", markup=False, soft_wrap=True)
    console.print(f"warden backtest sweep {name}.py --param bars=24:240:24", markup=False, soft_wrap=True)
    console.print(f"warden backtest check {name}.py --save {name}.baseline.json", markup=False, soft_wrap=True)
