"""How numbers look to a person."""

import pytest

from api.cli import words


@pytest.mark.parametrize(
    ("average", "shown"),
    [
        ("50123.45678901234567890123456789012345678901234567", "50,123.457"),
        ("50123.4", "50,123.40"),
        ("0.0000123456789012345", "0.000012345679"),
        ("99.99999999999999", "100.00"),
        ("123456789.987654", "123,456,789.99"),
        ("0", "0.00"),
        (None, "—"),
    ],
)
def test_an_average_price_is_as_long_as_a_person_reads(average: str | None, shown: str) -> None:
    assert words.average(average) == shown
