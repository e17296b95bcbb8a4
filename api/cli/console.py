"""The terminal, and JSON for programs."""

import json
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from core.canonical import JSON
from core.printable import lines


class Terminal(Console):
    """Shows what can be seen. What steers a terminal is this program's to send, and no text's that it shows."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(lines(segment.text), segment.style)


console = Terminal(highlight=False)


def print_json(value: JSON) -> None:
    """One document on standard output, keys sorted, nothing else. What cannot be seen is written as JSON escapes it."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    print("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))
