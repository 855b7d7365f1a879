"""Columns of our own wording with the kinds that each line states, and the scores of the engine against them.

`coded_columns.txt`: a column begins with "== title"; a line that states kinds begins with them in brackets, and a
question mark follows a kind that another careful coder could leave out. Every third of the first thirty columns is held
out: nobody looks at what the engine finds there, so that its scores tell how the rules do on columns that they were not
written for.

    python tests/coded_columns.py              # scores, and the errors in the columns that are not held out
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from columnarchive.observations import KINDS, Line, observe

HELD_OUT = range(2, 30, 3)


@dataclass
class CodedColumn:
    title: str
    lines: list[str] = field(default_factory=list)
    certain: dict[str, list[int]] = field(default_factory=dict)
    debatable: dict[str, list[int]] = field(default_factory=dict)


def read() -> list[CodedColumn]:
    """Return all coded columns in the order of the file."""
    columns: list[CodedColumn] = []
    for line in (Path(__file__).parent / "coded_columns.txt").read_text("utf-8").splitlines():
        if line.startswith("== "):
            columns.append(CodedColumn(line[3:]))
        elif line:
            codes, text = line[1:].split("] ", 1) if line.startswith("[") else ("", line)
            for code in codes.split():
                into = columns[-1].debatable if code.endswith("?") else columns[-1].certain
                into.setdefault(code.rstrip("?"), []).append(len(columns[-1].lines))
            columns[-1].lines.append(text)
    return columns


def split(columns: list[CodedColumn]) -> tuple[list[CodedColumn], list[CodedColumn]]:
    """Return the columns to work with and those held out."""
    return [c for i, c in enumerate(columns) if i not in HELD_OUT], [columns[i] for i in HELD_OUT]


@dataclass
class Scores:
    cells: Counter[str]
    by_kind: dict[str, Counter[str]]
    errors: list[str]
    evidence: tuple[int, int]

    @property
    def precision(self) -> float:
        return self.cells["tp"] / max(1, self.cells["tp"] + self.cells["fp"])

    @property
    def recall(self) -> float:
        return self.cells["tp"] / max(1, self.cells["tp"] + self.cells["fn"])

    def f1(self, kind: str) -> float | None:
        """Return the F1 of a kind, or None when it neither stands nor was found anywhere."""
        of = self.by_kind[kind]
        return 2 * of["tp"] / (2 * of["tp"] + of["fp"] + of["fn"]) if of["tp"] + of["fp"] + of["fn"] else None

    @property
    def macro(self) -> float:
        known = [f1 for f1 in map(self.f1, KINDS) if f1 is not None]
        return sum(known) / len(known)


def score(columns: list[CodedColumn]) -> Scores:
    """Return how the kinds found in the columns agree with the coded ones."""
    scores = Scores(Counter(), {kind: Counter() for kind in KINDS}, [], (0, 0))
    right = total = 0
    for column in columns:
        found: dict[str, set[int]] = {}
        for o in observe([Line(line) for line in column.lines], column.title):
            found.setdefault(o.kind, set()).add(o.line)
        for kind in KINDS:
            coded = column.certain.get(kind, [])
            allowed = {*coded, *column.debatable.get(kind, [])}
            have = kind in found
            states = bool(coded) or (have and bool(allowed))
            cell = ("tp" if states else "fp") if have else ("fn" if states else "tn")
            scores.cells[cell] += 1
            scores.by_kind[kind][cell] += 1
            if cell == "tp":
                total += 1
                right += bool(found[kind] & allowed)
            for line in sorted(found.get(kind, set()) - allowed):
                scores.errors.append(
                    f"{'fp' if cell == 'fp' else '+ '} {kind} {column.title[:10]} {column.lines[line]}"
                )
            for line in sorted(set(coded) - found.get(kind, set())):
                scores.errors.append(
                    f"{'fn' if cell == 'fn' else '- '} {kind} {column.title[:10]} {column.lines[line]}"
                )
    scores.evidence = (right, total)
    return scores


if __name__ == "__main__":
    tuned, held = map(score, split(read()))
    print(*sorted(tuned.errors), sep="\n")
    for name, of in (("looked at", tuned), ("held out", held)):
        print(f"{name}: precision {of.precision:.3f} recall {of.recall:.3f} macro F1 {of.macro:.3f}", of.evidence)
    print(*(f"{k} {tuned.f1(k) or 0:.2f} {held.f1(k) or 0:.2f}" for k in KINDS), sep="\n")
