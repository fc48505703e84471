"""Which marker names were exchanged: the fit says so, when it is bad, by trying every exchange."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from bioenv.inverse.kinematics_solver import minimize
from bioenv.inverse.marker_fit import MarkerFit
from bioenv.inverse.marker_links import Links

Array = NDArray[np.float64]

BAD, LOST = 0.05, 0.15  # m, RMS of all markers or of one: above, exchanges are tried
SUSPECT, SUSPECTS = 0.04, 16  # m; at most so many of the worst markers are tried
GAIN = 0.4  # of the cost: an exchange that leaves less than this is believed
FRAMES, PAIRS = 4, 3


def swapped(
    fit: MarkerFit, links: Links, weights: Array, measured: Array, z: Array, bounds: Array
) -> list[tuple[int, int]]:
    """Pairs of markers whose exchange makes most of the error vanish.

    A few frames are fitted anew with every pair of badly fitting markers exchanged, all at once.

    Args:
        fit: of the trial; links, weights (M,), measured (T, M, 3): what it was made from.
        z: (T, k) solution; bounds (k, 2).
    """
    whole = np.flatnonzero(fit.seen.sum(axis=1) == fit.seen.sum(axis=1).max())
    rows = np.unique(whole[np.linspace(0, len(whole) - 1, FRAMES).astype(int)])
    data, now = measured[rows], z[rows]
    error = np.linalg.norm(np.nan_to_num(fit.positions(rows, now) - data), axis=2)
    rms = np.sqrt((error**2).mean(axis=0))
    if np.sqrt((rms**2).mean()) < BAD and rms.max() < LOST:
        return []
    worst = np.argsort(-rms)[:SUSPECTS]
    worst = np.sort(worst[rms[worst] > SUSPECT])
    pairs = np.array(list(itertools.combinations(worst, 2)), dtype=np.intp).reshape(-1, 2)
    cost = 0.5 * float((fit.weight[rows] * error**2).sum())
    found: list[tuple[int, int]] = []
    while len(pairs) and len(found) < PAIRS:
        exchanged = np.repeat(data[None], len(pairs), axis=0)
        for one, (i, j) in zip(exchanged, pairs, strict=True):
            one[:, [i, j]] = one[:, [j, i]]
        flat = exchanged.reshape(-1, *data.shape[1:])
        trial = MarkerFit(fit.anatomy, links, flat, weights, fit.free)
        again = minimize(
            trial, np.arange(len(flat)), np.tile(now, (len(pairs), 1)), bounds,
            damping=1e-2, tolerance=1e-2, iterations=25,
        )  # fmt: skip
        costs = again.cost.reshape(len(pairs), -1).sum(axis=1)
        best = int(np.argmin(costs))
        if costs[best] > GAIN * cost:
            break
        cost, data = float(costs[best]), exchanged[best]
        now = again.z.reshape(len(pairs), *now.shape)[best]
        found.append((int(pairs[best, 0]), int(pairs[best, 1])))
        pairs = np.delete(pairs, best, axis=0)
    return found
