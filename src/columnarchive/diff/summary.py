"""A change in one line that needs no language: what was taken out → what was put in, weightiest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from columnarchive.records import Edit

_LONGEST_PIECE = 40
_MOST_EDITS = 2
_SIGNS = {"added": "+", "removed": "−", "moved": "⇄"}


def summary_of(edits: Sequence[Edit]) -> str:
    """One line such as `98,000円 → 128,000円 · − 効果には個人差があります。 · (+3)`."""
    if not edits:
        return ""
    weightiest = sorted(range(len(edits)), key=lambda at: (-edits[at].level, at))[:_MOST_EDITS]
    pieces = [_one(edits[at]) for at in sorted(weightiest)]
    if len(edits) > _MOST_EDITS:
        pieces.append(f"(+{len(edits) - _MOST_EDITS})")
    return " · ".join(pieces)


def _one(edit: Edit) -> str:
    if edit.op in _SIGNS:
        return f"{_SIGNS[edit.op]} {_short([edit.new or edit.old])}"
    out = _short(span.text for span in edit.spans if span.op == "delete")
    put = _short(span.text for span in edit.spans if span.op == "insert")
    if out and put:
        return f"{out} → {put}"
    return f"− {out}" if out else f"+ {put}"


def _short(texts: Iterable[str]) -> str:
    line = " ".join(" … ".join(texts).split())
    return line if len(line) <= _LONGEST_PIECE else line[: _LONGEST_PIECE - 1] + "…"
