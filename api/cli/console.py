"""The terminal, and JSON for programs."""

import json

from rich.console import Console

from core.canonical import JSON

console = Console(highlight=False)


def print_json(value: JSON) -> None:
    """One document on standard output, keys sorted, nothing else."""
    print(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))
