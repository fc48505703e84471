"""Two files for a learned model: weights as safetensors, a JSON card. Reading runs no code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as dump_tensors

from bioenv.errors import BioenvError, unknown
from bioenv.motion_io import write_atomically
from bioenv.paths import agent_file

WEIGHTS, CARD = "model.safetensors", "card.json"

Tensors = dict[str, NDArray[Any]]


def shipped() -> tuple[str, ...]:
    """Names of the learned models that come with bioenv."""
    folder = agent_file("estimators")
    if not folder.is_dir():
        return ()
    return tuple(sorted(one.name for one in folder.iterdir() if (one / CARD).is_file()))


def find(source: str | Path) -> Path:
    """Folder of a model given as a folder or a shipped name. Raises BioenvError for neither."""
    path = Path(source)
    if path.is_dir():
        return path
    if str(source) in shipped():
        return agent_file("estimators", str(source))
    if path.suffix or len(path.parts) > 1:
        raise BioenvError(
            f"no estimator at {path}: expected a folder with {WEIGHTS} and {CARD}, or a shipped "
            f"name: {', '.join(shipped()) or 'none'}"
        )
    raise unknown("estimator", str(source), shipped())


def write(folder: Path, tensors: Tensors, record: Mapping[str, Any]) -> Path:
    """Write both files. Raises BioenvError for a record that is not plain JSON."""
    weights = dump_tensors({name: np.ascontiguousarray(one) for name, one in tensors.items()})
    own = {"made_by": "bioenv", "weights_sha256": hashlib.sha256(weights).hexdigest()}
    try:
        text = json.dumps({**record, **own}, indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise BioenvError(f"the card must be plain JSON: {error}") from error
    write_atomically(folder / WEIGHTS, weights)
    write_atomically(folder / CARD, text.encode())
    return folder


def read(folder: Path, form: str, kinds: Mapping[str, type]) -> tuple[dict[str, Any], Tensors]:
    """The card and the tensors of a folder.

    Args:
        form: what the card's "format" must be.
        kinds: entries that the card must have, and their types.

    Raises BioenvError naming the file, what was found and what was expected.
    """
    record, path = card(folder), folder / WEIGHTS
    if record.get("format") != form:
        raise BioenvError(
            f'{folder / CARD} has format {record.get("format")!r} where "{form}" is expected'
        )
    for name, kind in {**kinds, "weights_sha256": str}.items():
        if not isinstance(record.get(name), kind):
            given = record.get(name)
            raise BioenvError(f"{folder / CARD}: {name!r} must be a {kind.__name__}: {given!r}")
    try:
        raw = path.read_bytes()
        tensors = parse_tensors(raw)
    except OSError as error:
        raise BioenvError(f"cannot read {path}: {error.strerror}") from error
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise BioenvError(f"{path} is no intact safetensors file: {error}") from error
    if hashlib.sha256(raw).hexdigest() != record["weights_sha256"]:
        raise BioenvError(f"{path} does not belong to {CARD} beside it (sha256 differs)")
    return record, tensors


def card(folder: Path) -> dict[str, Any]:
    """The card of a folder, whatever model it is of. Raises BioenvError where there is none."""
    path = folder / CARD
    try:
        record = json.loads(path.read_bytes())
    except OSError as error:
        raise BioenvError(
            f"cannot read {path}: {error.strerror}; a model is {WEIGHTS} and {CARD}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise BioenvError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(record, dict) or "format" not in record:
        raise BioenvError(f'{path} is no card of a model: expected an object with "format"')
    return record


def below(prefix: str, tensors: Mapping[str, NDArray[Any]]) -> Tensors:
    """The tensors whose names begin with a prefix, without it."""
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
