"""What a check finds: one record a fault, wherever it was found."""

from __future__ import annotations

from dataclasses import dataclass

REBUILD = "`archive rebuild` mends it"


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault: the row or place, one sentence of what is wrong, and what mends it (empty when nothing does)."""

    where: str
    what: str
    mend: str = ""
