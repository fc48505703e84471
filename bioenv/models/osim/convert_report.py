"""What a conversion kept and changed, in figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.models.frames import Frames
from bioenv.models.osim.convert_poses import Poses, full_qpos, full_slopes
from bioenv.models.osim.convert_skeleton import Follower
from bioenv.motion_io import write_atomically

Array = NDArray[np.float64]

# What most of a muscle's path should keep to, m: half of its errors, and 95 % of them.
MEDIAN_TARGET, MOST_TARGET = 5e-4, 2e-3


@dataclass(frozen=True)
class PathError:
    """Median, 95th percentile and largest distance from the file's exact value, m."""

    median: float
    most: float
    largest: float

    @staticmethod
    def of(errors: Array) -> PathError:
        """Of errors of any sign, m; zeros for none."""
        if not errors.size:
            return PathError(0.0, 0.0, 0.0)
        size = np.abs(errors)
        return PathError(*(float(np.percentile(size, share)) for share in (50, 95, 100)))


@dataclass(frozen=True)
class MuscleReport:
    """One muscle: where its path comes from and how far it errs, and what became of its tendon.

    path: "points" (the file's points), "wrap" (points and a wrap of MuJoCo's) or "fitted".
    moment_arm: by coordinate. slack m, in the file and here; fibers: 10th and 90th percentile of
    the fiber length over the poses, in optimal lengths, with the file's slack.
    """

    name: str
    path: str
    length: PathError
    moment_arm: dict[str, PathError]
    slack_in_file: float
    slack: float
    fibers: tuple[float, float]

    @property
    def exceptional(self) -> bool:
        """Whether the path errs more than the targets allow."""
        all_errors = [self.length, *self.moment_arm.values()]
        return any(e.median > MEDIAN_TARGET or e.most > MOST_TARGET for e in all_errors)


@dataclass(frozen=True)
class ConversionReport:
    """What a conversion kept and changed; `to_json` is the content of conversion.json.

    length, moment_arm: errors over all muscles and poses of the range of motion. followers: largest
    distance of a following joint from the file's function, m or rad. springs N*m/rad by joint.
    """

    source: str
    model: str
    mass: float
    coordinates: tuple[str, ...]
    ranges: dict[str, tuple[float, float]]
    poses: int
    length: PathError
    moment_arm: PathError
    muscles: tuple[MuscleReport, ...]
    followers: dict[str, float]
    springs: dict[str, float]
    feet: dict[str, list[str]]
    notes: tuple[str, ...]
    credits: str
    seconds: float
    rules: tuple[str, ...] = field(default=())

    @property
    def exceptions(self) -> tuple[str, ...]:
        """Muscles whose path errs more than the targets allow."""
        return tuple(muscle.name for muscle in self.muscles if muscle.exceptional)

    def to_json(self) -> str:
        """All figures; lengths in m, angles in rad, forces in N."""
        content = asdict(self) | {"exceptions": self.exceptions}
        return json.dumps(content, indent=1) + "\n"

    def write(self, path: Path) -> Path:
        """Write conversion.json, whole or not at all."""
        return write_atomically(path, self.to_json().encode())

    def summary(self) -> str:
        """A few lines for the terminal."""
        kinds = [muscle.path for muscle in self.muscles]
        made = ", ".join(f"{kinds.count(k)} {k}" for k in dict.fromkeys(kinds))
        moved = [m.name for m in self.muscles if m.slack != m.slack_in_file]
        lines = [
            f"{self.model}: {self.mass:.1f} kg, {len(self.coordinates)} coordinates, "
            f"{len(self.muscles)} muscles ({made}) in {self.seconds:.0f} s",
            f"over {self.poses} poses of the range of motion, median and 95th percentile: "
            f"length {_mm(self.length)}, moment arm {_mm(self.moment_arm)} mm",
        ]
        if self.exceptions:
            lines.append(f"beyond {MEDIAN_TARGET * 1e3:g} / {MOST_TARGET * 1e3:g} mm: "
                         + ", ".join(self.exceptions))  # fmt: skip
        if moved:
            lines.append(f"tendon slack recalibrated for rigid tendons: {', '.join(moved)}")
        if self.springs:
            lines.append(f"held by springs, as no muscle moves them: {', '.join(self.springs)}")
        return "\n".join([*lines, *self.notes])


def _mm(error: PathError) -> str:
    return f"{error.median * 1e3:.2f} / {error.most * 1e3:.2f}"


class Measured:
    """Lengths and moment arms of a compiled model, against the file's in the same poses.

    length (N, m) errors m; arm: per muscle, leader's index -> (N,) errors m.
    """

    def __init__(
        self,
        mj: mujoco.MjModel,
        poses: Poses,
        followers: Sequence[Follower],
        muscles: Sequence[tuple[int, str]],
    ) -> None:
        qpos = full_qpos(mj, poses.leaders, followers, poses.leader)
        slopes = full_slopes(mj, poses.leaders, followers, poses.leader)
        rows = [index for index, _ in muscles]
        tendons = [int(mj.tendon(f"{name}_tendon").id) for _, name in muscles]
        length = np.empty((len(qpos), len(tendons)))
        arm = np.empty((len(qpos), len(tendons), slopes.shape[2]))
        for part, batch, ids in Frames(mj, qpos, None, ("ten_length", "ten_J")):
            length[part] = batch.bind("ten_length")[ids][:, tendons]
            dense = _dense(mj, batch.bind("ten_J")[ids])
            arm[part] = -dense[:, tendons] @ slopes[part]
        self.length = length - poses.length[:, rows]
        errors = arm - poses.arm[:, rows]
        self.arm = [{k: errors[:, i, k] for k in poses.touched(row)} for i, row in enumerate(rows)]


def _dense(mj: mujoco.MjModel, values: Array) -> Array:
    """(n, ntendon, nv) derivatives of tendon lengths from MuJoCo's sparse rows (n, nnz)."""
    out = np.zeros((len(values), mj.ntendon, mj.nv))
    for tendon, (start, count) in enumerate(zip(mj.ten_J_rowadr, mj.ten_J_rownnz, strict=True)):
        entries = slice(start, start + count)
        out[:, tendon, mj.ten_J_colind[entries]] = values[:, entries]
    return out
