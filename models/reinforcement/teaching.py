"""Lessons by stable-baselines3, which only this module loads. What comes out of it are arrays, never its own files."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from gymnasium import Env
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

from models.learners.devices import torch_device
from models.learners.networks_training import repeatable
from models.reinforcement.environment import Market
from models.reinforcement.network import ACTIVATIONS
from models.reinforcement.playing import play
from models.reinforcement.rules import Rules
from models.reinforcement.schools import School
from models.reinforcement.tape import Tape

if TYPE_CHECKING:
    from models.learners.port import Float32Array

# What is learnt from at once, and how much PPO trades between two lessons in each market.
_BATCH: Final = 256
_ROLLOUT: Final = 128
# Of the layers that choose, in their order, PPO's and DQN's; the others estimate what a state is worth.
_CHOOSING: Final = ("mlp_extractor.policy_net.", "action_net.", "q_net.q_net.")

Algorithm = PPO | DQN


def teach(tape: Tape, school: School, rules: Rules, *, seed: int, valid: Tape | None = None) -> list[Float32Array]:
    """Weight and bias of each layer of the policy in turn, as `network.PolicyNet` takes them."""
    with drawn_from(seed, school):
        student = student_of(tape, school, rules, seed=seed)
        if valid is None:
            student.learn(school.steps)
            return weights_of(student)
        judge = Judge(valid, rules, every=max(school.steps // school.judged, 1))
        student.learn(school.steps, callback=judge)
        judge.compare()
    return judge.kept


def student_of(tape: Tape, school: School, rules: Rules, *, seed: int) -> Algorithm:
    """One that has learnt nothing yet. Rewards are scaled by their deviation; observations are not."""
    device = torch_device(school.device)
    copies = school.markets if school.algorithm == "ppo" else 1
    made: list[Callable[[], Env[Any, Any]]] = [lambda: Market(tape, rules)] * copies
    world: VecEnv = VecNormalize(DummyVecEnv(made), norm_obs=False, gamma=school.discount)
    layers = {"net_arch": list(school.hidden), "activation_fn": ACTIVATIONS[school.algorithm]}
    if school.algorithm == "dqn":
        return DQN(
            "MlpPolicy",
            world,
            learning_rate=school.rate,
            buffer_size=min(school.steps, 50_000),
            learning_starts=min(1_000, school.steps // 4),
            batch_size=_BATCH,
            gamma=school.discount,
            train_freq=8,
            target_update_interval=500,
            exploration_fraction=0.5,
            policy_kwargs=layers,
            seed=seed,
            device=device,
        )
    return PPO(
        "MlpPolicy",
        world,
        learning_rate=school.rate,
        n_steps=_ROLLOUT,
        # It is to divide what all markets bring.
        batch_size=_ROLLOUT if copies % (_BATCH // _ROLLOUT) else _BATCH,
        n_epochs=5,
        gamma=school.discount,
        ent_coef=0.005,
        policy_kwargs=layers,
        seed=seed,
        device=device,
    )


def weights_of(student: Algorithm) -> list[Float32Array]:
    """Copies of the layers that choose, weight and bias of each in turn: a student goes on learning."""
    state = student.policy.state_dict()
    return [values.detach().cpu().numpy().copy() for name, values in state.items() if name.startswith(_CHOOSING)]


class Judge(BaseCallback):
    """Plays bars that are not learnt from, now and then, and keeps the weights that earned most there."""

    def __init__(self, valid: Tape, rules: Rules, *, every: int) -> None:
        super().__init__()
        self._tape, self._rules, self._every, self._next = valid, rules, every, every
        self._best = -np.inf
        self.kept: list[Float32Array] = []

    def compare(self) -> None:
        """Of equals the later one is kept."""

        def act(seen: Float32Array) -> int:
            return int(self.model.predict(seen, deterministic=True)[0])

        earned = play(act, self._tape, self._rules).total
        if earned >= self._best:
            self._best, self.kept = earned, weights_of(self._student())

    def _student(self) -> Algorithm:
        assert isinstance(self.model, PPO | DQN)
        return self.model

    def _on_step(self) -> bool:
        if self.num_timesteps >= self._next:
            self._next += self._every
            self.compare()
        return True


@contextmanager
def drawn_from(seed: int, school: School) -> Iterator[None]:
    """What is drawn inside follows from the seed; the library seeds every generator, and outside none notices."""
    before, ours = np.random.get_state(), random.getstate()
    try:
        with repeatable(seed, torch_device(school.device)):
            yield
    finally:
        np.random.set_state(before)
        random.setstate(ours)
