"""What a gait network is made of before it is fitted: functions, nodes, plates, a first guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.analysis import GroundContact
from bioenv.inverse.ground import Plates, ground_contacts
from bioenv.learn.gait_basis import Basis, Columns
from bioenv.learn.gait_body import GaitBody
from bioenv.learn.gait_data import Term
from bioenv.learn.gait_torque import Tests, galerkin

Array = NDArray[np.float64]

LONGEST = 6.0  # s; the cost grows with the third power of the window
REPEATS_ANGLE, REPEATS_PLACE = float(np.radians(0.2)), 1e-3  # rad, m between first and last frame
FLAT = 1e-9  # s^4, weight of squared accelerations in the first guess
SMALL = 1e-8  # ridge in the first guess
POSITIVE = (
    "highest", "force_highest", "collocation", "marker_noise", "angle_noise", "position_noise",
    "force_noise", "pressure_noise", "friction", "root_noise", "torque_time", "masses",
    "iterations",
)  # fmt: skip
BARE = "warning: no force under the"  # what an inverse analysis says of a foot without a plate


@dataclass(frozen=True, eq=False)
class Setup:
    """Functions of coordinates and forces; nodes (N,) s; the values at nodes and frames; tests
    (R, N); shut (F, k): coefficients that are zero; period s or None."""

    basis: Basis
    force_basis: Basis
    nodes: Array
    at_data: Columns
    at_nodes: Columns
    tests: Tests
    shut: NDArray[np.bool_]
    period: float | None

    def forces(self, time: Array) -> Array:
        """(T, G) functions of unknown forces."""
        value = self.force_basis(time).value
        return value if self.period is None else np.delete(value, 1, axis=1)


def set_up(
    body: GaitBody,
    term: Term,
    *,
    highest: float,
    force_highest: float,
    hidden: int,
    collocation: float,
    periodic: bool | None,
    torque_time: float,
    seed: int,
) -> Setup:
    """Functions and nodes of the term's window; arguments as of `GaitPINN`.

    Raises BioenvError for a window that is too long.
    """
    start, stop = float(term.time[0]), float(term.time[-1])
    if stop - start > LONGEST:
        raise BioenvError(
            f"the window is {stop - start:.1f} s long, {LONGEST:g} s are the most: choose a stride "
            f"with start and stop between {start:g} and {stop:g} s"
        )
    repeats = _repeats(body, term) if periodic is None else periodic
    basis = Basis(start, stop, highest, repeats, hidden, seed)
    forces = Basis(start, stop, min(force_highest, highest), repeats)
    count = max(int(np.ceil((stop - start) * collocation)) + 1, 8)
    nodes = np.linspace(start, stop, count, endpoint=not repeats)
    period = stop - start if repeats else None
    shut = np.zeros((basis.count, len(body.names)), dtype=bool)
    if repeats:
        shut[1] = ~(body.root & ~body.rotational)  # only the body as a whole gets anywhere
    at_nodes = basis(nodes)
    return Setup(
        basis, forces, nodes, basis(term.time), at_nodes,
        galerkin(at_nodes.value, nodes, torque_time, period), shut, period,
    )  # fmt: skip


def start_of(setup: Setup, term: Term) -> Array:
    """(F, k) coefficients near the term's first guess, smooth across its gaps."""
    value, calm = setup.at_data.value, setup.at_nodes.acceleration
    share = FLAT * len(value) / len(calm)
    smooth = share * calm.T @ calm + SMALL * np.eye(value.shape[1])
    out = np.empty((value.shape[1], term.start.shape[1]))
    for column, (target, shut) in enumerate(zip(term.start.T, setup.shut.T, strict=True)):
        seen = np.isfinite(target)
        matrix = value[seen].T @ value[seen] + smooth + 1e6 * np.diag(shut)
        out[:, column] = np.linalg.solve(matrix, value[seen].T @ target[seen])
    return out


def plates_at(
    body: GaitBody, time: Array, z: Array, plates: Plates
) -> tuple[Sequence[GroundContact], list[str]]:
    """Plates at `time` (T,) s below a body at z (T, k), and what was noticed."""
    if not plates:
        return (), []
    still = np.zeros_like(z)
    q, *_ = body.coordinates(z, still, still)
    found = ground_contacts(body.anatomy, q, time, plates)
    return found.contacts, [note for note in found.notes if not note.startswith(BARE)]


def between_nodes(
    contacts: Sequence[GroundContact], nodes: Array, time: Array
) -> tuple[GroundContact, ...]:
    """Contacts at `time` (T,) s on straight lines between those at the nodes (N,) s."""

    def there(rows: Array) -> Array:
        return np.column_stack([np.interp(time, nodes, column) for column in rows.T])

    return tuple(
        GroundContact(
            c.name, c.body, there(c.force), there(np.nan_to_num(c.point)), there(c.moment)
        )
        for c in contacts
    )


def _repeats(body: GaitBody, term: Term) -> bool:
    """Whether the last frame is the first one again, and as fast, but for where in the room."""
    told = ~(body.root & ~body.rotational)  # progress does not repeat: the angles must tell
    x = term.start[:, told]
    limit = np.where(body.rotational, REPEATS_ANGLE, REPEATS_PLACE)[told]
    # How much the path bends at the seam, beside how much it bends next to it.
    seam = np.abs(x[1] - 2.0 * x[0] + x[-2])
    beside = np.abs([x[2] - 2.0 * x[1] + x[0], x[-1] - 2.0 * x[-2] + x[-3]]).max(axis=0)
    return bool((np.abs(x[-1] - x[0]) <= limit).all() and (seam <= limit + 2.0 * beside).all())


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse settings of `GaitPINN`, by name, that mean nothing."""
    values = {name: settings[name] for name in POSITIVE if settings[name] is not None}
    for name, value in values.items():
        parts = np.asarray(value, dtype=float)
        if not (np.isfinite(parts) & (parts > 0)).all():
            raise BioenvError(f"{name} must be a positive number, got {value!r}")
    weight = settings["physics_weight"]
    if not (np.isfinite(weight) and weight >= 0):
        raise BioenvError(f"physics_weight must be 0 or more, got {weight!r}")
