"""The network of a policy: what is seen to one number an action. Imports nothing but torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from torch import Tensor, nn

# How stable-baselines3 builds its own: tanh in PPO's policies, ReLU in DQN's.
ACTIVATIONS: Final[dict[str, type[nn.Module]]] = {"ppo": nn.Tanh, "dqn": nn.ReLU}


class PolicyNet(nn.Module):
    """Linear layers of the widths `hidden` and a linear head; the greatest of the numbers is the action.

    After PPO they are log odds of actions, after DQN what each action is worth.
    """

    def __init__(self, inputs: int, hidden: Sequence[int], outputs: int, algorithm: str) -> None:
        super().__init__()
        widths = (inputs, *hidden)
        layers: list[nn.Module] = []
        for before, after in zip(widths, hidden, strict=False):
            layers += [nn.Linear(before, after), ACTIVATIONS[algorithm]()]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], outputs))

    def forward(self, seen: Tensor) -> Tensor:
        """(batch, inputs) to (batch, outputs)."""
        told: Tensor = self.layers(seen)
        return told

    @property
    def linear(self) -> tuple[nn.Linear, ...]:
        """The layers that hold weights, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, nn.Linear))
