"""A periodic reference gait of both legs, for imitation and for starting poses.

The right leg's mean curves as Fourier series; the left leg is the right one half a cycle later,
trunk curves in the sagittal plane keep even harmonics only and those that go from side to side odd
ones, so that the gait is exactly symmetric. Phase is counted
in cycles: 0 is right heel strike, 0.5 left heel strike, 1 the next right heel strike.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError
from bioenv.lab import reference
from bioenv.lab.reference import Reference

Array = NDArray[np.float64]

LEG = ("hip_flexion", "knee_angle", "ankle_angle", "mtp_angle")
TRUNK = ("pelvis_tilt", "lumbar_extension")
# In three dimensions, where a reference has them.
LEG_3D = ("hip_adduction", "hip_rotation", "subtalar_angle")
SIDEWAYS = ("pelvis_ty", "pelvis_list", "pelvis_rotation", "lumbar_bending", "lumbar_rotation")
HARMONICS = 8  # of joint angles: mean curves of 11 trials hold nothing above (see `fit_error`)
FORCE_HARMONICS = 14  # of ground reaction force, whose loading edge is steeper


@dataclass(frozen=True)
class FootPoints:
    """Contact points of the foot relative to the ankle in the neutral pose, m (x forward, z up).

    Heel and ball of gait10dof18musc: heel at calcn's origin, ball at the toe joint.
    """

    heel: tuple[float, float] = (-0.0488, -0.062)
    ball: tuple[float, float] = (0.130, -0.062)


@dataclass(frozen=True, eq=False)
class ReferenceGait:
    """Smooth symmetric gait: `coordinates` names the columns of `qpos` and `qvel`.

    cycle_s: stride time s. speed: m/s. fit_error: largest distance rad between the Fourier series
    and the measured mean, by curve. grf_scale: factor that made both feet carry one body weight.
    """

    name: str
    coordinates: tuple[str, ...]
    cycle_s: float
    speed: float
    cosine: Array = field(repr=False)  # (harmonics + 1, ncoord)
    sine: Array = field(repr=False)
    force_cosine: Array = field(repr=False)  # (harmonics + 1, 2): vertical, fore-aft of the right
    force_sine: Array = field(repr=False)
    grf_scale: float
    fit_error: dict[str, float]

    @staticmethod
    @lru_cache(maxsize=8)
    def load(name: str = "falisse2019") -> ReferenceGait:
        """The gait of a reference (see `bioenv.lab.reference.load`). Raises BioenvError."""
        return ReferenceGait.fit(reference.load(name))

    @staticmethod
    def fit(source: Reference) -> ReferenceGait:
        """Fourier series of a reference's curves. Raises BioenvError without legs or speed."""
        speed, period = source.figure("speed"), source.figure("stride_time")
        missing = [name for name in LEG[:3] if name not in source.curves]
        if missing or speed is None or period is None:
            raise BioenvError(
                f"reference {source.name} cannot be imitated: it lacks "
                f"{', '.join(missing) or 'speed or stride_time'}"
            )
        curves = {n: source.curve(n).mean for n in (*TRUNK, *LEG) if n in source.curves}
        for name in TRUNK:
            curves.setdefault(name, np.zeros(reference.POINTS))
        curves.setdefault("mtp_angle", toe_angle(curves))
        legs = (*LEG, *(n for n in LEG_3D if n in source.curves))
        sideways = tuple(n for n in SIDEWAYS if n in source.curves)
        curves |= {n: source.curve(n).mean for n in (*legs, *sideways) if n not in curves}
        parity = {**dict.fromkeys(TRUNK, 0), **dict.fromkeys(sideways, 1)}
        series = {n: _series(c, HARMONICS, parity.get(n)) for n, c in curves.items()}
        columns = [(n, series[n]) for n in TRUNK]
        columns += [(f"{n}_r", series[n]) for n in legs]
        columns += [(f"{n}_l", _half_cycle_later(*series[n])) for n in legs]
        columns += [(n, series[n]) for n in sideways]
        force, scale = _forces(source)
        error = {n: _fit_error(c, *series[n]) for n, c in curves.items()}
        return ReferenceGait(
            source.name, tuple(n for n, _ in columns), period, speed,
            np.column_stack([c for _, (c, _) in columns]),
            np.column_stack([s for _, (_, s) in columns]),
            *force, scale, error,
        )  # fmt: skip

    def qpos(self, phase: ArrayLike) -> Array:
        """Joint angles rad at phase (B,) in cycles: (B, ncoord) in the order of `coordinates`."""
        return _evaluate(np.asarray(phase, dtype=np.float64), self.cosine, self.sine)

    def qvel(self, phase: ArrayLike) -> Array:
        """Joint velocities rad/s at the gait's own cadence: (B, ncoord), derivative of `qpos`."""
        rate = 2 * np.pi * np.arange(len(self.cosine))[:, None] / self.cycle_s
        phases = np.asarray(phase, dtype=np.float64)
        return _evaluate(phases, rate * self.sine, -rate * self.cosine)

    def for_legs(self, thigh: float, shank: float) -> ReferenceGait:
        """The same angles and speed at the cadence that suits legs of these lengths, m.

        Longer legs cover more ground with the same angles; the cycle is stretched until the stance
        foot passes under the hip at the gait's speed (see `stance_speed`).
        """
        own, _ = stance_speed(self, thigh, shank)
        return replace(self, cycle_s=self.cycle_s * own / self.speed)

    def vertical_grf(self, phase: ArrayLike) -> Array:
        """Vertical ground reaction force in body weights: (B, 2) for the feet r, l; >= 0.

        Scaled so that both feet carry one body weight over the cycle.
        """
        return np.maximum(self._force(phase)[..., 0], 0.0)

    def fore_aft_grf(self, phase: ArrayLike) -> Array:
        """Fore-aft ground reaction force in body weights, + forward: (B, 2) for r, l."""
        return self._force(phase)[..., 1]

    def stance(self, phase: ArrayLike) -> NDArray[np.bool_]:
        """Whether each foot carries more than 5 % of body weight: (B, 2) for r, l."""
        return self.vertical_grf(phase) > 0.05

    def _force(self, phase: ArrayLike) -> Array:
        phases = np.asarray(phase, dtype=np.float64)
        both = np.stack([phases, phases + 0.5], axis=-1)
        return _evaluate(both, self.force_cosine, self.force_sine)


def toe_angle(curves: dict[str, Array]) -> Array:
    """Toe (mtp) angle (101,) rad that keeps the toes flat while the heel is up in stance.

    No reference measures it. Foot pitch is pelvis tilt + hip - knee + ankle (+ toes up); from heel
    rise to toe-off the toe joint opens by the pitch, then closes within a tenth of the cycle.
    """
    pitch = curves["pelvis_tilt"] + curves["hip_flexion"]
    pitch = pitch - curves["knee_angle"] + curves["ankle_angle"]
    percent = reference.PERCENT
    # Half of the pitch at toe-off: the toes then leave the ground tip last.
    fade = np.clip((70.0 - percent) / 12.0, 0.0, 1.0) * (percent > 20)
    smooth = fade * fade * (3 - 2 * fade)
    return np.clip(-pitch, 0.0, np.radians(35)) * smooth


def stance_speed(
    gait: ReferenceGait, thigh: float, shank: float, foot: FootPoints | None = None
) -> tuple[float, float]:
    """Mean and spread (sd) in m/s of the speed at which the stance foot passes under the hip.

    A gait is consistent with a body when the point that carries the foot moves backwards, relative
    to the hip, at the walking speed. Lengths in m. The point that carries is the lower of heel and
    ball, over the phases where only the right foot is on the ground (0.12 to 0.50).
    """
    foot = foot or FootPoints()
    phase = np.linspace(0.12, 0.50, 191)
    index = {name: i for i, name in enumerate(gait.coordinates)}
    angle, rate = gait.qpos(phase), gait.qvel(phase)

    def pick(values: Array, name: str) -> Array:
        return values[:, index[name]]

    thigh_angle, thigh_rate = (
        pick(v, "pelvis_tilt") + pick(v, "hip_flexion_r") for v in (angle, rate)
    )
    knee, knee_rate = pick(angle, "knee_angle_r"), pick(rate, "knee_angle_r")
    shank_angle, shank_rate = thigh_angle - knee, thigh_rate - knee_rate
    pitch = shank_angle + pick(angle, "ankle_angle_r")
    pitch_rate = shank_rate + pick(rate, "ankle_angle_r")
    ankle_speed = (
        thigh * np.cos(thigh_angle) * thigh_rate + shank * np.cos(shank_angle) * shank_rate
    )
    heights, speeds = [], []
    for x, z in (foot.heel, foot.ball):
        heights.append(np.sin(pitch) * x + np.cos(pitch) * z)
        speeds.append(ankle_speed + (-np.sin(pitch) * x - np.cos(pitch) * z) * pitch_rate)
    lowest = np.argmin(heights, axis=0)
    backward = -np.choose(lowest, speeds)
    return float(backward.mean()), float(backward.std())


def _series(curve: Array, harmonics: int, parity: int | None = None) -> tuple[Array, Array]:
    """Cosine and sine coefficients (harmonics + 1,) of a closed curve (101,).

    parity: 0 keeps even harmonics only (the same half a cycle later), 1 odd ones (the opposite).
    """
    spectrum = np.fft.rfft(curve[:-1])[: harmonics + 1] / (len(curve) - 1)
    spectrum[1:] *= 2
    if parity is not None:
        spectrum[1 - parity :: 2] = 0
    return spectrum.real.copy(), -spectrum.imag


def _half_cycle_later(cosine: Array, sine: Array) -> tuple[Array, Array]:
    sign = np.where(np.arange(len(cosine)) % 2 == 0, 1.0, -1.0)
    return sign * cosine, sign * sine


def _evaluate(phase: Array, cosine: Array, sine: Array) -> Array:
    """Series at phase (...): (..., columns)."""
    # Powers of exp(i angle) by multiplication: twice as fast as a cosine and sine per harmonic.
    turn = np.exp(2j * np.pi * phase).ravel()
    powers = np.empty((len(cosine), turn.size), dtype=np.complex128)
    powers[0] = 1.0
    for order in range(1, len(cosine)):
        np.multiply(powers[order - 1], turn, out=powers[order])
    values: Array = powers.real.T @ cosine + powers.imag.T @ sine
    return values.reshape(*phase.shape, -1)


def _fit_error(curve: Array, cosine: Array, sine: Array) -> float:
    fitted = _evaluate(reference.PERCENT / 100, cosine[:, None], sine[:, None])[:, 0]
    return float(np.abs(fitted - curve).max())


def _forces(source: Reference) -> tuple[tuple[Array, Array], float]:
    """Series of vertical and fore-aft force of the right foot, and the scale of both.

    Plates that read low are common (two of the shipped sets miss 3 to 8 % of body weight), and a
    force that does not carry the body cannot be imitated: so the impulse is set to one.
    """
    if "grf_vertical" not in source.curves:
        raise BioenvError(f"reference {source.name} has no grf_vertical")
    vertical = np.maximum(source.curve("grf_vertical").mean, 0.0)
    fitted = _evaluate(
        np.arange(1000) / 1000, *(s[:, None] for s in _series(vertical, FORCE_HARMONICS))
    )
    scale = 0.5 / float(np.maximum(fitted, 0.0).mean())
    fore_aft = np.zeros(reference.POINTS)
    if "grf_fore_aft" in source.curves:
        fore_aft = source.curve("grf_fore_aft").mean
        fore_aft = fore_aft - fore_aft[:-1].mean()  # steady walking: no net impulse
    series = [_series(scale * c, FORCE_HARMONICS) for c in (vertical, fore_aft)]
    return (
        np.column_stack([c for c, _ in series]),
        np.column_stack([s for _, s in series]),
    ), scale
