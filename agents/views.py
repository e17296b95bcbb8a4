"""What the agents see and say, as typed values. Text never becomes a decision without passing through one of these."""

from collections.abc import Mapping
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from core.exits import TIME_LIMIT_S, ExitPlan
from core.instruments import Instrument
from core.orders import OrderType, Position, Side
from core.quotes import NewsItem
from core.taint import Taint
from risk.sizing import TrackRecord

Signal = Decimal  # in [-1, 1]


class View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Abstention(View):
    """No opinion on one symbol, and why. It counts nowhere."""

    symbol: str
    reason: str


class Observation(View):
    """One symbol at `as_of`. `unfit` says why nothing may be opened in it; a held position is never hidden by it."""

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


class AccountState(View):
    """The account at `as_of`, marked to the last trade. Money in `numeraire`."""

    equity: Decimal
    start_equity: Decimal
    cash: Decimal
    numeraire: str
    positions: tuple[Position, ...]
    limits: Mapping[str, Decimal]
    state: str
    track_record: TrackRecord | None = None


class Snapshot(View):
    """Everything the cycle may know, frozen."""

    account: AccountState
    markets: Mapping[str, Observation]

    def position(self, symbol: str) -> Position | None:
        return next((p for p in self.account.positions if p.symbol == symbol), None)


class Claim(View):
    """One statement with the evidence it rests on."""

    text: str
    evidence: tuple[str, ...] = Field(min_length=1)
    taint: Taint = Taint.TRUSTED


class Opinion(View):
    """Research on one symbol: `stance` from -1 (falls) to 1 (rises)."""

    symbol: str
    stance: Signal = Field(ge=-1, le=1)
    claims: tuple[Claim, ...] = Field(min_length=1)


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
    """One forecaster's or signal's word and its out-of-sample record; weight 0 is muted."""

    name: str
    p_up: Decimal = Field(ge=0, le=1)
    expected_return: Decimal
    quantiles: tuple[tuple[Decimal, Decimal], ...]
    n: int
    brier: Decimal
    baseline_brier: Decimal
    skill: Decimal
    hit_rate: Decimal
    weight: Decimal
    mean_return: Decimal
    naive_return: Decimal


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


class ResearchView(View):
    opinions: tuple[Opinion, ...]
    abstentions: tuple[Abstention, ...]


class SentimentView(View):
    moods: tuple[Mood, ...]
    abstentions: tuple[Abstention, ...]


class ForecastView(View):
    outlooks: tuple[Outlook, ...]
    abstentions: tuple[Abstention, ...]


class PlannedOrder(View):
    """An order that the planner wants, by its index in the plan. A revision keeps the index.

    `confidence` is a probability that the planner states; it never makes an order larger. A planner that says nothing
    of its exits leaves what is not in profit after six hours.
    """

    index: int = Field(ge=0)
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal = Field(gt=0)
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    target_price: Decimal | None = None
    reduce_only: bool = False
    thesis: str
    invalidation: tuple[str, ...] = ()
    evidence: tuple[str, ...]
    taint: Taint
    exits: ExitPlan = ExitPlan(time_limit_s=TIME_LIMIT_S)
    confidence: Decimal | None = Field(None, ge=0, le=1)


class Judgement(View):
    """What the planner made of one symbol: its combined stance (None: too little to say) and why it acts or passes."""

    symbol: str
    stance: Signal | None
    reason: str


class Plan(View):
    """Orders to propose, and a judgement for every symbol, so that doing nothing has a reason too.

    `abstained` says why the planner had no opinion at all; there are no orders then.
    """

    revision: int = 0
    abstained: str | None = None
    orders: tuple[PlannedOrder, ...]
    judgements: tuple[Judgement, ...]
