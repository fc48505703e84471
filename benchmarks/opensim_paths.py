"""Muscle paths of published models, and of many invented ones, by OpenSim itself, for the tests.

Needs OpenSim's own Python package, which nothing else here does:

    python benchmarks/opensim_paths.py ../shared/data tests/golden/osim_paths.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import opensim  # type: ignore[import-not-found]

MODELS = (
    "opensim_reference/gait10dof18musc/model.osim",
    "opensim_gait_subject01/gait2392/subject01_simbody.osim",
    "opensim_reference/rajagopal80_walk/model.osim",
    "uhlrich2022_treadmill/Rajagopal_scaled_Sub1_gasAvoid.osim",
)
POSES = 4
SURFACES = {"cylinder": (1, 2), "sphere": (1, 2), "ellipsoid": (1,), "torus": (1,)}
CASES = 24


def measure(path: Path) -> dict:
    """Lengths and moment arms at random poses; arms that are zero everywhere are left out."""
    model = opensim.Model(str(path))
    state = model.initSystem()
    coordinates = [model.getCoordinateSet().get(i) for i in range(model.getNumCoordinates())]
    muscles = [model.getMuscles().get(i) for i in range(model.getMuscles().getSize())]
    low = [max(c.getRangeMin(), -1.5) for c in coordinates]
    high = [min(c.getRangeMax(), 1.5) for c in coordinates]
    q = np.random.default_rng(2).uniform(low, high, (POSES, len(coordinates))).round(4)
    length, arm = [], []
    for pose in q:
        for coordinate, value in zip(coordinates, pose, strict=True):
            coordinate.setLocked(state, False)
            coordinate.setValue(state, float(value), False)
        model.realizePosition(state)
        muscle_paths = [muscle.getPath() for muscle in muscles]
        length.append([path.getLength(state) for path in muscle_paths])
        arm.append([[p.computeMomentArm(state, c) for c in coordinates] for p in muscle_paths])
    arms = np.array(arm)
    entries = [
        [int(m), int(c), *arms[:, m, c].round(9).tolist()]
        for m, c in np.argwhere((np.abs(arms) > 1e-9).any(axis=0))
    ]
    return {
        "coordinates": [c.getName() for c in coordinates],
        "muscles": [m.getName() for m in muscles],
        "q": q.tolist(),
        "length": np.round(length, 10).tolist(),
        "moment_arm": entries,
    }


def invent(kind: str, count: int, rng: np.random.Generator) -> dict:
    """A path in the ground and the surfaces it may wrap over."""
    points = rng.normal(0.0, 0.05, (int(rng.integers(2, 5)), 3))
    points[:, 0] = np.linspace(-0.1, 0.1, len(points)) + rng.normal(0.0, 0.01, len(points))
    wraps = []
    for k in range(count):
        place = rng.normal(0.0, 0.02, 3)
        place[0] += 0.0 if count == 1 else 0.1 * k - 0.05
        # Over cylinders OpenSim 4.6 miscounts long ways round, which only one side can ask for.
        sides = ["x", "-x", "y", "-y", "z", "-z"] if kind in ("sphere", "ellipsoid") else []
        wrap = {
            "rotation": rng.uniform(-3.0, 3.0, 3).round(4).tolist(),
            "position": place.round(5).tolist(),
            "quadrant": str(rng.choice(["all", "all", *sides])),
            "range": [1, len(points) - 1] if len(points) > 2 and rng.random() < 0.3 else [-1, -1],
            "method": str(rng.choice(["hybrid", "midpoint"])) if kind == "ellipsoid" else "hybrid",
            "radius": round(rng.uniform(0.015, 0.04) * (0.4 if kind == "torus" else 1.0), 4),
            "length": round(rng.uniform(0.1, 0.4) * (0.2 if kind == "torus" else 1.0), 4),
            "dimensions": rng.uniform(0.015, 0.05, 3).round(4).tolist(),
        }
        wraps.append(wrap)
    return {"kind": kind, "points": points.round(5).tolist(), "wraps": wraps}


def surface(kind: str, wrap: dict) -> opensim.WrapObject:
    """OpenSim's object of one surface."""
    if kind == "ellipsoid":
        made = opensim.WrapEllipsoid()
        made.set_dimensions(opensim.Vec3(*wrap["dimensions"]))
    elif kind == "torus":
        made = opensim.WrapTorus()
        made.set_inner_radius(wrap["radius"])
        made.set_outer_radius(wrap["length"])
    else:
        made = opensim.WrapCylinder() if kind == "cylinder" else opensim.WrapSphere()
        made.set_radius(wrap["radius"])
        if kind == "cylinder":
            made.set_length(wrap["length"])
    made.set_quadrant(wrap["quadrant"])
    made.set_xyz_body_rotation(opensim.Vec3(*wrap["rotation"]))
    made.set_translation(opensim.Vec3(*wrap["position"]))
    return made


def solve(case: dict) -> bool:
    """Add OpenSim's length to a case; False when nothing wraps, or OpenSim gives no number."""
    model = opensim.Model()
    pull = opensim.PathActuator()
    pull.setName("path")
    path = pull.updGeometryPath()
    for k, point in enumerate(case["points"]):
        pull.addNewPathPoint(f"p{k}", model.updGround(), opensim.Vec3(*point))
    for k, wrap in enumerate(case["wraps"]):
        made = surface(case["kind"], wrap)
        made.setName(f"w{k}")
        model.updGround().addWrapObject(made)
        path.addPathWrap(made)
        owner = path.updWrapSet().get(k)
        owner.set_method(wrap["method"])
        for end in (0, 1):
            owner.set_range(end, wrap["range"][end])
    model.addForce(pull)
    model.finalizeConnections()
    state = model.initSystem()
    model.realizePosition(state)
    path = opensim.GeometryPath.safeDownCast(pull.getPath())
    case["length"] = round(path.getLength(state), 12)
    return path.getCurrentPath(state).getSize() > len(case["points"]) and np.isfinite(
        case["length"]
    )


def main(data: str, target: str) -> None:
    content = {name: measure(Path(data) / name) for name in MODELS}
    toy = Path("tests/models/osim/toy.osim")
    content[toy.name] = measure(toy)
    rng, cases = np.random.default_rng(5), []
    for kind, counts in SURFACES.items():
        for count in counts:
            found: list[dict] = []
            while len(found) < CASES:
                case = invent(kind, count, rng)
                if solve(case):
                    found.append(case)
            cases += found
    record = {"opensim": opensim.GetVersion(), "models": content, "paths": cases}
    Path(target).write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    opensim.Logger.setLevelString("error")
    main(*sys.argv[1:])
