"""Statements and minutes of the Federal Open Market Committee, minutes dated by their release, never the meeting."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from core.errors import DataRefused
from market.importing.shape import Asked, Imported
from market.sources.archives.news import admitted
from market.sources.archives.rows import day_ns, numbered, rows_of, texts
from market.sources.items import WHOLE_MARKET, RawText

if TYPE_CHECKING:
    from market.importing.opening import SourceFile

COMMUNICATIONS, STATEMENTS, STATEMENT = "FOMC communications", "FOMC statements", "FOMC statement"
_COMMUNICATIONS: Final = ("Date", "Release Date", "Type", "Text")
_STATEMENTS: Final = ("date", "text", "url")
_NAME: Final = re.compile(r"(\d{4})(\d\d)(\d\d)\.txt(?:\.gz)?")
_SAYS: Final = re.compile(
    r"federal open market committee|federal reserve|federal funds|reserve positions", re.IGNORECASE
)
_KINDS: Final = {"Statement": "statement", "Minute": "minutes"}


def knows_communications(file: SourceFile) -> bool:
    return file.ending == ".csv" and file.columns == _COMMUNICATIONS


def read_communications(file: SourceFile, asked: Asked) -> Imported:
    """Statements and minutes with the dates of meeting and release."""
    rows, counts = rows_of(file), Counter[str]()
    found: dict[str, list[RawText]] = {"statement": [], "minutes": []}
    for number, row in numbered(rows):
        kind = _KINDS.get(row["Type"])
        if kind is None:
            raise DataRefused(
                f"{file.name} row {number}: Type is {row['Type'][:40]!r}, allowed are {', '.join(_KINDS)}"
            )
        meeting, release = day_ns(file, number, row["Date"]), day_ns(file, number, row["Release Date"])
        if release < meeting:
            raise DataRefused(
                f"{file.name} row {number}: released {row['Release Date']}, before its meeting {row['Date']}"
            )
        found[kind].append(_text(kind, row["Date"].strip(), release, row["Text"]))
    items = [item for kind in found for item in admitted("fomc", f"fomc_{kind}", found[kind], counts, asked.tripwire)]
    return texts(file, COMMUNICATIONS, len(rows), items, counts, "times: days of release, never of the meeting")


def knows_statements(file: SourceFile) -> bool:
    return file.ending == ".csv" and file.columns == _STATEMENTS and "federalreserve.gov" in "".join(file.head[1:])


def read_statements(file: SourceFile, asked: Asked) -> Imported:
    rows, counts = rows_of(file), Counter[str]()
    raws = [
        _text("statement", row["date"].strip(), day_ns(file, number, row["date"]), row["text"], row["url"])
        for number, row in numbered(rows)
    ]
    items = admitted("fomc", "fomc_statement", raws, counts, asked.tripwire)
    return texts(file, STATEMENTS, len(rows), items, counts, "times: days")


def knows_statement(file: SourceFile) -> bool:
    """A text named by its day, such as 20160921.txt, that speaks of the Committee."""
    text = file.content[:20_000].decode("utf-8", errors="replace")
    return file.ending == ".txt" and _NAME.fullmatch(file.name) is not None and _SAYS.search(text) is not None


def read_statement(file: SourceFile, asked: Asked) -> Imported:
    named = _NAME.fullmatch(file.name)
    assert named is not None  # `knows_statement` said so
    day = "-".join(named.groups())
    counts = Counter[str]()
    raw = _text("statement", day, day_ns(file, 1, day), file.content.decode("utf-8", errors="replace"))
    items = admitted("fomc", "fomc_statement", [raw], counts, asked.tripwire)
    return texts(file, STATEMENT, 1, items, counts, "times: the day in the name")


def _text(kind: str, meeting: str, release_ns: int, text: str, url: str = "") -> RawText:
    """One text by kind and meeting: what two archives hold of one meeting is one item, told once."""
    body = " ".join(text.split())
    return RawText(
        native_id=f"{kind}:{meeting}",
        headline=f"FOMC {kind} of {meeting}",
        event_ns=release_ns,
        body=body,
        url=url.strip(),
        language="en",
        assets=(WHOLE_MARKET,),
        markup=False,
    )
