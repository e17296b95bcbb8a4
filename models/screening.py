"""Notices texts that try to give orders to whoever reads them.

A tripwire, not a defence: what it misses is still untrusted text, which no rule lets act. What it catches is read no
further, so that a crude trick does not even move a score.
"""

import re
import unicodedata

_ORDERS = re.compile(
    r"""
    \b(?:ignore|disregard|forget)\b.{0,30}\b(?:instructions?|prompts?|rules|limits)\b   # ignore previous instructions
    | \b(?:ai|trading|autonomous)\s+(?:trading\s+)?(?:agents?|assistants?|bots?)\b[:,]   # AI agents: ...
    | \bto\s+(?:all\s+)?(?:ai|trading|autonomous)\s+(?:trading\s+)?(?:agents?|assistants?|bots?)\b
    | \b(?:system|developer|assistant)\s*(?:message|prompt|notice|override)?\s*:         # System message: ...
    | \b(?:approve|execute|place|release)\s+(?:all|every|this|the)\s+(?:orders?|trades?)\b
    | \brisk\s+(?:limits?|checks?|officer)\b.{0,40}\b(?:suspended|disabled|off|void)\b
    | \byou\s+(?:must|are\s+now)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Zero-width characters split words for a machine and not for an eye.
_INVISIBLE = dict.fromkeys((0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))


def gives_orders(text: str) -> bool:
    """Whether a text speaks to a machine instead of about a market."""
    return _ORDERS.search(unicodedata.normalize("NFKC", text).translate(_INVISIBLE)) is not None
