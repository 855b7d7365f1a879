"""A git repository with a file per article and a commit per revision, so that `git log -p` tells the story.

An export onto a repository of ours appends what is new, also where the archive learns late of something earlier (a
page's going is believed at its second 404) or where an article moved to another address. Only where the archive tells
an article's past differently (an older capture came in, a page was withdrawn, the rules got better) is the branch
written anew, and what it held before is removed from the repository. git's `fast-import` moves the branch once, at the
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
from columnarchive.exchange import file_names
from columnarchive.exchange.atomic_files import translated
from columnarchive.plain_text import printable

BRANCH = "refs/heads/main"
KEY, ARTICLE, MOVED = "Archive-Step", "Column", "Moved-From"
ZONE = "+0900"  # the days of Japanese sites
# Settings that a repository may have. Any other may name a program that git runs (filters, fsmonitor, gpg, pagers …),
# other files, or another place to write to.
HARMLESS_SETTINGS = re.compile(
    r"core\.(?:repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks"
    r"|hidedotfiles|quotepath|autocrlf|safecrlf|compression)"
    r"|user\.(?:name|email)|remote\..*\.(?:url|pushurl|fetch|push)|branch\..*\.(?:remote|merge|rebase)"
    r"|(?:push|pull|init|color|gui|status|log)\.[a-z]+|advice\..*",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One commit: `content` gives the file's bytes, None takes the file away. `key` names the step and all it says.

    `article` is the article's address, `trailers` are lines like `Seen: 2026-01-15T01:00:00Z`.
    """

    key: str
    article: str
    site: str
    moment: int
    subject: str
    paragraphs: tuple[str, ...]
    trailers: tuple[str, ...]
    content: Callable[[], bytes] | None
    moved_from: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an article is now, and when it was last seen there (seconds since 1970)."""

    article: str
    moment: int


@dataclass(frozen=True, slots=True)
class Source:
    """An archive's steps in order of time, anew at each call, and where what stood at an address is now."""

    steps: Callable[[], Iterator[Step]]
    current: Callable[[str], Place | None]


@dataclass(frozen=True, slots=True)
class Exported:
    """How many commits were added, how many the branch has, and whether its past was written anew."""

    added: int
    commits: int
    rewritten: bool


def write(folder: Path, source: Source, report: Callable[[int], None]) -> Exported:
    """Bring the repository at `folder` up to the archive.

    Raises ExchangeError when git is missing, when the folder or its branch holds what no export wrote, and when the
    disk refuses.
    """
    with translated(folder):
        return _write(folder, source, report)


def _write(folder: Path, source: Source, report: Callable[[int], None]) -> Exported:
    has = _Branch({}, 0) if _prepare(folder) else _branch(folder)
    moves = _followed(source, has)
    rewritten = moves is None
    if moves is None:
        new: Iterable[Step] = source.steps()
    else:
        new = chain(moves, _beyond(source.steps(), has.told))
    had = 0 if rewritten else has.commits
    added = _import(folder, new, had > 0, report)
    if had + added:
        # Also when nothing was added: a kill may have come between the branch and the files.
        _run(folder, "reset", "--quiet", "--hard", BRANCH)
    elif rewritten:
        _run(folder, "rm", "-r", "--force", "--quiet", "--ignore-unmatch", ".")
        _run(folder, "update-ref", "-d", BRANCH)
    if rewritten:
        (folder / ".git" / "ORIG_HEAD").unlink(missing_ok=True)
        # Among the reasons for a new past is a withdrawal: then the old one must be gone for good.
        _run(folder, "reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
        _run(folder, "gc", "--quiet", "--prune=now")
    return Exported(added, had + added, rewritten)


@dataclass(frozen=True, slots=True)
class _Branch:
    """What a branch tells: the keys of each article's steps in order, by the article's address; and all commits."""

    told: dict[str, list[str]]
    commits: int


def _branch(folder: Path) -> _Branch:
    """Read the branch; ExchangeError when a commit is none of ours."""
    told: dict[str, list[str]] = {}
    count = 0
    fields = "%x09".join(f"%(trailers:key={name},valueonly,separator=%x20)" for name in (KEY, ARTICLE, MOVED))
    log = _command(folder, "log", "--reverse", "--first-parent", f"--format={fields}", BRANCH)
    with subprocess.Popen(log, stdout=subprocess.PIPE, env=_environment()) as process:
        assert process.stdout is not None
        for line in process.stdout:
            key, article, moved_from = line.decode("utf-8", "replace").rstrip("\n").split("\t")
            if not key:
                raise ExchangeError(f"{folder} has commits that no export wrote; name a new folder for the repository.")
            if moved_from:
                told[article] = told.pop(moved_from, [])
            else:
                told.setdefault(article, []).append(key)
            count += 1
    return _Branch(told, count)


def _followed(source: Source, has: _Branch) -> list[Step] | None:
    """The moves that bring the branch to today's addresses; None when it tells a past that the archive does not.

    `has.told` is under today's addresses afterwards.
    """
    moved: dict[str, tuple[str, Place]] = {}
    for article in list(has.told):
        place = source.current(article)
        if place is None:
            return None
        if place.article != article:
            if place.article in has.told:
                return None  # two articles became one
            has.told[place.article] = has.told.pop(article)
            moved[place.article] = (article, place)
    seen: dict[str, int] = {}
    last: dict[str, Step] = {}
    for step in source.steps():
        keys, at = has.told.get(step.article, []), seen.get(step.article, 0)
        if at < len(keys):
            if keys[at] != step.key:
                return None
            seen[step.article] = at + 1
            if step.article in moved:
                last[step.article] = step
    if any(seen.get(article, 0) < len(keys) for article, keys in has.told.items()):
        return None
    return [_move(last[article], *moved[article]) for article in moved]


def _move(last: Step, old: str, place: Place) -> Step:
    """The commit that takes an article's file to the name of its new address."""
    return replace(
        last,
        moment=max(last.moment, place.moment),
        subject=f"Moved: {old} → {place.article}"[:200],
        paragraphs=(),
        trailers=(f"{MOVED}: {old}",),
        moved_from=old,
    )


def _beyond(steps: Iterator[Step], told: Mapping[str, list[str]]) -> Iterator[Step]:
    """The steps that a branch does not tell yet."""
    seen: dict[str, int] = {}
    for step in steps:
        at = seen[step.article] = seen.get(step.article, 0) + 1
        if at > len(told.get(step.article, ())):
            yield step


def _prepare(folder: Path) -> bool:
    """Make the repository if need be; True when its branch has no commit yet."""
    if os.path.lexists(folder / ".git"):
        _refuse_dangerous(folder)
    else:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ExchangeError(f"{folder} holds other things; name a new folder for the repository.")
        folder.mkdir(parents=True, exist_ok=True)
        _run(folder, "init", "--quiet", "--template=")
    _run(folder, "symbolic-ref", "HEAD", BRANCH)
    return _git(folder, "rev-parse", "--verify", "--quiet", BRANCH).returncode != 0


def _refuse_dangerous(folder: Path) -> None:
    """Raise ExchangeError for a repository whose settings make git run programs, or read and write elsewhere."""
    inside = folder / ".git"
    if inside.is_symlink() or not inside.is_dir():
        raise ExchangeError(f"{inside} is not a folder; name a new folder for the repository.")
    for name in ("commondir", "objects/info/alternates", "objects/info/http-alternates", "shallow"):
        if os.path.lexists(inside / name):
            raise ExchangeError(f"{inside} keeps objects elsewhere ({name}); name a new folder for the repository.")
    linked = [
        name for name in ("config", "HEAD", "objects", "refs", "index", "packed-refs") if (inside / name).is_symlink()
    ]
    if linked:
        raise ExchangeError(f"{inside / linked[0]} is a link to another place; name a new folder for the repository.")
    listed = _git(
        folder, "config", "--no-includes", "--file", str(inside.resolve() / "config"), "--list", "--name-only", "-z"
    )
    if listed.returncode:
        raise ExchangeError(f"{inside / 'config'} cannot be read; name a new folder for the repository.")
    for setting in listed.stdout.decode("utf-8", "replace").split("\0"):
        if setting and not HARMLESS_SETTINGS.fullmatch(setting):
            raise ExchangeError(
                f"{folder} has the git setting {printable(setting)[:80]}, which could run programs or lead elsewhere; "
                "remove it, or name a new folder for the repository."
            )


def _import(folder: Path, steps: Iterable[Step], appends: bool, report: Callable[[int], None]) -> int:
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
        except BrokenPipeError:
            pass  # git has ended; its reason follows
        except BaseException:
            process.kill()
            raise
        finally:
            with contextlib.suppress(OSError):  # what is still buffered
                process.stdin.close()
        said = process.stderr.read()
    if process.returncode:
        raise _failed(folder, process.returncode, said)
    return count


def _failed(folder: Path, status: int, said: bytes) -> ExchangeError:
    reason = printable(" ".join(said.decode("utf-8", "replace").split()))[:200] or f"it ended with status {status}"
    return ExchangeError(f"git could not write {folder}: {reason.rstrip('.')}.")


def _commit(out: IO[bytes], step: Step, *, parent: bool) -> None:
    trailers = "\n".join((f"{ARTICLE}: {step.article}", *step.trailers, f"{KEY}: {step.key}"))
    message = printable("\n\n".join((step.subject, *step.paragraphs, trailers))).encode() + b"\n"
    who = "".join(sign for sign in step.site if sign.isprintable() and sign not in "<>")
    when = f"{max(0, step.moment)} {ZONE}"
    out.write(f"commit {BRANCH}\nauthor {who} <{who}> {when}\n".encode())
    out.write(f"committer columnarchive <columnarchive> {when}\ndata {len(message)}\n".encode())
    out.write(message)
    if parent:
        out.write(f"from {BRANCH}^0\n".encode())
    if step.moved_from:
        out.write(f"D {_path(step.site, step.moved_from)}\n".encode())
    path = _path(step.site, step.article)
    if step.content is None:
        out.write(f"D {path}\n\n".encode())
    else:
        content = step.content()
        out.write(f"M 100644 inline {path}\ndata {len(content)}\n".encode())
        out.write(content + b"\n\n")


def _path(site: str, article: str) -> str:
    return f"{file_names.folder_name(site)}/{file_names.file_name(article)}"


def _run(folder: Path, *arguments: str) -> str:
    done = _git(folder, *arguments)
    if done.returncode:
        raise _failed(folder, done.returncode, done.stderr)
    return done.stdout.decode("utf-8", "replace")


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(_command(folder, *arguments), capture_output=True, check=False, env=_environment())
    except FileNotFoundError as error:
        raise ExchangeError("git is not installed; an export to git needs it.") from error


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
    """Ours without what makes git write elsewhere, as when started from a hook, and without the user's settings."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return ours | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
