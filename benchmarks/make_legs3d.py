"""Make assets/legs3d/model.xml from the lab's copy of the Rajagopal model.

    .venv/bin/python benchmarks/make_legs3d.py [--check] [--tables]

Reads `opensim_reference/rajagopal80_walk` of the lab data (model, coordinates of a walking trial,
activations by OpenSim's static optimization) and writes the model, the same bytes every time.
--check compares instead of writing; --tables prints the tables of assets/legs3d/README.md.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import mujoco
import numpy as np
from legs3d_body import Knee, fit_knee, freed, lean, toes_in_place
from legs3d_home import home_pose
from legs3d_muscles import SLOW_AND_TENSION, Tendon, tendons
from legs3d_paths import GaitPoses, Planned, errors, plan
from legs3d_xml import Actuator, Hinge, Segment, number, write
from numpy.typing import NDArray

from bioenv.lab import sto
from bioenv.models.osim import parse
from bioenv.models.osim.anatomy import OsimAnatomy
from bioenv.models.osim.convert_frame import upright
from bioenv.models.osim.convert_skeleton import Converted, convert_skeleton
from bioenv.models.osim.description import Description, Muscle
from bioenv.models.osim.fit import quality
from bioenv.models.osim.skeleton import UPRIGHT
from bioenv.paths import asset, lab_data

Array = NDArray[np.float64]

_LEG = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle")
_ROOT = (
    Hinge("pelvis_tx", np.array([1.0, 0.0, 0.0]), "slide"),
    Hinge("pelvis_ty", np.array([0.0, 1.0, 0.0]), "slide"),
    Hinge("pelvis_tz", np.array([0.0, 0.0, 1.0]), "slide"),
    Hinge("pelvis_tilt", np.array([0.0, -1.0, 0.0])),
    Hinge("pelvis_list", np.array([1.0, 0.0, 0.0])),
    Hinge("pelvis_rotation", np.array([0.0, 0.0, 1.0])),
)


class Trial(NamedTuple):
    """A walking trial, both legs as right ones, one after the other: coordinates (2 T,) rad by
    name, activations (2 T, m)."""

    gait: dict[str, Array]
    activation: Array


class Made(NamedTuple):
    """The model's text and what it was made of."""

    text: str
    muscles: tuple[Muscle, ...]
    planned: Planned
    tendons: list[Tendon]
    knee: Knee
    gait: GaitPoses


def make(folder: Path) -> Made:
    """The model from the files in `folder`."""
    given = freed(parse(folder / "model.osim"))
    source = toes_in_place(given)
    muscles = tuple(sorted(
        (m for m in source.muscles if m.name.endswith("_r")),
        key=lambda m: any(p.body == "patella_r" for p in m.points),
    ))  # fmt: skip
    exact = OsimAnatomy(replace(source, muscles=muscles))
    trial = _trial(folder, muscles)
    wide = np.radians(np.arange(0.0, 110.0, 5.0))
    knee = fit_knee(exact, np.concatenate([trial.gait["knee_angle_r"][::4], wide]))
    description = lean(exact, knee)
    converted = convert_skeleton(description)
    planned = plan(exact, description, converted, trial.gait)
    gait = _walked(exact, converted, trial)
    own = [quality(planned.paths[m.name], gait.lengths(i)).length for i, m in enumerate(muscles)]
    rigid = tendons(muscles, np.column_stack(own) + gait.length, gait.length, trial.activation)
    text = _text(description, knee, muscles, planned, rigid)
    return Made(text, muscles, planned, rigid, knee, gait)


def _trial(folder: Path, muscles: tuple[Muscle, ...]) -> Trial:
    coordinates = sto.read(folder / "ik.mot")
    active = sto.read(folder / "SO_StaticOptimization_activation.sto")
    gait = {
        f"{name}_r": np.concatenate([
            np.interp(active.time, coordinates.time, coordinates.column(f"{name}_{s}"))
            for s in "rl"
        ])
        for name in _LEG
    }  # fmt: skip
    both = [
        np.column_stack([active.column(f"{m.name.removesuffix('_r')}_{s}") for m in muscles])
        for s in "rl"
    ]
    return Trial(gait, np.vstack(both))


def _walked(exact: OsimAnatomy, converted: Converted, trial: Trial) -> GaitPoses:
    """The trial's poses."""
    leader = np.zeros((len(trial.activation), len(converted.leaders)))
    for k, one in enumerate(converted.leaders):
        if one.coordinate in trial.gait:
            leader[:, k] = trial.gait[one.coordinate]
    return GaitPoses(exact, converted, converted.spec.compile(), leader)


def _text(
    description: Description,
    knee: Knee,
    muscles: tuple[Muscle, ...],
    planned: Planned,
    rigid: list[Tendon],
) -> str:
    # The tibia's origin lies in the knee, so that lengths go from joint to joint.
    shift = {"tibia": UPRIGHT @ knee.in_tibia}
    segments = _segments(description, shift)
    paths = {m.name.removesuffix("_r"): planned.paths[m.name] for m in muscles}
    actuators = {}
    for muscle, tendon in sorted(zip(muscles, rigid, strict=True), key=lambda pair: pair[0].name):
        name = muscle.name.removesuffix("_r")
        slow, tension = SLOW_AND_TENSION[name]
        along = float(np.cos(muscle.pennation))
        actuators[name] = Actuator(
            muscle.max_isometric_force * along, muscle.optimal_fiber_length * along, tendon.slack,
            muscle.pennation, 1.0 - slow, 1e6 * tension,
        )  # fmt: skip
    paths = {name: paths[name] for name in actuators}
    at_zero = write(segments, paths, shift, actuators, " ".join(["0"] * 23))
    home = home_pose(mujoco.MjModel.from_xml_string(at_zero))
    return write(segments, paths, shift, actuators, " ".join(map(number, home)))


def _segments(description: Description, shift: dict[str, Array]) -> list[Segment]:
    ready = upright(description)
    bodies = {body.name: body for body in ready.bodies}
    found = []
    for joint in ready.joints:
        name = joint.child.removesuffix("_r")
        if joint.child.endswith("_l"):
            continue
        body, parent = bodies[joint.child], joint.parent.removesuffix("_r")
        hinges = [
            Hinge(axis.coordinate.removesuffix("_r"), joint.child_pose.rotation @ axis.direction)
            for axis in joint.rotations
            if axis.coordinate is not None
        ]
        if name == "pelvis":
            hinges = list(_ROOT)
        if name == "tibia":
            # Flexion is positive about an axis to the left.
            hinges = [Hinge("knee_angle", hinges[0].axis)]
        origin = shift.get(name, np.zeros(3))
        place = joint.parent_pose.position - shift.get(parent, np.zeros(3))
        found.append(Segment(
            name, "" if name == "pelvis" else parent, place, hinges, body.mass,
            body.mass_center - origin, body.inertia,
        ))  # fmt: skip
    order = ("pelvis", "torso", "femur", "tibia", "talus", "calcn", "toes")
    return sorted(found, key=lambda segment: order.index(segment.name))


def tables(made: Made) -> None:
    """Print the tables of the README."""
    k = made.knee
    print(f"knee: {1e3 * k.rms:.1f} mm RMS, {1e3 * k.most:.1f} at most; axis {k.axis}\n")
    print("| muscle | F0 N | L0 cm | pennation ° | OpenSim's slack cm | slack here cm | stretch mm "
          "| path mm | shift | fibers in gait | path |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for muscle, t in sorted(zip(made.muscles, made.tendons, strict=True), key=lambda p: p[0].name):
        low, _, high = t.fibers
        how = {"points": "OpenSim's", "wrap": "OpenSim's"}.get(
            made.planned.how[muscle.name], "fitted"
        )
        rolls = sum(hasattr(e, "radius") for e in made.planned.paths[muscle.name])
        print(
            f"| {muscle.name.removesuffix('_r')} | {muscle.max_isometric_force:.0f} "
            f"| {100 * muscle.optimal_fiber_length:.1f} | {np.degrees(muscle.pennation):.0f} "
            f"| {100 * muscle.tendon_slack_length:.1f} | {100 * t.slack:.1f} "
            f"| {1e3 * t.stretch:+.1f} | {1e3 * t.path:+.1f} "
            f"| {t.shift / muscle.optimal_fiber_length:+.2f} | {low:.2f}-{high:.2f} "
            f"| {how}{', cylinder' if rolls else ''} |"
        )
    print("\nmoment arms in the trial's poses, RMS mm\n")
    for index, muscle in enumerate(made.muscles):
        names = [made.gait.leaders[i].coordinate[:-2] for i in made.gait.touched(index)]
        rms = errors(made.planned.paths[muscle.name], made.gait.goal(index))
        print(muscle.name, ", ".join(f"{n} {1e3 * e:.2f}" for n, e in zip(names, rms, strict=True)))


def main() -> None:
    """Make the model."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    parser.add_argument("--tables", action="store_true", help="print the README's tables")
    args = parser.parse_args()
    data = lab_data()
    if data is None:
        raise SystemExit("the lab data are not here: set BIOENV_LAB_DATA")
    made = make(data / "opensim_reference" / "rajagopal80_walk")
    target = Path(asset()) / "legs3d" / "model.xml"
    if args.tables:
        tables(made)
    if args.check:
        same = target.read_text() == made.text
        print("the shipped model is this script's" if same else "the shipped model DIFFERS")
        raise SystemExit(0 if same else 1)
    target.parent.mkdir(exist_ok=True)
    target.write_text(made.text)
    print(f"{target}: {len(made.text)} bytes")


if __name__ == "__main__":
    main()
