"""What a text states: statements of 26 kinds with their words. Pure functions; the lexicon is data in `lexicon/`.

Its modules are loaded when they are first used: they compile hundreds of expressions.
"""

from typing import TYPE_CHECKING

from columnarchive import load_on_use
from columnarchive.observations.records import KINDS as KINDS
from columnarchive.observations.records import VERSION as VERSION
from columnarchive.observations.records import Context as Context
from columnarchive.observations.records import Kind as Kind
from columnarchive.observations.records import Line as Line
from columnarchive.observations.records import LineKind as LineKind
from columnarchive.observations.records import Observation as Observation

if TYPE_CHECKING:
    from columnarchive.observations.agreement import Agreement as Agreement
    from columnarchive.observations.agreement import agreements as agreements
    from columnarchive.observations.engine import observe as observe
    from columnarchive.observations.engine import statements as statements
    from columnarchive.observations.ledger import before_after_words as before_after_words
    from columnarchive.observations.ledger import elsewhere as elsewhere
    from columnarchive.observations.ledger import ledger_entries as ledger_entries
    from columnarchive.observations.ledger import lines_of as lines_of
    from columnarchive.observations.ledger import picture_entries as picture_entries
    from columnarchive.observations.ledger import read_in_pictures as read_in_pictures
    from columnarchive.observations.lexicon import codebook as codebook

__getattr__ = load_on_use(
    __name__,
    {
        "observations.agreement": ("Agreement", "agreements"),
        "observations.engine": ("observe", "statements"),
        "observations.ledger": (
            "before_after_words",
            "elsewhere",
            "ledger_entries",
            "lines_of",
            "picture_entries",
            "read_in_pictures",
        ),
        "observations.lexicon": ("codebook",),
    },
)
