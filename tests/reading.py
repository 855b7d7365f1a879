"""Connections for tests that look at an archive's tables as well."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from columnarchive.reader import Connection, Reader


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Connection]:
    """A read-only connection to the archive at `path`."""
    with Reader.open(path) as reader:
        yield reader.conn
