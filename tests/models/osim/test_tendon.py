"""Tendon paths in NumPy against MuJoCo's own, their derivatives, and fits that find known paths."""

import mujoco
import numpy as np
import pytest

from bioenv.models.osim.fit import Carrier, Goal, fit, quality
from bioenv.models.osim.skeleton import about, quaternion
from bioenv.models.osim.tendon import BodyFrames, Path, Roll, Site, reach

POSES = 60


def random_roll(rng: np.random.Generator, *, sphere: bool, sided: bool) -> Roll:
    axis = rng.normal(size=3)
    rotation = about(axis / np.linalg.norm(axis), 1.0)
    side = rng.normal(size=3) * [1.0, 1.0, float(sphere)] if sided else None
    return Roll("world", rng.normal(size=3) * 0.03, rotation, 0.05, side, sphere)


def frames_and_lengths(path: Path, rng: np.random.Generator) -> tuple[BodyFrames, np.ndarray]:
    """Random poses of a body "b" that floats freely, and MuJoCo's length of site-roll-site."""
    first, roll, last = path
    assert isinstance(first, Site)
    assert isinstance(roll, Roll)
    assert isinstance(last, Site)
    spec = mujoco.MjSpec()
    body = spec.worldbody.add_body(name="b", mass=1.0, inertia=[1, 1, 1], explicitinertial=True)
    body.add_freejoint()
    spec.worldbody.add_site(name="first", pos=first.position)
    body.add_site(name="last", pos=last.position)
    kind = mujoco.mjtGeom.mjGEOM_SPHERE if roll.sphere else mujoco.mjtGeom.mjGEOM_CYLINDER
    spec.worldbody.add_geom(
        name="roll", type=kind, size=[roll.radius, 0.1, 0], pos=roll.center,
        quat=quaternion(roll.rotation),
    )  # fmt: skip
    if roll.side is not None:
        offset = roll.rotation @ (roll.side / np.linalg.norm(roll.side) * 0.2)
        spec.worldbody.add_site(name="side", pos=roll.center + offset)
    tendon = spec.add_tendon(name="t")
    tendon.wrap_site("first")
    tendon.wrap_geom("roll", "" if roll.side is None else "side")
    tendon.wrap_site("last")
    mj = spec.compile()
    data, lengths, position, rotation = mujoco.MjData(mj), [], [], []
    for _ in range(POSES):
        data.qpos[:] = [*rng.normal(size=3) * 0.2, *rng.normal(size=4)]
        mujoco.mj_normalizeQuat(mj, data.qpos)
        mujoco.mj_fwdPosition(mj, data)
        lengths.append(data.ten_length[0])
        position.append(data.xpos[1].copy())
        rotation.append(data.xmat[1].reshape(3, 3).copy())
    still = np.zeros((POSES, 3)), np.tile(np.eye(3), (POSES, 1, 1))
    frames = BodyFrames(
        {"world": still[0], "b": np.array(position)}, {"world": still[1], "b": np.array(rotation)}
    )
    return frames, np.array(lengths)


@pytest.mark.parametrize("sphere", [False, True])
@pytest.mark.parametrize("sided", [False, True])
def test_lengths_are_mujocos(sphere, sided):
    rng = np.random.default_rng(0)
    for _ in range(5):
        first, last = (Site(b, rng.normal(size=3) * 0.3) for b in ("world", "b"))
        path = (first, random_roll(rng, sphere=sphere, sided=sided), last)
        frames, lengths = frames_and_lengths(path, rng)
        np.testing.assert_allclose(reach(path, frames).length, lengths, atol=1e-12)


def test_derivatives_agree_with_differences():
    rng = np.random.default_rng(1)
    roll = random_roll(rng, sphere=False, sided=True)
    path = (Site("world", np.array([0.2, 0.1, 0.0])), roll, Site("b", np.array([0.1, 0.0, 0.2])))
    frames, _ = frames_and_lengths(path, rng)
    found, h = reach(path, frames), 1e-6

    def turned(k: int, step: float) -> Roll:
        center, rotation, radius = roll.center.copy(), roll.rotation, roll.radius
        if k < 3:
            center[k] += step
        elif k < 5:
            rotation = rotation @ about(np.eye(3)[k - 3], step)
        else:
            radius += step
        return Roll(roll.body, center, rotation, radius, roll.side)

    for k in range(6):
        ends = [reach((path[0], turned(k, s), path[2]), frames).length for s in (h, -h)]
        expected = (ends[0] - ends[1]) / (2 * h)
        # Some poses stand where the path lifts off.
        error = np.abs(found.by_element[1][:, k] - expected)
        assert np.median(error) < 1e-8
        assert np.sort(error)[-3] < 1e-5


def pendulum(count: int, seed: int) -> tuple[BodyFrames, np.ndarray]:
    """A body "b" that turns about the world's y, with the differences that a Goal holds."""
    x = np.random.default_rng(seed).uniform(-1.2, 1.2, count)
    angle = np.concatenate([x, x + 1e-3, x - 1e-3])
    turn = np.stack([about(np.array([0.0, 1.0, 0.0]), a) for a in angle])
    zero, still = np.zeros((len(angle), 3)), np.tile(np.eye(3), (len(angle), 1, 1))
    return BodyFrames({"world": zero, "b": zero}, {"world": still, "b": turn}), angle


def goal_of(path: Path, carriers: tuple[Carrier, ...] = (), count: int = 60) -> Goal:
    frames, angle = pendulum(count, 0)
    goal = Goal(np.zeros(count), np.zeros((count, 1)), frames, {"hinge": angle})
    true = quality(path, goal, carriers)
    return goal._replace(length=true.length, arm=-true.arm)


def test_a_fit_finds_the_roll_that_made_the_lengths():
    side = np.array([1.0, 0.0, 0.0])
    axis_y = np.column_stack([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])  # the cylinder lies along y
    ends = Site("world", np.array([0.02, 0, 0.3])), Site("b", np.array([0.02, 0, -0.3]))
    true = (ends[0], Roll("world", np.zeros(3), axis_y, 0.04, side), ends[1])
    start = (ends[0], Roll("world", np.array([0.01, 0, 0.005]), axis_y, 0.03, side), ends[1])
    goal = goal_of(true)
    assert quality(start, goal).score > 2e-3
    (found,), _ = fit([start], [goal])
    assert quality(found, goal).worst() < 2e-4


def test_a_fit_finds_the_motion_of_a_carrier():
    joints = ((True, np.array([1.0, 0.0, 0.0])), (True, np.array([0.0, 0.0, 1.0])))
    polynomial = np.array([[0.0, 0.02, 0.01, 0.0, 0.0], [0.0, -0.01, 0.0, 0.005, 0.0]])
    path = (Site("world", np.array([0.05, 0, 0.3])), Site("carrier", np.zeros(3)))
    true = Carrier("carrier", "b", "hinge", np.array([0.03, 0, -0.1]), joints, polynomial)
    start = Carrier("carrier", "b", "hinge", np.array([0.03, 0, -0.1]), joints, 0.5 * polynomial)
    goal = goal_of(path, (true,))
    assert quality(path, goal, [start]).score > 1e-3
    found = fit([path], [goal], [start], iterations=60)
    assert quality(found.paths[0], goal, found.carriers).worst() < 2e-4


def test_poses_where_the_goal_jumps_do_not_spoil_the_rest():
    ends = Site("world", np.array([0.02, 0, 0.3])), Site("b", np.array([0.02, 0, -0.3]))
    goal = goal_of(ends)
    goal.length[:5] += 0.1
    (found,), _ = fit([(Site("world", np.array([0.03, 0, 0.3])), ends[1])], [goal])
    assert np.median(np.abs(quality(found, goal).length)) < 1e-5
