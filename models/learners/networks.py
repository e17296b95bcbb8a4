"""Networks over time: LSTM, GRU and a Transformer encoder. Tensors are (batch, time, features), float32.

Imports nothing but torch, so that it runs on a machine that has little else.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

Cell = Literal["lstm", "gru"]
# Of one recurrent block: h for a GRU, (h, c) for an LSTM, each (layers * directions, batch, hidden).
State = list[Any]


class AttentionPool(nn.Module):
    """A weighted mean over time; the weights are learnt from what each step holds.

    Bahdanau, Cho and Bengio, *Neural Machine Translation by Jointly Learning to Align and Translate* (2015), with a
    learnt query.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.key = nn.Linear(width, width)
        self.query = nn.Linear(width, 1, bias=False)

    def forward(self, steps: Tensor) -> Tensor:
        """(batch, time, width) to (batch, width)."""
        weights = torch.softmax(self.query(torch.tanh(self.key(steps))), dim=1)
        return (weights * steps).sum(dim=1)


class Recurrent(nn.Module):
    """LSTM or GRU layers and a linear head.

    Causal (neither bidirectional nor attentive): `forward` gives an output at every step and the state to go on from.
    Otherwise an output exists for a whole window only, by `last`. With `residual` each layer adds to what it read
    (He et al., 2016), behind a linear map of the features to the layers' width.
    """

    def __init__(
        self,
        features: int,
        outputs: int,
        *,
        cell: Cell = "lstm",
        hidden: int = 64,
        layers: int = 2,
        dropout: float = 0.0,
        bidirectional: bool = False,
        attention: bool = False,
        residual: bool = False,
    ) -> None:
        super().__init__()
        kind = nn.LSTM if cell == "lstm" else nn.GRU
        width = hidden * (2 if bidirectional else 1)
        self.bidirectional, self.residual, self.hidden = bidirectional, residual, hidden
        self.causal = not (bidirectional or attention)
        if residual:
            self.entry: nn.Module = nn.Linear(features, width)
            each = {"batch_first": True, "bidirectional": bidirectional}
            self.blocks = nn.ModuleList(kind(width, hidden, 1, **each) for _ in range(layers))
        else:
            self.entry = nn.Identity()
            # Between layers alone: torch warns of a dropout that has no layer to go before.
            inner = dropout if layers > 1 else 0.0
            whole = kind(features, hidden, layers, batch_first=True, dropout=inner, bidirectional=bidirectional)
            self.blocks = nn.ModuleList([whole])
        self.dropout = nn.Dropout(dropout)
        self.pool = AttentionPool(width) if attention else None
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Outputs at every step, (batch, time, outputs), and the state after the last."""
        steps, after = self._steps(x, state)
        return self.head(self.dropout(steps)), after

    def last(self, x: Tensor) -> Tensor:
        """Of each window one output, (batch, outputs), from a state of zeros."""
        steps, _ = self._steps(x, None)
        if self.pool is not None:
            summary = self.pool(steps)
        elif self.bidirectional:
            # Backward layers have seen the whole window at its first step.
            summary = torch.cat([steps[:, -1, : self.hidden], steps[:, 0, self.hidden :]], dim=1)
        else:
            summary = steps[:, -1]
        out: Tensor = self.head(self.dropout(summary))
        return out

    def _steps(self, x: Tensor, state: State | None) -> tuple[Tensor, State]:
        steps, after = self.entry(x), []
        for number, block in enumerate(self.blocks):
            told, held = block(steps, None if state is None else state[number])
            steps = steps + self.dropout(told) if self.residual else told
            after.append(held)
        return steps, after


class Encoder(nn.Module):
    """A Transformer encoder over a window, normalising first, and a linear head on its last step or its pooled steps.

    Vaswani et al., *Attention Is All You Need* (2017), with its sinusoidal positions.
    """

    causal = False

    def __init__(
        self,
        features: int,
        outputs: int,
        *,
        window: int,
        hidden: int = 64,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.0,
        attention: bool = False,
    ) -> None:
        super().__init__()
        self.entry = nn.Linear(features, hidden)
        layer = nn.TransformerEncoderLayer(
            hidden, heads, 4 * hidden, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(hidden), enable_nested_tensor=False)
        self.pool = AttentionPool(hidden) if attention else None
        self.head = nn.Linear(hidden, outputs)
        self.register_buffer("positions", _sinusoids(window, hidden), persistent=False)

    def last(self, x: Tensor) -> Tensor:
        """Of each window one output, (batch, outputs)."""
        steps = self.layers(self.entry(x) + self.positions)
        out: Tensor = self.head(steps[:, -1] if self.pool is None else self.pool(steps))
        return out


Net = Recurrent | Encoder


def _sinusoids(window: int, width: int) -> Tensor:
    at = torch.arange(window).float()[:, None]
    rates = torch.exp(torch.arange(0, width, 2).float() * (-math.log(10_000.0) / width))
    table = torch.zeros(window, width)
    table[:, 0::2], table[:, 1::2] = torch.sin(at * rates), torch.cos(at * rates)
    return table
