"""What a check finds: one record a fault, wherever it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Place = Literal["file", "bodies", "captures", "chain", "index", "derived", "withdrawals"]


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault: where, which row or address, one sentence of what is wrong, and whether `archive rebuild` mends it."""

    place: Place
    subject: str
    reason: str
    rebuild_mends: bool = False
