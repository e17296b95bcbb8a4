"""`audit recompute`: runs the tools and models of a recorded decision again, and lists what comes out differently.

The decision is walked through as it was recorded, so that every tool is asked with its recorded arguments at the same
`as_of`; beside each stored answer stands a fresh one, from the stores, forecasters and scorers of now. What only the
moment itself could tell (the account, the gate) is in the record alone, and is checked by `audit replay`.
"""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import Any, Final, TypeVar

from agents.ports import Ports
from core.canonical import JSON, Canonical, canonical_text, digest, plain
from core.errors import ConfigError, DeskError, LedgerBroken
from core.ports import Trial, Trials
from desk import forecasters, reasoning, scorers
from desk.documents import KeptDocuments
from desk.home import Home
from desk.pastmarket import past_market
from desk.replay import body_of, cycle_of, ports_of, run_of, settings_of, stages_of
from desk.settings import Settings
from memory.books.database import Books
from memory.books.effects import ReplayedEffects
from memory.books.records import Record, Run
from memory.books.words import RecordKind
from memory.recall.recall import Recall, Remembering
from models.validation.trials import TrialsInMemory, TrialsOnDisk

T = TypeVar("T")

_MODEL: Final = "model:"
_MOMENT: Final = {
    "account": "the account as it was then",
    "gate": "what the gate answered",
    "route": "what the venues offered",
    _MODEL: "what a language model said",
}
# A name by its content differs with every digit of what it names.
_NAMES: Final = frozenset({"evidence"})


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: a tool with its arguments, or a stage about its lane."""

    name: str
    arguments: JSON


@dataclass(frozen=True, slots=True)
class Difference:
    """One value: `field` is its place in the answer, '' for the answer as a whole."""

    asked: Question
    field: str
    recorded: JSON
    recomputed: JSON


@dataclass(frozen=True, slots=True)
class Lost:
    """What could not be computed again, and why."""

    asked: Question
    reason: str


@dataclass(frozen=True, slots=True)
class Recomputed:
    """`asked` answers were computed again. `kept` counts what is in the record alone, by what it is; `stopped` says why
    the record could not be followed to its end."""

    record_id: str
    asked: int
    differences: tuple[Difference, ...]
    lost: tuple[Lost, ...]
    kept: Mapping[str, int]
    stopped: str | None

    @property
    def same(self) -> bool:
        """Whether all of it came out again; what is lost is not known to."""
        return not (self.differences or self.lost or self.stopped)


async def recompute(
    home: Home, books: Books, record: Record, environment: Mapping[str, str] | None = None
) -> Recomputed:
    """Walks through a decision and computes it again. Language models are asked where an `environment` for their key is
    given, and cost what they cost then.

    Raises ConfigError for a record that is no decision or of another schema, LedgerBroken where its body is gone.
    """
    if record.kind is not RecordKind.DECISION:
        raise ConfigError(
            f"record {record.record_id} is no decision but a {record.kind.value}: no tool was asked for it"
        )
    body, settings, run = body_of(books, record), settings_of(books, record), run_of(books, record)
    effects = _Again(books, record.record_id, ask_models=environment is not None)
    ports, cycle = _ports(home, settings, run, body, effects, environment), cycle_of(body)
    stopped: str | None = None
    try:
        for stage in stages_of(body):
            cycle = await stage(cycle, ports)
    except LedgerBroken as broken:
        stopped = str(broken)
    return Recomputed(
        record.record_id,
        effects.asked,
        _once(effects.found),
        _once(effects.lost),
        dict(sorted(effects.kept.items())),
        stopped,
    )


def _ports(
    home: Home,
    settings: Settings,
    run: Run,
    body: JSON,
    effects: "_Again",
    environment: Mapping[str, str] | None,
) -> Ports:
    """As of a replay, with the market, the memory and whoever forecasts and scores."""
    as_of_ns = body["as_of_ns"]
    replaying, speaking = ports_of(settings, body, effects), forecasters.find(home).at(as_of_ns)
    began_ns = run.command["arguments"].get("from_ns", as_of_ns)
    thinks = replaying.reasoner if environment is None else reasoning.reasoner(settings.llm, home, environment)
    return replace(
        replaying,
        reasoner=thinks,
        market=past_market(home, settings, run, replaying.timeframe, as_of_ns),
        forecasters=speaking.voting,
        shadows=speaking.shadows,
        scorer=scorers.chosen(settings, began_ns).scorer,
        memory=Remembering(Recall(settings.recall, home.recall), body["account"]),
        documents=KeptDocuments(effects.books),
        trials=_Uncounted(TrialsOnDisk(home.trials)),
    )


class _Uncounted:
    """The ledger of trials as it is. What is tried again is counted beside it, and nothing is written."""

    def __init__(self, ledger: Trials) -> None:
        self._ledger = ledger
        self._again = TrialsInMemory()

    def count(self, trial: Trial) -> None:
        self.count_all((trial,))

    def count_all(self, trials: Sequence[Trial]) -> None:
        self._again.count_all(trials)

    def of(self, study: str) -> Sequence[Trial]:
        known = TrialsInMemory()
        known.count_all([*self._ledger.of(study), *self._again.of(study)])
        return known.of(study)


class _Again(ReplayedEffects):
    """Answers from storage like a replay, and computes beside it what can be computed."""

    def __init__(self, books: Books, cycle_id: str, *, ask_models: bool) -> None:
        super().__init__(books, cycle_id)
        self.books = books
        self._ask_models = ask_models
        self.asked = 0
        self.found: list[Difference] = []
        self.lost: list[Lost] = []
        self.kept: Counter[str] = Counter()

    def perform(
        self,
        node: str,
        lane: str,
        request: JSON,
        run: Callable[[], JSON | Awaitable[JSON]],
        beside: Sequence[Canonical] = (),
    ) -> Coroutine[Any, Any, JSON]:
        # The number belongs to the moment of the call.
        return self._both(self._number(node, lane), request, run)

    async def _both(self, name: tuple[str, str, int], request: JSON, run: Callable[[], JSON | Awaitable[JSON]]) -> JSON:
        stored = await self._answer(name, digest(request))
        node, lane, _ = name
        moment = next((what for mark, what in _MOMENT.items() if node.startswith(mark) or lane == mark), None)
        if moment is not None and not (self._ask_models and node.startswith(_MODEL)):
            self.kept[moment] += 1
            return stored
        question = _question(node, lane, plain(request))
        if name in self.differences:
            self.found.append(Difference(question, "", "another question", question.arguments))
        try:
            ran = run()
            again = json.loads(canonical_text(await ran if isawaitable(ran) else ran))
        except (DeskError, OSError) as missing:
            self.lost.append(Lost(question, str(missing)))
            return stored
        self._compare(question, stored, again)
        return stored

    def _compare(self, question: Question, stored: JSON, again: JSON) -> None:
        if (gone := _gone(stored, again)) is not None:
            self.lost.append(Lost(question, gone))
            return
        self.asked += 1
        if "said" in stored:
            # A model's own words: who served them, and in which form, is no difference.
            stored, again = _said(stored), _said(again)
        found = [Difference(question, *leaf) for leaf in _leaves(stored, again)]
        of_content = [one for one in found if one.field.partition("[")[0] not in _NAMES]
        self.found += of_content or found


def _gone(stored: JSON, again: JSON) -> str | None:
    """Why there is no answer now where there was one; None where there is, or never was."""
    for mark in ("unavailable", "refused", "unanswered"):
        if mark in again and mark not in stored:
            return str(again.get("message", again[mark]))
    return None


def _said(answer: JSON) -> JSON:
    return {key: answer.get("said", {}).get(key) for key in ("text", "calls", "refusal")}


def _question(node: str, lane: str, request: JSON) -> Question:
    if isinstance(request, dict) and "tool" in request:
        return Question(request["tool"], request["arguments"])
    return Question(node, {"lane": lane} if node.startswith(_MODEL) else {"symbol": lane})


def _leaves(before: JSON, now: JSON, path: str = "") -> Iterator[tuple[str, JSON, JSON]]:
    """Every value that differs, with its place. A list of another length is one value, and so is an abstention."""
    if before == now:
        return
    if isinstance(before, dict) and isinstance(now, dict) and ("reason" in before) == ("reason" in now):
        for key in sorted({*before, *now}):
            yield from _leaves(before.get(key), now.get(key), f"{path}.{key}" if path else key)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for at, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from _leaves(one, other, f"{path}[{at}]")
    else:
        yield path, before, now


def _once(found: Sequence[T]) -> tuple[T, ...]:
    """By name and arguments. Several stages may ask a tool the same."""
    named = {canonical_text(plain(one)): one for one in found}
    return tuple(named[name] for name in sorted(named))
