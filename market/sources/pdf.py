"""PDFs that nobody vouches for, read in a child process that is killed when it takes too long."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.errors import DataRefused

LONGEST_S: Final = 60.0
MOST_PAGES: Final = 400
MOST_TEXT: Final = 2_000_000
_CHILD: Final = Path(__file__).with_name("pdfchild.py")


@dataclass(frozen=True, slots=True)
class PdfText:
    """`created` is as ISO 8601 with an offset, None where the file states none."""

    title: str
    created: str | None
    text: str


def read_pdf(content: bytes, name: str, *, longest_s: float = LONGEST_S) -> PdfText:
    """The text of the first pages. DataRefused for a PDF that is locked, broken, without text, or takes too long."""
    # Isolated and without our environment: no key is where hostile bytes are read, and no module of ours is in the way.
    limits = (MOST_PAGES, MOST_TEXT, int(longest_s) + 1)
    command = [sys.executable, "-I", str(_CHILD), *map(str, limits)]
    try:
        done = subprocess.run(
            command,
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # its parser warns of each fault, and a file may have millions
            timeout=longest_s,
            env={},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DataRefused(f"{name} is a PDF that takes more than {longest_s:g} s to read") from None
    if done.returncode != 0:
        raise DataRefused(f"{name} is no PDF that can be read: its reader ended with {done.returncode}")
    found = json.loads(done.stdout)
    if "broken" in found:
        raise DataRefused(f"{name} is no PDF that can be read: {found['broken']}")
    if "locked" in found:
        raise DataRefused(f"{name} is a PDF under a password")
    if not found["text"].strip():
        raise DataRefused(f"{name} is a PDF without text: a scan, perhaps")
    return PdfText(found["title"], found["created"], found["text"])
