"""What tests share: the measuring data beside the checkout, if it is there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ["LANGUAGE"] = "en"  # whatever the language of whoever runs the tests
# Tests start hundreds of processes; where none may write byte code, each compiles all modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real pages; the test is skipped where it is not."""
    if not (SHARED / "corpus").is_dir():
        pytest.skip("needs the measuring data in ../shared")
    return SHARED


@pytest.fixture
def processes() -> Callable[[int], list[int]]:
    """Which processes a process has started that still run, by /proc."""

    def children(pid: int) -> list[int]:
        found = Path(f"/proc/{pid}/task").glob("*/children")
        return [int(child) for path in found for child in path.read_text().split()]

    return children
