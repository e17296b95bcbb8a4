from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from tools.registry import TOOLS
from tools.spec import Number, evidence_id, number, openai_schema


class Measured(BaseModel):
    value: Number


@pytest.mark.parametrize("value", [0.5, True, "NaN", "-Infinity", "", None])
def test_a_number_is_never_a_float_nor_anything_that_is_not_finite(value: Any) -> None:
    with pytest.raises(ValueError, match="value"):
        Measured(value=value)


@pytest.mark.parametrize(("given", "text"), [("0.50", "0.5"), ("5E+3", "5000"), ("-0", "0"), (7, "7")])
def test_a_number_leaves_as_canonical_text(given: Any, text: str) -> None:
    assert Measured(value=given).model_dump(mode="json") == {"value": text}


def test_a_computed_number_is_cut_to_nine_digits() -> None:
    assert number(1 / 3) == Decimal("0.333333333")
    assert number(Decimal(2) / 3) == Decimal("0.666666667")


def test_evidence_is_named_by_tool_subject_and_content() -> None:
    rising = evidence_id("trend_view", "BTC/USDT", {"trend": "1", "adx": "20"})
    assert rising == evidence_id("trend_view", "BTC/USDT", {"adx": "20", "trend": "1"})
    assert rising.startswith("trend_view:BTC/USDT:")
    assert rising != evidence_id("trend_view", "BTC/USDT", {"trend": "2", "adx": "20"})


@pytest.mark.parametrize("name", TOOLS)
def test_every_schema_is_strict(name: str) -> None:
    schema = openai_schema(TOOLS[name]).value
    assert schema["type"] == "function"
    function = schema["function"]
    assert (function["name"], function["strict"]) == (name, True)
    parameters = function["parameters"]
    assert parameters["additionalProperties"] is False
    assert parameters["required"] == list(parameters["properties"]) == list(TOOLS[name].input.model_fields)


@pytest.mark.parametrize("name", TOOLS)
def test_no_schema_offers_a_default_or_a_float(name: str) -> None:
    text = str(openai_schema(TOOLS[name]).value)
    assert "'default'" not in text
    assert "'title'" not in text
    assert "'type': 'number'" not in text


def test_the_schema_of_sizing_is_what_a_model_is_shown() -> None:
    assert openai_schema(TOOLS["position_size"]).value["function"]["parameters"] == {
        "type": "object",
        "additionalProperties": False,
        "required": ["symbol", "side", "stop_price"],
        "properties": {
            "symbol": {"type": "string", "description": "such as BTC/USDT"},
            "side": {"$ref": "#/$defs/Side"},
            "stop_price": {"type": "string", "description": "where the trade is wrong, in quote currency"},
        },
        "$defs": {"Side": {"type": "string", "enum": ["buy", "sell"]}},
    }
