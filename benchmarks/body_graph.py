"""Graph networks of the body against plain networks: unseen body sizes, unseen structures.

    .venv/bin/python benchmarks/body_graph.py [--seeds N] [--out results.json]    (3 minutes a seed)
    .venv/bin/python benchmarks/body_graph.py --ship FOLDER      (trains the shipped model, minutes)

Bodies have random mass, height, bone lengths and shares of mass; states lie around optimized gaits
of 0.6 to 2.0 m/s; torques are MuJoCo's inverse dynamics. A seed draws bodies, states, weights and
batches anew. Two jobs: joint torques from motion and ground forces, and joint accelerations from
torques and ground forces. Networks, all of about the same number of parameters:

- "plain, SI": a perceptron on pose, motion, ground forces, all segments' parameters, one for each
  structure (it cannot have more than one); "plain, own units": the same, all numbers divided by the
  body's mass, length and weight; "plain, on graph": all numbers of the graph in one row, exact
  kinematics of every segment included;
- "generic graph": one for all structures, messages are what perceptrons make of local numbers;
- "wrench graph": one for all structures, messages are wrenches (accelerations: and inertias) moved
  exactly between the segments' frames, with learned factors.

"inside": other people from the training range (1.55-1.85 m, body mass index 19-29); "outside":
half 1.25-1.45 m with index 14-18, half 1.95-2.15 m with index 31-38, bones up to 16 % (training:
8 %) out of proportion. Errors: root mean square over joints of the error in standard deviations of
the coordinate's truth in that set of bodies, the root's left out. "ratio": wrench graph over the
best plain network, seed by seed; the target is 0.60.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from bioenv import models, paths
from bioenv.learn.bodygraph import (
    ArticulatedNetwork,
    BodyGraph,
    GenericNetwork,
    PlainNetwork,
    States,
    WrenchNetwork,
    around_gait,
    collect,
    draw_states,
    spreads,
)
from bioenv.learn.bodygraph.dataset import Collection
from bioenv.learn.bodygraph.judging import EACH, PARTS, STRUCTURES, held_out, judge
from bioenv.learn.bodygraph.plain import Rows
from bioenv.learn.bodygraph.population import OUTSIDE, TRAINING
from bioenv.learn.bodygraph.training import PLAN, fit_network, run, target
from bioenv.learn.estimators import Plan
from bioenv.models import Model, osim

UNSEEN = ("walker2d_elastic", "arm26", "elbow")
JOBS = ("torque", "acceleration")
PLAIN = Plan(epochs=150, patience=20, batch=64, learning_rate=3e-3, weight_decay=0.0)
GRAPH = {
    "torque": replace(PLAN, epochs=20),
    "acceleration": replace(PLAN, epochs=4, learning_rate=1e-3),
}
PLAINS = ("plain, SI", "plain, own units", "plain, on graph")
GENERIC = {"torque": 28, "acceleration": 26}  # hidden numbers: as many parameters as the others
Sets = Mapping[str, Mapping[str, list[States]]]


def drawn(seed: int, persons: int) -> Sets:
    """Part -> structure -> states."""
    rng = np.random.default_rng([seed, 7])
    parts: dict[str, dict[str, list[States]]] = {}
    for name in STRUCTURES:
        few = max(2, persons // 4)
        ranges = {
            "train": [(TRAINING, persons)], "valid": [(TRAINING, few)],
            "inside": [(TRAINING, few)], "outside": [(one, few // 2) for one in OUTSIDE],
        }  # fmt: skip
        for part, of in ranges.items():
            found = [s for bodies, n in of for s in draw_states(bodies, name, n, EACH, rng)]
            parts.setdefault(part, {})[name] = found
    return parts


def graph_error(network: torch.nn.Module, collection: Collection, job: str) -> float:
    """RMS over joints in standard deviations of the coordinate in this collection."""
    graphs = collection.with_spread(spreads(collection)).graphs
    seen = replace(graphs, spread=collection.graphs.spread)  # what the network knows of
    truth, unit = target(graphs, job)
    error = ((run(network, seen).mean - truth) / unit)[graphs.joint > 0]
    return float(error.square().mean().sqrt())


def rows_error(network: torch.nn.Module, rows: Rows, joints: np.ndarray, job: str) -> float:
    """The same of a plain network."""
    truth, _ = target(rows, job)
    error = (run(network, rows).mean - truth) / truth.std(0)
    return float(error[:, joints].square().mean().sqrt())


def graph_networks(job: str) -> Iterator[tuple[str, torch.nn.Module, Plan]]:
    """Name, network and plan of its training."""
    yield "generic graph", GenericNetwork(job, GENERIC[job]), replace(PLAN, epochs=30)
    physics = WrenchNetwork() if job == "torque" else ArticulatedNetwork()
    yield "wrench graph", physics, GRAPH[job]


def one_seed(seed: int, persons: int, others: Mapping[str, list[Model]]) -> list[dict]:
    """All networks, jobs and sets of bodies of one seed, as rows."""
    sets = drawn(seed, persons)
    flat = {part: [s for of in kinds.values() for s in of] for part, kinds in sets.items()}
    spread = spreads(collect(flat["train"]))
    whole = {part: collect(states).with_spread(spread) for part, states in flat.items()}
    rng = np.random.default_rng([seed, 8])
    test = {
        (part, name): collect(sets[part][name]).with_spread(spread)
        for part in ("inside", "outside") for name in STRUCTURES
    }  # fmt: skip
    for name, bodies in others.items():
        states = [around_gait(TRAINING.changed(one, rng), EACH, rng) for one in bodies]
        test["structure", name] = collect(states).with_spread(spread)
    out = []
    for job in JOBS:
        torch.manual_seed(seed)
        size = 0
        for name, network, plan in graph_networks(job):
            start = time.process_time()
            fit_network(network, whole["train"].graphs, whole["valid"].graphs, plan=plan, seed=seed)
            size = sum(p.numel() for p in network.parameters())
            for (part, body), one in test.items():
                out.append(_row(seed, job, name, part, body, graph_error(network, one, job), size))
            _tell(job, name, seed, size, start)
        for name in PLAINS:
            out += plain_networks(seed, job, name, sets, size)
    return out


def plain_networks(seed: int, job: str, name: str, sets: Sets, size: int) -> list[dict]:
    """A plain network of each structure, of about `size` parameters."""
    out = []
    for body in STRUCTURES:
        start = time.process_time()
        rows = {part: _rows(sets[part][body], name, job) for part in sets}
        rows = {part: one.like(rows["train"]) for part, one in rows.items()}
        torch.manual_seed(seed)
        plain = PlainNetwork(rows["train"], job, size)
        fit_network(plain, rows["train"], rows["valid"], plan=PLAIN, seed=seed)
        joints = sets["train"][body][0].skeleton.joints
        own = sum(p.numel() for p in plain.parameters())
        for part in ("inside", "outside"):
            error = rows_error(plain, rows[part], joints, job)
            out.append(_row(seed, job, name, part, body, error, own))
        _tell(job, name, seed, own, start)
    return out


def _rows(states: list[States], name: str, job: str) -> Rows:
    if name == "plain, on graph":
        return Rows.of_graphs(collect(states).graphs, job)
    return Rows.of(states, similar=name == "plain, own units")


def _row(
    seed: int, job: str, network: str, part: str, body: str, error: float, size: int
) -> dict[str, object]:
    return {
        "seed": seed, "job": job, "network": network, "bodies": part, "body": body,
        "error": error, "parameters": size,
    }  # fmt: skip


def _tell(job: str, name: str, seed: int, size: int, start: float) -> None:
    took = time.process_time() - start
    print(f"seed {seed} {job:12s} {name:16s} {size} parameters, {took:.0f} s CPU", file=sys.stderr)


def unseen() -> dict[str, list[Model]]:
    """Bodies of other structures; OpenSim's gait2354 where the lab data are."""
    rng = np.random.default_rng(3)
    found = {name: [TRAINING.person(name, rng) for _ in range(6)] for name in UNSEEN}
    lab = paths.lab_data()
    source = None if lab is None else lab / "opensim_reference" / "gait2354"
    files = sorted(source.rglob("*.osim")) if source is not None else []
    if files:
        with tempfile.TemporaryDirectory() as folder:
            osim.convert(files[0], Path(folder))
            found["gait2354 (imported)"] = [models.load(Path(folder) / "model.xml")] * 6
    return found


def table(rows: list[dict]) -> str:
    """Mean and standard deviation over seeds."""
    keys = list(dict.fromkeys((r["job"], r["bodies"], r["body"]) for r in rows))
    names = (*PLAINS, "generic graph", "wrench graph")
    seeds = sorted({r["seed"] for r in rows})
    value = {(r["job"], r["bodies"], r["body"], r["network"], r["seed"]): r["error"] for r in rows}
    lines = [f"{'job':13s}{'bodies':11s}{'body':21s}" + "".join(f"{n:>19s}" for n in names)]
    lines[0] += f"{'ratio':>17s}"
    for key in keys:
        cells, per = [], {}
        for name in names:
            per[name] = [value[*key, name, s] for s in seeds if (*key, name, s) in value]
            cells.append(_spread(per[name]) if per[name] else "-")
        ratio = "-"
        if per[names[0]]:
            best = np.min([per[name] for name in PLAINS if per[name]], axis=0)
            ratio = _spread(np.array(per["wrench graph"]) / best)
        line = f"{key[0]:13s}{key[1]:11s}{key[2]:21s}" + "".join(f"{c:>19s}" for c in cells)
        lines.append(f"{line}{ratio:>17s}")
    return "\n".join(lines)


def _spread(values: object) -> str:
    x = np.asarray(values, dtype=float)
    return f"{x.mean():.4f} ± {x.std(ddof=1) if len(x) > 1 else 0.0:.4f}"


def ship(folder: Path, persons: int = 64) -> None:
    """Train the shipped model on states as measured, judge it on other people, write it."""
    rng = np.random.default_rng(2026)

    def people(number: int) -> list[States]:
        return [
            s for name in STRUCTURES
            for s in draw_states(TRAINING, name, number, EACH, rng, measured=True)
        ]  # fmt: skip

    train, valid = (collect(people(n)) for n in (persons, persons // 4))
    graph = BodyGraph("torque", members=3, seed=1, plan=replace(PLAN, epochs=20)).fit(train, valid)
    write(graph, folder, persons)


def write(graph: BodyGraph, folder: Path, persons: int) -> None:
    """The model with its card: what it learned from, and its scores on people it has not seen."""
    scores = {part: judge(graph, held_out(part)) for part in PARTS}
    card = {
        "data": f"states around optimized gaits of {persons} drawn people on each of walker2d and "
        "legs3d, with errors of measurement (bioenv.learn.bodygraph.measured); torques by MuJoCo "
        "on the true body, while the network sees the scaled model without its own shares of mass",
        "scores": scores,
        "score_units": "rmse, width: N*m/kg; coverage, flagged: shares",
        "command": "python benchmarks/body_graph.py --ship agents/estimators/body_graph",
        "use": "bioenv learn graph MOTION --model MODEL --out FILE",
    }
    graph.save(folder, card)
    print(json.dumps(scores, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--persons", type=int, default=40)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path, help="print the table of an earlier --out")
    parser.add_argument("--ship", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.table:
        print(table(json.loads(args.table.read_text())))
        return
    if args.ship:
        ship(args.ship)
        return
    rows: list[dict] = []
    others = unseen()
    for seed in range(args.seeds):
        rows += one_seed(seed, args.persons, others)
        if args.out:
            args.out.write_text(json.dumps(rows, indent=0))
    print(table(rows))


if __name__ == "__main__":
    main()
