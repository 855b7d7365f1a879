"""Exports where the disk, the target or the text is against them: one sentence, and nothing of a page acts."""

from __future__ import annotations

import contextlib
import json
import subprocess
import unicodedata
import xml.etree.ElementTree as ET
from pathlib import Path

import clinic_archive
import command
import pytest
from deriving import spread
from reading import opened

from columnarchive.config import load
from columnarchive.crawl import post
from columnarchive.errors import ArchiveError, ExchangeError, FetchError, UsageError
from columnarchive.exchange import atomic_files, markdown
from columnarchive.pipeline.export import ExportRequest
from columnarchive.pipeline.export import export as publish
from columnarchive.pipeline.notifications import Hook, notify
from columnarchive.store.changes import Interest
from columnarchive.store.database import Database

HOSTILE = (
    "消\x1b[2J\x07え\u202eた\u2066 <!channel> <@U1> @everyone @here https://evil.example/a www.evil.example "
    "[押す](https://evil.example) <https://evil.example|x> \x9b31m\u2028次\u2029の\x85行 \ufeff\uffff<users/all>"
)
CONTROLS = {*map(chr, (*range(9), *range(11, 32), *range(127, 160))), *"\u061c\u200e\u200f\u202a\u202e\u2066\u2069"}


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive in which one article says the worst, first in one way and then in another."""
    target = tmp_path_factory.mktemp("hostile") / "a.db"
    return clinic_archive.written(target, {"/a/": ["最初の文。", f"最初の文。{HOSTILE}"], "/b/": [HOSTILE, "別の文。"]})


def export(db: Path, format: str, out: Path) -> str:
    with opened(db) as conn:
        return str(publish(conn, ExportRequest(format, out)))


# The command where no file may grow beyond 100 bytes, as on a full disk.
ON_A_FULL_DISK = """
import resource
from columnarchive.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
main()
"""


def is_one_sentence(said: bytes) -> bool:
    lines = [line for line in said.decode().splitlines() if line.strip()]
    return len(lines) == 1 and lines[0].startswith("archive: ") and lines[0].endswith(".")


TARGETS = {
    "git": "repo", "markdown": "notes", "csv": "tables", "jsonl": "changes.jsonl", "atom": "feed.atom",
    "sqlite": "copy.db", "warc": "all.warc", "parquet": "tables",
}  # fmt: skip


@pytest.mark.parametrize("format", TARGETS)
def test_a_full_disk_is_one_sentence_and_leaves_nothing(db: Path, tmp_path: Path, format: str) -> None:
    done = command.forked(ON_A_FULL_DISK, "--db", db, "export", format, tmp_path / TARGETS[format])
    assert done.returncode == 1
    assert is_one_sentence(done.stderr), done.stderr
    left = [path for path in tmp_path.rglob("*") if path.is_file() and ".git" not in path.parts]
    assert left == []


@pytest.mark.parametrize("format", TARGETS)
@pytest.mark.parametrize("place", spread(["file/below", "file", "/proc/none", "long"], 1))
def test_a_target_that_cannot_be_is_one_sentence(db: Path, tmp_path: Path, format: str, place: str) -> None:
    (tmp_path / "file").write_text("x")
    out = {"/proc/none": Path("/proc/none"), "long": tmp_path / ("n" * 300)}.get(place, tmp_path / place)
    if place == "file":
        if format not in ("git", "markdown", "csv", "parquet", "sqlite"):
            pytest.skip("a file is what this export writes")
        out = tmp_path / "file"
    done = command.archive("export", format, out / "x" if place == "/proc/none" else out, db=db)
    assert done.returncode == 1
    assert is_one_sentence(done.stderr.encode()), done.stderr
    assert (tmp_path / "file").read_text() == "x"


def test_a_partial_file_that_leads_elsewhere_is_never_followed(db: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    for format, name in [("jsonl", "changes.jsonl"), ("atom", "feed.atom"), ("sqlite", "copy.db"), ("csv", "a.csv")]:
        (tmp_path / f"{name}.partial").symlink_to(precious)
        export(db, format, tmp_path / name)
        assert (tmp_path / name).stat().st_size > 0
        assert not (tmp_path / name).is_symlink()
    with atomic_files() as claim:
        (tmp_path / "b.partial").symlink_to(tmp_path / "nowhere")
        with contextlib.suppress(OSError):
            claim(tmp_path / "b").write_text("b")
    assert precious.read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()


def marker(tmp_path: Path) -> tuple[Path, str]:
    """A program that leaves a mark when it is run."""
    mark, program = tmp_path / "ran", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    program.chmod(0o755)
    return mark, str(program)


SETTINGS = [
    "core.fsmonitor", "filter.x.clean", "filter.x.smudge", "filter.x.process", "core.sshCommand", "core.pager",
    "core.editor", "core.hooksPath", "gpg.program", "diff.external", "diff.x.textconv", "merge.x.driver",
    "credential.helper", "alias.log", "include.path", "core.worktree", "core.alternateRefsCommand", "core.gitProxy",
    "core.attributesFile", "remote.o.promisor", "remote.o.uploadpack", "extensions.partialClone", "pager.log",
    "trailer.x.command", "gc.recentObjectsHook", "interactive.diffFilter", "includeIf.gitdir:/.path",
]  # fmt: skip


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_repository_that_runs_programs_is_refused(db: Path, tmp_path: Path, setting: str) -> None:
    mark, program = marker(tmp_path)
    repo = tmp_path / "repo"
    export(db, "git", repo)
    (repo / ".gitattributes").write_text("* filter=x diff=x merge=x\n")
    subprocess.run(["git", "config", "--file", str(repo / ".git/config"), setting, program], check=True)
    with pytest.raises(ExchangeError, match="setting"):
        export(db, "git", repo)
    assert not mark.exists()


@pytest.mark.parametrize("kind", ["link", "file", "alternates", "commondir", "linked objects", "unreadable"])
def test_a_repository_that_leads_elsewhere_is_refused(db: Path, tmp_path: Path, kind: str) -> None:
    repo = tmp_path / "repo"
    export(db, "git", repo)
    inside, other = repo / ".git", tmp_path / "other"
    if kind in ("link", "file"):
        inside.rename(other)
        inside.symlink_to(other) if kind == "link" else inside.write_text(f"gitdir: {other}\n")
    elif kind == "alternates":
        (inside / "objects/info").mkdir(exist_ok=True)
        (inside / "objects/info/alternates").write_text(str(other))
    elif kind == "commondir":
        (inside / "commondir").write_text(str(other))
    elif kind == "linked objects":
        (inside / "objects").rename(other)
        (inside / "objects").symlink_to(other)
    else:
        (inside / "config").write_text("[core\nx = = =")
    with pytest.raises(ExchangeError):
        export(db, "git", repo)


def test_hooks_and_the_users_own_settings_do_not_run(db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark, program = marker(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    for setting in ("core.fsmonitor", "core.hooksPath", "gpg.program", "filter.x.smudge", "filter.x.clean"):
        subprocess.run(["git", "config", "--global", setting, program], check=True)
    subprocess.run(["git", "config", "--global", "commit.gpgSign", "true"], check=True)
    repo = tmp_path / "repo"
    export(db, "git", repo)
    hooks_folder = repo / ".git/hooks"
    hooks_folder.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-checkout", "pre-auto-gc", "post-index-change", "pre-commit"):
        (hooks_folder / name).symlink_to(program)
    (repo / ".git/info").mkdir(exist_ok=True)
    (repo / ".git/info/attributes").write_text("* filter=x\n")
    subprocess.run(["git", "config", "--file", str(repo / ".git/config"), "remote.o.url", "ext::touch x"], check=True)
    export(db, "git", repo)
    assert not mark.exists()


@pytest.mark.parametrize("format", ["markdown", "git"])
def test_no_control_or_bidi_character_of_a_page_is_written(db: Path, tmp_path: Path, format: str) -> None:
    export(db, format, tmp_path / "out")
    texts = [path.read_text(encoding="utf-8") for path in (tmp_path / "out").rglob("*.md")]
    if format == "git":
        log = subprocess.run(["git", "-C", tmp_path / "out", "log", "-p"], capture_output=True, check=True)
        texts.append(log.stdout.decode())
    assert any("消" in text for text in texts)
    assert all(not CONTROLS & set(text) for text in texts)


@pytest.mark.parametrize("sign", ["\x1b", "\x08", "\x7f", "\x90", "\u200f", "\u202b", "\u2068", "\ud812"])
def test_markdown_leaves_out_what_drives_terminals(sign: str) -> None:
    assert sign not in markdown.inline(f"a{sign}b")
    assert sign not in markdown.front_matter([("title", f"a{sign}b")])


def test_json_lines_are_lines_for_every_reader(db: Path, tmp_path: Path) -> None:
    export(db, "jsonl", tmp_path / "out")
    for path in (tmp_path / "out").glob("*.jsonl"):
        data = path.read_bytes()
        lines = data.decode("utf-8").splitlines()
        assert len(lines) == data.count(b"\n")
        found = [json.loads(line) for line in lines]
        assert not {"\uffff", "\u2028", "\x85"} & set(data.decode())
        if path.name == "revisions.jsonl":
            assert any("\u2028" in row["text"] and "\uffff" in row["text"] for row in found), "nothing is lost"


def test_a_feed_is_xml_whatever_a_page_says(db: Path, tmp_path: Path) -> None:
    export(db, "atom", tmp_path / "feed.atom")
    text = (tmp_path / "feed.atom").read_text(encoding="utf-8")
    ET.fromstring(text)
    assert not {"\uffff", "\u2028", "\x85", "\x1b"} & set(text)


CHATS = {
    "slack": "https://hooks.slack.com/services/T/B/x",
    "discord": "https://discord.com/api/webhooks/1/x/slack",
    "mattermost": "https://chat.example/hooks/x",
    "google": "https://chat.googleapis.com/v1/spaces/x/messages",
}


@pytest.mark.parametrize("chat", CHATS)
def test_text_of_pages_is_inert_in_chats(db: Path, tmp_path: Path, chat: str) -> None:
    taken: list[bytes] = []
    with Database.open(clinic_archive.copied(db, tmp_path / "a.db")) as opened:
        notify(opened, [Hook(CHATS[chat], Interest())], send=lambda _url, message, _secret: taken.append(message.body))
    (body,) = map(json.loads, taken)
    text = body["text"]
    for active in ("<!", "<@", "<http", "@everyone", "@here", "www.evil", "evil.example", "<users", "](http"):
        assert active not in text
    assert "https://evil" not in text
    assert not CONTROLS & set(text)
    assert all(unicodedata.category(sign) not in ("Zl", "Zp") for sign in text)
    if chat == "slack":
        assert "<" not in text
    assert "https://clinic.example/" in text
    assert any("@everyone" in edit["new"] for change in body["changes"] for edit in change["edits"]), "for programs"


ADDRESSES = [
    "http://127.0.0.1:99999/", "https://hooks.example:-1/", "http://", "https://[::1/x", "http://a b/", "https://:80/",
    "http://%00/", "http://999999999999/",
]  # fmt: skip


@pytest.mark.parametrize("url", ADDRESSES)
def test_a_webhook_of_no_address_is_refused_in_settings_and_never_ends_a_crawl(
    db: Path, tmp_path: Path, url: str
) -> None:
    (tmp_path / "sites.toml").write_text(f'[[notify]]\nurl = "{url}"\n')
    with pytest.raises(UsageError, match=r"\$\.notify\[0\]"):
        load(tmp_path / "sites.toml")
    with Database.open(clinic_archive.copied(db, tmp_path / "a.db")) as opened:
        (told,) = notify(opened, [Hook(url, Interest())])
    assert told.changes == 0
    assert str(told.error).endswith(".")


@pytest.mark.parametrize("url", ["http://a..b.example/", f"http://{'a' * 70}.example/", "http://127.0.0.1:0/"])
def test_a_webhook_that_cannot_be_looked_up_is_one_sentence(url: str) -> None:
    with pytest.raises((FetchError, UsageError)) as caught:
        post.post(url, post.Message("1", b"{}"), pause=lambda _seconds: None)
    assert isinstance(caught.value, ArchiveError)
