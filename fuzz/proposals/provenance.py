"""Wishes that rest on nothing."""

from decimal import Decimal
from random import Random

from core.money import ONE, ZERO
from core.orders import Side
from core.taint import Taint
from core.time import SECOND_NS
from fuzz.proposals.base import breaks, lean, shown
from fuzz.scene import Scene


@breaks("TAINT")
def hostile_text(rng: Random, scene: Scene) -> None:
    scene.wish |= rng.choice(({"taint": Taint.HOSTILE}, {"taint": Taint.UNTRUSTED, "vouched": False}))


@breaks("TEXT_ALONE")
def text_alone(rng: Random, scene: Scene) -> None:
    scene.wish |= {"taint": Taint.DERIVED, "least_taint": Taint.DERIVED, "vouched": rng.random() < 0.2}


@breaks("THESIS")
def nobody_said_why(rng: Random, scene: Scene) -> None:
    scene.wish["thesis"] = False


@breaks("STOP")
def no_stop(rng: Random, scene: Scene) -> None:
    order, quote = scene.order, scene.quotes[scene.order.symbol]
    near = (min if order.side is Side.BUY else max)(
        quote.bid if order.side is Side.BUY else quote.ask, order.limit_price or quote.last
    )
    scene.wish["stop_price"] = rng.choice((None, near, near * (1 + order.side.sign), ZERO, -ONE, Decimal("NaN")))


@breaks("STOP")
def no_sound_plan(rng: Random, scene: Scene) -> None:
    scene.wish["unsound_exits"] = True


@breaks("PREDICATES")
def nothing_that_ends_it(rng: Random, scene: Scene) -> None:
    scene.wish |= rng.choice(({"predicates": 0}, {"unreadable_predicates": 1}, {"unreadable_predicates": 3}))


@breaks("VIEW_AGE")
def old_views(rng: Random, scene: Scene) -> None:
    ago = rng.choice((0, 1, 3600 * SECOND_NS, None))
    scene.wish["views_until_ns"] = None if ago is None else scene.now_ns - ago


@breaks("EVIDENCE")
def evidence_that_is_not_there(rng: Random, scene: Scene) -> None:
    scene.wish |= rng.choice(({"unknown_evidence": 1}, {"evidence": 0}, {"unknown_evidence": None}))


@breaks("CALIBRATION", max_uncalibrated_size="0.01")
def a_confidence_without_a_record(rng: Random, scene: Scene) -> None:
    scene.wish |= {"confidence": Decimal("0.9"), "calibrated": False}
    lean(rng, scene, shown(scene).worth, "0.01")


@breaks("REPEATED")
def again_and_again(rng: Random, scene: Scene) -> None:
    scene.wish |= {"executions": rng.choice((99, 100, 5_000)), "confirmed": None, "vouched": False}
    scene.wish["taint"] = Taint.TRUSTED


@breaks("REPEATED")
def more_often_than_confirmed(rng: Random, scene: Scene) -> None:
    scene.wish |= {"executions": rng.choice((0, 1, 9)), "confirmed": rng.choice((0, 1, 9))}
