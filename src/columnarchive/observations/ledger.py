"""The ledger of a column: what its revisions, its pictures and the page around it state, and in which span of time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from urllib.parse import unquote

from columnarchive.observations import Context, Kind, Line, Observation
from columnarchive.observations.engine import observe, statements
from columnarchive.observations.lexicon import pattern
from columnarchive.observations.sentences import topics_of
from columnarchive.records import Article, Elsewhere, LedgerEntry, OutsideLine, Picture, Revision

_Key = tuple[str, str]


@dataclass(slots=True)
class _Run:
    """An unbroken run of revisions that hold a statement."""

    first: Revision
    last: Revision
    words: tuple[str, ...]
    position: int


def lines_of(article: Article) -> list[Line]:
    """Return the lines of an article, each with the kind of its block."""
    return [Line(text, block.kind) for block in article.blocks for text in block.text.split("\n")]


def ledger_entries(revisions: Sequence[Revision]) -> tuple[LedgerEntry, ...]:
    """Return every statement of an article's revisions: the present ones, then the ended ones, each in order.

    A statement is known by its kind and its sentence. One that comes back after a revision without it is a new entry.
    """
    open_runs: dict[_Key, _Run] = {}
    ended: list[tuple[_Key, _Run]] = []
    for revision in revisions:
        now = dict(_statements(revision.article))
        ended += [(key, open_runs.pop(key)) for key in [*open_runs] if key not in now]
        for key, (words, position) in now.items():
            first = open_runs[key].first if key in open_runs else revision
            open_runs[key] = _Run(first, revision, words, position)
    present = [_entry(key, run) for key, run in open_runs.items()]
    past = [_entry(key, run, run.last) for key, run in ended]
    return tuple(sorted(present, key=_order) + sorted(past, key=_order))


def _order(entry: LedgerEntry) -> tuple[int, int, str, str]:
    return entry.until_revision, entry.position, entry.kind, entry.text


def _statements(article: Article) -> Iterator[tuple[_Key, tuple[tuple[str, ...], int]]]:
    """Yield the statements of an article by kind and sentence; of equal sentences the first counts."""
    seen: set[_Key] = set()
    lines = lines_of(article)
    stated = observe(lines, article.title)
    for found in stated:
        key: _Key = (found.kind, found.text)
        if key not in seen:
            seen.add(key)
            yield key, (found.words, found.line)
    for section in before_after_sections(article, stated):
        yield ("before_after", section.text), (section.words, section.line)
    for outside in article.elsewhere:
        if outside.place == "container" and (outside.kind, outside.text) not in seen:
            yield (outside.kind, outside.text), (outside.words, outside.position)
    if not any(kind == "supervisor" for kind, _ in seen) and (name := _physician(article)):
        yield ("supervisor", name), ((name,), len(lines))


def _physician(article: Article) -> str:
    """Return the physician whom the page's own box names as supervisor or author; extraction takes it out of the text."""
    for name, about in ((article.supervisor, article.supervisor_about), (article.author, article.author_about)):
        if name and pattern("physician").search(f"{about} {name}"):
            return name
    untitled = article.supervisor and not article.supervisor_about
    return article.supervisor if untitled and not pattern("not_physician").search(article.supervisor) else ""


def _entry(key: _Key, run: _Run, until: Revision | None = None) -> LedgerEntry:
    kind, text = key
    end = (until.last_seen_at, until.number) if until else ("", 0)
    return LedgerEntry(kind, text, run.words, run.position, run.first.first_seen_at, run.first.number, *end)


SECTION_ITEMS: tuple[Kind, ...] = ("content", "cost", "risks")
"""What the guideline asks to be stated beside pictures before and after a treatment."""
# Before alone says enough next to a picture; a heading or a text must name both sides, or cases.
_SIDE = re.compile(
    r"(?<![a-z])(?:before|after)(?![a-z])|ビフォー|アフター(?!ケア|フォロー|サービス|ピル)|症例(?!数|報告)|(?:施術|治療|手術|矯正|照射|注入|術)(?:前|後)",
    re.I,
)
_BOTH = re.compile(
    r"(?<![a-z])before(?![a-z]).{0,12}(?<![a-z])after(?![a-z])|ビフォー.{0,4}アフター|症例(?!数|報告)|(?:施術|治療|手術|矯正|照射|注入|術)前.{0,6}後",
    re.I,
)


@dataclass(frozen=True, slots=True)
class PictureSection:
    """Pictures before and after a treatment under one heading: how many, by which words, and what is stated there."""

    heading: str
    words: tuple[str, ...]
    pictures: int
    stated: tuple[Kind, ...]
    line: int

    @property
    def text(self) -> str:
        """The section in one line, such as `症例 [2 pictures; stated: content, cost]`."""
        count = f"{self.pictures} picture" + ("s" if self.pictures > 1 else "")
        return f"{self.heading} [{count}; stated: {', '.join(self.stated) or 'nothing'}]".strip()


def before_after_words(picture: Picture) -> str:
    """Return the words by which a page shows a picture as taken before or after a treatment; empty without any.

    >>> before_after_words(Picture("https://clinic.example/img/case1_before.jpg", "膝"))
    'before'
    """
    name = unquote(picture.url.partition("?")[0].rpartition("/")[2])
    for text, words in ((picture.alt, _SIDE), (picture.caption, _SIDE), (name, _SIDE), (picture.heading, _BOTH)):
        if found := words.search(text):
            return found[0]
    return ""


def before_after_sections(article: Article, found: Iterable[Observation]) -> Iterator[PictureSection]:
    """Yield the sections of an article that show pictures before and after a treatment.

    `found` is what the article states: of it, the content, cost and risks that stand in the same section count.
    """
    groups: dict[tuple[str, int], list[tuple[Picture, str]]] = {}
    starts = [at for at, block in enumerate(article.blocks) if block.kind == "heading"]
    for picture in article.pictures:
        if words := before_after_words(picture):
            start = max((at for at in starts if at < picture.position), default=0)
            groups.setdefault((picture.heading, start), []).append((picture, words))
    first_line = list(accumulate((block.text.count("\n") + 1 for block in article.blocks), initial=0))
    statements = [one for one in found if one.kind in SECTION_ITEMS]
    for (heading, start), group in groups.items():
        end = min((at for at in starts if at > start), default=len(article.blocks))
        lines = range(first_line[start], first_line[end])
        stated = {one.kind for one in statements if one.line in lines}
        yield PictureSection(
            heading,
            tuple(dict.fromkeys(words for _, words in group)),
            len(group),
            tuple(kind for kind in SECTION_ITEMS if kind in stated),
            first_line[min(group[0][0].position, len(article.blocks))],
        )


_HEADING = 24  # characters of a line that the next ones may stand under
_LONGEST = 1000
_READABLE = re.compile(r"[\u3041-\u30ff\u3400-\u9fff@\d]")
# What the words on a picture announce: a fee table that is a picture states fees, but not in words that can be read.
_PICTURED: Mapping[str, tuple[Kind, ...]] = {
    "cost": ("cost", "self_pay"),
    "risk": ("risks",),
    "exclusion": ("risks",),
    "course": ("course",),
    "flow": ("content", "course"),
    "voice": ("testimonial",),
    "picture": ("before_after",),
    "contact": ("contact",),
    "relief": ("relief_excluded",),
}


def elsewhere(lines: Iterable[OutsideLine], pictures: Iterable[str]) -> tuple[Elsewhere, ...]:
    """Return what the lines and pictures of a page around its article state, the first evidence of each kind.

    Telephone numbers and addresses that stand in the article's container are told one by one, with their position.
    """
    found: dict[tuple[str, str], Elsewhere] = {}
    heading = ""
    for line in lines:
        for text in line.text.split("\n"):
            for kind, sentence, words in _stated(text[:_LONGEST], heading):
                if kind == "contact" and line.in_container:
                    found[kind, sentence] = Elsewhere(kind, "container", sentence, words, line.position)
                else:
                    found.setdefault((kind, "template"), Elsewhere(kind, "template", sentence, words))
            heading = text if len(text) <= _HEADING and topics_of(text) else heading
    for text in dict.fromkeys(pictures):
        for kind in _pictured(text[:_LONGEST]):
            found.setdefault((kind, "picture"), Elsewhere(kind, "picture", text[:_LONGEST]))
    return tuple(found.values())


def read_in_pictures(known: tuple[Elsewhere, ...], texts: Iterable[str]) -> tuple[Elsewhere, ...]:
    """Return what a page states outside its article's text, with what a machine read in the article's pictures."""
    found = {(one.kind, one.place, one.text): one for one in known}
    kinds = {one.kind for one in known if one.place == "picture"}
    for text in texts:
        for line in text.split("\n"):
            for kind, sentence, words in _stated(line[:_LONGEST].replace("\t", " "), ""):
                if kind not in kinds:
                    kinds.add(kind)
                    found[kind, "picture", sentence] = Elsewhere(kind, "picture", sentence, words)
    return tuple(found.values())


@lru_cache(maxsize=8192)  # the pages of a site share most of these lines
def _stated(text: str, heading: str) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    if not _READABLE.search(text):
        return ()
    return tuple((one.kind, one.text, one.words) for one in statements(text, Context(heading, kind="paragraph")))


@lru_cache(maxsize=2048)
def _pictured(text: str) -> tuple[str, ...]:
    announced = [kind for topic, kinds in _PICTURED.items() if topic in topics_of(text) for kind in kinds]
    return tuple(dict.fromkeys([*(kind for kind, _, _ in _stated(text, "")), *announced]))


@dataclass(frozen=True, slots=True)
class Agreement:
    """One kind's columns, counted by what the coder says and what the software finds."""

    kind: str
    both: int = 0
    only_software: int = 0
    only_coder: int = 0
    neither: int = 0

    @property
    def columns(self) -> int:
        """How many columns were coded for this kind."""
        return self.both + self.only_software + self.only_coder + self.neither

    @property
    def precision(self) -> float | None:
        """The share of the software's columns that the coder confirms; None if it has none."""
        return _share(self.both, self.both + self.only_software)

    @property
    def recall(self) -> float | None:
        """The share of the coder's columns that the software finds; None if the coder has none."""
        return _share(self.both, self.both + self.only_coder)

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa: agreement beyond chance; None where chance alone gives full agreement.

        >>> Agreement("cost", both=20, only_software=5, only_coder=10, neither=15).kappa
        0.4
        """
        if not self.columns:
            return None
        software, coder = self.both + self.only_software, self.both + self.only_coder
        by_chance = (software * coder + (self.columns - software) * (self.columns - coder)) / self.columns**2
        observed = (self.both + self.neither) / self.columns
        return round((observed - by_chance) / (1 - by_chance), 6) if by_chance < 1 else None


def agreements(codes: Iterable[tuple[str, bool, bool]]) -> list[Agreement]:
    """Count codes of (kind, what the coder says, what the software finds), by kind in the order of their appearance."""
    counts: dict[str, dict[tuple[bool, bool], int]] = {}
    for kind, coder, software in codes:
        of_kind = counts.setdefault(kind, {})
        of_kind[coder, software] = of_kind.get((coder, software), 0) + 1
    return [
        Agreement(kind, *(n.get(key, 0) for key in ((True, True), (False, True), (True, False), (False, False))))
        for kind, n in counts.items()
    ]


def _share(part: int, total: int) -> float | None:
    return part / total if total else None
