"""The table of targets that `benchmarks/moments.py` prints from its results."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ONE_LEG = ("csu_leg2d", "dorschky2019")
"""People of whom one leg was measured (the other is its mirror image): told apart in the table."""

JOINTS = ("hip", "knee", "ankle")


def table(results: dict[str, Any]) -> str:
    """Target table: mean over people, mean and spread over seeds; coverage; AUROC."""
    seeds = results["seeds"]
    people = [name for name in seeds[0]["rmse"]["estimator"] if name not in ONE_LEG]
    lines = [f"RMSE N*m/kg, mean over {len(people)} unseen people ± sd over {len(seeds)} seeds",
             f"{'':28s}" + "".join(f"{j:>16s}" for j in JOINTS)]  # fmt: skip
    methods = {name: [one["rmse"][name] for one in seeds] for name in seeds[0]["rmse"]}
    methods |= {name: [one] for name, one in results.get("without", {}).items()}
    for name, runs in methods.items():
        each = np.array([[run[p] for p in people] for run in runs]).mean(axis=1)
        lines.append(f"{name:28s}" + _row(each))
    everybody = list(seeds[0]["rmse"]["estimator"])
    own = [one["rmse"]["estimator"] for one in seeds]
    nine = np.array([[one[p] for p in everybody] for one in own]).mean(axis=1)
    lines.append(f"{'with the one-legged':28s}" + _row(nine))
    lines.append("\nby person, estimator")
    for name in seeds[0]["rmse"]["estimator"]:
        each = np.array([one["rmse"]["estimator"][name] for one in seeds])
        mark = " (one leg)" if name in ONE_LEG else ""
        lines.append(f"{name + mark:28s}" + _row(each))
    lines.append("\n90 % interval, share inside")
    for what, rows in (
        ("unseen people", [np.mean([one["interval"][p]["coverage"] for p in people], axis=0)
                           for one in seeds]),
        ("with the one-legged", [np.mean([one["interval"][p]["coverage"] for p in everybody], 0)
                                 for one in seeds]),
        ("held-out strides", [one["strides"]["coverage"] for one in seeds]),
    ):  # fmt: skip
        each = np.array(rows)
        lines.append(f"{what:28s}" + _row(each) + f"   all {each.mean():.3f}")
    lines.append("\nAUROC against walking of people left out")
    lines += [f"{name:28s}{value:9.3f}" for name, value in seeds[0]["auroc"].items()]
    return "\n".join(lines)


def _row(each: Array) -> str:
    """Mean and spread of (seeds, 3) as text; one seed has no spread."""
    if len(each) == 1:
        return "".join(f"{m:9.3f}        " for m in each[0])
    columns = zip(each.mean(axis=0), each.std(axis=0, ddof=1), strict=True)
    return "".join(f"{m:9.3f} ± {s:.3f}" for m, s in columns)
