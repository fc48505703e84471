"""Solution: what a solve came to, whether it worked, and the movement as a Motion."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import casadi as ca
import numpy as np
from numpy.typing import NDArray

from bioenv.agents.atomic import write_bytes
from bioenv.agents.trajopt.consistency import consistency, judged
from bioenv.agents.trajopt.goals import AT_POINT, BETWEEN, Point, tracking, value
from bioenv.agents.trajopt.guess import Trajectory
from bioenv.agents.trajopt.movement import motion_of
from bioenv.agents.trajopt.transcription import Transcription
from bioenv.errors import BioenvError
from bioenv.motion import Motion

Array = NDArray[np.float64]
OPTIMUM = "optimum.npz"
"""Name of the file with unknowns and multipliers."""


@dataclass(frozen=True)
class Step:
    """One solve of the homotopy. split_s: CPU s of functions, derivatives and linear algebra."""

    status: str
    mesh: int
    parameters: Mapping[str, float]
    iterations: int
    objective: float
    violation: float
    build_s: float
    cpu_s: float
    split_s: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Optimum:
    """A point of a program and its multipliers, scaled as in the Transcription.

    unknowns, bound_multipliers (size,); multipliers (ng,); parameters of the symbolic model.
    """

    unknowns: Array
    multipliers: Array
    bound_multipliers: Array
    parameters: Array

    def to_bytes(self) -> bytes:
        """As an .npz file, without pickle."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **vars(self))
        return buffer.getvalue()

    @classmethod
    def load(cls, path: Path) -> Optimum:
        """Read what :meth:`Solution.save` wrote. Raises BioenvError for another file."""
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls(**{f.name: file[f.name] for f in fields(cls)})
        except (OSError, ValueError, KeyError) as error:
            raise BioenvError(f"{path.name} is no optimum of `bioenv solve`: {error}") from error


@dataclass(frozen=True, eq=False)
class Solution:
    """The result of a solve.

    Attributes:
        status: of the last step: "solved", "acceptable" (looser optimality, same feasibility),
            "infeasible", "iteration limit", "time limit", "interrupted", "stalled", "diverged",
            "failed".
        message: the most violated constraint when it is not feasible, else "".
        objective, terms: value, and weighted share of every goal.
        violation: largest scaled violation of a constraint (body weights, rad, m, excitation).
        optimality: largest element of the Lagrangian's gradient, scaled.
        complementarity: largest product of a bound's multiplier and the distance to that bound.
        mujoco: forces missing in MuJoCo itself, see
            :func:`~bioenv.agents.trajopt.consistency.consistency`.
        iterations, cpu_s, wall_s: of all steps together; mesh: intervals of the last one.
        trajectory: unknowns at the nodes. motion: the whole movement; a whole stride when half a
            stride was solved.
        unknowns, multipliers, bound_multipliers, parameters: of the last program, scaled.
    """

    status: str
    message: str
    objective: float
    terms: Mapping[str, float]
    violation: float
    optimality: float
    complementarity: float
    mujoco: Mapping[str, float]
    iterations: int
    cpu_s: float
    wall_s: float
    mesh: int
    steps: Sequence[Step]
    trajectory: Trajectory
    motion: Motion
    unknowns: Array
    multipliers: Array
    bound_multipliers: Array
    parameters: Array

    @property
    def success(self) -> bool:
        """Whether it is optimal and feasible."""
        return self.status in ("solved", "acceptable")

    def to_json(self) -> dict[str, Any]:
        """Figures, JSON-able; without the movement."""
        keys = ("status", "message", "objective", "terms", "violation", "optimality",
                "complementarity", "mujoco", "iterations", "cpu_s", "wall_s", "mesh")  # fmt: skip
        plain = {key: getattr(self, key) for key in keys}
        return {
            **plain, "duration_s": self.trajectory.duration,
            "steps": [asdict(step) for step in self.steps],
        }  # fmt: skip

    def save(self, folder: Path, **more: Any) -> None:
        """Write motion.nc, solution.json and, to be checked by anyone, optimum.npz into a folder.

        `more` goes into solution.json too: the recipe and its settings, say.
        """
        self.motion.save(folder / "motion.nc")
        text = json.dumps({**self.to_json(), **more}, indent=2) + "\n"
        write_bytes(folder / "solution.json", text.encode())
        write_bytes(folder / OPTIMUM, self.optimum.to_bytes())

    @property
    def optimum(self) -> Optimum:
        """Unknowns and multipliers: what the conditions of optimality speak of."""
        return Optimum(self.unknowns, self.multipliers, self.bound_multipliers, self.parameters)


def build(
    made: Transcription,
    result: Mapping[str, Any],
    p: Array,
    steps: Sequence[Step],
    cpu_s: float,
    wall_s: float,
) -> Solution:
    """Judge a solver's answer and turn it into a Solution.

    Args:
        result: x, g, f, lam_x, lam_g and status of the last step.
        p: parameters of the symbolic model.
    """
    trajectory = made.unpack(result["x"])
    worst = made.program.worst(result["g"])
    violation = worst[0][2] if worst else 0.0
    message = ""
    if result["status"] not in ("solved", "acceptable") and worst:
        label, share, size = worst[0]
        instant = share * trajectory.duration
        message = f"most violated: {label} by {size:.2g} at {instant:.3g} s"
    optimality, complementarity = kkt(made, result["x"], p, result["lam_g"], result["lam_x"])
    return Solution(
        status=result["status"], message=message, objective=result["f"],
        terms=terms(made, result["x"], p), violation=violation, optimality=optimality,
        complementarity=complementarity,
        mujoco=consistency(judged(made.symbolic, p), trajectory),
        iterations=sum(s.iterations for s in steps),
        cpu_s=cpu_s, wall_s=wall_s, mesh=made.mesh, steps=tuple(steps), trajectory=trajectory,
        motion=motion_of(made.problem, made.symbolic, trajectory, p), unknowns=result["x"],
        multipliers=result["lam_g"], bound_multipliers=result["lam_x"], parameters=p,
    )  # fmt: skip


def kkt(made: Transcription, x: Array, p: Array, lam_g: Array, lam_x: Array) -> tuple[float, float]:
    """First-order conditions of optimality, evaluated anew.

    Returns:
        the largest |grad f + J' lam_g + lam_x| of a free unknown (multipliers at upper bounds
        positive, at lower ones negative), and the largest multiplier of a bound times the distance
        to it.
    """
    program = made.program
    gradient = np.asarray(program.gradient(x, p)[1]).ravel()
    g, jacobian = program.jacobian(x, p)
    residual = gradient + np.asarray(ca.mtimes(jacobian.T, ca.DM(lam_g))).ravel() + lam_x
    free = made.upper > made.lower
    gaps = []
    for at, low, high, multiplier in (
        (x, made.lower, made.upper, lam_x),
        (np.asarray(g).ravel(), program.lower, program.upper, lam_g),
    ):
        distance = np.where(multiplier > 0, high - at, at - low)
        inside = (high > low) & np.isfinite(distance)
        gaps.append(float(np.abs(multiplier[inside] * distance[inside]).max(initial=0.0)))
    return float(np.abs(residual[free]).max()), max(gaps)


def terms(made: Transcription, x: Array, p: Array) -> dict[str, float]:
    """Weighted share of every goal in the objective."""
    t, problem = made.unpack(x), made.problem
    nq, nm, n = made.nq, made.nm, len(problem.tracks)
    columns = np.concatenate([t.q, t.v, t.a, t.act, t.rate], axis=1).T
    w, z = (ca.SX.sym(name, 3 * nq + 2 * nm) for name in "wz")
    h, phase, wanted, sd = (ca.SX.sym(x, k) for x, k in zip("hfws", (1, 1, n, n), strict=True))
    cuts = np.cumsum([0, nq, nq, nq, nm, nm]).tolist()
    points = []
    for unknowns in (w, z):
        q, v, a, act, rate = ca.vertsplit(unknowns, cuts)
        points.append(Point(made.symbolic, q, v, a, act, rate, made.p, phase))
    s, after = points
    share = np.linspace(0.0, 1.0, made.mesh + 1)
    clock = share * (0.5 if problem.symmetry == "mirror" else 1.0)
    weight = np.full(made.mesh + 1, 1.0 / made.mesh)
    weight[[0, -1]] /= 2.0
    price = t.duration if problem.total else 1.0
    found = {}
    for name, k in problem.goals.items():
        if name in BETWEEN:
            f = ca.Function("term", [w, z, h, made.p], [value(BETWEEN[name](s, after, h))])
            values = f(columns[:, :-1], columns[:, 1:], t.duration / made.mesh, p)
            found[name] = price * k * float(np.asarray(values).mean())
            continue
        term = AT_POINT[name](s) if name in AT_POINT else tracking(s, problem.tracks, wanted, sd)
        f = ca.Function("term", [w, phase, wanted, sd, made.p], [value(term)])
        known = [c.at(share) for c in problem.tracks]
        curves = [np.array([one[i] for one in known]).reshape(n, share.size) for i in (0, 1)]
        values = np.asarray(f(columns, clock[None], *curves, p)).ravel()
        found[name] = price * k * float(values @ weight)
    return found
