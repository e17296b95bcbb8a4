"""Where numbers are crunched: a processor, an NVIDIA card (`cuda`) or an Apple one (`mps`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from core.errors import ConfigError

if TYPE_CHECKING:
    import torch

DEVICES: Final = ("auto", "cpu", "cuda", "mps")


def torch_device(wanted: str) -> torch.device:
    """The device asked for; `auto` is the best that is there: CUDA, then MPS, then the processor.

    Raises ConfigError for a device that this machine or this build of torch does not have.
    """
    import torch

    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        wanted = next(name for name, there in found.items() if there)
    if wanted not in found:
        raise ConfigError(f"device must be one of {', '.join(DEVICES)}, found {wanted!r}")
    if not found[wanted]:
        there = ", ".join(name for name, has in found.items() if has)
        raise ConfigError(f"device {wanted} was asked for, and torch {torch.__version__} finds here only: {there}")
    if wanted == "cuda":
        # Without a workspace of fixed size cuBLAS may add in another order each time, and a seed would not repeat.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return torch.device(wanted)


def xgboost_device(wanted: str) -> str:
    """`cpu` or `cuda`, for XGBoost, which itself would only warn of a card that is not there and take the processor."""
    import xgboost

    if wanted not in DEVICES:
        raise ConfigError(f"device must be one of {', '.join(DEVICES)}, found {wanted!r}")
    if wanted in ("cpu", "mps"):
        return "cpu"
    built = bool(xgboost.build_info().get("USE_CUDA"))
    there = built and _card_is_there()
    if wanted == "cuda" and not there:
        why = "finds no card" if built else "is built without CUDA (the extra `gpu` has the other build)"
        raise ConfigError(f"device cuda was asked for, and xgboost {xgboost.__version__} {why}")
    return "cuda" if there else "cpu"


def _card_is_there() -> bool:
    import torch

    return torch.cuda.is_available()
