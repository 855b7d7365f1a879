"""The article page: the text with the age of its sentences, its history, and other articles with the same passages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple
from urllib.parse import quote

from columnarchive.browse.captures import tombstones
from columnarchive.browse.ledger import panel
from columnarchive.browse.rendering import Page, PageRequest
from columnarchive.browse.timeline import cells, timeline
from columnarchive.locale import source_name
from columnarchive.reader import ArticleRow, ChangeRow, Pick, PictureRow, Reader, RevisionRow, Witness, sentences_of
from columnarchive.records import Article, Sentence
from columnarchive.times import DEFAULT_ZONE, day_name, interval

COPIES = 40


class TextRun(NamedTuple):
    """A sentence with what precedes it and its number, to which a link can lead; `since` if it is younger."""

    text: str
    glue: str
    number: int
    since: str = ""


@dataclass(frozen=True, slots=True)
class AgedBlock:
    """A block of the article with the age of its sentences; `anchor` names a heading within the page."""

    kind: str
    level: int
    runs: tuple[TextRun, ...]
    anchor: str = ""

    @property
    def text(self) -> str:
        """The block's text in one line."""
        return "".join(run.glue.replace("\n", " ") + run.text for run in self.runs).strip()


class RevisionItem(NamedTuple):
    """A revision in the list of revisions, with the change that led to it unless it is the first.

    `source` names the third party that captured it, if this archive did not.
    """

    number: int
    name: str
    at: str
    day: str
    url: str
    change: ChangeRow | None
    diff_url: str
    source: str


def article(archive: Reader, request: PageRequest) -> Page:
    """The current text of an article, or its text at a time (`at`) or in a revision."""
    row = archive.article(request.get("url"))
    asked = request.get("at") or request.get("revision")
    revision = archive.revision(row, Pick.parse(asked, DEFAULT_ZONE) if asked else Pick())
    is_newest = revision.number == row.revisions
    blocks = _blocks(revision.article, archive.newer_sentences(row) if is_newest else ())
    changes = archive.article_changes(row.id)
    days = archive.calendar(article_id=row.id)
    states, lacking = panel(archive, request, row, "" if is_newest else revision.first_seen_at)
    ages = {run.since for block in blocks for run in block.runs if run.since}
    return Page(
        "article.html",
        {
            "row": row,
            "revision": revision,
            "is_newest": is_newest,
            "numbered": bool(request.get("numbers")),
            "groups": [(kind, list(run)) for kind, run in groupby(blocks, key=lambda block: block.kind)],
            "headings": [block for block in blocks if block.anchor],
            "timeline": timeline(row, changes),
            "days": days,
            "cells": cells(days),
            "since": {at: (request.link("diff", url=row.url, to=at), _since(at, request)) for at in ages},
            "items": list(_items(request, row, archive.revisions(row), changes)),
            "events": [change for change in changes if change.from_number == change.to_number],
            "removed": [(one.text, _span(one, request)) for one in archive.removed_sentences(row)],
            "pictures": [(one, _picture_span(one, request)) for one in archive.pictures(row)],
            "states": states,
            "lacking": lacking,
            "copies": archive.copies_of(row.id, COPIES),
            "stones": tombstones(archive, request, row.url),
            "witnesses": _witnesses(archive.witnesses(row), request, row),
        },
    )


def _items(
    request: PageRequest,
    row: ArticleRow,
    revisions: Sequence[RevisionRow],
    changes: Sequence[ChangeRow],
) -> Iterator[RevisionItem]:
    """The revisions, newest first. There may be hundreds, so the template has little to compute."""
    change_to = {change.to_number: change for change in changes if change.from_number != change.to_number}
    before = [""] + [one.first_seen_at for one in revisions]
    article_url, diff_url = request.link("article", url=row.url), request.link("diff", url=row.url)
    for one, previous in zip(reversed(revisions), reversed(before[:-1]), strict=True):
        at, change = one.first_seen_at, change_to.get(one.number)
        yield RevisionItem(
            one.number,
            request.text("revision", n=one.number),
            at,
            interval(change.after_at, change.seen_at, request.lang) if change else day_name(at, request.lang),
            f"{article_url}&at={quote(at)}",
            change,
            f"{diff_url}&from={quote(previous)}&to={quote(at)}" if change else "",
            "" if one.source == "crawl" else source_name(request.lang, one.source),
        )


def _witnesses(found: Sequence[Witness], request: PageRequest, row: ArticleRow) -> list[tuple[str, str]]:
    """What third parties' captures tell, a line each, with the address that compares one that differs."""
    counts = Counter(one.verdict for one in found)
    lines = [(request.text("witness_agrees", n=counts["agrees"]), "")] if counts["agrees"] else []
    for one in found:
        if one.verdict == "differs":
            source, day = source_name(request.lang, one.source), day_name(one.at, request.lang)
            compared = request.link("diff", url=row.url, from_=one.own_revision, to=one.revision)
            lines.append((request.text("witness_differs", source=source, day=day), compared))
    return lines + ([(request.text("witness_alone", n=counts["alone"]), "")] if counts["alone"] else [])


def _since(at: str, request: PageRequest) -> str:
    return request.text("since_note", day=day_name(at, request.lang))


def _span(sentence: Sentence, request: PageRequest) -> str:
    start, end = (day_name(at, request.lang) for at in (sentence.since_at, sentence.until_at))
    return request.text("span", start=start, end=end)


def _picture_span(picture: PictureRow, request: PageRequest) -> str:
    start = day_name(picture.since_at, request.lang)
    if picture.stands:
        return request.text("since_note", day=start)
    return request.text("span", start=start, end=day_name(picture.until_at, request.lang))


def _blocks(article: Article, ages: Sequence[Sentence]) -> list[AgedBlock]:
    """The blocks with their sentences, each with its age when that is less than the article's."""
    sentences = sentences_of(article)
    age = {one.position: one for one in ages}
    found: list[list[TextRun]] = [[] for _ in article.blocks]
    for at, (text, glue, block) in enumerate(zip(sentences.texts, sentences.glues, sentences.blocks, strict=True)):
        one = age.get(at)
        since = one.since_at if one and one.text == text else ""
        runs = found[block]
        runs.append(TextRun(text, glue if runs else "", at + 1, since))
    return [
        AgedBlock(block.kind, block.level, tuple(runs), f"s{at}" if block.kind == "heading" else "")
        for at, (block, runs) in enumerate(zip(article.blocks, found, strict=True))
        if runs
    ]
