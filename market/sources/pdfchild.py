"""Reads one PDF from its standard input and writes what it found as JSON: run as a file, in a process of its own.

A PDF is a program that others wrote. It may loop, or unpack to any size; here it holds up nobody, and is killed.
It imports nothing of ours, so that the process which reads hostile bytes knows no setting, key or store.
"""

import json
import sys
from io import BytesIO
from typing import Any

MEMORY_BYTES = 1_500_000_000


def main(most_pages: int, most_text: int, cpu_s: int) -> None:
    _limit(cpu_s)
    try:
        found = _read(sys.stdin.buffer.read(), most_pages, most_text)
    except Exception as broken:  # noqa: BLE001  # whatever its parser trips over, the file is what is wrong
        found = {"broken": type(broken).__name__}
    json.dump(found, sys.stdout)


def _limit(cpu_s: int) -> None:
    """Memory and processor time, where the system has such limits: they hold should nobody be there to kill us."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read(content: bytes, most_pages: int, most_text: int) -> dict[str, Any]:
    import pypdf

    reader = pypdf.PdfReader(BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        return {"locked": True}
    pages: list[str] = []
    size = 0
    for at in range(min(len(reader.pages), most_pages)):
        text = reader.pages[at].extract_text()
        size += len(text)
        if size > most_text:
            break
        pages.append(text)
    stated = reader.metadata
    created = stated.creation_date if stated else None
    return {
        "title": str((stated.title if stated else None) or "")[:1000],
        # A creation date is a claim of the file; it dates the text only where the file has one with an offset.
        "created": None if created is None or created.tzinfo is None else created.isoformat(),
        "text": "\n".join(pages),
    }


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
