"""A CasADi function at many places, arrays in and arrays out: one row for each place."""

from __future__ import annotations

import ctypes

import casadi as ca
import numpy as np
from numpy.typing import NDArray

from bioenv.diff.symbolic.compiled import LANES, address, library, listed, loaded

Array = NDArray[np.float64]


class Columns:
    """``one`` at many places; by compiled C, else by CasADi one place after the other.

    Unlike :func:`bioenv.diff.symbolic.compiled.mapped` it takes any number of places, and no
    CasADi matrix is made of the large results.
    """

    def __init__(self, one: ca.Function, compiled: bool) -> None:
        self._one = one
        self._n_in = [int(one.numel_in(i)) for i in range(one.n_in())]
        self._n_out = [int(one.numel_out(i)) for i in range(one.n_out())]
        self._made = listed(one) if compiled else None
        self._run = None if self._made is None else loaded(library()).run
        self._room = np.zeros(max(one.sz_w(), 1) * LANES)

    def __call__(self, *inputs: Array) -> tuple[Array, ...]:
        """Outputs (count, n_out) at inputs (count, n_in) or (n_in,), the same for all places.

        Matrices are flattened column by column, as CasADi does.
        """
        count = max(len(x) for x in inputs if x.ndim == 2)
        given = [
            np.ascontiguousarray(np.broadcast_to(x, (count, n)), dtype=float)
            for x, n in zip(inputs, self._n_in, strict=True)
        ]
        if self._made is None or self._run is None:
            found = self._one.map(count)(*(x.T for x in given))
            found = found if isinstance(found, tuple) else (found,)
            # A column of the map's result is a column of a matrix; a place is several of them.
            return tuple(
                np.asarray(x, dtype=float).ravel(order="F").reshape(count, n)
                for x, n in zip(found, self._n_out, strict=True)
            )
        out = [np.empty((count, n)) for n in self._n_out]
        rows, constants = self._made
        self._run(
            ctypes.c_long(len(rows)), address(rows), address(constants), _table(given),
            _longs(self._n_in), _table(out), _longs(self._n_out),
            ctypes.c_long(0), ctypes.c_long(count), address(self._room),
        )  # fmt: skip
        return tuple(out)


def _table(arrays: list[Array]) -> ctypes.Array[ctypes.c_void_p]:
    """A C array of their addresses, null for what has no numbers."""
    return (ctypes.c_void_p * len(arrays))(*(x.ctypes.data if x.size else None for x in arrays))


def _longs(numbers: list[int]) -> ctypes.Array[ctypes.c_long]:
    return (ctypes.c_long * len(numbers))(*numbers)
