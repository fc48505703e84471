"""AUROC of the moment estimator's novelty: unusual movements and sensors against usual walking.

Walking is that of people left out, each scored by an estimator that never saw the person; faults
are made in the same person's trial and scored by the same estimator. Runners and children are
scored by all of them. What counts is the larger of novelty and `bioenv.learn.people.doubt`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bioenv import paths
from bioenv.learn.estimators import auroc
from bioenv.learn.people.implausible import doubt
from bioenv.learn.people.leg_data import leg_windows
from bioenv.learn.people.moments import MomentEstimator
from bioenv.learn.people.posture import resized
from bioenv.learn.people.unusual import FAULTS, faulty, runners, simulated_unusual
from bioenv.motion import Motion

Array = NDArray[np.float64]

CHILD = 0.65  # of the grown-up's size: about 1.15 m
EVERY = 5  # frames


def unusual_scores(
    people: Sequence[Motion], folds: Mapping[str, MomentEstimator]
) -> dict[str, float]:
    """AUROC by kind of unusual movement, windows of all people together."""
    inside = np.concatenate([_score(folds[str(one.meta["subject"])], one) for one in people])
    found: dict[str, float] = {}
    for fault in FAULTS:
        scores = [
            _score(folds[str(one.meta["subject"])], faulty(one, fault))
            for one in people
            if fault != "legs exchanged" or "pelvis_rotation" in one.labels("qpos")
        ]
        found[fault] = auroc(inside, np.concatenate(scores))
    smaller = [_score(folds[str(one.meta["subject"])], resized(one, CHILD)) for one in people]
    found["the same people at 65 % of their size"] = auroc(inside, np.concatenate(smaller))
    root = paths.lab_data()
    assert root is not None
    kinds = {
        "running, measured": tuple(runners(root)),
        "running, simulated": simulated_unusual("running"),
        "children, simulated": simulated_unusual("child"),
    }
    for name, motions in kinds.items():
        scores = [_score(fold, one) for fold in folds.values() for one in motions]
        found[name] = auroc(inside, np.concatenate(scores))
    return found


def _score(fold: MomentEstimator, motion: Motion) -> Array:
    """Novelty of the windows, or the doubt about the recording around them where that is larger."""
    windows = leg_windows(motion, every=EVERY)
    estimator = fold.estimator_
    novelty = estimator.novelty.score(estimator.inputs_.forward(windows.inputs))
    middle = windows.time + windows.offsets_s[0]
    at = np.clip(np.searchsorted(motion.time, middle - 1e-6), 0, len(motion) - 1)
    return np.maximum(novelty, doubt(motion)[at])
