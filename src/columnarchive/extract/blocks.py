"""Pieces → blocks: headings, rows, items, questions and answers, quotes and captions, in the order of the page."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from columnarchive.extract.rules import HEADINGS
from columnarchive.extract.walk import Outline, Piece
from columnarchive.model import Block, BlockKind

_QUESTION = re.compile(
    r"^(?:Q|Ｑ|質問|問)\s?(?:\d{1,3}|[０-９]{1,3})?\s?[.．。:：、\s]\s?\S|^(?:Q|Ｑ)(?:\d{1,3}|[０-９]{1,3})?\s?[^\sA-Za-zａ-ｚ]",
    re.I,
)
_ANSWER = re.compile(
    r"^(?:A|Ａ|回答|答)\s?(?:\d{1,3}|[０-９]{1,3})?\s?[.．。:：、\s]\s?\S|^(?:A|Ａ)(?:\d{1,3}|[０-９]{1,3})?\s?[^\sA-Za-zａ-ｚ\d]",
    re.I,
)
_FAQ_WORDS = re.compile(r"(?:^|[\s_\-])(?:faq|qa|q-a|q_and_a|accordion|question)", re.I)
_BLOCK_CELL_TAGS = frozenset(("p", "div", "li", "dt", "dd", *HEADINGS))
_WITHIN = frozenset(("blockquote", "figcaption", "caption", "summary", "details", "dt", "dd", "li", "tr"))


def assemble(page: Outline, chosen: Sequence[int]) -> list[Block]:
    """The blocks of the chosen pieces."""
    blocks: list[Block] = []
    around = _Around(page)
    position = 0
    while position < len(chosen):
        index = chosen[position]
        row = around.row(index)
        if row >= 0:
            end = position
            while end < len(chosen) and around.row(chosen[end]) == row:
                end += 1
            blocks.append(Block("row", _row_text(page, [chosen[at] for at in range(position, end)], around)))
            position = end
            continue
        piece = page.pieces[index]
        blocks.extend(_split(piece, *around.kind(index)))
        position += 1
    return _pair(blocks)


def _split(piece: Piece, kind: BlockKind, level: int) -> list[Block]:
    """A block, or several where one paragraph holds `Q1. …<br>A. …`."""
    if "\n" not in piece.text:
        return [Block(kind, piece.text, level)]
    lines = piece.text.split("\n")
    if kind in ("paragraph", "item", "answer") and len(lines) > 1:
        marks = [index for index, line in enumerate(lines) if _QUESTION.match(line) or _ANSWER.match(line)]
        if len(marks) > 1 and _QUESTION.match(lines[marks[0]]) and _ANSWER.match(lines[marks[1]]):
            cuts = [0, *(mark for mark in marks if mark), len(lines)]
            return [Block(kind, "\n".join(lines[start:end]), level) for start, end in itertools.pairwise(cuts)]
    return [Block(kind, piece.text, level)]


def _pair(blocks: list[Block]) -> list[Block]:
    """`Q…` followed by `A…` are a question and its answer, whatever tags they had."""
    out = list(blocks)
    for index in range(len(out) - 1):
        block, following = out[index], out[index + 1]
        if block.kind in ("question", "row") or not _QUESTION.match(block.text):
            continue
        if following.kind != "row" and (_ANSWER.match(following.text) or following.kind == "answer"):
            out[index] = Block("question", block.text)
            out[index + 1] = Block("answer", following.text)
    return out


def _row_text(page: Outline, indexes: Sequence[int], around: _Around) -> str:
    cells: list[str] = []
    last = -1
    for index in indexes:
        cell = around.cell(index)
        text = page.pieces[index].text.replace("\n", " ")
        if cell == last and cells:
            cells[-1] += " " + text
        else:
            cells.append(text)
        last = cell
    return "\t".join(cells)


class _Around:
    """What a piece stands in: the nearest row, cell, list, quote and so on."""

    __slots__ = ("_kinds", "_layout", "_page")

    def __init__(self, page: Outline) -> None:
        self._page = page
        self._layout: dict[int, bool] = {}
        self._kinds: dict[int, tuple[BlockKind, int]] = {}

    def _up(self, index: int) -> list[int]:
        chain: list[int] = []
        at = self._page.pieces[index].element
        while at >= 0:
            chain.append(at)
            at = self._page.elements[at].parent
        return chain

    def row(self, index: int) -> int:
        """The table row this piece is a cell of; -1 outside tables and in tables that only lay the page out."""
        at = self._page.pieces[index].element
        elements = self._page.elements
        while at >= 0 and elements[at].tag != "tr":
            if elements[at].tag == "table":
                return -1
            at = elements[at].parent
        return at if at >= 0 and not self._lays_out(at) else -1

    def _lays_out(self, row: int) -> bool:
        found = self._layout.get(row)
        if found is None:
            page = self._page
            span = page.pieces[page.elements[row].first : page.elements[row].end]
            inner = any(piece.tag in HEADINGS or piece.tag in ("dt", "dd") for piece in span)
            blocks = sum(piece.tag in _BLOCK_CELL_TAGS for piece in span)
            found = inner or blocks > 8 or len(span) > 30 or len({self._row_of(piece) for piece in span}) > 1
            self._layout[row] = found
        return found

    def _row_of(self, piece: Piece) -> int:
        at = piece.element
        while at >= 0 and self._page.elements[at].tag != "tr":
            at = self._page.elements[at].parent
        return at

    def cell(self, index: int) -> int:
        """The cell of a piece in a row."""
        at = self._page.pieces[index].element
        while at >= 0 and self._page.elements[at].tag not in ("td", "th"):
            at = self._page.elements[at].parent
        return at

    def kind(self, index: int) -> tuple[BlockKind, int]:
        """Kind and level of a piece that is no table row."""
        element = self._page.pieces[index].element
        found = self._kinds.get(element)
        if found is None:
            found = self._kinds[element] = self._judge(index)
        return found

    def _judge(self, index: int) -> tuple[BlockKind, int]:
        tag = self._page.pieces[index].tag
        chain = [self._page.elements[at].tag for at in self._up(index)]
        depth = sum(step in ("ul", "ol") for step in chain)
        if tag in HEADINGS:
            return ("question", 0) if "summary" in chain or "dt" in chain else ("heading", HEADINGS[tag])
        for step in chain:
            if step in ("figcaption", "caption"):
                return "caption", 0
            if step in ("dt", "summary"):
                return "question", 0
            if step in ("dd", "details"):
                return "answer", 0
            if step == "blockquote":
                return "quote", 0
            if step == "li":
                return "item", depth
        return "paragraph", 0
