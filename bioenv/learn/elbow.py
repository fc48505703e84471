"""A joint's inertia, damping and stiffness, and its motion, from sparse noisy angles.

    elbow = ElbowPINN(seed=0).fit(time, angle, torque=lambda t: 2.0 * np.sin(4.0 * t))
    elbow.inertia_, elbow.interval_["inertia"]
    elbow.predict(time).velocity

A network q(t) is fitted to the angles and to ``I q'' + b q' + k q = τ`` at collocation points,
together with I, b and k (Raissi, Perdikaris, Karniadakis 2019, J Comput Phys 378:686, inverse
problem). Angle and equation are weighed by their noise, which is learned too, so a joint that does
not obey the equation loosens it instead of bending the data (:mod:`bioenv.learn.elbow_search`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm
from scipy.stats import t as student
from torch import Tensor

from bioenv.errors import BioenvError
from bioenv.learn.elbow_ode import NAMES, Torque, carried_on, torque_of
from bioenv.learn.elbow_problem import JointProblem, checked_samples
from bioenv.learn.elbow_search import INSIST, Search
from bioenv.learn.features import Window
from bioenv.learn.fit import Fit, Status
from bioenv.learn.network import Initial, Network

Array = NDArray[np.float64]

LEAST_POINTS = 100
HIGHEST = 5.0  # Hz
LEAST_WAVES = 40
MOST_FEATURES = 2000
LARGE_TORQUE = 0.05  # of the largest term: a missing torque above this is told
LARGE_ANGLE = 0.5  # of the angle's deviation: likewise
VAGUE = 0.5  # relative deviation above which a parameter counts as not identified


class JointEstimate(NamedTuple):
    """time (T,) s; angle, velocity, acceleration (T,) rad, rad/s, rad/s^2; intervals (T, 2)."""

    time: Array
    angle: Array
    velocity: Array
    acceleration: Array
    angle_interval: Array
    velocity_interval: Array
    acceleration_interval: Array


class ElbowPINN:
    """Physics-informed network of ``I θ'' + b θ' + k θ = τ(t)``, θ measured from rest.

    Args:
        inertia, damping, stiffness: kg m^2, N m s/rad, N m/rad where they are known; None: learned
            (as positive numbers).
        initial: (angle rad, velocity rad/s) known at the first sample, held exactly; or None.
        noise: standard deviation of the angles in rad; None: learned.
        physics_noise: torque in N m by which the equation may fail at a collocation point, that is
            ``lambda_phys = 1 / physics_noise^2``; None: the least, from the torque's size down to
            0.3 % of it, that the samples do not refute.
        highest: Hz, fastest wave among the features; 0: none, a plain network of time; None: 5 Hz,
            or what 40 half-waves give in a short record.
        hidden: units of the hidden layers; () leaves the waves alone, which suffices for this
            linear equation (docs/pinn.md has the comparison).
        collocation: points; None: two for each feature, at least 100.
        nominal: add a multiple of the answer of a nominal elbow to the torque, so that the network
            need not follow the torque's jumps (:mod:`bioenv.learn.elbow_problem`).
        causal: see :class:`~bioenv.learn.block.Block`.
        method, iterations: see :func:`~bioenv.learn.fit.minimize`.
        seed: of the network's first weights.

    Attributes after `fit`:
        inertia_, damping_, stiffness_; deviation_, interval_: by name, the standard deviation and
        the 95 % interval (Laplace; Student's t when the noise is learned). noise_ rad and
        physics_noise_ N m. evidence_: log evidence of the samples by physics noise. status_,
        message_: converged, or what is wrong. fit_: the whole :class:`~bioenv.learn.fit.Fit`.
    """

    inertia_: float
    damping_: float
    stiffness_: float
    deviation_: dict[str, float]
    interval_: dict[str, tuple[float, float]]
    noise_: float
    physics_noise_: float
    status_: Status
    message_: str
    fit_: Fit
    evidence_: dict[float, float]

    def __init__(
        self,
        inertia: float | None = None,
        damping: float | None = None,
        stiffness: float | None = None,
        *,
        initial: tuple[float, float] | None = None,
        noise: float | None = None,
        physics_noise: float | None = None,
        highest: float | None = None,
        hidden: tuple[int, ...] = (),
        collocation: int | None = None,
        nominal: bool = True,
        causal: float = 0.0,
        method: str = "levenberg-marquardt",
        iterations: int = 300,
        seed: int = 0,
    ) -> None:
        self.inertia, self.damping, self.stiffness = inertia, damping, stiffness
        self.initial, self.noise, self.physics_noise = initial, noise, physics_noise
        self.highest, self.hidden, self.collocation = highest, hidden, collocation
        self.nominal = nominal
        self.causal, self.method, self.iterations, self.seed = causal, method, iterations, seed

    def fit(self, time: ArrayLike, angle: ArrayLike, torque: object = 0.0) -> ElbowPINN:
        """Learn from angles (N,) rad at times (N,) s, N of 8 or more, in any spacing.

        torque: N m, a function of time, a number, N samples at `time`, or a pair of times and
            samples (4 or more, joined by a cubic spline) that covers `time`.

        Raises BioenvError for samples that are not finite, not ascending, too few or not as many as
        their times, for an angle that never changes, for settings out of range, and when neither
        torque nor any parameter is known: then only b/I and k/I can be learned.
        """
        self._check_settings()
        t, y = checked_samples(time, angle)
        given = (t, torque) if isinstance(torque, np.ndarray | list) else torque
        self._span = (float(t[0]), float(t[-1]))
        self._problem = JointProblem(
            self._known(), self._network(t, y), torque_of(given), self._span[0], self.nominal
        )
        points = self.collocation or max(LEAST_POINTS, 2 * self._problem.network.features.count)
        where = np.linspace(*self._span, points)
        if not self._problem.torque(where).any() and not self._known():
            raise BioenvError(
                "without a torque only damping / inertia and stiffness / inertia can be learned; "
                "give a torque, or one of inertia, damping, stiffness"
            )
        search = Search(
            self._problem, (t, y), where, self.noise, self.physics_noise,
            self.causal, self.method, self.iterations, self.seed,
        )  # fmt: skip
        self.fit_, self.evidence_ = search.run()
        self._learned(y, where)
        return self

    def predict(self, time: ArrayLike, torque: object = None) -> JointEstimate:
        """State at times (T,) s, ascending, with 95 % intervals.

        Between the first and the last sample it is the network's. Later, the identified equation
        carries on from the network's last state, so that a joint left alone comes to rest.

        torque: N m after the last sample, as in :meth:`fit`; None: the one that was given there.

        Raises BioenvError for times before the first sample, and for torque samples that end early.
        """
        if not hasattr(self, "fit_"):
            raise BioenvError("nothing is learned yet: call fit(time, angle, torque) first")
        t = np.asarray(time, dtype=float)
        if t.ndim != 1 or not len(t) or not np.isfinite(t).all() or (np.diff(t) <= 0).any():
            raise BioenvError("time must be finite, strictly ascending instants in s")
        if t[0] < self._span[0]:
            raise BioenvError(
                f"cannot tell the state before the first sample: {t[0]:g} s is before "
                f"{self._span[0]:g} s"
            )
        drive = self._problem.torque if torque is None else torque_of(torque)
        later = t > self._span[1]
        parts = [self._inside(t[~later])] if not later.all() else []
        parts += [self._beyond(t[later], drive)] if later.any() else []
        value, deviation = (np.concatenate(part, axis=1) for part in zip(*parts, strict=True))
        reach = self._quantile() * deviation
        band = np.stack([value - reach, value + reach], axis=-1)
        return JointEstimate(t, *value, *band)

    @property
    def parameters_(self) -> dict[str, float]:
        """Inertia, damping and stiffness by name, learned or given."""
        return dict(zip(NAMES, self._problem.values(self.fit_.unknowns).tolist(), strict=True))

    def _known(self) -> dict[str, float]:
        given = {name: getattr(self, name) for name in NAMES}
        return {name: float(value) for name, value in given.items() if value is not None}

    def _check_settings(self) -> None:
        for name, value in self._known().items():
            least = 0.0 if name != "inertia" else 1e-12
            if not (math.isfinite(value) and value >= least):
                raise BioenvError(f"{name} must be finite and not negative, got {value}")
        for name in ("noise", "physics_noise"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise BioenvError(f"{name} must be finite and above 0, got {value}")
        if self.initial is not None and not np.isfinite(self.initial).all():
            raise BioenvError(f"initial must be a finite angle and velocity, got {self.initial}")
        if self.highest is not None and not (math.isfinite(self.highest) and self.highest >= 0):
            raise BioenvError(f"highest must be a frequency in Hz or 0, got {self.highest}")
        if self.collocation is not None and self.collocation < 4:
            raise BioenvError(f"collocation must be 4 points or more, got {self.collocation}")

    def _network(self, t: Array, y: Array) -> Network:
        start, end = self._span
        highest = max(HIGHEST, LEAST_WAVES / (2.5 * (end - start)))
        highest = highest if self.highest is None else self.highest
        features = Window.even(start, end, highest) if highest else Window(start, end)
        if features.count > MOST_FEATURES:
            raise BioenvError(
                f"{end - start:.4g} s up to {highest:g} Hz take {features.count} features, "
                f"{MOST_FEATURES} at most; fit a part of the record, or give a lower `highest`"
            )
        initial = None
        if self.initial is not None:
            q, v = self.initial
            initial = Initial(start, (float(q),), (float(v),), ramp=0.1 * (end - start))
        return Network(
            features,
            hidden=tuple(self.hidden),
            center=0.0 if initial else float(y.mean()),
            scale=float(y.std()),
            initial=initial,
        )

    def _learned(self, y: Array, where: Array) -> None:
        found = self.fit_
        values = self.parameters_
        self.inertia_, self.damping_, self.stiffness_ = (values[name] for name in NAMES)
        spread = found.deviation(self._problem.values).tolist()
        self.deviation_ = dict(zip(NAMES, spread, strict=True))
        reach = self._quantile()
        self.interval_ = {
            name: (max(0.0, values[name] - reach * d), values[name] + reach * d)
            for name, d in self.deviation_.items()
        }
        self.noise_, self.physics_noise_ = found.noise["angle"], found.noise["equation"]
        self.status_, self.message_ = found.status, found.message
        if found.status in (Status.CONVERGED, Status.UNSETTLED):
            self._judge(y, where)

    def _judge(self, y: Array, where: Array) -> None:
        """Say so when the fit explains little, or leaves a parameter open."""
        told = []
        largest = self._problem.size_of_terms(self.fit_.unknowns, where)
        missing = self.fit_.rms["equation"]
        if missing > LARGE_TORQUE * largest:
            told.append(f"the equation misses {missing:.3g} N m of terms of {largest:.3g} N m")
        off, size = self.fit_.rms["angle"], float(y.std())
        if off > (LARGE_ANGLE * size if self.noise is None else 1.5 * self.noise):
            told.append(f"the angles are missed by {off:.3g} rad of {size:.3g} rad")
        if told:
            self.status_, self.message_ = Status.LARGE_RESIDUAL, "; ".join(told)
        values = self.parameters_
        strict = self.evidence_[min(self.evidence_)]
        if self.physics_noise_ > 1.001 * min(self.evidence_):
            odds = max(self.evidence_.values()) - strict
            self.message_ += (
                f"; the samples refute the strict equation (log evidence {odds:.1f} against "
                f"{INSIST:g}): it holds to {self.physics_noise_:.2g} N m"
            )
        vague = [n for n, d in self.deviation_.items() if d > VAGUE * values[n] and values[n] > 0]
        if vague:
            self.message_ += f"; not identified within 50 %: {', '.join(vague)}"

    def _quantile(self) -> float:
        """Half-width of a 95 % interval in standard deviations."""
        if self.noise is not None:
            return float(norm.ppf(0.975))
        return float(student.ppf(0.975, max(1.0, self.fit_.freedom("angle"))))

    def _inside(self, t: Array) -> tuple[Array, Array]:
        """(3, T) state and its standard deviations from the network."""
        points = self._problem.points(t)

        def state(unknowns: Mapping[str, Tensor]) -> Tensor:
            return torch.stack([part[:, 0] for part in self._problem.state(unknowns, points)])

        return state(self.fit_.unknowns).numpy(), self.fit_.deviation(state).numpy()

    def _beyond(self, t: Array, drive: Torque) -> tuple[Array, Array]:
        """(3, T) state and its standard deviations by the identified equation."""
        points = self._problem.points(np.array([self._span[1]]))

        def place(unknowns: Mapping[str, Tensor]) -> Tensor:
            jet = self._problem.state(unknowns, points)
            return torch.cat([self._problem.values(unknowns), jet.value[0], jet.velocity[0]])

        middle, spread = place(self.fit_.unknowns).numpy(), self.fit_.covariance(place).numpy()
        return carried_on(self._span[1], t, drive, middle, spread)
