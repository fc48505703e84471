"""Predicted changes of walking beside published ones, as a figure.

    python examples/what_if.py whatif.png                            # of the stored predictions
    bioenv whatif exo.ankle=180 --compile --out exo
    python examples/what_if.py whatif.png --results exo/whatif.json  # of a study of your own

Every finding is a row: the bar is the predicted change and how far it depends on the start, the
cross the published size where there is one, the arrow its direction where there is none.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # no screen needed

import matplotlib.pyplot as plt

from bioenv.evaluate.findings import findings
from bioenv.paths import agent_file

_COLORS = {"yes": "tab:green", "no": "tab:red", "unclear": "tab:gray"}
_LARGEST = 60.0  # percent or degrees; what is larger is drawn there


def rows(results: Path) -> list[dict[str, Any]]:
    """Predictions of published findings in percent and degrees, with size and direction."""
    told = json.loads(results.read_text(encoding="utf-8"))
    known = {(one.id, one.changes, one.figure): one for one in findings()[0]}
    found = []
    for study in told.get("studies", [told]):
        for one in study.get("findings", ()):
            finding = known.get((one["id"], tuple(one["changes"]), one["figure"]))
            if finding is None or one["changes"] != study["changes"]:
                continue
            if one["unit"] in ("%", "deg"):
                found.append({**one, "size": finding.size, "direction": finding.direction})
    return found


def draw(found: list[dict[str, Any]], file: Path) -> None:
    """The figure, one row for each finding."""
    figure, axes = plt.subplots(figsize=(8, 1.0 + 0.3 * len(found)), layout="constrained")
    for y, one in enumerate(reversed(found)):
        low, high, at = (
            max(-_LARGEST, min(_LARGEST, one[k])) for k in ("low", "high", "predicted")
        )
        color = _COLORS[one["agrees"]]
        axes.plot([low, high], [y, y], color=color, linewidth=5, alpha=0.4, solid_capstyle="butt")
        axes.plot(at, y, "o", color=color)
        if one["size"] is None:
            axes.annotate("", (at + 6 * one["direction"], y), (at, y),
                          arrowprops={"arrowstyle": "->"})  # fmt: skip
        else:
            axes.plot(one["size"], y, "x", color="black", markersize=8)
    labels = [f"{' '.join(one['changes'])}: {one['figure']} ({one['id']})" for one in found]
    axes.set_yticks(range(len(found)), reversed(labels), fontsize=8)
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.set_xlabel("change, percent or degrees")
    figure.savefig(file, dpi=150)
    plt.close(figure)


def main() -> None:
    """Read predictions and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="figure to write, .png or .svg")
    stored = agent_file("solutions", "whatif.json")
    parser.add_argument("--results", type=Path, default=stored, help="whatif.json of a study")
    args = parser.parse_args()
    found = rows(args.results)
    if not found:
        raise SystemExit(f"{args.results} holds no prediction of a published finding")
    draw(found, args.file)


if __name__ == "__main__":
    main()
