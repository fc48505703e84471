"""Figures of a gait that a what-if study compares: energy, steps, angles, moments, loads, muscles.

Everything is per kilogram and per weight of the person, not of what the person carries: that is how
published changes are normalized, and so a load cannot hide in its own weight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.evaluate.complete import completed, whole_feet
from bioenv.evaluate.gait import DEGREE, Gait, analyse, landing, spatiotemporal
from bioenv.evaluate.loads import energy
from bioenv.evaluate.periodic import periodic
from bioenv.lab import cycles as cut
from bioenv.lab.cycles import GRAVITY
from bioenv.models import Model
from bioenv.models.interventions import cord_torque
from bioenv.motion import Motion

Array = NDArray[np.float64]


class Figure(NamedTuple):
    """The mean of both legs (or of the whole body), its unit, and each leg's value by side."""

    value: float
    unit: str
    legs: Mapping[str, float] = {}


@dataclass(frozen=True, eq=False)
class Leg:
    """One leg's mean cycle, heel strike to heel strike; curves (101,).

    angle rad, moment N*m/kg (net, without an exoskeleton's), power W/kg (with it) and load (body
    weights) by joint "hip", "knee" or "ankle", in the direction of its coordinate; exo N*m/kg at
    the ankle, holding against dorsiflexion positive; vertical: ground force, body weights;
    activation by muscle without side; off: index of toe-off; period: s.
    """

    angle: Mapping[str, Array]
    moment: Mapping[str, Array]
    power: Mapping[str, Array]
    load: Mapping[str, Array]
    exo: Array
    vertical: Array
    activation: Mapping[str, Array]
    off: int
    period: float


_COORDINATE = {"hip": "hip_flexion", "knee": "knee_angle", "ankle": "ankle_angle"}
_EARLY, _MIDDLE = slice(0, 31), slice(10, 51)  # percent of the cycle


def _work(leg: Leg) -> float:
    """Positive work of the ankle, J/kg."""
    return float(np.maximum(leg.power["ankle"], 0.0).mean() * leg.period)


LEG_FIGURES: Mapping[str, tuple[str, Callable[[Leg], float]]] = {
    "ankle_at_landing": ("deg", lambda g: g.angle["ankle"][0] * DEGREE),
    "ankle_dorsiflexion": ("deg", lambda g: g.angle["ankle"][: g.off].max() * DEGREE),
    "ankle_plantarflexion": ("deg", lambda g: -g.angle["ankle"].min() * DEGREE),
    "knee_flexion_in_stance": ("deg", lambda g: g.angle["knee"][_MIDDLE].mean() * DEGREE),
    "knee_flexion_in_swing": ("deg", lambda g: g.angle["knee"][g.off :].max() * DEGREE),
    "hip_flexion_in_stance": ("deg", lambda g: g.angle["hip"][_MIDDLE].mean() * DEGREE),
    "hip_extension": ("deg", lambda g: -g.angle["hip"].min() * DEGREE),
    "ankle_moment": ("N*m/kg", lambda g: -g.moment["ankle"].min()),
    "exo_moment": ("N*m/kg", lambda g: g.exo.max()),
    "knee_extension_moment": ("N*m/kg", lambda g: -g.moment["knee"].min()),
    "hip_flexion_moment": ("N*m/kg", lambda g: g.moment["hip"].max()),
    "hip_extension_moment": ("N*m/kg", lambda g: -g.moment["hip"].min()),
    "ankle_power": ("W/kg", lambda g: g.power["ankle"].max()),
    "ankle_work": ("J/kg", _work),
    "grf_first_peak": ("BW", lambda g: g.vertical[_EARLY].max()),
    "grf_peak": ("BW", lambda g: g.vertical.max()),
    "knee_load": ("BW", lambda g: g.load["knee"].max()),
    "hip_load": ("BW", lambda g: g.load["hip"].max()),
}
"""Figures of a leg: unit, and how they come from its mean cycle."""

_PUBLIC = ("stride_time", "stride_length", "speed", "duty_factor")


def figures(motion: Motion, model: Model, person_kg: float | None = None) -> dict[str, Figure]:
    """Figures of a gait by name; {} where there is no whole stride.

    Args:
        motion: one period that is repeated, or a longer motion.
        model: the body that moved, changed as it was; strength in ``meta["parameters"]`` counts.
        person_kg: mass of the person without what is carried; the model's where None.

    Returns:
        LEG_FIGURES, activation_<muscle> (mean over the cycle) and
        activation_mean (over all muscles), metabolic_power W/kg and
        metabolic_watts W (net: without basal rate), net_cost_of_transport J/kg/m, stride_time,
        stride_length, step_length, speed, duty_factor, foot_pitch_at_landing.

    Raises BioenvError when the motion is not of this body.
    """
    if motion.labels("qpos") != model.coordinates:
        raise BioenvError(f"the motion's coordinates are not those of {model.name}")
    one = completed(whole_feet(periodic(motion)), model)
    gait = analyse(one)
    mass = model.mass if person_kg is None else person_kg
    if not model.feet or not all(len(gait.strides.get(foot, ())) for foot in model.feet):
        return {}
    found = _whole_body(gait, model.mass, mass)
    legs = {foot: _leg(gait, model, foot, mass) for foot in model.feet}
    for name, (unit, value) in LEG_FIGURES.items():
        found[name] = _both({foot: float(value(leg)) for foot, leg in legs.items()}, unit)
    for muscle in legs[model.feet[0]].activation:
        sides = {f: float(leg.activation[muscle].mean()) for f, leg in legs.items()}
        found[f"activation_{muscle}"] = _both(sides, "1")
    every = {f: float(np.mean(list(leg.activation.values()))) for f, leg in legs.items()}
    found["activation_mean"] = _both(every, "1")
    return found


def _whole_body(gait: Gait, mass: float, person: float) -> dict[str, Figure]:
    steps, cost = spatiotemporal(gait), energy(gait)
    found = {name: Figure(*steps[name]) for name in _PUBLIC if name in steps}
    if "stride_length" in steps:
        found["step_length"] = Figure(0.5 * steps["stride_length"].value, "m")
    if "net_metabolic_power" in cost:
        watts = cost["net_metabolic_power"].value * mass
        found["metabolic_watts"] = Figure(watts, "W")
        found["metabolic_power"] = Figure(watts / person, "W/kg")
        if "speed" in steps:
            cost_of_transport = watts / person / steps["speed"].value
            found["net_cost_of_transport"] = Figure(cost_of_transport, "J/kg/m")
    pitch = landing(gait).get("foot_pitch_at_landing")
    if pitch is not None:
        found["foot_pitch_at_landing"] = Figure(*pitch)
    return found


def _both(legs: Mapping[str, float], unit: str) -> Figure:
    return Figure(float(np.mean(list(legs.values()))), unit, dict(legs))


def _leg(gait: Gait, model: Model, foot: str, mass: float) -> Leg:
    """The mean cycle of a leg."""
    motion, spans = gait.motion, gait.strides[foot]

    def mean(values: Array) -> Array:
        return cut.resample(motion.time, values, spans).mean(axis=0)

    spring = cord_torque(model, motion["qpos"])
    column = {j: model.coordinate_index(f"{name}_{foot}") for j, name in _COORDINATE.items()}
    torque = {j: motion["joint_torque"][:, i] for j, i in column.items()}
    contact = {
        joint: np.linalg.norm(motion.column("joint_contact_force", f"{joint}_{foot}"), axis=1)
        for joint in _COORDINATE
    }
    share = (spans[:, 1] - spans[:, 0]) / (spans[:, 2] - spans[:, 0])
    side = f"_{foot}"
    return Leg(
        angle={j: mean(motion["qpos"][:, i]) for j, i in column.items()},
        moment={j: mean(torque[j] - spring[:, i]) / mass for j, i in column.items()},
        power={j: mean(torque[j] * motion["qvel"][:, i]) / mass for j, i in column.items()},
        load={joint: mean(force) / (mass * GRAVITY) for joint, force in contact.items()},
        exo=-mean(spring[:, column["ankle"]]) / mass,
        vertical=mean(motion.column("ground_reaction_force", foot)[:, 2]) / (mass * GRAVITY),
        activation={
            name.removesuffix(side): mean(motion.column("activation", name))
            for name in model.muscles
            if name.endswith(side)
        },
        off=max(1, round(100 * float(share.mean()))),
        period=float((spans[:, 2] - spans[:, 0]).mean()),
    )
