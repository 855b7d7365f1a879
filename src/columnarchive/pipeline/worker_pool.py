"""Spawned processes that derive sites, so that no page can stall or take down the crawl that fetched it."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path

from columnarchive.errors import ArchiveError, StoreError
from columnarchive.records import DerivedSite

WORKERS = 2
UNDER_WAY = 2  # sites a worker: enough to keep it busy, few enough to keep memory flat
PAGE_SECONDS = 60.0  # of CPU for one page; real ones take milliseconds
MAX_POISONED = 20  # pages of one site that may kill a worker before the site is given up


@dataclass(frozen=True, slots=True)
class Task:
    """A site to derive: from which archive, where the page at hand is noted, and which bodies killed a worker."""

    path: Path
    site_id: int
    name: str
    note: Path
    poisoned: frozenset[str] = field(default_factory=frozenset)


Derive = Callable[[Task], DerivedSite]
Result = tuple[Task, DerivedSite | ArchiveError]


class Workers:
    """A pool that outlives its workers: when one dies, the page it had at hand is left out and its site tried again.

    `derive` runs in the workers and must be a module's function. Use as a context manager.
    """

    def __init__(self, derive: Derive, count: int = WORKERS) -> None:
        self._derive = derive
        self._count = count
        self._pool: ProcessPoolExecutor | None = None
        self._notes = tempfile.TemporaryDirectory(prefix="columnarchive-")

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()
        self._notes.cleanup()

    def derived(self, path: Path, sites: Sequence[tuple[int, str]]) -> Iterator[Result]:
        """Each site's derivation, or the error that stopped it, as they come."""
        notes = Path(self._notes.name)
        waiting = [Task(path, site_id, name, notes / str(site_id)) for site_id, name in reversed(sites)]
        running: dict[Future[DerivedSite], Task] = {}
        orphans: list[Task] = []
        try:
            while waiting or running:
                while waiting and len(running) < self._count * UNDER_WAY:
                    task = waiting.pop()
                    running[self._running_pool().submit(self._derive, task)] = task
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    task = running.pop(future)
                    try:
                        yield task, future.result()
                    except BrokenProcessPool:
                        orphans.append(task)
                    except ArchiveError as error:
                        yield task, error
                if orphans and not running:
                    self._drop()
                    for task in orphans:
                        yield self._alone(task)
                    orphans = []
        except BaseException:
            self._drop()
            raise

    def _alone(self, task: Task) -> Result:
        """A site whose worker died, by itself: what kills it again is its own page, which is then left out."""
        while True:
            task.note.unlink(missing_ok=True)
            try:
                return task, self._running_pool().submit(self._derive, task).result()
            except ArchiveError as error:
                return task, error
            except BrokenProcessPool:
                self._drop()
                body = task.note.read_text() if task.note.exists() else ""
                if not body or body in task.poisoned or len(task.poisoned) >= MAX_POISONED:
                    return task, StoreError(
                        f"The articles of {task.name} could not be derived, its pages end the worker each time; "
                        "its captures are safe."
                    )
                task = replace(task, poisoned=task.poisoned | {body})

    def _running_pool(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._count, mp_context=context, initializer=_settle_in)
        return self._pool

    def _drop(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def _settle_in() -> None:
    """What a worker is told first: Ctrl-C is for the main process, which lets its workers finish or drops them.

    Derivation makes many records and no cycles of them, so looking for cycles often would be a tenth of its time.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(200_000, 20, 100)


@contextlib.contextmanager
def page_limit(note: Path) -> Iterator[Callable[[str], None]]:
    """Within it, call the given function with each body's digest before it is read.

    It notes which page is at hand and grants it `PAGE_SECONDS` of CPU, after which the kernel ends this process.
    Where there are no such timers (Windows) it only notes.
    """
    limited = hasattr(signal, "setitimer")
    with note.open("w") as file:

        def begin(digest: str) -> None:
            file.seek(0)
            file.write(digest)
            file.truncate()
            file.flush()
            if limited:
                signal.setitimer(signal.ITIMER_PROF, PAGE_SECONDS)

        try:
            yield begin
        finally:
            if limited:
                signal.setitimer(signal.ITIMER_PROF, 0)
