"""Since when each sentence has stood, what stood there before, and which sentences stand no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from columnarchive.diff.sentences import Sentences, sentences_of
from columnarchive.records import Article, Comparison


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
