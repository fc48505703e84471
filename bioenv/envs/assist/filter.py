"""The safety filter: the torque nearest to the one asked for that keeps the joint inside limits.

A control-barrier-function filter (Ames et al. 2017, doi 10.1109/TAC.2016.2638961) for a sampled
controller with a torque that cannot jump. Per joint the decision is one number, every barrier
bounds it from one side, and the quadratic program

    minimize (u - asked)^2   subject to   u in load cap, u in motion bounds, u in device bounds

is a projection on an interval, in closed form (`project`). Where the intervals do not meet, the
one named later wins and the other is missed by as little as possible: the device's own torque and
rate always hold, then the joint's motion, then its load, then the wish.

**Motion.** Towards a limit, let x be the angle, v the speed, u the torque. The barrier h = x_max -
x has relative degree two; its exponential form (Nguyen and Sreenath 2016, doi
10.1109/ACC.2016.7524935) asks for v <= p h, so both barriers are one bound on the speed, v_lim =
min(v_max, p h). What is left of it, after what the joint's own acceleration will take in the time
the device needs to let go, is the reserve e. The device may push so hard that, letting go at once
and at its greatest rate R, it adds no more than e to the speed, on a foot as light as a free one
(inverse inertia b):

    b (u dt + u^2 / (2 R)) <= e    =>    u <= R (sqrt(dt^2 + 2 e / (b R)) - dt).

From any u that satisfies this, u - R dt satisfies it one sample later: the bound never asks for
more than the rate allows (`tests/envs/assist/test_filter.py`).

Three ranges of angle lie inside one another. Beyond the innermost an unloaded foot is not pushed
down: toes must clear the ground. Beyond the second the device does
not push at all. Beyond the third, the limit less its margin, and above the greatest speed, it
brakes: with no reserve (e < 0) it takes the share ``brake`` of the excess in one sample. The device
alone thus keeps a joint inside whose inverse inertia is b, or less down to p dt / ``brake`` of it;
a heavier one moves slowly, but is braked slowly. A forefoot on the ground may be pushed down harder
by its load times an arm, for that torque ends at the ground; the arm is so short that the torque is
gone before the ground is, if it is left no faster than ``unloading``.

**Load.** The torque adds to the load what it adds to the ground's force. Load, k deviations of the
estimate and what the load may grow while the device lets go must stay below the limit. That bound
never asks for torque the other way.

**Doubt.** The limits come nearer by k standard deviations of angle and load. Where a sensor or the
estimator is not to be believed the wish is 0; where the sensors of the motion are not, the torque
goes to 0 at the device's rate, for nothing is known to brake against.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.envs.assist.limits import Limits
from bioenv.envs.assist.sensors import Estimate, Readings
from bioenv.errors import BioenvError

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


_MAY_BE_ZERO = (
    "angle_margin", "speed_margin", "push_margin", "push_speed", "deviations", "contact_arm",
    "contact_least", "heel_share",
)  # fmt: skip


class Filtered(NamedTuple):
    """What the filter decided, (B, joints) each; N*m, dorsiflexion positive.

    torque: to be applied. lower, upper: the interval it was projected on. changed: whether that is
    not what was asked. fallback: whether the wish was set aside since something is not to be
    believed.
    """

    torque: Array
    lower: Array
    upper: Array
    changed: Flags
    fallback: Flags


@dataclass(frozen=True)
class SafetyFilter:
    """Settings of the filter; call it once a sample with arrays (B, joints).

    Args:
        limits: of joint and device.
        dt: s, sample time.
        inverse_inertia: 1/(kg*m^2), the greatest angular acceleration per torque: that of a foot in
            the air (walker2d_elastic 69, less with a device).
        approach: 1/s, p above; times dt below 1.
        brake: share of the excess speed that the brake takes in one sample on a free foot.
        brake_most: N*m that it takes at most. A foot that slaps down may strike within the same
            sample, and what brakes it then presses on the joint: 5 N*m add 0.03 to 0.045 body
            weights.
        contact_arm: m; the ground's force on a loaded forefoot holds at least this arm. At most
            torque_rate / unloading.
        contact_least: body weights on the forefoot from which on it counts as loaded.
        heel_share: of the heel's load that counts against the forefoot's, for it turns the foot the
            other way; the shipped feet have arms of 0.028 and 0.129 m.
        unloading: body weights per s, times ``body_weight``: how fast a foot is left by the ground.
            99.9 % of the samples of pushed walking are slower than 25.
        load_per_torque: body weights per N*m that plantarflexion torque may add to the load.
        load_growth: body weights per s by which the load may grow on its own; the stance of walking
            has 15.
        deviations: k, standard deviations of estimates by which limits come nearer.
        swing_angle: rad, dorsiflexion positive; an unloaded foot is not pushed below it.
        push_margin: rad before a limit of angle where pushes towards it end.
        angle_margin: rad before a limit of angle where the device brakes, for what a sampled
            barrier misses between samples (Breeden et al. 2022, doi 10.1109/LCSYS.2021.3076127).
        push_speed: rad/s, (plantarflexion, dorsiflexion), up to which the device may speed the
            joint up; what the ground and the person add then must fit between it and the limit.
            Walking has 4 to 6 at push-off. 0: the device lifts no foot, it only brakes.
        crash: body weights under the foot above which it does not brake plantarflexion.
        speed_margin: rad/s before the limit of speed where the device brakes.
        body_weight: N, of the person.

    Raises:
        BioenvError: a setting that is not positive, or dt too long for ``approach``.
    """

    limits: Limits = field(default_factory=Limits)
    dt: float = 1.0 / 150.0
    inverse_inertia: float = 70.0
    approach: float = 20.0
    brake: float = 1.2
    brake_most: float = 5.0
    contact_arm: float = 0.1
    contact_least: float = 0.2
    heel_share: float = 0.3
    unloading: float = 25.0
    load_per_torque: float = 0.012
    load_growth: float = 20.0
    deviations: float = 2.0
    swing_angle: float = 0.35
    push_margin: float = 0.35
    angle_margin: float = 0.035
    push_speed: tuple[float, float] = (6.0, 0.0)
    crash: float = 2.0
    speed_margin: float = 1.0
    body_weight: float = 712.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name in ("limits", "swing_angle"):
                continue
            least = float(np.min(value))
            if not (
                np.isfinite(value).all() and (least > 0.0 or (name in _MAY_BE_ZERO and not least))
            ):
                raise BioenvError(f"{name} must be a positive number, got {value!r}")
        if self.approach * self.dt >= 1.0:
            raise BioenvError(
                f"approach {self.approach:g} 1/s is too fast for samples of {self.dt:g} s: it must "
                f"be below {1.0 / self.dt:g}"
            )
        low, high = self.limits.angle
        inside = max(self.angle_margin, self.push_margin)
        if 2.0 * inside >= high - low or self.speed_margin >= self.limits.speed:
            raise BioenvError("the margins leave no room inside the limits: make them smaller")

    def __call__(
        self,
        asked: ArrayLike,
        previous: Array,
        readings: Readings,
        acceleration: Array,
        estimate: Estimate,
        trusted: Flags,
    ) -> Filtered:
        """The torque for the coming sample.

        Args:
            asked: (B, joints) N*m, anything: beyond the device, infinite, NaN (taken as 0).
            previous: (B, joints) N*m applied until now.
            readings: of the sensors.
            acceleration: (B, joints) rad/s^2, from the last two readings.
            estimate: of the load, of this instant.
            trusted: (B, joints) whether the readings may be believed (`Monitor`).
        """
        wish, fallback = self._wish(asked, estimate, trusted)
        readings = Readings(*(np.where(trusted, one, 0.0) for one in readings))
        low, high = self._motion(readings, previous, acceleration, estimate)
        cap = self._load_cap(previous, estimate)
        hard_low, hard_high = self.device_bounds(previous)
        low, high = np.where(trusted, low, -np.inf), np.where(trusted, high, np.inf)
        torque = np.maximum(wish, cap)
        torque = np.clip(torque, low, high)
        torque = np.clip(torque, hard_low, hard_high)
        lower = np.clip(np.maximum(low, cap), hard_low, hard_high)
        upper = np.clip(high, hard_low, hard_high)
        changed = ~(torque == np.asarray(asked))
        return Filtered(torque, lower, upper, changed, fallback)

    def device_bounds(self, previous: Array) -> tuple[Array, Array]:
        """(B, joints) N*m twice: what torque limit and rate leave of the coming sample."""
        step = self.limits.torque_rate * self.dt
        least, most = self.limits.torque
        inside = np.clip(previous, least, most)
        return np.maximum(inside - step, least), np.minimum(inside + step, most)

    def push(self, reserve: Array) -> Array:
        """(B, joints) N*m, the most torque towards a limit with ``reserve`` rad/s left, 0 without
        any."""
        rate, dt, b = self.limits.torque_rate, self.dt, self.inverse_inertia
        room = np.maximum(reserve, 0.0)
        most: Array = rate * (np.sqrt(dt * dt + 2.0 * room / (b * rate)) - dt)
        return most

    def brake_torque(self, reserve: Array) -> Array:
        """(B, joints) N*m <= 0, torque away from a limit where ``reserve`` rad/s is negative."""
        torque = (self.brake / (self.inverse_inertia * self.dt)) * np.minimum(reserve, 0.0)
        # no more than what can be let go in one sample: a foot that bounces is not driven on
        return np.maximum(torque, -min(self.limits.torque_rate * self.dt, self.brake_most))

    def _wish(self, asked: ArrayLike, estimate: Estimate, trusted: Flags) -> tuple[Array, Flags]:
        flag = np.asarray(estimate.flag, bool)
        flag = flag[:, None] if flag.ndim == 1 else flag
        spread = estimate.deviation + estimate.state_deviation
        sound = np.isfinite(estimate.load) & np.isfinite(spread) & (estimate.deviation >= 0.0)
        fallback = flag | ~sound | ~trusted
        wish = np.nan_to_num(np.asarray(asked, float), nan=0.0)
        return np.where(fallback, 0.0, wish), fallback

    def _motion(
        self, readings: Readings, previous: Array, acceleration: Array, estimate: Estimate
    ) -> tuple[Array, Array]:
        """(B, joints) lower and upper bound by angle and speed."""
        letting_go = self.dt + np.abs(previous) / self.limits.torque_rate
        doubt = self.deviations * np.nan_to_num(np.asarray(estimate.state_deviation), nan=0.0)
        least, most = self.limits.angle
        angle, speed = readings.angle, readings.speed
        up = most - doubt - angle, speed, np.maximum(acceleration, 0.0), letting_go
        down = angle - least - doubt, -speed, np.maximum(-acceleration, 0.0), letting_go
        # the ground bears what presses the toes down, but for what the heel's own share presses
        bears = np.clip(readings.forefoot, 0.0, 2.0 * self.body_weight)
        heel = np.maximum(readings.ground - bears, 0.0)
        arm = min(self.contact_arm, self.limits.torque_rate / (self.unloading * self.body_weight))
        spare = bears - self.heel_share * heel - self.contact_least * self.body_weight
        held = arm * np.maximum(spare, 0.0)
        free_margin = max(self.swing_angle - least, self.push_margin)
        fastest = self.limits.speed - self.speed_margin
        # a crash is not the device's to soften: its torque would only add to the load
        crash = readings.ground > self.crash * self.body_weight
        downward = np.where(crash, np.inf, fastest)
        low = -self._bound(*down, self.push_speed[0], free_margin, held, downward)
        high = self._bound(*up, self.push_speed[1], self.push_margin, 0.0, fastest)
        # a brake passes where the other side only forbids a push
        high = np.where(high >= 0.0, np.maximum(high, low), high)
        return np.where(low <= 0.0, np.minimum(low, high), low), high

    def _bound(
        self,
        room: Array,
        speed: Array,
        acceleration: Array,
        letting_go: Array,
        push_speed: float,
        free_margin: float,
        held: Array | float,
        fastest: Array | float,
    ) -> Array:
        """(B, joints) N*m, bound of the torque towards one limit, negative where it must brake.

        Args:
            room: rad to the limit.
            speed: rad/s towards it.
            acceleration: rad/s^2 towards it, 0 where it is away from it. The brake does without:
                what it would do against noise at half the sampling rate, it would do too late.
            letting_go: s until the torque of now is gone.
            push_speed: rad/s up to which it may push.
            free_margin: rad before the limit where pushing an unloaded foot ends.
            held: N*m that the ground bears.
            fastest: rad/s above which the device brakes.
        """
        ahead = np.maximum(speed + acceleration * letting_go, 0.0)  # none for moving away
        left = room - ahead * letting_go
        free = np.minimum(push_speed, self.approach * (left - free_margin)) - ahead
        loaded = np.minimum(push_speed, self.approach * (left - self.push_margin)) - ahead
        most = self.push(free) + held * np.clip(loaded / 2.0, 0.0, 1.0)
        coming = room - self.angle_margin - np.maximum(speed, 0.0) * letting_go
        reserve = np.minimum(fastest, self.approach * coming) - speed
        return np.where(reserve < 0.0, self.brake_torque(reserve), most)

    def _load_cap(self, previous: Array, estimate: Estimate) -> Array:
        """(B, joints) N*m <= 0, the strongest plantarflexion that the load allows."""
        per = self.load_per_torque
        own = estimate.load - per * np.maximum(-previous, 0.0)
        own = own + self.deviations * estimate.deviation + self.load_growth * self.dt
        room = np.nan_to_num(self.limits.load - own, nan=0.0, neginf=0.0)
        return -np.maximum(room, 0.0) / (per + self.load_growth / self.limits.torque_rate)
