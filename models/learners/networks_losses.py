"""What networks are taught: the odds of a rise and quantiles of the return, by proper scores. Imports only torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def odds_and_quantiles(levels: Sequence[float]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Log loss of a logit plus the mean pinball loss of quantiles at `levels`.

    Outputs are (..., 1 + len(levels)): the logit, then the quantiles. What came is (..., 2): 1 for a rise, 0 for a
    fall, one half for neither; then the return in deviations. Koenker and Bassett, *Regression Quantiles* (1978).
    """
    at = torch.tensor(list(levels))

    def loss(outputs: Tensor, y: Tensor, weights: Tensor) -> Tensor:
        odds = binary_cross_entropy_with_logits(outputs[..., 0], y[..., 0], reduction="none")
        level = at.to(outputs.device)
        missed = y[..., 1:] - outputs[..., 1:]
        pinball = torch.maximum(level * missed, (level - 1) * missed).mean(dim=-1)
        return weighted_mean(odds + pinball, weights)

    return loss


def squared(outputs: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of squared errors; outputs and what came are (..., 1)."""
    return weighted_mean((outputs[..., 0] - y[..., 0]) ** 2, weights)


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Where every weight is 0 the mean is 0, and so is its gradient."""
    return (weights * values).sum() / weights.sum().clamp_min(1e-12)
