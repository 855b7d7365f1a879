"""Notify people of changes, by `changes --since last` and webhooks; each change at least once.

A change is marked as sent only after its delivery: a kill in between sends it again. Changes are marked one by one, not
by a time up to which all were sent: an import, and an article that counts as gone at its second 404, add changes to the
past.
"""

from __future__ import annotations

import contextlib
import hashlib
import html
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from columnarchive.config import Settings, WebhookSettings, did_you_mean
from columnarchive.diff.labels import LEVELS
from columnarchive.errors import ArchiveError, FetchError, UsageError
from columnarchive.exchange.markdown import inline
from columnarchive.locale import Language, label_names
from columnarchive.plain_text import json_line, printable
from columnarchive.store import changes
from columnarchive.store.changes import ChangeRow, Interest
from columnarchive.store.database import Database
from columnarchive.times import DEFAULT_ZONE, Clock, interval, system_clock, to_text, typed
from columnarchive.urls import host_of

BATCH = 50  # changes in one message
EDITS = 20  # edits shown of one change
CHANGES = "changes"  # the channel of `changes --since last`
if TYPE_CHECKING:
    from columnarchive.crawl.webhook import Message

EVERYTHING = Interest()

_ACTIVE = re.compile(r"[@＠<]|:(?=//)|(?<=\w):(?=\w)")  # mentions, Slack's <…>, schemes, :emoji:
_HOST_DOT = re.compile(r"(?<=[^\W_])\.(?=[^\W\d_]{2})")

Post = Callable[[str, "Message", str], None]


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook of sites.toml: its address, the changes it gets, the variable with its secret, its texts' language."""

    url: str
    interest: Interest
    secret_env: str = ""
    language: Language = "en"

    @property
    def channel(self) -> str:
        """Its name in the archive: a digest, because the address is often a password and archives are shared."""
        return "webhook " + hashlib.sha256(self.url.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Delivery:
    """The number of changes that a webhook accepted, and why it did not accept the rest, as a sentence."""

    hook: Hook
    changes: int
    error: ArchiveError | None = None


@contextlib.contextmanager
def since_last(
    db: Database, interest: Interest = EVERYTHING, *, limit: int = -1, clock: Clock = system_clock
) -> Iterator[list[ChangeRow]]:
    """Yield the changes that no earlier block like this one yielded, oldest first; marked when the block succeeds.

    >>> with since_last(db) as rows:
    ...     print(rows, flush=True)
    """
    rows = changes.pending(db.conn, CHANGES, interest, limit)
    yield rows
    with db.transaction() as conn:
        changes.mark_sent(conn, CHANGES, rows, to_text(clock()))


@contextlib.contextmanager
def as_history(db: Database, site: str, *, clock: Clock = system_clock) -> Iterator[None]:
    """Let no webhook hear of the changes of a site that come up in this block: a backfill brings history, not news."""
    interest = Interest(sites=(site,))

    def pending(channel: str) -> dict[tuple[str, str, tuple[str, ...]], ChangeRow]:
        return {(row.url, row.seen_at, row.labels): row for row in changes.pending(db.conn, channel, interest)}

    before = {channel: pending(channel) for channel in changes.channels(db.conn) if channel != CHANGES}
    yield
    for channel, known in before.items():
        rows = [row for key, row in pending(channel).items() if key not in known]
        with db.transaction() as conn:
            changes.mark_sent(conn, channel, rows, to_text(clock()))


def notify(
    db: Database,
    hooks: Sequence[Hook],
    *,
    environment: Mapping[str, str] = os.environ,
    clock: Clock = system_clock,
    send: Post | None = None,
) -> list[Delivery]:
    """Send every webhook the changes it has not had yet; one that fails delays no other and is tried the next time."""
    if not hooks:
        return []
    from columnarchive.crawl.webhook import post  # with its HTTP client, which most crawls do not need

    return [_deliver(db, hook, environment, clock, send or post) for hook in hooks]


def _deliver(db: Database, hook: Hook, environment: Mapping[str, str], clock: Clock, send: Post) -> Delivery:
    count = 0
    secret = environment.get(hook.secret_env, "") if hook.secret_env else ""
    if hook.secret_env and not secret:
        return Delivery(hook, 0, UsageError("no_secret", variable=hook.secret_env))
    while rows := changes.pending(db.conn, hook.channel, hook.interest, BATCH):
        try:
            send(hook.url, _message(db, rows, _escaper(hook.url), hook.language), secret)
        except (FetchError, UsageError) as error:
            return Delivery(hook, count, error)
        with db.transaction() as conn:
            changes.mark_sent(conn, hook.channel, rows, to_text(clock()))
        count += len(rows)
    return Delivery(hook, count)


def _message(db: Database, rows: Sequence[ChangeRow], escape: Callable[[str], str], lang: Language) -> Message:
    from columnarchive.crawl.webhook import Message

    body = {
        "type": "changes",
        # Chat services show this line by line; programs read `changes`, which is as the page has it.
        "text": "\n".join(
            f"{escape(row.title)} ({label_names(row.labels, lang)}, {interval(row.after_at, row.seen_at, lang)}): "
            f"{escape(row.summary_in(lang))} {row.url.replace('@', '%40')}"
            for row in rows
        ),
        "changes": [_change(db, row) for row in rows],
    }
    # The same changes have the same id, so that a receiver recognises a repetition.
    names = json.dumps([[row.url, row.seen_at, row.labels] for row in rows])
    return Message("changes_" + hashlib.sha256(names.encode()).hexdigest()[:32], json_line(body).encode())


def _escaper(url: str) -> Callable[[str], str]:
    """How text of a page is written for the chat service at `url`: as text, never as a mention, link or markup."""
    host = host_of(url)
    if host == "slack.com" or host.endswith(".slack.com"):
        return lambda text: html.escape(_inert(text), quote=False)
    return lambda text: inline(_inert(text))


def _inert(text: str) -> str:
    """One line without mentions and links: a zero-width space parts what a chat service would act upon."""
    return _ACTIVE.sub("\\g<0>\u200b", _HOST_DOT.sub("\u200b.", printable(" ".join(text.split()))))


def _change(db: Database, row: ChangeRow) -> dict[str, Any]:
    edits = list(changes.edits(db.conn, row.id))
    return {
        "url": row.url, "site": row.site, "title": row.title, "from": row.from_number, "to": row.to_number,
        "seen_at": row.seen_at, "after_at": row.after_at, "level": row.level, "labels": row.labels,
        "added_chars": row.added_chars, "removed_chars": row.removed_chars, "summary": row.summary,
        "edits_total": len(edits),
        "edits": [
            {"op": edit.op, "old": edit.old, "new": edit.new, "labels": edit.labels, "level": edit.level}
            for edit in edits[:EDITS]
        ],
    }  # fmt: skip


def load_hooks(settings: Settings, tz: str = DEFAULT_ZONE) -> tuple[Hook, ...]:
    """Return the webhooks of a settings file; raise UsageError for an unknown label or a day that is none."""
    return tuple(_hook(settings, one, tz) for one in settings.webhooks)


def _hook(settings: Settings, one: WebhookSettings, tz: str) -> Hook:
    for label in one.labels:
        if label not in LEVELS:
            problem = UsageError("unknown_label", label=label, hint=did_you_mean(label, LEVELS))
            raise UsageError("in_settings", path=settings.path, problem=problem)
    since = typed(str(one.since), tz) if one.since else ""
    return Hook(one.url, Interest(one.level, one.labels, one.sites, since), one.secret_env, one.language)
