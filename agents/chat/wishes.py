"""What a person can ask for in typed form: the same for a grammar and for a model."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from core.orders import Side
from core.printable import one_line
from tools.spec import Number, ToolInput

LONGEST_REASON = 500


class Nothing(ToolInput):
    """No arguments."""


class OfSymbol(ToolInput):
    symbol: str = Field(min_length=1, max_length=40, description="such as BTC/USDT")


class OfAnySymbol(ToolInput):
    symbol: str | None = Field(None, max_length=40, description="such as BTC/USDT; null for every one")


class OfOrders(ToolInput):
    ended: bool = Field(False, description="those that are over, too")


class OfRecord(ToolInput):
    record: str = Field(min_length=4, max_length=80, description="its id, or the beginning of it")


class OfText(ToolInput):
    text: str = Field(min_length=4, max_length=200, description="its id, as the news show it")


class OfWhy(ToolInput):
    symbol: str = Field(min_length=1, max_length=40, description="such as BTC/USDT")
    about: Literal["any", "buy", "sell", "denied", "passed"] = Field("any", description="passed: that it did nothing")


class OrderWish(ToolInput):
    """An order that somebody wants: so much of a coin, for so much money, or as the sizing tool says of its stop."""

    symbol: str = Field(min_length=1, max_length=40, description="such as BTC/USDT")
    side: Side
    quantity: Number | None = Field(None, gt=0, max_digits=40, description="base units; null for the sizing tool's")
    worth: Number | None = Field(None, gt=0, max_digits=40, description="quote currency to spend; null with a quantity")
    limit: Number | None = Field(None, gt=0, max_digits=40, description="limit price; null at the market")
    stop: Number | None = Field(None, gt=0, max_digits=40, description="price at which the idea was wrong")
    target: Number | None = Field(None, gt=0, max_digits=40, description="price to sell at; null for none")
    # A model may have put it in, and a person reads it before the yes: it cannot draw lines of its own.
    because: Annotated[str, AfterValidator(one_line)] = Field(
        "", max_length=LONGEST_REASON, description="the person's own reason, in their words"
    )


class Standing(ToolInput):
    """A standing instruction in its typed form."""

    body: str = Field(max_length=4_000, description="JSON of {strategy, budget}")
