"""Windows: pieces of Motions of one length and rate, with what is to be estimated from each.

    windows = cut(motion, inputs, targets, length=25, rate=100.0, offsets_s=(0.0, 0.25))
    train, test = by_subject(Windows.join([...]), ["uhlrich2022"])

A window knows whose it is, from which recording and which stride, so that training and test data
can be kept apart: windows of one recording that share samples never stand on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.lab.filters import sampling_rate
from bioenv.lab.resample import resample
from bioenv.learn.estimators.columns import read, units
from bioenv.motion import Motion

Array = NDArray[np.float64]

SAME_RATE = 1e-3  # relative difference of rates that counts as none
_ROWS = ("inputs", "targets", "subject", "recording", "stride", "time")


@dataclass(frozen=True, eq=False)
class Windows:
    """N windows of L samples, and O targets at H instants of each.

    Attributes:
        inputs: (N, L, I). targets: (N, H, O), NaN where nothing is known to compare with.
        input_names, target_names: columns, see `columns`. input_units, target_units.
        rate: Hz. offsets_s: (H,) s from the last input sample to each target.
        subject, recording: (N,) names. stride: (N,) number within the recording, -1 unknown.
        time: (N,) s of the last input sample, on its recording's clock.

    Raises BioenvError for arrays that do not fit each other.
    """

    inputs: Array
    targets: Array
    input_names: tuple[str, ...]
    target_names: tuple[str, ...]
    input_units: tuple[str, ...]
    target_units: tuple[str, ...]
    rate: float
    offsets_s: tuple[float, ...]
    subject: NDArray[np.str_]
    recording: NDArray[np.str_]
    stride: NDArray[np.int64]
    time: Array

    def __post_init__(self) -> None:
        n = len(self.inputs)
        shape = (n, len(self.offsets_s), len(self.target_names))
        if self.inputs.ndim != 3 or self.inputs.shape[2] != len(self.input_names):
            raise BioenvError(
                f"inputs must be (N, L, {len(self.input_names)}), got {self.inputs.shape}"
            )
        if self.targets.shape != shape:
            raise BioenvError(f"targets must be {shape}, got {self.targets.shape}")
        for name in _ROWS[2:]:
            if getattr(self, name).shape != (n,):
                raise BioenvError(f"{name} must be ({n},), got {getattr(self, name).shape}")

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def length(self) -> int:
        """Samples of a window."""
        return self.inputs.shape[1]

    def take(self, which: ArrayLike) -> Windows:
        """The windows of a mask (N,) or of indices, in their order."""
        index = np.asarray(which)
        rows: dict[str, Any] = {name: getattr(self, name)[index] for name in _ROWS}
        return replace(self, **rows)

    @staticmethod
    def join(parts: Sequence[Windows]) -> Windows:
        """All windows of parts that agree in columns, length, rate and offsets.

        Raises BioenvError naming what differs.
        """
        if not parts:
            raise BioenvError("there are no windows to join")
        first = parts[0]
        for part in parts[1:]:
            for one in fields(Windows):
                if one.name in _ROWS:
                    continue
                if getattr(first, one.name) != getattr(part, one.name):
                    raise BioenvError(
                        f"windows differ in {one.name}: {getattr(first, one.name)} and "
                        f"{getattr(part, one.name)}"
                    )
            if part.length != first.length:
                raise BioenvError(f"windows differ in length: {first.length} and {part.length}")
        rows: dict[str, Any] = {
            name: np.concatenate([getattr(one, name) for one in parts]) for name in _ROWS
        }
        return replace(first, **rows)


def at_rate(motion: Motion, rate: float) -> Motion:
    """The motion on a clock of `rate` Hz: low-passed where it gets slower (`bioenv.lab.resample`).

    Channels with gaps (centers of pressure, markers, missing electrodes) are left out where they
    have any. The motion's `meta` keeps the rate it had as resampled_from_hz.
    """
    old = sampling_rate(motion.time)
    if abs(rate / old - 1) < SAME_RATE:
        return motion
    kept = {n: s for n, s in motion.signals.items() if np.isfinite(s.values).all()}
    found = {n: resample(motion.time, s.values, rate, remove=True) for n, s in kept.items()}
    if not found:
        raise BioenvError("the motion has no channel without gaps to resample")
    moved = Motion(next(iter(found.values())).time, model=motion.model, meta=motion.meta)
    for name, one in found.items():
        signal = kept[name]
        moved = moved.add(name, one.values, labels=signal.labels, source=signal.source)
    return moved.with_meta(resampled_from_hz=old)


def on_clock(motion: Motion, rate: float) -> tuple[Motion, tuple[str, ...]]:
    """`at_rate`, and a note that says so where the motion had another rate."""
    moved = at_rate(motion, rate)
    if moved is motion:
        return motion, ()
    old = float(moved.meta["resampled_from_hz"])
    lost = [name for name in motion.signals if name not in moved]
    without = f", without {', '.join(lost)} (gaps)" if lost else ""
    return moved, (f"resampled from {old:.4g} to {rate:.4g} Hz{without}",)


def cut(
    motion: Motion,
    inputs: Sequence[str],
    targets: Sequence[str],
    *,
    length: int,
    rate: float,
    offsets_s: Sequence[float] = (0.0,),
    every: int = 1,
    subject: str = "",
    recording: str = "",
    strikes: ArrayLike = (),
    trusted: ArrayLike | None = None,
) -> Windows:
    """All windows of a motion; those with a gap in the inputs, or without any target, are left out.

    Args:
        inputs, targets: columns. targets () gives windows to estimate from.
        length: samples. rate: Hz the motion must have; `at_rate` brings it there.
        offsets_s: instants of the targets, s after the last input sample (negative: before it),
            whole samples.
        every: samples from one window to the next.
        subject, recording: names; the motion's `meta` ("subject", "recording") where empty.
        strikes: instants (k,) s that begin strides; they number the windows by their last sample.
        trusted: (T,) samples whose targets count (a foot on a plate); NaN is written elsewhere.

    Raises BioenvError for another rate, too short a motion, missing columns.
    """
    _check_rate(motion, rate)
    ahead = np.rint(np.asarray(offsets_s, dtype=np.float64) * rate).astype(np.int64)
    if not np.allclose(ahead / rate, offsets_s, atol=1e-9):
        raise BioenvError(f"offsets_s {tuple(offsets_s)} must be whole samples of {rate:g} Hz")
    first = max(length - 1, -int(ahead.min(initial=0)))
    last = len(motion) - 1 - max(0, int(ahead.max(initial=0)))
    if length < 1 or last < first:
        raise BioenvError(
            f"the motion has {len(motion)} samples at {rate:g} Hz; a window of {length} with "
            f"targets at {tuple(offsets_s)} s needs {first + 1 + len(motion) - 1 - last}"
        )
    ends = np.arange(first, last + 1, every)
    seen = sliding_window_view(read(motion, inputs), length, axis=0)[ends - length + 1]
    wanted = _targets(motion, targets, trusted)[ends[:, None] + ahead]
    who = subject or str(motion.meta.get("subject", "unknown"))
    starts = np.asarray(strikes, dtype=np.float64)
    found = Windows(
        np.ascontiguousarray(np.swapaxes(seen, 1, 2)), wanted, tuple(inputs), tuple(targets),
        units(inputs), units(targets), float(rate), tuple(float(one) for one in offsets_s),
        np.full(len(ends), who), np.full(len(ends), recording or motion.meta.get("recording", who)),
        np.searchsorted(starts, motion.time[ends], side="right") - 1, motion.time[ends],
    )  # fmt: skip
    whole = np.isfinite(found.inputs).all(axis=(1, 2))
    known = np.isfinite(found.targets).any(axis=(1, 2)) if targets else np.ones_like(whole)
    return found.take(whole & known)


def by_subject(windows: Windows, held_out: Sequence[str]) -> tuple[Windows, Windows]:
    """Windows of all other people, and of those held out. Raises BioenvError for an unknown one."""
    present = sorted(set(windows.subject.tolist()))
    for one in held_out:
        if one not in present:
            raise unknown("subject", one, present)
    out = np.isin(windows.subject, list(held_out))
    return windows.take(~out), windows.take(out)


def by_stride(
    windows: Windows, share: float, seed: int = 0, blocks: int = 3
) -> tuple[Windows, Windows]:
    """Training windows, and those of a share of every recording's strides, held out in blocks.

    Strides that follow each other are alike, so whole blocks are held out. Training windows that
    share a sample, input or target, with a held-out window of their recording are dropped.

    Raises BioenvError for strides without numbers, or a share that leaves one side empty.
    """
    if (windows.stride < 0).all():
        raise BioenvError("windows have no stride numbers; give strikes=... to cut()")
    rng = np.random.default_rng(seed)
    out = np.zeros(len(windows), dtype=bool)
    for name in sorted(set(windows.recording.tolist())):
        mine = windows.recording == name
        numbers = np.unique(windows.stride[mine & (windows.stride >= 0)])
        chosen = _blocks(numbers, share, blocks, rng)
        out |= mine & np.isin(windows.stride, chosen)
    kept = ~out & ~_touching(windows, out)
    if not out.any() or not kept.any():
        raise BioenvError(
            f"a share of {share:g} of {len(np.unique(windows.stride))} strides leaves "
            f"{kept.sum()} windows to train and {out.sum()} to test; both are needed"
        )
    return windows.take(kept), windows.take(out)


def _check_rate(motion: Motion, rate: float) -> None:
    if len(motion) < 2:
        raise BioenvError("a motion of one sample has no rate; a window needs more")
    found = sampling_rate(motion.time)
    if abs(found / rate - 1) > SAME_RATE:
        raise BioenvError(
            f"the motion has {found:.6g} Hz, the windows {rate:g} Hz; resample it: "
            f"bioenv.learn.estimators.at_rate(motion, {rate:g})"
        )


def _targets(motion: Motion, names: Sequence[str], trusted: ArrayLike | None) -> Array:
    """(T, O) targets with NaN where they do not count."""
    if not names:
        return np.empty((len(motion), 0))
    values = read(motion, names)
    if trusted is not None:
        values = np.where(np.asarray(trusted, dtype=bool)[:, None], values, np.nan)
    return values


def _blocks(
    numbers: NDArray[np.int64], share: float, blocks: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """About a share of stride numbers (k,), in runs, one in each of equal parts of the record."""
    count = round(share * len(numbers))
    blocks = max(1, min(blocks, count))
    found: list[NDArray[np.int64]] = []
    for part, size in zip(
        np.array_split(numbers, blocks),
        (len(one) for one in np.array_split(np.arange(count), blocks)),
        strict=True,
    ):
        start = int(rng.integers(0, max(1, len(part) - size + 1)))
        found.append(part[start : start + size])
    return np.concatenate(found)


def _touching(windows: Windows, out: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) whether a window shares an instant with a held-out window of its recording."""
    before = (windows.length - 1) / windows.rate - min(0.0, *windows.offsets_s, 0.0)
    width = before + max(0.0, *windows.offsets_s, 0.0)
    found = np.zeros(len(windows), dtype=bool)
    for name in sorted(set(windows.recording[out].tolist())):
        mine = np.flatnonzero(windows.recording == name)
        times = np.sort(windows.time[mine[out[mine]]])
        after = np.searchsorted(times, windows.time[mine])
        left = windows.time[mine] - times[np.maximum(after - 1, 0)]
        right = times[np.minimum(after, len(times) - 1)] - windows.time[mine]
        gap = np.minimum(np.abs(left), np.abs(right))
        found[mine] = gap <= width + 1e-9
    return found
