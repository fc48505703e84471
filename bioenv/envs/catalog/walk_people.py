"""Walk with anybody's body: small and tall, light and heavy, weak and strong, in one batch."""

from __future__ import annotations

from dataclasses import replace

from bioenv.envs.catalog import walk
from bioenv.envs.people import population

TASK = replace(
    walk.TASK,
    observe=lambda s: (*walk.PLANS.observe(s), s.body),
    people=population(32),
    description="walk with bodies of 1.50-1.95 m, 42-110 kg, weak or strong; success as Walk",
)
