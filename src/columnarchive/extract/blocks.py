"""Pieces → blocks: headings, rows, items, questions and answers, quotes and captions, in the order of the page."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from columnarchive.extract.outlines import Outline, Piece
from columnarchive.extract.rules import HEADINGS
from columnarchive.records import Block, BlockKind

_QUESTION = re.compile(
    r"^(?:Q|Ｑ|質問|問)\s?(?:\d{1,3}|[０-９]{1,3})?\s?[.．。:：、\s]\s?\S|^(?:Q|Ｑ)(?:\d{1,3}|[０-９]{1,3})?\s?[^\sA-Za-zａ-ｚ]",
    re.I,
)
_ANSWER = re.compile(
    r"^(?:A|Ａ|回答|答)\s?(?:\d{1,3}|[０-９]{1,3})?\s?[.．。:：、\s]\s?\S|^(?:A|Ａ)(?:\d{1,3}|[０-９]{1,3})?\s?[^\sA-Za-zａ-ｚ\d]",
    re.I,
)
_STARTS = frozenset("QqＱｑ質問AaＡａ回答")
"""What a question or an answer can begin with; most lines are told by it alone."""
_BLOCK_CELL_TAGS = frozenset(("p", "div", "li", "dt", "dd", *HEADINGS))
_KINDS: dict[str, BlockKind] = {
    "figcaption": "caption", "caption": "caption", "dt": "question", "summary": "question", "dd": "answer",
    "details": "answer", "blockquote": "quote", "li": "item",
}  # fmt: skip
_TELLING = frozenset((*_KINDS, "tr", "table", "ul", "ol"))
_Context = tuple[int, BlockKind, int, bool]
"""The nearest row of the same table, the kind, how many lists are around, and whether a question is."""


def assemble(page: Outline, chosen: Sequence[int]) -> list[Block]:
    """The blocks of the chosen pieces."""
    blocks: list[Block] = []
    around = _Around(page)
    pieces = page.pieces
    context = around.context
    done = -1
    for position, index in enumerate(chosen):
        if position < done:
            continue  # a cell of the row before
        piece = pieces[index]
        row, kind, depth, asked = context(piece.element)
        if row >= 0 and not around.lays_out(row):
            done = position
            while done < len(chosen) and context(pieces[chosen[done]].element)[0] == row:
                done += 1
            blocks.append(Block("row", _row_text(page, chosen[position:done], around)))
        elif piece.tag in HEADINGS:
            kind, level = ("question", 0) if asked else ("heading", HEADINGS[piece.tag])
            blocks += _split(piece, kind, level)
        elif "\n" in piece.text:
            blocks += _split(piece, kind, depth if kind == "item" else 0)
        else:
            blocks.append(Block(kind, piece.text, depth if kind == "item" else 0))
    return _pair(blocks)


def _split(piece: Piece, kind: BlockKind, level: int) -> list[Block]:
    """A block, or several where one paragraph holds `Q1. …<br>A. …`."""
    if "\n" not in piece.text:
        return [Block(kind, piece.text, level)]
    if kind in ("paragraph", "item", "answer"):
        lines = piece.text.split("\n")
        marks = [
            index
            for index, line in enumerate(lines)
            if line[0] in _STARTS and (_QUESTION.match(line) or _ANSWER.match(line))
        ]
        if len(marks) > 1 and _QUESTION.match(lines[marks[0]]) and _ANSWER.match(lines[marks[1]]):
            cuts = [0, *(mark for mark in marks if mark), len(lines)]
            return [Block(kind, "\n".join(lines[start:end]), level) for start, end in itertools.pairwise(cuts)]
    return [Block(kind, piece.text, level)]


def _pair(blocks: list[Block]) -> list[Block]:
    """`Q…` followed by `A…` are a question and its answer, whatever tags they had."""
    out = list(blocks)
    for index in [at for at, block in enumerate(blocks[:-1]) if block.text[0] in _STARTS]:
        block, following = out[index], out[index + 1]
        if block.text[0] not in _STARTS or block.kind in ("question", "row") or not _QUESTION.match(block.text):
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

    __slots__ = ("_contexts", "_layout", "_page")

    def __init__(self, page: Outline) -> None:
        self._page = page
        self._layout: dict[int, bool] = {}
        self._contexts: dict[int, _Context] = {-1: (-1, "paragraph", 0, False)}

    def context(self, element: int) -> _Context:
        """What an element and all around it say of a text in it; at -1, what is said of a text outside all."""
        known, elements = self._contexts, self._page.elements
        found = known.get(element)
        if found is not None:
            return found
        path: list[int] = []
        at = element
        while at not in known:
            path.append(at)
            at = elements[at].parent
        found = known[at]
        for at in reversed(path):
            tag = elements[at].tag
            if tag in _TELLING:
                row, kind, depth, asked = found
                found = (
                    at if tag == "tr" else -1 if tag == "table" else row,
                    _KINDS.get(tag, kind),
                    depth + (tag in ("ul", "ol")),
                    asked or tag in ("summary", "dt"),
                )
            known[at] = found
        return found

    def lays_out(self, row: int) -> bool:
        """Whether a table row only lays the page out, and is none of a table of facts."""
        found = self._layout.get(row)
        if found is None:
            page = self._page
            first = page.elements[row].first
            span = page.pieces[first : min(page.elements[row].end, first + 31)]
            found = (
                len(span) > 30
                or any(piece.tag in HEADINGS or piece.tag in ("dt", "dd") for piece in span)
                or sum(piece.tag in _BLOCK_CELL_TAGS for piece in span) > 8
                or len({self._row_of(piece) for piece in span}) > 1
            )
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
