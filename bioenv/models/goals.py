"""Sizes that the goals of a movement refer to: one copy for reward terms, optimal control, scores.

A goal is the mean over a movement's time of a quantity by the name of a reward term; these numbers
make the same quantity of it wherever it is computed.
"""

from __future__ import annotations

CONTROL_DT = 0.02
"""s between two control steps of the environments: what `smoothness` refers to."""

IMPACT_THRESHOLD = 1.2
"""Body weights on a foot above which `ground_impact` counts."""

LOADING_RATE_SIZE = 20.0
"""Body weights per second that count as 1 in `loading_rate`."""

ACCELERATION_SIZE = 10.0
"""rad/s^2 or m/s^2 that count as 1 in `acceleration`."""

ACTIVATION_RATE_SIZE = 10.0
"""1/s that count as 1 in `activation_rate`."""
