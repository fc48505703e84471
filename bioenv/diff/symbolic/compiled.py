"""Fast functions: CasADi's straight-line functions, run at many places at once by compiled C.

CasADi's own virtual machine runs a function for one place after the other; most of its time goes
into deciding what to do next. `lanes.c` decides once for 32 places. For a walking model's Hessian
(176,000 operations at 50 nodes) that takes 3 ms instead of 42. C generated from the same function
takes 5 to 9 ms, and 27 s of compiling for every model and mesh; `lanes.c` is compiled once for a
computer, in a second. The operations and their order are CasADi's, so the numbers are the same to
the last bit.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import casadi as ca
import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError

LANES = 32
"""Places that are done side by side: wide enough to hide the deciding, narrow enough for the cache
(a walking model's 5,000 intermediate values are 1.3 MB)."""

WORTHWHILE = 2000
"""Operations at all places together, below which nothing is gained."""

_NAMES = (
    "CONST INPUT OUTPUT ADD SUB MUL DIV NEG SQ TWICE INV SQRT EXP LOG POW CONSTPOW SIN COS TAN "
    "ASIN ACOS ATAN ATAN2 SINH COSH TANH FABS FLOOR CEIL FMOD FMIN FMAX SIGN LT LE EQ NE NOT AND "
    "OR IF_ELSE_ZERO ASSIGN"
)
OPERATIONS = tuple(_NAMES.split())
NUMBER = {getattr(ca, f"OP_{name}"): i for i, name in enumerate(OPERATIONS)}
# No contraction of a * b + c into one rounding: results must not depend on the machine.
_FLAGS = ("-O2", "-ftree-vectorize", "-ffp-contract=off", "-shared", "-fPIC")


def compiler() -> str | None:
    """The C compiler: $CC, else gcc, cc or clang; None when there is none."""
    for name in (os.environ.get("CC", ""), "gcc", "cc", "clang"):
        found = shutil.which(name) if name else None
        if found:
            return found
    return None


def cache_folder() -> Path:
    """Where compiled code is kept: $XDG_CACHE_HOME/bioenv, by default ~/.cache/bioenv."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if home else Path.home() / ".cache") / "bioenv"


def library(name: str = "lanes") -> Path:
    """The compiled `<name>.c`, made when the cache does not have it.

    Raises BioenvError when there is no compiler or it fails.
    """
    names = ", ".join(OPERATIONS)
    code, header = (_source(file) for file in (f"{name}.c", "operations.h"))
    code = code.replace('#include "operations.h"', header)
    source = f"enum {{ {names} }};\n#define LANES {LANES}\n{code}"
    cc = compiler()
    key = hashlib.sha256("\n".join([source, *_FLAGS, cc or ""]).encode()).hexdigest()[:16]
    place = cache_folder() / f"{name}-{key}.so"
    if place.is_file():
        return place
    if cc is None:
        raise BioenvError("no C compiler (gcc, cc, clang, $CC): install one, or solve without")
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        file, made = Path(folder) / f"{name}.c", Path(folder) / f"{name}.so"
        file.write_text(source, encoding="utf-8")
        words = [cc, *_FLAGS, "-o", str(made), str(file), "-lm"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BioenvError(f"{cc} could not compile {name}.c: {done.stderr.strip()[:500]}")
        os.replace(made, place)  # at once: two programs may do this at the same time
    return place


def _source(file: str) -> str:
    return Path(__file__).with_name(file).read_text(encoding="utf-8")


@cache
def loaded(path: Path) -> Any:
    """The functions of a compiled library."""
    return ctypes.CDLL(str(path))


@dataclass(frozen=True)
class Evaluation:
    """How functions are evaluated at many places: threads, and whether by compiled C."""

    threads: int = 1
    compiled: bool = False

    def over(self, one: ca.Function, count: int) -> ca.Function:
        """The function of `count` columns; to be kept alive by the caller.

        Raises BioenvError when compiled C is wanted and there is no compiler.
        """
        fast = mapped(one, count, self.threads) if self.compiled else None
        if fast is not None:
            return fast
        return one.map(count, "thread", self.threads) if self.threads > 1 else one.map(count)


PLAIN = Evaluation()
"""By CasADi, one place after the other."""


def mapped(
    one: ca.Function, count: int, threads: int = 1, least: int = WORTHWHILE
) -> ca.Function | None:
    """`one.map(count)` in compiled C; None where that is not worthwhile or not possible.

    The result must be kept alive for as long as a CasADi function calls it. least: operations at
    all places together, below which CasADi itself does it.
    """
    if not one.is_a("SXFunction") or one.n_instructions() * count < least:
        return None
    if any(not x.is_dense() for x in (*map(one.sparsity_in, range(one.n_in())),
                                      *map(one.sparsity_out, range(one.n_out())))):  # fmt: skip
        return None
    made = listed(one)
    return None if made is None else _Lanes(one, *made, count, threads)


def listed(one: ca.Function) -> tuple[NDArray[np.int32], NDArray[np.float64]] | None:
    """Operations (n, 4) (what, to, from, from) and constants; None when one is not known."""
    rows: list[tuple[int, int, int, int]] = []
    constants: list[float] = []
    for k in range(one.n_instructions()):
        kind = one.instruction_id(k)
        number = NUMBER.get(kind)
        if number is None:
            return None
        to = one.instruction_output(k)
        if kind == ca.OP_CONST:
            rows.append((number, to[0], len(constants), 0))
            constants.append(one.instruction_constant(k))
            continue
        read = one.instruction_input(k)
        if kind == ca.OP_OUTPUT:
            rows.append((number, to[0], read[0], to[1]))
        else:  # an input's two numbers say which and where; one operand stands twice
            rows.append((number, to[0], read[0], read[-1]))
    return np.array(rows, dtype=np.int32).reshape(-1, 4), np.array(constants, dtype=np.float64)


class _Lanes(ca.Callback):
    """A function of columns, one for each place."""

    def __init__(
        self, one: ca.Function, rows: NDArray[np.int32], constants: NDArray[np.float64],
        count: int, threads: int,
    ) -> None:  # fmt: skip
        ca.Callback.__init__(self)
        self._one, self._rows, self._constants, self._count = one, rows, constants, count
        self._run = loaded(library()).run
        size = ctypes.c_long * max(one.n_in(), one.n_out())
        self._n_arg = size(*(one.numel_in(i) for i in range(one.n_in())))
        self._n_res = size(*(one.numel_out(i) for i in range(one.n_out())))
        # Every thread has whole groups of lanes of its own, and room for intermediate values.
        groups = -(-count // LANES)
        threads = max(1, min(threads, groups))
        cuts = [min(count, LANES * (groups * i // threads)) for i in range(threads + 1)]
        room = max(one.sz_w(), 1) * LANES
        self._parts = [(*pair, np.zeros(room)) for pair in pairwise(cuts)]
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self.construct(f"lanes_{one.name()}", {})

    def get_n_in(self) -> int:
        return int(self._one.n_in())

    def get_n_out(self) -> int:
        return int(self._one.n_out())

    def get_sparsity_in(self, i: int) -> ca.Sparsity:
        return ca.Sparsity.dense(self._one.numel_in(i), self._count)

    def get_sparsity_out(self, i: int) -> ca.Sparsity:
        return ca.Sparsity.dense(self._one.numel_out(i), self._count)

    def has_eval_buffer(self) -> bool:
        return True

    def eval_buffer(self, arg: Sequence[Any], res: Sequence[Any]) -> int:
        """Do all places; the buffers are CasADi's own memory."""
        inputs, outputs = _pointers(arg), _pointers(res)

        def part(first: int, last: int, room: NDArray[np.float64]) -> None:
            self._run(
                ctypes.c_long(len(self._rows)), address(self._rows), address(self._constants),
                inputs, self._n_arg, outputs, self._n_res,
                ctypes.c_long(first), ctypes.c_long(last), address(room),
            )  # fmt: skip

        if self._pool is None:
            part(*self._parts[0])
        else:
            list(self._pool.map(lambda one: part(*one), self._parts))
        return 0


def address(array: NDArray[Any]) -> ctypes.c_void_p:
    """Where C finds the numbers of a contiguous array."""
    return ctypes.c_void_p(array.ctypes.data)


def _pointers(buffers: Sequence[Any]) -> Any:
    """A C array of the buffers' addresses, null for what is not wanted."""
    found = [
        None if b is None or not len(b) else np.frombuffer(b, dtype=np.uint8).ctypes.data
        for b in buffers
    ]
    return (ctypes.c_void_p * len(found))(*found)
