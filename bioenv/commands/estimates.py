"""What every command that estimates says and does at its end."""

from __future__ import annotations

from pathlib import Path

from bioenv.motion import Motion


def finish(found: Motion, path: Path, verb: str) -> None:
    """Print notes and the share of flagged samples, and write the motion; verb: of `claim`."""
    for note in found.meta["estimate_notes"]:
        print(f"note: {note}")
    share = 100 * found.meta["estimate_flagged"]
    print(f"{share:.0f} % of the samples are flagged: unlike what the estimator was trained on")
    found.save(path)
    print(f"{verb} {path}")
