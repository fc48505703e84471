"""Policies on disk: tensors as safetensors, the rest as JSON. Reading checks everything it uses."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as dump_tensors

from bioenv.agents.atomic import write_bytes
from bioenv.agents.policy import OBS_CLIP, SQUASH_CENTER, SQUASH_GAIN, Layer, PhaseMirror, Policy
from bioenv.errors import BioenvError, unknown
from bioenv.paths import agent_file

SCHEMA = 1
WEIGHTS, RECORD = "policy.safetensors", "policy.json"
_FORMAT = "bioenv policy"
# What the arithmetic in Policy.act assumes; a file that says otherwise would act differently.
_NETWORK = {
    "activation": "elu",
    "squash_gain": SQUASH_GAIN,
    "squash_center": SQUASH_CENTER,
    "obs_clip": OBS_CLIP,
}


def shipped() -> tuple[str, ...]:
    """Names of the policies that come with bioenv."""
    folder = agent_file("policies")
    if not folder.is_dir():
        return ()
    return tuple(sorted(one.name for one in folder.iterdir() if (one / RECORD).is_file()))


def find(source: str | Path) -> Path:
    """Folder of a policy given as a folder, one of its two files, or a shipped name."""
    path = Path(source)
    if path.is_dir():
        return path
    if path.is_file():
        if path.name in (WEIGHTS, RECORD):
            return path.parent
        raise BioenvError(f"{path} is no policy: expected a folder with {WEIGHTS} and {RECORD}")
    name = str(source).removeprefix("bioenv/")
    if name in shipped():
        return agent_file("policies", name)
    if path.suffix or len(path.parts) > 1 + str(source).startswith("bioenv/"):
        raise BioenvError(
            f"no policy at {path}: expected a folder with {WEIGHTS} and {RECORD}, "
            f"or a shipped name: {', '.join(shipped()) or 'none'}"
        )
    raise unknown("policy", name, shipped())


def write(policy: Policy, folder: Path) -> Path:
    """Write both files; a reader sees the old pair, the new pair, or an error, never a mixture."""
    weights = dump_tensors({k: np.ascontiguousarray(v) for k, v in policy.tensors().items()})
    record = {
        "format": _FORMAT,
        "schema": SCHEMA,
        "task": policy.task,
        "model": policy.model,
        "observations": policy.obs_size,
        "muscles": list(policy.muscles),
        "network": _NETWORK,
        "phase_index": None if policy.mirror is None else policy.mirror.phase_index,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "card": dict(policy.card),
    }
    try:
        text = json.dumps(record, indent=2, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise BioenvError(f"the policy's card must be plain JSON: {error}") from error
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / WEIGHTS, weights)
    write_bytes(folder / RECORD, text.encode())
    return folder


def read(folder: Path) -> Policy:
    """The policy in a folder, checked; see `Policy.load`."""
    record = _record(folder / RECORD)
    path = folder / WEIGHTS
    try:
        raw = path.read_bytes()
        tensors = parse_tensors(raw)
    except OSError as error:
        raise BioenvError(f"cannot read {path}: {error.strerror}") from error
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise BioenvError(f"{path} is no intact safetensors file: {error}") from error
    policy = _assemble(path, record, tensors)
    if hashlib.sha256(raw).hexdigest() != record["weights_sha256"]:
        raise BioenvError(f"{path} does not belong to {RECORD} beside it (sha256 differs)")
    return policy


def _record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
    except OSError as error:
        raise BioenvError(
            f"cannot read {path}: {error.strerror}; a policy is {WEIGHTS} and {RECORD}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise BioenvError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(record, dict) or record.get("format") != _FORMAT:
        raise BioenvError(f'{path} is no bioenv policy: expected "format": "{_FORMAT}"')
    if record.get("schema") != SCHEMA:
        raise BioenvError(
            f"{path} has schema {record.get('schema')!r}; this bioenv reads schema {SCHEMA}"
        )
    kinds = {"task": str, "model": str, "observations": int, "muscles": list, "network": dict}
    for name, kind in {**kinds, "weights_sha256": str, "card": dict}.items():
        value = record.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise BioenvError(f"{path}: {name!r} must be a {kind.__name__}, not {value!r}")
    if not record["muscles"] or not all(isinstance(one, str) for one in record["muscles"]):
        raise BioenvError(f"{path}: 'muscles' must be a list of names")
    if record["network"] != _NETWORK:
        raise BioenvError(f"{path}: network {record['network']} is not the one read: {_NETWORK}")
    return record


def _assemble(path: Path, record: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> Policy:
    no, nm = record["observations"], len(record["muscles"])
    mirrored = record.get("phase_index") is not None
    layers = _layers(path, tensors, no, nm, mirrored)
    _shaped(path, tensors, "obs_mean", (no,))
    _shaped(path, tensors, "obs_std", (no,))
    _shaped(path, tensors, "log_std", (nm,))
    if (tensors["obs_std"] <= 0).any():
        raise BioenvError(f"{path}: obs_std must be positive")
    return Policy(
        task=record["task"],
        model=record["model"],
        muscles=tuple(record["muscles"]),
        obs_mean=tensors["obs_mean"],
        obs_std=tensors["obs_std"],
        layers=layers,
        log_std=tensors["log_std"],
        mirror=_mirror(path, record["phase_index"], tensors, no, nm) if mirrored else None,
        card=record["card"],
    )


def _layers(
    path: Path, tensors: dict[str, NDArray[Any]], no: int, nm: int, mirrored: bool
) -> tuple[Layer, ...]:
    """The layers, after checking that the file holds exactly a policy's tensors."""
    depth = sum(name.startswith("layer") and name.endswith(".weight") for name in tensors)
    expected = {"obs_mean", "obs_std", "log_std"}
    expected |= {f"layer{i}.{part}" for i in range(depth) for part in ("weight", "bias")}
    if mirrored:
        expected |= {"mirror.obs_index", "mirror.obs_sign", "mirror.action_index"}
    if depth == 0 or set(tensors) != expected:
        raise BioenvError(
            f"{path}: tensors {sorted(tensors)} where {sorted(expected | {'layer0.weight'})} "
            "are expected"
        )
    width = no
    for i in range(depth):
        rows = len(tensors[f"layer{i}.bias"]) if tensors[f"layer{i}.bias"].ndim == 1 else -1
        _shaped(path, tensors, f"layer{i}.bias", (nm if i == depth - 1 else rows,))
        _shaped(path, tensors, f"layer{i}.weight", (rows, width))
        width = rows
    return tuple((tensors[f"layer{i}.weight"], tensors[f"layer{i}.bias"]) for i in range(depth))


def _mirror(
    path: Path, phase_index: Any, tensors: dict[str, NDArray[Any]], no: int, nm: int
) -> PhaseMirror:
    _shaped(path, tensors, "mirror.obs_sign", (no,))
    for name, size in (("mirror.obs_index", no), ("mirror.action_index", nm)):
        index = tensors[name]
        if index.dtype.kind != "i" or not np.array_equal(np.sort(index, None), np.arange(size)):
            raise BioenvError(f"{path}: {name} must be a permutation of 0..{size - 1}")
    if type(phase_index) is not int or not 0 <= phase_index < no:
        raise BioenvError(f"{path}: phase_index must be 0..{no - 1}, not {phase_index!r}")
    return PhaseMirror(
        tensors["mirror.obs_index"].astype(np.intp),
        tensors["mirror.obs_sign"],
        tensors["mirror.action_index"].astype(np.intp),
        phase_index,
    )


def _shaped(
    path: Path, tensors: dict[str, NDArray[Any]], name: str, shape: tuple[int, ...]
) -> None:
    value = tensors[name]
    if value.shape != shape:
        raise BioenvError(f"{path}: {name} has shape {value.shape}, expected {shape}")
    if value.dtype != np.float32:
        raise BioenvError(f"{path}: {name} is {value.dtype}, expected float32")
    if not np.isfinite(value).all():
        raise BioenvError(f"{path}: {name} holds NaN or infinite values")
