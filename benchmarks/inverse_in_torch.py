"""Inverse dynamics of a batch in torch against a Python loop over `mj_inverse`, on one core.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/inverse_in_torch.py [--frames 10000]

walker2d in the air (no contacts to solve), the three in turn, several times: ratios hold on a busy
machine, seconds do not. "eager" is bioenv.diff.Dynamics in chunks that fit the cache, "compiled"
bioenv.diff.compiled_inverse_dynamics; "gradient" adds the backward pass of a sum of squares by q.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import mujoco
import numpy as np
import torch

from bioenv import diff, models

CHUNK, ROUNDS = 500, 7


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=10_000)
    frames = parser.parse_args().frames
    torch.set_num_threads(1)
    model = models.load("walker2d")
    mj, dyn, compiled = model.mj, diff.Dynamics(model), diff.compiled_inverse_dynamics(model)
    torch.manual_seed(0)
    q, v, a = torch.randn(3, frames, mj.nv, dtype=torch.float64)
    q[:, 1] += 20.0
    data, rows = mujoco.MjData(mj), [x.numpy() for x in (q, v, a)]

    def loop() -> None:
        out = np.empty((frames, mj.nv))
        for i in range(frames):
            data.qpos[:], data.qvel[:], data.qacc[:] = (x[i] for x in rows)
            mujoco.mj_inverse(mj, data)
            out[i] = data.qfrc_inverse

    def eager() -> None:
        parts = (slice(i, i + CHUNK) for i in range(0, frames, CHUNK))
        torch.cat([dyn.inverse_dynamics(q[p], v[p], a[p]) for p in parts])

    def gradient() -> None:
        leaf = q.clone().requires_grad_(True)
        compiled(leaf, v, a).square().sum().backward()

    ways: dict[str, Callable[[], object]] = {
        "mj_inverse, Python loop": loop,
        "torch, eager": eager,
        "torch, compiled": lambda: compiled(q, v, a),
        "torch, compiled, gradient": gradient,
    }
    best = dict.fromkeys(ways, np.inf)
    for _ in range(ROUNDS):
        for name, run in ways.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
    print(f"{frames} frames of walker2d, best of {ROUNDS}")
    print(f"{'':28}{'us/frame':>10}{'loop / this':>13}")
    for name, seconds in best.items():
        ratio = best["mj_inverse, Python loop"] / seconds
        print(f"{name:28}{1e6 * seconds / frames:>10.2f}{ratio:>13.1f}")


if __name__ == "__main__":
    main()
