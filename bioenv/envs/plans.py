"""Gaits planned by optimal control at several speeds, as one table over speed and phase.

What a policy may be led by where no measured movement is used: the same body's own movements of
least cost, solved beforehand (``bioenv solve predict-walk --sweep``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bioenv.envs import gait, terms
from bioenv.envs.imitation import JOINTS, LEAD_S, TRUNK
from bioenv.envs.random import Draws
from bioenv.envs.reference import ReferenceMotion
from bioenv.envs.state import State
from bioenv.envs.stride import HEIGHT, TRAVEL, stride_reference
from bioenv.errors import BioenvError
from bioenv.models import Model
from bioenv.motion import Motion

Array = NDArray[np.float64]
Term = terms.Term

_TABLES = ("qpos", "qvel", "activation", "excitation", "vertical_force")


@dataclass(frozen=True, eq=False)
class Plans:
    """Strides of one body at ``speeds`` (k,) m/s, ascending; phase 0 is where they begin.

    tables: "qpos" and "qvel" (k, n, nq) rad, m and per s, "activation" and "excitation" (k, n, nm)
    0..1, "vertical_force" (k, n, feet) in body weights, at n phases 0, 1/n, ... cycle_s: (k,) s,
    stride times. height: m, of the standing pelvis. coordinates and muscles: names of the columns.
    Another body with coordinates of the same names may follow the angles; what muscles do is of the
    plans' own.
    """

    coordinates: tuple[str, ...]
    muscles: tuple[str, ...]
    height: float
    speeds: Array
    cycle_s: Array
    tables: Mapping[str, Array]

    @classmethod
    def of(cls, motions: Sequence[Motion], model: Model) -> Plans:
        """From whole strides of ``model`` (see `stride_reference`), in any order.

        Raises:
            BioenvError: fewer than two, or a motion is no stride or lacks what muscles did.
        """
        if len(motions) < 2:
            raise BioenvError(f"plans need strides at two speeds or more, got {len(motions)}")
        references = sorted((stride_reference(m, model) for m in motions), key=lambda r: r.speed)
        strides = [reference.on(model) for reference in references]
        return cls(
            model.coordinates,
            model.muscles,
            float(model.home[model.coordinate_index(HEIGHT)]),
            np.array([reference.speed for reference in references]),
            np.array([reference.cycle_s for reference in references]),
            {name: np.stack([_values(one, name) for one in strides]) for name in _TABLES},
        )

    @classmethod
    def load(cls, folder: Path, model: Model) -> Plans:
        """From what ``bioenv solve --sweep`` wrote into a folder (``*/motion.nc``)."""
        return cls.of([Motion.load(path) for path in sorted(folder.glob("*/motion.nc"))], model)

    def at(self, name: str, speed: Array, phase: Array) -> Array:
        """(B, n) a table at ``speed`` (B,) m/s, held at the ends, and ``phase`` (B,); bilinear."""
        table = self.tables[name]
        rows, v = table.shape[1], np.clip(speed, self.speeds[0], self.speeds[-1])
        i = np.clip(np.searchsorted(self.speeds, v, side="right") - 1, 0, len(self.speeds) - 2)
        across = ((v - self.speeds[i]) / (self.speeds[i + 1] - self.speeds[i]))[:, None]
        x = (phase % 1.0) * rows
        j = np.floor(x).astype(int)
        along, j, k = (x - j)[:, None], j % rows, (j + 1) % rows
        slower = (1 - along) * table[i, j] + along * table[i, k]
        faster = (1 - along) * table[i + 1, j] + along * table[i + 1, k]
        return (1 - across) * slower + across * faster

    def now(self, name: str, s: State, lead_s: float = 0.0) -> Array:
        """(B, n) a table at each environment's commanded speed and clock, ``lead_s`` s ahead."""
        lead = lead_s / np.interp(s.goal[:, 0], self.speeds, self.cycle_s)
        return self.at(name, s.goal[:, 0], s.phase + lead)

    def check(self, model: Model) -> None:
        """Raise BioenvError unless the plans are of a body with ``model``'s names."""
        for what in ("coordinates", "muscles"):
            mine, other = getattr(self, what), getattr(model, what)
            if mine != other:
                raise BioenvError(
                    f"the plans are of another body than {model.name}: their {what} are "
                    f"{', '.join(mine)}, not {', '.join(other)}; solve them with this model"
                )

    # ---- what tasks are made of

    def observe(self, s: State) -> tuple[Array, ...]:
        """What a walker sees, how far it is from its plan, and the excitations planned next.

        With them a policy is a feed-forward and a feedback.
        """
        return (
            *gait.observe(s),
            (s.qpos - self.now("qpos", s))[:, 1:],
            s.qvel - self.now("qvel", s),
            self.now("excitation", s, LEAD_S),
        )

    def start(self, noise: float = 0.2) -> Callable[[Draws, Model, Array], dict[str, Array]]:
        """Begin anywhere in the plan, joints' velocities off by ``noise`` rad/s.

        A taller or shorter person's pelvis is as much higher or lower as when standing.
        """

        def start(rng: Draws, model: Model, goal: Array) -> dict[str, Array]:
            self.check(model)
            phase = rng.uniform(0.0, 1.0)
            first = {n: self.at(n, goal[:, 0], phase) for n in ("qpos", "qvel", "activation")}
            stray = rng.normal(np.zeros(model.mj.nv), noise) * gait.joints_only(model)
            first["qvel"] += stray
            up = model.coordinate_index(HEIGHT)
            for way in (first["qpos"], first["qvel"]):
                way[:, up] *= model.home[up] / self.height
            return {**first, "phase": phase}

        return start

    def rewards(self) -> dict[str, tuple[float, Term]]:
        """Terms for following the plan that a body with legs of these names understands, all of
        weight 0: a recipe's stages give them theirs."""
        legs, trunk = dict.fromkeys(JOINTS, 1.0), dict.fromkeys(TRUNK, 1.0)
        return {
            "plan": (0.0, self.angles(legs, margin=0.3)),
            "plan_fine": (0.0, self.angles(legs, margin=0.1)),
            "plan_trunk": (0.0, self.angles(trunk, margin=0.1)),
            "plan_force": (0.0, self.force()),
            "plan_speed": (0.0, self.pace()),
        }

    def angles(self, weights: Mapping[str, float], margin: float) -> Term:
        """Score of following planned coordinates by name (`bioenv.envs.terms.imitation`)."""
        mine = [self.coordinates.index(name) for name in weights]

        def pose(s: State) -> Array:
            qpos = s.qpos.copy()
            qpos[:, [s.model.coordinate_index(n) for n in weights]] = self.now("qpos", s)[:, mine]
            return qpos

        return terms.imitation(pose, weights, margin)

    def activations(self) -> Term:
        """Score of following the planned activations, by the planned body's own muscles."""
        return terms.activations_near(lambda s: self.now("activation", s))

    def force(self) -> Term:
        """Score of both feet's vertical force (body weights) following the plan."""
        return terms.vertical_force_near(lambda s: self.now("vertical_force", s))

    def pace(self) -> Term:
        """Score of the forward speed following the planned one, which changes within a stride."""
        travel = self.coordinates.index(TRAVEL)
        return terms.speed(lambda s: self.now("qvel", s)[:, travel], margin=0.2)


def _values(stride: ReferenceMotion, name: str) -> Array:
    table = getattr(stride, name)
    if table is None:
        raise BioenvError(f"a planned stride needs {name}: give motions that muscles made")
    values: Array = table.values
    return values
