"""What the document says of answers: the fields that a client may rely on, with an example of each."""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

Amount = str  # an exact decimal, as text


class Open(BaseModel):
    """More fields may come; those that are named here stay."""

    model_config = ConfigDict(extra="allow")


class ProblemDocument(Open):
    type: str = Field(examples=["forbidden"])
    title: str = Field(examples=["The key may not do this"])
    status: int = Field(examples=[403])
    detail: str = Field(examples=["it takes a key with audit:read"])
    request: str = Field(examples=["5f1d7a84c3e29b06"])


class Record(Open):
    name: str = Field(examples=["drift"])
    n: int = Field(examples=[41])
    brier: Amount = Field(examples=["0.231"])
    baseline_brier: Amount = Field(examples=["0.25"])


class Confidence(Open):
    """The probability that the direction is right, as an out-of-sample record supports it."""

    value: Amount = Field(examples=["0.58"])
    source: str = Field(examples=["forecasters that beat their naive baseline out of sample, weighted by skill"])
    records: list[Record]


class SignalBody(Open):
    """What was signed. Times are nanoseconds since 1970, UTC; prices are in quote currency."""

    schema_: Literal[1] = Field(alias="schema", examples=[1])
    signal_id: str = Field(examples=["7e65526a-b2de-50b8-b61c-aa0d777e2f49"])
    symbol: str = Field(examples=["BTC/USDT"])
    side: Literal["buy", "sell"] | None = Field(description="of the order that was planned; null where none was")
    strength: Amount | None = Field(description="from -1 (falls) to 1 (rises); null is no opinion", examples=["0.685"])
    abstains: str | None = Field(description="why there is no opinion")
    confidence: Confidence | None = Field(description="null where no record supports one")
    price: Amount | None = Field(description="the last one when it was decided", examples=["93758.52"])
    stop: Amount | None = Field(examples=["91699.76"])
    target: Amount | None = Field(examples=["97876.04"])
    reduce_only: bool
    verdict: str | None = Field(description="what the risk officer first answered", examples=["done"])
    as_of_ns: int = Field(examples=[1771444800000000000])
    issued_ns: int = Field(examples=[1771444801100000000])
    horizon_s: int = Field(examples=[43200])
    expires_ns: int = Field(examples=[1771488000000000000])
    market: Literal["simulated", "recorded", "testnet", "live"]
    models: dict[str, Any]
    policy: str
    contamination: Literal["clean", "unknown", "contaminated"]
    record_id: str
    record_hash: str


class OutcomeBody(Open):
    """What came of it once its horizon had ended. `right` is null where it named no direction."""

    signal_id: str
    ended_ns: int
    price: Amount = Field(examples=["94105.1"])
    change: Amount = Field(description="a fraction of the price at issue", examples=["0.003697"])
    high: Amount
    low: Amount
    right: bool | None
    first_touched: Literal["stop", "target"] | None


class SignalLine(Open):
    number: int = Field(description="counts up; the id of an event of the stream", examples=[17])
    signal: SignalBody
    signer: str = Field(description="`key_id` of the public key", examples=["3257ab68a0b551e0"])
    signature: str = Field(description="Ed25519 over the canonical form of `signal`, base64")
    outcome: OutcomeBody | None
    outcome_signature: str | None


class SignalPage(Open):
    signals: list[SignalLine]
    next: str | None = Field(description="the cursor of the next page; null on the last one")


class SignalKey(Open):
    key_id: str = Field(examples=["3257ab68a0b551e0"])
    algorithm: Literal["Ed25519"]
    public_key: str = Field(description="32 bytes, base64", examples=["VKc7XfV7ecqjJHShUiu7QZRMuZMM6WVKxnEA+o7pzjU="])
    signed_form: str


class Page(Open):
    next: str | None = None


class Cycles(Page):
    cycles: list[dict[str, Any]]


class Orders(Page):
    orders: list[dict[str, Any]]


class Approvals(Page):
    approvals: list[dict[str, Any]]


class Records(Page):
    records: list[dict[str, Any]]


class Positions(Open):
    account: str = Field(examples=["paper-bdb76b9d"])
    positions: list[dict[str, Any]]
    stops: list[dict[str, Any]]


class Portfolio(Positions):
    numeraire: str = Field(examples=["USDT"])
    equity: Amount | None = Field(description="null where a position has no price", examples=["10012.4"])
    balances: dict[str, Amount]
    state: Literal["active", "reducing", "halted"]


class Risk(Open):
    account: str
    state: Literal["active", "reducing", "halted"]
    caps: Amount
    causes: list[dict[str, Any]]
    breakers: list[dict[str, Any]]


class Verified(Open):
    ok: bool
    entries: int
    broken: str | None
    problem: str | None


class Models(Open):
    models: list[dict[str, Any]]


class Health(Open):
    status: Literal["ok"] = Field(examples=["ok"])


class Ready(Open):
    status: Literal["ready"] = Field(examples=["ready"])
    parts: dict[str, str] = Field(examples=[{"database": "ok", "signals": "ok"}])


class Answered(Open):
    """What became of a proposal. `kind` is the gate's answer after its review of fresh facts."""

    proposal_id: str
    kind: str = Field(examples=["working"])
    detail: str
    state: str


class Halted(Open):
    account: str
    state: str = Field(examples=["halted"])
    by: str
    reason: str


class Rearmed(Open):
    account: str
    latch: int
    by: str
    reason: str


class Approve(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "the plan is sound"}]})

    reason: str = Field("", max_length=500, description="Why; journaled.")


class Reason(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "news that I cannot judge"}]})

    reason: str = Field(min_length=1, max_length=500, pattern=r"\S", description="Why; journaled.")


class Resume(Reason):
    latch: int | None = Field(None, ge=1, le=2**53, description="Its number, where there are several.")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented problems of a route, beside those that every route with a key has."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    return {status: {"description": _MEANS[status], "content": content} for status in sorted(statuses)}


_MEANS: Final = {
    400: "The request cannot be read.",
    401: "No key, or one that is unknown, expired or revoked.",
    403: "The key may not do this.",
    404: "There is no such thing.",
    405: "The method is not allowed here.",
    409: "The state does not allow it, or the same request is being worked on.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "A value is not allowed.",
    429: "The key has asked too often; Retry-After says when to come back.",
    503: "The desk cannot answer now: the detail names the part.",
}
GUARDED: Final = (401, 403, 422, 429, 503)
