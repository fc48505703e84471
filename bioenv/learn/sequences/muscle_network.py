"""A GRU inside a muscle model: electrodes -> excitation -> activation -> torque of knee and ankle.

The GRU may only correct what a muscle model does not know: how an envelope becomes an excitation
(within a factor of two), the excitation of muscles without an electrode, a muscle's force at this
instant (within a factor of two), and a small torque beside the muscles. Everything between is
physics: a delay, activation dynamics, the force-length-velocity curves of
:mod:`bioenv.diff.muscles`, and moment arms that are derivatives of the muscles' lengths.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bioenv.diff.muscles import Curves, muscle
from bioenv.errors import BioenvError
from bioenv.learn.estimators.networks import Gaussian, Settings, Shape, add_network, bounded
from bioenv.learn.sequences.activation import ACTIVATION_S, DEACTIVATION_S, activation
from bioenv.learn.sequences.geometry import LegGeometry
from bioenv.models.parameters import MuscleParameters

KIND = "emg_torque"
DRIVES = {
    "soleus": "soleus", "gasmed": "gastrocnemius_medialis", "gaslat": "gastrocnemius_medialis",
    "vasmed": "vastus_medialis", "vaslat": "vastus_lateralis", "vasint": "vastus_lateralis",
    "recfem": "rectus_femoris",
}  # fmt: skip
"""Which electrode drives a muscle; the others are inferred."""
LONGEST_DELAY = 0.10  # s, voltage to force (Cavanagh & Komi 1979)
MEMORY = 0.40  # s, four of the longest time constants: what a muscle did before is forgotten
_FACTOR = float(np.log(2.0))
_PASSIVE = 0.25  # of the maximum isometric force, at 1.375 optimal lengths twice that
_NEGLIGIBLE = 1e-3  # m, a smaller moment arm is none


class Muscles(NamedTuple):
    """Excitation and activation (N, T, m) in [0, 1] at the last T samples of windows."""

    excitation: Tensor
    activation: Tensor


class EmgTorque(nn.Module):
    """See the module. `settings.more` holds what `emg.settings_for` put there, plain numbers."""

    of_center: Tensor
    of_scale: Tensor
    of_target_center: Tensor
    of_target_scale: Tensor
    electrode: Tensor
    driven: Tensor
    up: Tensor
    down: Tensor
    coefficients: Tensor
    exponents: Tensor
    lever: Tensor
    force: Tensor

    def __init__(self, settings: Settings, shape: Shape) -> None:
        super().__init__()
        more = dict(settings.more)
        self.geometry = LegGeometry.from_dict(more["geometry"])
        if shape.instants != 1 or shape.outputs != 2:
            raise BioenvError(
                f"network {KIND!r} gives knee and ankle torque at one instant; got {shape}"
            )
        self.step, self.count = 1.0 / float(more["rate"]), len(self.geometry.muscles)
        self.effort = float(more.get("effort", 0.0))
        self.kinematic = more["angles"] is not None
        self._constants(more)
        self.cells = nn.GRU(shape.inputs, settings.hidden, settings.layers, batch_first=True)
        self.drop = nn.Dropout(settings.dropout)
        self.correct = nn.Linear(settings.hidden, self.count)
        self.share = nn.Linear(settings.hidden, self.count)
        self.rest = nn.Linear(settings.hidden, 2)
        self.spread = nn.Linear(settings.hidden, 2)
        self.gain = nn.Parameter(torch.zeros(self.count))
        self.strength = nn.Parameter(torch.zeros(self.count))
        self.memory = int(MEMORY / self.step + 1e-6) + 1
        lags = int(LONGEST_DELAY / self.step + 1e-6) + 1
        self.delay = nn.Parameter(torch.zeros(self.count, lags))
        for one in (self.correct, self.share, self.rest, self.spread):
            nn.init.normal_(one.weight, std=0.02)
            nn.init.zeros_(one.bias)
        nn.init.constant_(self.spread.bias, -2.0)
        self._active = torch.zeros(1, self.count)
        with torch.no_grad():
            self.correct.bias[~self.driven] = -2.0

    def _constants(self, more: dict[str, Any]) -> None:
        """Numbers that are not learned, from plain JSON."""
        geometry = self.geometry
        for name in ("center", "scale", "target_center", "target_scale"):
            self.register_buffer(f"of_{name}", _single(more[name]), persistent=False)
        drive = np.asarray(more["drive"], dtype=np.int64)
        self.register_buffer("electrode", torch.as_tensor(np.maximum(drive, 0)), persistent=False)
        self.register_buffer("driven", torch.as_tensor(drive >= 0), persistent=False)
        ones = torch.ones(self.count)
        self.register_buffer("up", ACTIVATION_S * ones, persistent=False)
        self.register_buffer("down", DEACTIVATION_S * ones, persistent=False)
        self.angles = [int(i) for i in more["angles"] or ()]
        self.speeds = [int(i) for i in more["speeds"] or ()]
        self.curves = Curves(parameters(geometry))
        for name, value in vars(self.curves).items():
            setattr(self.curves, name, value.float())
        self.limits = float(more["rest"])
        self.register_buffer("coefficients", _single(geometry.coefficients), persistent=False)
        self.register_buffer("exponents", torch.as_tensor(geometry.exponents), persistent=False)
        middle = geometry.moment_arm(np.array([0.2, 0.3, 0.0]))[:, 1:]
        usual = np.where(np.abs(middle) > _NEGLIGIBLE, middle, 0.0)
        # Torques are per body mass, so are the forces.
        force = geometry.max_isometric_force / float(more["mass_kg"])
        self.fibers = {
            "max_isometric_force": _single(force),
            "optimal_fiber_length": _single(geometry.optimal_fiber_length),
            "tendon_slack_length": _single(geometry.tendon_slack_length),
            "max_velocity": _single(geometry.max_velocity),
            "passive_force": torch.full((self.count,), _PASSIVE),
        }
        self.register_buffer("lever", _single(usual), persistent=False)
        self.register_buffer("force", _single(force * np.cos(geometry.pennation)), persistent=False)

    def forward(self, window: Tensor) -> Gaussian:
        """Gaussian (N, H, O) of scaled windows (N, L, I)."""
        states, _ = self.cells(window)
        now = self.drop(states[:, -1])
        active = self.muscles(window, states).activation[:, -1]
        self._active = active
        torque = self._torque(window, now, active) + self.limits * torch.tanh(self.rest(now))
        mean = (torque - self.of_target_center) / self.of_target_scale
        return Gaussian(mean[:, None], bounded(self.spread(now))[:, None])

    def penalty(self, window: Tensor) -> Tensor:
        """Effort of the batch that `forward` saw last: what the electrodes leave open is shared by
        least squares of activation, as in static optimization (Crowninshield & Brand 1981)."""
        del window
        return self.effort * self._active.square().mean()

    def muscles(self, window: Tensor, states: Tensor | None = None) -> Muscles:
        """Excitation and activation (N, T, m) along the last `MEMORY` of windows (N, L, I),
        scaled."""
        if states is None:
            states, _ = self.cells(window)
        raw = window * self.of_scale + self.of_center
        envelope = self._delayed(raw[:, :, self.electrode].clamp_min(0.0))[:, -self.memory :]
        correct = self.correct(states[:, -self.memory :])
        # Linear for small envelopes, never above 1.
        gain = torch.exp(self.gain + _FACTOR * torch.tanh(correct))
        excitation = torch.where(
            self.driven, 1.0 - torch.exp(-gain * envelope), torch.sigmoid(correct)
        )
        return Muscles(excitation, activation(excitation, self.step, self.up, self.down))

    def delays(self) -> Tensor:
        """(m,) s, learned delay of each electrode."""
        weight = torch.softmax(self.delay, dim=1)
        return self.step * (weight * torch.arange(weight.shape[1])).sum(dim=1)

    def _delayed(self, envelope: Tensor) -> Tensor:
        weight = torch.softmax(self.delay, dim=1)
        lags = weight.shape[1]
        early = torch.cat([envelope[:, :1].expand(-1, lags - 1, -1), envelope], dim=1)
        shifted = early.unfold(1, lags, 1).flip(-1)
        return (shifted * weight).sum(dim=-1)

    def _torque(self, window: Tensor, now: Tensor, active: Tensor) -> Tensor:
        """(N, 2) N*m/kg of knee and ankle by the muscles."""
        share = torch.exp(self.strength + _FACTOR * torch.tanh(self.share(now)))
        if not self.kinematic:
            return (active * share * self.force) @ self.lever
        raw = window[:, -1] * self.of_scale + self.of_center
        angle, speed = raw[:, self.angles], raw[:, self.speeds]
        length = self._powers(angle, self.exponents) @ self.coefficients
        arm = self._arms(angle)
        velocity = -(arm * speed[:, None]).sum(dim=-1)
        state = muscle(self.curves, self.fibers, length, velocity, active)
        pull = share * state.force
        return (pull[..., None] * arm[..., 1:]).sum(dim=1)

    def _arms(self, angle: Tensor) -> Tensor:
        parts = []
        for axis in range(3):
            lower = self.exponents.clone()
            lower[:, axis] = (lower[:, axis] - 1).clamp_min(0)
            slope = self.exponents[:, axis, None] * self.coefficients
            parts.append(-self._powers(angle, lower) @ slope)
        return torch.stack(parts, dim=-1)

    @staticmethod
    def _powers(angle: Tensor, exponents: Tensor) -> Tensor:
        return torch.prod(angle[:, None, :] ** exponents, dim=-1)


def parameters(geometry: LegGeometry) -> MuscleParameters:
    """Of rigid-tendon Hill muscles; curves and constants as in assets/walker2d."""
    one = np.ones(len(geometry.muscles))
    element = geometry.optimal_fiber_length * np.cos(geometry.pennation)
    return MuscleParameters(
        max_isometric_force=geometry.max_isometric_force,
        optimal_fiber_length=geometry.optimal_fiber_length,
        tendon_slack_length=geometry.tendon_slack_length, pennation=geometry.pennation,
        max_velocity=geometry.max_velocity, fast_fiber_ratio=0.5 * one,
        specific_tension=6e5 * one, mass=one,
        element_force=geometry.max_isometric_force * np.cos(geometry.pennation),
        element_length=element, range_min=0.5 * one, range_max=1.5 * one,
        length_range_min=geometry.tendon_slack_length + 0.5 * element,
        length_range_max=geometry.tendon_slack_length + 1.5 * element,
        lmin=0.25 * one, lmax=1.75 * one, vmax=geometry.max_velocity, fpmax=0.25 * one,
        fvmax=1.4 * one, tau_act=ACTIVATION_S * one, tau_deact=DEACTIVATION_S * one,
        tausmooth=0.0 * one,
    )  # fmt: skip


def _single(values: NDArray[Any] | list[Any]) -> Tensor:
    return torch.as_tensor(np.asarray(values, dtype=np.float32))


add_network(KIND, EmgTorque)
