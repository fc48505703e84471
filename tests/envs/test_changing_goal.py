"""A goal that changes within an episode: when, how fast, with which clock; and keeping pace."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bioenv.envs import pace
from bioenv.envs.catalog import walk_speeds
from bioenv.envs.task import task
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError

DT = 0.02
FREE = replace(walk_speeds.TASK, terminate=None, success=None, goal_every_s=(0.5, 1.0))


def played(one=FREE, num=4, steps=150, seed=3, mode="Disabled", **options):
    """Goals, phases and clock periods (T, B) over ``steps`` steps with weak random muscles."""
    env = BioVectorEnv(one, num, threads=1, autoreset_mode=mode, **options)
    env.reset(seed=seed)
    rows = []
    for _ in range(steps):
        rows.append(
            (env.state.goal[:, 0].copy(), env.state.phase.copy(), env.episode.cycle_s.copy())
        )
        env.step(np.full(env.action_space.shape, 0.1))
    return tuple(np.array(kind) for kind in zip(*rows, strict=True))


def test_the_command_ramps_to_drawn_values_and_stays_within_the_range():
    goal, _, _ = played()
    step = np.diff(goal, axis=0)
    assert np.abs(step).max() <= 0.5 * DT + 1e-12
    assert (np.abs(step) > 0).any(axis=0).all()
    low, high = walk_speeds.SPEEDS
    assert ((goal >= low) & (goal <= high)).all()


def test_without_a_rate_it_jumps_at_the_drawn_times_only():
    goal, _, _ = played(replace(FREE, goal_rate=None), steps=200)
    for column in goal.T:
        times = np.flatnonzero(np.diff(column)) * DT
        between = np.diff(times)
        assert len(between) >= 2
        assert (between >= 0.5 - 1e-9).all()
        assert (between <= 1.0 + DT + 1e-9).all()


def test_the_clock_keeps_its_phase_and_takes_the_new_period():
    goal, phase, cycle = played()
    np.testing.assert_allclose(cycle.ravel(), FREE.cycle_s(goal.reshape(-1, 1)))
    # phase is the integral of 1 / period: compare with the sum over control steps. The state shown
    # is a physics step old, so each step mixes two periods that differ by less than 1 %.
    turned = np.cumsum(np.diff(phase, axis=0) % 1.0, axis=0)[1:]
    np.testing.assert_allclose(turned[-1], (DT / cycle[1:-1]).sum(axis=0), atol=0.02)
    assert (np.diff(phase, axis=0) % 1.0)[1:].max() < 1.2 * DT / cycle.min()


def test_goals_do_not_depend_on_the_batch_and_a_goal_without_changes_stays():
    goal, phase, _ = played(num=3, seed=5)
    alone, clock, _ = played(num=1, seed=7)  # environment 2 of the batch
    np.testing.assert_array_equal(goal[:, 2], alone[:, 0])
    np.testing.assert_array_equal(phase[:, 2], clock[:, 0])
    still, _, _ = played(walk_speeds.at(1.3), steps=50)
    np.testing.assert_array_equal(still, 1.3)


def test_a_snapshot_between_two_commands_continues_to_the_bit():
    envs = [BioVectorEnv(FREE, 4, threads=1, autoreset_mode="SameStep") for _ in range(2)]
    action = np.full(envs[0].action_space.shape, 0.2)
    envs[0].reset(seed=0)
    for _ in range(40):
        obs = envs[0].step(action)[0]
    assert (envs[0].episode.goal != envs[0].episode.goal_drawn).any()  # on the way
    np.testing.assert_array_equal(envs[1].restore(envs[0].snapshot()), obs)
    for _ in range(60):
        a, b = (env.step(action) for env in envs)
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])


def walker(speed, command, seconds=20.0, wobble=0.0):
    """Memory after a made-up walk at ``speed(t)`` m/s while ``command(t)`` m/s is asked."""
    memory, x, phase, keep = np.zeros((1, pace.Pace().width)), 0.0, 0.0, pace.Pace()
    state = None
    for t in np.arange(1, round(seconds / DT)) * DT:
        v = speed(t) + wobble * np.cos(2 * np.pi * 2 * phase)
        x, phase = x + v * DT, (phase + DT / 1.0) % 1.0
        state = SimpleNamespace(
            time=np.array([t]), goal=np.array([[command(t)]]), phase=np.array([phase]),
            start_qpos=np.zeros((1, 1)), model=SimpleNamespace(coordinate_index=lambda name: 0),
            coordinate=lambda name, x=x: np.array([x]), speed=lambda name, v=v: np.array([v]),
            memory=memory,
        )  # fmt: skip
        keep.update(state, memory)
    return state


def test_pace_is_the_mean_over_whole_strides():
    s = walker(lambda t: 1.04, lambda t: 1.0, wobble=0.3)
    assert pace.Pace.error(s)[0] == pytest.approx(0.04, abs=1e-3)
    assert pace.kept(0.05)(s)[0]
    assert not pace.kept(0.03)(s)[0]
    assert pace.Pace.ahead(walker(lambda t: 1.04, lambda t: 1.0))[0] == pytest.approx(
        0.04, abs=1e-3
    )


def test_settling_is_not_counted_but_every_command_is():
    late = walker(lambda t: 1.0 if t < 11.5 else 2.0, lambda t: 1.0 if t < 10 else 2.0)
    assert pace.Pace.error(late)[0] == pytest.approx(0.0, abs=1e-9)
    missed = walker(lambda t: 1.1 if t < 10 else 2.0, lambda t: 1.0 if t < 10 else 2.0)
    assert pace.Pace.error(missed)[0] == pytest.approx(0.1, abs=1e-9)
    assert pace.Pace.error(walker(lambda t: 1.0, lambda t: 1.0, seconds=2.0))[0] == np.inf


def test_stance_follows_the_measured_relation():
    """Schwartz et al. 2008: share of stance at dimensionless speeds, on a leg of 0.94 m."""
    froude = np.array([0.172, 0.290, 0.429, 0.560, 0.694])
    measured = [0.68, 0.62, 0.59, 0.58, 0.56]
    ours = walk_speeds.duty(froude[:, None] * np.sqrt(9.81 * 0.94))
    np.testing.assert_allclose(ours, measured, atol=0.01)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"goal_every_s": (2.0, 1.0)}, "shortest <= longest"),
        ({"goal_every_s": (1.0, 2.0), "goal": None}, "needs goal"),
        ({"goal_rate": 0.0}, "goal_rate must be positive"),
        ({"people": ("me",)}, "people must be bioenv.Subject"),
    ],
)
def test_impossible_settings_are_refused(change, why):
    with pytest.raises(BioenvError, match=why):
        replace(task("bioenv/Walk-v0"), **change)
    with pytest.raises(BioenvError, match=r"0\.6 to 2\.0 m/s"):
        walk_speeds.at(3.0)
