"""Hip, knee and ankle moments of a walking person from kinematics alone, with a band and a flag.

    found = estimate_moments(motion)          # the shipped estimator
    found["joint_torque"]                     # (T, 6) N*m, source "estimated"
    found.signals["joint_torque"].band        # (T, 6, 2) 90 %
    found.signals["joint_torque"].flag        # (T,) True: unlike everything that was learned from

`MomentEstimator` is a deep ensemble (`bioenv.learn.estimators`) over windows of one leg whose rows
hold the kinematics and what Newton says of them. It learns from measured people, from the same
people with other bends of their knees (exact by inverse dynamics), and from simulated people.
Its interval and its limit are cross-conformal over people: every person's errors are those of an
estimator that never saw the person (Barber et al. 2021, Ann Stat 49:486; Vovk 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.learn.estimators import (
    Estimator,
    Novelty,
    Plan,
    Prediction,
    Settings,
    Windows,
    conformal_factor,
    on_clock,
)
from bioenv.learn.people.features import build_of, pose_of
from bioenv.learn.people.implausible import dead, exchanged, foreign
from bioenv.learn.people.leg_data import SETTLED, TARGETS, leg_windows, simulated, varied
from bioenv.learn.people.legs import places
from bioenv.learn.people.measured_people import LEGS, RATE, SIDES, with_rates
from bioenv.motion import Motion

Array = NDArray[np.float64]

SHIPPED = "moments"
ON_THE_SPOT = 0.3  # m/s: slower is nobody's walk
STRIDES = 0.3  # rad that a thigh swings at least in walking


@dataclass(frozen=True)
class Recipe:
    """What the estimator is made of; chosen as docs/moments.md says.

    epochs: of training, without early stopping (there are too few people to spare one).
    copies: of every measured recording with other bends of the knees and sizes; bend (rad), size
    (share): their standard deviations. crowds: the simulated people count as so many measured
    ones (0: none).
    """

    members: int = 5
    hidden: int = 64
    layers: int = 2
    dropout: float = 0.2
    epochs: int = 8
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    copies: int = 4
    bend: float = float(np.radians(4.0))
    size: float = 0.06
    crowds: int = 4
    most_windows: int = 1500
    """Measured windows of one person: 54 strides of one count no more than they must."""


class MomentEstimator:
    """Learn moments of legs from measured people and simulated ones.

    Args:
        recipe: see `Recipe`. seed: of copies, weights and batches.

    Learned: estimator_: the `Estimator`.
    """

    def __init__(self, recipe: Recipe | None = None, seed: int = 0) -> None:
        self.recipe, self.seed = recipe or Recipe(), seed

    def fit(self, people: Sequence[Motion], population: Path | None = None) -> Self:
        """Learn from recordings of measured people and from the simulated population."""
        recipe = self.recipe
        parts = self._people(people)
        if recipe.crowds:
            parts.append(simulated(
                bend=recipe.bend, seed=self.seed, every=8, crowds=recipe.crowds,
                path=population,
            ))  # fmt: skip
        windows = Windows.join(parts)
        judge = np.arange(len(windows)) % 20 == 0  # only to have a loss to look at
        plan = Plan(
            epochs=recipe.epochs, patience=recipe.epochs, learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
        )  # fmt: skip
        settings = Settings(
            "plain", hidden=recipe.hidden, layers=recipe.layers, dropout=recipe.dropout
        )
        self.estimator_ = Estimator(
            settings, members=recipe.members, seed=self.seed, plan=plan, novelty=Novelty()
        )
        self.estimator_.fit(windows, windows.take(judge))
        return self

    def _people(self, people: Sequence[Motion]) -> list[Windows]:
        if not people:
            return []
        found = [thinned(leg_windows(one), self.recipe.most_windows) for one in people]
        if self.recipe.copies:
            # Fifteen seconds of anybody are enough to be varied.
            short = [one.between(one.time[0], one.time[0] + 15.0) for one in people]
            copies = varied(
                short, self.recipe.copies, self.recipe.bend, self.recipe.size, self.seed, 2
            )
            found += [
                thinned(copies.take(copies.recording == name), self.recipe.most_windows // 4)
                for name in np.unique(copies.recording)
            ]
        return found

    def predict(self, windows: Windows) -> Prediction:
        """Moments N*m/kg of windows of legs, with interval, novelty and flag."""
        return self.estimator_.predict(windows)

    def calibrate(self, left_out: Sequence[tuple[Prediction, Windows]]) -> Self:
        """Interval and limit from people each of whom was left out of an estimator like this one.

        left_out: what such an estimator said of the person's windows, and the windows. Every person
        counts the same.
        """
        factor, limit = cross_conformal(left_out, self.estimator_)
        self.estimator_.factor_ = factor
        self.estimator_.novelty.limit_ = self.estimator_.novelty.limit_ * limit
        return self

    def save(self, folder: str | Path, card: dict[str, Any]) -> Path:
        """Write the estimator's files; the recipe and the seed stand on the card."""
        return self.estimator_.save(
            folder, {**card, "recipe": asdict(self.recipe), "seed": self.seed}
        )


def thinned(windows: Windows, most: int) -> Windows:
    """At most `most` of the windows, evenly."""
    if len(windows) <= most:
        return windows
    return windows.take(np.linspace(0, len(windows) - 1, most).astype(int))


def cross_conformal(
    left_out: Sequence[tuple[Prediction, Windows]], estimator: Estimator
) -> tuple[Array, float]:
    """Factor (H, O) of the interval, and of the limit of novelty, from people left out.

    Errors over the deviations that went with them, each person with the same weight; the limit
    leaves the share `Novelty.usual` of the left-out people's windows below it.
    """
    if len(left_out) < 2:
        raise BioenvError(f"an interval for unseen people needs two or more, got {len(left_out)}")
    error = np.concatenate([w.targets - p.mean for p, w in left_out])
    deviation = np.concatenate([np.sqrt(p.total) for p, _ in left_out])
    weight = np.concatenate([np.full(len(w), 1.0 / len(w)) for _, w in left_out])
    factor = conformal_factor(error, deviation, estimator.level, weight)
    novelty = np.concatenate([p.novelty for p, _ in left_out])
    order = np.argsort(novelty)
    share = np.cumsum(weight[order]) / weight.sum()
    return factor, float(novelty[order][np.searchsorted(share, estimator.novelty.usual)])


def estimate_moments(motion: Motion, estimator: Estimator | None = None) -> Motion:
    """The motion with joint_torque N*m of hip, knee and ankle of both legs, a band and a flag.

    Args:
        motion: with qpos of the pelvis (pelvis_tx, pelvis_tz, pelvis_tilt) and both legs
            (hip_flexion, knee_angle, ankle_angle with _r and _l), and lumbar_extension where known;
            meta mass_kg, and thigh_m and shank_m or height_m. Somebody who walks on the spot is
            taken to be on a treadmill; its speed comes from meta belt_speed (m/s), else from the
            foot that stands.
        estimator: default: the shipped one.

    Returns:
        The motion at 100 Hz (resampled when it has another rate), without its first and last 0.2 s;
        qpos low-passed at 6 Hz. Flagged samples are unlike what was learned from; their band is
        wider, and nothing is promised. meta: estimate_notes, estimate_flagged (share).

    Raises BioenvError for missing coordinates, mass or lengths, and less than 0.4 s.
    """
    if not motion.meta.get("mass_kg"):
        raise BioenvError("the motion does not say the body's mass: motion.with_meta(mass_kg=70.0)")
    estimator = estimator or Estimator.load(SHIPPED)
    motion, notes = _prepared(motion)
    legs = [leg_windows(_plain(motion), sides=(side,)) for side in SIDES]
    found = [estimator.predict(one) for one in legs]
    mass = float(motion.meta["mass_kg"])
    kept = motion.between(*(motion.time[[SETTLED, -SETTLED - 1]] + np.array([-1e-6, 1e-6])))
    flag, worst = found[0].flag | found[1].flag, np.ones(len(kept))
    for words, score in (
        ("left and right seem to be exchanged: the pelvis turns against the legs", exchanged(kept)),
        ("a joint of the legs stands still as if it was not measured", dead(kept)),
        ("the body is smaller or taller than the people learned from", foreign(kept)),
    ):
        if (score > 1.0).any():
            notes += (f"{words}, in {100 * (score > 1.0).mean():.0f} % of the samples",)
            flag, worst = flag | (score > 1.0), np.maximum(worst, score)
    mean, low, high = (
        mass * np.hstack([getattr(one, name)[:, 0] for one in found])
        for name in ("mean", "lower", "upper")
    )
    half = (high - low) / 2 * worst[:, None]
    return kept.add(
        "joint_torque", mean, labels=LEGS, source="estimated",
        band=np.stack([mean - half, mean + half], axis=-1), flag=flag,
    ).with_meta(estimate_notes=list(notes), estimate_flagged=float(flag.mean()))  # fmt: skip


def _prepared(motion: Motion) -> tuple[Motion, tuple[str, ...]]:
    """On the estimator's clock, low-passed, with rates; and what was done."""
    if len(motion) < 2 or motion.duration < 2 * SETTLED / RATE:
        raise BioenvError(
            f"the motion lasts {motion.duration:.2f} s; moments need more than "
            f"{2 * SETTLED / RATE:g} s"
        )
    motion, notes = on_clock(motion, RATE)
    if "qpos" in motion:
        motion = with_rates(motion)
        belt = belt_speed(motion)
        if belt:
            motion = _overground(motion, belt)
            notes += (f"walks on the spot: on a treadmill of {belt:.2f} m/s",)
    return motion, notes


def belt_speed(motion: Motion) -> float:
    """Speed of the treadmill somebody walks on, m/s; 0 for a person who gets ahead, or stands.

    meta belt_speed, else how fast the lower foot's toe goes back (median over the motion).
    """
    build = build_of(motion)
    pose = pose_of(motion, build)
    ahead = (pose.hip[-1, 0] - pose.hip[0, 0]) / motion.duration
    if abs(ahead) > ON_THE_SPOT or np.ptp(pose.thigh[:, 0]) < STRIDES:
        return 0.0
    if motion.meta.get("belt_speed"):
        return float(motion.meta["belt_speed"])
    joint, sole = places(pose, build)
    toe = np.gradient(sole[:, :, 1, 0], motion.time, axis=0)
    low = joint[:, :, 2, 1].argmin(axis=1)
    return max(0.0, float(-np.median(np.take_along_axis(toe, low[:, None], axis=1))))


def _overground(motion: Motion, belt: float) -> Motion:
    q, labels = motion["qpos"].copy(), motion.labels("qpos")
    q[:, labels.index("pelvis_tx")] += belt * (motion.time - motion.time[0])
    return with_rates(motion.add("qpos", q, labels=labels, source="computed"))


def _plain(motion: Motion) -> Motion:
    """Without moments and without spans: every frame is to be estimated."""
    signals = {n: s for n, s in motion.signals.items() if n == "qpos"}
    meta = {k: v for k, v in motion.meta.items() if k not in ("trusted", "strikes")}
    return replace(motion, signals=signals, meta=meta)


__all__ = ["TARGETS", "MomentEstimator", "Recipe", "cross_conformal", "estimate_moments"]
