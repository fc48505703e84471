"""An estimator: an ensemble of networks that knows its units, how sure it is, and its limits.

estimator = Estimator(Settings("gru"), members=5).fit(train, valid)
found = estimator.predict(test)                  # mean, variances, interval, flag
estimator.save("knee", card={"data": "..."}); Estimator.load("knee")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from bioenv.errors import BioenvError
from bioenv.learn.estimators.networks import Gaussian, Settings, Shape, build
from bioenv.learn.estimators.noise import Noise
from bioenv.learn.estimators.novelty import Novelty
from bioenv.learn.estimators.prediction import Prediction, conformal_factor, total_variance
from bioenv.learn.estimators.scaling import Scaling
from bioenv.learn.estimators.training import Data, Plan, Training, fit_network
from bioenv.learn.estimators.windows import Windows

Array = NDArray[np.float64]

_AT_ONCE = 4096  # windows through a network


class Estimator:
    """Deep ensemble with a calibrated interval, a novelty score, and the scaling of its data.

    Args:
        settings: of every member's network. members: of the ensemble; each has its own seed.
        plan: of the training. noise: of the inputs, for augmentation, or None.
        level: share of truths the interval shall hold.
        balance: every subject counts the same in training and calibration.
        novelty: the score of usual and unusual windows.
        degrade: also learn how much wider the interval must be when one input column is missing
            and reads its mean; needed for `predict(..., missing=...)`.

    Learned:
        card_: units, names, rate, data, scores: what a model file keeps beside the weights.
        factor_: (H, O) of the deviation to the interval; degraded_: (I, H, O) the same with a
            column missing, or None. inputs_, targets_: their `Scaling`. trainings_.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        members: int = 5,
        seed: int = 0,
        plan: Plan | None = None,
        noise: Noise | None = None,
        level: float = 0.9,
        balance: bool = True,
        novelty: Novelty | None = None,
        degrade: bool = False,
    ) -> None:
        if members < 1 or not 0 < level < 1:
            raise BioenvError(f"members must be 1 or more, level in (0, 1); got {members}, {level}")
        self.settings, self.members, self.seed = settings or Settings(), members, seed
        self.plan, self.noise, self.level = plan or Plan(), noise, level
        self.balance, self.degrade = balance, degrade
        self.novelty = novelty or Novelty()
        self.card_: dict[str, Any] = {}
        self.degraded_: Array | None = None
        self.networks_: list[nn.Module] = []

    def fit(self, train: Windows, valid: Windows, calibration: Windows | None = None) -> Self:
        """Learn from windows; `valid` ends the training and, without `calibration`, calibrates.

        Raises BioenvError for no windows, or windows of other columns.
        """
        for one in (valid, calibration or valid):
            self._check_kind(train, one)
        weight = _balanced(train.subject) if self.balance else np.ones(len(train))
        self.inputs_ = Scaling.of(train.inputs, weight)
        self.targets_ = Scaling.of(train.targets, weight)
        self.shape_ = Shape(
            train.length, len(train.input_names), len(train.offsets_s), len(train.target_names)
        )
        self.card_ = _kind(train)
        data, judged = self._data(train, weight), self._data(valid)
        disturb = self.noise.disturb(self.inputs_) if self.noise is not None else None
        self.networks_, trainings = [], []
        for member in range(self.members):
            seed = 1000 * self.seed + member
            network = build(self.settings, self.shape_, seed)
            trainings.append(fit_network(network, data, judged, self.plan, seed, disturb))
            self.networks_.append(network)
        self.trainings_: tuple[Training, ...] = tuple(trainings)
        self.novelty.fit(self.inputs_.forward(train.inputs), self.inputs_.forward(valid.inputs))
        return self.calibrate(calibration or valid)

    def calibrate(self, windows: Windows) -> Self:
        """Set the width of the interval from windows that were not trained on."""
        weight = _balanced(windows.subject) if self.balance else np.ones(len(windows))
        self.factor_ = self._factor(windows.inputs, windows.targets, weight)
        if self.degrade:
            self.degraded_ = np.stack(
                [
                    self._factor(self._without(windows.inputs, (one,)), windows.targets, weight)
                    for one in range(self.shape_.inputs)
                ]
            )
        return self

    def predict(self, windows: Windows | ArrayLike, missing: Sequence[str] = ()) -> Prediction:
        """Estimates of windows, or of inputs (N, L, I) in the card's units.

        missing: a column that the windows do not have (its values are not looked at): it reads the
        training mean, the interval is as wide as it then must be, and every window is flagged.

        Raises BioenvError for windows of another shape, columns or rate, for NaN, and for more
        than one missing column.
        """
        inputs = self._inputs(windows)
        factor = self.factor_
        notes: tuple[str, ...] = ()
        lost = self._lost(missing)
        if lost:
            inputs = self._without(inputs, lost)
            assert self.degraded_ is not None
            factor = np.maximum(self.degraded_[lost[0]], self.factor_)
            notes = (f"degraded: {missing[0]} is missing and reads its training mean",)
        if not np.isfinite(inputs).all():
            bad = [
                self.card_["inputs"][i] for i in np.flatnonzero(~np.isfinite(inputs).all((0, 1)))
            ]
            raise BioenvError(
                f"inputs hold NaN or infinity in {', '.join(bad)}; fill the gaps, leave these "
                "windows out, or name one missing column"
            )
        mean, aleatoric, epistemic = self._mixture(inputs)
        score = self.novelty.score(self.inputs_.forward(inputs))
        # Beyond the limit no calibration holds; the band says so by growing with the distance.
        wide = np.maximum(score, 1.0)[:, None, None]
        half = factor * np.sqrt(aleatoric + epistemic) * wide
        flag = (score > 1.0) | bool(lost)
        return Prediction(
            mean, aleatoric, epistemic, mean - half, mean + half, score, flag, notes
        )  # fmt: skip

    def save(self, folder: str | Path, card: Mapping[str, Any] | None = None) -> Path:
        """Write model.safetensors and card.json; `card`: what the data were, scores, command."""
        from bioenv.learn.estimators import files

        return files.save(self, Path(folder), card or {})

    @staticmethod
    def load(folder: str | Path) -> Estimator:
        """Read a folder that `save` wrote, or a shipped estimator by name."""
        from bioenv.learn.estimators import files

        return files.load(folder)

    def _mixture(self, inputs: Array) -> tuple[Array, Array, Array]:
        """Mean, aleatoric and epistemic variance (N, H, O) in the targets' units."""
        seen = _tensor(self.inputs_.forward(inputs))
        means, spreads = [], []
        with torch.no_grad():
            for network in self.networks_:
                parts = [network(part) for part in seen.split(_AT_ONCE)]
                found = Gaussian(*(torch.cat(one) for one in zip(*parts, strict=True)))
                means.append(self.targets_.back(found.mean.double().numpy()))
                spreads.append(found.log_variance.double().exp().numpy() * self.targets_.scale**2)
        return total_variance(np.stack(means), np.stack(spreads))

    def _factor(self, inputs: Array, targets: Array, weight: Array) -> Array:
        mean, aleatoric, epistemic = self._mixture(inputs)
        return conformal_factor(targets - mean, np.sqrt(aleatoric + epistemic), self.level, weight)

    def _without(self, inputs: Array, lost: Sequence[int]) -> Array:
        filled = np.array(inputs)
        filled[:, :, list(lost)] = self.inputs_.center[list(lost)]
        return filled

    def _lost(self, missing: Sequence[str]) -> tuple[int, ...]:
        names = self.card_["inputs"]
        lost = tuple(names.index(one) for one in missing if one in names)
        if len(lost) > 1 or (lost and self.degraded_ is None):
            allowed = "one" if self.degraded_ is not None else "no"
            raise BioenvError(
                f"{', '.join(missing)} missing; this estimator works with {allowed} missing column "
                f"of {', '.join(names)}"
            )
        return lost

    def _inputs(self, windows: Windows | ArrayLike) -> Array:
        """Inputs (N, L, I), checked against the card."""
        if not self.networks_:
            raise BioenvError("this estimator has learned nothing yet; call fit() first")
        if isinstance(windows, Windows):
            kind = _kind(windows)
            for name in ("inputs", "input_units", "rate_hz", "length"):
                if kind[name] != self.card_[name]:
                    raise BioenvError(
                        f"the windows' {name} are {kind[name]}, this estimator's {self.card_[name]}"
                    )
            return windows.inputs
        array = np.asarray(windows, dtype=np.float64)
        if array.ndim != 3 or array.shape[1:] != self.shape_[:2]:
            raise BioenvError(
                f"inputs must be (N, {self.shape_.samples}, {self.shape_.inputs}): "
                f"{self.shape_.samples} samples at {self.card_['rate_hz']:g} Hz of "
                f"{', '.join(self.card_['inputs'])}; got {array.shape}"
            )
        return array

    def _data(self, windows: Windows, weight: Array | None = None) -> Data:
        if weight is None:
            weight = _balanced(windows.subject) if self.balance else np.ones(len(windows))
        return Data(
            _tensor(self.inputs_.forward(windows.inputs)),
            _tensor(self.targets_.forward(windows.targets)),
            _tensor(weight),
        )

    @staticmethod
    def _check_kind(train: Windows, other: Windows) -> None:
        if not len(train) or not len(other):
            raise BioenvError(f"{len(train)} windows to train, {len(other)} to judge: give both")
        for name, value in _kind(train).items():
            if value != _kind(other)[name]:
                raise BioenvError(f"windows differ in {name}: {value} and {_kind(other)[name]}")


def _kind(windows: Windows) -> dict[str, Any]:
    """What windows must share to be given to one estimator, as plain JSON."""
    return {
        "inputs": list(windows.input_names),
        "input_units": list(windows.input_units),
        "targets": list(windows.target_names),
        "target_units": list(windows.target_units),
        "rate_hz": windows.rate,
        "length": windows.length,
        "offsets_s": list(windows.offsets_s),
    }


def _balanced(subject: NDArray[np.str_]) -> Array:
    """(N,) weights of mean 1 that give every subject the same share."""
    _, number, count = np.unique(subject, return_inverse=True, return_counts=True)
    weight = 1.0 / count[number]
    return np.asarray(weight / weight.mean(), dtype=np.float64)


def _tensor(values: Array) -> Tensor:
    return torch.as_tensor(np.ascontiguousarray(values), dtype=torch.float32)
