"""What a policy learns, that it comes back from its parts the same, and how it is scored."""

import json
import random
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from core.errors import ConfigError, DataRefused
from models.learners.port import Parts
from models.reinforcement import policies, teaching
from models.reinforcement.actions import Action
from models.reinforcement.network import PolicyNet
from models.reinforcement.playing import play
from models.reinforcement.policies import Policy, PolicyLearner, read
from models.reinforcement.rules import Rules, flat
from models.reinforcement.schools import School
from models.reinforcement.tape import tape_of_returns
from tests.models.reinforcement.builders import spells

STEPS = {"ppo": 5120, "dqn": 6000}
ELSEWHERE = """
import json, sys
from pathlib import Path
import numpy as np
from safetensors.numpy import load
from models.learners.port import Parts
from models.reinforcement.policies import read
folder = Path(sys.argv[1])
told = json.loads((folder / "settings.json").read_text())
policy = read(Parts("policy", told, load((folder / "arrays.safetensors").read_bytes())))
print(json.dumps(policy.predict(np.load(folder / "x.npy")).p_up.tolist()))
assert not {"stable_baselines3", "gymnasium", "pandas", "matplotlib"} & sys.modules.keys()
"""
BOTH = pytest.mark.parametrize("algorithm", ["ppo", "dqn"])


@cache
def learnt(algorithm: str) -> Policy:
    school = School(algorithm, steps=STEPS[algorithm], hidden=(16, 16))  # type: ignore[arg-type]
    return PolicyLearner(algorithm, school).fit(spells(), None, seed=3)


@BOTH
def test_a_planted_signal_is_learnt_and_earns_more_than_chance(algorithm: str) -> None:
    later = spells(800, seed=2)
    tape = tape_of_returns(later.x, later.y)
    found = play(learnt(algorithm).act, tape, Rules())

    def by_chance(seed: int) -> float:
        drawn = np.random.default_rng(seed)
        return play(lambda seen: int(drawn.integers(len(Action))), tape, Rules()).total

    best = max(by_chance(seed) for seed in range(5))
    assert found.total > max(best, 0.0) + 0.1
    said = learnt(algorithm).predict(later.x)
    spoke = np.isfinite(said.p_up)
    assert spoke.mean() > 0.5
    assert np.mean((said.p_up > 0.5)[spoke] == (later.y > 0)[spoke]) > 0.65


def test_what_it_expects_is_what_came_in_training_on_the_side_that_it_took() -> None:
    sample, policy = spells(), learnt("ppo")
    said = policy.predict(sample.x)
    for up in (True, False):
        rows = np.isfinite(said.p_up) & ((said.p_up > 0.5) == up)
        assert rows.any()
        assert said.expected[rows] == pytest.approx(np.full(rows.sum(), sample.y[rows].mean()))
        assert said.quantiles[rows][0] == pytest.approx(np.quantile(sample.y[rows], said.levels))


def test_who_would_rather_stay_flat_has_no_opinion() -> None:
    policy = learnt("ppo")
    idle = PolicyNet(5, policy.hidden, len(Action), "ppo")
    idle.load_state_dict(policy.net.state_dict())
    with torch.no_grad():
        idle.linear[-1].bias[Action.HOLD] += 1e6
    said = replace(policy, net=idle).predict(spells(50).x)
    assert np.isnan(said.p_up).all()
    assert np.isnan(said.expected).all()
    assert np.isnan(said.quantiles).all()
    assert "rather stay flat" in said.silent


def test_a_row_is_told_the_same_whatever_comes_after_it() -> None:
    x, policy = spells(300, seed=9).x, learnt("ppo")
    assert policy.context == 0
    whole = policy.predict(x)
    assert policy.predict(x[:100]).p_up == pytest.approx(whole.p_up[:100], rel=1e-5, nan_ok=True)


# The library's student and our network


@BOTH
def test_our_network_acts_as_the_student_that_it_was_taken_from(algorithm: str) -> None:
    sample = spells(400)
    school = School(algorithm, steps=600, markets=2, hidden=(8, 8))  # type: ignore[arg-type]
    student = teaching.student_of(tape_of_returns(sample.x, sample.y), school, Rules(), seed=4)
    student.learn(school.steps)
    net = PolicyNet(5, (8, 8), len(Action), algorithm)
    policies._fill(net, teaching.weights_of(student))
    policy = replace(learnt("ppo"), net=net)
    seen = np.random.default_rng(1).normal(size=(500, 5)).astype(np.float32)
    theirs, _ = student.predict(seen, deterministic=True)
    assert len(set(theirs.tolist())) > 1
    assert [policy.act(one) for one in seen] == theirs.tolist()


def test_a_seed_repeats_to_the_bit_and_leaves_the_generators_alone() -> None:
    sample, learner = spells(300), PolicyLearner(school=School(steps=300, markets=2, hidden=(4,)))
    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index, union-attr]
    one, same, other = (learner.fit(sample, None, seed=seed).preferences(flat(sample.x)) for seed in (1, 1, 2))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # type: ignore[index, union-attr]
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_of_what_is_judged_on_later_bars_the_best_is_kept() -> None:
    """What comes later is the market upside down: to have learnt nothing is better there than to have learnt all."""
    sample, later = spells(), spells(300, seed=2)
    against = replace(later, y=-later.y)
    school = School(steps=3000, hidden=(16, 16), judged=3)
    free, judged = (PolicyLearner(school=school).fit(sample, held, seed=3) for held in (None, against))
    tape = tape_of_returns(against.x, against.y)
    assert play(judged.act, tape, Rules()).total > play(free.act, tape, Rules()).total


# Artefacts


@BOTH
def test_what_was_exported_acts_the_same(algorithm: str) -> None:
    policy, later = learnt(algorithm), spells(300, seed=2)
    parts = policy.parts()
    back = read(Parts(parts.kind, json.loads(json.dumps(parts.settings)), load(save(dict(parts.arrays)))))
    tape = tape_of_returns(later.x, later.y)
    one, other = play(policy.act, tape, Rules()), play(back.act, tape, Rules())
    assert one.actions.tolist() == other.actions.tolist()
    assert len(set(one.actions.tolist())) > 1
    assert one.gains.tolist() == other.gains.tolist()
    assert np.array_equal(policy.predict(later.x).p_up, back.predict(later.x).p_up, equal_nan=True)
    assert back.parts().settings == parts.settings


def test_what_was_exported_needs_neither_teacher_nor_market(tmp_path: Path) -> None:
    policy, x = learnt("ppo"), spells(100, seed=2).x
    parts = policy.parts()
    (tmp_path / "arrays.safetensors").write_bytes(save(dict(parts.arrays)))
    (tmp_path / "settings.json").write_text(json.dumps(parts.settings))
    np.save(tmp_path / "x.npy", x, allow_pickle=False)
    done = subprocess.run([sys.executable, "-c", ELSEWHERE, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == pytest.approx(policy.predict(x).p_up.tolist(), rel=1e-5, nan_ok=True)


@pytest.mark.parametrize(
    ("settings", "arrays", "said"),
    [
        ({"actions": ["HOLD", "BUY"]}, {}, "is none of ours"),
        ({"algorithm": "a2c"}, {}, "is none of ours"),
        ({"hidden": [8, 16]}, {}, "needs as many finite weights"),
        ({}, {"0.bias": np.full(16, np.nan, np.float32)}, "finite weights"),
        ({}, {"values": np.zeros((2, 2))}, "2 rows of 4 values"),
        ({"temperature": 0.0}, {}, "2 rows of 4 values"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    settings: dict[str, object], arrays: dict[str, np.ndarray], said: str
) -> None:
    parts = learnt("ppo").parts()
    with pytest.raises(DataRefused, match=said):
        read(Parts(parts.kind, {**parts.settings, **settings}, {**parts.arrays, **arrays}))


def test_what_nothing_can_be_learnt_from_is_refused() -> None:
    sample = spells()
    with pytest.raises(DataRefused, match="at least 100 rows, found 50"):
        PolicyLearner().fit(sample.rows(slice(0, 50)), None, seed=1)
    with pytest.raises(DataRefused, match="trained on 2 features, asked about 1"):
        PolicyLearner().fit(sample, replace(sample, x=sample.x[:, :1], names=()), seed=1)
    with pytest.raises(ConfigError, match="algorithm must be ppo or dqn, found a2c"):
        School("a2c")  # type: ignore[arg-type]
