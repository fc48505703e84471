"""The rows of a motion's table: each figure with its band, reference and source."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from bioenv.evaluate import bands, cost, gait, loads, steps
from bioenv.evaluate.compare import (
    Comparison,
    Timing,
    between_people,
    comparisons,
    emg_timing,
    pooled_rmse,
)
from bioenv.evaluate.complete import weighs_as
from bioenv.evaluate.gait import JOINTS, Gait
from bioenv.evaluate.periodic import periods
from bioenv.evaluate.physics import physics_figures, why_impossible
from bioenv.evaluate.score import Score, banded
from bioenv.lab.reference import EMG_CHANNELS, Reference
from bioenv.models import Model
from bioenv.motion import Motion

if TYPE_CHECKING:
    from bioenv.learn.consistency_result import Consistency

EMG_MATCH = 0.6
"""Correlation from which an activation has the shape of its EMG (project target)."""
EMG_MATCHES = 7
"""Of the nine channels that every walking body has a muscle for (project target)."""
FLAGGED = 10.0
"""% of samples that an estimator may flag; of usual movement it flags about 2."""


def gait_rows(one: Gait, body: Model | None, reference: Reference | None) -> Iterator[Score]:
    """Outcome, gait figures, curves and muscle timing against the reference."""
    yield from _outcome(one)
    if "ground_reaction_force" in one.motion:
        yield from _gait_scores(one, body, reference)
    if reference is not None and one.count:
        yield from _curve_scores(one, reference)
        yield from _timing_scores(one, reference)


def cost_rows(values: Mapping[str, float], weights: Mapping[str, float]) -> Iterator[Score]:
    """Weighted shares of the shared cost, and their sum."""
    for name, weight in weights.items():
        if name in values:
            note = f"weight {weight:g} times {cost.GOALS[name].doc} ({cost.GOALS[name].unit})"
            yield Score(f"cost_{name}", weight * values[name], "1", "", None, note)
    sum_of_all = cost.total(values, weights)
    if sum_of_all is not None:
        without = cost.left_out(weights)
        note = f"; without {', '.join(without)}" if without else ""
        yield Score("cost_total", sum_of_all, "1", "", None, f"sum of the weighted goals{note}")


def _outcome(one: Gait) -> Iterator[Score]:
    """Whether it stood, how long it is, how many strides it holds."""
    motion = one.motion
    yield Score("duration", float(motion.meta.get("period_s", motion.duration)), "s")
    if "ended" in motion.meta:
        fell = motion.meta["ended"] == "terminated"
        words = "ended by the task's termination (a fall)" if fell else "ran to its end"
        yield banded("completed", 0.0 if fell else 1.0, "1", note=words)
    if periods(motion) and one.count:
        note = f"one period, repeated {periods(motion)} times: there is no spread"
        yield Score("strides_found", float(len(one.strides)), "1", "", None, note)
    elif "ground_reaction_force" in motion:
        yield banded("strides_found", float(one.count), "1", note=one.why)
    if "activation" in motion:
        effort = float((motion["activation"] ** 2).mean())
        yield Score("mean_squared_activation", effort, "1")


def _gait_scores(
    one: Gait, body: Model | None, reference: Reference | None
) -> Iterator[Score]:  # fmt: skip
    measures = {
        **gait.spatiotemporal(one), **steps.variability(one), **gait.symmetry(one),
        **gait.landing(one), **steps.contact_order(one, body), **loads.ground(one),
        **loads.joint_contact(one), **loads.energy(one),
    }  # fmt: skip
    for name, (value, unit) in measures.items():
        measured = reference.figure(name) if reference is not None else None
        if reference is None or measured is None:
            yield banded(name, value, unit)
        elif name == "speed":
            band = bands.SPEED_TOLERANCE
            ok = bool(abs(value / measured - 1) <= band)
            text = f"{measured:.3f} +- {100 * band:g} %"
            yield Score(name, value, unit, text, ok, _who(reference, name))
        else:
            score = banded(name, value, unit)
            text = f"{measured:.3g} ({reference.name})"
            text = f"{score.reference}; {text}" if score.reference else text
            source = score.source or _who(reference, name)
            yield Score(name, value, unit, text, score.ok, source)


def _curve_scores(one: Gait, reference: Reference) -> Iterator[Score]:
    found = comparisons(one, reference)
    pooled = pooled_rmse(found, JOINTS)
    if pooled is not None:
        yield banded("joint_angle_rmse", pooled, "deg", note=f"against {reference.name}")
        mean_r = float(np.mean([found[joint].r for joint in JOINTS]))
        yield Score("joint_angle_r", mean_r, "1", "", None, f"against {reference.name}")
    people = between_people(reference)
    for name, figures in found.items():
        yield from _comparison_scores(figures, people.get(name, {}), reference)


def _comparison_scores(
    found: Comparison, people: Mapping[str, Comparison], reference: Reference
) -> Iterator[Score]:
    """One curve's figures; where other people's curves are known, their range is the reference."""
    source = f"against {reference.name}, {reference.people}"
    if people:
        source += f"; other people: {', '.join(people)} against {reference.name}"
    for figure, unit in (
        ("rmse", found.unit), ("offset_free_rmse", found.unit), ("r", "1"),
        ("inside_1sd", "1"), ("inside_2sd", "1"),
    ):  # fmt: skip
        others = sorted(getattr(one, figure) for one in people.values())
        text = f"other people {others[0]:.3g} to {others[-1]:.3g}" if others else ""
        yield Score(f"{found.name}_{figure}", getattr(found, figure), unit, text, None, source)


def _timing_scores(one: Gait, reference: Reference) -> Iterator[Score]:
    source = f"EMG envelopes of {reference.name}; shape only"
    found = emg_timing(one, reference)
    if found:
        mean = float(np.nanmean([t.r for t in found.values()]))
        yield Score("emg_r", mean, "1", "", None, f"mean over {len(found)} channels; {source}")
        yield from _matched(found, source)
    for channel, timing in found.items():
        yield Score(f"{channel}_r", timing.r, "1", "", None, source)
        yield Score(f"{channel}_similarity", timing.similarity, "1", "", None, source)
        yield Score(f"{channel}_lag", timing.lag, "cycle", "", None, source)


def _matched(found: Mapping[str, Timing], source: str) -> Iterator[Score]:
    """How many EMG channels have the shape of the muscle under them."""
    common = [found[name].r >= EMG_MATCH for name in EMG_CHANNELS if name in found]
    if common:
        share = f">= {EMG_MATCHES} of {len(EMG_CHANNELS)}"
        whole = len(common) == len(EMG_CHANNELS)
        yield Score(
            "emg_matched", float(sum(common)), f"of {len(common)}",
            share if whole else "", sum(common) >= EMG_MATCHES if whole else None,
            f"channels with r >= {EMG_MATCH:g} (project target); {source}",
        )  # fmt: skip
    if len(found) > len(common):
        every = [timing.r >= EMG_MATCH for timing in found.values()]
        note = f"of all {len(every)} channels, r >= {EMG_MATCH:g}; {source}"
        yield Score("emg_matched_share", float(np.mean(every)), "1", "", None, note)


def physics_rows(
    motion: Motion, body: Model | None, nearest: Consistency | None
) -> Iterator[Score]:
    figures, why = physics_figures(motion, body)
    if why:
        yield Score("root_force_rms_percent", math.nan, "%", "", None, f"not computed: {why}")
    for name, (value, unit) in figures.items():
        yield banded(name, value, unit)
    if nearest is not None:
        note = "; ".join(nearest.notes)
        yield banded("physics_consistency", nearest.overall, "sd of noise", note)
        yield banded("physics_consistent_share", nearest.share, "1", note)
    if body is not None and body.feet and weighs_as(motion, body):
        against = why_impossible(motion, body, figures, nearest)
        yield banded("physically_possible", 0.0 if against else 1.0, "1", against)


def trust_rows(motion: Motion) -> Iterator[Score]:
    """How much of every estimated channel its estimator flags as out of its depth."""
    bare = []
    for name, signal in motion.signals.items():
        if signal.source == "estimated":
            if signal.flag is None or signal.band is None:
                bare.append(name)
                continue
            share = 100 * float(signal.flag.mean())
            ok = share <= FLAGGED
            yield Score(f"flagged_{name}", share, "%", f"<= {FLAGGED:g}", ok, "limit is ours")
    if bare:
        why = f"how sure they are is not known: {', '.join(bare)}"
        yield Score("estimates_without_band", len(bare), "channels", "", None, why)


def _who(reference: Reference, figure: str) -> str:
    return f"{reference.name}: {reference.figures[figure].source}"
