"""Training checkpoints: one safetensors file whose metadata holds the rest as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as dump_tensors

from bioenv.agents.atomic import write_bytes
from bioenv.errors import BioenvError

SCHEMA = "bioenv checkpoint 1"


def write_checkpoint(
    path: Path, arrays: Mapping[str, NDArray[Any]], record: Mapping[str, Any]
) -> None:
    """Replace the checkpoint in one step.

    Args:
        arrays: tensors by name.
        record: JSON-able rest; integers of any size survive.
    """
    tensors = {name: np.ascontiguousarray(value) for name, value in arrays.items()}
    # ascontiguousarray makes a scalar one-dimensional; the shape belongs to the state.
    tensors = {name: tensors[name].reshape(np.shape(arrays[name])) for name in tensors}
    metadata = {"schema": SCHEMA, "record": json.dumps(record)}
    write_bytes(path, dump_tensors(tensors, metadata=metadata))


def read_checkpoint(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays and the record of a checkpoint.

    Raises:
        BioenvError: there is none, or it is damaged or of another kind.
    """
    if not path.is_file():
        raise BioenvError(f"no checkpoint at {path}: nothing to resume")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("schema") != SCHEMA:
                raise BioenvError(f"{path} is no checkpoint of this version ({SCHEMA})")
            record = json.loads(metadata["record"])
            return {name: file.get_tensor(name) for name in file.keys()}, record  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, BioenvError):
            raise
        raise BioenvError(f"checkpoint {path} is damaged: {error}") from error
