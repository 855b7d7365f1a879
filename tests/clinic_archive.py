"""An archive of the bundled clinic, made once in a test run and copied for tests that write."""

from __future__ import annotations

import shutil
from pathlib import Path

import clinic
import pytest

from columnarchive.archive.deriving import derive
from columnarchive.store.database import Database

WITHDRAWN = f"{clinic.HOST}/column/hada-saisei/"


def path(factory: pytest.TempPathFactory) -> Path:
    """Where the archive is; it is only to be read."""
    made = factory.getbasetemp() / "clinic-archive" / "archive.db"
    if not made.exists():
        partial = made.parent / "partial.db"
        with Database.open(partial) as db:
            clinic.add(db, list(clinic.captured()))
            derive(db)
            db.conn.execute("pragma wal_checkpoint(truncate)")
        partial.rename(made)
    return made


def copied(source: Path, target: Path) -> Path:
    """A copy to write to."""
    shutil.copyfile(source, target)
    return target
