"""From a measured trial to angles, moments, muscle forces and joint loads, stage by stage.

    markers ─► kinematics ─► filter ─► inverse dynamics ─► muscle forces ─► joint loads
                 forces ────────────────────┘     EMG ──────────┘

A stage whose input is missing is left out and said; the others still run.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.analysis import Analysis, GroundContact, Loads, Settings, gravity
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.electromyography import Heard, hear
from bioenv.inverse.emg_agreement import agreement
from bioenv.inverse.generalized import generalized_forces
from bioenv.inverse.ground import covered, filtered, ground_contacts
from bioenv.inverse.hicks import judge
from bioenv.inverse.measured import Measured
from bioenv.inverse.movement import movement
from bioenv.inverse.muscles.contact_cost import contact_load
from bioenv.inverse.muscles.methods import share
from bioenv.inverse.muscles.problem import Sharing, SharingProblem, Status
from bioenv.inverse.muscles.wellposed import WellPosedness, wellposedness
from bioenv.inverse.reaction import joint_reaction
from bioenv.inverse.residual_reduction import reduce_residuals
from bioenv.inverse.sharing_task import sharing_problem
from bioenv.inverse.stages import Progress, Watch
from bioenv.lab.trial import Emg
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]

NO_FORCES = (
    "no ground forces: moments, muscle forces and joint loads need them; angles and muscle lengths "
    "were computed"
)


def analyse(
    anatomy: Anatomy,
    measured: Measured,
    settings: Settings | None = None,
    *,
    progress: Progress | None = None,
) -> Analysis:
    """Analyse one trial of one body.

    Args:
        anatomy: the body, scaled to the person (`bioenv.models.osim.load`).
        measured: markers or coordinates, plates, EMG.
        settings: cutoff and method; the defaults are OpenSim's custom for walking.
        progress: called as each stage begins.

    What could not be computed is None in the result and its `notes` say why.
    Raises BioenvError when the trial and the model do not belong together.
    """
    settings = settings or Settings()
    watch = Watch(progress)
    kinematics, notes = movement(anatomy, measured, settings, watch)
    found = Analysis(measured.name, anatomy, settings, kinematics)
    found, more = _torques(found, measured, watch)
    notes += more
    heard, more = _heard(found, measured.emg)
    notes += more
    if anatomy.muscles:
        found, more = _muscle_forces(found, heard, watch)
        notes += more
    else:
        notes.append(f"{anatomy.name} has no muscles: no muscle forces and no joint loads")
    found = _loads(found, watch)
    if heard is not None:
        found = _with_agreement(found, heard)
    said = dict.fromkeys((*notes, *measured.notes))
    return replace(found, stages=tuple(watch.stages), notes=tuple(sorted(said, key=gravity)))


def _torques(found: Analysis, measured: Measured, watch: Watch) -> tuple[Analysis, list[str]]:
    """Generalized forces of the frames in which forces were measured; the others are cut off."""
    anatomy, notes = found.anatomy, list[str]()
    # A body fixed to the ground (an arm) moves without ground forces; a walker does not.
    floating = bool(anatomy.root.any())
    if not measured.plates and floating:
        return found, [NO_FORCES]
    plates, more = filtered(measured.plates, found.settings.force_cutoff)
    part, said = covered(plates, found.time)
    notes += [*more, *said]
    if part == slice(0, 0):
        return found, [*notes, NO_FORCES]
    found = replace(found, kinematics=found.kinematics.between(part))
    moved = found.kinematics
    ground = ground_contacts(anatomy, moved.q, moved.time, plates)
    notes += ground.notes
    if not ground.contacts and floating:
        return found, [*notes, NO_FORCES]
    external = _external(ground.contacts)
    torque = watch.run(
        "inverse dynamics",
        len(moved.time),
        lambda: generalized_forces(anatomy, moved.q, moved.qd, moved.qdd, external),
    )
    found = replace(found, contacts=ground.contacts, belt_speed=ground.belt_speed, torque=torque)
    if found.settings.reduce_residuals and floating:
        found, changes = _reduced(found, external, watch)
        notes += changes
    assert found.torque is not None
    now = found.kinematics
    verdict = judge(found.anatomy, now.time, now.q, found.torque, external)
    figures = {**found.residuals, **verdict.figures}
    return replace(found, residuals=figures), [*notes, *verdict.notes]


def _reduced(found: Analysis, external: list[Contact], watch: Watch) -> tuple[Analysis, list[str]]:
    """The same trial with mass distribution and motion adjusted a little, as asked for."""
    moved = found.kinematics
    result = watch.run(
        "residual reduction",
        len(moved.time),
        lambda: reduce_residuals(found.anatomy, moved.time, moved.q, moved.qd, moved.qdd, external),
    )
    adjusted = replace(moved, q=result.q, qd=result.qd, qdd=result.qdd)
    return replace(
        found,
        anatomy=result.anatomy,
        kinematics=adjusted,
        torque=result.torque,
        residuals={"reduction": result.changes},
    ), list(result.notes)


def _external(contacts: tuple[GroundContact, ...]) -> list[Contact]:
    return [Contact(c.body, c.force, c.point, c.moment) for c in contacts]


def _heard(found: Analysis, emg: Emg | None) -> tuple[Heard | None, list[str]]:
    """The EMG above the model's muscles. What is wrong with it stops only the method that lives on
    it."""
    if emg is None:
        return None, []
    try:
        heard = hear(emg, found.anatomy.muscles, found.settings.emg_side)
    except BioenvError as error:
        if found.settings.method == "emg":
            raise
        return None, [f"warning: EMG left out: {error}"]
    return heard, [*heard.notes, *heard.beside(found.time)]


def _muscle_forces(
    found: Analysis, heard: Heard | None, watch: Watch
) -> tuple[Analysis, list[str]]:
    anatomy, moved, frames = found.anatomy, found.kinematics, len(found.time)

    def geometry_and_capacity() -> Any:
        geometry = anatomy.muscle_geometry(moved.q, moved.qd)
        return geometry, anatomy.muscle_capacity(geometry)

    geometry, capacity = watch.run("muscle geometry", frames, geometry_and_capacity)
    found = replace(found, geometry=geometry, capacity=capacity)
    if found.torque is None:
        return found, []
    problem = sharing_problem(
        anatomy, moved.time, moved.q, found.torque, geometry, capacity, found.settings
    )
    sharing: Sharing = watch.run("muscle forces", frames, lambda: _shared(found, problem, heard))
    report: WellPosedness = watch.run(
        "well-posedness", frames, lambda: wellposedness(problem, sharing)
    )
    notes = [line.strip() for line in report.summary().splitlines()]
    if found.settings.method != "static" and not found.settings.usual_cost:
        notes.append(f"cost and exponent do not count in method '{found.settings.method}'")
    unsolved = int(np.sum(sharing.status == Status.UNSOLVED))
    if unsolved:
        notes.append(f"muscle forces did not converge in {unsolved} of {frames} frames")
    well_posed = json.loads(report.to_json())
    return replace(found, problem=problem, sharing=sharing, well_posed=well_posed), notes


def _shared(found: Analysis, problem: SharingProblem, heard: Heard | None) -> Sharing:
    """Muscle forces by the method asked for; EMG and joint loads count only where they are used."""
    moved, settings, contact = found.kinematics, found.settings, None
    if settings.contact_weight > 0:
        external = _external(found.contacts)
        contact = contact_load(found.anatomy, moved.q, moved.qd, moved.qdd, external)
    if heard is None or settings.method != "emg":
        return share(problem, settings, contact=contact)
    return share(problem, settings, heard.at(moved.time), heard.electrodes, contact)


def _loads(found: Analysis, watch: Watch) -> Analysis:
    if found.sharing is None:
        return found
    moved, anatomy = found.kinematics, found.anatomy
    sharing = found.sharing
    reaction = watch.run(
        "joint loads",
        len(moved.time),
        lambda: joint_reaction(
            anatomy, moved.q, moved.qd, moved.qdd, sharing.force, _external(found.contacts)
        ),
    )
    children = (anatomy.mj.body(joint.child).name for joint in anatomy.joints)
    columns = tuple(
        f"{joint}_on_{child}_in_{child}"
        for joint, child in zip(reaction.joints, children, strict=True)
    )
    return replace(found, loads=Loads(reaction.joints, columns, *reaction[1:]))


def _with_agreement(found: Analysis, heard: Heard) -> Analysis:
    """How far the activations agree with the electrodes."""
    found = replace(found, emg_time=heard.time, emg=heard.envelopes, electrodes=heard.electrodes)
    if found.sharing is None or not heard.electrodes:
        return found
    figures = agreement(
        found.time, found.sharing.activation, found.anatomy.muscles,
        found.anatomy.max_isometric_force, heard.time, heard.envelopes, heard.electrodes,
    )  # fmt: skip
    return replace(found, agreement=figures)
