"""The elbow in motion: excited muscles on a hinge with inertia, damping and a spring.

    (inertia + load REACH^2) q'' + damping q' + stiffness (q - rest) = motor + muscles

See :mod:`.elbow` for the muscles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from bioenv.diff.muscles import activation_rate
from bioenv.errors import BioenvError
from bioenv.learn.identifiability.elbow import NOISE, REST, Anatomy
from bioenv.learn.identifiability.experiment import Experiment, Output, Parameter
from bioenv.learn.identifiability.ode import Drive, Equations, Movement, State, Typical, Values

REACH = 0.30  # m from the elbow to a load in the hand
SUBSTEPS = 2
JOINT = {"inertia": (0.072, "kg m^2"), "damping": (0.3, "N m s/rad"), "stiffness": (1.5, "N m/rad")}
WAVES = ((0.7, 0.0), (1.9, 1.0))  # Hz, rad: of the excitations; each muscle lags by a third
MOTOR = ((0.8, 0.0), (1.5, 1.0))  # Hz, rad: of the known torque


def moved(
    *,
    muscles: Sequence[str] = ("flexor",),
    duration: float = 3.0,
    rate: float = 100.0,
    load: float = 0.0,
    motor: float = 0.0,
) -> Experiment:
    """A movement by known patterns of excitation.

    Args:
        duration: s. rate: samples per s. load: kg in the hand, known. motor: N m, amplitude of a
            known torque of two sines on the forearm.
    """
    if not (duration > 0 and rate > 0 and load >= 0):
        raise BioenvError(
            "duration and rate must be positive and the load 0 or more, got "
            f"{duration:g} s, {rate:g} Hz, {load:g} kg"
        )
    anatomy = Anatomy(muscles)
    joint = [Parameter(name, value, unit) for name, (value, unit) in JOINT.items()]
    start = (
        Parameter("angle at start", REST, "rad", size=0.1, nuisance=True),
        Parameter("velocity at start", 0.0, "rad/s", size=0.5, nuisance=True),
    )
    parameters = (*joint, *anatomy.parameters(), *start)
    equations = _equations(anatomy, load, motor)
    outputs = (
        Output("angle", *NOISE["angle"]),
        Output("gyroscope", *NOISE["gyroscope"], measured=False),
        *anatomy.outputs(("emg", "tendon_force", "fiber_length")),
    )
    return Experiment(
        "elbow",
        parameters,
        outputs,
        Movement(equations, duration, rate, SUBSTEPS),
        equations,
        f"{', '.join(muscles)} move the forearm for {duration:g} s, sampled at {rate:g} Hz",
    )


def _equations(anatomy: Anatomy, load: float, motor: float) -> Equations:
    """The movement; parameters are those of JOINT, the muscles', and the start."""
    first, added = len(JOINT), load * REACH**2

    def gather(values: Tensor) -> dict[str, Tensor]:
        p = {name: values[..., i] for i, name in enumerate(JOINT)}
        return {**anatomy.gather(values, first), **p, "angle": values[..., -2],
                "velocity": values[..., -1]}  # fmt: skip

    def rate(x: State, p: Values, u: Drive) -> State:
        torque = anatomy.pull(p, x["angle"], x["velocity"], x["activation"])[2] + u["motor"]
        torque = torque - p["damping"] * x["velocity"] - p["stiffness"] * (x["angle"] - REST)
        excited = p["drive"] * u["pattern"]
        return {
            "angle": x["velocity"],
            "velocity": torque / (p["inertia"] + added),
            "activation": activation_rate(anatomy.curves, p, excited, x["activation"]),
        }

    def output(x: State, p: Values, u: Drive) -> dict[str, Any]:
        force, fiber, _ = anatomy.pull(p, x["angle"], x["velocity"], x["activation"])
        kinds = {"emg": x["activation"], "tendon_force": force, "fiber_length": fiber}
        found = {"angle": x["angle"], "gyroscope": x["velocity"]}
        for kind, values in kinds.items():
            for i, name in enumerate(anatomy.names):
                found[anatomy.called(kind, name)] = values[..., i]
        return found

    def start(p: Values) -> State:
        return {
            "angle": p["angle"],
            "velocity": p["velocity"],
            "activation": p["drive"] * _patterns(torch.zeros(1), len(anatomy.names))[0],
        }

    def drive(time: Tensor) -> dict[str, Tensor]:
        known = torch.stack([torch.sin(2 * torch.pi * f * time + lag) for f, lag in MOTOR])
        return {"pattern": _patterns(time, len(anatomy.names)), "motor": motor * known.sum(0)}

    shape, most = (len(anatomy.names),), 2.0 * abs(motor)
    typical = Typical(
        {"angle": (0.8, 1.6, ()), "velocity": (-2.0, 2.0, ()), "activation": (0.2, 0.6, shape)},
        {"pattern": (0.2, 0.9, shape), "motor": (-most, most, ())},
    )
    return Equations(gather, rate, output, start, drive, typical)


def _patterns(time: Tensor, count: int) -> Tensor:
    """Excitations (T, count) between 0 and 1 over a muscle's drive."""
    lag = 2 * torch.pi * torch.arange(count) / 3
    waves = [torch.sin(2 * torch.pi * f * time[:, None] + own - lag) for f, own in WAVES]
    return 0.5 + 0.25 * sum(waves, torch.zeros(len(time), count, dtype=torch.float64))
