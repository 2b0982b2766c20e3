"""Damaged files of every kind end in a sample or in one of our errors, and in nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CASES = {
    **{"jpeg": 1000, "png": 1000, "bands": 800, "json": 1000},
    **{"txt": 800, "lists": 800, "sets": 400, "tar": 800},
}


@pytest.mark.parametrize("kind", CASES)
def test_mutated_files(kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", kind, str(CASES[kind]), "1"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    refused = int(done.stdout.split()[-2])
    # Neither may the mutations be harmless, nor may everything be refused.
    assert 0.1 * CASES[kind] < refused < 0.98 * CASES[kind], done.stdout
