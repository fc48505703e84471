"""Model files of estimators. Reading runs no code from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bioenv.errors import BioenvError, unknown
from bioenv.learn import model_files
from bioenv.learn.estimators.estimator import Estimator
from bioenv.learn.estimators.networks import Settings, Shape, build, kinds
from bioenv.learn.estimators.novelty import Novelty
from bioenv.learn.estimators.scaling import Scaling
from bioenv.learn.model_files import CARD, Tensors, below, find

FORMAT = "bioenv estimator 1"
_LISTS = ("inputs", "input_units", "targets", "target_units", "offsets_s")
_KINDS: Mapping[str, type] = {
    **dict.fromkeys(_LISTS, list), "network": dict, "novelty": dict, "members": int, "length": int,
}  # fmt: skip
_NOVELTY = ("components", "neighbors", "references", "usual", "seed")


def save(estimator: Estimator, folder: Path, card: Mapping[str, Any]) -> Path:
    """Write both files. Raises BioenvError for an estimator without a fit, or a card not JSON."""
    if not estimator.networks_:
        raise BioenvError("this estimator has learned nothing yet; call fit() before save()")
    record = {
        **card,
        "format": FORMAT,
        **{k: v for k, v in estimator.card_.items() if k not in card},
        "network": {**asdict(estimator.settings), "more": dict(estimator.settings.more)},
        "members": estimator.members,
        "level": estimator.level,
        "novelty": {name: getattr(estimator.novelty, name) for name in _NOVELTY},
    }
    return model_files.write(folder, _tensors(estimator), record)


def load(source: str | Path) -> Estimator:
    """Read a model. Raises BioenvError naming the file, what was found and what was expected."""
    import torch

    folder = find(source)
    record, tensors = model_files.read(folder, FORMAT, _KINDS)
    if record["network"].get("kind") not in kinds():
        raise unknown(
            f"network in {folder / CARD}", str(record["network"].get("kind")), kinds()
        )  # fmt: skip
    try:
        found = _assemble(record, tensors)
        for number in range(record["members"]):
            network = build(found.settings, found.shape_, 0)
            weights = below(f"member{number}.", tensors)
            network.load_state_dict({name: torch.from_numpy(one) for name, one in weights.items()})
            found.networks_.append(network.eval())
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BioenvError(f"{folder} holds no estimator that can be used: {error}") from error
    return found


def _tensors(estimator: Estimator) -> Tensors:
    found: Tensors = {
        "inputs.center": estimator.inputs_.center, "inputs.scale": estimator.inputs_.scale,
        "targets.center": estimator.targets_.center, "targets.scale": estimator.targets_.scale,
        "factor": estimator.factor_,
    }  # fmt: skip
    if estimator.degraded_ is not None:
        found["degraded"] = estimator.degraded_
    for name, value in estimator.novelty.state().items():
        # They only say how far a window is: single precision is plenty.
        found[f"novelty.{name}"] = value.astype(np.float32)
    for number, network in enumerate(estimator.networks_):
        for name, weight in network.state_dict().items():
            found[f"member{number}.{name}"] = weight.numpy()
    return found


def _assemble(record: dict[str, Any], tensors: Tensors) -> Estimator:
    """An estimator as its card says, without its networks."""
    found = Estimator(
        Settings(**record["network"]),
        members=record["members"],
        level=record["level"],
        novelty=Novelty(**record["novelty"]),
        degrade="degraded" in tensors,
    )
    found.card_ = record
    found.shape_ = Shape(
        record["length"], len(record["inputs"]), len(record["offsets_s"]), len(record["targets"])
    )
    found.inputs_ = Scaling(tensors["inputs.center"], tensors["inputs.scale"])
    found.targets_ = Scaling(tensors["targets.center"], tensors["targets.scale"])
    found.factor_, found.degraded_ = tensors["factor"], tensors.get("degraded")
    found.novelty.restore(below("novelty.", tensors))
    return found
