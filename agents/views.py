"""What the agents see and say, as typed values. Text never becomes a decision without passing through one of these."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from core.algorithms import ExecutionPlan
from core.exits import TIME_LIMIT_S, ExitPlan
from core.instruments import Instrument
from core.orders import OrderType, Position, Side
from core.printable import one_line
from core.quotes import NewsItem
from core.taint import Taint
from core.texts import EventKind
from risk.sizing import TrackRecord

Signal = Decimal  # in [-1, 1]
# Of a reasoner's own making: it stands in prompts and on screens, and is no more than a line of words there.
Words = Annotated[str, AfterValidator(one_line)]


class View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Abstention(View):
    """No opinion on one symbol, and why. It counts nowhere."""

    symbol: str
    reason: Words


class Observation(View):
    """One symbol at `as_of`. `unfit` says why nothing may be opened in it; a held position is never hidden by it.

    `first` is the first price that the cycle looks back on, in quote currency: the scale of a masked model, and left
    out of the record where no model is masked.
    """

    symbol: str
    instrument: Instrument | None
    last: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    ts_event_ns: int | None
    overdue_s: Decimal | None
    spread_bps: Decimal | None
    bars: int
    missing_bars: int
    bars_digest: str
    unfit: str | None
    texts: tuple[NewsItem, ...]
    first: Decimal | None = Field(None, exclude_if=lambda first: first is None)


class Instructed(View):
    """What a standing instruction holds of one symbol, in base units: it is nobody else's to sell."""

    owner: str
    symbol: str
    quantity: Decimal


class AccountState(View):
    """The account at `as_of`, marked to the last trade. Money in `numeraire`.

    `positions` are the cycle's own; what is `instructed` counts in `equity` and is in none of them.
    """

    equity: Decimal
    start_equity: Decimal
    cash: Decimal
    numeraire: str
    positions: tuple[Position, ...]
    instructed: tuple[Instructed, ...] = ()
    limits: Mapping[str, Decimal]
    state: str
    track_record: TrackRecord | None = None


class Snapshot(View):
    """Everything the cycle may know, frozen."""

    account: AccountState
    markets: Mapping[str, Observation]

    def position(self, symbol: str) -> Position | None:
        return next((p for p in self.account.positions if p.symbol == symbol), None)


class Figure(View):
    """A number that a claim states: `field` is its name in the cited evidence."""

    field: Words
    value: Decimal


class Claim(View):
    """One statement with the evidence it rests on. `about` is its instrument, the opinion's where it says none.

    `taint` is computed from the evidence, whatever was stated: see `agents.claims`.
    """

    text: Words
    evidence: tuple[Words, ...] = Field(min_length=1)
    taint: Taint = Taint.TRUSTED
    about: Words | None = None
    figures: tuple[Figure, ...] = ()


class Opinion(View):
    """Research on one symbol: `stance` from -1 (falls) to 1 (rises), `conviction` from 0 to 1, `horizon_bars` ahead.

    `dropped` says which claims did not stand on their evidence, and why.
    """

    symbol: Words
    stance: Signal = Field(ge=-1, le=1)
    claims: tuple[Claim, ...] = Field(min_length=1)
    conviction: Decimal | None = Field(None, ge=0, le=1)
    horizon_bars: int | None = Field(None, ge=1)
    risks: tuple[Words, ...] = ()
    change_my_mind: tuple[Words, ...] = ()
    dropped: tuple[Words, ...] = ()


class Mood(View):
    """What texts say of one symbol: decayed score, how many fresh texts it is worth, and what scored them."""

    symbol: str
    score: Signal = Field(ge=-1, le=1)
    effective: Decimal
    texts: int
    scorer: str
    fallback: bool
    evidence: tuple[str, ...]
    taint: Taint = Taint.DERIVED


class Line(View):
    """One forecaster's or signal's word and its out-of-sample record; weight 0 is muted.

    All of the record, and so the weight, rests on the `n` outcomes of `regime`: that of now, or `any` where that one
    has too few. One in the `shadow` is on probation: whatever its skill, its weight is 0 until a person gives it a
    vote.
    """

    name: str
    p_up: Decimal = Field(ge=0, le=1)
    expected_return: Decimal
    quantiles: tuple[tuple[Decimal, Decimal], ...]
    n: int
    brier: Decimal
    baseline_brier: Decimal
    skill: Decimal
    log_skill: Decimal
    hit_rate: Decimal
    weight: Decimal
    mean_return: Decimal
    naive_return: Decimal
    regime: str
    shadow: bool = False


class Outlook(View):
    """All forecasters and signals on one symbol. `p_up` is their skill-weighted mean, None when every one is muted."""

    symbol: str
    horizon_bars: int
    p_up: Decimal | None
    lines: tuple[Line, ...]
    silent: tuple[Abstention, ...]
    evidence: tuple[str, ...]
    taint: Taint = Taint.TRUSTED

    @property
    def expected_return(self) -> Decimal | None:
        """The lines' skill-weighted mean, as a log return over the horizon; None when every one is muted."""
        total = sum((line.weight for line in self.lines), Decimal(0))
        if not total:
            return None
        return sum((line.weight * line.expected_return for line in self.lines), Decimal(0)) / total


class EventSeen(View):
    """An event that a quarantined reader took from a text about a symbol: fields and ids, and no word of the text.

    `direction` is 1, 0 or -1; `texts` says how many told it, of which `text_id` was the first; `start` and `end` are
    where a person finds it there. `hindsight` says that it was read later than it counts as known.
    """

    symbol: str
    kind: EventKind
    direction: int = Field(ge=-1, le=1)
    magnitude: Decimal = Field(ge=0, le=1)
    certainty: Decimal = Field(ge=0, le=1)
    texts: int
    text_id: str
    start: int
    end: int
    reader: str
    known_at_ns: int
    hindsight: bool
    evidence: str
    taint: Taint = Taint.DERIVED


class ResearchView(View):
    opinions: tuple[Opinion, ...]
    abstentions: tuple[Abstention, ...]


class SentimentView(View):
    """Scores of texts, and the events that they tell of."""

    moods: tuple[Mood, ...]
    abstentions: tuple[Abstention, ...]
    events: tuple[EventSeen, ...] = ()


class ForecastView(View):
    outlooks: tuple[Outlook, ...]
    abstentions: tuple[Abstention, ...]


class PlannedOrder(View):
    """An order that the planner wants, by its index in the plan. A revision keeps the index.

    `confidence` is a probability that the planner states; it never makes an order larger. A planner that says nothing
    of its exits leaves what is not in profit after six hours; one that says nothing of `execution`, which is left out
    of the record then, leaves it to the desk's settings whether the order is worked or sent whole.
    """

    index: int = Field(ge=0)
    symbol: Words
    side: Side
    type: OrderType
    quantity: Decimal = Field(gt=0)
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    target_price: Decimal | None = None
    reduce_only: bool = False
    thesis: Words
    invalidation: tuple[Words, ...] = ()
    evidence: tuple[Words, ...]
    taint: Taint
    exits: ExitPlan = ExitPlan(time_limit_s=TIME_LIMIT_S)
    confidence: Decimal | None = Field(None, ge=0, le=1)
    execution: ExecutionPlan | None = Field(None, exclude_if=lambda plan: plan is None)


class Judgement(View):
    """What the planner made of one symbol: its combined stance (None: too little to say) and why it acts or passes."""

    symbol: Words
    stance: Signal | None
    reason: Words


class Ruling(View):
    """What the reviewer says of one order: it keeps `share` of it, and 0 removes it."""

    index: int = Field(ge=0)
    share: Decimal = Field(ge=0, le=1)
    reason: Words


class Rulings(View):
    """A second model's word on a plan."""

    rulings: tuple[Ruling, ...]


class Change(View):
    """What a review took from one order of a plan, in base units."""

    index: int
    symbol: Words
    before: Decimal
    after: Decimal
    reason: Words


class ReviewView(View):
    """What a second model changed. `failed` says why it had no opinion; every entry is gone then."""

    changes: tuple[Change, ...]
    failed: Words | None = None


class Plan(View):
    """Orders to propose, and a judgement for every symbol, so that doing nothing has a reason too.

    `abstained` says why the planner had no opinion at all; there are no orders then. `cut` says which orders were
    made smaller, or dropped, since no sizing answer gave their quantity; `review` what a second model took away.
    Both are left out of the record where there is nothing to say.
    """

    revision: int = 0
    abstained: Words | None = None
    orders: tuple[PlannedOrder, ...]
    judgements: tuple[Judgement, ...]
    cut: tuple[Words, ...] = Field((), exclude_if=lambda cut: not cut)
    review: ReviewView | None = Field(None, exclude_if=lambda review: review is None)
