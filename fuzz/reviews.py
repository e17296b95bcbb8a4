"""Campaigns at the level of the rules: proposals judged over frozen facts, each held against the oracle."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import count
from random import Random
from typing import Any, Final

from core.canonical import canonical_text
from fuzz import wild, worlds
from fuzz.judging import facts_of, standing_of
from fuzz.oracle import judge
from fuzz.proposals import DIRECTED, ROOMY
from fuzz.scene import Scene
from fuzz.tally import Tally
from risk.review import Rulebook
from risk.rules import RULES
from risk.rules.base import Rule
from risk.settings import RiskSettings

# Of each ten proposals: wrong in one way, in nothing, in any way.
_DIRECTED, _GOOD = 5, 7
_CODES: Final = tuple(DIRECTED)
_OPEN: Final[tuple[Mapping[str, Any], ...]] = ({}, ROOMY)


class Reviews:
    """A campaign under some rules: all of them, unless a test leaves one out."""

    def __init__(self, rules: Sequence[Rule] = RULES) -> None:
        self._rules = tuple(rules)
        self._book = cache(self._written)

    def run(self, seed: int, first: int, proposals: int) -> Tally:
        """Proposals `first` and on of a seed; each depends on nothing but the two numbers."""
        return self.run_these(seed, range(first, first + proposals))

    def run_these(self, seed: int, numbers: Iterable[int]) -> Tally:
        tally = Tally()
        for number in numbers:
            self._one(tally, seed, number)
        return tally

    def _one(self, tally: Tally, seed: int, number: int) -> None:
        limits, scene, what = self._proposal(Random(f"{seed}/{number}"), number)
        rulebook, numbers = self._book(canonical_text(limits))
        ruling = rulebook.judge(scene.order, facts_of(scene), standing_of(scene))
        held_to = [rule.code for rule in ruling.rules if rule.binds_exits] if ruling.candidate.reducing else None
        failed = [ruling.rules[at].code for at in ruling.failed]
        denied = [str(code) for code in failed if held_to is None or code in held_to]
        assert bool(denied) is not ruling.allowed
        tally.answer(denied)
        tally.events.update(f"alarm in {rulebook.rules[at].code}: {error}" for at, error in ruling.alarms.items())
        tally.note(f"review {number} of seed {seed}, {what}", judge(scene, numbers, denied))

    def _proposal(self, rng: Random, number: int) -> tuple[Mapping[str, Any], Scene, str]:
        kind = number % 10
        if kind < _DIRECTED:
            way = rng.choice(DIRECTED[_code(number)])
            return way.limits, way.scene(rng), way.change.__name__
        if kind < _GOOD:
            return rng.choice(_OPEN), (worlds.entry if rng.random() < 0.6 else worlds.exit_)(rng), "good"
        return rng.choice((*_OPEN, rng.choice(DIRECTED[rng.choice(_CODES)]).limits)), wild.scene(rng), "wild"

    def _written(self, limits: str) -> tuple[Rulebook, Mapping[str, Any]]:
        policy = RiskSettings.model_validate_json(limits)
        return Rulebook(policy, self._rules), policy.model_dump()


def directed_at(code: str) -> Iterator[int]:
    """The numbers of the proposals that are to break one code, whatever the seed."""
    return (number for number in count() if number % 10 < _DIRECTED and _code(number) == code)


def _code(number: int) -> str:
    return _CODES[(number // 10 * _DIRECTED + number % 10) % len(_CODES)]
