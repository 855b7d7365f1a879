"""Export to a git repository: a file per article and a commit per revision, so that `git log -p` shows the history.

An export onto a repository of ours appends what is new, also where the archive learns something about the past (an
article counts as gone at its second 404) or where an article moved to another address. The branch is rewritten only
where an article's history differs from the exported one (an older capture was imported, a page was withdrawn, the rules
improved), and the old commits are then removed from the repository. `git fast-import` moves the branch once, at the
end, so a kill leaves it as it was.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import IO

from columnarchive.errors import ExchangeError
from columnarchive.exchange import os_errors_as_sentences
from columnarchive.exchange.markdown import file_name, folder_name
from columnarchive.text import printable

BRANCH = "refs/heads/main"
KEY, ARTICLE, MOVED = "Archive-Step", "Column", "Moved-From"  # trailers
TIME_ZONE = "+0900"
# The settings that a repository may have. Any other may name a program that git runs (filters, fsmonitor, gpg,
# pagers …), other files, or another place to write to.
HARMLESS_SETTINGS = re.compile(
    r"core\.(?:repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks"
    r"|hidedotfiles|quotepath|autocrlf|safecrlf|compression)"
    r"|user\.(?:name|email)|remote\..*\.(?:url|pushurl|fetch|push)|branch\..*\.(?:remote|merge|rebase)"
    r"|(?:push|pull|init|color|gui|status|log)\.[a-z]+|advice\..*",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of the history.

    Args:
        key: identifies the commit and everything in it.
        article: the article's address.
        time: seconds since 1970.
        trailers: lines like `Seen: 2026-01-15T01:00:00Z`.
        content: returns the file's bytes; None removes the file.
        moved_from: the article's former address, in a commit that renames its file.
    """

    key: str
    article: str
    site: str
    time: int
    subject: str
    paragraphs: tuple[str, ...]
    trailers: tuple[str, ...]
    content: Callable[[], bytes] | None
    moved_from: str = ""


@dataclass(frozen=True, slots=True)
class CurrentAddress:
    """The address of an article today, and when it was last seen there (seconds since 1970)."""

    article: str
    time: int


@dataclass(frozen=True, slots=True)
class History:
    """An archive's commits in order of time, from the start at each call, and the current address of an old one."""

    commits: Callable[[], Iterator[Commit]]
    current: Callable[[str], CurrentAddress | None]


@dataclass(frozen=True, slots=True)
class RepositoryUpdate:
    """The number of commits added and of all commits of the branch, and whether the branch was rewritten."""

    added: int
    commits: int
    rewritten: bool


def update_repository(folder: Path, history: History, report: Callable[[int], None]) -> RepositoryUpdate:
    """Bring the repository at `folder` up to the archive.

    Raises ExchangeError when git is missing, when the folder or its branch holds what no export wrote, when the
    repository could run programs, and when the disk refuses.
    """
    with os_errors_as_sentences(folder):
        branch = _Branch({}, 0) if _prepare(folder) else _read_branch(folder)
        moves = _moves(history, branch)
        if moves is None:
            return _rewrite(folder, history, report)
        added = _import(folder, chain(moves, _new_commits(history, branch.keys)), branch.commits > 0, report)
        if branch.commits + added:
            # Also when nothing was added: a kill may have come between the branch and the files.
            _run(folder, "reset", "--quiet", "--hard", BRANCH)
        return RepositoryUpdate(added, branch.commits + added, rewritten=False)


def _rewrite(folder: Path, history: History, report: Callable[[int], None]) -> RepositoryUpdate:
    """Write the branch from the start and remove the old commits for good: a withdrawal may be the reason."""
    added = _import(folder, history.commits(), False, report)
    if added:
        _run(folder, "reset", "--quiet", "--hard", BRANCH)
    else:
        _run(folder, "rm", "-r", "--force", "--quiet", "--ignore-unmatch", ".")
        _run(folder, "update-ref", "-d", BRANCH)
    (folder / ".git" / "ORIG_HEAD").unlink(missing_ok=True)
    _run(folder, "reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
    _run(folder, "gc", "--quiet", "--prune=now")
    return RepositoryUpdate(added, added, rewritten=True)


@dataclass(frozen=True, slots=True)
class _Branch:
    """The keys of each article's commits in order, by the article's address; and the number of all commits."""

    keys: dict[str, list[str]]
    commits: int


def _read_branch(folder: Path) -> _Branch:
    """Read the branch; ExchangeError when a commit is not ours."""
    keys: dict[str, list[str]] = {}
    count = 0
    fields = "%x09".join(f"%(trailers:key={name},valueonly,separator=%x20)" for name in (KEY, ARTICLE, MOVED))
    log = _command(folder, "log", "--reverse", "--first-parent", f"--format={fields}", BRANCH)
    with subprocess.Popen(log, stdout=subprocess.PIPE, env=_environment()) as process:
        assert process.stdout is not None
        for line in process.stdout:
            key, article, moved_from = line.decode("utf-8", "replace").rstrip("\n").split("\t")
            if not key:
                raise ExchangeError("git_foreign_commits", folder=folder)
            if moved_from:
                keys[article] = keys.pop(moved_from, [])
            else:
                keys.setdefault(article, []).append(key)
            count += 1
    return _Branch(keys, count)


def _moves(history: History, branch: _Branch) -> list[Commit] | None:
    """The commits that bring the branch to today's addresses; None when its history differs from the archive's.

    Afterwards `branch.keys` is under today's addresses.
    """
    moved: dict[str, tuple[str, CurrentAddress]] = {}
    for article in list(branch.keys):
        address = history.current(article)
        if address is None:
            return None
        if address.article != article:
            if address.article in branch.keys:
                return None  # two articles became one
            branch.keys[address.article] = branch.keys.pop(article)
            moved[address.article] = (article, address)
    seen: dict[str, int] = {}
    last: dict[str, Commit] = {}
    for commit in history.commits():
        keys, at = branch.keys.get(commit.article, []), seen.get(commit.article, 0)
        if at < len(keys):
            if keys[at] != commit.key:
                return None
            seen[commit.article] = at + 1
            if commit.article in moved:
                last[commit.article] = commit
    if any(seen.get(article, 0) < len(keys) for article, keys in branch.keys.items()):
        return None
    return [_move(last[article], *moved[article]) for article in moved]


def _move(last: Commit, old: str, address: CurrentAddress) -> Commit:
    """The commit that renames an article's file after its new address."""
    return replace(
        last,
        time=max(last.time, address.time),
        subject=f"Moved: {old} → {address.article}"[:200],
        paragraphs=(),
        trailers=(f"{MOVED}: {old}",),
        moved_from=old,
    )


def _new_commits(history: History, keys: Mapping[str, list[str]]) -> Iterator[Commit]:
    """The commits that a branch does not have yet."""
    seen: dict[str, int] = {}
    for commit in history.commits():
        at = seen[commit.article] = seen.get(commit.article, 0) + 1
        if at > len(keys.get(commit.article, ())):
            yield commit


def _prepare(folder: Path) -> bool:
    """Create the repository if there is none; True when its branch has no commit yet."""
    if os.path.lexists(folder / ".git"):
        _refuse_dangerous(folder)
    else:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ExchangeError("git_other_things", folder=folder)
        folder.mkdir(parents=True, exist_ok=True)
        _run(folder, "init", "--quiet", "--template=")
    _run(folder, "symbolic-ref", "HEAD", BRANCH)
    return _git(folder, "rev-parse", "--verify", "--quiet", BRANCH).returncode != 0


def _refuse_dangerous(folder: Path) -> None:
    """Raise ExchangeError for a repository whose settings make git run programs, or read and write elsewhere."""
    inside = folder / ".git"
    if inside.is_symlink() or not inside.is_dir():
        raise ExchangeError("git_not_folder", path=inside)
    for name in ("commondir", "objects/info/alternates", "objects/info/http-alternates", "shallow"):
        if os.path.lexists(inside / name):
            raise ExchangeError("git_elsewhere", path=inside, name=name)
    linked = [
        name for name in ("config", "HEAD", "objects", "refs", "index", "packed-refs") if (inside / name).is_symlink()
    ]
    if linked:
        raise ExchangeError("git_link", path=inside / linked[0])
    listed = _git(
        folder, "config", "--no-includes", "--file", str(inside.resolve() / "config"), "--list", "--name-only", "-z"
    )
    if listed.returncode:
        raise ExchangeError("git_config", path=inside / "config")
    for setting in listed.stdout.decode("utf-8", "replace").split("\0"):
        if setting and not HARMLESS_SETTINGS.fullmatch(setting):
            raise ExchangeError("git_setting", folder=folder, setting=printable(setting)[:80])


def _import(folder: Path, commits: Iterable[Commit], appends: bool, report: Callable[[int], None]) -> int:
    # With --done, a stream that a kill cut short does not move the branch.
    command = _command(folder, "fast-import", "--quiet", "--done", "--force", "--date-format=raw")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_environment()
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        count = 0
        try:
            for commit in commits:
                _write_commit(process.stdin, commit, parent=appends and count == 0)
                count += 1
                report(count)
            process.stdin.write(b"done\n")
        except BrokenPipeError:
            pass  # git has ended; its reason follows
        except BaseException:
            process.kill()
            raise
        finally:
            with contextlib.suppress(OSError):  # what is still buffered
                process.stdin.close()
        stderr = process.stderr.read()
    if process.returncode:
        raise _git_error(folder, process.returncode, stderr)
    return count


def _git_error(folder: Path, status: int, stderr: bytes) -> ExchangeError:
    reason = printable(" ".join(stderr.decode("utf-8", "replace").split()))[:200] or f"it ended with status {status}"
    return ExchangeError("git_failed", folder=folder, reason=reason.rstrip("."))


def _write_commit(out: IO[bytes], commit: Commit, *, parent: bool) -> None:
    trailers = "\n".join((f"{ARTICLE}: {commit.article}", *commit.trailers, f"{KEY}: {commit.key}"))
    message = printable("\n\n".join((commit.subject, *commit.paragraphs, trailers))).encode() + b"\n"
    who = "".join(sign for sign in commit.site if sign.isprintable() and sign not in "<>")
    when = f"{max(0, commit.time)} {TIME_ZONE}"
    out.write(f"commit {BRANCH}\nauthor {who} <{who}> {when}\n".encode())
    out.write(f"committer columnarchive <columnarchive> {when}\ndata {len(message)}\n".encode())
    out.write(message)
    if parent:
        out.write(f"from {BRANCH}^0\n".encode())
    if commit.moved_from:
        out.write(f"D {_path(commit.site, commit.moved_from)}\n".encode())
    path = _path(commit.site, commit.article)
    if commit.content is None:
        out.write(f"D {path}\n\n".encode())
    else:
        content = commit.content()
        out.write(f"M 100644 inline {path}\ndata {len(content)}\n".encode())
        out.write(content + b"\n\n")


def _path(site: str, article: str) -> str:
    return f"{folder_name(site)}/{file_name(article)}"


def _run(folder: Path, *arguments: str) -> str:
    done = _git(folder, *arguments)
    if done.returncode:
        raise _git_error(folder, done.returncode, done.stderr)
    return done.stdout.decode("utf-8", "replace")


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(_command(folder, *arguments), capture_output=True, check=False, env=_environment())
    except FileNotFoundError as error:
        raise ExchangeError("no_git") from error


def _command(folder: Path, *arguments: str) -> list[str]:
    # Nothing that is configured anywhere may run, sign or change what is written.
    fixed = (
        f"core.hooksPath={os.devnull}", "core.fsmonitor=false", "core.autocrlf=false", "core.quotePath=false",
        f"core.attributesFile={os.devnull}", "core.alternateRefsCommand=", "commit.gpgSign=false",
        "protocol.allow=never", "gc.auto=0",
    )  # fmt: skip
    settings = [part for setting in fixed for part in ("-c", setting)]
    return ["git", "--no-pager", "-C", str(folder), *settings, *arguments]


def _environment() -> dict[str, str]:
    """Our environment without variables that lead git elsewhere (as in a hook) and without the user's settings."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return ours | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
