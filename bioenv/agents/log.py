"""Where training tells how it goes: log.jsonl, TensorBoard scalars, a progress bar."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

LOG, TENSORBOARD = "log.jsonl", "tensorboard"


class TrainingLog:
    """One JSON object a line: kind "iteration" or "evaluation", env_steps, and figures.

    Args:
        out: folder, or None to write nothing.
        total: env steps of the whole recipe.
        done: env steps made before, when resuming; later lines of an interrupted run are dropped.
        progress: show the bar.
    """

    def __init__(self, out: Path | None, total: int, done: int, progress: bool) -> None:
        self._bar = tqdm(total=total, initial=done, unit="step", disable=not progress)
        self._file = None
        self._board = None
        if out is None:
            return
        path = out / LOG
        kept = _until(path, done) if done else []
        path.write_text("".join(kept), encoding="utf-8")
        self._file = path.open("a", encoding="utf-8")
        from torch.utils.tensorboard import SummaryWriter

        self._board = SummaryWriter(str(out / TENSORBOARD), purge_step=done or None)

    def write(self, kind: str, env_steps: int, figures: Mapping[str, Any]) -> None:
        """Store one record; its numbers also go to TensorBoard under kind/name."""
        if self._file is not None:
            record = {"kind": kind, "env_steps": env_steps, **figures}
            self._file.write(json.dumps(record) + "\n")
            self._file.flush()
        if self._board is not None:
            for name, value in _scalars(figures):
                self._board.add_scalar(f"{kind}/{name}", value, env_steps)

    def show(self, env_steps: int, **postfix: str) -> None:
        """Move the progress bar."""
        self._bar.set_postfix(postfix, refresh=False)
        self._bar.update(env_steps - self._bar.n)

    def close(self) -> None:
        """Finish the bar and the files."""
        self._bar.close()
        if self._file is not None:
            self._file.close()
        if self._board is not None:
            self._board.close()


def _until(path: Path, env_steps: int) -> list[str]:
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    # A line cut by an interruption has no line end, and is later than the checkpoint anyway.
    whole = [line for line in lines if line.endswith("\n")]
    return [line for line in whole if json.loads(line)["env_steps"] <= env_steps]


def _scalars(figures: Mapping[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in figures.items():
        if isinstance(value, Mapping):
            found += _scalars(value, f"{prefix}{name}/")
        elif isinstance(value, int | float):
            found.append((prefix + name, float(value)))
    return found
