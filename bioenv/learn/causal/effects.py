"""How large is an effect? Estimates from records beside the simulator's truth.

- naive: the slope of outcome on treatment in the records, with nothing adjusted. A correlation.
- adjusted: the same slope in a regression that also holds a back-door set z (the precise one),
  ``y = x beta + g(z)`` with g quadratic (partially linear: Robinson 1988, Econometrica 56:931-954).
- mechanisms: every mechanism fitted, simulated with and without ``do`` (g-formula).
- truth: the simulator with and without ``do``, the same people and the same noise.

An effect is the mean over people of what the intervention changes. Intervals are 1.645 standard
deviations of a bootstrap over trials to both sides (Efron and Tibshirani 1993, chapter 12).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.learn.causal.do import Do, select
from bioenv.learn.causal.fitted import Fitted
from bioenv.learn.causal.graph import INPUTS, STATES, Graph, at, plain, step
from bioenv.learn.causal.identify import Identification, identify
from bioenv.learn.causal.model import CausalModel, Exogenous
from bioenv.learn.causal.records import UNITS, Records

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True)
class Question:
    """What does an intervention do to an outcome?

    Args:
        do: the intervention. outcome: a channel with a label, "qpos.elbow".
        window: s, (start, stop) over which the outcome is averaged; one instant if they are equal.

    Raises BioenvError when the outcome is no channel.
    """

    do: Do
    outcome: str
    window: tuple[float, float]

    def __post_init__(self) -> None:
        if plain_node(self.outcome) not in STATES:
            raise BioenvError(
                f"an outcome is a channel and a label, as qpos.elbow, not {self.outcome!r}; "
                f"channels: {', '.join(STATES)}"
            )

    @property
    def unit(self) -> str:
        """Of the outcome."""
        return UNITS[plain_node(self.outcome)]

    def of(self, records: Records) -> Array:
        """(E,) the outcome in trials."""
        return records.column(self.outcome, self.window)

    def identified(self, graph: Graph, records: Records) -> Identification:
        """Whether these records can tell it, by the graph."""
        node, steps = plain_node(self.outcome), records.steps(self.window)
        y = {at(node, int(k)) for k in steps}
        if self.do.node in INPUTS:
            x = {self.do.node}
        else:
            x = {at(self.do.node, int(k)) for k in self.do.steps(records.time)}
        return identify(graph, x, y, set(records.values) & set(graph.nodes))


@dataclass(frozen=True)
class Estimate:
    """An effect in the outcome's unit, and its 90 % interval (NaN without a bootstrap).

    outside: share of people whom the intervention takes out of the range of the records, where
    fitted mechanisms extrapolate (no positivity: Hernán and Robins 2020, What If, section 3.3).
    """

    method: str
    value: float
    low: float = np.nan
    high: float = np.nan
    outside: float = 0.0


def truth(model: CausalModel, exogenous: Exogenous, question: Question) -> Estimate:
    """The simulator's answer: the same trials with and without the intervention."""
    before, after = model.rollout(exogenous), model.rollout(exogenous, [question.do])
    return Estimate("truth", float(np.mean(question.of(after) - question.of(before))))


def naive(records: Records, question: Question, *, resamples: int = 200, seed: int = 0) -> Estimate:
    """The slope of the outcome on the treatment's mean, times the change of the treatment."""
    x = _treatment(records, question.do)[0].mean(axis=1, keepdims=True)
    change = np.array([_shift(question.do, x).mean()])
    return _regressed("naive", question.of(records), x, None, change, resamples, seed)


def adjusted(
    records: Records, question: Question, told: Identification, *, resamples: int = 200,
    seed: int = 0,
) -> Estimate:  # fmt: skip
    """The slope at fixed values of the back-door set.

    The whole channel is the treatment, muscle by muscle, so that the others are held.
    Raises BioenvError when there is no such set.
    """
    if told.how != "back-door":
        raise BioenvError(f"no single set to adjust for. {told.text}")
    x, columns = _treatment(records, question.do, whole=True)
    change = np.zeros(x.shape[1])
    change[columns] = _shift(question.do, x[:, columns]).mean(axis=0)
    z = [_value(records, n) for n in sorted(told.precise)]
    covariates = np.concatenate(z, axis=1) if z else None
    return _regressed("adjusted", question.of(records), x, covariates, change, resamples, seed)


def mechanisms(
    records: Records, held_out: Records, question: Question, fitted: Fitted, *,
    resamples: int = 20, seed: int = 0,
) -> Estimate:  # fmt: skip
    """Mechanisms fitted to `records`, simulated for the held-out people with and without `do`.

    Of these people only inputs and the state at the start are used; their noise is that of
    people in `records`, drawn at random.
    """
    rng = np.random.default_rng(seed)
    lent = records.take(rng.integers(len(records), size=len(held_out)))
    value, outside = _simulated(fitted, lent, held_out, question)
    again = [
        _simulated(fitted.resample(rng), lent, held_out, question)[0] for _ in range(resamples)
    ]  # fmt: skip
    return replace(_with_interval("mechanisms", value, np.array(again)), outside=outside)


def _simulated(
    fitted: Fitted, lent: Records, held_out: Records, question: Question
) -> tuple[float, float]:
    """The mean effect on the held-out people, with the noise of as many others; the share of them
    that leaves the range of the records."""
    model = CausalModel(fitted)
    start, noise = model.abduct(held_out), model.abduct(lent)
    mixed = replace(
        start, neural=noise.neural, fiber=noise.fiber, disturbance=noise.disturbance
    )  # fmt: skip
    before, after = model.rollout(mixed), model.rollout(mixed, [question.do])
    change = float(np.mean(question.of(after) - question.of(before)))
    return change, float(fitted.outside(after).mean())


def compare(
    records: Records, held_out: Records, question: Question, graph: Graph, *,
    resamples: int = 20, seed: int = 0,
) -> tuple[Identification, list[Estimate]]:  # fmt: skip
    """All estimates that records allow; which of them deserves belief the identification tells."""
    told = question.identified(graph, records)
    found: list[Estimate] = []
    if _varied(records, question.do):
        found.append(naive(records, question, seed=seed))
        if told.how == "back-door":
            found.append(adjusted(records, question, told, seed=seed))
    if told.identified:
        fitted = Fitted(graph, seed=seed).fit(records)
        found.append(
            mechanisms(records, held_out, question, fitted, resamples=resamples, seed=seed)
        )
    return told, found


def plain_node(name: str) -> str:
    """The channel of "qpos.elbow"."""
    return name.partition(".")[0]


def _varied(records: Records, do: Do) -> bool:
    """Whether the records hold the treatment, and in the interval that is asked about: what was
    given over the whole trial says nothing about a part of it without mechanisms."""
    if do.node not in records:
        return False
    whole = len(do.steps(records.time)) == len(records.time)
    return whole or records[do.node].shape[1] > 1


def _treatment(records: Records, do: Do, whole: bool = False) -> tuple[Array, Index]:
    """(E, k) means of the treatment over its interval, and which columns are intervened on."""
    if not _varied(records, do):
        raise BioenvError(
            f"the records do not hold {do.node} over the interval of do({do.text}); "
            "only mechanisms can answer"
        )
    columns = select(records.labels[do.node], do.label, f"label of {do.node}")
    value = records[do.node]
    x = value[:, 0] if value.shape[1] == 1 else value[:, do.steps(records.time)].mean(axis=1)
    return (x, columns) if whole else (x[:, columns], columns)


def _value(records: Records, node: str) -> Array:
    """(E, labels) of an unrolled node; of an input its mean over the trial."""
    value = records[plain(node)]
    return np.asarray(value[:, step(node)] if "@" in node else value.mean(axis=1))


def _shift(do: Do, x: Array) -> Array:
    return do.apply(x) - x


def _regressed(
    method: str, y: Array, x: Array, z: Array | None, change: Array, resamples: int, seed: int
) -> Estimate:
    """Slopes on x, times a change, in a regression with a quadratic in z."""
    more = [] if z is None else [_quadratic(z)]
    design = np.concatenate([x, np.ones((len(y), 1)), *more], axis=1)
    design = design / np.maximum(np.abs(design).max(axis=0), 1e-12)
    sizes = np.maximum(np.abs(x).max(axis=0), 1e-12)
    # In an orthonormal basis of all trials a resample is well conditioned, and cheap.
    basis, values, back = np.linalg.svd(design, full_matrices=False)
    rank = int((values > 1e-10 * values[0]).sum())
    basis = basis[:, :rank]
    weigh = (back[:rank, : x.shape[1]] / values[:rank, None]) @ (change / sizes)

    def slope(rows: Index) -> float:
        part = basis[rows]
        return float(np.linalg.lstsq(part.T @ part, part.T @ y[rows], rcond=1e-12)[0] @ weigh)

    rng, number = np.random.default_rng(seed), len(y)
    again = [slope(rng.integers(number, size=number)) for _ in range(resamples)]
    return _with_interval(method, slope(np.arange(number)), np.array(again))


def _quadratic(z: Array) -> Array:
    """Columns, and their products where there are trials enough to tell them."""
    scaled = (z - z.mean(axis=0)) / np.maximum(z.std(axis=0), 1e-12)
    i, j = np.triu_indices(z.shape[1])
    if len(i) > len(z) / 10:
        return np.asarray(scaled)
    return np.concatenate([scaled, scaled[:, i] * scaled[:, j]], axis=1)


def _with_interval(method: str, value: float, again: Array) -> Estimate:
    """The normal interval: resampled values are centered elsewhere where a model has many terms."""
    if len(again) < 2:
        return Estimate(method, value)
    half = 1.645 * float(again.std(ddof=1))
    return Estimate(method, value, value - half, value + half)


def table(question: Question, told: Identification, found: Iterable[Estimate]) -> str:
    """In words: what is asked, whether records can tell it, and the estimates."""
    lines = [f"do({question.do.text}) on {question.outcome}, {question.unit}: {told.text}"]
    for one in found:
        row = f"  {one.method:12}{one.value:+10.4g}"
        if np.isfinite(one.low):
            row += f"   90 % from {one.low:+.4g} to {one.high:+.4g}"
        if one.outside:
            row += f"   ({100 * one.outside:.0f} % of people leave the range of the records)"
        lines.append(row)
    return "\n".join(lines)
