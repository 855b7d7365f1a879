"""The article page: the text with the age of its sentences, its history, and where else its passages stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from columnarchive import reading
from columnarchive.browse.answers import Page
from columnarchive.browse.asking import Ask
from columnarchive.browse.timeline import timeline
from columnarchive.model import Article, Sentence

COPIES = 40


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence in its place; `since` is set when it is younger than the article."""

    text: str
    glue: str
    since: Sentence | None


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


def article(conn: reading.Connection, ask: Ask) -> Page:
    """An article as it stands, or as it stood at a time (`at`) or in a revision."""
    row = reading.article(conn, ask.get("url"))
    asked = ask.get("at") or ask.get("revision")
    shown = reading.revision(conn, row, reading.picked(asked, "Asia/Tokyo") if asked else reading.Pick())
    is_newest = shown.number == row.revisions
    pieces = _pieces(shown.article, reading.blame(conn, row) if is_newest else (), row)
    steps = reading.shown.steps(conn, row.id)
    revisions = reading.history(conn, row)
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
            "entries": [(revision, _step_to(steps, revision.number)) for revision in reversed(revisions)],
            "events": [step for step in steps if step.from_number == step.to_number],
            "removed": reading.removed(conn, row),
            "copies": reading.overview.copies_of(conn, row.id, COPIES),
            "stones": reading.shown.tombstones(conn, row.url),
            "times": {revision.number: revision.first_seen_at for revision in revisions},
        },
    )


def _step_to(steps: Sequence[reading.shown.Step], number: int) -> reading.shown.Step | None:
    return next((step for step in steps if step.to_number == number and step.from_number != number), None)


def _pieces(said: Article, ages: Sequence[Sentence], row: reading.ArticleRow) -> list[Piece]:
    """The blocks with their sentences, each with its age when that is less than the article's."""
    sentences = reading.sentences_of(said)
    age = {one.position: one for one in ages}
    found: list[list[Said]] = [[] for _ in said.blocks]
    for at, (text, glue, block) in enumerate(zip(sentences.texts, sentences.glues, sentences.blocks, strict=True)):
        one = age.get(at)
        young = one if one and one.text == text and one.since_at > row.first_seen_at else None
        found[block].append(Said(text, glue if found[block] else "", young))
    return [
        Piece(block.kind, block.level, tuple(lines), f"s{at}" if block.kind == "heading" else "")
        for at, (block, lines) in enumerate(zip(said.blocks, found, strict=True))
        if lines
    ]
