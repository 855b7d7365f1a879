"""Records that rooms hand each other: frozen, plain, and without behaviour beyond what follows from their fields.

Times are strings, UTC, ISO 8601 to the second with Z (`2026-11-22T19:37:38Z`), so they sort as text; `…_on` are plain
dates (`2025-10-18`). An empty string means "not known".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Outcome = Literal[
    "ok", "unchanged", "redirected", "refused_by_robots", "gone", "missing", "http_error", "timeout", "too_large",
    "truncated", "bad_encoding", "protocol_error", "not_html", "unreachable", "tls_error", "private_address",
    "redirect_loop", "too_deep", "needs_javascript", "no_article", "suspect", "unresolved", "unreadable",
    "not_picture",
]  # fmt: skip
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

Gap = Literal["no_columns", "script_only", "empty_listing", "broken_list"]
"""Why a crawl could not see beyond an address: nothing there leads to a column, or only a script does, or a list of
columns names none, or a feed or sitemap breaks off."""
PageKind = Literal["article", "listing", "other"]
FaultStep = Literal["read", "compare", "links"]
PageState = Literal["queued", "live", "gone", "refused", "failed", "suspect", "withdrawn"]
BlockKind = Literal["heading", "paragraph", "item", "row", "question", "answer", "quote", "caption"]
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Hop:
    """One redirect on the way to an answer: the address asked, the status and the header lines it gave."""

    url: str
    status: int
    headers: Headers


@dataclass(frozen=True, slots=True)
class Wire:
    """How an answer travelled: what was asked, the redirects, the peer, TLS, seconds taken, bytes before decoding."""

    request_headers: Headers = ()
    hops: tuple[Hop, ...] = ()
    peer: str = ""
    tls: str = ""
    seconds: float = 0.0
    length: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Capture:
    """What a server sent, when: the evidence everything else is derived from.

    `body` is the entity after transfer and content decoding, byte for byte; None when there is none or when it is the
    one stored before (`outcome` unchanged). `headers` are the lines of the final answer as received, in their order.
    `status` is 0 when no answer came; `error` is one sentence then. `robots` is what the page asks of robots, by its
    meta and by X-Robots-Tag: directives in lower case and order, like `noarchive, noindex`. `source` is `rendered` for
    a page as a browser drew it.
    """

    url: str
    final_url: str
    fetched_at: str
    status: int
    headers: Headers
    body: bytes | None
    outcome: Outcome
    error: str = ""
    wire: Wire = Wire()
    robots: str = ""
    source: str = "crawl"

    @property
    def body_sha256(self) -> str:
        """Hex digest of the decoded body; empty without one."""
        return hashlib.sha256(self.body).hexdigest() if self.body is not None else ""

    def header(self, name: str) -> str:
        """The first value of a header, by its name in any case; empty when absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")


Reason = Literal[
    "start", "item", "related", "page", "frame", "sitemap", "feed", "pagination", "archive", "category", "section",
    "import", "probe",
]  # fmt: skip
LISTINGS: frozenset[str] = frozenset({"pagination", "archive", "category", "section"})
COLUMNS: frozenset[str] = frozenset({"item", "related", "sitemap", "feed", "probe"})
# What is fetched first: the pages that were asked for, then columns, then what leads to more of them.
PRIORITY: dict[str, int] = {
    "start": 100, "section": 90, "probe": 85, "page": 75, "frame": 72, "item": 70, "pagination": 60, "related": 55,
    "feed": 50, "archive": 45, "category": 45, "sitemap": 40, "import": 10,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DiscoveredUrl:
    """An address worth visiting, and why."""

    url: str
    reason: Reason
    found_on: str

    @property
    def kind(self) -> PageKind:
        """What the page is taken for until it has been read."""
        return "listing" if self.reason in LISTINGS else "article"


@dataclass(frozen=True, slots=True)
class QueuedUrl:
    """A page to be visited: why it is known, how far from the start, what makes a request conditional, its row."""

    url: str
    reason: str
    depth: int = 0
    etag: str = ""
    last_modified: str = ""
    id: int = 0
    found_on: str = ""


@dataclass(frozen=True, slots=True)
class RobotsFile:
    """A host's robots.txt: its text, the status it came with (0: none came), and when it was fetched."""

    origin: str
    status: int
    body: str
    fetched_at: str


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of an article: its kind, its text in one line or more, a heading's level (1–6) or a list item's depth."""

    kind: BlockKind
    text: str
    level: int = 0


PICTURE_FILE = re.compile(r"\.(?:jpe?g|jfif|png|gif|webp|avif|bmp|svg)$", re.I)


def picture_key(url: str) -> str:
    """Return what the addresses of one picture share: without scheme and, after a file name, without a query.

    >>> picture_key("https://clinic.example/price.jpg?ver=6.4"), picture_key("http://clinic.example/image?id=3")
    ('clinic.example/price.jpg', 'clinic.example/image?id=3')
    """
    path, mark, query = url.partition("://")[2].partition("?")
    return path if PICTURE_FILE.search(path) else path + mark + query


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of an article: its address, what the page says of it, and where it stands.

    `heading` is the one above it, `position` the number of blocks before it; `width` and `height` are those that the
    page declares, 0 without. `sha256` is the digest of its bytes, empty unless they were fetched.
    """

    url: str
    alt: str = ""
    caption: str = ""
    heading: str = ""
    position: int = 0
    width: int = 0
    height: int = 0
    sha256: str = ""

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What makes it another picture when it differs: address, alternative text, caption and bytes."""
        return picture_key(self.url), self.alt, self.caption, self.sha256


@dataclass(frozen=True, slots=True)
class OutsideLine:
    """A line of a page that is not article text; `position` counts the article's lines before it."""

    text: str
    in_container: bool
    position: int


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A statement of a kind on a captured page outside its article's text, with the words that show it.

    `place` is container for a telephone number or address between the article's lines, else template or picture.
    """

    kind: str
    place: Literal["container", "template", "picture"]
    text: str
    words: tuple[str, ...] = ()
    position: int = 0


@dataclass(frozen=True, slots=True)
class Article:
    """What a column says, without what its page adds. `url` is the canonical address."""

    url: str
    title: str
    blocks: tuple[Block, ...]
    published_on: str = ""
    modified_on: str = ""
    author: str = ""
    supervisor: str = ""
    author_about: str = ""
    supervisor_about: str = ""
    language: str = ""
    pictures: tuple[Picture, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()

    @property
    def text(self) -> str:
        """The blocks' text joined by newlines, without the title."""
        return "\n".join(block.text for block in self.blocks)

    @property
    def stated(self) -> tuple[str, ...]:
        """All that a new revision may change: title and text, and who answers for them; white space aside."""
        people = (self.author, self.supervisor, self.author_about, self.supervisor_about)
        return (self.fingerprint, *("".join(one.split()) for one in people))

    @property
    def fingerprint(self) -> str:
        """Hex sha256 of title and text without white space: equal for two captures that say the same."""
        text = "".join(self.title.split()) + "\n" + "".join(self.text.split())
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Visit:
    """One capture as derivation sees it: when, with which outcome, and which body, wherever it is stored."""

    at: str
    outcome: Outcome
    status: int
    body_sha256: str = ""
    content_type: str = ""
    final_url: str = ""


@dataclass(frozen=True, slots=True)
class PageVisits:
    """A page of a site with all its visits in order of time (ties by digest, so that arrival plays no part)."""

    page_id: int
    url: str
    visits: tuple[Visit, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """One distinct body of a page over one unbroken run of visits, and between which times it was seen."""

    body_sha256: str
    first_at: str
    last_at: str
    content_type: str = ""
    final_url: str = ""


@dataclass(frozen=True, slots=True)
class PageVersions:
    """A page of a site with its versions in order of time: what derivation starts from."""

    url: str
    versions: tuple[Version, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one version of a page says: an article, or the outcome that tells why there is none.

    `is_revision` is True when the article differs from the last reading of this page that had one, judged under one
    frozen site model, so that a template's change never counts. `canonical` is the page's own canonical link, if any,
    and for a page without an article the one that it sends its readers to. `frames` are the pages that it frames, each
    with the text before it, without white space.
    """

    version: Version
    kind: PageKind
    outcome: Outcome
    article: Article | None
    is_revision: bool
    canonical: str = ""
    frames: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PageReadings:
    """A page with one reading a version, in the order of `PageVersions.versions`."""

    url: str
    readings: tuple[Reading, ...]


EditOp = Literal["added", "removed", "edited", "moved"]
SpanOp = Literal["equal", "delete", "insert"]


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text within an edit; equal and delete give the old text, equal and insert the new."""

    op: SpanOp
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a label was given: the words on either side."""

    label: str
    old: str = ""
    new: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """One sentence-level difference. `old_at` and `new_at` are sentence positions on each side, -1 when absent."""

    op: EditOp
    old: str
    new: str
    spans: tuple[Span, ...]
    labels: tuple[str, ...]
    level: int
    old_at: int = -1
    new_at: int = -1
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one article text became another. `capped` says a bound on counts made the result coarser than usual."""

    edits: tuple[Edit, ...]
    labels: tuple[str, ...]
    level: int
    added_chars: int
    removed_chars: int
    summary: str
    engine: str
    capped: bool = False


@dataclass(frozen=True, slots=True)
class Revision:
    """An article's text over one span of time; `number` counts from 1."""

    number: int
    first_seen_at: str
    last_seen_at: str
    article: Article
    rules: str
    body_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A search result. `highlights` are (start, end) offsets into `snippet`.

    `in_picture` is the address of a picture whose text, read by a machine, is the only one of the article that matches.
    """

    url: str
    site: str
    title: str
    published_on: str
    revision: int
    removed: bool
    snippet: str
    highlights: tuple[tuple[int, int], ...]
    rank: int
    said_from: str = ""
    said_until: str = ""
    in_picture: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that went wrong with one page or file and did not stop the rest; of a page, `site` has its name."""

    subject: str
    outcome: Outcome | Gap
    reason: str
    site: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence and the span in which it stood.

    Of a sentence that stands, `until_at` is empty; `before_text` is what stood in its place in the revision before
    `since_revision`, if anything. `since_…` is the first revision of the unbroken run that holds it.
    """

    position: int
    text: str
    since_at: str
    since_revision: int
    before_text: str = ""
    until_at: str = ""
    until_revision: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """The step from one revision to the next, or a page that disappeared or returned (then both numbers are equal).

    It happened after `after_at`, the last capture with the old text, and by `seen_at`, the first with the new.
    """

    from_number: int
    to_number: int
    seen_at: str
    comparison: Comparison
    after_at: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """Everything derived for one article: its revisions, changes and sentences, and the pages it is made from.

    `article` is the newest revision's text with the newest dates and names.
    """

    article: Article
    page_ids: tuple[int, ...]
    revisions: tuple[Revision, ...]
    changes: tuple[Change, ...]
    sentences: tuple[Sentence, ...]
    removed: tuple[Sentence, ...]
    last_seen_at: str
    state: PageState


@dataclass(frozen=True, slots=True)
class PageVerdict:
    """What derivation found a page to be; `article_url` is empty when it is none."""

    page_id: int
    kind: PageKind
    state: PageState
    article_url: str
    last_outcome: Outcome


@dataclass(frozen=True, slots=True)
class PageFault:
    """A body for which a step failed: reading it as a page, comparing it with its predecessor, or finding its links."""

    body_sha256: str
    step: FaultStep
    reason: str


@dataclass(frozen=True, slots=True)
class SiteTemplate:
    """What a site's newest pages share, and articles are read without.

    It was learned from `pages` pages as they stood at `at`. `places` boxes of a page hold nothing but template, `lines`
    lines stand on enough pages; `common` are those of most pages, with how many: folded, figures as `#`.
    """

    pages: int
    at: str
    places: int
    lines: int
    common: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A sentence that states something of one kind, and the span of time in which the column stated it.

    `position` counts the lines of the newest revision that holds it. Of an entry that still stands `until_at` is empty
    and `until_revision` 0; else they are the last capture and revision that hold it.
    """

    kind: str
    text: str
    words: tuple[str, ...]
    position: int
    since_at: str
    since_revision: int
    until_at: str = ""
    until_revision: int = 0


@dataclass(frozen=True, slots=True)
class PictureEntry:
    """A picture of an article, and the span of time in which it stood there; see LedgerEntry for the bounds."""

    picture: Picture
    since_at: str
    since_revision: int
    until_at: str = ""
    until_revision: int = 0


@dataclass(frozen=True, slots=True)
class DerivedSite:
    """A site's pages and article histories under one version of the rules, from its captures up to `newest_capture`.

    `template` is None for a site of one page. `digests` are those of the histories, in their order.
    `faults` are those met in this derivation, beyond the ones already stored.
    """

    site: str
    rules: str
    newest_capture: int
    pages: tuple[PageVerdict, ...]
    histories: tuple[History, ...]
    template: SiteTemplate | None = None
    digests: tuple[str, ...] = ()
    ledgers: Mapping[str, tuple[LedgerEntry, ...]] = field(default_factory=dict)
    faults: tuple[PageFault, ...] = ()
