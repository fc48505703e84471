"""Muscle paths on moving bodies: derivatives, equilibrium, and OpenSim 4.6's numbers."""

import json
from pathlib import Path

import numpy as np
import pytest

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.lab import sto
from bioenv.lab.coordinates import coordinates
from bioenv.lab.opensim_filter import opensim_coordinates
from bioenv.models.osim.anatomy import OsimAnatomy, load
from bioenv.models.osim.description import (
    Axis,
    Body,
    Coordinate,
    Description,
    Joint,
    Muscle,
    PathPoint,
    PathWrap,
    Pose,
    WrapObject,
)
from bioenv.models.osim.functions import Constant, Linear, Polynomial
from bioenv.models.osim.muscle_paths import MusclePaths, muscle_geometry, muscle_wrench

LAB = paths.lab_data()
TOY = Path(__file__).with_name("toy.osim")
# Made by OpenSim 4.6 with benchmarks/opensim_paths.py.
RECORD = json.loads((paths._CHECKOUT / "tests" / "golden" / "osim_paths.json").read_text())
HERE = Pose(np.zeros(3), np.eye(3))


def at(*position: float) -> Pose:
    return Pose(np.array(position), np.eye(3))


def pin(name: str, parent: str, child: str, place: Pose) -> Joint:
    """A joint about z with one coordinate of the same name."""
    directions = np.eye(3)[[2, 0, 1]]
    turns = [Axis(directions[0], name, Linear(1.0))]
    turns += [Axis(d, None, Constant(0.0)) for d in directions[1:]]
    slides = [Axis(d, None, Constant(0.0)) for d in np.eye(3)]
    coordinate = Coordinate(name, 0.0, (-2.0, 2.0), True)
    return Joint(name, "PinJoint", parent, child, place, HERE, (coordinate,), (*turns,), (*slides,))


def muscle(name: str, points: list[PathPoint], *wraps: PathWrap) -> Muscle:
    return Muscle(name, "", 1000.0, 0.1, 0.2, 0.0, 10.0, tuple(points), wraps)


def point(body: str, *location: float, **more) -> PathPoint:
    return PathPoint("", body, np.array(location), **more)


@pytest.fixture(scope="module")
def leg() -> OsimAnatomy:
    """Thigh and shank on pins about z, with one muscle for each kind of path."""
    bodies = [Body(n, 1.0, np.zeros(3), np.eye(3) * 0.01) for n in ("thigh", "shank")]
    joints = (pin("hip", "ground", "thigh", HERE), pin("knee", "thigh", "shank", at(0, -0.4, 0)))
    knee = WrapObject("roll", "thigh", "cylinder", at(0, -0.4, 0), 0.03, 0.2, quadrant="x")
    ball = WrapObject("ball", "shank", "sphere", at(0, -0.05, 0), 0.03)
    slide = Polynomial((0.02, 0.01, 0.04))
    muscles = (
        muscle("straight", [point("thigh", 0.05, -0.1, 0.01), point("shank", -0.02, -0.1, 0.0)]),
        muscle("biarticular", [point("ground", 0.0, 0.1, 0.0), point("shank", 0.03, -0.1, 0.02)]),
        muscle(
            "moving",
            [
                point("thigh", 0.04, -0.1, 0.0),
                point("shank", 0, -0.02, 0, motion=(("knee", slide), None, None)),
                point("shank", 0.03, -0.08, 0.01),
            ],
        ),
        muscle(
            "conditional",
            [
                point("ground", 0.03, 0.05, 0.0),
                point("thigh", 0.06, -0.2, 0.0, active=("knee", 0.0, 1.0)),
                point("shank", 0.02, -0.1, 0.0),
            ],
        ),
        muscle(
            "rolling",
            [point("thigh", 0.02, -0.1, 0.0), point("shank", 0.02, -0.1, 0.0)],
            PathWrap("roll"),
        ),
        muscle(
            "two",
            [point("ground", 0.01, 0.1, 0.0), point("shank", 0.02, -0.2, 0.0)],
            PathWrap("roll"),
            PathWrap("ball"),
        ),
    )
    gravity = np.array([0.0, -9.81, 0.0])
    wraps = (knee, ball)
    return OsimAnatomy(Description("leg", 0, gravity, (*bodies,), joints, (), muscles, wraps, ()))


def poses(count: int = 40) -> np.ndarray:
    return np.random.default_rng(0).uniform([-1.0, -1.2], [1.0, 1.2], (count, 2))


def arm(anatomy: OsimAnatomy, name: str, q: np.ndarray) -> np.ndarray:
    return muscle_geometry(anatomy, q).moment_arm[:, anatomy.muscles.index(name)]


def test_the_straight_muscle_has_the_textbook_length_and_moment_arm(leg):
    q = np.stack([np.zeros(9), np.linspace(-1.0, 1.0, 9)], axis=1)
    start = np.array([0.05, 0.3, 0.01])  # seen from the knee
    turn = np.array([[np.cos(q[:, 1]), -np.sin(q[:, 1])], [np.sin(q[:, 1]), np.cos(q[:, 1])]])
    end = np.concatenate([np.einsum("ijt,j->ti", turn, [-0.02, -0.1]), np.zeros((9, 1))], axis=1)
    line = start - end
    length = np.linalg.norm(line, axis=1)
    np.testing.assert_allclose(muscle_geometry(leg, q).length[:, 0], length, atol=1e-14)
    lever = np.cross(end, line)[:, 2] / length
    np.testing.assert_allclose(arm(leg, "straight", q)[:, 1], lever, atol=1e-14)
    assert not arm(leg, "straight", q)[:, 0].any()


def test_moment_arms_are_minus_the_slope_of_length(leg):
    q, h = poses(), 1e-6
    q = q[(np.abs(q[:, 1]) > 0.01) & (np.abs(q[:, 1] - 1.0) > 0.01)]  # off the conditional point
    settled = MusclePaths(leg.description, leg.body_names, settled=True)
    exact = _WithPaths(leg, settled)
    found = muscle_geometry(exact, q).moment_arm
    for c in (0, 1):
        step = h * np.eye(2)[c]
        high, low = (muscle_geometry(exact, q + sign * step).length for sign in (1.0, -1.0))
        np.testing.assert_allclose(found[:, :, c], -(high - low) / (2.0 * h), atol=2e-8)


class _WithPaths:
    """An anatomy with other paths."""

    def __init__(self, anatomy: OsimAnatomy, muscle_paths: MusclePaths) -> None:
        self.mj, self.expand, self.jacobian = anatomy.mj, anatomy.expand, anatomy.jacobian
        self.paths = muscle_paths


def test_velocity_is_the_rate_of_length(leg):
    q, h = poses(), 1e-6
    q = q[(np.abs(q[:, 1]) > 0.01) & (np.abs(q[:, 1] - 1.0) > 0.01)]
    rate = np.random.default_rng(1).normal(size=q.shape)
    moving = [leg.muscles.index(name) for name in ("straight", "moving", "conditional", "rolling")]
    found = muscle_geometry(leg, q, rate).velocity
    high, low = (muscle_geometry(leg, q + sign * h * rate).length for sign in (1.0, -1.0))
    slope = (high - low) / (2.0 * h)
    np.testing.assert_allclose(found[:, moving], slope[:, moving], atol=5e-8)
    assert not muscle_geometry(leg, q).velocity.any()


def test_what_muscles_do_to_all_bodies_sums_to_nothing(leg):
    q = poses()
    force = np.random.default_rng(2).uniform(0.0, 1000.0, (len(q), len(leg.muscles)))
    force[:, leg.muscles.index("two")] = 0.0
    wrench = muscle_wrench(leg, q, force)
    assert wrench.shape == (len(q), leg.mj.nbody, 6)
    assert np.abs(wrench).max() > 100.0
    np.testing.assert_allclose(wrench.sum(axis=1), 0.0, atol=1e-9)


def test_the_wrench_on_a_body_turns_its_joint_by_the_moment_arms(leg):
    q = poses()
    force = np.random.default_rng(3).uniform(0.0, 1000.0, (len(q), len(leg.muscles)))
    force[:, leg.muscles.index("moving")] = 0.0  # a moving point acts on its coordinate as well
    wrench = muscle_wrench(leg, q, force)[:, leg.body_id("shank")]
    position, rotation = leg.body_frames(q)
    center, axis = position[:, leg.body_id("shank")], rotation[:, leg.body_id("thigh"), :, 2]
    moment = wrench[:, 3:] - np.cross(center, wrench[:, :3])
    expected = (muscle_geometry(leg, q).moment_arm[:, :, 1] * force).sum(axis=1)
    np.testing.assert_allclose((moment * axis).sum(axis=1), expected, atol=1e-9)


def test_a_conditional_point_is_on_the_path_within_its_range(leg):
    name = leg.muscles.index("conditional")
    knee = np.array([-2e-5, -0.5e-5, 0.5, 1.0 + 0.5e-5, 1.0 + 2e-5])
    q = np.stack([np.zeros(5), knee], axis=1)
    found = muscle_geometry(leg, q).length[:, name]
    ends = np.array([0.03, 0.05]), np.array([0.06, -0.2])
    turn = np.array([[np.cos(knee), -np.sin(knee)], [np.sin(knee), np.cos(knee)]])
    last = np.einsum("ijt,j->ti", turn, [0.02, -0.1]) - [[0.0, 0.4]]
    direct = np.linalg.norm(last - ends[0], axis=1)
    bent = np.linalg.norm(ends[1] - ends[0]) + np.linalg.norm(last - ends[1], axis=1)
    expected = np.where([False, True, True, True, False], bent, direct)
    np.testing.assert_allclose(found, expected, atol=1e-14)


def test_a_moving_point_holds_still_beyond_the_range_of_its_coordinate(leg):
    q = np.array([[0.0, 2.0], [0.0, 2.5]])
    pose = [values[:1].repeat(2, axis=0) for values in leg.body_frames(q)]
    length = leg.paths.solve(q, *pose).length[:, leg.muscles.index("moving")]
    assert length[0] == length[1]


def test_paths_wrap_on_the_side_asked_for(leg):
    q = np.stack([np.zeros(5), np.linspace(-1.0, 1.0, 5)], axis=1)
    # The cylinder keeps the path 3 cm before the knee, however far it bends.
    assert (arm(leg, "rolling", q)[:, 1] >= 0.0199).all()
    assert arm(leg, "rolling", q)[0, 1] == pytest.approx(0.03, abs=1e-12)


def test_long_motions_are_cut_into_pieces_without_a_seam(leg):
    q = np.linspace([-0.5, -0.8], [0.5, 0.8], 1300)
    whole = muscle_geometry(leg, q)
    part = muscle_geometry(leg, q[1000:1100])
    for all_frames, some in zip(whole, part, strict=True):
        np.testing.assert_array_equal(all_frames[1000:1100], some)


def test_wrong_shapes_are_named(leg):
    with pytest.raises(BioenvError, match=r"q must have shape \(2, 2\), got \(2, 3\)"):
        leg.paths.solve(np.zeros((2, 3)), *leg.body_frames(np.zeros((2, 2))))
    with pytest.raises(BioenvError, match="qd must have q's shape"):
        muscle_geometry(leg, np.zeros((2, 2)), np.zeros((3, 2)))
    with pytest.raises(BioenvError, match=r"force must have shape \(2, 6\)"):
        muscle_wrench(leg, np.zeros((2, 2)), np.zeros((2, 5)))


def test_an_invented_models_lengths_are_opensims_and_its_arms_their_slopes():
    # Moment arms: OpenSim's own are not the slopes of its lengths here, as its ball joint has
    # angular velocities for speeds and its custom joint's axes are not at right angles.
    anatomy, record = load(TOY), RECORD["models"]["toy.osim"]
    q = np.array(record["q"])
    assert anatomy.coordinates == tuple(record["coordinates"])
    found = muscle_geometry(anatomy, q)
    np.testing.assert_allclose(found.length, record["length"], rtol=0.0, atol=1e-9)
    for c in range(q.shape[1]):
        step = 1e-6 * np.eye(q.shape[1])[c]
        high, low = (muscle_geometry(anatomy, q + s * step).length for s in (1.0, -1.0))
        # The oblique cylinder's path is OpenSim's, which is not quite the shortest.
        np.testing.assert_allclose(found.moment_arm[:, :, c], (low - high) / 2e-6, atol=3e-4)


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="needs the measured data sets")
@pytest.mark.parametrize("name", [n for n in RECORD["models"] if n != "toy.osim"])
def test_published_models_paths_are_opensims(name):
    assert LAB is not None
    anatomy, record = load(LAB / name), RECORD["models"][name]
    order = [record["coordinates"].index(c) for c in anatomy.coordinates]
    assert list(anatomy.muscles) == record["muscles"]
    q = np.array(record["q"])[:, order]
    expected = np.zeros((len(q), len(anatomy.muscles), len(order)))
    for m, c, *values in record["moment_arm"]:
        expected[:, m, c] = values
    found = anatomy.muscle_geometry(q)
    np.testing.assert_allclose(found.length, record["length"], rtol=0.0, atol=1e-6)
    arm = found.moment_arm @ anatomy.reduction(q)
    error = np.abs(arm - expected[:, :, order][:, :, anatomy.independent]).max(axis=0)
    # Over several surfaces OpenSim's forces do not balance: up to 1 mm at joints not crossed.
    stray = (anatomy.paths.nodes.wraps > 1)[:, None] & ~arm.any(axis=0)
    assert error[~stray].max() < 1e-6
    assert error[stray].max(initial=0.0) < 1e-3


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="needs the measured data sets")
@pytest.mark.parametrize("name", ["gait10dof18musc", "gait2354", "rajagopal80_walk"])
def test_walking_trials_agree_with_opensims_muscle_analysis(name):
    assert LAB is not None
    folder = LAB / "opensim_reference" / name
    anatomy = load(folder / "model.osim")
    table = sto.read(folder / "ik.mot")
    read = coordinates(table, anatomy.coordinates, anatomy.rotational, anatomy.default)
    expected = sto.read(folder / "MA_MuscleAnalysis_Length.sto")
    q = anatomy.couple(opensim_coordinates(read.time, read.values, 6.0)(expected.time))
    found = anatomy.muscle_geometry(q)
    order = [expected.labels.index(m) for m in anatomy.muscles]
    np.testing.assert_allclose(found.length, expected.values[:, order], rtol=0.0, atol=2e-7)
    arm = found.moment_arm @ anatomy.reduction(q)
    free = [c for c, ok in zip(anatomy.coordinates, anatomy.independent, strict=True) if ok]
    for k, coordinate in enumerate(free):
        table = sto.read(folder / f"MA_MuscleAnalysis_MomentArm_{coordinate}.sto")
        error = np.abs(arm[:, :, k] - table.values[:, order]).max(axis=0)
        stray = (anatomy.paths.nodes.wraps > 1) & ~arm[:, :, k].any(axis=0)
        assert error[~stray].max() < 1e-6, coordinate
        assert error[stray].max(initial=0.0) < 5e-4, coordinate
