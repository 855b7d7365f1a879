"""Formats in and out, and files written atomically: to a partial file beside the target, flushed, then renamed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from columnarchive.errors import ExchangeError

PARTIAL = ".partial"
_SQLITE_FILES = ("-journal", "-wal", "-shm")
Claim = Callable[[Path], Path]


@contextlib.contextmanager
def atomic_files() -> Iterator[Claim]:
    """Yield a function that returns, for a target, the path to write to; all targets are replaced when the block ends.

    After an exception no target is replaced. Raises ExchangeError, one sentence, for whatever the disk refuses.

    >>> with atomic_files() as claim:
    ...     claim(Path("articles.csv")).write_text("url")
    """
    claimed: dict[Path, Path] = {}

    def claim(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise ExchangeError("file_is_folder", path=path)
        claimed[path] = create_empty(path.with_name(path.name + PARTIAL))
        return claimed[path]

    try:
        yield claim
        for partial in claimed.values():
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
        for path, partial in claimed.items():
            os.replace(partial, path)
        for folder in {path.parent for path in claimed}:
            _flush_folder(folder)
    except OSError as error:
        raise _write_error(error, next(iter(claimed), Path("The export"))) from error
    finally:
        for partial in claimed.values():
            for suffix in ("", *_SQLITE_FILES):
                with contextlib.suppress(OSError):
                    partial.with_name(partial.name + suffix).unlink(missing_ok=True)


def create_empty(path: Path) -> Path:
    """Make `path` a new empty file; an old file or a symbolic link there is removed, never written to."""
    path.unlink(missing_ok=True)
    path.touch(exist_ok=False)
    return path


@contextlib.contextmanager
def os_errors_as_sentences(path: Path) -> Iterator[None]:
    """Turn an OSError about `path` into ExchangeError, one sentence."""
    try:
        yield
    except OSError as error:
        raise _write_error(error, path) from error


def _write_error(error: OSError, path: Path) -> ExchangeError:
    return ExchangeError("unwritable_file", path=path, reason=error.strerror or error)


def _flush_folder(path: Path) -> None:
    """Wait until a folder's names are on the disk, where the system can do that."""
    with contextlib.suppress(OSError):  # Windows opens no folders
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
