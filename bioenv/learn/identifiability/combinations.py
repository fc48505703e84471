"""Which combinations of parameters a measurement tells, and which it confounds, in words.

Vectors are in steps of the parameters (:mod:`.experiment`): a null vector (1, -1) of two logarithms
says that one may grow by 1 % while the other shrinks by 1 % and nothing that is measured changes,
so that only their product is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.learn.identifiability.experiment import Parameter

Array = NDArray[np.float64]

ZERO = 1e-5  # of a unit vector: nothing
SAME = 1e-3  # relative: two exponents are the same
MOST = 14  # parameters of a group whose sparsest vectors are searched for
LARGEST = 4  # exponents up to this are recognized as whole numbers


class Blind(NamedTuple):
    """What is not told at some parameter values: basis (F, k) of the steps that change nothing;
    scale (F,): norms of the sensitivities, by which entries are judged to be zero; unit (F,): what
    one small step is in every parameter's own unit."""

    basis: Array
    scale: Array
    unit: Array


@dataclass(frozen=True)
class Combination:
    """A vector in parameter space and what it says.

    Attributes:
        vector: by parameter name, in steps.
        kind: "product": of powers, at whatever values; "sum": weighted, at whatever values;
            "local": near the given values only. text: "max_isometric_force × moment_arm".
    """

    vector: dict[str, float]
    kind: str
    text: str


@dataclass(frozen=True)
class Group:
    """Parameters that cannot be told from each other.

    Attributes:
        names: of the parameters. freedom: how many of them must be known to tell the rest.
        told: combinations that are told, sparsest first. trades: what may change unnoticed.
    """

    names: tuple[str, ...]
    freedom: int
    told: tuple[Combination, ...]
    trades: tuple[Combination, ...]

    @property
    def text(self) -> str:
        """One or two sentences."""
        if len(self.names) == 1:
            return f"nothing that is measured depends on {self.names[0]}"
        trades = "; or ".join(one.text for one in self.trades)
        names, unnoticed = _listed(self.names), f"no output notices {trades}"
        if not self.told:
            return f"nothing is told of {names}: {unnoticed}"
        verb = "is" if len(self.told) == 1 else "are"
        told = _listed([one.text for one in self.told])
        return f"of {names} only {told} {verb} told: {unnoticed}"


def confounded(
    parameters: Sequence[Parameter], here: Blind, elsewhere: Sequence[Blind]
) -> tuple[Group, ...]:
    """The groups of parameters that cannot be told from each other, F parameters in all.

    elsewhere: the same at other parameter values, by which products and sums that hold everywhere
    are told from trades that hold near the given values.
    """
    if here.basis.shape[1] == 0:
        return ()
    flat = here.basis * here.scale[:, None]
    found = []
    for members in _blocks(_span(flat)):
        inside = _span(flat[members])
        scale = here.scale[members]
        told = _sparsest(_complement(inside)) * scale[:, None]
        trades = _sparsest(inside) / scale[:, None]
        own = [parameters[i] for i in members]
        others = [Blind(*(part[members] for part in one)) for one in elsewhere]
        unit = here.unit[members]
        found.append(
            Group(
                tuple(one.name for one in own),
                inside.shape[1],
                tuple(_told(own, w, unit, others) for w in told.T),
                tuple(_trade(own, v) for v in trades.T),
            )
        )
    return tuple(found)


def _blocks(null: Array) -> list[list[int]]:
    """Finest split of the parameters into groups with null spaces of their own; null (F, k)
    orthonormal. Parameters that are told are in none."""
    touching = np.abs(null @ null.T) > ZERO
    left = [i for i in range(len(null)) if touching[i, i]]
    blocks = []
    while left:
        block, new = set(), {left[0]}
        while new:
            block |= new
            new = {j for i in new for j in np.flatnonzero(touching[i]).tolist()} - block
        blocks.append(sorted(block))
        left = [i for i in left if i not in block]
    return blocks


def _span(vectors: Array) -> Array:
    """Orthonormal basis of the columns."""
    left, size, _ = np.linalg.svd(vectors, full_matrices=False)
    if not size.size or size[0] == 0.0:
        return left[:, :0]
    return np.asarray(left[:, size > ZERO * size[0]])


def _complement(basis: Array) -> Array:
    """Orthonormal basis of what is orthogonal to an orthonormal basis (n, k)."""
    return np.asarray(np.linalg.svd(basis, full_matrices=True)[0][:, basis.shape[1] :])


def _sparsest(basis: Array) -> Array:
    """The basis (n, k) of the same space with the fewest entries.

    Taking the vectors of smallest support first, each that is independent of those before, is
    optimal (Coleman TF, Pothen A 1986, The null space problem I, SIAM J Alg Disc Meth 7:527).
    """
    n, k = basis.shape
    if k == 0 or n > MOST:
        return basis
    chosen: list[Array] = []
    for size in range(1, n - k + 2):
        for support in combinations(range(n), size):
            vector = _supported(basis, support)
            if vector is None or (chosen and _span(np.stack([*chosen, vector], 1)).shape[1] == len(
                chosen
            )):  # fmt: skip
                continue
            chosen.append(vector)
            if len(chosen) == k:
                return np.stack(chosen, 1)
    return basis  # rounding hid one: a dense basis is still right


def _supported(basis: Array, support: tuple[int, ...]) -> Array | None:
    """The vector of the space that is zero outside of a support and nowhere in it; or None."""
    outside = np.delete(basis, support, axis=0)
    _, size, right = np.linalg.svd(outside, full_matrices=True)
    free = basis.shape[1] - int((size > ZERO).sum())
    if free != 1:
        return None
    vector = np.zeros(len(basis))
    vector[list(support)] = (basis @ right[-1])[list(support)]
    return vector if np.abs(vector[list(support)]).min() > ZERO else None


def _told(
    own: Sequence[Parameter], vector: Array, unit: Array, elsewhere: Sequence[Blind]
) -> Combination:
    """What a told vector (n,) in steps is called."""
    on = np.flatnonzero(vector).tolist()
    vector = vector / np.abs(vector[on]).min()
    total = float(vector[on].sum())
    vector = vector * np.sign(total if abs(total) > SAME else vector[on[-1]])
    others = [_same_support(one, on) for one in elsewhere]
    names = [own[i].name for i in on]
    kind = "local"
    if all(own[i].size is None for i in on) and _agree(vector[on], others, None):
        kind, text = "product", _product(names, vector[on])
    elif _agree(vector[on] / unit[on], others, [one.unit[on] for one in elsewhere]):
        kind, text = "sum", _sum(names, vector[on] / unit[on])
    else:
        text = _product(names, vector[on]) + " (near these values)"
    return Combination({own[i].name: float(vector[i]) for i in on}, kind, text)


def _same_support(other: Blind, on: list[int]) -> Array | None:
    """The told vector (n,) with the same support at other values; None where there is none."""
    scale = other.scale[on]
    left, size, _ = np.linalg.svd(other.basis[on] * scale[:, None])
    if len(size) == len(on) and size[-1] > ZERO * max(size[0], 1e-300):
        return None
    return np.asarray(left[:, -1] * scale)


def _agree(vector: Array, others: Sequence[Array | None], unit: Sequence[Array] | None) -> bool:
    """Whether vectors are multiples of each other, after division by units."""
    for number, other in enumerate(others):
        if other is None:
            return False
        one = other if unit is None else other / unit[number]
        weight = np.abs(vector)
        ratio = one / vector
        if np.ptp(ratio) > SAME * np.abs(ratio).max() or not weight.all():
            return False
    return True


def _product(names: Sequence[str], powers: Array) -> str:
    """Powers as a fraction, whole numbers where they are."""
    whole = _whole(powers)
    above = [_power(n, p) for n, p in zip(names, whole, strict=True) if p > 0]
    below = [_power(n, -p) for n, p in zip(names, whole, strict=True) if p < 0]
    top = " × ".join(above) or "1"
    if not below:
        return top
    bottom = " × ".join(below)
    return f"{top} / {bottom}" if len(below) == 1 else f"{top} / ({bottom})"


def _sum(names: Sequence[str], weights: Array) -> str:
    weights = _whole(weights / np.abs(weights).min())
    parts = []
    for name, weight in zip(names, weights, strict=True):
        size = "" if abs(abs(weight) - 1.0) < SAME else f"{abs(weight):.3g} "
        parts.append(f"{'-' if weight < 0 else '+'} {size}{name}")
    return " ".join(parts).removeprefix("+ ")


def _whole(numbers: Array) -> Array:
    """The numbers, as the smallest whole ones in their proportions where these exist."""
    for factor in range(1, LARGEST + 1):
        scaled = factor * numbers
        near = np.round(scaled)
        if np.abs(near).max() <= LARGEST and (np.abs(scaled - near) < SAME * np.abs(scaled)).all():
            return np.asarray(near)
    return numbers


def _power(name: str, power: float) -> str:
    return name if abs(power - 1.0) < SAME else f"{name}^{power:.3g}"


def _trade(own: Sequence[Parameter], vector: Array) -> Combination:
    """What may change unnoticed: the largest entry is 1 % or a hundredth of its size."""
    on = np.flatnonzero(vector).tolist()
    vector = vector / np.abs(vector).max()
    vector = vector * np.sign(vector[on[0]])
    parts = []
    for i in on:
        one = own[i]
        change = f"{vector[i]:+.2g} %" if one.size is None else (
            f"{0.01 * vector[i] * one.size:+.2g} {one.unit}"
        )  # fmt: skip
        parts.append(f"{one.name} {change}")
    return Combination({own[i].name: float(vector[i]) for i in on}, "local", ", ".join(parts))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
