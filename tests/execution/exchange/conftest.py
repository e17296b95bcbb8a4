"""What tests ask ccxt themselves leaves no trace: it changes how the whole process rounds (`decimal_to_precision`)."""

import decimal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def rounding_as_before() -> Iterator[None]:
    context = decimal.getcontext()
    before = context.copy()
    yield
    context.rounding, context.traps = before.rounding, before.traps
