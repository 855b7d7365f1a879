"""What tests share: the measuring data beside the checkout, if it is there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from deriving import lent
from hypothesis import HealthCheck, settings

from columnarchive.pipeline import derive

os.environ["LANGUAGE"] = "en"  # whatever the language of whoever runs the tests
# Tests start hundreds of processes; where none may write byte code, each compiles all modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Each test makes an archive, and each commit waits for a disk: memory will do, where there is such a folder.
if os.access("/dev/shm", os.W_OK):
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", "/dev/shm")
# How long an example takes says more about the machine than about what is tested.
settings.register_profile("columnarchive", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("columnarchive")
ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session", autouse=True)
def _workers_of_the_run() -> Iterator[None]:
    """Lend the worker processes of the run to commands and to `Archive`: starting them takes longer than most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(derive, "workers", lent)
        yield


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
