"""The command without a process of its own, which takes longer to start than most commands take to run.

Exit code, output and sentences are those of `columnarchive.cli.main`. Its signals, closed streams and process have
tests of their own (test_faults_cli.py, test_end_to_end.py).
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from columnarchive.cli import main


def archive(*words: object, db: Path | None = None, stdin: str = "", cwd: Path | None = None) -> CompletedProcess[str]:
    """Run `archive WORDS`; return its exit code, what it printed and what it complained of."""
    arguments = ["archive", *(["--db", str(db)] if db else []), *map(str, words)]
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", newline="") for _ in range(2))
    logger = logging.getLogger("columnarchive")
    level = logger.level
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", arguments)
        patch.setattr(sys, "stdin", io.StringIO(stdin))
        patch.setenv("LANGUAGE", os.environ["LANGUAGE"])  # which `--lang` changes
        if cwd:
            patch.chdir(cwd)
        code = main._run()
    logger.setLevel(level)
    return CompletedProcess(arguments, code, _text(out), _text(err))


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined]
