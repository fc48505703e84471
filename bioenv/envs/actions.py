"""What an environment takes as an action, and what it says of one it cannot take."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError


def checked(
    actions: ArrayLike, num: int, names: tuple[str, ...], commands: tuple[str, ...] = ()
) -> NDArray[Any]:
    """Actions (num, len(names)), all in 0..1.

    Args:
        names: muscles, then ``commands`` of a device.

    Raises:
        BioenvError: wrong shape, NaN, or a value outside 0..1.
    """
    a, expected = np.asarray(actions), (num, len(names))
    if a.shape != expected:
        columns = ", then ".join(["muscles", ", ".join(commands)] if commands else ["muscles"])
        raise BioenvError(
            f"actions have shape {a.shape}, expected {expected} (environments, {columns})"
        )
    if not (a.min() >= 0.0 and a.max() <= 1.0):  # NaN fails both
        env, column = np.argwhere(~((a >= 0) & (a <= 1)))[0]
        name, value = names[column], a[env, column]
        if name in commands:
            raise BioenvError(
                f"action of environment {env}, command {name!r} is {value}; commands lie in 0..1: "
                "nothing to all that the device has"
            )
        raise BioenvError(
            f"action of environment {env}, muscle {name!r} is {value}; "
            "excitations lie in 0..1: squash an unbounded output with a sigmoid, or clip it"
        )
    return a
