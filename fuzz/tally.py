"""What a campaign counts: proposals, answers by code, and everything that the oracle found wrong."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from fuzz.checks import CHECKS, FORM
from fuzz.oracle import Judgement

SHOWN = 20  # findings that are kept in words; all are counted
LEAST_FORMED, LEAST_ALLOWED = 0.30, 0.10


@dataclass
class Tally:
    """`whole` counts what went through the whole gate, `reached` what came to a venue, `alone` what one code denied."""

    proposals: int = 0
    whole: int = 0
    formed: int = 0
    allowed: int = 0
    reached: int = 0
    denied: Counter[str] = field(default_factory=Counter)
    alone: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    breaches: Counter[str] = field(default_factory=Counter)
    unfounded: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)

    def answer(self, denied: Collection[str]) -> None:
        """Counts one answer; no code at all let it through."""
        self.proposals += 1
        self.formed += FORM.isdisjoint(denied)
        self.allowed += not denied
        self.denied.update(denied)
        if len(denied) == 1:
            self.alone.update(denied)

    def note(self, name: str, judgement: Judgement) -> None:
        """Keeps what is wrong with an answer; `name` says how to make it again."""
        for what in judgement.breaches:
            self._keep(self.breaches, what, f"breach: {name}: {what}")
        for what in judgement.unfounded:
            self._keep(self.unfounded, what, f"unfounded: {name}: {what}")

    def add(self, other: "Tally") -> None:
        self.proposals += other.proposals
        self.formed += other.formed
        self.allowed += other.allowed
        self.whole += other.whole
        self.reached += other.reached
        for mine, theirs in zip(self._counters(), other._counters(), strict=True):
            mine.update(theirs)
        self.found = (self.found + other.found)[:SHOWN]

    def shortfalls(self, least_alone: int) -> list[str]:
        """What the campaign did not cover, in words."""
        missed = [
            f"{share:.1%} {what}, at least {least:.0%} wanted"
            for what, share, least in (
                ("passed form", self._share(self.formed), LEAST_FORMED),
                ("were allowed", self._share(self.allowed), LEAST_ALLOWED),
            )
            if share < least
        ]
        few = {code: self.alone[code] for code in CHECKS if self.alone[code] < least_alone}
        return missed + [
            f"{code} was the only denial {n} times, at least {least_alone} wanted" for code, n in few.items()
        ]

    def lines(self) -> list[str]:
        return [
            f"{self.whole:,} through the whole gate, {self.proposals - self.whole:,} by the rules over frozen facts",
            f"{self.proposals:,} proposals: {self._share(self.formed):.1%} passed form, "
            f"{self._share(self.allowed):.1%} were allowed, {self.reached:,} orders reached a venue",
            *(_table(self.denied, self.alone)),
            *(f"{name}: {n:,}" for name, n in sorted(self.events.items())),
        ]

    def _share(self, part: int) -> float:
        return part / self.proposals if self.proposals else 0.0

    def _keep(self, counter: Counter[str], what: str, line: str) -> None:
        counter[what] += 1
        if counter[what] <= 2 and len(self.found) < SHOWN:
            self.found.append(line)

    def _counters(self) -> tuple[Counter[str], ...]:
        return self.denied, self.alone, self.events, self.breaches, self.unfounded


def _table(denied: Mapping[str, int], alone: Mapping[str, int]) -> list[str]:
    rows = [f"{code:<20}{denied.get(code, 0):>12,}{alone.get(code, 0):>12,}" for code in CHECKS]
    return [f"{'denied by':<20}{'in all':>12}{'alone':>12}", *rows]
