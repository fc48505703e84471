"""Predicted changes of walking against published findings: every finding of the table, in turn.

    .venv/bin/python benchmarks/whatif.py --out agents/solutions/whatif.json

About half a CPU minute for each intervention, two or three for those that make the sides unlike.
The table assets/reference/interventions.toml says what was found in people (and in two simulation
studies), and where. FILE is written after every study, and a run goes on where the last one
stopped. All walk at 1.25 m/s, the speed of most of the studies, and choose their own cadence.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bioenv.agents.whatif import Search, needs_whole_stride, settings_for, settings_of, study
from bioenv.diff.symbolic.compiled import Evaluation
from bioenv.errors import BioenvError
from bioenv.evaluate.findings import Order, findings, in_order
from bioenv.evaluate.whatif import judged, prepared

SPEED = 1.25  # m/s
EXTRA = (("exo.ankle=100",), ("exo.ankle=300",))
"""Interventions beside those of the table."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, metavar="FILE", help="results, .json")
    parser.add_argument("--starts", type=int, default=2, metavar="N")
    args = parser.parse_args()
    path = Path(args.out)
    done = json.loads(path.read_text()) if path.is_file() else _nothing(args.starts)
    recipe = prepared("predict-walk", [f"speed={SPEED}"])
    searches: dict[bool, Search] = {}
    for changes in _interventions():
        if any(tuple(one["changes"]) == changes for one in done["studies"]):
            continue
        unlike = needs_whole_stride(settings_of(changes))
        if unlike not in searches:
            whole = recipe.changed(settings_for(changes, recipe))
            searches[unlike] = _explored(whole, unlike)
        clock = time.process_time()
        done["studies"].append(_study(changes, recipe, searches[unlike], args.starts))
        done["studies"][-1]["cpu_s"] = time.process_time() - clock
        write(path, done)
        print(f"{' '.join(changes)}: {done['studies'][-1]['cpu_s']:.0f} CPU s", flush=True)
    for line in table(done["studies"]):
        print(line)


def _nothing(starts: int) -> dict[str, Any]:
    command = "benchmarks/whatif.py --out agents/solutions/whatif.json"
    return {"made_by": "bioenv", "command": command, "speed": SPEED, "starts": starts,
            "studies": []}  # fmt: skip


def write(path: Path, done: dict[str, Any]) -> None:
    """JSON with a line for every study, its numbers to seven digits."""
    head = {key: value for key, value in done.items() if key != "studies"}
    rows = ",\n".join(json.dumps(_short(one)) for one in done["studies"])
    path.write_text(json.dumps(head)[:-1] + ', "studies": [\n' + rows + "\n]}\n")


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, dict):
        return {key: _short(one) for key, one in value.items()}
    return [_short(one) for one in value] if isinstance(value, list | tuple) else value


def _interventions() -> list[tuple[str, ...]]:
    found, orders = findings()
    listed = [one.changes for one in found]
    listed += [(change,) for order in orders for change in order.changes]
    every = list(dict.fromkeys([*listed, *EXTRA]))
    return sorted(every, key=lambda changes: needs_whole_stride(settings_of(changes)))


def _explored(recipe: Any, unlike: bool) -> Search:
    """The body before all interventions, tried from the movements after each of them.

    Otherwise the first studies would be compared with a worse baseline than the last ones.
    """
    search = Search(recipe, (), Evaluation(1, True))
    if unlike:
        return search  # whole strides are dear: one pass
    for changes in _interventions():
        if needs_whole_stride(settings_of(changes)) == unlike:
            study(changes, recipe, baseline=search, starts=1, evaluation=search.evaluation)
    rows = {name: round(row["objective"], 5) for name, row in search.case.starts.items()}
    print(f"baseline: {rows}", flush=True)
    return search


def _study(changes: tuple[str, ...], recipe: Any, search: Search, starts: int) -> dict[str, Any]:
    try:
        one = study(changes, recipe, baseline=search, starts=starts, evaluation=search.evaluation)
        added = one.changed.model.mass - one.baseline.model.mass
        return {**judged(one).as_dict(), "added_kg": added}
    except BioenvError as error:  # a body that cannot walk so is a result, too
        return {"changes": list(changes), "success": False, "error": str(error)}


def table(studies: Sequence[dict[str, Any]]) -> list[str]:
    """Lines: each finding beside its prediction, then the orders."""
    form = "{:16s} {:32s} {:24s} {:>22s} {:>12s} {:>20s} {:8s} {:>6s}"
    lines = [form.format("published", "intervention", "figure", "found", "predicted",
                         "over the starts", "agrees", "share")]  # fmt: skip
    for one in studies:
        for f in one.get("findings", ()):
            if f["changes"] != one["changes"]:
                continue  # found at another level
            share = "-" if f["share_of_size"] is None else f"{f['share_of_size']:.2f}"
            span = f"{f['low']:+.3g} to {f['high']:+.3g}"
            lines.append(form.format(f["id"] + "*" * f["proxy"], " ".join(one["changes"]),
                                     f["figure"] + (f" ({f['leg']})" if f["leg"] else ""),
                                     f["published"], f"{f['predicted']:+.3g} {f['unit']}", span,
                                     f["agrees"], share))  # fmt: skip
        if "error" in one:
            lines.append(f"{' '.join(one['changes'])}: {one['error']}")
    return [*lines, *(_order(order, studies) for order in findings()[1])]


def _order(order: Order, studies: Sequence[dict[str, Any]]) -> str:
    values = []
    for change in order.changes:
        one = next((s for s in studies if s["changes"] == [change] and "figures" in s), None)
        if one is None:
            return f"{order.id}: {change} is missing"
        value = one["figures"][order.figure]["change"]
        values.append(value / one["added_kg"] if order.per_kg else value)
    each = "% per kg" if order.per_kg else "%"
    told = " > ".join(f"{c} {v:+.2f}" for c, v in zip(order.changes, values, strict=True))
    agrees = "yes" if in_order(order, values) else "no"
    return f"{order.id}, {order.figure}, {each}: {told}: {agrees}"


if __name__ == "__main__":
    main()
