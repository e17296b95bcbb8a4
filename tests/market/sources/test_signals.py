from decimal import Decimal
from typing import Any

import pytest

from core.errors import DataRefused
from core.taint import Taint
from core.time import DAY_NS, HOUR_NS, SECOND_NS
from market.sources.fields import iso
from market.sources.settings import SignalSettings
from market.sources.signals import received, signal_of, signals_of
from tests.market.sources.desk import KEYS, NOON, Patience, Server, context_of, web_of
from tests.market.web.server import json

HOOK = SignalSettings(name="guru", asset="BTC", kind="webhook")


def payload(value: Any = 0.5, time: Any = NOON // SECOND_NS) -> dict[str, Any]:
    return {"value": Decimal(str(value)) if isinstance(value, float) else value, "time": time}


def test_a_signal_is_an_untrusted_number_of_its_own_source() -> None:
    found = received([HOOK], "guru", payload("-0.25", iso(NOON - HOUR_NS)), NOON)
    assert (found.series, found.asset, found.source, found.unit) == ("signal", "BTC", "signal:guru", "score")
    assert (found.value, found.event_ns, found.known_at_ns) == (Decimal("-0.25"), NOON - HOUR_NS, NOON)
    assert found.taint is Taint.UNTRUSTED


@pytest.mark.parametrize("value", [1, -1, "1", 0])
def test_a_signal_at_its_bounds_is_taken(value: object) -> None:
    assert signal_of(HOOK, payload(value), NOON).value == Decimal(str(value))


@pytest.mark.parametrize("value", [None, "buy", "1.0000001", -2, True, [1], "NaN", {}])
def test_a_signal_that_is_no_number_from_minus_one_to_one_is_refused(value: object) -> None:
    with pytest.raises(DataRefused, match="allowed is -1 to 1"):
        signal_of(HOOK, payload(value), NOON)


@pytest.mark.parametrize("time", [None, "soon", iso(NOON - DAY_NS - SECOND_NS), iso(NOON + 6 * SECOND_NS)])
def test_a_signal_of_no_time_or_of_another_is_refused(time: object) -> None:
    with pytest.raises(DataRefused, match="time"):
        signal_of(HOOK, payload(time=time), NOON)


def test_a_sender_whose_clock_is_a_little_ahead_is_dated_now() -> None:
    assert signal_of(HOOK, payload(time=iso(NOON + 5 * SECOND_NS)), NOON).event_ns == NOON


@pytest.mark.parametrize("body", [None, [], "x", 7, {"value": {"value": 1}}])
def test_a_payload_of_another_shape_is_refused(body: object) -> None:
    with pytest.raises(DataRefused):
        signal_of(HOOK, body, NOON)


def test_a_name_that_no_webhook_has_is_refused() -> None:
    polled = SignalSettings(name="other", asset="ETH", url="https://x.example/")
    with pytest.raises(DataRefused, match="no webhook signal 'other'; configured are guru"):
        received([HOOK, polled], "other", payload(), NOON)


async def test_a_polled_signal_is_read_by_its_path_with_its_own_token() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        server.says("/guru", json({"data": [{"score": 0.75}]}))
        settings = SignalSettings(
            name="guru", asset="BTC", url=f"{server.base}/guru", value=("data", "0", "score"), time=()
        )
        (source,) = signals_of(
            context_of(server, web, patience, signals=(settings, HOOK.model_copy(update={"name": "hook"})))
        )
        (found,) = (await source.poll(0)).readings
        assert (found.value, found.event_ns) == (Decimal("0.75"), NOON)
        assert server.seen[0].headers["authorization"] == f"Bearer {KEYS['SIGNAL_GURU']}"
