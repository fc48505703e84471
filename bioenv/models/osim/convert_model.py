"""An OpenSim file as a MuJoCo model that every environment can use."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.models.osim.anatomy import OsimAnatomy, load
from bioenv.models.osim.convert_fit import Plan, Planner
from bioenv.models.osim.convert_home import add_springs, home_qpos, standing_leaders
from bioenv.models.osim.convert_muscles import (
    FIBER_RANGE,
    OUTSIDE,
    Element,
    add_carriers,
    add_muscles,
    elements,
)
from bioenv.models.osim.convert_poses import Poses, full_qpos
from bioenv.models.osim.convert_report import (
    ConversionReport,
    Measured,
    MuscleReport,
    PathError,
)
from bioenv.models.osim.convert_scene import (
    add_bones,
    add_feet,
    add_floor,
    add_joint_sensors,
    add_markers,
    add_options,
)
from bioenv.models.osim.convert_skeleton import Converted, Follower, convert_skeleton
from bioenv.motion_io import write_atomically

Array = NDArray[np.float64]

# s; followers are held by constraints that settle in two steps, and lag behind longer ones.
_TIMESTEP, _TIMESTEP_FOLLOWERS = 0.005, 0.0025
_FIT_POSES, _CHECK_POSES, _REPORT_POSES = 120, 600, 200
_MOVES = 1e-3  # m: a joint without a larger moment arm anywhere is held by a spring
_RULES = (
    "axes: x forward, y left, z up in the world and in every body at rest",
    "ranges: the file's where it clamps the coordinate, else those of people's joints within it",
    "followers: joints that are functions of a coordinate follow it by a quartic",
    f"tendon slack: the file's, moved as little as leaves {100 - 2 * OUTSIDE:g} % of the poses "
    f"with fibers of {FIBER_RANGE[0]:g} to {FIBER_RANGE[1]:g} optimal lengths on a rigid tendon; "
    "to the middle where fibers need more",
    "muscle curves: MuJoCo's, their widths and heights fitted to those of the file's class",
    "share of fast fibers 0.5, specific tension 600 kPa: no .osim file says them",
)


@dataclass(eq=False)
class _Draft:
    """A model in the making."""

    anatomy: OsimAnatomy
    converted: Converted
    poses: Poses
    plan: Plan
    parts: list[Element]
    followers: list[Follower]
    feet: dict[str, list[str]]
    springs: dict[str, float]


def convert(path: str | Path, directory: str | Path) -> ConversionReport:
    """Write `directory`/model.xml, which `bioenv.models.load` and every environment take, and
    `directory`/conversion.json, which says what was kept and changed.

    Deterministic. Raises BioenvError for a file that cannot be read or has no muscles.
    """
    began = time.perf_counter()
    source, folder = Path(path), Path(directory)
    anatomy = load(source)
    if not any(muscle.enabled for muscle in anatomy.description.muscles):
        raise BioenvError(f"'{source}' has no muscles: environments move bodies by muscles alone")
    draft = _draft(anatomy)
    _save(draft.converted.spec, folder / "model.xml")
    mj = mujoco.MjModel.from_xml_path(str(folder / "model.xml"))
    report = _report(draft, mj, source.name, time.perf_counter() - began)
    report.write(folder / "conversion.json")
    return report


def _draft(anatomy: OsimAnatomy) -> _Draft:
    description = anatomy.description
    converted = convert_skeleton(description)
    spec, mj = converted.spec, converted.spec.compile()
    poses = Poses(anatomy, converted, mj, _FIT_POSES, seed=0)
    check = Poses(anatomy, converted, mj, _CHECK_POSES, seed=1)
    plan = Planner(description, poses, check).run()
    used = [k for k, muscle in enumerate(description.muscles) if muscle.enabled]
    muscles = [description.muscles[k] for k in used]
    parts = elements(muscles, check.length[:, used])
    followers = [*converted.followers, *add_carriers(spec, plan.carriers)]
    add_options(spec, _TIMESTEP_FOLLOWERS if followers else _TIMESTEP)
    add_floor(spec)
    add_bones(spec, converted.description)
    feet = add_feet(spec, converted.description)
    add_muscles(spec, muscles, parts, plan)
    add_joint_sensors(spec, converted.description, converted.leaders)
    add_markers(spec, converted.description)
    angles = standing_leaders(converted.description, converted.leaders)
    still = [
        k
        for k, one in enumerate(converted.leaders)
        if not one.root and np.abs(poses.arm[:, used, k]).max() < _MOVES
    ]
    pose = full_qpos(spec.compile(), converted.leaders, followers, angles[None])[0]
    springs = add_springs(spec, converted.leaders, still, pose, bool(feet))
    home = home_qpos(spec, converted.leaders, followers, angles, feet)
    spec.add_key(name="home", qpos=home)
    return _Draft(anatomy, converted, poses, plan, parts, followers, feet, springs)


def _save(spec: mujoco.MjSpec, path: Path) -> None:
    """Write the model. MuJoCo's writer rounds to six digits, which masses are too good for."""
    spec.compile()
    root = ElementTree.fromstring(spec.to_xml())
    for body in root.iter("body"):
        source, inertial = spec.body(body.get("name", "")), body.find("inertial")
        if inertial is not None:
            inertial.set("mass", f"{source.mass:.12g}")
            inertial.set("diaginertia", " ".join(f"{value:.12g}" for value in source.inertia))
    write_atomically(path, ElementTree.tostring(root, encoding="utf-8"))


def _report(draft: _Draft, mj: mujoco.MjModel, source: str, seconds: float) -> ConversionReport:
    description, leaders = draft.anatomy.description, draft.converted.leaders
    muscles = [(k, m.name) for k, m in enumerate(description.muscles) if m.enabled]
    fresh = Poses(draft.anatomy, draft.converted, draft.poses.mj, _REPORT_POSES, seed=2)
    measured = Measured(mj, fresh, draft.followers, muscles)
    reports = tuple(
        MuscleReport(
            name=name,
            path=draft.plan.how[name],
            length=PathError.of(measured.length[:, i]),
            moment_arm={
                leaders[k].coordinate: PathError.of(error) for k, error in measured.arm[i].items()
            },
            slack_in_file=part.slack_file,
            slack=part.slack,
            fibers=part.fibers,
        )
        for i, ((_, name), part) in enumerate(zip(muscles, draft.parts, strict=True))
    )
    arms = [error for by_leader in measured.arm for error in by_leader.values()]
    disabled = [m.name for m in description.muscles if not m.enabled]
    notes = [*description.notes, *draft.converted.notes]
    if disabled:
        notes.append(f"muscles that apply no force left out: {', '.join(disabled)}")
    return ConversionReport(
        source=source,
        model=description.name,
        mass=float(mj.body_subtreemass[0]),
        coordinates=tuple(one.coordinate for one in leaders),
        ranges={one.joint: one.range for one in leaders if one.limited},
        poses=_REPORT_POSES,
        length=PathError.of(measured.length),
        moment_arm=PathError.of(np.concatenate(arms) if arms else np.zeros(0)),
        muscles=reports,
        followers={one.joint: one.error for one in draft.converted.followers},
        springs=draft.springs,
        feet=draft.feet,
        notes=tuple(notes),
        credits=description.credits,
        seconds=round(seconds, 1),
        rules=_RULES,
    )
