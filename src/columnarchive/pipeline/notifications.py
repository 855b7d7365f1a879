"""Notify people of changes: `changes --since last`, webhooks, digests by mail or chat, and what saved searches find.

A change is marked as sent only after its delivery: a kill in between sends it again. Changes are marked one by one, not
by a time up to which all were sent: an import, and an article that counts as gone at its second 404, add changes to the
past.
"""

from __future__ import annotations

import contextlib
import hashlib
import html
import importlib
import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from columnarchive import locale
from columnarchive.config import DigestSettings, Settings, WebhookSettings, did_you_mean
from columnarchive.diff import LEVELS, priority
from columnarchive.errors import ArchiveError, FetchError, UsageError
from columnarchive.exchange.markdown import inline
from columnarchive.locale import Language, label_names, text
from columnarchive.reader import Reader, SearchOptions
from columnarchive.records import Failure, Hit
from columnarchive.search import parse
from columnarchive.store import articles, changes, saved_searches
from columnarchive.store.changes import ChangeRow, Interest
from columnarchive.store.database import Database
from columnarchive.text import json_line, printable
from columnarchive.times import DEFAULT_ZONE, Clock, interval, system_clock, to_text, typed
from columnarchive.urls import host_of

BATCH = 50  # changes in one message
EDITS = 20  # edits shown of one change
CHANGES = "changes"  # the channel of `changes --since last`
if TYPE_CHECKING:
    from columnarchive.crawl.post import Message

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
    from columnarchive.crawl.post import post  # with its HTTP client, which most crawls do not need

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
    from columnarchive.crawl.post import Message

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


MOST = 200  # changes in one message; the rest come with the next run
FAILURES = 20  # named in one message


@dataclass(frozen=True, slots=True)
class Digest:
    """How many changes a digest had, and why it was not delivered; `scheme` is the kind of its address."""

    scheme: str
    changes: int = 0
    error: ArchiveError | None = None

    def sentence(self, lang: locale.Language) -> str:
        """Return what came of it, for people."""
        if self.error:
            return self.error.sentence(lang)
        return text(lang, "cli.digest_sent", scheme=self.scheme, changes=self.changes)


def send_digests(
    db: Database,
    digests: Sequence[DigestSettings],
    failures: Sequence[Failure] = (),
    *,
    environment: Mapping[str, str] = os.environ,
    clock: Clock = system_clock,
) -> list[Digest]:
    """Send each digest the changes that it has not had yet, in one message; nothing where there is nothing to say.

    A digest that cannot be delivered is sent again, with what came since, after the next crawl.
    """
    return [done for one in digests if (done := _send(db, one, failures, environment, clock))]


def _send(
    db: Database, digest: DigestSettings, failures: Sequence[Failure], environment: Mapping[str, str], clock: Clock
) -> Digest | None:
    name = digest.url.removeprefix("env:")
    url = environment.get(name, "") if digest.url.startswith("env:") else digest.url
    scheme = url.partition("://")[0]
    if not url:
        return Digest("", error=UsageError("no_digest_address", variable=name))
    channel = "digest " + hashlib.sha256(url.encode()).hexdigest()[:16]
    interest = Interest(digest.level, digest.labels, digest.sites)
    rows = changes.pending(db.conn, channel, interest, MOST)
    if not rows and not failures:
        return None
    lang = digest.language
    try:
        _deliver_digest(url, scheme, text(lang, "digest.title", changes=len(rows)), body(db, rows, failures, lang))
    except ArchiveError as error:
        return Digest(scheme, error=error)
    with db.transaction() as conn:
        changes.mark_sent(conn, channel, rows, to_text(clock()))
    return Digest(scheme, len(rows))


def body(db: Database, rows: Sequence[ChangeRow], failures: Sequence[Failure], lang: locale.Language) -> str:
    """Return the message: each change with its interval, its weightiest sentence before and after, and its address."""
    details = changes.change_details(db.conn, [row.id for row in rows], priority, 1) if rows else {}
    parts = []
    for row in sorted(rows, key=lambda row: -priority(row.labels)):
        when = interval(row.after_at, row.seen_at, lang)
        lines = [row.title or row.url, f"{when}  {label_names(row.labels, lang, words=True)}"]
        for edit in details[row.id].edits if row.id in details else ():
            sides = {"old": edit.old, "new": edit.new}
            lines += [text(lang, f"cite.{side}", **{side: stated}) for side, stated in sides.items() if stated]
        parts.append("\n".join([*lines, row.url]))
    if failures:
        named = [
            f"{locale.name(lang, 'outcome', one.outcome)}  {one.subject}  {one.reason}" for one in failures[:FAILURES]
        ]
        parts.append("\n".join([text(lang, "digest.failures", number=len(failures)), *named]))
    return printable("\n\n".join(parts))


def _deliver_digest(url: str, scheme: str, title: str, message: str) -> None:
    try:
        apprise: Any = importlib.import_module("apprise")
    except ImportError:
        raise UsageError("needs_apprise") from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines hold addresses with passwords
    sender = apprise.Apprise()
    if not sender.add(url):
        raise UsageError("not_a_digest_address", scheme=scheme[:20])
    if not sender.notify(title=title, body=message, body_format=apprise.NotifyFormat.TEXT):
        raise FetchError("digest_failed", scheme=scheme)


News = Literal["new_article", "newly_said", "newly_removed", "restored"]
ALL_HITS = 1_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One article that a watch finds otherwise than before."""

    watch: str
    query: str
    news: News
    hit: Hit


def save_search(db: Database, name: str, query: str, at: str) -> int:
    """Save a search and take what it finds now as known; how many articles that is."""
    if not name.strip():
        raise UsageError("watch_needs_name")
    if parse(query).is_empty:
        raise UsageError("watch_needs_query")
    with db.transaction():
        saved_searches.add(db.conn, name, query, at)
        found = {hit.url: hit.removed for hit in _hits(db, query)}
        saved_searches.remember(db.conn, name, found, at)
    return len(found)


def new_findings(db: Database, at: str, name: str = "", *, keep: bool = False) -> list[Finding]:
    """What is new since the last look, for all watches or the one named; with `keep` the look is not counted."""
    found: list[Finding] = []
    with db.transaction():
        for watch in saved_searches.all_watches(db.conn, name):
            hits = _hits(db, watch.query)
            found += _news(db, watch, hits)
            if not keep:
                saved_searches.remember(db.conn, watch.name, {hit.url: hit.removed for hit in hits}, at)
    return found


def _hits(db: Database, query: str) -> tuple[Hit, ...]:
    return Reader(db.conn).search(query, SearchOptions(limit=ALL_HITS)).hits


def _news(db: Database, watch: saved_searches.Watch, hits: tuple[Hit, ...]) -> Iterator[Finding]:
    before = saved_searches.found_before(db.conn, watch.name)
    for hit in hits:
        was_removed = before.get(hit.url)
        if was_removed is hit.removed:
            continue
        news: News
        if hit.removed:
            news = "newly_removed"
        elif was_removed:
            news = "restored"
        else:
            is_new = articles.article_row(db.conn, hit.url).first_seen_at > watch.looked_at
            news = "new_article" if is_new else "newly_said"
        yield Finding(watch.name, watch.query, news, hit)
