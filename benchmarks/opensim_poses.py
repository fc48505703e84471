"""Body poses, mass and center of mass of published models by OpenSim itself, for the tests.

Needs OpenSim's own Python package, which nothing else here does:

    python benchmarks/opensim_poses.py ../shared/data tests/golden/osim_poses.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import opensim  # type: ignore[import-not-found]

MODELS = (
    "opensim_gait_subject01/gait10dof18musc/subject01.osim",
    "opensim_gait_subject01/gait2354/subject01_simbody.osim",
    "opensim_gait_subject01/gait2392/subject01_simbody.osim",
    "opensim_gait_subject01/gait2392_SO_JR/subject01_simbody_adjusted_StaticOp.osim",
    "opensim_reference/rajagopal80_walk/model.osim",
    "rajagopal2016_walk/subject_walk_scaled.osim",
    "falisse2019_subject1/subject1.osim",
    "uhlrich2022_treadmill/Rajagopal_scaled_Sub1_gasAvoid.osim",
    "arnold2013_consistent/subject01/subject01.osim",
)
POSES = 10


def measure(path: Path) -> dict:
    """Poses over every coordinate's range, couplers not applied; ground axes of the file."""
    model = opensim.Model(str(path))
    state = model.initSystem()
    bodies = [model.getBodySet().get(i) for i in range(model.getBodySet().getSize())]
    coordinates = [model.getCoordinateSet().get(i) for i in range(model.getNumCoordinates())]
    low = [max(c.getRangeMin(), -2.5) for c in coordinates]
    high = [min(c.getRangeMax(), 2.5) for c in coordinates]
    q = np.random.default_rng(1).uniform(low, high, (POSES, len(coordinates))).round(4)
    position, rotation, center = [], [], []
    for pose in q:
        for coordinate, value in zip(coordinates, pose, strict=True):
            coordinate.setLocked(state, False)
            coordinate.setValue(state, float(value), False)
        model.realizePosition(state)
        frames = [body.getTransformInGround(state) for body in bodies]
        position.append([three(frame.p()) for frame in frames])
        rotation.append([axis_angle(frame.R()) for frame in frames])
        center.append(three(model.calcMassCenterPosition(state)))
    return {
        "coordinates": [c.getName() for c in coordinates],
        "bodies": [body.getName() for body in bodies],
        "mass": model.getTotalMass(state),
        "q": q.tolist(),
        "position": np.round(position, 7).tolist(),
        "axis_angle": np.round(rotation, 7).tolist(),
        "center_of_mass": np.round(center, 7).tolist(),
    }


def three(vector: opensim.Vec3) -> list[float]:
    return [vector.get(i) for i in range(3)]


def axis_angle(rotation: opensim.Rotation) -> list[float]:
    """Rotation vector: axis times angle, rad."""
    turn = rotation.convertRotationToAngleAxis()
    return [turn.get(0) * turn.get(i) for i in (1, 2, 3)]


def main(data: str, target: str) -> None:
    content = {name: measure(Path(data) / name) for name in MODELS}
    toy = Path("tests/models/osim/toy.osim")
    content[toy.name] = measure(toy)
    opensim_version = opensim.GetVersion()
    Path(target).write_text(json.dumps({"opensim": opensim_version, "models": content}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
