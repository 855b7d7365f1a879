"""Write articles as Markdown with front matter, for reading, note-taking programs and `git log -p`.

Text of a page is escaped, so that it stays text: no markup, HTML or front matter comes from a page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from columnarchive.plain_text import printable
from columnarchive.records import Article, Block

# Signs with a meaning anywhere in CommonMark or in GitHub's tables and strike-outs.
_ANYWHERE = re.compile(r"[\\`*\[\]<|~]|(?<![^\W_])_|_(?![^\W_])|&(?=[#\w])|(?<!\S)#|#(?!\S)")
_AT_START = re.compile(r"^(\s*)([-+>=:#])|^(\s*\d{1,9})([.)])(?=\s|$)")


def document(article: Article, facts: Iterable[tuple[str, str | int]]) -> str:
    """Return a complete file: front matter with the given facts, the title, the article's blocks."""
    return f"{front_matter(facts)}\n# {inline(article.title)}\n\n{body(article.blocks)}"


def front_matter(facts: Iterable[tuple[str, str | int]]) -> str:
    """Return YAML between two lines of dashes; values are JSON strings, which YAML reads unchanged."""
    lines = (f"{name}: {value if isinstance(value, int) else quoted(value)}" for name, value in facts)
    return "\n".join(["---", *lines, "---", ""])


def quoted(value: str) -> str:
    """Return a string in double quotes for YAML, with escapes for what YAML would fold or refuse."""
    text = json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign == "\u3000" or sign > "\uffff" else f"\\u{ord(sign):04x}" for sign in text
    )


def unquoted(text: str) -> str:
    """Return the string that `quoted` wrote; empty for anything else."""
    try:
        value = json.loads(text)
    except ValueError:
        return ""
    return value if isinstance(value, str) else ""


def body(blocks: Sequence[Block]) -> str:
    """Return the blocks of an article as Markdown, ending with a newline."""
    runs: list[list[Block]] = []
    for block in blocks:
        if not block.text.strip():
            continue
        # Adjacent items form a list and adjacent rows a table; every other block is by itself.
        if runs and block.kind in ("item", "row") and runs[-1][0].kind == block.kind:
            runs[-1].append(block)
        else:
            runs.append([block])
    return "\n\n".join("\n".join(_run(run)) for run in runs) + "\n"


def _run(blocks: Sequence[Block]) -> Iterator[str]:
    first = blocks[0]
    if first.kind == "item":
        yield from _list(blocks)
    elif first.kind == "row":
        yield from _table(blocks)
    elif first.kind == "heading":
        yield "#" * min(6, max(2, first.level)) + " " + inline(first.text)
    elif first.kind == "quote":
        yield "\n".join("> " + line for line in lines(first.text).split("\n"))
    elif first.kind == "question":
        yield f"**{inline(first.text)}**"
    elif first.kind == "caption":
        yield f"*{inline(first.text)}*"
    else:
        yield lines(first.text)


def _list(blocks: Sequence[Block]) -> Iterator[str]:
    depth = 0
    for block in blocks:
        # An item may be at most one level below the one before, or it would be read as code.
        depth = min(max(1, block.level), depth + 1)
        indent = "  " * (depth - 1)
        yield f"{indent}- " + lines(block.text).replace("\n", f"\n{indent}  ")


def _table(blocks: Sequence[Block]) -> Iterator[str]:
    rows = [[inline(cell) for cell in block.text.split("\t")] for block in blocks]
    width = max(len(row) for row in rows)
    for place, row in enumerate(rows):
        yield "| " + " | ".join(row + [""] * (width - len(row))) + " |"
        if place == 0:
            yield "|" + " --- |" * width


def inline(text: str) -> str:
    """Return text in one line, escaped."""
    return _escaped(" ".join(text.split()))


def lines(text: str) -> str:
    """Return text in its lines, escaped, with every line break."""
    return "\\\n".join(_escaped(" ".join(line.split())) for line in text.split("\n") if line.strip())


def _escaped(line: str) -> str:
    safe = _ANYWHERE.sub(r"\\\g<0>", printable(line))
    return _AT_START.sub(lambda found: (found[1] or found[3] or "") + "\\" + (found[2] or found[4]), safe)
