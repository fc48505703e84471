"""Watching a solve: progress lines, a stop on request, and the last iterate on disk."""

from __future__ import annotations

import io
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import casadi as ca
import numpy as np
from numpy.typing import NDArray

from bioenv.agents.atomic import write_bytes
from bioenv.agents.trajopt.guess import Trajectory
from bioenv.agents.trajopt.transcription import Transcription
from bioenv.errors import BioenvError

Array = NDArray[np.float64]

LAST_ITERATE = "last_iterate.npz"
_LINE_S, _STORE_S = 0.5, 3.0  # wall seconds between lines, and between stored iterates
_NAMES = ("q", "v", "a", "act", "rate", "duration")
_EMPTY = np.zeros(0)


@dataclass(frozen=True, eq=False)
class Iterate:
    """Where a solve is, and where another one may go on.

    Attributes:
        left: stages that are not finished; the last ones of the recipe. At least 1.
        status: "running", or that of the last stage.
        multipliers (ng,), bound_multipliers (size,): of the first of these stages' program, scaled;
            empty when that stage has not begun.
    """

    trajectory: Trajectory
    left: int = 1
    status: str = ""
    multipliers: Array = field(default_factory=lambda: _EMPTY)
    bound_multipliers: Array = field(default_factory=lambda: _EMPTY)


class Stop:
    """While it is entered, SIGINT and SIGTERM ask for a stop; the second one stops at once.

    A solve ends after the iteration that it is in. In a thread other than the main one nothing
    changes: Python tells it of no signal.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            for one in (signal.SIGINT, signal.SIGTERM):
                self._before[one] = signal.signal(one, self._ask)
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._restore()

    def _restore(self) -> None:
        while self._before:
            one, handler = self._before.popitem()
            signal.signal(one, handler)

    def _ask(self, _: int, __: FrameType | None) -> None:
        self.asked = True
        self._restore()


class Watch(ca.Callback):
    """IPOPT's iteration callback of one stage.

    Args:
        stage: (which, of how many), from 1.
        since: wall clock at the solve's start, s of `time.perf_counter`.
    """

    def __init__(
        self,
        made: Transcription,
        stop: Stop,
        progress: Callable[[str], None] | None,
        out: Path | None,
        stage: tuple[int, int],
        since: float,
    ) -> None:
        ca.Callback.__init__(self)
        self._made, self._stop, self._progress, self._out = made, stop, progress, out
        self._stage, self._since = stage, since
        self.iteration = -1
        self._line = self._kept = time.perf_counter()
        self.construct("watch", {})

    def get_n_in(self) -> int:
        return ca.nlpsol_n_out()

    def get_n_out(self) -> int:
        return 1

    def get_name_in(self, i: int) -> str:
        return ca.nlpsol_out(i)

    def get_name_out(self, _: int) -> str:
        return "stop"

    def get_sparsity_in(self, i: int) -> ca.Sparsity:
        x, g = self._made.size, self._made.program.lower.size
        sizes = {"f": 1, "x": x, "lam_x": x, "g": g, "lam_g": g}
        name = ca.nlpsol_out(i)
        return ca.Sparsity.dense(sizes[name]) if name in sizes else ca.Sparsity(0, 0)

    def eval(self, arguments: Any) -> Any:
        """Tell how far it is; anything but 0 stops the solver."""
        names = map(ca.nlpsol_out, range(ca.nlpsol_n_out()))
        self._tell(dict(zip(names, arguments, strict=True)))
        return [int(self._stop.asked)]

    def _tell(self, now: dict[str, Any]) -> None:
        self.iteration += 1
        clock = time.perf_counter()
        if self._progress is not None and clock - self._line > _LINE_S:
            self._line = clock
            worst = self._made.program.worst(_flat(now["g"]))
            violation = worst[0][2] if worst else 0.0
            which, count = self._stage
            self._progress(
                f"stage {which}/{count} iteration {self.iteration:4d}  objective "
                f"{float(now['f']):.6g}  violation {violation:.1e}  {clock - self._since:.0f} s"
            )
        if self._out is not None and (clock - self._kept > _STORE_S or self._stop.asked):
            self._kept = clock
            which, count = self._stage
            trajectory = self._made.unpack(_flat(now["x"]))
            multipliers = _flat(now["lam_g"]), _flat(now["lam_x"])
            store(self._out, Iterate(trajectory, count - which + 1, "running", *multipliers))


def store(out: Path, iterate: Iterate) -> None:
    """Write the last iterate into a folder."""
    buffer = io.BytesIO()
    arrays = {name: np.asarray(getattr(iterate.trajectory, name)) for name in _NAMES}
    np.savez(
        buffer, allow_pickle=False, **arrays, status=np.array(iterate.status),
        left=np.array(iterate.left), multipliers=iterate.multipliers,
        bound_multipliers=iterate.bound_multipliers,
    )  # fmt: skip
    write_bytes(out / LAST_ITERATE, buffer.getvalue())


def restore(path: Path) -> Iterate:
    """Read an iterate written by :func:`store`. Raises BioenvError for another file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            values = {name: file[name] for name in _NAMES}
            rest = {name: file[name] for name in ("multipliers", "bound_multipliers")}
            left, status = int(file["left"]), str(file["status"])
    except (OSError, ValueError, KeyError) as error:
        raise BioenvError(f"{path.name} is no stored iterate of `bioenv solve`: {error}") from error
    trajectory = Trajectory(**{**values, "duration": float(values["duration"])})
    return Iterate(trajectory, left, status, **rest)


def _flat(values: Any) -> Array:
    return np.asarray(values, dtype=np.float64).ravel()
