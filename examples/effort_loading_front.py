"""The price of sparing the knees: effort against joint load, from a sweep over `goals.joint_load`.

    bioenv solve predict-walk --sweep goals.joint_load=0,0.02,0.05,0.1,0.2,0.5 --compile --out front
    python examples/effort_loading_front.py front

Draws FOLDER/front.png. Every point is the cheapest walk at one weight of the load; none of them can
have less load without more effort.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no screen needed

import matplotlib.pyplot as plt

from bioenv.agents.trajopt.sweep import read


def front(folder: Path, effort: str = "metabolic", load: str = "joint_load") -> list[list[float]]:
    """(points, 3) effort, load and weight of the solved points, by ascending weight."""
    points = [row for row in read(folder)["points"] if row["success"]]
    return [[row["unweighted"][effort], row["unweighted"][load], row["value"]] for row in points]


def draw(points: list[list[float]], effort: str, load: str, file: Path) -> None:
    """The front as a figure, each point with its weight."""
    figure, axes = plt.subplots(figsize=(5, 4), layout="constrained")
    across, up, weights = zip(*points, strict=True)
    axes.plot(across, up, "o-", color="tab:blue")
    for x, y, weight in zip(across, up, weights, strict=True):
        axes.annotate(f"{weight:g}", (x, y), xytext=(5, 5), textcoords="offset points")
    axes.set(xlabel=effort.replace("_", " "), ylabel=load.replace("_", " "),
             title=f"weight of {load.replace('_', ' ')} at each point")  # fmt: skip
    axes.grid(alpha=0.3)
    figure.savefig(file, dpi=150)
    plt.close(figure)


def main() -> None:
    """Read a sweep's folder and draw its front."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of `bioenv solve --sweep`")
    parser.add_argument("--effort", default="metabolic", help="goal across, default metabolic")
    parser.add_argument("--load", default="joint_load", help="goal upward, default joint_load")
    args = parser.parse_args()
    points = front(args.folder, args.effort, args.load)
    if len(points) < 2:
        raise SystemExit(f"{args.folder}: a front needs two solved points or more")
    draw(points, args.effort, args.load, args.folder / "front.png")


if __name__ == "__main__":
    main()
