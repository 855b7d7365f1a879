"""What `archive --help` costs beside an empty typer app, and which libraries it loads.

    python tests/benchmarks/startup.py

Alternated runs in fresh processes, the least CPU time of each: read the ratio, not the milliseconds.
"""

from __future__ import annotations

import resource
import subprocess
import sys

EMPTY = """
import typer
app = typer.Typer()
@app.callback()
def options() -> None:
    "Options."
@app.command()
def one() -> None:
    "A command."
app(["--help"])
"""
OURS = "import sys; sys.argv = ['archive', '--help']; from columnarchive.cli.main import main; main()"
HEAVY = ("httpx", "sqlite_utils", "selectolax", "datasette")
RUNS = 9


def seconds(script: str) -> float:
    """CPU time of a fresh process, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ratio(runs: int = RUNS) -> tuple[float, float, float]:
    """Ours over an empty app, and both in seconds; the least of the runs, since other work only adds."""
    ours, empty = [], []
    for _ in range(runs + 1):
        ours.append(seconds(OURS))
        empty.append(seconds(EMPTY))
    return min(ours) / min(empty), min(ours), min(empty)


def loaded() -> list[str]:
    """Which of the heavy libraries `archive --help` imports."""
    script = f"""
import atexit, sys
atexit.register(lambda: print("LOADED", *[name for name in {HEAVY!r} if name in sys.modules]))
{OURS}
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("LOADED"))
    return line.split()[1:]


if __name__ == "__main__":
    times, ours, empty = ratio()
    print(f"archive --help {ours * 1000:.0f} ms CPU, empty typer app {empty * 1000:.0f} ms: {times:.2f} times")
    print("loads", ", ".join(loaded()) or f"none of {', '.join(HEAVY)}")
