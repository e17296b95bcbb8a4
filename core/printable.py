"""Words that may be shown to a person, or put before another model: nothing in them steers a terminal or hides."""


def one_line(text: str) -> str:
    """The text with a space for whatever is not seen: line ends, control characters, directions, joiners."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def lines(text: str) -> str:
    """The same of a text that has lines of its own."""
    return "\n".join(one_line(line) for line in text.split("\n"))
