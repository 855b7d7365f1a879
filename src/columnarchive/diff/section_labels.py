"""Which edits are a section, or a question with its answer, come, gone or changed: told from their blocks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from columnarchive.diff.alignment import Link
from columnarchive.diff.sentences import Sentences
from columnarchive.records import Article, Block

_ASKS = re.compile(
    r"\s{0,8}(?:Q|Ｑ|A|Ａ)\s*[0-9０-９]{0,2}\s*[.．:：、)）]|\s{0,8}【?(?:質問|回答)】?[0-9０-９]*\s*[:：.．]"
)


class Side:
    """One side of a comparison: its blocks, its sentences, and which of these came or went."""

    __slots__ = ("_blocks", "_changed", "_sentences")

    def __init__(self, article: Article, sentences: Sentences, changed: frozenset[int]) -> None:
        self._blocks = article.blocks
        self._sentences = sentences
        self._changed = changed

    def block(self, at: int) -> Block:
        """The block in which a sentence stands."""
        return self._blocks[self._sentences.blocks[at]]

    def heads_a_section(self, at: int) -> bool:
        """Whether a sentence is a heading that came or went together with what stands under it."""
        return self.block(at).kind == "heading" and at + 1 in self._changed and self.block(at + 1).kind != "heading"

    def asks(self, at: int) -> bool:
        """Whether a sentence belongs to a question or its answer."""
        block = self.block(at)
        return block.kind in ("question", "answer") or _ASKS.match(block.text) is not None


def sides(old: Article, new: Article, before: Sentences, after: Sentences, links: Sequence[Link]) -> tuple[Side, Side]:
    """Both sides of a comparison, ready to tell the labels of each link."""
    went = frozenset(link.old_from for link in links if link.kind == "removed")
    came = frozenset(link.new_from for link in links if link.kind == "added")
    return Side(old, before, went), Side(new, after, came)


def structure_labels(link: Link, was: Side, now: Side) -> list[str]:
    """The labels that an edit earns by its place rather than by its words."""
    if link.kind == "added":
        if now.heads_a_section(link.new_from):
            return ["section_added"]
        return ["faq_added"] if now.asks(link.new_from) else []
    if link.kind == "removed":
        if was.heads_a_section(link.old_from):
            return ["section_removed"]
        return ["faq_removed"] if was.asks(link.old_from) else []
    if link.kind == "edited" and (was.asks(link.old_from) or now.asks(link.new_from)):
        return ["faq_changed"]
    return []
