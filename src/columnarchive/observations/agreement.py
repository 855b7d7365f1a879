"""How far the software and a human coder agree on what columns state, kind by kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """One kind's columns, counted by what the coder says and what the software finds."""

    kind: str
    both: int = 0
    only_software: int = 0
    only_coder: int = 0
    neither: int = 0

    @property
    def columns(self) -> int:
        """How many columns were coded for this kind."""
        return self.both + self.only_software + self.only_coder + self.neither

    @property
    def precision(self) -> float | None:
        """The share of the software's columns that the coder confirms; None if it has none."""
        return _share(self.both, self.both + self.only_software)

    @property
    def recall(self) -> float | None:
        """The share of the coder's columns that the software finds; None if the coder has none."""
        return _share(self.both, self.both + self.only_coder)

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa: agreement beyond chance; None where chance alone gives full agreement.

        >>> Agreement("cost", both=20, only_software=5, only_coder=10, neither=15).kappa
        0.4
        """
        if not self.columns:
            return None
        software, coder = self.both + self.only_software, self.both + self.only_coder
        by_chance = (software * coder + (self.columns - software) * (self.columns - coder)) / self.columns**2
        observed = (self.both + self.neither) / self.columns
        return round((observed - by_chance) / (1 - by_chance), 6) if by_chance < 1 else None


def agreements(codes: Iterable[tuple[str, bool, bool]]) -> list[Agreement]:
    """Count codes of (kind, what the coder says, what the software finds), by kind in the order of their appearance."""
    counts: dict[str, dict[tuple[bool, bool], int]] = {}
    for kind, coder, software in codes:
        of_kind = counts.setdefault(kind, {})
        of_kind[coder, software] = of_kind.get((coder, software), 0) + 1
    return [
        Agreement(kind, *(n.get(key, 0) for key in ((True, True), (False, True), (True, False), (False, False))))
        for kind, n in counts.items()
    ]


def _share(part: int, total: int) -> float | None:
    return part / total if total else None
