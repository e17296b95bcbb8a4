"""Classifiers in fewer bits: 8-bit integers or bfloat16, made from the fp32 model, which is left as it is."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import torch

_LEVELS: Final = 127  # symmetric int8


def in_bf16(model: Any) -> Any:
    import torch

    return copy.deepcopy(model).to(torch.bfloat16)


def in_int8(model: Any) -> Any:
    """A copy whose encoder's linear layers multiply 8-bit integers; embeddings, pooler and classifier stay fp32.

    Weights have one scale an output, activations one a token, so that a text's score does not depend on what else is in
    its batch (Dettmers et al., *LLM.int8()*, 2022, vector-wise quantisation). Sums are exact in 32-bit integers.

    A layer is in the encoder where its name has a number in it, as in 'encoder.layer.3.output.dense'.
    """
    import torch

    class Int8Linear(torch.nn.Module):
        weight: torch.Tensor
        scale: torch.Tensor
        bias: torch.Tensor

        def __init__(self, linear: torch.nn.Linear) -> None:
            super().__init__()
            weight = linear.weight.detach()
            scale = (weight.abs().amax(dim=1) / _LEVELS).clamp_min(torch.finfo(torch.float32).tiny)
            self.register_buffer("weight", (weight / scale[:, None]).round().to(torch.int8).t().contiguous())
            self.register_buffer("scale", scale)
            bias = torch.zeros_like(scale) if linear.bias is None else linear.bias.detach()
            self.register_buffer("bias", bias.clone())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            rows = x.reshape(-1, x.shape[-1])
            # No pass over the rows more than needed: beside such products they take a fifth of the time.
            most = torch.maximum(rows.amax(dim=-1, keepdim=True), rows.amin(dim=-1, keepdim=True).neg_())
            scale = most.div_(_LEVELS).clamp_min_(torch.finfo(torch.float32).tiny)
            whole = rows.div(scale).round_().to(torch.int8)
            sums = torch._int_mm(whole, self.weight).to(torch.float32).mul_(self.scale)
            return torch.addcmul(self.bias, sums, scale).reshape(*x.shape[:-1], -1)

    reduced = copy.deepcopy(model)
    for name, module in list(reduced.named_modules()):
        if isinstance(module, torch.nn.Linear) and any(part.isdigit() for part in name.split(".")):
            parent, _, last = name.rpartition(".")
            setattr(reduced.get_submodule(parent), last, Int8Linear(module))
    return reduced
