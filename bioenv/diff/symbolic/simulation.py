"""Compiled simulations with gradients, for horizons too long for automatic differentiation.

Semi-implicit Euler of a model in CasADi (Newton's equations with contacts, ends of range, muscles
and activation dynamics, see :mod:`bioenv.diff.symbolic.model`):

    balance(q, v, a, act, p) = 0,   (M + h D) b = M a,
    v' = v + h b,   q' = q + h v',   act' = act + h rate(act, exc)

with the dampers D that are taken implicitly.

Gradients come from the discrete adjoint (:mod:`.sweep`): exact for the steps that were made, at
the cost of about one more simulation, however many parameters there are.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.diff.symbolic.compiled import compiler
from bioenv.diff.symbolic.cost import Cost, Costing
from bioenv.diff.symbolic.model import SymbolicModel, build
from bioenv.diff.symbolic.step_equations import INTEGRATORS, equations
from bioenv.diff.symbolic.stepping import GOOD, REASONS, CompiledStepper, PlainStepper, Steps
from bioenv.diff.symbolic.sweep import Direct, Sweeper
from bioenv.errors import BioenvError, unknown
from bioenv.models.model import Model, from_mujoco

Array = NDArray[np.float64]
PATH_ERROR = 2e-3
"""m of a muscle's fitted length, above which a model is refused: forces would be others."""


@dataclass(frozen=True, eq=False)
class SimulatedPath:
    """A simulated movement of T steps, with all that its gradient needs.

    time (T + 1,) s; qpos, qvel (T + 1, n); activation (T + 1, m); excitation (T, m); qacc (T, n),
    of Newton's law at the start of each step; applied (T, n): the change of qvel over h, qacc but
    where dampers are implicit; parameters (np,); iterations (T,) of Newton's method.

    outside: the first step at which a coordinate leaves the range in which the muscles' paths are
    fitted, by name; from there on their forces are extrapolated. Empty for a sound movement.
    """

    time: Array
    qpos: Array
    qvel: Array
    activation: Array
    excitation: Array
    qacc: Array
    applied: Array
    parameters: Array
    iterations: NDArray[np.int32]
    outside: dict[str, int]


@dataclass(frozen=True, eq=False)
class PathGradient:
    """Derivatives of a scalar of a movement.

    value: the scalar, nan where derivatives were given instead of a cost. qpos, qvel (n,),
    activation (m,): by the initial state. excitation (T, m). parameters: by name, see
    ``SymbolicModel.parameters``. state (T + 1, 2 n + m): by qpos, qvel and activation at every
    step, with all that follows from it.
    """

    value: float
    qpos: Array
    qvel: Array
    activation: Array
    excitation: Array
    parameters: dict[str, Array]
    state: Array


class CompiledSimulation:
    """Simulates a model and differentiates what came out.

    Args:
        model: hinges and slides; see :func:`bioenv.diff.symbolic.model.build` for what else.
        step: s; by default the model's. Soft contacts depend on it (MuJoCo's "refsafe").
        free: parameters besides smoothing, softness, strength and gravity, see ``build``.
        smoothing: rounding of contacts and curves; 0 is MuJoCo's law, whose gradient jumps.
        contact_softness: divides the contacts' stiffness.
        integrator: MuJoCo's "euler" (the joints' dampers are taken implicitly unless the model
            disables ``eulerdamp``) or "implicitfast" (the muscles' damping too).
        compiled: by C code compiled once for a computer; None: where there is a C compiler.
            Without it everything works, 10 to 50 times slower.

    Raises BioenvError for a model that cannot be expressed, or whose muscle paths polynomials do
    not fit (what wraps and moves a lot, in some models converted from OpenSim).
    """

    def __init__(
        self,
        model: Model,
        *,
        step: float | None = None,
        free: Sequence[str] = (),
        smoothing: float = 1.0,
        contact_softness: float = 1.0,
        integrator: str = "euler",
        compiled: bool | None = None,
    ) -> None:
        self.step = float(model.mj.opt.timestep if step is None else step)
        if not (np.isfinite(self.step) and self.step > 0.0):
            raise BioenvError(f"step must be positive, got {step} s")
        if integrator not in INTEGRATORS:
            raise unknown("integrator", integrator, INTEGRATORS)
        self.body: SymbolicModel = build(
            _with_step(model, self.step), smoothing=smoothing, contact_softness=contact_softness,
            free=free,
        )  # fmt: skip
        _check_paths(self.body)
        self.parameters = self.body.parameters
        self._compiled = compiler() is not None if compiled is None else compiled
        self._equations = equations(self.body, self.step, integrator)
        self._stepper = (CompiledStepper if self._compiled else PlainStepper)(self._equations)
        self._sweeper = Sweeper(self._equations, self._compiled)
        self._costing: tuple[Cost, Costing] | None = None

    def simulate(
        self,
        qpos: ArrayLike,
        qvel: ArrayLike,
        activation: ArrayLike,
        excitation: ArrayLike,
        parameters: ArrayLike | None = None,
    ) -> SimulatedPath:
        """The movement from a state (n,), (n,), (m,) under excitations (T, m) in 0..1.

        Args:
            parameters: (np,) from ``self.parameters.pack(...)``; by default the model's.

        Raises BioenvError for wrong shapes, values that are not finite, excitations beyond 0..1,
        and, naming the step, where the movement diverges or Newton's method fails.
        """
        n, m = self.body.nq, self.body.nm
        q, v, act = (
            _checked(name, x, (size,))
            for name, x, size in (
                ("qpos", qpos, n), ("qvel", qvel, n), ("activation", activation, m),
            )
        )  # fmt: skip
        exc = np.asarray(excitation, dtype=float)
        exc = _checked("excitation", exc, (len(exc) if exc.ndim else 0, m))
        if ((exc < 0.0) | (exc > 1.0)).any():
            raise BioenvError(
                f"excitations must lie in 0..1, got {exc.min():g}..{exc.max():g}: clip them"
            )
        p = self.parameters.default if parameters is None else parameters
        p = _checked("parameters", p, self.parameters.default.shape)
        steps = self._stepper(self.step, q, v, act, exc, p)
        self._check(steps)
        return SimulatedPath(
            np.arange(len(exc) + 1.0) * self.step, steps.qpos, steps.qvel, steps.activation, exc,
            steps.qacc, steps.applied, p, steps.iterations, self._outside(steps.qpos),
        )  # fmt: skip

    def gradient(self, path: SimulatedPath, of: Cost | ArrayLike) -> PathGradient:
        """Derivatives of a cost of a movement, or of a scalar with given dL/dstate.

        Args:
            of: a :class:`Cost`, or (T + 1, 2 n + m): what a scalar changes by when qpos, qvel and
                activation of a step change alone, one after the other in a row.

        Raises BioenvError when the derivatives are not finite, naming the step.
        """
        n, m, steps = self.body.nq, self.body.nm, len(path.excitation)
        if isinstance(of, Cost):
            value, direct = self._priced(of, path)
        else:
            state = _checked("dL/dstate", of, (steps + 1, 2 * n + m))
            none = np.zeros(self.parameters.default.shape)
            value = float("nan")
            direct = Direct(state, np.zeros((steps, n)), np.zeros((steps, m)), none)
        states = (path.qpos[:-1], path.qvel[:-1], path.qacc, path.activation[:-1],
                  path.excitation, path.applied)  # fmt: skip
        swept = self._sweeper(self.step, states, path.parameters, direct)
        if swept.failed >= 0:
            raise BioenvError(
                f"the gradient is not finite at step {swept.failed} of {steps}, going back: "
                "derivatives grow at every contact; shorten the horizon, or collocate"
            )
        q, v, act = np.split(swept.state[0].copy(), [n, 2 * n])
        by_name = self.parameters.unpack(swept.parameters)
        return PathGradient(value, q, v, act, swept.excitation, by_name, swept.state)

    def value(self, path: SimulatedPath, cost: Cost) -> float:
        """A movement's cost."""
        return self._priced(cost, path)[0]

    def _priced(self, cost: Cost, path: SimulatedPath) -> tuple[float, Direct]:
        n, m, size = self.body.nq, self.body.nm, self.parameters.default.size
        if self._costing is None or self._costing[0] is not cost:
            sizes = {"q": n, "v": n, "a": n, "act": m, "exc": m, "p": size}
            self._costing = cost, Costing(cost, sizes, self._compiled)
        values = {"q": path.qpos, "v": path.qvel, "a": path.qacc, "act": path.activation,
                  "exc": path.excitation}  # fmt: skip
        value, direct = self._costing[1](values, path.parameters)
        if not np.isfinite(value):
            raise BioenvError(f"the cost of this movement is {value}")
        return value, direct

    def _check(self, steps: Steps) -> None:
        if steps.status == GOOD:
            return
        t, total = steps.done, len(steps.qacc)
        fastest = int(np.nanargmax(np.abs(steps.qvel[t])))
        raise BioenvError(
            f"simulation failed at step {t} of {total} ({t * self.step:.4g} s): "
            f"{REASONS[steps.status]}; fastest coordinate "
            f"{self.body.model.coordinates[fastest]} at {steps.qvel[t, fastest]:.3g} per s; "
            f"beyond the fitted muscle paths: {self._outside(steps.qpos[: t + 1]) or 'nothing'}. "
            "Shorten the step, or check the state and the parameters"
        )

    def _outside(self, qpos: Array) -> dict[str, int]:
        low, high = self.body.valid_range.T
        crossed = np.zeros(self.body.nq, dtype=bool)  # no muscle's length depends on the root
        for polynomial in self.body.paths.length:
            crossed[polynomial.dofs] = True
        beyond = ((qpos < low) | (qpos > high)) & crossed
        return {
            self.body.model.coordinates[j]: int(np.argmax(beyond[:, j]))
            for j in np.flatnonzero(beyond.any(axis=0)).tolist()
        }


def _check_paths(body: SymbolicModel) -> None:
    wrong = {name: e.length for name, e in body.path_error.items() if e.length > PATH_ERROR}
    if wrong:
        worst = max(wrong, key=lambda name: wrong[name])
        raise BioenvError(
            f"model {body.model.name!r}: the paths of {len(wrong)} muscles are fitted worse than "
            f"{1000 * PATH_ERROR:g} mm, {worst} by {1000 * wrong[worst]:.3g} mm: "
            "simulate it with bioenv.diff.simulate, which follows the paths themselves"
        )


def _with_step(model: Model, step: float) -> Model:
    if step == model.mj.opt.timestep:
        return model
    mj = copy.copy(model.mj)
    mj.opt.timestep = step
    return from_mujoco(mj, model.name, model.subject)


def _checked(name: str, value: ArrayLike, shape: tuple[int, ...]) -> Array:
    array = np.array(value, dtype=float)
    if array.shape != shape:
        raise BioenvError(f"{name} must have shape {shape}, got {array.shape}")
    if not np.isfinite(array).all():
        raise BioenvError(f"{name} has values that are not finite")
    return array
