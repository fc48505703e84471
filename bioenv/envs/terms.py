"""Terms: plain functions of a State for rewards, terminations and success, (B,) each.

Penalties are non-negative and get a negative weight in ``Task.rewards``; scores lie in 0..1. A term
with a setting is a function that returns the term: ``terms.speed(1.3)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.envs.state import State
from bioenv.models.goals import IMPACT_THRESHOLD

Array = NDArray[np.float64]
Term = Callable[[State], Array]
Condition = Callable[[State], NDArray[np.bool_]]


def tolerance(error: ArrayLike, margin: float) -> Array:
    """Score exp(-(error/margin)^2): 1 at no error, 1/e where the error is ``margin``."""
    return np.exp(-np.square(np.asarray(error) / margin))


# ---- effort and loading


def effort(s: State) -> Array:
    """Mean squared activation, 0..1 (Crowninshield & Brand 1981 with exponent 2)."""
    a = s.activation
    return np.einsum("ij,ij->i", a, a) / a.shape[1]


def effort_cubed(s: State) -> Array:
    """Mean cubed activation, 0..1: muscle fatigue (Ackermann & van den Bogert 2010)."""
    a = s.activation
    return np.einsum("ij,ij,ij->i", a, a, a) / a.shape[1]


def metabolic(s: State) -> Array:
    """Metabolic rate of the muscles, W per kg of body (Bhargava et al. 2004), no basal rate."""
    return s.metabolic_rate.sum(axis=1) * (9.81 / s.body_weight)


def joint_load(s: State) -> Array:
    """Mean squared joint contact force in body weights squared, over the model's loaded joints."""
    f = s.joint_contact_force
    return np.einsum("bji,bji->b", f, f) / (f.shape[1] * np.square(s.body_weight))


def limit_torque(s: State) -> Array:
    """Sum of joint-limit torques in N*m: ligaments and bone at the end of the range of motion."""
    # picked columns lie across memory for more than one environment, where sums round otherwise
    return np.ascontiguousarray(s.limit_torque).sum(axis=1)


def ground_impact(threshold: float = IMPACT_THRESHOLD) -> Term:
    """Squared excess of vertical force over ``threshold`` body weights, summed over feet."""

    def term(s: State) -> Array:
        load = s.ground_reaction_force[..., 2] / s.body_weight[:, None]
        return np.square(np.maximum(load - threshold, 0.0)).sum(axis=1)

    return term


def smoothness(s: State) -> Array:
    """Mean squared change of excitation since the last control step, 0..1."""
    d = s.excitation - s.previous_excitation
    return np.einsum("ij,ij->i", d, d) / d.shape[1]


# ---- where and how fast


def speed(
    target: float | Callable[[State], Array] | None = None,
    margin: float = 0.4,
    coordinate: str = "pelvis_tx",
) -> Term:
    """Score of the forward speed against ``target`` m/s, a number or State -> (B,); the commanded
    ``goal[:, 0]`` without one."""

    def term(s: State) -> Array:
        wanted = target(s) if callable(target) else s.goal[:, 0] if target is None else target
        return tolerance(s.speed(coordinate) - wanted, margin)

    return term


def upright(coordinate: str = "pelvis_tilt", margin: float = 0.35, at: float = 0.0) -> Term:
    """Score of a segment's tilt (rad) being ``at``."""
    return lambda s: tolerance(s.coordinate(coordinate) - at, margin)


def trunk_tilt(s: State) -> Array:
    """(B,) rad, tilt of the trunk (pelvis plus lumbar) against gravity from standing, backward
    positive."""
    tilt, lumbar = (s.model.coordinate_index(n) for n in ("pelvis_tilt", "lumbar_extension"))
    standing = s.home[:, tilt] + s.home[:, lumbar]
    return s.qpos[:, tilt] + s.qpos[:, lumbar] - standing + s.slope


def on_the_way(margin: float = 0.3) -> Term:
    """Score of keeping to the line y = 0 and looking along it: sideways drift, m, and heading, rad,
    near zero together."""

    def term(s: State) -> Array:
        miss = np.hypot(s.coordinate("pelvis_ty"), s.coordinate("pelvis_rotation"))
        return tolerance(miss, margin)

    return term


def level(margin: float = 0.2) -> Term:
    """Score of pelvis and trunk being level sideways: root of the summed squares of the pelvis'
    list and the trunk's own (pelvis plus bending), rad, near zero."""

    def term(s: State) -> Array:
        pelvis = s.coordinate("pelvis_list")
        return tolerance(np.hypot(pelvis, pelvis + s.coordinate("lumbar_bending")), margin)

    return term


def feet_apart(least: float = 0.05) -> Term:
    """By how far, 0..1 of ``least`` m, the right foot's pressure is not to the right of the left
    one's while both bear: legs do not collide in the simulation, and feet must not cross."""

    def term(s: State) -> Array:
        sideways = s.center_of_pressure[:, :, 1]
        short = 1.0 - (sideways[:, 1] - sideways[:, 0]) / least
        return np.clip(np.nan_to_num(short), 0.0, 1.0)

    return term


def still(margin: float = 0.3) -> Term:
    """Score of standing still: root-mean-square of coordinate velocities (rad/s, m/s) near zero."""
    return lambda s: tolerance(np.sqrt(np.mean(np.square(s.qvel), axis=1)), margin)


def fallen(
    height: float = 0.72, tilt: float = 0.7, turn: float = 1.2
) -> Callable[[State], NDArray[np.bool_]]:
    """Termination: pelvis below the share ``height`` of standing, trunk beyond ``tilt`` rad in any
    direction, or, in three dimensions, turned from the way by ``turn`` rad."""

    def term(s: State) -> NDArray[np.bool_]:
        standing = s.home[:, s.model.coordinate_index("pelvis_tz")]
        over = s.coordinate("pelvis_tz") < height * standing
        over |= (np.abs(s.coordinate("pelvis_tilt")) > tilt) | (np.abs(trunk_tilt(s)) > tilt)
        for name, most in (("pelvis_list", tilt), ("pelvis_rotation", turn)):
            if name in s.model.coordinates:
                over |= np.abs(s.coordinate(name)) > most
        return over

    return term


def mean_speed_within(share: float = 0.15) -> Callable[[State], NDArray[np.bool_]]:
    """Success: mean speed since the start within ``share`` of the commanded ``goal[:, 0]`` m/s.

    It counts distance made, so that standing, falling and kicking on the spot score nothing.
    """

    def term(s: State) -> NDArray[np.bool_]:
        i = s.model.coordinate_index("pelvis_tx")
        mean = (s.qpos[:, i] - s.start_qpos[:, i]) / np.maximum(s.time, 0.5)
        return np.abs(mean - s.goal[:, 0]) <= share * s.goal[:, 0]

    return term


def stepping(duty: float | Callable[[Array], Array] = 0.62, bearing: float = 0.3) -> Term:
    """Score 0..1 of stepping in time with the gait clock (after Siekmann et al. 2021,
    doi 10.1109/ICRA48506.2021.9561814): a foot in swing bears nothing, a foot in stance bears at
    least ``bearing`` body weights. ``duty`` is the share of stance, or a function of the goal
    (B, k) -> (B,); the right foot's begins at phase 0, the left one's at 0.5.
    """

    def term(s: State) -> Array:
        load = s.ground_reaction_force[..., 2] / s.body_weight[:, None]
        share = duty(s.goal)[:, None] if callable(duty) else duty
        stance = (s.phase[:, None] + [0.0, 0.5]) % 1.0 < share
        missing = np.maximum(1.0 - load / bearing, 0.0)
        wrong = np.where(stance, missing, np.minimum(load / bearing, 1.0))
        return 1.0 - wrong.mean(axis=1)

    return term


# ---- following a reference


def imitation(
    pose: Callable[[State], Array], columns: Mapping[str, float], margin: float = 0.2
) -> Term:
    """Score of following a reference pose.

    Args:
        pose: State -> (B, nq) reference coordinates, rad.
        columns: coordinate name -> weight; only these are compared.
        margin: rad; weighted root-mean-square error that scores 1/e.
    """
    weight = np.array(list(columns.values()))
    weight = weight / weight.sum()

    def term(s: State) -> Array:
        index = [s.model.coordinate_index(name) for name in columns]
        miss = s.qpos[:, index] - pose(s)[:, index]
        return np.exp(-np.einsum("ij,ij,j->i", miss, miss, weight) / margin**2)

    return term


def activations_near(wanted: Callable[[State], Array], margin: float = 0.25) -> Term:
    """Score of the muscles' activations following ``wanted`` (B, nm), root-mean-square."""

    def term(s: State) -> Array:
        square = np.mean(np.square(s.activation - wanted(s)), axis=1)
        return tolerance(np.sqrt(square), margin)

    return term


def vertical_force_near(wanted: Callable[[State], Array], margin: float = 0.25) -> Term:
    """Score of every foot's vertical force following ``wanted`` (B, feet) body weights, mean."""

    def term(s: State) -> Array:
        load = s.ground_reaction_force[..., 2] / s.body_weight[:, None]
        return tolerance(np.abs(load - wanted(s)).mean(axis=1), margin)

    return term
