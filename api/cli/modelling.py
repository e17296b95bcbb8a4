"""What the verbs of `warden models` do."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from api.cli import modelpage, modelshow, words
from api.cli.console import console, print_json
from api.cli.show import table
from core.bars import Bars
from core.errors import ConfigError, DeskError
from core.time import DAY_NS, Timeframe, parse_time, timeframe_named
from desk import beside, modelling, tuning
from desk.clock import SystemClock
from desk.home import Home
from desk.modelling import Judged, Source
from desk.settings import Settings, load
from market.simulated import DAYS, START_NS
from models.explaining import importance, reliability
from models.learners.named import named
from models.learners.neural import FittedNetwork
from models.learners.watching import Bar
from models.registry import Registry


@dataclass(frozen=True, slots=True)
class Where:
    """On which candles a model is judged, not yet understood; its symbol and timeframe are its own."""

    as_of: str | None
    market: str | None
    venue: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of `train` and `tune`, not yet understood."""

    learner: str
    symbol: str
    timeframe: str | None
    horizon: int | None
    as_of: str | None
    market: str | None
    venue: str | None
    changes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Read:
    """What is read beside the bars, and how much each row counts."""

    series: Sequence[str]
    unique: bool | None
    half_life: float | None

    def words(self) -> list[str]:
        """As a person types them."""
        found = [f"--with {one}" for one in self.series]
        if self.unique is not None:
            found.append("--uniqueness" if self.unique else "--no-uniqueness")
        return found if self.half_life is None else [*found, f"--half-life {self.half_life:g}"]


@dataclass(frozen=True, slots=True)
class Taught:
    """What `train` alone may say."""

    seed: int | None
    window: int | None
    name: str | None


class Interrupted(DeskError):
    """A person ended what keeps nothing until it is done."""

    exit_code = 130  # as of any command that Ctrl-C ends


def train(asked: Asked, read: Read, how: Taught, *, json: bool) -> None:
    home, settings = _opened()
    with shown_progress(json) as progress:
        changes = modelling.settings_in(asked.changes)
        source = _source(asked)
        costs = modelling.costs_of(settings)
        chosen = named(asked.learner, changes, timeframe=source.timeframe.value, watcher=Bar(progress), costs=costs)
        as_of_ns = _as_of(asked.as_of, asked.market, settings)
        bars = modelling.candles(home, settings, source, as_of_ns)
        given = _beside(home, settings, source, bars, read)
        task = progress.add_task(f"training {asked.learner} on {words.count(len(bars), 'bar')}", total=None)
        try:
            version = modelling.train(
                home,
                bars,
                chosen,
                horizon=asked.horizon or settings.models.horizon_bars,
                as_of_ns=as_of_ns,
                changes=changes,
                seed=how.seed,
                window=how.window,
                unique=read.unique,
                half_life=read.half_life,
                given=given,
                name=how.name,
            )
        except KeyboardInterrupt:
            raise Interrupted("interrupted; half a model is not kept, and the same command begins again") from None
        progress.remove_task(task)
    told, warning = modelling.described(Registry(home.models), version), modelling.too_short(bars)
    if json:
        print_json({**told, "warning": warning, "series_told": list(given.told)})
        return
    _warn(*given.told, warning)
    card = told["card"]
    learnt = f"{words.count(card['rows'], 'row')} from {card['trained']['from']} to {card['trained']['until']}"
    console.print(Text.assemble(("✓ ", "bold green"), f"{version.version} learnt from {learnt}; it is in the shadow"))


def listing(*, json: bool) -> None:
    home, _ = _opened()
    found = modelling.listing(home)
    broken = [one["version"] for one in found if one["trouble"] is not None]
    if json:
        print_json(found)
    else:
        shown = table("model", "symbol", "timeframe", "state", "since", "learnt until")
        for one in found:
            learnt = Text(one["trouble"], style="red") if one["trouble"] else Text(one["card"]["trained"]["until"])
            row = (one["version"], one["symbol"], one["timeframe"], one["state"], one["changes"][-1]["at"])
            shown.add_row(*row, learnt)
        console.print(shown if found else "no model yet: `warden models train` makes one")
    if broken:
        print(f"warden: {words.count(len(broken), 'model')} cannot be loaded: {', '.join(broken)}", file=sys.stderr)
        sys.exit(1)


def show_one(name: str, *, json: bool) -> None:
    home, _ = _opened()
    registry = Registry(home.models)
    told = modelling.described(registry, registry.version(name))
    if json:
        print_json(told)
        return
    shown = table(told["version"], "")
    for key in ("symbol", "timeframe", "state", "digest"):
        shown.add_row(key, told[key])
    for key, value in (told["card"] or {"trouble": told["trouble"]}).items():
        shown.add_row(key, Text(", ".join(value) if key == "features" else str(value)))
    for change in told["changes"]:
        said = f"{change['state']}, by {change['by']}: {change['reason']}" if change["by"] else change["state"]
        shown.add_row(change["at"], Text(said))
    console.print(shown)


def score(name: str, where: Where, *, json: bool) -> None:
    judged = _judged(name, where)
    if json:
        print_json(modelshow.evidence(judged))
        return
    modelshow.scored(judged)


def promote(name: str, where: Where, *, by: str, reason: str, json: bool) -> None:
    home, settings = _opened()
    judged = _judged(name, where)
    now_ns = SystemClock().now_ns()
    version = modelling.promote(home, settings, judged, by=by, reason=reason, now_ns=now_ns)
    if json:
        print_json(modelling.described(Registry(home.models), version))
        return
    modelshow.scored(judged)
    console.print(Text.assemble(("✓ ", "bold green"), f"{version.version} has a vote from the desk's next start on"))


def tune(asked: Asked, read: Read, *, trials: int, seed: int, json: bool) -> None:
    home, settings = _opened()
    source = _source(asked)
    bars = modelling.candles(home, settings, source, _as_of(asked.as_of, asked.market, settings))
    horizon = asked.horizon or settings.models.horizon_bars
    given = _beside(home, settings, source, bars, read)
    with shown_progress(json) as progress:
        task = progress.add_task(f"tuning {asked.learner}", total=trials)

        def passed(number: int, brier: float | None) -> None:
            told = "failed" if brier is None else f"Brier {brier:.4f}"
            progress.update(task, advance=1, description=f"trial {number}, {told}")

        costs = modelling.costs_of(settings)
        found = tuning.tune(
            home,
            bars,
            asked.learner,
            horizon=horizon,
            trials=trials,
            seed=seed,
            costs=costs,
            given=given,
            unique=read.unique,
            half_life=read.half_life,
            passed=passed,
        )
    if json:
        print_json({**asdict(found), "warning": modelling.too_short(bars), "series_told": list(given.told)})
        return
    _warn(*given.told)
    console.print(f"{found.study}: {words.count(found.trials, 'trial')}, {found.counted} different", markup=False)
    chance = "not measurable" if found.deflated is None else f"{found.deflated:.0%}"
    console.print(f"best Brier score {found.brier:.4f}; chance that its edge is no luck, after all trials: {chance}")
    _warn(*found.alarms)
    settled = " ".join([f"--set {setting}" for setting in found.settings] + read.words())
    console.print(f"warden models train {asked.learner} {settled}", markup=False)


def report(name: str, file: str, where: Where, *, json: bool) -> None:
    path = Path(file)
    if path.suffix != ".html":
        raise ConfigError(f"found the name {path.name}, allowed is an ending in .html")
    judged = _judged(name, where)
    with shown_progress(json) as progress:
        features = judged.model.card.features
        task = progress.add_task("importance of features", total=len(features))
        weights = importance(
            judged.model, judged.bars, judged.said, passed=lambda feature: progress.update(task, advance=1)
        )
    fitted = judged.model.fitted
    page = modelpage.page(
        judged,
        reliability(judged.said.p_up, judged.said.y),
        weights,
        fitted.curve if isinstance(fitted, FittedNetwork) else (),
    )
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from None
    if json:
        print_json({"file": file, "version": judged.version.version, "bytes": len(page.encode())})
        return
    console.print(f"{file}: {words.count(len(page.encode()), 'byte')}", markup=False)


def _opened() -> tuple[Home, Settings]:
    home = Home.find()
    settings = load(home)
    home.make()
    return home, settings


def _beside(home: Home, settings: Settings, source: Source, bars: Bars, read: Read) -> beside.Chosen:
    if read.series and (source.kind or settings.market.kind) == "simulated":
        raise ConfigError("the simulated market has nothing beside its bars: --with needs --market recorded")
    return beside.choose(home, bars, source.venue, read.series)


def _warn(*lines: str | None) -> None:
    for line in filter(None, lines):
        console.print(f"⚠ {line}", style="yellow", markup=False)


def _source(asked: Asked) -> Source:
    own = named(asked.learner).timeframe or Timeframe.H1.value
    return Source(asked.symbol, timeframe_named(asked.timeframe or own), asked.market, asked.venue)


def _as_of(text: str | None, market: str | None, settings: Settings) -> int:
    """Now, or the last moment of the simulated market, which has one."""
    if text is not None:
        return parse_time(text)
    if (market or settings.market.kind) == "simulated":
        return START_NS + DAYS * DAY_NS
    return SystemClock().now_ns()


def _judged(name: str, where: Where) -> Judged:
    home, settings = _opened()
    version = Registry(home.models).version(name)
    source = Source(version.symbol, Timeframe(version.timeframe), where.market, where.venue)
    as_of_ns = _as_of(where.as_of, where.market, settings)
    return modelling.judge(home, settings, name, source, as_of_ns)


class _Done(MofNCompleteColumn):
    """How many of how many; nothing where nobody knows of how many."""

    def render(self, task: Task) -> Text:
        return Text("") if task.total is None else super().render(task)


@contextmanager
def shown_progress(json: bool) -> Iterator[Progress]:
    """What is being done and for how long; nothing for programs."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        _Done(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=json or not console.is_terminal) as progress:
        yield progress
