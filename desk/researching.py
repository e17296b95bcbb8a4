"""A document that the user names, read in quarantine into a scorecard: fields and quotes, and nothing that can act."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.documents import CardTeller, Finding, ModelCardTeller, Scorecard, scorecard
from agents.documents_rules import RulesCardTeller
from agents.llm.settings import LlmSettings
from agents.prompts import Prompts
from core.canonical import JSON, plain
from core.errors import ConfigError, DataRefused
from core.taint import Taint
from desk.home import Home
from desk.reasoning import speaker
from market.sources.documents import document_of
from market.sources.intake import Intake
from market.sources.items import TextItem
from models.screening import gives_orders

_TOKEN: Final = re.compile(r"[A-Za-z0-9]{1,15}")
_READABLE: Final = ("en", "und")  # what the rules read
_BROKEN_SHARE: Final = 0.02  # of characters that are none: more, and it is no text


@dataclass(frozen=True, slots=True)
class Researched:
    """A scorecard, and the document that it was made of. `notes` are what a person should know before believing it."""

    token: str
    file: str
    document: TextItem
    card: Scorecard
    notes: tuple[str, ...]

    def quote(self, finding: Finding) -> str:
        """The words, for a person's eyes alone."""
        return self.document.body[finding.start : finding.end]

    def shown(self) -> JSON:
        document, card = self.document, self.card
        fields = [
            {
                "section": f.field.section,
                "field": f.field,
                "value": f.value,
                "start": f.start,
                "end": f.end,
                "quote": self.quote(f),
            }
            for f in card.findings
        ]
        return plain(
            {
                "token": self.token,
                "document": {
                    "file": self.file,
                    "title": document.headline,
                    "content_hash": document.content_hash,
                    "language": document.language,
                    "characters": len(document.body),
                    "concealed": dict(document.concealed),
                    "taint": document.taint.name.lower(),
                },
                "reader": card.reader,
                "taint": card.taint.name.lower(),
                "fields": fields,
                "open_questions": card.open_questions,
                "dropped": card.dropped,
                "notes": self.notes,
            }
        )


def card_teller(settings: LlmSettings, home: Home, environment: Mapping[str, str]) -> CardTeller | None:
    """The language model that reads, where one is set."""
    found = speaker(settings, home, environment)
    return None if found is None else ModelCardTeller(found, Prompts.load())


async def researched(token: str, path: Path, now_ns: int, teller: CardTeller | None = None) -> Researched:
    """The scorecard of a token from one document; by rules where no model reads.

    Raises
    ------
    ConfigError
        A token that cannot be one, or no such file.
    DataRefused
        A file that is no document, or has no text.
    """
    base = token.partition("/")[0].lstrip("$").upper()
    if not _TOKEN.fullmatch(base):
        raise ConfigError(f"token is {token[:40]!r}: allowed are letters and digits, such as UNI or UNI/USDT")
    document = _admitted(path, now_ns)
    reads = teller or RulesCardTeller()
    text, notes = document.body, _notes(document, base, reads.name)
    unread = document.taint is Taint.HOSTILE or (teller is None and document.language not in _READABLE)
    card = await scorecard("" if unread else text, base, reads)
    return Researched(
        base, path.name, document, card, (*notes, *(f"a part was not read: {why}" for why in card.abstained))
    )


def _admitted(path: Path, now_ns: int) -> TextItem:
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file")
    try:
        raw = document_of(path)
    except OSError as wrong:
        raise ConfigError(f"{path} cannot be read: {wrong.strerror}") from None
    seen = raw.body[:20_000]
    broken = sum(c == "\ufffd" or (c < " " and c not in "\t\n\r\f") for c in seen)
    if broken > _BROKEN_SHARE * len(seen):
        raise DataRefused(f"{path.name} is no text: {broken} of its first {len(seen)} characters are none")
    item = Intake(gives_orders).admit(f"document:{path.name[:60]}", raw, now_ns)
    if item is None or not item.body.strip():
        raise DataRefused(f"{path.name} has no text")
    return item


def _notes(document: TextItem, token: str, reader: str) -> tuple[str, ...]:
    notes: list[str] = []
    if document.taint is Taint.HOSTILE:
        notes.append("the document gives orders to whoever reads it, so it was read no further")
    elif reader == RulesCardTeller.name:
        if document.language not in _READABLE:
            notes.append(f"the document is in {document.language!r}, and the rules read English: nothing was read")
        else:
            notes.append("read by rules: they see what is plainly written, and miss the rest; no language model is set")
    if token not in document.assets and not re.search(rf"(?<![A-Za-z0-9]){token}(?![A-Za-z0-9])", document.body):
        notes.append(f"the document never names {token}: is it about another token?")
    cut = dict(document.concealed).get("cut")
    if cut:
        notes.append(f"the document is long: its first {len(document.body):,} characters were read")
    hidden = sum(count for kind, count in document.concealed if kind not in ("cut", "mended"))
    if hidden:
        notes.append(f"{hidden} pieces of it were hidden or disguised, and were taken out")
    return tuple(notes)
