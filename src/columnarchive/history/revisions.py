"""Readings of pages to articles: which pages are one article, where revisions begin, when a page was gone; and blame.

Blame says since when each sentence has stood, what stood there before, and which sentences stand no more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import pairwise

from columnarchive.crawl.link_scoring import MAX_TEXT_PAGES, is_further_page, split_page_number
from columnarchive.diff import ENGINE
from columnarchive.diff.pictures import differ
from columnarchive.diff.sentences import Sentences, sentences_of
from columnarchive.errors import Containment
from columnarchive.history.article_identity import (
    PictureVersions,
    ReadArticle,
    group,
    merge_pages,
    own_readings,
    with_bytes,
)
from columnarchive.observations import read_in_pictures
from columnarchive.records import (
    Article,
    Change,
    Comparison,
    Edit,
    History,
    Outcome,
    PageReadings,
    PageState,
    PageVerdict,
    PageVisits,
    Reading,
    Revision,
    Sentence,
    Span,
    Visit,
)
from columnarchive.times import from_text
from columnarchive.urls import page_key

ABSENT_OUTCOMES = ("missing", "gone", "unresolved")
_STATES: Mapping[Outcome, PageState] = {"suspect": "suspect", "unreadable": "failed"}
CONFIRMED_AFTER = timedelta(days=1)  # one 404 counts once the page has been away for this long


@dataclass(frozen=True, slots=True)
class _Absence:
    """A time during which a page answered that it is not there; `until` is empty while it lasts.

    `before` is the last visit that found it, `last` the last one that did not.
    """

    since: str
    until: str
    before: str
    last: str


@dataclass(frozen=True, slots=True)
class _Context:
    """What histories are made from, beside the pages themselves."""

    readings: Mapping[str, PageReadings]
    rules: str
    containment: Containment
    pictures: PictureVersions


def assemble(
    pages: Sequence[PageVisits],
    readings: Mapping[str, PageReadings],
    rules: str,
    containment: Containment | None = None,
    pictures: PictureVersions = PictureVersions(),  # noqa: B008
) -> tuple[tuple[PageVerdict, ...], tuple[History, ...]]:
    """Verdicts on all pages and the histories of the articles among them; readings are found by page URL."""
    context = _Context(readings, rules, containment or Containment(), pictures)
    groups = group(pages, readings)
    histories: list[History] = []
    member_of: dict[int, str] = {}
    for url, members in sorted(groups.items()):
        history = _history(url, _by_part(url, members, readings), context)
        histories.append(history)
        member_of.update(dict.fromkeys(history.page_ids, url))
    verdicts = tuple(_verdict(page, readings[page.url], member_of.get(page.page_id, "")) for page in pages)
    return verdicts, tuple(histories)


def _history(url: str, parts: Sequence[Sequence[PageVisits]], context: _Context) -> History:
    readings, containment = context.readings, context.containment
    seen = with_bytes(_read_articles(parts, readings), context.pictures)
    revisions = _revisions(url, seen, context.rules)
    newest = max(seen, key=lambda one: one.reading.version.last_at).article
    last_article = revisions[-1].article
    article = replace(
        newest, url=url, title=last_article.title, blocks=last_article.blocks, pictures=last_article.pictures
    )
    if texts := context.pictures.texts_in(article.pictures):
        article = replace(article, elsewhere=read_in_pictures(article.elsewhere, texts))
    absences = _absences(parts[0], readings)
    changes = _changes(revisions, absences, context)
    steps = [change.comparison for change in changes if change.from_number != change.to_number]
    sentences, removed = containment.run(
        "compare",
        revisions[-1].body_sha256,
        lambda: _sentences(revisions, steps),
        lambda: _sentences(revisions[-1:], ()),
    )
    return History(
        article=article,
        page_ids=tuple(sorted(page.page_id for part in parts for page in part)),
        revisions=revisions,
        changes=changes,
        sentences=sentences,
        removed=removed,
        last_seen_at=revisions[-1].last_seen_at,
        state="gone" if absences and not absences[-1].until else _state_of_readings(parts[0], readings),
    )


def _by_part(url: str, members: Sequence[PageVisits], readings: Mapping[str, PageReadings]) -> list[list[PageVisits]]:
    """Return the pages of an article by the part of the text that they hold; those of its first page come first.

    Pages that the first one frames come last, in order.
    """
    parts: dict[int, list[PageVisits]] = defaultdict(list)
    own = own_readings(readings[url])[-1:] if url in readings else []
    framed = {target: number for one in own for number, (target, _) in enumerate(one.frames, MAX_TEXT_PAGES + 1)}
    for page in members:
        part = split_page_number(page.url)[1] if is_further_page(page.url, url) else framed.get(page.url, 1)
        parts[part].append(page)
    return [parts[part] for part in sorted(parts)]


def _read_articles(parts: Sequence[Sequence[PageVisits]], readings: Mapping[str, PageReadings]) -> list[ReadArticle]:
    """Return all readings of an article in order of time; of one on several pages, each of the whole article."""
    read = [
        sorted(
            (
                ReadArticle(page, reading, reading.article)
                for page in part
                for reading in own_readings(readings[page.url])
                if reading.article is not None
            ),
            key=lambda one: (one.reading.version.first_at, one.page.url),
        )
        for part in parts
    ]
    if len(read) == 1:
        return read[0]
    absences = [_absences(part, readings)[-1:] for part in parts]
    return merge_pages(read, [one[0].since if one and not one[0].until else "" for one in absences])


def _revisions(url: str, seen: Sequence[ReadArticle], rules: str) -> tuple[Revision, ...]:
    """One revision for each run of the same article; a page's own verdict decides, so a template is no revision."""
    found: list[Revision] = []
    known_pages: set[str] = set()
    for one in seen:
        version = one.reading.version
        is_known = one.page.url in known_pages
        is_new = not found or (
            one.reading.is_revision or not is_known
            if found[-1].article.stated != one.article.stated
            else one.reading.is_revision and is_known and differ(found[-1].article.pictures, one.article.pictures)
        )
        known_pages.add(one.page.url)
        if is_new:
            article = replace(one.article, url=url)
            found.append(
                Revision(len(found) + 1, version.first_at, version.last_at, article, rules, version.body_sha256)
            )
        else:
            last_at = max(found[-1].last_seen_at, version.last_at)
            article = found[-1].article
            if not differ(article.pictures, one.article.pictures):  # their addresses may have another query
                article = replace(article, pictures=one.article.pictures)
            found[-1] = replace(found[-1], last_seen_at=last_at, article=article)
    return tuple(found)


def _absences(members: Sequence[PageVisits], readings: Mapping[str, PageReadings]) -> list[_Absence]:
    """When none of an article's pages was there: a 410, a redirect to another text, two visits with 404, or one visit
    with 404 or to a host without a name that a day or more followed."""
    found: list[_Absence] = []
    run: list[Visit] = []
    before = ""
    for visit in sorted(_presence(members, readings), key=lambda visit: visit.at):
        if visit.outcome in ABSENT_OUTCOMES:
            run.append(visit)
        else:
            if run and _is_confirmed(run, visit.at):
                found.append(_Absence(run[0].at, visit.at, before, run[-1].at))
            run = []
            before = visit.at
    if run and _is_confirmed(run, run[-1].at):
        found.append(_Absence(run[0].at, "", before, run[-1].at))
    return found


def _presence(members: Sequence[PageVisits], readings: Mapping[str, PageReadings]) -> Iterator[Visit]:
    """The visits that tell whether the article was there; one that sent readers to another text reads as gone."""
    members_at = {page.url for page in members}
    keys = {page_key(url) for url in members_at}
    for page in members:
        read = readings[page.url]
        own = {_key(one) for one in own_readings(read)}
        other = {_key(one) for one in read.readings if _is_elsewhere(page.url, one, readings)} - own
        joined = {_key(one) for one in read.readings if one.outcome == "redirected" and one.canonical in members_at}
        for visit in page.visits:
            if visit.outcome in ABSENT_OUTCOMES:
                yield visit
            elif visit.outcome == "redirected" and not visit.body_sha256:
                if page_key(visit.final_url) not in keys and _shows_another(visit, readings):
                    yield replace(visit, outcome="gone")
            elif (visit.body_sha256, visit.final_url) in joined:
                continue  # the address it sends to tells by itself
            elif (visit.body_sha256, visit.final_url) in other:
                yield replace(visit, outcome="gone")
            elif visit.body_sha256 and visit.outcome in ("ok", "unchanged", "redirected"):
                yield visit


def _key(one: Reading) -> tuple[str, str]:
    return one.version.body_sha256, one.version.final_url


def _is_elsewhere(url: str, one: Reading, readings: Mapping[str, PageReadings]) -> bool:
    """Whether a page sent its readers to another article, or to a page that stood before and is none, as a listing.

    A page first seen when visitors were sent to it may be a wall that is not known as one.
    """
    if one.article is not None:
        return True
    sent = one.outcome == "redirected"
    there = readings.get(one.canonical if sent else one.version.final_url)
    if there is None or there.url == url or not there.readings:
        return False
    is_older = there.readings[0].version.first_at < one.version.first_at
    none = one.outcome in ("ok", "no_article") and not any(reading.article for reading in there.readings)
    return is_older and (sent or none)


def _shows_another(visit: Visit, readings: Mapping[str, PageReadings]) -> bool:
    """Whether the page that a visit was sent to, which is none of the article's, is known to the archive."""
    there = readings.get(visit.final_url)
    return there is not None and bool(there.readings)


def _is_confirmed(run: Sequence[Visit], until: str) -> bool:
    outcomes = [
        visit.outcome for visit in run if visit.outcome != "unresolved"
    ]  # resolvers fail for hours, servers answer
    return len(outcomes) > 1 or "gone" in outcomes or from_text(until) - from_text(run[0].at) >= CONFIRMED_AFTER


def _changes(revisions: Sequence[Revision], absences: Iterable[_Absence], context: _Context) -> tuple[Change, ...]:
    """Steps between revisions, and goings and returns, in order of time."""
    found: list[Change] = []
    earlier: set[str] = set()
    for old, new in pairwise(revisions):
        comparison = context.containment.run(
            "compare",
            new.body_sha256,
            partial(_compared, old.article, new.article, earlier, context.pictures),
            partial(_coarse, old.article, new.article),
        )
        earlier.add(old.article.fingerprint)
        after = old.last_seen_at if old.last_seen_at < new.first_seen_at else old.first_seen_at
        found.append(Change(old.number, new.number, new.first_seen_at, comparison, after))
    for absence in absences:
        events = (("gone", absence.since, absence.before), ("returned", absence.until, absence.last))
        for label, at, after in events:
            standing = [revision for revision in revisions if revision.first_seen_at < at]
            if at and standing:
                number = standing[-1].number
                found.append(Change(number, number, at, _event(label), after))
    return tuple(sorted(found, key=lambda change: (change.seen_at, change.to_number)))


def _compared(old: Article, new: Article, earlier: Set[str], pictures: PictureVersions) -> Comparison:
    # Loaded when first needed, as it takes a tenth of a second of each worker: most sites have changed no column yet.
    from columnarchive.diff.compare import compare

    return compare(old, new, earlier, pictures.readings)


def _coarse(old: Article, new: Article) -> Comparison:
    """The whole old text against the whole new one, where comparing sentence by sentence failed."""
    from columnarchive.diff.compare import summary_of

    before, after = sentences_of(old), sentences_of(new)
    was, now = before.joined(0, len(before.texts)), after.joined(0, len(after.texts))
    edits = (
        Edit("removed", was, "", (Span("delete", was),), ("rewritten",), 3, old_at=0),
        Edit("added", "", now, (Span("insert", now),), ("rewritten",), 3, new_at=0),
    )
    return Comparison(edits, ("rewritten",), 3, len(now), len(was), summary_of(edits), ENGINE, capped=True)


def _event(label: str) -> Comparison:
    summary = {"gone": "The page was no longer there.", "returned": "The page was there again."}[label]
    return Comparison((), (label,), 3, 0, 0, summary, ENGINE)


def _sentences(
    revisions: Sequence[Revision], steps: Sequence[Comparison]
) -> tuple[tuple[Sentence, ...], tuple[Sentence, ...]]:
    """Which sentences stand and since when, and which stood once: `blame` in records with times."""
    first = revisions[0]
    if len(revisions) == 1:  # as most articles: all of it is as old as that
        texts = sentences_of(first.article).texts
        return tuple(Sentence(at, text, first.first_seen_at, first.number) for at, text in enumerate(texts)), ()
    current = blame([revision.article for revision in revisions], steps)
    present = tuple(
        Sentence(
            line.position,
            line.text,
            revisions[line.since].first_seen_at,
            revisions[line.since].number,
            line.before,
        )
        for line in current.standing
    )
    removed = tuple(
        Sentence(
            place,
            line.text,
            revisions[line.first].first_seen_at,
            revisions[line.first].number,
            until_at=revisions[line.last].last_seen_at,
            until_revision=revisions[line.last].number,
        )
        for place, line in enumerate(current.removed)
    )
    return present, removed


def _state_of_readings(members: Sequence[PageVisits], readings: Mapping[str, PageReadings]) -> PageState:
    last = [readings[page.url].readings[-1] for page in members]
    return "live" if any(reading.article for reading in last) else "suspect"


def _verdict(page: PageVisits, read: PageReadings, article_url: str) -> PageVerdict:
    last_visit = page.visits[-1] if page.visits else None
    last_reading = read.readings[-1] if read.readings else None
    outcome = last_visit.outcome if last_visit else "unreachable"
    state: PageState = "queued"
    if last_visit is None:
        state = "queued"
    elif outcome == "refused_by_robots":
        state = "refused"
    elif outcome in ABSENT_OUTCOMES:
        confirmed = (absences := _absences([page], {page.url: read})) and not absences[-1].until
        state = "gone" if confirmed or last_reading is None else "live"
    elif last_visit.body_sha256 and last_reading is not None:
        state = _STATES.get(last_reading.outcome, "live")
        if last_reading.outcome != "ok":
            outcome = last_reading.outcome
    else:
        state = "failed"
    kind = last_reading.kind if last_reading else "other"
    return PageVerdict(page.page_id, kind, state, article_url, outcome)


@dataclass(frozen=True, slots=True)
class Standing:
    """A sentence of the newest revision: its place, since which revision it reads so, and what it read before.

    `since` is an index into the revisions given. A sentence that only moved keeps its age, and so does one that was
    only set otherwise (level 0: width, punctuation, another cut): what it says has stood since then.
    """

    position: int
    text: str
    since: int
    before: str = ""


@dataclass(frozen=True, slots=True)
class Removed:
    """A sentence that stood in revisions `first` to `last` (indexes) and is not in the newest."""

    text: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Blame:
    """The sentences of the newest revision in order, and those that stand no more, in the order they went."""

    standing: tuple[Standing, ...]
    removed: tuple[Removed, ...]


def blame(articles: Sequence[Article], comparisons: Sequence[Comparison]) -> Blame:
    """Follow each sentence through the revisions; `comparisons[i]` is that of `articles[i]` and `articles[i + 1]`."""
    if not articles:
        return Blame((), ())
    sentences = sentences_of(articles[0])
    standing = [Standing(at, text, 0) for at, text in enumerate(sentences.texts)]
    gone: dict[str, Removed] = {}
    for number, comparison in enumerate(comparisons, start=1):
        newer = sentences_of(articles[number])
        last = standing
        standing = _step(standing, sentences, newer, comparison, number)
        present = set(newer.texts)
        for one in last:
            if one.text not in present:
                known = gone.pop(one.text, None)
                first = min(one.since, known.first) if known else one.since
                gone[one.text] = Removed(one.text, first, number - 1)
        sentences = newer
    present = set(sentences.texts)
    return Blame(tuple(standing), tuple(one for one in gone.values() if one.text not in present))


def _step(
    standing: Sequence[Standing], older: Sentences, newer: Sentences, comparison: Comparison, number: int
) -> list[Standing]:
    """The standing of the newer sentences, from that of the older ones and the edits between."""
    if older.texts == newer.texts:
        return list(standing)
    taken: set[int] = set()
    placed: dict[int, Standing] = {}
    for edit in comparison.edits:
        olds = range(edit.old_at, older.reach(edit.old_at, edit.old)) if edit.old_at >= 0 else range(0)
        news = range(edit.new_at, newer.reach(edit.new_at, edit.new)) if edit.new_at >= 0 else range(0)
        taken.update(olds)
        for nth, at in enumerate(news):
            text = newer.texts[at]
            if edit.op == "moved" and len(olds) == len(news) and older.texts[olds[nth]] == text:
                placed[at] = replace(standing[olds[nth]], position=at)
            elif olds and edit.level == 0:
                placed[at] = _reset([standing[old] for old in olds], at, text)
            else:
                placed[at] = Standing(at, text, number, edit.old)
    stayed = (at for at in range(len(older.texts)) if at not in taken)
    result = []
    for at in range(len(newer.texts)):
        if at in placed:
            result.append(placed[at])
            continue
        one = standing[next(stayed)]
        result.append(one if one.position == at else replace(one, position=at))
    return result


def _reset(were: Sequence[Standing], position: int, text: str) -> Standing:
    """A sentence set or cut otherwise: as old as the youngest it is made of, and with what stood before that one."""
    youngest = max(were, key=lambda one: one.since)
    return Standing(position, text, youngest.since, youngest.before)
