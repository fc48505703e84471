"""Makes the made-up bodies of tests/toys importable, and their trial's files once."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "toys"))


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A walk whose angles, moments and forces are known, as files: `two_legs_files.Files`."""
    from two_legs_files import write_files

    return write_files(tmp_path_factory.mktemp("two_legs"))
