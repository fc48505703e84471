"""A segment that swings: what tells its mass, its center of mass and its inertia?

    inertia q'' = motor - damping q' - mass g center_of_mass sin q

q is the angle from hanging down, inertia is about the joint, center_of_mass the distance from it.
The joint's reaction, measured by a load cell under the stand, is
``F_x = m c (cos q q'' - sin q q'^2)``, ``F_z = m g + m c (sin q q'' + cos q q'^2)``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bioenv.learn.identifiability.experiment import Experiment, Output, Parameter
from bioenv.learn.identifiability.ode import (
    Drive,
    Equations,
    Movement,
    State,
    Typical,
    Values,
)

GRAVITY = 9.80665  # m/s^2
SEGMENT = {  # the forearm and hand of the model `elbow`
    "mass": (1.534, "kg"),
    "center_of_mass": (0.1815, "m"),
    "inertia": (0.0708, "kg m^2"),
    "damping": (0.05, "N m s/rad"),
}
MOTOR = ((0.8, 0.0), (1.7, 1.0))  # Hz, rad
SUBSTEPS = 2


def pendulum(
    *, duration: float = 3.0, rate: float = 100.0, motor: float = 0.0, start: float = 0.6
) -> Experiment:
    """A swing.

    Args:
        duration: s. rate: samples per s. motor: N m, amplitude of a known torque of two sines.
        start: angle at the start, rad.
    """
    parameters = (
        *(Parameter(name, value, unit) for name, (value, unit) in SEGMENT.items()),
        Parameter("angle at start", start, "rad", size=0.1, nuisance=True),
        Parameter("velocity at start", 0.0, "rad/s", size=0.5, nuisance=True),
    )
    outputs = (
        Output("angle", "rad", 0.01),
        Output("gyroscope", "rad/s", 0.05, measured=False),
        Output("reaction_x", "N", 0.5, measured=False),
        Output("reaction_z", "N", 0.5, measured=False),
    )
    equations = _equations(motor)
    return Experiment(
        "pendulum", parameters, outputs, Movement(equations, duration, rate, SUBSTEPS), equations,
        f"a segment swings for {duration:g} s, sampled at {rate:g} Hz"
        + (f", driven by {motor:g} N m" if motor else ""),
    )  # fmt: skip


def _equations(motor: float) -> Equations:
    names = (*SEGMENT, "angle", "velocity")

    def gather(values: Tensor) -> dict[str, Tensor]:
        return {name: values[..., i] for i, name in enumerate(names)}

    def acceleration(x: State, p: Values, u: Drive) -> Tensor:
        weight = p["mass"] * p["center_of_mass"] * GRAVITY * torch.sin(x["angle"])
        torque: Tensor = u["motor"] - p["damping"] * x["velocity"] - weight
        return torque / p["inertia"]

    def rate(x: State, p: Values, u: Drive) -> State:
        return {"angle": x["velocity"], "velocity": acceleration(x, p, u)}

    def output(x: State, p: Values, u: Drive) -> dict[str, Tensor]:
        sine, cosine = torch.sin(x["angle"]), torch.cos(x["angle"])
        turning, square = acceleration(x, p, u), x["velocity"] * x["velocity"]
        lever = p["mass"] * p["center_of_mass"]
        return {
            "angle": x["angle"],
            "gyroscope": x["velocity"],
            "reaction_x": lever * (cosine * turning - sine * square),
            "reaction_z": p["mass"] * GRAVITY + lever * (sine * turning + cosine * square),
        }

    def drive(time: Tensor) -> dict[str, Tensor]:
        waves = [torch.sin(2 * torch.pi * f * time + lag) for f, lag in MOTOR]
        return {"motor": motor * (waves[0] + waves[1])}

    most = 2.0 * abs(motor)
    typical = Typical(
        {"angle": (-1.0, 1.0, ()), "velocity": (-3.0, 3.0, ())}, {"motor": (-most, most, ())}
    )
    return Equations(
        gather, rate, output, lambda p: {key: p[key] for key in ("angle", "velocity")}, drive,
        typical,
    )  # fmt: skip
