"""Provenance: where the wish to trade came from, what it rests on, and how it ends."""

from decimal import Decimal
from typing import ClassVar

from core.money import ONE, ZERO, Quantity
from core.taint import Taint
from core.time import SECOND_NS
from risk.arithmetic import largest_within, share
from risk.candidate import Candidate
from risk.codes import DenialCode
from risk.rules.base import CountRule, Layer, LimitRule, tally


class ProvenanceRule(LimitRule):
    layer: ClassVar[Layer] = "provenance"


class Tainted(ProvenanceRule):
    """Worst taint of the claims behind the order: 0 trusted, 1 derived, 2 untrusted, 3 hostile.

    A person who releases this very proposal vouches for what is untrusted; nobody vouches for what gave orders.
    """

    code: ClassVar[str] = DenialCode.TAINT
    fixed: ClassVar[str] = "derived"
    unit: ClassVar[str] = "taint"
    person_may: ClassVar[bool] = True

    def measure(self, c: Candidate) -> Decimal | None:
        taint = c.intent.taint
        if c.intent.vouched and taint is Taint.UNTRUSTED:
            return ONE
        return tally(taint)

    def cap(self, policy: object) -> Decimal:
        return Decimal(Taint.DERIVED.value)


class TextAlone(ProvenanceRule):
    """Taint of the most trusted claim behind the order: an order may rest on text, never on text alone."""

    code: ClassVar[str] = DenialCode.TEXT_ALONE
    fixed: ClassVar[str] = "trusted"
    unit: ClassVar[str] = "taint"
    person_may: ClassVar[bool] = True

    def measure(self, c: Candidate) -> Decimal | None:
        return ZERO if c.intent.vouched else tally(c.intent.least_taint)


class ThesisPresent(CountRule):
    """New risk without a thesis: nobody said why."""

    code: ClassVar[str] = DenialCode.THESIS
    layer: ClassVar[Layer] = "provenance"

    def measure(self, c: Candidate) -> Decimal | None:
        return ZERO if c.intent.thesis else ONE


class StopPresent(CountRule):
    """New risk without a stop, with one on the winning side of the price, or with exits that are out of range."""

    code: ClassVar[str] = DenialCode.STOP
    layer: ClassVar[Layer] = "provenance"

    def measure(self, c: Candidate) -> Decimal | None:
        stop, quote = c.intent.stop_price, c.quote
        if stop is None or c.intent.unsound_exits:
            return ONE
        if quote is None or c.instrument is None or not stop.is_finite():
            return None
        # A stop below one tick would be armed at nothing.
        if stop < c.instrument.tick_size:
            return ONE
        limit = c.order.limit_price
        # The price at which it could be closed again right after it filled at its best.
        if c.buys:
            near = quote.bid if limit is None or limit > quote.bid else limit
            return ONE if stop >= near else ZERO
        near = quote.ask if limit is None or limit < quote.ask else limit
        return ONE if stop <= near else ZERO


class PredicatesReadable(CountRule):
    """Predicates that end the thesis and cannot be read, or none at all: nothing would say that it was wrong."""

    code: ClassVar[str] = DenialCode.PREDICATES
    layer: ClassVar[Layer] = "provenance"

    def measure(self, c: Candidate) -> Decimal | None:
        if not c.intent.predicates:
            return ONE
        return tally(c.intent.unreadable_predicates)


class ViewAge(ProvenanceRule):
    """Seconds since the first of the views behind the order passed its own horizon."""

    code: ClassVar[str] = DenialCode.VIEW_AGE
    unit: ClassVar[str] = "s"

    def measure(self, c: Candidate) -> Decimal | None:
        until = c.intent.views_until_ns
        if until is None:
            return None
        late_ns = c.facts.now_ns - until
        return Decimal(late_ns) / SECOND_NS if late_ns > 0 else ZERO


class EvidenceKnown(CountRule):
    """Ids of evidence that the record does not have, or no evidence at all."""

    code: ClassVar[str] = DenialCode.EVIDENCE
    layer: ClassVar[Layer] = "provenance"

    def measure(self, c: Candidate) -> Decimal | None:
        unknown = c.intent.unknown_evidence
        if unknown is None:
            return None
        return ONE if not c.intent.evidence else tally(unknown)


class Calibrated(ProvenanceRule):
    """Worth of an order that states a confidence which was never calibrated, as a fraction of equity.

    An order without a stated confidence, or with one that its record supports, is held to the other limits alone.
    """

    code: ClassVar[str] = DenialCode.CALIBRATION
    setting: ClassVar[str | None] = "max_uncalibrated_size"
    scales: ClassVar[bool] = True

    def measure(self, c: Candidate) -> Decimal | None:
        if self._proven(c):
            return ZERO
        return None if c.worth is None or c.equity is None else share(c.worth, c.equity)

    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None:
        if self._proven(c) or c.price is None or c.equity is None:
            return None
        return Quantity(largest_within(limit, c.equity, ZERO, c.price))

    def _proven(self, c: Candidate) -> bool:
        return c.intent.confidence is None or c.intent.calibrated


class Repeated(ProvenanceRule):
    """How often this plan was executed since a person last looked, this order included (RTS 6, article 15(3)).

    A standing instruction is held to the count that a person confirmed with it.
    """

    code: ClassVar[str] = DenialCode.REPEATED
    setting: ClassVar[str | None] = "max_repeats"
    unit: ClassVar[str] = "orders"
    person_may: ClassVar[bool] = True

    def measure(self, c: Candidate) -> Decimal | None:
        return ONE if c.intent.vouched else tally(c.intent.executions + 1)

    def cap(self, policy: object) -> Decimal | None:
        return None

    def bound(self, c: Candidate) -> Decimal:
        confirmed = c.intent.confirmed
        return Decimal(c.policy.max_repeats if confirmed is None else min(confirmed, c.policy.max_repeats))
