"""What a text states: statements of 26 kinds with their words. Pure functions; the lexicon is data in `lexicon/`."""

from columnarchive.observations.engine import observe, statements
from columnarchive.observations.records import KINDS, Context, Kind, Line, LineKind, Observation

__all__ = ["KINDS", "Context", "Kind", "Line", "LineKind", "Observation", "observe", "statements"]
