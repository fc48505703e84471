"""Experiments whose identifiability is known in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from identify_cases import walk
from numpy.typing import NDArray
from torch import Tensor

from bioenv import models
from bioenv.diff import Dynamics
from bioenv.learn.identifiability.elbow import REST, Anatomy
from bioenv.learn.identifiability.experiment import Experiment, Output, Parameter

Array = NDArray[np.float64]

F0, ARM = "max_isometric_force", "moment_arm"
FIBER, SLACK, DRIVE = "optimal_fiber_length", "tendon_slack_length", "drive"
POSTURES = (REST - 0.6, REST, REST + 0.6)


@dataclass(frozen=True)
class Case:
    """An experiment, the steps that nothing it measures can notice, by parameter, and what the
    answer must name."""

    name: str
    make: Callable[[], Experiment]
    null: list[dict[str, float]]
    named: list[str] = field(default_factory=list)

    def basis(self, names: tuple[str, ...]) -> Array:
        """(F, k) the null space in the order of names."""
        basis = np.zeros((len(names), len(self.null)))
        for column, vector in enumerate(self.null):
            for name, value in vector.items():
                basis[names.index(name), column] = value
        return basis


def _ready(name: str, measure: tuple[str, ...] = (), known: dict[str, float] | None = None,
           **settings: object) -> Callable[[], Experiment]:  # fmt: skip
    def make() -> Experiment:
        from bioenv.learn.identifiability import ready

        found = ready(name, **settings).knowing(known or {})
        return found.measuring(*measure) if measure else found

    return make


def slope(muscle: str) -> float:
    """(L - slack) / slack: how the slack length must follow for one step of both lengths."""
    one = Anatomy((muscle,))
    slack = float(one.values[SLACK][0])
    return (float(one.reference[0]) - slack) / slack


def lengths(muscle: str, tail: str = "") -> dict[str, float]:
    """Longer fibers on a longer arm, with a shorter tendon, pull at the joint as before if they are
    weaker: fiber lengths and velocities are in optimal lengths."""
    return {F0 + tail: -1.0, ARM + tail: 1.0, FIBER + tail: 1.0, SLACK + tail: -slope(muscle)}


def one_posture() -> list[dict[str, float]]:
    """All pairs: torque = F0 arm drive FL((L - slack) / fiber), on the rising side of FL."""
    one = Anatomy(("flexor",))
    fiber, slack = (float(one.values[kind][0]) for kind in (FIBER, SLACK))
    x = (float(one.reference[0]) - slack) / fiber
    reach = (1.0 - x) * 2.0 / 0.75  # MuJoCo's parabola, lmin 0.25
    shape, steep = 1.0 - 0.5 * reach**2, reach * 2.0 / 0.75
    return [
        {F0: 1.0, ARM: -1.0},
        {F0: x * steep / shape, FIBER: 1.0},
        {F0: slack / fiber * steep / shape, SLACK: 1.0},
    ]


def calf() -> list[dict[str, float]]:
    """As `lengths`, for the soleus about its mean length in the shipped walk."""
    motion, model = walk(), models.load("walker2d")
    at = model.muscle_index("soleus_r")
    length = Dynamics(model).muscle_path(torch.tensor(motion["qpos"])).length[:, at]
    slack = float(model.muscle.tendon_slack_length[at])
    shorter = (float(length.mean()) - slack) / slack
    return [{F0: -1.0, ARM: 1.0, FIBER: 1.0, SLACK: -shorter}]


SCALE = {"inertia": 1.0, "damping": 1.0, "stiffness": 1.0}
PRODUCT = f"{F0} × {ARM}"

CASES = [
    Case("swing, angle", _ready("pendulum"),
         [{"mass": 1.0, "center_of_mass": -1.0}, {"mass": 1.0, "inertia": 1.0, "damping": 1.0}],
         ["mass × center_of_mass / inertia", "damping / inertia"]),
    Case("swing, driven", _ready("pendulum", motor=1.0),
         [{"mass": 1.0, "center_of_mass": -1.0}], ["mass × center_of_mass"]),
    Case("swing, horizontal reaction", _ready("pendulum", ("angle", "reaction_x")),
         [{"mass": 1.0, "center_of_mass": -1.0}], ["mass × center_of_mass"]),
    Case("swing, vertical reaction", _ready("pendulum", ("angle", "reaction_z")), []),
    Case("isometric, one posture", _ready("elbow-isometric", known={DRIVE: 0.0}), one_posture()),
    Case("isometric, lengths known",
         _ready("elbow-isometric", known={DRIVE: 0.0, FIBER: 0.0, SLACK: 0.0}),
         [{F0: 1.0, ARM: -1.0}], [PRODUCT]),
    Case("isometric, drive unknown",
         _ready("elbow-isometric", known={ARM: 0.0, FIBER: 0.0, SLACK: 0.0}),
         [{F0: 1.0, DRIVE: -1.0}], [f"{F0} × {DRIVE}"]),
    Case("isometric, EMG",
         _ready("elbow-isometric", ("torque", "emg"), {ARM: 0.0, FIBER: 0.0, SLACK: 0.0}), []),
    Case("isometric, three postures",
         _ready("elbow-isometric", known={DRIVE: 0.0}, postures=POSTURES),
         [lengths("flexor")], [PRODUCT, f"{F0} × {FIBER}"]),
    Case("isometric, three postures, tendon force",
         _ready("elbow-isometric", ("torque", "tendon_force"), {DRIVE: 0.0}, postures=POSTURES),
         []),
    Case("isometric, three postures, arm known",
         _ready("elbow-isometric", known={DRIVE: 0.0, ARM: 0.0}, postures=POSTURES), []),
    Case("movement, angle", _ready("elbow", duration=1.5),
         [SCALE | {F0: 1.0}, lengths("flexor")],
         ["stiffness / inertia", "damping / inertia", f"{FIBER} / {ARM}",
          f"{PRODUCT} / inertia"]),
    Case("movement, motor", _ready("elbow", duration=1.5, motor=2.0), [lengths("flexor")],
         [PRODUCT]),
    Case("movement, two muscles", _ready("elbow", duration=1.5, muscles=("flexor", "extensor")),
         [SCALE | {f"{F0}/flexor": 1.0, f"{F0}/extensor": 1.0},
          lengths("flexor", "/flexor"), lengths("extensor", "/extensor")],
         ["stiffness / inertia", f"{FIBER}/extensor / {ARM}/extensor"]),
    Case("movement, two muscles, motor and arms known",
         _ready("elbow", duration=1.5, muscles=("flexor", "extensor"), motor=2.0,
                known={ARM: 0.0}), []),
    Case("gait, ankle moment", _ready("gait-muscle"), calf(), [PRODUCT, f"{F0} × {FIBER}"]),
    Case("gait, arm known", _ready("gait-muscle", known={ARM: 0.0}), []),
    Case("landing without slip", _ready("foot-contact", duration=0.06), [{"friction": 1.0}],
         ["friction"]),
    Case("landing with slip", _ready("foot-contact", duration=0.06, slide=2.0), []),
]  # fmt: skip


def same_span(one: Array, other: Array) -> bool:
    """Whether the columns (F, k) span the same space."""
    if one.shape != other.shape:
        return False
    if not one.size:
        return True
    left, right = np.linalg.qr(one)[0], np.linalg.qr(other)[0]
    return bool(np.abs(left - right @ (right.T @ left)).max() < 1e-5)


def springs() -> Experiment:
    """Two springs side by side, and a third one: only the sum of the two is told, and the third."""
    pull = torch.linspace(0.01, 0.1, 8, dtype=torch.float64)

    def function(values: Tensor) -> Tensor:
        a, b, c = (one[..., None] for one in values.unbind(-1))
        return torch.stack([(a + b) * pull, c * pull * pull], -1)

    parameters = tuple(Parameter(name, value, "N/m") for name, value in
                       (("left", 300.0), ("right", 200.0), ("bend", 50.0)))  # fmt: skip
    outputs = (Output("force", "N", 0.1), Output("bending", "N", 0.01))
    return Experiment("springs", parameters, outputs, function)


def line(noise: float = 0.1, size: float | None = 1.0) -> Experiment:
    """Straight line: offset + slope t; everything is known in closed form."""
    t = torch.linspace(0.0, 1.0, 11, dtype=torch.float64)
    parameters = (
        Parameter("offset", 2.0, "m", size=size),
        Parameter("slope", 3.0, "m/s", size=size),
    )
    return Experiment(
        "line", parameters, (Output("place", "m", noise),),
        lambda values: (values[..., :1] + values[..., 1:] * t)[..., None],
    )  # fmt: skip
