"""A leg's muscles in a gait trial: what do its joint moments tell of their parameters?

The trial gives kinematics and activations (EMG); inverse dynamics gives the moment of a joint. The
muscles that are sought pull there beside all others, which are taken as known:
:class:`bioenv.learn.Identify` finds strengths and slack lengths from such a trial; here is what it
could find.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bioenv import models, paths
from bioenv.diff import Dynamics
from bioenv.diff.muscles import Curves, muscle
from bioenv.errors import BioenvError, unknown
from bioenv.learn.identifiability.experiment import Experiment, Function, Output, Parameter
from bioenv.learn.identifiability.muscles import fixed_numbers, subset
from bioenv.models import Model
from bioenv.motion import Motion

MOMENT_NOISE = 3.0  # N m of inverse dynamics
KINDS = ("max_isometric_force", "optimal_fiber_length", "tendon_slack_length", "moment_arm")
LEAST_ARM = 1e-4  # m: a muscle pulls at a coordinate where its moment arm is longer
NEEDED = ("qpos", "qvel", "activation")


def gait(
    *,
    muscles: Sequence[str] = ("soleus_r",),
    joints: Sequence[str] = ("ankle_angle_r",),
    motion: Motion | None = None,
    model: Model | None = None,
    noise: float = MOMENT_NOISE,
) -> Experiment:
    """Joint moments of a trial.

    Args:
        muscles: that are sought. joints: coordinates whose moments are known; the others could be.
        motion: with qpos, qvel and activation; None: the shipped predicted walk. model: its body;
            None: of that name. noise: of a moment, N m.

    `moment_arm` is a factor of the muscle's path about its mean length in the trial.

    Raises BioenvError for unknown names and for a motion that lacks a channel.
    """
    trial = Motion.load(paths.agent_file("solutions", "predict-walk", "motion.nc")) \
        if motion is None else motion  # fmt: skip
    body = models.load(trial.model or "walker2d") if model is None else model
    lacking = [name for name in NEEDED if name not in trial]
    if lacking:
        raise BioenvError(
            f"the motion lacks {', '.join(lacking)}; a gait experiment needs {', '.join(NEEDED)}"
        )
    chosen = [body.muscle_index(name) for name in muscles]
    for name in joints:
        if name not in body.coordinates:
            raise unknown("coordinate", name, body.coordinates)
    function, crossed = _moments(body, trial, chosen)
    outputs = tuple(
        Output(f"moment/{name}", "N m", noise, measured=name in joints) for name in crossed
    )
    if not any(one.measured for one in outputs):
        raise BioenvError(
            f"{', '.join(muscles)} does not pull at {', '.join(joints)}; it does at "
            f"{', '.join(crossed)}"
        )
    return Experiment(
        "gait-muscle", _parameters(body, muscles, chosen), outputs, function,
        text=f"moments at {', '.join(joints)} in {trial.duration:.2f} s of {trial.model}",
    )  # fmt: skip


def _parameters(body: Model, names: Sequence[str], chosen: list[int]) -> tuple[Parameter, ...]:
    own = body.muscle
    found = []
    for name, i in zip(names, chosen, strict=True):
        tail = f"/{name}" if len(names) > 1 else ""
        values = {
            "max_isometric_force": (own.max_isometric_force[i], "N"),
            "optimal_fiber_length": (own.optimal_fiber_length[i], "m"),
            "tendon_slack_length": (own.tendon_slack_length[i], "m"),
            "moment_arm": (1.0, "1"),
        }
        found += [Parameter(kind + tail, float(v), unit) for kind, (v, unit) in values.items()]
    return tuple(found)


def _moments(body: Model, trial: Motion, chosen: list[int]) -> tuple[Function, list[str]]:
    """The function, and the coordinates at which the muscles pull."""
    dynamics = Dynamics(body)
    q, v = torch.tensor(trial["qpos"]), torch.tensor(trial["qvel"])
    active = torch.tensor(trial["activation"])
    path = dynamics.muscle_path(q)
    reach = path.slope[:, chosen].abs().amax(dim=(0, 1)).numpy()
    at = np.flatnonzero(reach > LEAST_ARM)
    full = -path.slope[..., at] * dynamics.muscle(q, v, active).force[..., None]  # (T, nm, at)
    others = full.sum(1) - full[:, chosen].sum(1)
    length, slope = path.length[:, chosen], path.slope[:, chosen]
    speed = (slope @ v[..., None])[..., 0]
    slope, mean, active = slope[..., at], length.mean(0), active[:, chosen]
    own = subset(body.muscle, chosen)
    curves, fixed = Curves(own), fixed_numbers(own)

    def function(values: Tensor) -> Tensor:
        p = values.unflatten(-1, (len(chosen), len(KINDS)))[..., None, :, :]  # (..., 1, m, kinds)
        given = {**fixed, **{kind: p[..., i] for i, kind in enumerate(KINDS)}}
        arm = given["moment_arm"]
        force = muscle(curves, given, mean + arm * (length - mean), arm * speed, active).force
        return others - ((arm * force)[..., None] * slope).sum(-2)

    return function, [body.coordinates[i] for i in at]
