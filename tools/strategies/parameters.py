"""What parameters are made of: bounded numbers and durations, as a person or a program writes them."""

from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from core.errors import ConfigError
from core.time import duration_ns
from tools.spec import Number


def _duration(text: str) -> str:
    try:
        duration_ns(text)
    except ConfigError as wrong:
        raise ValueError(str(wrong)) from None
    return text.strip()


Duration: TypeAlias = Annotated[str, AfterValidator(_duration)]
Symbol: TypeAlias = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,20}/[A-Z0-9]{1,20}$", description="a spot pair")]
Amount: TypeAlias = Annotated[Number, Field(gt=0, le=Decimal("1e15"), max_digits=40)]
Fraction: TypeAlias = Annotated[Number, Field(gt=0, lt=1, max_digits=20)]


class Parameters(BaseModel):
    """Of one strategy: frozen, and no other key is known."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
