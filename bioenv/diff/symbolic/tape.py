"""A CasADi function as lists of operations for `rollout.c`, cut into parts that are done apart.

Every number has a place of its own: first the inputs, then the constants, then the results in the
order in which they are made. So what does not depend on an input need not be done again when only
that input changes: this is how Newton's iterations pay for the contacts and not for the muscles.

Within a part, operations that do not wait for each other lie together by kind: a run of one kind
is one loop. That halves the time of doing one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import casadi as ca
import numpy as np
from numpy.typing import NDArray

from bioenv.diff.symbolic.compiled import NUMBER, listed
from bioenv.errors import BioenvError

Ints = NDArray[np.int32]
_CONST, _INPUT, _OUTPUT = (
    NUMBER[getattr(ca, f"OP_{name}")] for name in ("CONST", "INPUT", "OUTPUT")
)


@dataclass(frozen=True, eq=False)
class Part:
    """Operations: rows (n, 3) of places (to, from, from); runs (k, 2) of kind and how many."""

    rows: Ints
    runs: Ints


@dataclass(frozen=True, eq=False)
class Tape:
    """A function cut in three.

    parts: what does not depend on the first input; what the first output needs besides; the rest.
    inputs: where each input starts. outputs: places of each output's numbers, -1 for zeros.
    constants lie from ``first_constant`` on; size: number of places.
    """

    parts: tuple[Part, Part, Part]
    inputs: tuple[int, ...]
    outputs: tuple[Ints, ...]
    first_constant: int
    constants: NDArray[np.float64]
    size: int


def tape(one: ca.Function) -> Tape:
    """The tape of a function with dense inputs and outputs.

    Raises BioenvError when it has an operation that compiled C does not know.
    """
    made = listed(one)
    if made is None:
        raise BioenvError(f"function {one.name()} has an operation that compiled C does not know")
    rows, outputs = _single_assignment(one, *made)
    starts = _starts(one)
    size = starts[-1] + len(made[1]) + len(rows)
    late = np.zeros(size, dtype=bool)
    late[: starts[1]] = True
    for _, to, a, b in rows.tolist():
        late[to] = late[a] or late[b]
    needed = np.zeros(size, dtype=bool)
    needed[outputs[0][outputs[0] >= 0]] = True
    for _, to, a, b in rows[::-1].tolist():
        if needed[to]:
            needed[a] = needed[b] = True
    late, needed = late[rows[:, 1]], needed[rows[:, 1]]
    parts = [_part(rows[chosen]) for chosen in (~late, late & needed, late & ~needed)]
    return Tape((parts[0], parts[1], parts[2]), starts[:-1], outputs, starts[-1], made[1], size)


def _starts(one: ca.Function) -> tuple[int, ...]:
    """Where each input starts, and where the last one ends."""
    sizes = [one.numel_in(i) for i in range(one.n_in())]
    return tuple(int(n) for n in np.cumsum([0, *sizes]))


def _single_assignment(
    one: ca.Function, listed_rows: Ints, constants: NDArray[np.float64]
) -> tuple[Ints, tuple[Ints, ...]]:
    """Rows (kind, to, from, from) where every result has its own place, and the outputs' places."""
    starts, place = _starts(one), dict[int, int]()
    first = starts[-1] + len(constants)
    rows: list[tuple[int, int, int, int]] = []
    outputs = tuple(np.full(one.numel_out(i), -1, dtype=np.int32) for i in range(one.n_out()))
    for kind, to, a, b in listed_rows.tolist():
        if kind == _CONST:
            place[to] = starts[-1] + a
        elif kind == _INPUT:
            place[to] = starts[a] + b
        elif kind == _OUTPUT:
            outputs[to][b] = place[a]
        else:
            rows.append((kind, first + len(rows), place[a], place[b]))
            place[to] = rows[-1][1]
    return np.array(rows, dtype=np.int32).reshape(-1, 4), outputs


def _part(rows: Ints) -> Part:
    """Ordered by how many operations each waits for, then by kind."""
    level: dict[int, int] = {}
    waits = np.zeros(len(rows), dtype=np.intp)
    for k, (_, to, a, b) in enumerate(rows.tolist()):
        waits[k] = level[to] = 1 + max(level.get(a, 0), level.get(b, 0))
    rows = rows[np.lexsort((rows[:, 0], waits))]
    starts = np.flatnonzero(np.diff(rows[:, 0], prepend=-1))
    lengths = np.diff(starts, append=len(rows))
    runs = np.column_stack([rows[starts, 0], lengths]).astype(np.int32)
    return Part(np.ascontiguousarray(rows[:, 1:]), np.ascontiguousarray(runs))
