"""Workers die, the archive does not: the page that kills is left out, the others are derived."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from columnarchive.errors import ArchiveError, UsageError
from columnarchive.pipeline import worker_pool
from columnarchive.pipeline.worker_pool import Task, Workers, page_limit
from columnarchive.records import DerivedSite


def busy(task: Task) -> DerivedSite:
    """Site 2 has a page that never ends, site 3 one that kills at once, site 4 kills always, site 5 is refused."""
    with page_limit(task.note) as begin:
        for page in ("good", "bad", "ugly"):
            begin(page)
            if page in task.poisoned:
                continue
            if task.site_id == 2 and page == "bad":
                worker_pool.signal.setitimer(signal.ITIMER_PROF, 0.2)  # sooner than a minute, by the same timer
                while True:
                    pass
            if (task.site_id == 3 and page == "ugly") or task.site_id == 4:
                os.kill(os.getpid(), signal.SIGKILL)
            if task.site_id == 5:
                raise UsageError("This site cannot be derived.")
        if task.site_id == 4:
            os.kill(os.getpid(), signal.SIGKILL)
    return DerivedSite(",".join(sorted(task.poisoned)), "", 0, (), ())


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no CPU timers")
def test_what_kills_a_worker_is_found_and_left_out() -> None:
    sites = [(number, f"site {number}") for number in range(1, 7)]
    with Workers(busy) as pool:
        found = {task.site_id: result for task, result in pool.derived(Path("none"), sites)}
    assert len(found) == len(sites)
    names = {number: one.site for number, one in found.items() if isinstance(one, DerivedSite)}
    assert names == {1: "", 2: "bad", 3: "ugly", 6: ""}
    assert isinstance(found[4], ArchiveError)
    assert "its captures are safe" in str(found[4])
    assert isinstance(found[5], UsageError)


def test_workers_start_only_when_needed() -> None:
    with Workers(busy) as pool:
        assert list(pool.derived(Path("none"), [])) == []
        assert pool._pool is None


def test_a_worker_loads_no_more_than_it_needs() -> None:
    """Each library is held by the writer and by every worker; sqlite-utils alone loads pandas where that is there."""
    script = """
import sys
import columnarchive.pipeline.derive
loaded = {"sqlite_utils", "pandas", "numpy", "pyarrow", "httpx", "typer", "rich"} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_new_archive_loads_no_pandas_and_hides_it_from_nobody(tmp_path: Path) -> None:
    """sqlite-utils loads it where it is installed; an archive has no use for it."""
    script = f"""
import importlib.util, pathlib, sys
from columnarchive.store.database import Database
there = importlib.util.find_spec("pandas") is not None
Database.open(pathlib.Path({str(tmp_path)!r}) / "a.db").close()
assert "sqlite_utils" in sys.modules
assert "pandas" not in sys.modules
assert (importlib.util.find_spec("pandas") is not None) == there
"""
    subprocess.run([sys.executable, "-c", script], check=True)
