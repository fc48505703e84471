"""Paths over surfaces: closed forms, and the lengths OpenSim 4.6 gives invented paths."""

import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.models.osim.description import (
    Description,
    Muscle,
    PathPoint,
    PathWrap,
    Pose,
    WrapObject,
)
from bioenv.models.osim.muscle_paths import MusclePaths, PathSolution
from bioenv.models.osim.wrap_ellipsoid import closest_point

# Made by OpenSim 4.6 with benchmarks/opensim_paths.py.
RECORD = json.loads((paths._CHECKOUT / "tests" / "golden" / "osim_paths.json").read_text())


def describe(cases: list[dict]) -> Description:
    """Paths and surfaces in the ground; a surface is at the origin unless it says otherwise."""
    muscles, wraps = [], []
    for i, case in enumerate(cases):
        own = []
        for k, wrap in enumerate(case["wraps"]):
            turn = Rotation.from_euler("XYZ", wrap.get("rotation", [0, 0, 0])).as_matrix()
            pose = Pose(np.array(wrap.get("position", [0.0, 0.0, 0.0])), turn)
            wraps.append(
                WrapObject(
                    f"w{i}_{k}",
                    "ground",
                    case["kind"],
                    pose,
                    wrap.get("radius", 0.0),
                    wrap.get("length", 1.0),
                    np.array(wrap.get("dimensions", [1.0, 1.0, 1.0])),
                    wrap.get("quadrant", "all"),
                    wrap.get("active", True),
                )
            )
            ends = wrap.get("range", (-1, -1))
            own.append(PathWrap(f"w{i}_{k}", wrap.get("method", "hybrid"), *ends))
        points = tuple(PathPoint("p", "ground", np.array(p, dtype=float)) for p in case["points"])
        muscles.append(Muscle(f"m{i}", "", 1, 1, 1, 0, 10, points, tuple(own)))
    none: tuple = ()
    return Description("", 0, np.zeros(3), none, none, none, tuple(muscles), tuple(wraps), none)


def solve(cases: list[dict], *, settled: bool = False) -> tuple[MusclePaths, PathSolution]:
    muscle_paths = MusclePaths(describe(cases), ("ground",), settled=settled)
    origin = np.zeros((1, 1, 3))
    return muscle_paths, muscle_paths.solve(np.zeros((1, 0)), origin, np.eye(3)[None, None])


def length(kind: str, points: list, **wrap) -> float:
    return float(solve([{"kind": kind, "points": points, "wraps": [wrap]}])[1].length[0, 0])


def over_circle(distance: float, half: float, radius: float) -> float:
    """Length over a circle between points at (±half, distance), bent round its far side."""
    reach = np.hypot(half, distance)
    touch = np.arccos(radius / reach)
    around = 2.0 * (np.arctan2(half, -distance) - touch)
    return 2.0 * np.sqrt(reach**2 - radius**2) + radius * around


@pytest.mark.parametrize("kind", ["cylinder", "sphere", "ellipsoid"])
def test_round_surfaces_bend_a_path_as_a_circle_does(kind):
    size = {"dimensions": [0.03, 0.03, 0.03]} if kind == "ellipsoid" else {"radius": 0.03}
    bent = over_circle(-0.01, 0.1, 0.03)
    points = [[-0.1, -0.01, 0.0], [0.1, -0.01, 0.0]]
    # The short way round is under the circle, where the points are.
    assert length(kind, points, **size) == pytest.approx(over_circle(-0.01, 0.1, 0.03), abs=1e-9)
    assert bent < over_circle(0.01, 0.1, 0.03)
    assert length(kind, points, quadrant="-y", **size) == pytest.approx(bent, abs=1e-9)
    straight = [[-0.1, -0.05, 0.0], [0.1, -0.05, 0.0]]
    assert length(kind, straight, **size) == pytest.approx(0.2)
    inside = [[-0.01, -0.01, 0.0], [0.1, -0.01, 0.0]]
    assert length(kind, inside, **size) == pytest.approx(0.11)


def test_a_path_with_both_ends_on_the_wrong_side_goes_all_the_way_round_a_cylinder():
    points = [[-0.1, -0.05, 0.0], [0.1, -0.05, 0.0]]
    expected = over_circle(0.05, 0.1, 0.03)
    for ends in (points, points[::-1]):
        found = length("cylinder", ends, radius=0.03, quadrant="+y")
        assert found == pytest.approx(expected, abs=1e-12)


def test_more_than_half_way_round_counts_the_true_length_either_way():
    points = [[-0.02, -0.05, 0.0], [0.02, -0.05, 0.0]]
    expected = over_circle(0.05, 0.02, 0.03)
    around = (expected - 2.0 * np.sqrt(0.02**2 + 0.05**2 - 0.03**2)) / 0.03
    assert np.pi < around < 2.0 * np.pi
    for ends in (points, points[::-1]):
        found = length("cylinder", ends, radius=0.03, quadrant="y")
        assert found == pytest.approx(expected, abs=1e-12)


def test_an_oblique_path_of_equal_ends_is_a_straight_line_on_the_unrolled_cylinder():
    points = [[-0.1, -0.01, -0.02], [0.1, -0.01, 0.02]]
    flat = over_circle(-0.01, 0.1, 0.03)
    found = length("cylinder", points, radius=0.03)
    assert found == pytest.approx(np.hypot(flat, 0.04), rel=2e-4)
    assert found >= np.hypot(flat, 0.04)


def test_a_path_beyond_both_ends_of_a_cylinder_or_its_range_stays_straight():
    points = [[-0.1, -0.01, 0.2], [0.1, -0.01, 0.2]]
    assert length("cylinder", points, radius=0.03, length=0.3) == pytest.approx(0.2)
    assert length("cylinder", points, radius=0.03, length=0.5) > 0.2
    points = [[-0.1, -0.01, 0.0], [0.0, -0.2, 0.0], [0.0, 0.2, 0.0], [0.1, -0.01, 0.0]]
    free = length("cylinder", points, radius=0.03)
    assert length("cylinder", points, radius=0.03, range=(1, 2)) < free
    assert length("cylinder", points, radius=0.03, range=(2, 3)) == pytest.approx(free)
    assert length("cylinder", points, radius=0.03, active=False) < free


def test_an_ellipsoid_is_wrapped_along_its_section():
    # In a plane of symmetry the path is the convex hull of both points and an ellipse.
    axes = np.array([0.05, 0.03, 0.04])
    points = [[-0.1, 0.005, 0.0], [0.1, 0.005, 0.0]]
    turn = np.linspace(0.0, np.pi, 20001)
    ellipse = np.stack([axes[0] * np.cos(turn), axes[1] * np.sin(turn)], axis=1)
    slope = (ellipse[:, 1] - 0.005) / (ellipse[:, 0] + 0.1)
    touch = int(np.argmax(slope))
    arc = ellipse[len(turn) - 1 - touch : touch + 1]
    expected = np.linalg.norm(np.diff(arc, axis=0), axis=1).sum()
    expected += 2.0 * np.hypot(*(ellipse[touch] - points[0][:2]))
    found = length("ellipsoid", points, dimensions=axes, method="midpoint")
    assert found == pytest.approx(expected, abs=1e-7)


def test_closest_points_lie_on_the_ellipsoid_with_the_line_along_its_normal():
    rng = np.random.default_rng(0)
    axes = rng.uniform(0.5, 2.0, (3, 200))
    point = rng.normal(0.0, 1.0, (3, 200))
    found = closest_point(axes, point)
    np.testing.assert_allclose(((found / axes) ** 2).sum(axis=0), 1.0, atol=1e-10)
    normal = found / axes**2
    assert np.abs(np.cross((point - found).T, normal.T)).max() < 1e-9
    on_axis = closest_point(np.array([[2.0], [1.0], [1.0]]), np.zeros((3, 1)), np.array([2]))
    np.testing.assert_allclose(np.abs(on_axis[:, 0]), [0.0, 1.0, 0.0], atol=1e-12)


def test_a_torus_holds_a_path_inside_its_ring():
    # Through the ring near its tube, which pushes the path towards the center.
    points = [[0.06, 0.0, -0.1], [0.06, 0.0, 0.1]]
    found = length("torus", points, radius=0.01, length=0.05)
    assert found == pytest.approx(over_circle(0.01, 0.1, 0.01), abs=1e-6)
    inside = [[0.01, 0.0, -0.1], [0.01, 0.0, 0.1]]
    assert length("torus", inside, radius=0.01, length=0.05) == pytest.approx(0.2)


def test_batches_solve_each_path_as_if_alone():
    cases = RECORD["paths"][:48]
    together = solve(cases)[1].length[0]
    alone = [solve([case])[1].length[0, 0] for case in cases[::6]]
    np.testing.assert_allclose(together[::6], alone, atol=1e-13)


@pytest.mark.parametrize(
    ("kind", "surfaces", "tolerance"),
    [
        ("cylinder", 1, 1e-11),
        ("cylinder", 2, 1e-11),
        ("sphere", 1, 1e-11),
        ("sphere", 2, 1e-11),
        # OpenSim's own iteration stops at about 1e-5 m; its arcs are chords of 1 mm.
        ("ellipsoid", 1, 2e-5),
    ],
)
def test_lengths_are_opensims(kind, surfaces, tolerance):
    cases = [c for c in RECORD["paths"] if c["kind"] == kind and len(c["wraps"]) == surfaces]
    assert len(cases) == 24
    expected = [case["length"] for case in cases]
    np.testing.assert_allclose(solve(cases)[1].length[0], expected, rtol=0.0, atol=tolerance)


def test_lengths_through_tori_are_opensims_but_for_a_long_way_round():
    cases = [c for c in RECORD["paths"] if c["kind"] == "torus"]
    error = solve(cases)[1].length[0] - [case["length"] for case in cases]
    # One path runs clockwise more than half way round the tube, which OpenSim 4.6 miscounts.
    assert np.count_nonzero(np.abs(error) > 2e-5) == 1
    assert error.min() < -0.005


def test_a_settled_path_over_two_cylinders_has_no_kinks():
    cases = [c for c in RECORD["paths"] if c["kind"] == "cylinder" and len(c["wraps"]) == 2]
    muscle_paths, found = solve(cases, settled=True)
    nodes = muscle_paths.nodes
    wrench = np.cross(found.point[:, 0].T, found.pull[:, 0].T)
    for m in range(len(cases)):
        mine = nodes.muscle == m
        assert np.abs(found.pull[:, 0, mine].sum(axis=1)).max() < 1e-12
        assert np.abs(wrench[mine].sum(axis=0)).max() < 1e-12
    assert np.abs(found.length - solve(cases)[1].length).max() > 1e-5


def test_unknown_surfaces_are_named():
    description = describe([{"kind": "sphere", "points": [[0, 0, 0], [1, 0, 0]], "wraps": []}])
    muscle = description.muscles[0]
    object.__setattr__(muscle, "wraps", (PathWrap("hip_wrap"),))
    with pytest.raises(BioenvError, match="path of m0: unknown wrap object 'hip_wrap'"):
        MusclePaths(description, ("ground",))
    object.__setattr__(muscle, "wraps", ())
    with pytest.raises(BioenvError, match="unknown body 'ground'"):
        MusclePaths(description, ("world",))
