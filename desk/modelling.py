"""Training, judging and choosing models: from candles to a version in the registry, and to a vote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection

from core.canonical import JSON
from core.errors import ConfigError, DataRefused
from core.time import DAY_NS, Timeframe, show_time
from desk import beside
from desk.home import Home
from desk.settings import Settings, database_url
from market.simulated import SimulatedMarket
from market.store.locking import locked
from market.store.store import MarketStore
from market.stored import choose
from memory.books import journal
from memory.books.database import Books
from models.evidence import Evidence, Said, gather
from models.features.inputs import Inputs
from models.learners.named import Named
from models.learners.recipes import make
from models.registry import Registry, Version
from models.reinforcement.policies import Policy
from models.validation.trading import Costs, Result

if TYPE_CHECKING:
    from core.bars import Bars
    from models.learners.trained import Trained

STREAM: Final = "models"  # of the journal
_ALL: Final = 2**40
_FEE: Final = 0.001  # of a taker, where a market says nothing
_YEAR_NS: Final = 365 * DAY_NS


@dataclass(frozen=True, slots=True)
class Source:
    """Where candles are read: `kind` simulated or recorded, as the settings say where it is None."""

    symbol: str
    timeframe: Timeframe
    kind: str | None = None
    venue: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A version, its evidence, and what that rests on."""

    version: Version
    model: Trained
    bars: Bars
    evidence: Evidence
    said: Said
    result: Result


def candles(home: Home, settings: Settings, source: Source, as_of_ns: int) -> Bars:
    """Every bar known at `as_of_ns`. ConfigError where there is none, or more than one venue to take them from."""
    kind = source.kind or settings.market.kind
    if kind == "simulated":
        if source.venue is not None:
            raise ConfigError("the simulated market takes no venue: use --market recorded")
        market = SimulatedMarket(settings.market.seed, (source.symbol,), regime=settings.market.regime)
        bars = market.bars(source.symbol, source.timeframe, as_of_ns=as_of_ns, n=_ALL)
    elif kind == "recorded":
        store = MarketStore(home.candles)
        held = {key.timeframe for key in store.candles.held() if key.symbol == source.symbol}
        exact = source.timeframe if source.timeframe in held else None
        venue, _ = choose(store, (source.symbol,), source.venue, exact)
        bars = store.candles.bars(venue, source.symbol, source.timeframe, as_of_ns=as_of_ns, n=_ALL)
    else:
        raise ConfigError(f"--market is simulated or recorded, found {kind!r}")
    if not len(bars):
        asked = f"{source.symbol} {source.timeframe} that were known at {show_time(as_of_ns)}"
        raise ConfigError(f"the {kind} market has no bars of {asked}; --market says which of recorded and simulated")
    return bars


def too_short(bars: Bars) -> str | None:
    """What to warn of: under 2 years, or 3 of daily bars, a model has seen few kinds of market."""
    years = 3 if bars.timeframe is Timeframe.D1 else 2
    span_ns = int(bars.open_ns[-1]) + bars.timeframe.ns - int(bars.open_ns[0])
    if span_ns >= years * _YEAR_NS:
        return None
    found = f"{span_ns / DAY_NS:.0f} days of {bars.timeframe} bars"
    return f"{found}, {years * 365} are advised: a model of so little has seen few kinds of market"


def train(
    home: Home,
    bars: Bars,
    named: Named,
    *,
    horizon: int,
    as_of_ns: int,
    changes: Mapping[str, str],
    seed: int | None = None,
    window: int | None = None,
    unique: bool | None = None,
    half_life: float | None = None,
    given: beside.Chosen | None = None,
    name: str | None = None,
    once: bool = False,
) -> Version:
    """Trains on what was known at `as_of_ns` and registers the model in the shadow, under `name` or the learner's.

    `given` is what it reads beside the bars. Its card keeps what it was made of, so that a challenger can be made
    alike. With `once` a version of this name that was made as of this moment meanwhile is answered in its place.
    Raises ConfigError and DataRefused as `models.learners.recipes.make` and `Registry.add` do.
    """
    chosen = named.seed if seed is None else seed
    series = given.beside(bars) if given else {}
    learnt = replace(named, features=(*named.features, *(given.features if given else ())))
    recipe = learnt.recipe(horizon, window=window, unique=unique, half_life=half_life)
    model = make(recipe, Inputs(bars, series), seed=chosen, as_of_ns=as_of_ns)
    notes: dict[str, JSON] = {"learner": named.name, "changes": dict(changes), "window": window, "bars": len(bars)}
    notes |= {"unique": recipe.unique, "half_life": half_life, "series": beside.noted(given.beside) if given else {}}
    if isinstance(model.fitted, Policy):
        notes["lesson"] = model.fitted.lesson
    card = replace(model.card, symbol=bars.symbol, notes=notes)
    place = name or named.name, card.symbol, card.timeframe
    with writing(home) as registry:
        there = [v for v in registry.versions() if once and (v.place, v.made_ns) == (place, as_of_ns)]
        return there[0] if there else registry.add(place[0], replace(model, card=card))


@contextmanager
def writing(home: Home) -> Iterator[Registry]:
    """The registry, for one writer at a time. DeskBusy where another one does not come to an end."""
    home.models.mkdir(parents=True, exist_ok=True)
    with locked(home.models / ".lock"):
        yield Registry(home.models)


def judge(home: Home, settings: Settings, wanted: str, source: Source | None, as_of_ns: int) -> Judged:
    """One version on the candles of its own symbol and timeframe after its training, until `as_of_ns`.

    `source` says only of which kind and venue they are. Raises ConfigError and DataRefused as the registry,
    `candles` and `models.evidence.gather` do.
    """
    registry = Registry(home.models)
    version = registry.version(wanted)
    model = beside.loaded(home, version, as_of_ns=as_of_ns)
    own = Source(version.symbol, Timeframe(version.timeframe))
    where = own if source is None else replace(own, kind=source.kind, venue=source.venue)
    bars = candles(home, settings, where, as_of_ns)
    history = settings.models.history_bars
    evidence, said, result = gather(model, version.digest, bars, history=history, costs=costs_of(settings))
    return Judged(version, model, bars, evidence, said, result)


def costs_of(settings: Settings) -> Costs:
    """What a simulated fill costs under these settings."""
    return Costs(_FEE, float(settings.execution.paper.slippage))


def promote(home: Home, settings: Settings, judged: Judged, *, by: str, reason: str, now_ns: int) -> Version:
    """Gives a version its vote over fresh evidence, and journals who did so and why. ConfigError as the registry's."""
    # The books are opened first: what cannot be journaled is not done.
    with Books.open(database_url(home, settings)) as books, writing(home) as registry:
        version = registry.promote(registry.version(judged.version.version), judged.evidence, by=by, reason=reason)
        entry = {"version": version.version, "digest": version.digest, "by": by, "reason": reason}
        entry["evidence"] = judged.evidence.told()

        def write(conn: Connection) -> None:
            journal.append(conn, STREAM, "promoted", entry, ts_ns=now_ns)

        books.write(write)
    return version


def listing(home: Home) -> list[JSON]:
    """Every version with its state and its training, or why it cannot be loaded."""
    registry = Registry(home.models)
    return [described(registry, version) for version in registry.versions()]


def described(registry: Registry, version: Version) -> JSON:
    """One version for people and programs; a tampered or broken one says so in `trouble`."""
    told: dict[str, JSON] = {
        "version": version.version,
        "name": version.name,
        "symbol": version.symbol,
        "timeframe": version.timeframe,
        "state": version.state.value,
        "digest": version.digest,
        "changes": [_change(version, at) for at in range(len(version.changes))],
        "card": None,
        "trouble": None,
    }
    try:
        card = registry.load(version).card
    except (DataRefused, ConfigError) as refused:
        return {**told, "trouble": str(refused)}
    trained = {"from": show_time(card.trained_from_ns), "until": show_time(card.trained_until_ns)}
    kept = {"horizon": card.horizon, "label": card.label, "rows": card.rows, "seed": card.seed, "notes": card.notes}
    return {
        **told,
        "card": {**kept, "features": list(card.features), "trained": trained, "as_of": show_time(card.as_of_ns)},
    }


def _change(version: Version, at: int) -> JSON:
    change = version.changes[at]
    return {
        "state": change.state.value,
        "at": show_time(change.at_ns),
        "by": change.by,
        "reason": change.reason,
        "evidence": change.evidence,
    }


def settings_in(words: Sequence[str]) -> dict[str, str]:
    """`key=value` words as a mapping. ConfigError for one that is none, or a key that comes twice."""
    found: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (equals and key and value) or key in found:
            raise ConfigError(f"--set takes KEY=VALUE, each key once, found {word!r}")
        found[key] = value
    return found
