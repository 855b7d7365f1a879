"""A git repository with a file per article and a commit per revision, so that `git log -p` tells the story.

The history is a function of the archive: the same steps give the same commits. An export onto a repository of ours
appends what is new; where the archive tells the past differently (an older capture came in, a page was withdrawn, the
rules got better), the branch is written anew and what it held before is removed from the repository. git's
`fast-import` moves the branch once, at the end, so a kill leaves it as it was.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from columnarchive.errors import ExchangeError

BRANCH = "refs/heads/main"
KEY = "Archive-Step"
ZONE = "+0900"  # the days of Japanese sites
Steps = Callable[[], Iterator["Step"]]


@dataclass(frozen=True, slots=True)
class Step:
    """One commit: `content` gives the file's bytes, None takes the file away. `key` names the step and all it says.

    `trailers` are lines like `Column: https://clinic.example/column/a/`; the key is added to them.
    """

    key: str
    moment: int
    author: str
    path: str
    subject: str
    paragraphs: tuple[str, ...]
    trailers: tuple[str, ...]
    content: Callable[[], bytes] | None


@dataclass(frozen=True, slots=True)
class Exported:
    """How many commits were added, how many the branch has, and whether its past was written anew."""

    added: int
    commits: int
    rewritten: bool


def write(folder: Path, steps: Steps, report: Callable[[int], None]) -> Exported:
    """Bring the repository at `folder` up to the steps, which are called for anew each time they are read.

    Raises ExchangeError when git is missing, or when the folder or its branch holds what no export wrote.
    """
    is_new = _prepare(folder)
    kept = 0 if is_new else _shared(folder, steps())
    had = 0 if is_new else _count(folder)
    rewritten = kept < had
    start = 0 if rewritten else kept
    added = _import(folder, islice(steps(), start, None), start > 0, report)
    if start + added:
        # Also when nothing was added: a kill may have come between the branch and the files.
        _run(folder, "reset", "--quiet", "--hard", BRANCH)
    elif had:
        _run(folder, "rm", "-r", "--force", "--quiet", "--ignore-unmatch", ".")
        _run(folder, "update-ref", "-d", BRANCH)
    if rewritten:
        (folder / ".git" / "ORIG_HEAD").unlink(missing_ok=True)
        # Among the reasons for a new past is a withdrawal: then the old one must be gone for good.
        _run(folder, "reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
        _run(folder, "gc", "--quiet", "--prune=now")
    return Exported(added, start + added, rewritten)


def _prepare(folder: Path) -> bool:
    """Make the repository if need be; True when its branch has no commit yet."""
    if not (folder / ".git").is_dir():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ExchangeError(f"{folder} holds other things; name a new folder for the repository.")
        folder.mkdir(parents=True, exist_ok=True)
        _run(folder, "init", "--quiet")
    _run(folder, "symbolic-ref", "HEAD", BRANCH)
    return _git(folder, "rev-parse", "--verify", "--quiet", BRANCH).returncode != 0


def _count(folder: Path) -> int:
    return int(_run(folder, "rev-list", "--count", "--first-parent", BRANCH))


def _shared(folder: Path, steps: Iterator[Step]) -> int:
    """How many commits from the first on are the archive's steps; ExchangeError when one is none of ours."""
    log = ("log", "--reverse", "--first-parent", f"--format=%(trailers:key={KEY},valueonly,separator=%x2C)", BRANCH)
    shared, differs = 0, False
    with subprocess.Popen(_command(folder, *log), stdout=subprocess.PIPE, env=_environment()) as process:
        assert process.stdout is not None
        for line in process.stdout:
            key = line.decode("ascii", "replace").strip()
            if not key:
                raise ExchangeError(f"{folder} has commits that no export wrote; name a new folder for the repository.")
            step = None if differs else next(steps, None)
            differs = differs or step is None or step.key != key
            shared += not differs
    return shared


def _import(folder: Path, steps: Iterator[Step], appends: bool, report: Callable[[int], None]) -> int:
    # `done` must be said, or a stream that a kill cut short would move the branch to half of it.
    command = _command(folder, "fast-import", "--quiet", "--done", "--force", "--date-format=raw")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_environment()
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        count = 0
        try:
            for step in steps:
                _commit(process.stdin, step, parent=appends and count == 0)
                count += 1
                report(count)
            process.stdin.write(b"done\n")
            process.stdin.close()
        except BrokenPipeError:
            pass  # git has ended; what it said comes below
        except BaseException:
            process.kill()
            raise
        said = process.stderr.read().decode("utf-8", "replace")
    if process.returncode:
        raise ExchangeError(f"git could not write {folder}: {' '.join(said.split())[:200]}.")
    return count


def _commit(out: IO[bytes], step: Step, *, parent: bool) -> None:
    trailers = "\n".join((*step.trailers, f"{KEY}: {step.key}"))
    message = "\n\n".join((step.subject, *step.paragraphs, trailers)).encode() + b"\n"
    who = "".join(sign for sign in step.author if sign.isprintable() and sign not in "<>")
    when = f"{max(0, step.moment)} {ZONE}"
    out.write(f"commit {BRANCH}\nauthor {who} <{who}> {when}\n".encode())
    out.write(f"committer columnarchive <columnarchive> {when}\ndata {len(message)}\n".encode())
    out.write(message)
    if parent:
        out.write(f"from {BRANCH}^0\n".encode())
    if step.content is None:
        out.write(f"D {step.path}\n\n".encode())
    else:
        content = step.content()
        out.write(f"M 100644 inline {step.path}\ndata {len(content)}\n".encode())
        out.write(content + b"\n\n")


def _run(folder: Path, *arguments: str) -> str:
    done = _git(folder, *arguments)
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())
        raise ExchangeError(f"git could not write {folder}: {said[:200]}.")
    return done.stdout.decode("utf-8", "replace")


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(_command(folder, *arguments), capture_output=True, check=False, env=_environment())
    except FileNotFoundError as error:
        raise ExchangeError("git is not installed; an export to git needs it.") from error


def _command(folder: Path, *arguments: str) -> list[str]:
    # Nothing of the user's own settings may run, sign or change what is written.
    fixed = ("core.hooksPath=/dev/null", "core.autocrlf=false", "core.quotePath=false", "commit.gpgSign=false")
    settings = [part for setting in fixed for part in ("-c", setting)]
    return ["git", "-C", str(folder), *settings, *arguments]


def _environment() -> dict[str, str]:
    """Ours without what would make git write elsewhere, as when started from a hook."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
