"""The quality gate on the newer sets of ../shared, by their own scorers. Floors may rise; lowering one is a decision.

The scorers run the `archive` command of this environment.
`python ../shared/eval/score_clinics.py sites` shows the pages
that score lowest.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EVAL = Path(__file__).resolve().parents[2] / "shared" / "eval"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not EVAL.exists(), reason="needs the measuring data in ../shared"),
]


def score(script: str, *arguments: str) -> str:
    """The last line that a scorer prints, or all of its summary lines."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, str(EVAL / script), *arguments],
        capture_output=True, text=True, check=True, env={**os.environ, "PATH": path}, timeout=900,
    )  # fmt: skip
    return "\n".join(line for line in done.stdout.splitlines() if not line.startswith("  "))


def numbers(pattern: str, text: str) -> list[float]:
    found = re.search(pattern, text)
    assert found, text
    return [float(one) for one in found.groups()]


def test_clinics_beside_their_siblings() -> None:
    f1, lowest = numbers(r"F1 ([\d.]+); lowest site ([\d.]+)", score("score_clinics.py", "sites"))
    assert f1 >= 0.985
    assert lowest >= 0.95


def test_clinics_each_page_alone() -> None:
    f1, lowest = numbers(r"F1 ([\d.]+); lowest site ([\d.]+)", score("score_clinics.py", "alone"))
    assert f1 >= 0.975
    assert lowest >= 0.93


def test_english_articles() -> None:
    f1, empty = numbers(r"F1 ([\d.]+); nothing from (\d+)", score("score_clinics.py", "english"))
    assert f1 >= 0.955
    assert empty == 0


def test_histories_of_clinics() -> None:
    summary = score("score_clinics.py", "histories")
    missed, false = numbers(r"missed (\d+); .*false (\d+)", summary)
    assert missed == 0
    assert false == 0


def test_columns_coded_for_what_they_state() -> None:
    summary = score("score_columns.py")
    precision, recall, macro, evidence = numbers(
        r"precision ([\d.]+) recall ([\d.]+) macro F1 ([\d.]+) evidence lines ([\d.]+)", summary
    )
    assert precision >= 0.95
    assert recall >= 0.95
    assert macro >= 0.90
    assert evidence >= 0.90
