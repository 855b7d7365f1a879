"""The article page: the text with the age of its sentences, its history, and where else its passages stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple
from urllib.parse import quote

from columnarchive import reader
from columnarchive.browse.answers import Page
from columnarchive.browse.asking import Ask, Language
from columnarchive.browse.capturing import tombstones
from columnarchive.browse.dates import day
from columnarchive.browse.timeline import timeline
from columnarchive.browse.words import say
from columnarchive.records import Article, Sentence

COPIES = 40


class Said(NamedTuple):
    """A sentence younger than the article, and `since` when it was so said; or several as old as the article."""

    text: str
    glue: str
    since: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A block of the article as sentences; `anchor` names a heading within the page."""

    kind: str
    level: int
    sentences: tuple[Said, ...]
    anchor: str = ""

    @property
    def text(self) -> str:
        """The block's text in one line."""
        return "".join(said.glue.replace("\n", " ") + said.text for said in self.sentences).strip()


class Entry(NamedTuple):
    """A revision in the list of them, in words, with the change that led to it unless it is the first."""

    number: int
    name: str
    at: str
    day: str
    url: str
    step: reader.shown.Step | None
    diff_url: str


def article(conn: reader.Connection, ask: Ask) -> Page:
    """An article as it stands, or as it stood at a time (`at`) or in a revision."""
    row = reader.article(conn, ask.get("url"))
    asked = ask.get("at") or ask.get("revision")
    shown = reader.revision(conn, row, reader.picked(asked, "Asia/Tokyo") if asked else reader.Pick())
    is_newest = shown.number == row.revisions
    pieces = _pieces(shown.article, reader.younger(conn, row) if is_newest else ())
    steps = reader.shown.steps(conn, row.id)
    removed = reader.removed(conn, row)
    return Page(
        "article.html",
        {
            "row": row,
            "shown": shown,
            "is_newest": is_newest,
            "groups": [(kind, list(run)) for kind, run in groupby(pieces, key=lambda piece: piece.kind)],
            "headings": [piece for piece in pieces if piece.anchor],
            "has_young": any(said.since for piece in pieces for said in piece.sentences),
            "timeline": timeline(row, steps),
            "since": {
                at: (ask.link("diff", url=row.url, to=at), say(ask.lang, "since_note", day=day(at, ask.lang)))
                for at in {said.since for piece in pieces for said in piece.sentences}
                if at
            },
            "entries": list(_entries(ask, row, reader.history(conn, row), steps)),
            "events": [step for step in steps if step.from_number == step.to_number],
            "removed": [(one.text, _span(one, ask.lang)) for one in removed],
            "copies": reader.overview.copies_of(conn, row.id, COPIES),
            "stones": tombstones(conn, ask, row.url),
        },
    )


def _entries(
    ask: Ask, row: reader.ArticleRow, revisions: Sequence[reader.RevisionRow], steps: Sequence[reader.shown.Step]
) -> Iterator[Entry]:
    """The revisions, newest first. There may be hundreds, so the template is left little to work out."""
    step_to = {step.to_number: step for step in steps if step.from_number != step.to_number}
    before = [""] + [one.first_seen_at for one in revisions]
    article_url, diff_url = ask.link("article", url=row.url), ask.link("diff", url=row.url)
    for one, then in zip(reversed(revisions), reversed(before[:-1]), strict=True):
        at, step = one.first_seen_at, step_to.get(one.number)
        yield Entry(
            one.number, say(ask.lang, "revision", n=one.number), at, day(at, ask.lang),
            f"{article_url}&at={quote(at)}", step,
            f"{diff_url}&from={quote(then)}&to={quote(at)}" if step else "",
        )  # fmt: skip


def _span(sentence: Sentence, lang: Language) -> str:
    return say(lang, "stood", start=day(sentence.since_at, lang), end=day(sentence.until_at, lang))


def _pieces(said: Article, ages: Sequence[Sentence]) -> list[Piece]:
    """The blocks with their sentences, each with its age when that is less than the article's."""
    sentences = reader.sentences_of(said)
    age = {one.position: one for one in ages}
    found: list[list[Said]] = [[] for _ in said.blocks]
    for at, (text, glue, block) in enumerate(zip(sentences.texts, sentences.glues, sentences.blocks, strict=True)):
        one = age.get(at)
        since = one.since_at if one and one.text == text else ""
        lines = found[block]
        if lines and glue != "\n" and not since and not lines[-1].since:
            lines[-1] = Said(f"{lines[-1].text}{glue}{text}", lines[-1].glue)
        else:
            lines.append(Said(text, glue if lines else "", since))
    return [
        Piece(block.kind, block.level, tuple(lines), f"s{at}" if block.kind == "heading" else "")
        for at, (block, lines) in enumerate(zip(said.blocks, found, strict=True))
        if lines
    ]
