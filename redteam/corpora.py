"""Public collections of prompt injections, read from a folder: hostile texts, fed to the desk and nothing else."""

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from redteam.attacks import WANTS, Attack

_LONGEST = 4_000


def folder() -> Path | None:
    """`data/injection` of the folder `shared` beside the repository, or of TRADEWARDEN_SHARED; None without it."""
    root = os.environ.get("TRADEWARDEN_SHARED") or str(Path(__file__).parents[1] / ".." / "shared")
    found = (Path(root) / "data" / "injection").resolve()
    return found if found.is_dir() else None


def collected(where: Path | None = None) -> tuple[Attack, ...]:
    """Every distinct text of every file, in the order of the files; nothing where there is no folder."""
    where = where or folder()
    if where is None:
        return ()
    found: dict[str, Attack] = {}
    for file in sorted(where.iterdir()):
        for number, words in enumerate(_texts(file)):
            words = words.replace("{INJECTION_MARKER}", WANTS["pump"])[:_LONGEST]
            if words.strip():
                found.setdefault(words, Attack(f"{file.stem} {number}", words))
    return tuple(found.values())


def _texts(file: Path) -> Iterator[str]:
    content = file.read_text(encoding="utf-8")
    if file.suffix == ".csv":
        yield from (row["prompt"] for row in csv.DictReader(content.splitlines(keepends=True)) if row.get("prompt"))
    elif file.suffix == ".jsonl":
        for line in filter(None, content.splitlines()):
            yield from _strings(json.loads(line))
    elif file.suffix == ".json":
        yield from _strings(json.loads(content))


def _strings(value: Any) -> Iterator[str]:
    """Every sentence in a JSON value; single words are labels."""
    if isinstance(value, str):
        if " " in value:
            yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
