"""Workers die, the archive does not: the page that kills is left out, the others are derived."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from columnarchive.errors import NotFound
from columnarchive.pipeline.worker_pool import CallFailed, PageLimits, Worker, WorkerDied, WorkerPool, WorkerStopped


def busy(limits: PageLimits, kind: str) -> str:
    """Do with the second of three pages what `kind` says."""
    limits.begin("read good")
    limits.begin("read bad", seconds=0.2)
    if kind == "endless":
        while True:
            pass
    if kind == "huge":
        return str(len(b" " * 3_000_000_000))
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "exits":
        os._exit(3)
    if kind == "faulty":
        raise RecursionError("too deep\nfor us")
    if kind == "refused":
        raise NotFound("unknown_site", name="clinic.example")
    if kind == "prints":
        print("hello", flush=True)
    limits.begin("read ugly")
    limits.end()
    return kind


needs_timer = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no CPU timers")


@pytest.mark.parametrize("kind", [pytest.param("endless", marks=needs_timer), "killed", "exits"])
def test_what_kills_a_worker_is_named_and_the_next_call_starts_another(kind: str) -> None:
    worker = Worker()
    with pytest.raises(WorkerDied) as death:
        worker.call(busy, kind)
    assert death.value.at == "read bad"
    assert worker.call(busy, "good") == "good"
    worker.close()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("faulty", "RecursionError: too deep for us"), pytest.param("huge", "MemoryError", marks=needs_timer)],
)
def test_a_fault_costs_one_call(kind: str, reason: str) -> None:
    worker = Worker()
    with pytest.raises(CallFailed, match=reason):
        worker.call(busy, kind)
    with pytest.raises(NotFound, match=r"clinic\.example"):
        worker.call(busy, "refused")
    assert worker.call(busy, "prints") == "prints"
    worker.close()
    with pytest.raises(WorkerStopped):
        worker.call(busy, "good")


def called(worker: Worker, kind: str) -> str:
    """The answer of a worker, or what became of it."""
    try:
        return worker.call(busy, kind)
    except (WorkerDied, CallFailed) as fault:
        return type(fault).__name__


def test_a_pool_answers_all_whatever_becomes_of_its_workers() -> None:
    kinds = ["good", "killed", "exits", "faulty", *["good"] * 5]
    with WorkerPool() as pool:
        assert sorted(pool.run(called, kinds)) == [*["CallFailed", "WorkerDied", "WorkerDied"], *["good"] * 6]


def test_workers_start_only_when_needed(processes: Callable[[int], list[int]]) -> None:
    before = processes(os.getpid())
    with WorkerPool() as pool:
        assert list(pool.run(called, [])) == []
        assert processes(os.getpid()) == before


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_worker_ends_with_its_parent(end: signal.Signals, processes: Callable[[int], list[int]]) -> None:
    """Also while a function in C holds the interpreter, so that none of its threads can look."""
    script = """
import signal, threading
from columnarchive.pipeline.worker_pool import Worker
import workers_that_hang
for number in (signal.SIGTERM, signal.SIGHUP):  # may have been inherited as ignored
    signal.signal(number, signal.SIG_DFL)
for hang in (workers_that_hang.in_c, workers_that_hang.in_python, workers_that_hang.asleep):
    threading.Thread(target=Worker().call, args=(hang,)).start()
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent / "servers")}
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, env=environment) as parent:
        assert parent.stderr is not None
        try:
            for _ in range(3):
                assert parent.stderr.readline() == b"hanging\n"
            children = processes(parent.pid)
            assert len(children) == 3
            parent.send_signal(end)
            # The pipe closes when the last process that holds it has ended.
            assert parent.stderr.read() == b""
        finally:
            parent.kill()
    assert not any(Path(f"/proc/{child}/exe").exists() for child in children)


def test_a_worker_loads_no_more_than_it_needs() -> None:
    """Each library is held by the writer and by every worker; sqlite-utils alone loads pandas where that is there."""
    script = """
import sys
import columnarchive.pipeline.derive
loaded = {"sqlite_utils", "pandas", "numpy", "pyarrow", "httpx", "typer", "rich"} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_new_archive_loads_no_pandas(tmp_path: Path) -> None:
    """sqlite-utils would load it where it is installed: 85 MB."""
    script = f"""
import pathlib, sys
from columnarchive.store.database import Database
Database.open(pathlib.Path({str(tmp_path)!r}) / "a.db").close()
assert not {{"sqlite_utils", "pandas"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)
