"""What a text states: statements of 26 kinds with their words. Pure functions; the lexicon is data in `lexicon/`."""

from columnarchive.observations.agreement import Agreement, agreements
from columnarchive.observations.engine import VERSION, observe, statements
from columnarchive.observations.ledger import ledger, lines_of
from columnarchive.observations.lexicon import codebook
from columnarchive.observations.pictures import before_after_words, picture_entries
from columnarchive.observations.records import KINDS, Context, Kind, Line, LineKind, Observation
from columnarchive.observations.surroundings import elsewhere, read_in_pictures

__all__ = [
    "KINDS",
    "VERSION",
    "Agreement",
    "Context",
    "Kind",
    "Line",
    "LineKind",
    "Observation",
    "agreements",
    "before_after_words",
    "codebook",
    "elsewhere",
    "ledger",
    "lines_of",
    "observe",
    "picture_entries",
    "read_in_pictures",
    "statements",
]
