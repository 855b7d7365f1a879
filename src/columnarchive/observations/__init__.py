"""What a text states: statements of 26 kinds with their words. Pure functions; the lexicon is data in `lexicon/`.

Here are the records: the lines that go in and the statements that come out. The modules are loaded when they are first
used: they compile hundreds of expressions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from columnarchive import load_on_use

if TYPE_CHECKING:
    from columnarchive.observations.engine import observe as observe
    from columnarchive.observations.engine import statements as statements
    from columnarchive.observations.ledger import Agreement as Agreement
    from columnarchive.observations.ledger import agreements as agreements
    from columnarchive.observations.ledger import before_after_words as before_after_words
    from columnarchive.observations.ledger import elsewhere as elsewhere
    from columnarchive.observations.ledger import ledger_entries as ledger_entries
    from columnarchive.observations.ledger import lines_of as lines_of
    from columnarchive.observations.ledger import read_in_pictures as read_in_pictures
    from columnarchive.observations.lexicon import codebook as codebook


VERSION = "12"
"""The version of rules and lexicon: a stored ledger made with another one is made again."""

Kind = Literal[
    "self_pay", "cost", "cost_on_request", "course", "content", "risks", "risk_denial", "contact", "unapproved",
    "import_source", "approved_alternative", "safety_abroad", "relief_excluded", "plan_number", "approval_claim",
    "notification", "testimonial", "before_after", "superlative", "absolute_claim", "effect_hedge",
    "guideline_compliance", "survey_figure", "survey_source", "supervisor", "own_treatment",
]  # fmt: skip
"""What a column can state; ../docs/observations.md defines each kind."""

KINDS: tuple[Kind, ...] = get_args(Kind)

LineKind = Literal["", "heading", "paragraph", "item", "row", "question", "answer", "quote", "caption"]
"""The kind of a block, or "" when only the text is known."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a column. In a table row, tabs separate the cells."""

    text: str
    kind: LineKind = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """A sentence that states something of one kind.

    `line` counts from 0. `words` are the words that show the kind, verbatim; `spans` are their positions in the line;
    `text` is the sentence they stand in, `start` its position in the line.
    """

    kind: Kind
    line: int
    text: str
    start: int
    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Context:
    """What a single sentence is read with: the heading above it, the question it answers, the title of its column."""

    heading: str = ""
    question: str = ""
    title: str = ""
    kind: LineKind = ""


__getattr__ = load_on_use(
    __name__,
    {
        "observations.engine": ("observe", "statements"),
        "observations.ledger": (
            "Agreement",
            "agreements",
            "before_after_words",
            "elsewhere",
            "ledger_entries",
            "lines_of",
            "read_in_pictures",
        ),
        "observations.lexicon": ("codebook",),
    },
)
