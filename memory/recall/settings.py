"""The recall table: which model finds things again, where they lie, and how much is kept."""

from decimal import Decimal
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

PACKAGED: Final = "packaged"


class RecallSettings(BaseModel):
    """`most_items` and `keep_days` bound what one account remembers.

    `alike` is the cosine similarity from which two items on one topic are the same, told again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    reflect: bool = Field(False, description="whether a lesson is written when a thesis resolves")
    model: str = Field(PACKAGED, min_length=1, description="packaged, a folder, or a repository of the hub")
    revision: str = Field("", pattern=r"^([0-9a-f]{40})?$", description="of a repository of the hub: a full commit")
    offline: bool = False
    url: str = Field("", pattern=r"^(https?://[^/@\s]+)?$", description="of a Chroma server; the home's folder without")
    timeout_s: int = Field(60, gt=0, le=600)
    most_items: int = Field(2000, gt=0, le=100_000)
    keep_days: int = Field(730, gt=0, le=36_500)
    alike: Decimal = Field(Decimal("0.95"), gt=0, le=1)
