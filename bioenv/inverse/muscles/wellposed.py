"""Is the redundancy problem well posed? Existence, uniqueness and stability (Hadamard 1902).

Existence: is there an activation that makes the torque? Uniqueness: how much else would make it?
Stability: how far does an error of the torque move the forces?
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.muscles.problem import Sharing, SharingProblem
from bioenv.inverse.muscles.ranges import feasible_ranges, least_missing
from bioenv.inverse.muscles.stability import noise_gain
from bioenv.inverse.muscles.static import static_optimization
from bioenv.inverse.muscles.wellposed_report import document, plain, sentences

Array = NDArray[np.float64]

REACH = 1e-4  # N*m (1-norm over coordinates): less missing torque is rounding
RANK_TOLERANCE = 1e-6  # singular values below this part of the largest count as zero
MAX_FRAMES = 400  # 80 muscles: about 2 s


@dataclass(frozen=True, eq=False)
class WellPosedness:
    """What can be said about the forces before trusting them.

    Existence, in all T frames, muscles alone without reserves:
        time (T,) s; reachable (T,) bool; missing_torque (T, k) N*m of least 2-norm;
        missing_torque_1norm (T, k) of least 1-norm. `left_out` names coordinates that no muscle
        moves or a free reserve carries; their torque is not counted.
    Uniqueness, in the judged frames `frames` (F,), every `stride`-th:
        rank, nullity (F,): of the map from activation to torque (muscles that can act), singular
        values below `rank_tolerance` of the largest being zero; lowest, highest (F, m) activation
        at unchanged torque; active (F, m) N turns these into forces.
    Stability, in the same frames, at the sharing's optimum:
        worst_gain (F,), muscle_gain (F, m) N per N*m and cornered (F,), see
        :class:`bioenv.inverse.muscles.stability.NoiseGain`.
    """

    muscles: tuple[str, ...]
    coordinates: tuple[str, ...]
    left_out: tuple[str, ...]
    time: Array
    reachable: NDArray[np.bool_]
    missing_torque: Array
    missing_torque_1norm: Array
    frames: NDArray[np.intp]
    stride: int
    rank: NDArray[np.intp]
    nullity: NDArray[np.intp]
    rank_tolerance: float
    lowest: Array
    highest: Array
    active: Array
    worst_gain: Array
    muscle_gain: Array
    cornered: NDArray[np.bool_]
    method: str
    seconds: float

    @property
    def width(self) -> Array:
        """(F, m) width of the feasible range of activation."""
        return self.highest - self.lowest

    @property
    def force_width(self) -> Array:
        """(F, m) N, width of the feasible range of force."""
        return self.width * self.active

    def summary(self) -> str:
        """A few lines for people."""
        return "\n".join(sentences(self))

    def to_json(self, path: str | Path | None = None) -> str:
        """JSON text, also written to `path` when given. Infinite values become null."""
        text = json.dumps(plain(document(self)), indent=1, allow_nan=False)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text


def wellposedness(
    problem: SharingProblem, sharing: Sharing | None = None, *, max_frames: int = MAX_FRAMES
) -> WellPosedness:
    """Judge a redundancy problem.

    Args:
        problem: T frames.
        sharing: the solution whose stability is judged, static optimization of Σa² when None. Its
            gain is that of the least Σa² with the same muscles at their bounds.
        max_frames: uniqueness and stability are judged in at most so many frames, evenly spread;
            existence is judged in all.

    Raises BioenvError for a sharing of another problem or max_frames below 1.
    """
    begin = time.perf_counter()
    if max_frames < 1:
        raise BioenvError(f"max_frames must be 1 or more, got {max_frames}")
    count = len(problem.time)
    if sharing is not None and sharing.activation.shape != problem.active.shape:
        raise BioenvError(
            f"the sharing has activations of shape {sharing.activation.shape}, the problem needs "
            f"{problem.active.shape}"
        )
    stride = max(1, -(-count // max_frames))
    frames = np.arange(0, count, stride)
    judged = problem.at(frames)
    moved = (problem.gain != 0).any(axis=(0, 2)) & np.isfinite(problem.reserve)
    reachable, missing, missing_1norm = _existence(problem, moved)
    gain = judged.gain[:, moved]
    ranges = feasible_ranges(gain, judged.demand[:, moved], problem.lower, problem.upper)
    rank, nullity = _rank(gain, problem.upper > problem.lower)
    activation = sharing.activation[frames] if sharing else static_optimization(judged).activation
    noise = noise_gain(judged, activation)
    return WellPosedness(
        muscles=problem.muscles,
        coordinates=problem.coordinates,
        left_out=tuple(np.array(problem.coordinates)[~moved].tolist()),
        time=problem.time,
        reachable=reachable,
        missing_torque=missing,
        missing_torque_1norm=missing_1norm,
        frames=frames,
        stride=stride,
        rank=rank,
        nullity=nullity,
        rank_tolerance=RANK_TOLERANCE,
        lowest=ranges.lowest,
        highest=ranges.highest,
        active=judged.active,
        worst_gain=noise.worst,
        muscle_gain=noise.muscle,
        cornered=noise.cornered,
        method=sharing.method if sharing else "static optimization",
        seconds=time.perf_counter() - begin,
    )


def _existence(
    problem: SharingProblem, moved: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], Array, Array]:
    """Which frames can be reached, and what is missing in the others by both norms."""
    by_1norm = np.zeros_like(problem.torque)
    by_1norm[:, moved] = least_missing(
        problem.gain[:, moved], problem.demand[:, moved], problem.lower, problem.upper
    )
    reachable = np.abs(by_1norm).sum(axis=1) <= REACH
    by_1norm[reachable] = 0.0
    by_2norm = np.zeros_like(by_1norm)
    short = np.flatnonzero(~reachable)
    if short.size:
        alone = replace(problem.at(short), reserve=np.where(moved, 0.0, np.inf))
        by_2norm[short] = np.where(moved, static_optimization(alone).missing_torque, 0.0)
    return reachable, by_2norm, by_1norm


def _rank(gain: Array, movable: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rank (T,) and null-space dimension (T,) of gain (T, k, m) over muscles that can act."""
    acting = (gain != 0).any(axis=1) & movable
    size = np.linalg.svd(np.where(movable, gain, 0.0), compute_uv=False)
    rank = (size > RANK_TOLERANCE * size.max(axis=1, initial=0.0, keepdims=True)).sum(axis=1)
    return rank, acting.sum(axis=1) - rank
