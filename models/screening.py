"""Notices texts that try to give orders to whoever reads them.

A tripwire, not a defence: what it misses is still untrusted text, which no rule lets act. What it catches is read no
further, so that a crude trick does not even move a score.
"""

import re
import unicodedata

_ORDERS = re.compile(
    r"""
    \b(?:ignore|disregard|forget)\b.{0,30}\b(?:instructions?|prompts?|rules|limits)\b   # ignore previous instructions
    | \b(?:ai|trading|autonomous)\ (?:trading\ )?(?:agents?|assistants?|bots?)\ ?:       # AI agents: ...
    | \bto\ (?:all\ )?(?:ai|trading|autonomous)\ (?:trading\ )?(?:agents?|assistants?|bots?)\b
    | \b(?:developer|assistant)\ ?(?:message|prompt|notice|override)?\ ?:                # Assistant: ...
    | \bsystem\ (?:message|prompt|notice|override)\b | [.!?\])>|]\ system\ ?: | (?-i:\bSYSTEM)\ ?:
    | \b(?:your|its)\ (?:initial|starting|original|previous|hidden|system)\ (?:instructions?|prompts?|messages?)\b
    | \b(?:approve|execute|place|release)\ (?:all|every|this|the)\ (?:orders?|trades?)\b
    | \brisk\ (?:limits?|checks?|officer)\b.{0,40}\b(?:suspended|disabled|off|void)\b
    | \byou\ are\ (?:now|(?:going|about)\ to\ (?:act|play|pretend|immerse|answer|respond|be))\b
    | \byou\ must\ (?:not\ |never\ |always\ |now\ |only\ )?
      (?:act|answer|approve|buy|comply|execute|follow|ignore|obey|output|place|print|refuse|reply|respond|say|sell|treat)\b
    | \bfrom\ now\ on,?\ you\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
# As a chat is written down: a financial system may have a colon after it, but not at the start of its line.
_SPEAKER = re.compile(r"^\W{0,8}(?:system|assistant|developer)[ \t]?:", re.IGNORECASE | re.MULTILINE)
# Zero-width characters split words for a machine and not for an eye.
_INVISIBLE = dict.fromkeys((0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))


def gives_orders(text: str) -> bool:
    """Whether a text speaks to a machine instead of about a market. Its time grows as the text does, and no faster."""
    seen = unicodedata.normalize("NFKC", text).translate(_INVISIBLE)
    # One space for any: an order may be broken over lines, and a run of spaces must not be walked again and again.
    return bool(_SPEAKER.search(seen) or _ORDERS.search(" ".join(seen.split())))
