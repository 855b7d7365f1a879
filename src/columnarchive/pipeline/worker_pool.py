"""Worker processes for untrusted pages: bounds on the CPU and memory of each page, and no life beyond the parent's.

A worker is a plain subprocess that runs one call at a time and answers over its standard streams. A page that exceeds
its bounds costs that process only; the next call starts another. What captured pages link to and ask of robots is read
in one of them: the crawl itself never parses a page.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import IO, Any, BinaryIO, TypeVar

import msgspec

from columnarchive.errors import ArchiveError, UsageError, describe
from columnarchive.records import Capture, FaultStep, PageFault, Wire
from columnarchive.urls import PageLinks

S = TypeVar("S")
T = TypeVar("T")

WORKERS = 2

PAGE_SECONDS = 10.0
"""CPU seconds for one page; real ones take milliseconds."""
PAGE_MEMORY = 80_000_000
"""Bytes that reading one page may take beyond what the worker holds already."""
PARENT_POLL = 1.0
CLUSTER_POLL = 5.0  # seconds until the number of workers is looked at again
TOO_COSTLY = "It took too much time or memory."
_LENGTH = struct.Struct("!Q")
_NOTE_LENGTH = 200


class WorkerDied(Exception):
    """A call ended its worker; `at` is what the worker had announced last."""

    def __init__(self, at: str) -> None:
        super().__init__(at)
        self.at = at


class WorkerStopped(Exception):
    """The worker was stopped by its owner and takes no more calls."""


class CallFailed(Exception):
    """A call raised an exception that is not an ArchiveError; its text says which."""


class PageLimits:
    """The bounds of the page at hand, which is noted where the parent can read it after this process has died."""

    def __init__(self, note: BinaryIO | None = None, seconds: float = PAGE_SECONDS, memory: int = PAGE_MEMORY) -> None:
        self.at = ""
        self._note = note
        self._seconds = seconds
        self._memory = memory

    def begin(self, key: str, seconds: float = 0.0, memory: int = 0) -> None:
        """Grant the page or step named `key` its CPU time and memory, from now on."""
        if key == self.at:
            return
        self.at = key
        if self._note is not None:
            self._note.seek(0)
            self._note.write(key.encode().ljust(_NOTE_LENGTH))
            _limit_cpu(seconds or self._seconds)
            _limit_memory(memory or self._memory)

    def end(self) -> None:
        """Lift the bounds: what follows is not about one page."""
        self.begin("")
        if self._note is not None:
            _limit_cpu(0)
            _limit_memory(0)


def _limit_cpu(seconds: float) -> None:
    """End this process after so many seconds of CPU; 0 lifts the bound. Windows has no such timer."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _limit_memory(more: int) -> None:
    """Let this process take so many bytes more; 0 lifts the bound. Only Linux tells and bounds private memory."""
    if sys.platform != "linux":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = hard
    if more:
        held = int(Path("/proc/self/statm").read_bytes().split()[5]) * resource.getpagesize()
        soft = held + more if hard == resource.RLIM_INFINITY else min(held + more, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


class Worker:
    """A process that runs calls of module functions, one at a time; it starts with the first call.

    Each function is called with a PageLimits and its own arguments. Calls may come from any thread.
    """

    def __init__(self) -> None:
        self._busy = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline = -1
        self._note: BinaryIO | None = None
        self._stopped = False

    def call(self, function: Callable[..., T], *args: object) -> T:
        """Return what the function returns.

        Raise its ArchiveError, CallFailed for any other exception, WorkerDied when the process ends.
        """
        with self._busy:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                _send(process.stdin, (function, args))
                result = _receive(process.stdout)
            except (EOFError, OSError) as error:
                at = self._ended()
                if self._stopped:
                    raise WorkerStopped from error
                raise WorkerDied(at) from error
            except BaseException:  # such as Ctrl-C: the answer to come must not be taken for that of the next call
                self._ended()
                raise
        if isinstance(result, ArchiveError | CallFailed):
            raise result
        return result  # type: ignore[no-any-return]

    def close(self) -> None:
        """End the process at once; a call that is under way raises WorkerStopped."""
        self._stopped = True
        if self._process is not None:
            self._process.kill()
        with self._busy:
            self._ended()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._stopped:
            raise WorkerStopped
        if self._process is None:
            self._note = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
            inherited: tuple[int, ...] = ()
            if os.name == "posix":
                reading, self._lifeline = os.pipe()
                inherited = (self._note.fileno(), reading)
            # -c, not -m: the functions that are called import this module under its own name.
            command = [sys.executable, "-c", f"from {__name__} import serve; serve()", *map(str, inherited)]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=inherited,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
            for one in inherited[1:]:
                os.close(one)
        return self._process

    def _ended(self) -> str:
        """Clear up after the process; return what it had announced last."""
        process, self._process = self._process, None
        if process is None or self._note is None:
            return ""
        process.kill()
        with process:
            for stream in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    stream.close()  # type: ignore[union-attr]
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        with self._note:
            self._note.seek(0)
            return self._note.read().decode().strip()


class WorkerPool:
    """Workers that outlive single jobs; they start when they are first needed. Use as a context manager."""

    def __init__(self, count: int = WORKERS) -> None:
        self._workers = [Worker() for _ in range(count)]

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def idle(self) -> Worker:
        """A worker on this machine for calls before or after jobs."""
        return self._workers[0]

    def run(self, job: Callable[[Worker, S], T], items: Iterable[S]) -> Iterator[T]:
        """Yield the results of `job` for all items as they come; each job has a worker of its own meanwhile."""
        idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self._workers:
            idle.put(worker)

        def run_one(item: S) -> T:
            worker = idle.get()
            try:
                return job(worker, item)
            finally:
                idle.put(worker)

        waiting = iter(items)
        running: set[Future[T]] = set()
        with ThreadPoolExecutor(len(self._workers)) as threads:
            try:
                # One job more than workers keeps them busy; more would keep finished results in memory.
                while running := running | {
                    threads.submit(run_one, item) for item in islice(waiting, len(self._workers) + 1 - len(running))
                }:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield future.result()
            except BaseException:
                self.stop()
                raise

    def stop(self) -> None:
        """End all processes at once; calls that are under way raise WorkerStopped."""
        for worker in self._workers:
            worker.close()


class ClusterPool(WorkerPool):
    """The workers of a Dask cluster: each call still runs in a process with limits, on one of its machines.

    What fails there, as when a machine is lost again and again, is done here instead.
    """

    def __init__(self, address: str) -> None:
        super().__init__(1)
        try:
            distributed = importlib.import_module("distributed")
            self._client = distributed.Client(address.replace("dask://", "tcp://", 1), timeout=20)
        except ImportError as error:
            raise UsageError("needs_dask") from error
        except (OSError, ValueError) as error:  # nobody answers, or no address
            raise UsageError("no_cluster", address=address, reason=describe(error)) from error

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._client.close()

    def run(self, job: Callable[[Worker, S], T], items: Iterable[S]) -> Iterator[T]:
        """Yield the results of `job` for all items as they come."""
        waiting = iter(items)
        running: dict[Future[T], S] = {}
        with self._client.get_executor(retries=3, pure=False) as executor:
            while True:
                # Two tasks for each worker keep it busy; more would hold what they need in memory.
                free = 2 * max(1, sum(self._client.nthreads().values())) - len(running)
                for item in islice(waiting, max(free, 0)):
                    running[executor.submit(_run_with_worker, job, item)] = item
                if not running:
                    return
                done, _ = wait(running, timeout=CLUSTER_POLL, return_when=FIRST_COMPLETED)
                for future in done:
                    item = running.pop(future)
                    try:
                        result = future.result()
                    except Exception:  # noqa: BLE001 - containment boundary: whatever became of the cluster's attempt
                        yield from super().run(job, [item])
                    else:
                        yield result


_of_thread = threading.local()


def _run_with_worker(job: Callable[[Worker, S], T], item: S) -> T:
    """Run a job of a cluster with the worker of this thread, which stays for the next job: starting it is costly."""
    if not hasattr(_of_thread, "worker"):
        _of_thread.worker = Worker()
    return job(_of_thread.worker, item)


def serve() -> None:
    """Answer calls until the parent closes the stream: the main function of a worker process."""
    calls = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    inherited = tuple(map(int, sys.argv[1:]))
    _end_with_parent(inherited[1:])
    limits = PageLimits(os.fdopen(inherited[0], "wb", buffering=0) if inherited else None)
    while True:
        try:
            function, args = _receive(calls)
        except EOFError:
            return
        try:
            answer = function(limits, *args)
        except ArchiveError as error:
            answer = error
        except Exception as fault:  # noqa: BLE001 - containment boundary: the parent decides what the fault costs
            answer = CallFailed(describe(fault))
        limits.end()
        _send(answers, answer)


def _end_with_parent(lifeline: tuple[int, ...]) -> None:
    """End this process when its parent dies, by whatever signal and whatever it is doing then.

    The kernel sends SIGIO, whose default action ends a process, when the other end of the lifeline is closed. A thread
    watches for the same where that does not work; it needs the interpreter, which a C function may hold for long.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_POLL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    if hasattr(os, "O_ASYNC"):
        import fcntl

        signal.signal(signal.SIGIO, signal.SIG_DFL)
        for pipe in lifeline:
            fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)


def _send(stream: IO[bytes], value: object) -> None:
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)


LINK_SECONDS = 5.0
"""CPU seconds to read the links of one page."""


class UnreadableLinks(Exception):
    """The links of a page could not be read."""


class LinkReader:
    """Reads the links of captured pages in another process, one page at a time.

    A page that ends the process, or that did so before, raises UnreadableLinks; the next one starts another process.
    `known` are faults met before, `record` is called with each new one. A `worker` that is given serves other crawls
    too, and stays when this one ends.
    """

    def __init__(
        self,
        known: Mapping[tuple[str, FaultStep], str],
        record: Callable[[PageFault], None],
        worker: Worker | None = None,
    ) -> None:
        self._record = record
        self._is_own = worker is None
        self._worker = worker or Worker()
        self._thread = ThreadPoolExecutor(1)
        self._known = dict(known)

    async def __call__(self, capture: Capture, *, skim: bool = False) -> PageLinks | None:
        """Return what a captured page links to; None when there is no body."""
        import asyncio  # not loaded by the process that reads

        if capture.body is None:
            return None
        if self._known and (capture.body_sha256, "links") in self._known:
            raise UnreadableLinks(self._known[capture.body_sha256, "links"])
        page = replace(capture, wire=Wire())
        try:
            data = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._worker.call, links_in_worker, page, skim
            )
            return msgspec.msgpack.decode(data, type=PageLinks)
        except WorkerDied:
            reason = TOO_COSTLY
        except CallFailed as failure:
            reason = str(failure)
        self._known[capture.body_sha256, "links"] = reason
        self._record(PageFault(capture.body_sha256, "links", reason))
        raise UnreadableLinks(reason)

    def close(self) -> None:
        """End the process if it is of this crawl alone."""
        if self._is_own:
            self._worker.close()
        self._thread.shutdown()


def links_in_worker(limits: PageLimits, capture: Capture, skim: bool) -> bytes:
    """Read a page's links within its limits, and encode them for the parent."""
    limits.begin("links", LINK_SECONDS)
    return msgspec.msgpack.encode(links_of_capture(capture, skim))


def robots_in_worker(limits: PageLimits, capture: Capture) -> str:
    """Read what a page asks of robots within its limits."""
    limits.begin("links", LINK_SECONDS)
    return robots_rules_of(capture)


def links_of_capture(capture: Capture, skim: bool) -> PageLinks | None:
    """What a captured page links to, only skimmed if `skim`; None when there is no body."""
    # What parses pages is loaded by workers only.
    from columnarchive.extract.charset import decode
    from columnarchive.extract.links import in_own_encoding, page_links
    from columnarchive.extract.response_headers import robots_directives, with_headers

    if capture.body is None:
        return None
    text, encoding = decode(capture.body, capture.header("content-type"))
    wanted = (lambda _: False) if skim else None
    page = with_headers(page_links(in_own_encoding(text, encoding), capture.final_url, wanted), capture.headers)
    return replace(page, robots=page.robots | robots_directives(capture.headers))


def robots_rules_of(capture: Capture) -> str:
    """What a capture asks of robots, as a crawl records it."""
    from columnarchive.extract.charset import decode
    from columnarchive.extract.links import robots_of
    from columnarchive.extract.response_headers import robots_directives

    if capture.body is None or capture.outcome not in ("ok", "redirected"):
        return ""
    text, _ = decode(capture.body, capture.header("content-type"))
    return ", ".join(sorted(robots_of(text) | robots_directives(capture.headers)))
