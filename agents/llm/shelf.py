"""Completions kept on disk by the exact question, so that asking again is free."""

import json
from contextlib import suppress
from pathlib import Path

from core.canonical import JSON


class Shelf:
    """A file an answer, named by the digest of its question. What cannot be read was never kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str) -> JSON | None:
        try:
            return json.loads(self._file(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def put(self, name: str, answer: JSON) -> None:
        """A full disk keeps nothing, and costs no answer."""
        file = self._file(name)
        fresh = file.with_suffix(".new")
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps(answer), encoding="utf-8")
            fresh.replace(file)

    def _file(self, name: str) -> Path:
        return self._folder / name[:2] / f"{name}.json"
