"""The parts of a joint's physics-informed network: its curve, its equation and its samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from bioenv.errors import BioenvError
from bioenv.learn.block import Block, prior
from bioenv.learn.elbow_ode import NAMES, Torque, simulate
from bioenv.learn.jet import Jet
from bioenv.learn.network import Network

Array = NDArray[np.float64]
Points = Mapping[str, Any]

NOMINAL = {"inertia": 0.08, "damping": 0.3, "stiffness": 3.0}  # of an adult's elbow
LEAST_SAMPLES = 8
LARGEST_ANGLE = 12.6  # rad
WEIGHTS = 10.0  # prior deviation of the network's weights; its outputs are scaled to 1
WIDE = 4.0  # prior deviation of the logarithm of a parameter, from the nominal one
LAWS = ("equation", "weights", "answer")  # blocks that say what the curve is, before any sample
CURVE = ("net", "push")


@dataclass(frozen=True)
class JointProblem:
    """The joint's curve and equation.

    The curve is the network plus `push` times the answer of a nominal joint to the torque. Where
    the torque jumps so does the acceleration, which waves cannot follow; the nominal answer jumps
    with it, and what is left for the network is smooth.

    Attributes: known values by name; network of the angle (1 output); torque s -> N m; start s;
    nominal: whether the nominal answer takes part.
    """

    known: Mapping[str, float]
    network: Network
    torque: Torque
    start: float
    nominal: bool = True

    @property
    def free(self) -> list[str]:
        """Names of what is learned."""
        return [name for name in NAMES if name not in self.known]

    def unknowns(self, weights: Tensor) -> dict[str, Tensor]:
        """Where a fit starts."""
        start = {"net": weights, "push": torch.ones(1, dtype=torch.float64)}
        if logs := [math.log(NOMINAL[name]) for name in self.free]:
            start["log"] = torch.tensor(logs, dtype=torch.float64)
        return start

    def values(self, unknowns: Mapping[str, Tensor]) -> Tensor:
        """(3,) inertia, damping, stiffness; what is learned is positive."""
        parts = [
            torch.exp(unknowns["log"][self.free.index(name)])
            if name in self.free
            else torch.tensor(self.known[name], dtype=torch.float64)
            for name in NAMES
        ]
        return torch.stack(parts)

    def points(self, time: Array) -> dict[str, Any]:
        """What the curve and the equation need to know of instants (T,) s."""
        nominal = {**NOMINAL, **self.known}
        head = np.concatenate([[self.start], time]) if time[0] > self.start else time
        answer = np.stack(simulate(head, self.torque, **nominal)[1:])[:, -len(time) :]
        angle, velocity, acceleration = answer
        # The torque as the simulation read it, so that a jump falls between the same two instants.
        size = np.array([nominal[name] for name in NAMES])
        torque = size @ answer[::-1]
        if not self.nominal:
            angle, velocity, acceleration = np.zeros_like(answer)
        return {
            "seen": self.network.see(tensor(time)),
            "answer": Jet(*(tensor(x)[:, None] for x in (angle, velocity, acceleration))),
            "torque": tensor(torque)[:, None],
        }

    def state(self, unknowns: Mapping[str, Tensor], points: Points) -> Jet:
        """Angle and its derivatives (T, 1), or (1,) of one instant."""
        return self.network(unknowns["net"], points["seen"]) + points["answer"].scaled(
            unknowns["push"]
        )

    def equation(self, unknowns: Mapping[str, Tensor], points: Points) -> Tensor:
        """N m that the equation misses."""
        angle, velocity, acceleration = self.state(unknowns, points)
        inertia, damping, stiffness = self.values(unknowns)
        return inertia * acceleration + damping * velocity + stiffness * angle - points["torque"]

    def blocks(
        self, samples: tuple[Array, Array], where: Array, noise: float, missing: float,
        *, learn: bool, causal: float,
    ) -> dict[str, Block]:  # fmt: skip
        """The loss.

        samples: times s and angles rad (N,); where: collocation points s; noise rad of the angles,
        from a thousandth of to ten times which it may be learned; missing: torque N m by which the
        equation may fail.
        """
        time, angle = samples

        def data(unknowns: Mapping[str, Tensor], points: Points) -> Tensor:
            return self.state(unknowns, points).value - points["angle"]

        measured = {**self.points(time), "angle": tensor(angle)[:, None]}
        blocks = {
            "angle": Block(data, measured, noise, adapt=learn, floor=1e-3, ceiling=10.0),
            "equation": Block(self.equation, self.points(where), missing, causal=causal),
            "weights": prior("net", WEIGHTS),
            "answer": prior("push", WEIGHTS),
        }
        if self.free:
            nominal = [math.log(NOMINAL[name]) for name in self.free]
            blocks["parameters"] = prior("log", WIDE, torch.tensor(nominal, dtype=torch.float64))
        return blocks

    def torque_size(self, where: Array, angle: Array) -> float:
        """N m, root mean square of the torque; without one, of a nominal elbow's spring."""
        torque = float((self.points(where)["torque"] ** 2).mean().sqrt())
        return torque or NOMINAL["stiffness"] * float(angle.std())

    def size_of_terms(self, unknowns: Mapping[str, Tensor], where: Array) -> float:
        """N m, root mean square of the largest of I θ'', b θ' and k θ."""
        jet = self.state(unknowns, self.points(where))
        parts = torch.cat([jet.acceleration, jet.velocity, jet.value], dim=1).detach()
        return float(((self.values(unknowns) * parts) ** 2).mean(dim=0).max()) ** 0.5


def tensor(values: Array) -> Tensor:
    """A float64 copy."""
    return torch.as_tensor(np.array(values, dtype=float))


def checked_samples(time: ArrayLike, angle: ArrayLike) -> tuple[Array, Array]:
    """Times and angles (N,) as arrays. Raises BioenvError for those nothing can be learned from."""
    t, y = np.asarray(time, dtype=float), np.asarray(angle, dtype=float)
    if t.ndim != 1 or t.shape != y.shape:
        raise BioenvError(
            f"time and angle must be (N,) with the same N, got shapes {t.shape} and {y.shape}"
        )
    if len(t) < LEAST_SAMPLES:
        raise BioenvError(f"at least {LEAST_SAMPLES} samples are needed, got {len(t)}")
    for name, values in (("time", t), ("angle", y)):
        if not np.isfinite(values).all():
            raise BioenvError(
                f"{name} is not finite in sample {int(np.argmin(np.isfinite(values)))}; "
                "leave missing samples out, they need not be evenly spaced"
            )
    if (np.diff(t) <= 0).any():
        raise BioenvError(
            f"time must ascend strictly; sample {int(np.argmax(np.diff(t) <= 0)) + 1} does not; "
            "sort the samples first"
        )
    if np.abs(y).max() > LARGEST_ANGLE:
        raise BioenvError(
            f"the angle reaches {np.abs(y).max():.3g} rad, more than two turns; give radians"
        )
    if not y.std() > 1e-9:
        raise BioenvError("the angle never changes: nothing can be learned from it")
    return t, y
