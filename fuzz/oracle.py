"""Judges what the gate answered, from the scene and a table of limits alone. It shares no code with the rules.

A breach is an order that was let through though something stands against it, or an order proven to reduce that
anything but the closed list held up. A denial for a reason that is not there is no breach, and still wrong.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from fuzz.checks import CHECKS, CLOSED_LIST, FORM, Bound, Finding
from fuzz.scene import Scene
from fuzz.sums import Case, Limits

GRAIN: Final = Fraction(1, 10**40)  # sixty digits are not exact either


class Word(StrEnum):
    BROKEN = "broken"
    KEPT = "kept"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is wrong with one answer, in words."""

    breaches: tuple[str, ...] = ()
    unfounded: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        return not self.breaches and not self.unfounded


def judge(scene: Scene, limits: Limits, denied: Collection[str], *, grain: Fraction = GRAIN) -> Judgement:
    """Holds one answer against every code; `denied` are those that it was denied for, none where it was let through.

    Nearer to a limit than `grain`, a fraction, either answer is right, at the limit itself only one.
    """
    case = Case(scene, limits)

    def word(code: str) -> Word:
        return _said(CHECKS[code](case), grain)

    held_to = CLOSED_LIST if case.reduces else CHECKS.keys()
    if not denied:
        broken = [code for code in CHECKS if code in held_to and word(code) is Word.BROKEN]
        return Judgement(breaches=tuple(f"{code}: let through" for code in broken))
    breaches = tuple(f"{code}: held up an exit" for code in denied if code not in held_to)
    # Of what has no form nothing else can be said.
    if any(word(code) is not Word.KEPT for code in FORM):
        return Judgement(breaches)
    unfounded = tuple(f"{code}: nothing is wrong" for code in denied if word(code) is Word.KEPT)
    if unfounded and case.reduces:
        return Judgement((*breaches, *unfounded))
    return Judgement(breaches, unfounded)


def _said(finding: Finding, grain: Fraction) -> Word:
    if isinstance(finding, Bound):
        over = finding.found - finding.most
        if over and abs(over) < grain * max(abs(finding.found), abs(finding.most)):
            return Word.EITHER
        return Word.BROKEN if over > 0 else Word.KEPT
    return Word.KEPT if finding is False else Word.BROKEN
