"""Web pages and PDFs that the user names: whitepapers, statements, minutes. Extracted to text, watched for changes."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any, Final

from core.errors import DataRefused
from market.sources.context import Context
from market.sources.fields import moment_ns
from market.sources.items import WHOLE_MARKET, Batch, RawText
from market.sources.markup import visible
from market.sources.pdf import read_pdf
from market.sources.settings import PageSettings
from market.web import Unwilling

HTML: Final = ("text/html", "application/xhtml+xml")
PDF: Final = "application/pdf"
PLAIN: Final = ("text/plain", "text/markdown")
MOST_BYTES: Final = 30_000_000
_MOST_TEXT: Final = 2_000_000
# A date that the page states in its head, not any that a search of its text turns up.
_DATED: Final = {"original_date": True, "extensive_search": False, "max_date": "2100-01-01"}


class Page:
    """One page or document by its address. A new version is an edit; 404 and 410 take it back."""

    def __init__(self, context: Context, page: PageSettings) -> None:
        self._context, self._page = context, page
        self.cadence_s = page.every_s

    @property
    def name(self) -> str:
        return f"page:{self._page.name}"

    async def poll(self, since_ns: int) -> Batch:
        try:
            answer = await self._context.web.get(
                self._page.url, what=f"page {self._page.name}", types=(*HTML, PDF, *PLAIN), max_bytes=MOST_BYTES
            )
        except Unwilling as refused:
            if refused.status in (404, 410):
                return Batch(gone=(self._page.url,))
            raise
        if answer.unchanged:
            return Batch(counts={"unchanged": 1})
        # A long PDF takes seconds; the loop must go on meanwhile.
        text = await asyncio.to_thread(document, answer.content, answer.content_type, self._page.url, answer.text)
        return Batch((text,))


def pages_of(context: Context) -> tuple[Page, ...]:
    return tuple(Page(context, page) for page in context.settings.pages)


def document_of(path: Path) -> RawText:
    """A document from a file, by its ending: .html, .pdf, .txt or .md."""
    kinds = {".html": HTML[0], ".htm": HTML[0], ".pdf": PDF, ".txt": PLAIN[0], ".md": PLAIN[1]}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise DataRefused(f"{path.name} is no document that can be read; allowed are {', '.join(kinds)}")
    if path.stat().st_size > MOST_BYTES:
        raise DataRefused(f"{path.name} has {path.stat().st_size} bytes; allowed are {MOST_BYTES}")
    content = path.read_bytes()
    return document(content, kind, path.name, lambda: content.decode("utf-8", errors="replace"))


def document(content: bytes, kind: str, name: str, decoded: Any) -> RawText:
    """The text of a document, its title and date where it states them. DataRefused where there is none to read."""
    if content.startswith(b"%PDF-") or kind == PDF:
        return _pdf(content, name)
    if kind in HTML:
        return _html(decoded(), name)
    text = decoded()[:_MOST_TEXT]
    lines = [line.strip("# ") for line in text.splitlines() if line.strip("# ")]
    if not lines:
        raise DataRefused(f"{name} has no text")
    return RawText(name, lines[0][:300], None, text, _url(name), assets=(WHOLE_MARKET,), markup=False)


def _html(html: str, name: str) -> RawText:
    """The article of a page. What its markup hides is counted here, since the extractor drops it silently."""
    import trafilatura
    from trafilatura.settings import Document

    seen = visible(html[:_MOST_TEXT])
    found = trafilatura.bare_extraction(
        html[:_MOST_TEXT],
        include_comments=False,
        include_tables=True,
        with_metadata=True,
        date_extraction_params=_DATED,
    )
    fields = found.as_dict() if isinstance(found, Document) else {}
    body = fields.get("text") or ""
    if not body.strip():
        raise DataRefused(f"{name} has no article that can be told from its frame")
    concealed = Counter({kind: count for kind, count in seen.found.items() if kind in ("hidden", "comment")})
    return RawText(
        native_id=name,
        headline=fields.get("title") or "",
        event_ns=moment_ns(fields.get("date")),
        body=body,
        url=_url(name),
        assets=(WHOLE_MARKET,),
        markup=False,
        altered_from=tuple(concealed.elements()),
    )


def _pdf(content: bytes, name: str) -> RawText:
    found = read_pdf(content, name)
    first = next(line for line in found.text.splitlines() if line.strip())
    dated = None if found.created is None else moment_ns(found.created)
    url, title = _url(name), found.title or first[:300]
    return RawText(name, title, dated, found.text, url, assets=(WHOLE_MARKET,), markup=False)


def _url(name: str) -> str:
    return name if name.startswith(("http://", "https://")) else ""
