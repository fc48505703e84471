"""Watching a solve: progress lines, and the last iterate on disk for a run that is cut off."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import casadi as ca
import numpy as np

from bioenv.agents.atomic import write_bytes
from bioenv.agents.trajopt.guess import Trajectory
from bioenv.agents.trajopt.transcription import Transcription
from bioenv.errors import BioenvError

LAST_ITERATE = "last_iterate.npz"
_LINE_S, _STORE_S = 0.5, 3.0  # wall seconds between lines, and between stored iterates
_NAMES = ("q", "v", "a", "act", "rate", "duration")


class Watch(ca.Callback):
    """IPOPT's iteration callback."""

    def __init__(
        self,
        made: Transcription,
        progress: Callable[[str], None] | None,
        out: Path | None,
        stage: int,
    ) -> None:
        ca.Callback.__init__(self)
        self._made, self._progress, self._out, self._stage = made, progress, out, stage
        self.iteration, self.stopped = 0, False
        self._line = self._kept = time.perf_counter()
        self.construct("watch", {})

    def begin(self) -> None:
        """Called before the first iteration."""
        self.iteration = -1
        self._kept = time.perf_counter()

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
        try:
            self._tell(dict(zip(map(ca.nlpsol_out, range(ca.nlpsol_n_out())), arguments,
                                strict=True)))  # fmt: skip
        except KeyboardInterrupt:
            self.stopped = True
        return [int(self.stopped)]

    def _tell(self, now: dict[str, Any]) -> None:
        self.iteration += 1
        clock = time.perf_counter()
        if self._progress is not None and clock - self._line > _LINE_S:
            self._line = clock
            worst = self._made.program.worst(np.asarray(now["g"]).ravel())
            self._progress(
                f"stage {self._stage + 1} iteration {self.iteration:4d}  "
                f"objective {float(now['f']):.6g}  violation {worst[0][2]:.1e}"
            )
        if self._out is not None and clock - self._kept > _STORE_S:
            self._kept = clock
            store(self._out, self._made.unpack(np.asarray(now["x"])), "running")


def store(out: Path, trajectory: Trajectory, status: str) -> None:
    """Write the last iterate into a folder."""
    buffer = io.BytesIO()
    arrays = {name: np.asarray(getattr(trajectory, name)) for name in _NAMES}
    np.savez(buffer, allow_pickle=False, **arrays, status=np.array(status))
    write_bytes(out / LAST_ITERATE, buffer.getvalue())


def restore(path: Path) -> Trajectory:
    """Read an iterate written by :func:`store`. Raises BioenvError for another file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            values = {name: file[name] for name in _NAMES}
    except (OSError, ValueError, KeyError) as error:
        raise BioenvError(f"{path.name} is no stored iterate of `bioenv solve`: {error}") from error
    return Trajectory(**{**values, "duration": float(values["duration"])})
