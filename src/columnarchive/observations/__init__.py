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
    from columnarchive.observations.ledger import ledger_entries as ledger_entries
    from columnarchive.observations.ledger import lines_of as lines_of
    from columnarchive.observations.lexicon import codebook as codebook
    from columnarchive.observations.pictures import before_after_words as before_after_words
    from columnarchive.observations.pictures import picture_entries as picture_entries
    from columnarchive.observations.surroundings import elsewhere as elsewhere
    from columnarchive.observations.surroundings import read_in_pictures as read_in_pictures

__getattr__ = load_on_use(
    __name__,
    {
        "observations.agreement": ("Agreement", "agreements"),
        "observations.engine": ("observe", "statements"),
        "observations.ledger": ("ledger_entries", "lines_of"),
        "observations.lexicon": ("codebook",),
        "observations.pictures": ("before_after_words", "picture_entries"),
        "observations.surroundings": ("elsewhere", "read_in_pictures"),
    },
)
