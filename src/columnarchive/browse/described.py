"""What Datasette's own pages say about our tables: descriptions, facets, order, and which are inner workings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Described:
    """A table: what a row is, what its columns mean, and how Datasette shows it."""

    about: str
    columns: Mapping[str, str]
    facets: tuple[object, ...] = ()
    sort_desc: str = ""
    label_column: str = ""
    hidden: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def settings(self) -> dict[str, Any]:
        """How the table is shown, in Datasette's words."""
        found: dict[str, Any] = dict(self.options)
        if self.facets:
            found["facets"] = list(self.facets)
        if self.sort_desc:
            found["sort_desc"] = self.sort_desc
        if self.label_column:
            found["label_column"] = self.label_column
        if self.hidden:
            found["hidden"] = True
        return found


_LABELS = {"array": "labels"}
_AT = "UTC, ISO 8601"

TABLES: dict[str, Described] = {
    "sites": Described(
        "A site that is followed.",
        {
            "name": "Short name, by default the host",
            "title": "The site's own title",
            "start_url": "Where crawls begin",
            "settings": "Settings of the site as JSON",
            "added_at": f"When it was added ({_AT})",
            "last_crawl_at": f"When its last crawl ended ({_AT})",
            "derived_at": f"When its articles were last derived from its captures ({_AT})",
            "derived_from": "The newest capture that derivation knew",
            "rules": "Version of the reading and comparing rules",
            "template": "What its pages share and articles are read without, as JSON: pages it was learned from, "
            "boxes and lines it holds, and its most common lines",
        },
        label_column="name",
    ),
    "pages": Described(
        "An address that is known; also the queue of the crawl.",
        {
            "site_id": "The site it belongs to",
            "article_id": "The article it is or was, if any",
            "url": "Canonical address",
            "kind": "article, listing or other",
            "state": "queued, live, gone, refused, failed, suspect or withdrawn",
            "first_seen_at": f"When it first answered with a page ({_AT})",
            "last_seen_at": f"When it last did ({_AT})",
            "next_visit_at": f"When it is to be visited again ({_AT})",
            "found_on": "The page that links to it",
            "found_by": "How it was found: link, sitemap, start, import",
            "depth": "Links from the start page",
            "priority": "Order in the queue",
            "failures": "Visits in a row that failed",
            "lastmod": "Date that the sitemap gives",
            "last_outcome": "How the last visit ended",
            "etag": "ETag of the last answer",
            "last_modified": "Last-Modified of the last answer",
            "body_sha256": "Digest of the last body",
            "changed_at": f"When its body last changed ({_AT})",
            "visited_at": f"When it was last visited ({_AT})",
            "visited_in": "The crawl that visited it last",
            "interval_hours": "Hours between visits, learned from how often it changes",
        },
        facets=("kind", "state"),
        label_column="url",
    ),
    "captures": Described(
        "One answer of a server, never changed: the evidence that all else is derived from.",
        {
            "page_id": "The page that was asked for",
            "fetched_at": f"When it came ({_AT})",
            "status": "HTTP status; 0 when no answer came",
            "final_url": "Address after redirects",
            "headers": "Header lines as received, a JSON list of pairs",
            "body_sha256": "Digest of the body after decoding; of a 304, of the body it confirms",
            "outcome": "How the visit ended",
            "error": "What went wrong, in a sentence",
            "request_headers": "Header lines that were sent",
            "hops": "Redirects on the way",
            "peer": "Address of the server",
            "tls": "TLS version and certificate",
            "seconds": "How long it took",
            "wire_length": "Bytes on the wire",
            "wire_sha256": "Digest of the bytes on the wire",
            "source": "crawl, or the file it was imported from",
            "link_id": "The link of the chain that covers it",
            "withdrawal_id": "The withdrawal that erased it, if any",
            "robots": "What the page asks of robots, by its meta and X-Robots-Tag",
        },
        facets=("outcome",),
        sort_desc="fetched_at",
        label_column="fetched_at",
    ),
    "articles": Described(
        "An article as it stands now.",
        {
            "site": "Name of its site",
            "url": "Its address",
            "title": "Its title",
            "published_on": "Date of publication that the page states",
            "modified_on": "Date of the last update that the page states",
            "author": "Author that the page names",
            "supervisor": "Medical supervisor (監修) that the page names",
            "text": "Its text, one block a line, without the title",
            "removed_text": "Sentences that stood in an earlier revision and stand no more",
            "revisions": "How many revisions it has",
            "first_seen_at": f"When it was first seen ({_AT})",
            "last_seen_at": f"When it was last seen ({_AT})",
            "changed_at": f"When its last change was seen ({_AT})",
            "state": "live, gone, suspect or withdrawn",
            "author_about": "What the page says about the author",
            "supervisor_about": "What the page says about the supervisor",
            "language": "Language that the page declares",
            "digest": "Digest of its derived rows",
        },
        facets=("site", "state"),
        sort_desc="published_on",
        label_column="title",
    ),
    "revisions": Described(
        "An article's text over one span of time.",
        {
            "article_id": "The article",
            "number": "Counts from 1",
            "first_seen_at": f"When it was first seen ({_AT})",
            "last_seen_at": f"When it was last seen ({_AT})",
            "title": "Its title then",
            "published_on": "Date of publication that the page stated then",
            "modified_on": "Date of update that the page stated then",
            "author": "Author named then",
            "supervisor": "Supervisor named then",
            "author_about": "What the page said about the author",
            "supervisor_about": "What the page said about the supervisor",
            "characters": "Length of the text",
            "fingerprint": "Digest of title and text without white space",
            "rules": "Version of the reading rules",
            "body_sha256": "The body it was first seen in",
            "url": "The page's address at that time",
        },
        sort_desc="first_seen_at",
        label_column="first_seen_at",
    ),
    "passages": Described(
        "A block of an article, once however many revisions hold it.",
        {
            "article_id": "The article",
            "kind": "heading, paragraph, item, row, question, answer, quote or caption",
            "level": "Level of a heading, depth of an item",
            "heading": "The heading it stands under",
            "text": "Its text",
            "text_key": "Equal for passages that say the same",
            "first_revision": "First revision that has it",
            "last_revision": "Last revision that has it",
            "is_present": "Whether it stands now",
        },
        facets=("kind", "is_present"),
        label_column="text",
    ),
    "sentences": Described(
        "A sentence with its age; one that stands no more has is_present 0.",
        {
            "article_id": "The article",
            "position": "Its place",
            "text": "Its text",
            "since_at": f"Since when it has stood so ({_AT})",
            "since_revision": "The revision that first had it",
            "before_text": "What stood in its place before",
            "until_at": f"When it was last seen, if it stands no more ({_AT})",
            "until_revision": "The last revision that had it",
            "is_present": "Whether it stands now",
        },
        facets=("is_present",),
    ),
    "copies": Described(
        "A passage and one of another article that says the same or nearly.",
        {
            "passage_id": "A passage",
            "other_passage_id": "The other one",
            "similarity": "1 for the same text, less for nearly",
        },
    ),
    "changes": Described(
        "A step from one revision to the next, or an article's going and coming back.",
        {
            "article_id": "The article",
            "from_number": "Revision before",
            "to_number": "Revision after; the same when the page went or came back",
            "seen_at": f"When it was first seen ({_AT})",
            "level": "0 cosmetic, 1 minor, 2 facts, 3 claims, prices, risks",
            "labels": "What kind of change it is, a JSON list",
            "added_chars": "Characters put in",
            "removed_chars": "Characters taken out",
            "summary": "The weightiest edits in a line",
            "engine": "Version of the comparing rules",
            "capped": "Whether it was compared coarsely because it is large",
        },
        facets=("level", _LABELS),
        sort_desc="seen_at",
        label_column="summary",
    ),
    "edits": Described(
        "One sentence-level edit of a change.",
        {
            "change_id": "The change",
            "position": "Its place among the edits",
            "op": "added, removed, edited or moved",
            "old_text": "The text before",
            "new_text": "The text after",
            "spans": "Runs that are equal, deleted, inserted, as JSON",
            "labels": "What kind of edit it is, a JSON list",
            "level": "0 to 3",
            "evidence": "The words that earned each label, as JSON",
        },
        facets=("op", "level", _LABELS),
    ),
    "withdrawals": Described(
        "What was removed for good, and why.",
        {
            "url": "The address",
            "at": f"When it was withdrawn ({_AT})",
            "captured_at": "The one capture withdrawn; empty for all of the page",
            "reason": "Why",
            "digests": "Digests of what was erased, as JSON",
            "link_id": "The link of the chain that covers it",
        },
        sort_desc="at",
    ),
    "withdrawn_addresses": Described(
        "Addresses that are never fetched or imported again.",
        {"url": "The address, as https", "withdrawal_id": "The withdrawal that binds it"},
    ),
    "withdrawn_shingles": Described(
        "Digests of pieces of withdrawn texts, by which they are recognised at any address.",
        {"shingle": "Digest of 12 characters of the text", "withdrawal_id": "The withdrawal that binds it"},
    ),
    "bodies": Described(
        "A distinct body, compressed.",
        {
            "sha256": "Digest of the decoded body",
            "site_id": "Whose siblings it was coded against",
            "codec": "zstd; zstd-base over another body, zstd-line over it and all below it",
            "base_sha256": "The body it builds on",
            "depth": "How many bodies are below",
            "raw_size": "Bytes when decompressed",
            "data": "The compressed bytes",
            "data_sha256": "Digest of the compressed bytes",
        },
        hidden=True,
    ),
    "chain": Described(
        "A committed group of captures, linked to the one before.",
        {
            "at": f"When ({_AT})",
            "kind": "crawl, import or withdrawal",
            "entries": "How many captures or tombstones it covers",
            "content_sha256": "Digest of their digests",
            "link_sha256": "Digest over this link and the one before",
        },
        hidden=True,
    ),
    "revision_passages": Described(
        "The order of passages in a revision.",
        {"revision_id": "The revision", "position": "The place", "passage_id": "The passage"},
        hidden=True,
    ),
    "hosts": Described(
        "What the crawler remembers of a host.",
        {
            "origin": "Scheme, host and port",
            "robots_status": "Status of its robots.txt",
            "robots_body": "Its robots.txt",
            "robots_fetched_at": f"When that was read ({_AT})",
            "rest_until": f"Until when it is left alone ({_AT})",
            "failures": "Failures in a row",
            "rests": "How often it was left alone",
            "crawl_delay": "Seconds between requests that it asks for",
        },
        hidden=True,
    ),
    "told": Described(
        "Which changes were told to whom.",
        {
            "channel": "A reader of `changes --since last`, or a webhook",
            "article_url": "Address of the article",
            "seen_at": f"When the change was seen ({_AT})",
            "kind": "edit, gone or returned",
            "at": f"When it was told ({_AT})",
        },
        hidden=True,
    ),
    "change_marks": Described(
        "By what changes are listed: label, site, and each level they reach.",
        {
            "change_id": "The change",
            "mark": "`label …`, `site …` or `level …`",
            "seen_at": f"When the change was seen ({_AT})",
            "level": "Its level",
        },
        hidden=True,
    ),
    "passage_keys": Described(
        "Keys under which copies of a passage are found.",
        {"key": "The key", "passage_id": "The passage"},
        hidden=True,
    ),
    "copies_due": Described(
        "Passages whose copies are still to be judged.", {"passage_id": "The passage"}, hidden=True
    ),
    "watches": Described(
        "A search that is looked at again and again.",
        {
            "name": "Its name",
            "query": "What it looks for",
            "made_at": f"When it was made ({_AT})",
            "looked_at": f"When it was last looked at ({_AT})",
        },
        hidden=True,
    ),
    "watch_hits": Described(
        "What a saved search had found when it was last looked at.",
        {"name": "The search", "url": "The article", "removed": "Whether only its removed text had it"},
        hidden=True,
    ),
    "meta": Described("Facts about this file.", {"key": "Name", "value": "Value"}, hidden=True),
    "_sqlite_migrations": Described("Which schema changes were applied.", {}, hidden=True),
}
