"""Changes told at least once: `--since last`, and webhooks against a real server on loopback."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import clinic_archive
import pytest
from command import archive, forked

from columnarchive import locale
from columnarchive.config import DigestSettings, load
from columnarchive.crawl import post
from columnarchive.errors import FetchError, UsageError
from columnarchive.pipeline import notifications
from columnarchive.pipeline.notifications import Hook, load_hooks, notify, send_digests, since_last
from columnarchive.records import Failure
from columnarchive.store.changes import Interest
from columnarchive.store.database import Database

SECRET = "a secret of the test"


def now() -> datetime:
    return datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Receiver:
    """A server that answers with the given statuses in turn, then always 204, and remembers what it took."""

    def __init__(self, *statuses: int, headers: dict[str, str] | None = None, hangs: bool = False) -> None:
        receiver, waiting = self, list(statuses)
        self.asked: list[tuple[int, dict[str, str], bytes]] = []
        self.released = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = waiting.pop(0) if waiting else 204
                receiver.asked.append((status, {k.lower(): v for k, v in self.headers.items()}, body))
                if hangs:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
                    self.wfile.flush()
                    receiver.released.wait(20)
                    return
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/with-a-token"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def taken(self) -> list[dict[str, Any]]:
        return [json.loads(body) for status, _, body in self.asked if status < 300]

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def db(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path = clinic_archive.copied(clinic_archive.path(tmp_path_factory), tmp_path / "a.db")
    with Database.open(path) as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def all_changes(db: Database, where: str = "1") -> list[tuple[str, str]]:
    return db.conn.execute(
        f"""select a.url, c.seen_at from changes c join articles a on a.id = article_id where {where}
            order by c.seen_at, a.url"""
    ).fetchall()


def told(receiver: Receiver) -> list[tuple[str, str]]:
    return [(change["url"], change["seen_at"]) for body in receiver.taken for change in body["changes"]]


def no_pause(_seconds: float) -> None:
    pass


def send(url: str, message: post.Message, secret: str) -> None:
    post.post(url, message, secret, pause=no_pause, clock=now)


def test_since_last_shows_each_change_once(db: Database) -> None:
    with since_last(db) as rows:
        assert [(row.url, row.seen_at) for row in rows] == all_changes(db)
    with since_last(db) as rows:
        assert rows == []


def test_what_could_not_be_shown_is_shown_again(db: Database) -> None:
    with pytest.raises(BrokenPipeError), since_last(db):
        raise BrokenPipeError
    with since_last(db, limit=3) as first:
        assert len(first) == 3
    with since_last(db) as rest:
        assert [(row.url, row.seen_at) for row in [*first, *rest]] == all_changes(db)


def test_a_webhook_takes_each_change_once_signed_and_whole(db: Database, receiver: Receiver) -> None:
    hook = Hook(receiver.url, Interest(), "HOOK_SECRET")
    assert notify(db, [hook], environment={"HOOK_SECRET": SECRET}, clock=now, send=send)[0].changes == len(
        all_changes(db)
    )
    assert told(receiver) == all_changes(db)
    assert notify(db, [hook], environment={"HOOK_SECRET": SECRET}, clock=now, send=send)[0].changes == 0
    ((_, headers, body),) = receiver.asked
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-timestamp"] == str(int(now().timestamp()))
    assert headers["content-type"] == "application/json"
    (message,) = receiver.taken
    change = next(change for change in message["changes"] if "risk_removed" in change["labels"])
    assert change["edits"][0].keys() == {"op", "old", "new", "labels", "level"}
    assert change["edits_total"] == len(change["edits"])
    assert change["summary"] in message["text"]


def test_a_webhook_hears_what_it_asked_for(db: Database, receiver: Receiver) -> None:
    for interest, where in (
        (Interest(level=3), "level = 3"),
        (Interest(labels=("price", "gone")), "labels like '%\"price\"%' or labels like '%\"gone\"%'"),
        (Interest(since="2026-03-01T00:00:00Z"), "seen_at >= '2026-03'"),
        (Interest(sites=("other.example",)), "0"),
    ):
        receiver.asked.clear()
        db.conn.execute("delete from told")
        notify(db, [Hook(receiver.url, interest)], send=send)
        assert told(receiver) == all_changes(db, where)


def test_a_webhook_gets_its_text_in_its_language(db: Database, receiver: Receiver) -> None:
    notify(db, [Hook(receiver.url, Interest(), language="ja")], send=send, clock=now)
    text = receiver.taken[0]["text"]
    assert "2025年10月20日〜2026年1月15日" in text
    assert locale.name("ja", "label", "claim_softened") in text
    assert "claim_softened" in str(receiver.taken[0]["changes"])


def test_many_changes_go_in_batches_and_those_taken_stay_told(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "BATCH", 5)
    receiver = Receiver(204, 204, 400)
    (first,) = notify(db, [Hook(receiver.url, Interest())], send=send)
    assert first.changes == 10
    assert str(first.error) == "The webhook at 127.0.0.1 answered 400."
    (second,) = notify(db, [Hook(receiver.url, Interest())], send=send)
    receiver.close()
    assert second.changes == len(all_changes(db)) - 10
    assert told(receiver) == all_changes(db)


def test_a_busy_webhook_is_tried_again_and_told_the_same(db: Database) -> None:
    receiver = Receiver(503, 429, headers={"Retry-After": "7"})
    pauses: list[float] = []
    hook = Hook(receiver.url, Interest())
    (done,) = notify(
        db,
        [hook],
        send=lambda url, message, secret: post.post(url, message, secret, pause=pauses.append, clock=now),
    )
    receiver.close()
    assert (done.changes, done.error) == (len(all_changes(db)), None)
    assert pauses == [7.0, 7.0]
    assert [status for status, _, _ in receiver.asked] == [503, 429, 204]
    assert len({headers["webhook-id"] for _, headers, _ in receiver.asked}) == 1


def test_one_that_refuses_holds_up_no_other_and_nothing_is_lost(db: Database, receiver: Receiver) -> None:
    gone = Receiver()
    gone.close()
    refusing = Receiver(*[500] * post.ATTEMPTS, 302, headers={"Location": receiver.url})
    hooks = [Hook(gone.url, Interest()), Hook(refusing.url, Interest()), Hook(receiver.url, Interest())]
    down, busy, fine = notify(db, hooks, send=send)
    assert str(down.error) == "The webhook at 127.0.0.1 cannot be reached (ConnectError)."
    assert str(busy.error) == "The webhook at 127.0.0.1 answered 500."
    assert len(refusing.asked) == post.ATTEMPTS
    assert "token" not in f"{down.error} {busy.error}"
    assert (fine.changes, fine.error) == (len(all_changes(db)), None)
    (moved,) = notify(db, [hooks[1]], send=send)
    assert str(moved.error) == "The webhook at 127.0.0.1 answered 302."
    assert len(receiver.asked) == 1  # the redirect was not followed
    assert notify(db, [hooks[1]], send=send)[0].changes == len(all_changes(db))
    refusing.close()


def test_one_that_never_answers_is_left_after_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "DEADLINE", 0.2)
    monkeypatch.setattr(post, "ATTEMPTS", 2)
    receiver = Receiver(hangs=True)
    pauses: list[float] = []
    with pytest.raises(FetchError, match="cannot be reached"):
        post.post(receiver.url, post.Message("x", b"{}"), pause=pauses.append)
    receiver.close()
    assert len(pauses) == 1, "between the two attempts"  # a slow machine may not even connect in time


def test_a_kill_between_delivery_and_note_tells_again(db: Database, receiver: Receiver) -> None:
    script = """
import os, signal, sys
from pathlib import Path
from columnarchive.pipeline.notifications import Hook, notify
from columnarchive.crawl.post import post
from columnarchive.store.database import Database
from columnarchive.store.changes import Interest
def send(url, message, secret):
    post(url, message, secret)
    os.kill(os.getpid(), signal.SIGKILL)
with Database.open(Path(sys.argv[1])) as db:
    notify(db, [Hook(sys.argv[2], Interest())], send=send)
"""
    done = forked(script, db.path, receiver.url)
    assert done.returncode == -signal.SIGKILL
    assert notify(db, [Hook(receiver.url, Interest())], send=send)[0].changes == len(all_changes(db))
    first, second = receiver.asked
    assert first[1]["webhook-id"] == second[1]["webhook-id"]


@pytest.mark.skipif(sys.platform == "win32", reason="a limit on the size of files stands for a full disk")
def test_a_disk_that_fills_between_delivery_and_note_tells_again(db: Database, receiver: Receiver) -> None:
    script = """
import resource, sys
from pathlib import Path
from columnarchive.pipeline.notifications import Hook, notify, since_last
from columnarchive.crawl.post import post
from columnarchive.errors import ArchiveError
from columnarchive.store.database import Database
from columnarchive.store.changes import Interest
def send(url, message, secret):
    post(url, message, secret)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
try:
    with Database.open(Path(sys.argv[1])) as db:
        if sys.argv[2] == "changes":
            with since_last(db) as rows:
                resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        else:
            notify(db, [Hook(sys.argv[2], Interest())], send=send)
except ArchiveError as error:
    print(error)
"""
    db.conn.execute("pragma wal_checkpoint(truncate)")
    for channel in (receiver.url, "changes"):
        done = forked(script, db.path, channel)
        assert (done.returncode, done.stderr, done.stdout.count(b"\n")) == (0, b"", 1), done
        assert b"is full" in done.stdout
    assert told(receiver) == all_changes(db)
    assert notify(db, [Hook(receiver.url, Interest())], send=send)[0].changes == len(all_changes(db))
    first, second = receiver.asked
    assert first[1]["webhook-id"] == second[1]["webhook-id"]
    with since_last(db) as rows:
        assert [(row.url, row.seen_at) for row in rows] == all_changes(db)
    assert notify(db, [Hook(receiver.url, Interest())], send=send)[0].changes == 0


def test_a_rebuild_a_move_and_late_news(tmp_path: Path) -> None:
    """A move tells nothing again; what is learned late of the past is told."""
    seen: dict[str, list[clinic_archive.Seen]] = {
        "/a/": ["一。", "二。", ("二。", "/new/"), ("二。", "/new/")],
        "/b/": ["三。", "三。", "", ""],
    }
    path = tmp_path / "a.db"
    heard: list[list[tuple[str, str]]] = []
    for day in (2, 3, 4):
        clinic_archive.written(path, {name: texts[:day] for name, texts in seen.items()})
        with Database.open(path) as db, since_last(db) as rows:
            heard.append([(row.url, row.summary) for row in rows])
    assert [len(rows) for rows in heard] == [1, 0, 1]
    assert heard[2][0][0] == "https://clinic.example/b/"


def test_the_address_of_a_webhook_is_not_in_the_archive(db: Database, receiver: Receiver) -> None:
    notify(db, [Hook(receiver.url, Interest())], send=send)
    assert "token" not in "".join(str(row) for row in db.conn.execute("select * from told"))


def test_a_secret_in_the_form_of_standard_webhooks() -> None:
    """The example of the Standard Webhooks libraries."""
    message = post.Message("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}')
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert post.signature(message, 1614265330, secret) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    with pytest.raises(UsageError, match="no base64"):
        post.signature(message, 1, "whsec_äö")


def test_settings_are_read_and_faults_named(tmp_path: Path) -> None:
    path = tmp_path / "sites.toml"
    assert load_hooks(load(path)) == ()
    path.write_text(
        '[notify]\nurl = "https://hooks.example/x"\nlabels = ["price"]\nlevel = 2\nsecret_env = "HOOK_SECRET"\n'
        'since = 2026-01-01\n\n[[site]]\nstart = "https://clinic.example/"\n'
    )
    interest = Interest(2, ("price",), (), "2025-12-31T15:00:00Z")
    assert load_hooks(load(path)) == (Hook("https://hooks.example/x", interest, "HOOK_SECRET"),)
    path.write_text('[[notify]]\nurl = "https://a.example/"\n[[notify]]\nurl = "https://b.example/"\n')
    assert [hook.url for hook in load_hooks(load(path))] == ["https://a.example/", "https://b.example/"]
    for wrong, said in (
        ('url = "ftp://a/"', r"ftp://a/.* at `\$.notify\[0\]`"),
        ('url = "https://a/"\nlevel = 9', r"`int` <= 3 - at `\$.notify\[0\].level`"),
        ('url = "https://a/"\nlevel = true', r"got `bool` - at `\$.notify\[0\].level`"),
        ('url = "https://a/"\nlabels = "price"', r"got `str` - at `\$.notify\[0\].labels`"),
        ('url = "https://a/"\nsecret = "x"', "unknown setting `secret`"),
        ('url = "https://a/"\nsecret_env = "not a name!"', r"at `\$.notify\[0\].secret_env`"),
        (
            'url = "https://a/"\nlabels = ["price", "risk_remove"]',
            "There is no label 'risk_remove'; did you mean `risk_removed`",
        ),
        ('url = "https://a/"\nsite = ["a"]', "unknown setting `site`.*did you mean `sites`"),
        ('url = "https://a/"\nsince = "soon"', r"at `\$.notify\[0\].since`"),
        ("level = 1", "missing required field `url`"),
    ):
        path.write_text(f"[notify]\n{wrong}\n")
        with pytest.raises(UsageError, match=said):
            load_hooks(load(path))


def test_a_secret_that_is_not_there_is_said_and_nothing_sent(db: Database, receiver: Receiver) -> None:
    (done,) = notify(db, [Hook(receiver.url, Interest(), "NOT_SET")], environment={}, send=send)
    assert "NOT_SET" in str(done.error)
    assert receiver.asked == []
    assert os.environ.get("NOT_SET") is None


def test_the_command_shows_all_that_is_new_and_then_not_a_word(db: Database) -> None:
    """What counts as shown must have been shown, whatever the limit; and cron mails every word."""

    def said(*options: str) -> CompletedProcess[str]:
        return archive("changes", *options, db=db.path)

    wrong = said("--since", "last", "--until", "2026-01-01")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert said("--since", "last", "--limit", "2").stdout == said("--limit", "1000").stdout != ""
    again = said("--since", "last")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_a_digest_is_one_message_with_intervals_sentences_and_failures(db: Database) -> None:
    pytest.importorskip("apprise", reason="apprise is not installed; `pip install -e '.[notify]'`")
    receiver = Receiver()
    try:
        address = receiver.url.replace("http://", "json://")
        settings = (DigestSettings("env:DIGEST", level=3),)
        failures = [Failure("https://clinic.example/column/", "timeout", "No answer in 60 s.")]
        (done,) = send_digests(db, settings, failures, environment={"DIGEST": address})
        assert (done.error, len(receiver.asked)) == (None, 1)
        message = receiver.taken[0]
        assert message["title"] == f"コラムの変更 {done.changes} 件"
        for part in (
            "2025年10月20日〜2026年1月15日",
            "変更前：",
            "表現が弱まった",
            "タイムアウト  https://clinic.example/column/",
        ):
            assert part in message["message"]
        assert send_digests(db, settings, environment={"DIGEST": address}) == []
        assert len(receiver.asked) == 1
    finally:
        receiver.close()


def test_a_digest_that_fails_is_sent_again_and_names_no_password(db: Database) -> None:
    pytest.importorskip("apprise", reason="apprise is not installed; `pip install -e '.[notify]'`")
    receiver = Receiver(*[500] * 9)
    address = receiver.url.replace("http://", "json://user:secret@")
    for url, said in ((address, "could not be delivered"), ("nonsense://x", "no address"), ("env:NOT_SET", "NOT_SET")):
        (done,) = send_digests(db, (DigestSettings(url, language="en"),), environment={})
        assert said in str(done.error)
        assert "secret" not in str(done.error)
    receiver.close()
    receiver = Receiver()
    try:
        (done,) = send_digests(db, (DigestSettings(receiver.url.replace("http://", "json://"), language="en"),))
        assert "Changed" not in receiver.taken[0]["message"]
        assert "between 20 Oct 2025 and 15 Jan 2026" in receiver.taken[0]["message"]
        assert done.changes > 0
    finally:
        receiver.close()
