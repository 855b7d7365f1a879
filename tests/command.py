"""The command without a process of its own, which takes longer to start than most commands take to run.

Exit code, output and sentences are those of `columnarchive.cli.main`. Its signals, closed streams and process have
tests of their own (test_faults_cli.py, test_end_to_end.py).
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import subprocess
import sys
import traceback
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


def started(*words: object, **options: object) -> subprocess.Popen[bytes]:
    """Start `archive WORDS` in a process of its own, which takes Ctrl-C whatever the tests were started with."""
    return subprocess.Popen(
        [sys.executable, "-m", "columnarchive", *map(str, words)],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": _as_from_a_terminal} | options,  # type: ignore[call-overload]
    )


def _as_from_a_terminal() -> None:
    """Take SIGINT, which a shell's background jobs ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def forked(script: str, *arguments: object) -> CompletedProcess[bytes]:
    """Run a script in a copy of this process, which has loaded what the script imports and may be limited or killed."""
    out, err = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        _run_and_exit(script, ["-c", *map(str, arguments)], out[1], err[1])
    for _, written in (out, err):
        os.close(written)
    printed = []
    for read, _ in (out, err):
        with open(read, "rb") as stream:
            printed.append(stream.read())
    _, status = os.waitpid(child, 0)
    return CompletedProcess([*map(str, arguments)], os.waitstatus_to_exitcode(status), *printed)


def _run_and_exit(script: str, arguments: list[str], out: int, err: int) -> None:
    code: object = 1
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.argv = arguments
        sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
        exec(script, {"__name__": "__main__"})
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:  # noqa: BLE001 - this process ends here, whatever happened
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined]
