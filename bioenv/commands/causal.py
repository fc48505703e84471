"""`bioenv learn causal`: an effect by do, by correlation, and by what lies between."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from bioenv.commands.files import claim_report
from bioenv.errors import BioenvError
from bioenv.learn.causal import Body, Do, Estimate, Graph, Identification, Population, Question
from bioenv.learn.causal.effects import compare, table, truth
from bioenv.motion_io import write_atomically

_OTHERS = 100  # people held out
_WINDOW = (0.8, 1.0)


def run(args: argparse.Namespace) -> int:
    """Print the graph, the effect, or both; exit code 1 when records cannot tell the effect."""
    if not args.graph and not (args.do and args.effect):
        raise BioenvError("give --do and --effect, or --graph")
    if bool(args.do) != bool(args.effect):
        raise BioenvError("--do and --effect belong together: an intervention and its outcome")
    if args.out and not args.do:
        raise BioenvError("--out stores an effect; give --do and --effect")
    out = Path(args.out) if args.out else None
    if out is not None:
        claim_report(out, args.force)
    question = Question(Do.parse(args.do), args.effect, _window(args.at)) if args.do else None
    body, people = Body(args.body), Population()
    model = people.model(body)
    if args.graph:
        _show_graph(model.graph, body.dt)
    if question is None:
        return 0
    others = people.draw(body, _OTHERS, args.seed + 1_000_000)
    right = truth(model, others, question)
    records = model.rollout(people.draw(body, args.people, args.seed)).without(*args.hide)
    held_out = model.rollout(others).without(*args.hide)
    told, found = compare(records, held_out, question, model.graph, seed=args.seed)
    print(table(question, told, [right, *found]))
    if out is not None:
        _write(out, question, told, [right, *found])
        print(f"wrote {out}", file=sys.stderr)
    return 0 if told.identified else 1


def _window(text: str | None) -> tuple[float, float]:
    """START:STOP in s, or one instant."""
    if text is None:
        return _WINDOW
    first, _, last = text.partition(":")
    try:
        window = float(first), float(last or first)
    except ValueError as error:
        raise BioenvError(f"--at {text}: expected START:STOP in s, as 0.8:1.0") from error
    if not np.isfinite(window).all() or window[0] > window[1]:
        raise BioenvError(f"--at {text}: the window must begin before it ends")
    return window


def _show_graph(graph: Graph, dt: float) -> None:
    """Every node with its causes."""
    print(f"causes of each node; @-n is n steps of {1000 * dt:g} ms earlier")
    for name in graph.nodes:
        print(f"  {name:11} <- {', '.join(graph.parents(name)) or '(nothing in the graph)'}")


def _write(
    path: Path, question: Question, told: Identification, found: list[Estimate]
) -> None:  # fmt: skip
    rows = [
        {k: v if not isinstance(v, float) or np.isfinite(v) else None for k, v in row.items()}
        for row in map(asdict, found)
    ]
    content = {
        "made_by": "bioenv", "do": question.do.text, "outcome": question.outcome,
        "window_s": question.window, "unit": question.unit, "identification": told.how,
        "text": told.text, "adjustment_sets": [sorted(one) for one in told.sets],
        "measure": [sorted(one) for one in told.measure], "estimates": rows,
    }  # fmt: skip
    write_atomically(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())
