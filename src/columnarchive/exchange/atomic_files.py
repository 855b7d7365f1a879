"""Files that appear whole or not at all: written under another name, flushed to the disk, then renamed."""

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
def whole_files() -> Iterator[Claim]:
    """A function that gives, for a final path, the path to write to; all move into place when the block ends well.

    After an exception none does, and files that stood there before stand unchanged. Raises ExchangeError, one sentence,
    for whatever the disk refuses.

    >>> with whole_files() as claim:
    ...     claim(Path("articles.csv")).write_text("url")
    """
    claimed: dict[Path, Path] = {}

    def claim(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise ExchangeError(f"{path} is a folder; name a file.")
        claimed[path] = fresh(path.with_name(path.name + PARTIAL))
        return claimed[path]

    try:
        yield claim
        for partial in claimed.values():
            flush(partial)
        for path, partial in claimed.items():
            os.replace(partial, path)
        for folder in {path.parent for path in claimed}:
            flush_folder(folder)
    except OSError as error:
        raise refused(error, next(iter(claimed), Path("The export"))) from error
    finally:
        for partial in claimed.values():
            for name in ("", *_SQLITE_FILES):
                with contextlib.suppress(OSError):
                    partial.with_name(partial.name + name).unlink(missing_ok=True)


def fresh(path: Path) -> Path:
    """Make `path` a new empty file: an old one, or a link to another place, is removed and never written to."""
    path.unlink(missing_ok=True)
    path.touch(exist_ok=False)
    return path


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what the system refuses about `path` into ExchangeError, one sentence."""
    try:
        yield
    except OSError as error:
        raise refused(error, path) from error


def refused(error: OSError, path: Path) -> ExchangeError:
    """What the disk said, as one sentence about `path`."""
    return ExchangeError(f"{path} cannot be written: {error.strerror or error}.")


def flush(path: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until a folder's names are on the disk, where the system can do that."""
    with contextlib.suppress(OSError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def settle() -> None:
    """Wait until everything written so far is on the disk, where the system can do that."""
    if hasattr(os, "sync"):
        os.sync()
