"""What a person would see of a piece of HTML, and how much of it nobody would see.

A language model reads what a browser hides. So hidden text is taken out and counted, and kept apart for the tripwire.
The parser is the standard library's: it never fails and never recurses, and nothing is fetched or run.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final


def _tags(names: str) -> frozenset[str]:
    return frozenset(names.split())


_VOID: Final = _tags("area base br col embed hr img input link meta source track wbr")
_BLOCKS: Final = _tags(
    "address article aside blockquote br dd div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 header hr li main nav"
    " ol p pre section table td th tr ul"
)
_DROPPED: Final = {"script": "script"} | dict.fromkeys(("template", "noscript", "iframe", "object"), "hidden")
_SILENT: Final = frozenset(("style", "head", "svg", "math"))  # no text for people, and none hidden from them
_WORDED: Final = ("alt", "title", "aria-label", "content", "placeholder", "data-content")
# Each says that text is drawn where, or in a way that, nobody sees it.
_UNSEEN: Final = re.compile(
    r"display:none|visibility:(?:hidden|collapse)|opacity:[0.]+(?:;|$)|font-size:[0.]+(?:px|pt|em|rem|%)?(?:;|$)"
    r"|(?:text-indent|left|top|right|margin-left|margin-top):-\d{3,}|clip:rect\(0|clip-path:inset\((?:50|100)%"
    r"|(?:^|;)color:transparent|transform:scale\(0\)"
)
_FLAT: Final = re.compile(r"(?:height|width):0(?:px)?(?:;|$)")  # which hides only what may not overflow
_COLOUR: Final = re.compile(r"(?:^|;)color:([^;]+)")
_GROUND: Final = re.compile(r"background(?:-color)?:([^;]+)")
_WHITES: Final = frozenset(("white", "#fff", "#ffffff", "rgb(255,255,255)", "#fefefe"))
_UNENDED: Final = 2_000  # characters of a tag or comment that never ends


@dataclass(frozen=True, slots=True)
class Seen:
    """The text that shows, the text that does not, and what was found by kind."""

    shown: str
    unseen: str
    found: Counter[str]


def visible(html: str) -> Seen:
    """Splits HTML into what shows and what does not. Plain text comes back as it is."""
    reader = _Reader()
    reader.feed(html)
    rest = reader.rawdata
    if len(rest) > _UNENDED and rest.startswith("<"):
        # A browser shows nothing of it either; and `close` would look for its end once for each `<` that it holds.
        reader.hide("hidden", rest)
    else:
        reader.close()
    return Seen("".join(reader.shown), " ".join(reader.unseen), reader.found)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.shown: list[str] = []
        self.unseen: list[str] = []
        self.found: Counter[str] = Counter()
        self._open: list[tuple[str, str]] = []  # tag, and the kind of hiding that holds inside it ('' where none)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        for name in _WORDED:
            if re.search(r"\w\W+\w", values.get(name, "")):
                self.hide("attribute", values[name])
        if tag in _BLOCKS:
            self.shown.append("\n")
        if tag not in _VOID:
            self._open.append((tag, self._hiding() or _hides(tag, values)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.shown.append("\n")
        for at in range(len(self._open) - 1, max(-1, len(self._open) - 200), -1):
            if self._open[at][0] == tag:
                del self._open[at:]
                return

    def handle_data(self, data: str) -> None:
        hiding = self._hiding()
        if not hiding:
            self.shown.append(data)
        elif hiding != "silent" and data.strip():
            self.hide(hiding, data)

    def handle_comment(self, data: str) -> None:
        if re.search(r"\w", data):
            self.hide("comment", data)

    def unknown_decl(self, data: str) -> None:
        # <![CDATA[…]]> inside HTML: a browser shows nothing of it.
        self.hide("comment", data)

    def handle_pi(self, data: str) -> None:
        if re.search(r"\w\W+\w", data):
            self.hide("comment", data)

    def _hiding(self) -> str:
        return self._open[-1][1] if self._open else ""

    def hide(self, kind: str, text: str) -> None:
        self.found[kind] += 1
        self.unseen.append(text)


def _hides(tag: str, values: dict[str, str]) -> str:
    """How an element hides what is inside it; '' where it does not."""
    if tag in _SILENT:
        return "silent"
    if tag in _DROPPED:
        return _DROPPED[tag]
    if "hidden" in values or (tag == "input" and values.get("type") == "hidden"):
        return "hidden"
    style = re.sub(r"\s+|!important", "", values.get("style", "").lower())
    flat = "overflow:hidden" in style and _FLAT.search(style)
    return "hidden" if flat or _UNSEEN.search(style) or _same_colour(tag, style, values) else ""


def _same_colour(tag: str, style: str, values: dict[str, str]) -> bool:
    """Text in the colour of its ground; of a page that states no ground, white is taken."""
    colour = _COLOUR.search(style)
    ink = colour[1] if colour else (values.get("color", "").lower() if tag == "font" else "")
    ground = _GROUND.search(style)
    paper = ground[1] if ground else "white"
    return bool(ink) and (ink == paper or (ink in _WHITES and paper in _WHITES))
