"""What ElbowPINN is compared with: the same samples, the same answer, other methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import BSpline, make_smoothing_spline
from scipy.optimize import least_squares

from bioenv.learn.elbow import ElbowPINN
from bioenv.learn.elbow_ode import NAMES, JointMotion, Torque, simulate
from bioenv.learn.features import Window
from bioenv.learn.fit import Block, minimize, prior
from bioenv.learn.network import Network

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Answer:
    """values (3,) inertia, damping, stiffness; state: times -> motion, also after the samples."""

    values: Array
    state: Callable[[Array, Torque], JointMotion]


def pinn(time: Array, angle: Array, torque: Torque, seed: int, **settings: object) -> Answer:
    elbow = ElbowPINN(seed=seed, **settings).fit(time, angle, torque)  # type: ignore[arg-type]

    def state(at: Array, later: Torque) -> JointMotion:
        return JointMotion(*elbow.predict(at, later)[:4])

    return Answer(np.array([elbow.parameters_[name] for name in NAMES]), state)


def exact(
    time: Array, angle: Array, torque: Torque, start: tuple[float, ...] = (0.08, 0.3, 3.0)
) -> Answer:
    """Least squares on the exact solution, started as ElbowPINN is: the best there is when the
    equation holds and the search finds the minimum."""

    def miss(p: Array) -> Array:
        got = simulate(time, torque, *np.exp(p[:3]), angle=p[3], velocity=p[4])
        return got.angle - angle

    bounds = ([*np.log(start) - 8.0, -10.0, -100.0], [*np.log(start) + 8.0, 10.0, 100.0])
    found = least_squares(miss, [*np.log(start), angle[0], 0.0], bounds=bounds, x_scale="jac").x
    values = np.exp(found[:3])

    def state(at: Array, later: Torque) -> JointMotion:
        # The torque of the samples, then the later one.
        both = lambda t: np.where(t <= time[-1], torque(t), later(t))  # noqa: E731
        path = np.unique(np.r_[time[0], at])
        return _at(simulate(path, both, *values, angle=found[3], velocity=found[4]), at)

    return Answer(values, state)


def spline(
    time: Array, angle: Array, torque: Torque, truth: tuple[Array, Array] | None = None
) -> Answer:
    """A cubic smoothing spline, then linear least squares on its derivatives.

    truth: times and angles by which the smoothing is chosen, better than anyone could who does not
    know them; None: generalized cross-validation.
    """
    curve: BSpline = make_smoothing_spline(time, angle)
    if truth is not None:
        tried = [make_smoothing_spline(time, angle, lam=x) for x in np.geomspace(1e-9, 1e-2, 36)]
        curve = min(tried, key=lambda one: float(((one(truth[0]) - truth[1]) ** 2).sum()))

    def state(at: Array, later: Torque) -> JointMotion:
        return JointMotion(at, curve(at), curve(at, 1), curve(at, 2))

    return Answer(_regressed(state, time, torque), state)


def plain(time: Array, angle: Array, torque: Torque, seed: int) -> Answer:
    """ElbowPINN's waves and a tanh layer without the equation; weight decay and noise by evidence;
    then linear least squares on its derivatives."""
    network = Network(
        Window.even(time[0], time[-1], 5.0),
        hidden=(8,),
        center=float(angle.mean()),
        scale=float(angle.std()),
    )
    measured = {"seen": network.see(torch.as_tensor(time)), "y": torch.as_tensor(angle)[:, None]}
    blocks: dict[str, Block] = {
        "angle": Block(
            lambda u, p: network(u["net"], p["seen"]).value - p["y"],
            measured,
            0.1 * float(angle.std()),
            adapt=True,
            floor=0.1,
        ),
        "decay": replace(prior("net", 1.0), adapt=True, floor=0.01),
    }
    found = minimize(blocks, {"net": network.start(seed)}, tolerance=1e-4, iterations=300)

    def state(at: Array, later: Torque) -> JointMotion:
        jet = network(found.unknowns["net"], torch.as_tensor(at))
        return JointMotion(at, *(part[:, 0].numpy() for part in jet))

    return Answer(_regressed(state, time, torque), state)


def _regressed(state: Callable[[Array, Torque], JointMotion], time: Array, torque: Torque) -> Array:
    at = np.linspace(time[0], time[-1], 201)
    motion = state(at, torque)
    columns = np.stack([motion.acceleration, motion.velocity, motion.angle], axis=1)
    return np.asarray(np.linalg.lstsq(columns, torque(at), rcond=None)[0])


def _at(motion: JointMotion, at: Array) -> JointMotion:
    place = np.searchsorted(motion.time, at)
    return JointMotion(*(part[place] for part in motion))
