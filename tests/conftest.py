"""What tests share: the measuring data beside the checkout, if it is there."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real pages; the test is skipped where it is not."""
    if not (SHARED / "corpus").is_dir():
        pytest.skip("needs the measuring data in ../shared")
    return SHARED
