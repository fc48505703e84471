"""The well-posedness report in words and as a JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bioenv.inverse.muscles.wellposed import WellPosedness

Array = NDArray[np.float64]


def sentences(report: WellPosedness) -> list[str]:
    """A few lines for people."""
    short = np.flatnonzero(~report.reachable)
    lines = [f"existence: muscles alone reach the torque in all {len(report.time)} frames"]
    if short.size:
        size = np.abs(report.missing_torque[short])
        frame, coordinate = np.unravel_index(np.argmax(size), size.shape)
        lines = [
            f"existence: muscles alone miss the torque in {short.size} of {len(report.time)} "
            f"frames, most {size.max():.3g} N*m at {report.coordinates[coordinate]}, "
            f"{report.time[short[frame]]:.3f} s"
        ]
    if report.left_out:
        lines.append(f"  without a muscle or with a free reserve: {', '.join(report.left_out)}")
    width = report.width.mean(axis=0)
    tight, wide = int(np.argmin(width)), int(np.argmax(width))
    lines += [
        f"uniqueness: {_span(report.nullity)} dimensions of activation leave every torque as it "
        f"is; an activation could differ by {width.mean():.2f} on average "
        f"({report.muscles[tight]} {width[tight]:.2f} … {report.muscles[wide]} {width[wide]:.2f})",
        f"stability: 1 N*m of torque error moves the forces of {report.method} by at most "
        f"{_middle(report.worst_gain):.3g} N in the median frame, {report.worst_gain.max():.3g} N "
        f"in the worst ({report.time[report.frames[np.argmax(report.worst_gain)]]:.3f} s)",
    ]
    if report.cornered.any():
        lines.append(
            f"  in {int(report.cornered.sum())} frames too few muscles are off their bounds to "
            "follow the torque in every direction"
        )
    if report.stride > 1:
        lines.append(f"  uniqueness and stability judged in one frame out of {report.stride}")
    return lines


def document(report: WellPosedness) -> dict[str, Any]:
    """Nested plain values. Torques N*m (N of a sliding coordinate), forces N, gains N per N*m."""
    return {
        "existence": _existence(report),
        "uniqueness": _uniqueness(report),
        "stability": _stability(report),
        "seconds": round(report.seconds, 3),
    }


def plain(value: Any) -> Any:
    """`value` without NumPy types; numbers that JSON does not have become null."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(one) for one in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def _existence(report: WellPosedness) -> dict[str, Any]:
    def named(row: Array) -> dict[str, float]:
        return dict(zip(report.coordinates, row, strict=True))

    return {
        "frames": len(report.time),
        "unreachable": int((~report.reachable).sum()),
        "left_out": report.left_out,
        "missing_torque_peak": named(np.abs(report.missing_torque).max(axis=0)),
        "missing_torque": [
            {
                "time": report.time[frame],
                "least_2norm": named(report.missing_torque[frame]),
                "least_1norm": named(report.missing_torque_1norm[frame]),
            }
            for frame in np.flatnonzero(~report.reachable)
        ],
    }


def _uniqueness(report: WellPosedness) -> dict[str, Any]:
    columns = {
        "mean_lowest_activation": report.lowest.mean(axis=0),
        "mean_highest_activation": report.highest.mean(axis=0),
        "mean_width": report.width.mean(axis=0),
        "least_width": report.width.min(axis=0),
        "mean_force_width": report.force_width.mean(axis=0),
    }
    return {
        "judged_frames": len(report.frames),
        "stride": report.stride,
        "rank": [report.rank.min(), report.rank.max()],
        "nullity": [report.nullity.min(), report.nullity.max()],
        "rank_tolerance": report.rank_tolerance,
        "mean_width": report.width.mean(),
        "muscles": _by_muscle(report, columns),
    }


def _stability(report: WellPosedness) -> dict[str, Any]:
    columns = {
        "rms_gain": np.sqrt((report.muscle_gain**2).mean(axis=0)),
        "peak_gain": report.muscle_gain.max(axis=0),
    }
    return {
        "sharing": report.method,
        "judged_frames": len(report.frames),
        "worst_gain_median": _middle(report.worst_gain),
        "worst_gain_peak": report.worst_gain.max(),
        "worst_gain_peak_time": report.time[report.frames[np.argmax(report.worst_gain)]],
        "cornered_frames": int(report.cornered.sum()),
        "muscles": _by_muscle(report, columns),
    }


def _by_muscle(report: WellPosedness, columns: dict[str, Array]) -> dict[str, dict[str, float]]:
    return {
        muscle: {name: values[i] for name, values in columns.items()}
        for i, muscle in enumerate(report.muscles)
    }


def _middle(values: Array) -> float:
    return float(np.median(values))


def _span(values: NDArray[np.intp]) -> str:
    low, high = values.min(), values.max()
    return f"{low}" if low == high else f"{low} to {high}"
