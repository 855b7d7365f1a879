"""Memory of a crawl: no server makes a process of `archive crawl` grow beyond its bound."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from servers.hostile import BEHAVIOURS, Hostile

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells each process' peak, and answers on 127/8"),
]
LARGEST = 150_000  # kB resident, of any process of the crawl
TOGETHER = 400_000
# Left out are hosts that answer slowly or not at all: they take their minute, and no memory.
SLOW = {"drip_body", "drip_header", "silent", "continue_for_ever", "robots_silent", "busy_for_a_second", "fails_once"}


def memory(pid: int) -> tuple[int, int]:
    """A process' peak and what it holds now, in kB; zeros when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    said = dict(line.split(":", 1) for line in lines if line.startswith("Vm"))
    return tuple(int(said.get(name, "0").split()[0]) for name in ("VmHWM", "VmRSS"))  # type: ignore[return-value]


def family(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        tasks = [Path(f"/proc/{pid}/task/{task}/children") for task in os.listdir(f"/proc/{pid}/task")]
        children = [int(child) for task in tasks for child in task.read_text().split()]
    except OSError:
        return [pid]
    return [pid, *(one for child in children for one in family(child))]


def test_no_server_makes_the_crawl_large(tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    heavy = [name for name in BEHAVIOURS if name not in SLOW and BEHAVIOURS[name][0] != "never"]
    with Hostile(heavy) as server, (tmp_path / "said").open("wb") as said:
        starts = [f"{host.origin}/column/" for host in server.hosts.values()]
        command = [sys.executable, "-m", "columnarchive", "--db", str(path), "crawl", "--delay", "0", "--allow-private"]
        crawl = subprocess.Popen([*command, *starts], stdout=said, stderr=said, cwd=tmp_path)
        peaks: dict[int, int] = {}
        together = 0
        while crawl.poll() is None:
            found = {pid: memory(pid) for pid in family(crawl.pid)}
            peaks |= {pid: max(peak, peaks.get(pid, 0)) for pid, (peak, _) in found.items()}
            together = max(together, sum(now for _, now in found.values()))
            try:
                crawl.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
    text = (tmp_path / "said").read_text("utf-8")
    assert crawl.returncode == 0, text
    assert "too_large" in text
    assert server.host("sitemap_of_49_mb").origin not in text, "its pages are all well"
    assert server.host("sitemap_of_49_mb").asked["/sitemap.xml"] == 1
    assert "too_deep" in text
    assert len(peaks) > 1, "workers are seen as well"
    assert max(peaks.values()) < LARGEST, peaks
    assert together < TOGETHER
