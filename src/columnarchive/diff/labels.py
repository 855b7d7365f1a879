"""The labels of changes and their levels, from 0 (cosmetic) to 3. A module of its own, so that it loads no rules."""

from __future__ import annotations

from collections.abc import Iterable

ENGINE = "10"
"""Version of the rules behind a comparison; it rises whenever the same two articles may compare differently."""

LEVELS: dict[str, int] = {
    "cosmetic": 0, "split_or_merged": 0,
    "wording": 1, "moved": 1, "contact": 1, "hours": 1, "link": 1,
    "number": 2, "date": 2, "sentence_added": 2, "sentence_removed": 2,
    "section_added": 2, "section_removed": 2, "faq_added": 2, "faq_removed": 2,
    "faq_changed": 2, "restored": 2, "picture_added": 2, "picture_removed": 2, "picture_changed": 2,
    "price": 3, "person": 3, "credential": 3, "claim_softened": 3, "claim_strengthened": 3, "polarity": 3,
    "risk_added": 3, "risk_removed": 3, "risk_denial_added": 3, "risk_denial_removed": 3, "disclosure_added": 3,
    "disclosure_removed": 3, "testimonial_added": 3, "testimonial_removed": 3, "rewritten": 3, "replaced": 3,
    "gone": 3, "returned": 3,
}  # fmt: skip
"""Every label with its level, in the order in which labels are listed."""

_ORDER = {label: at for at, label in enumerate(LEVELS)}


def level_of(labels: Iterable[str]) -> int:
    """Return the highest level among labels, 0 without any."""
    return max([LEVELS[label] for label in labels], default=0)


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Return each label once, in the fixed order."""
    return tuple(sorted(set(labels), key=_ORDER.__getitem__))


PRIORITIES: dict[str, float] = {
    "risk_removed": 10, "disclosure_removed": 9, "claim_strengthened": 9, "risk_denial_added": 9, "polarity": 9,
    "testimonial_added": 8, "claim_softened": 8, "replaced": 8, "testimonial_removed": 7, "rewritten": 7, "gone": 7,
    "price": 6, "risk_denial_removed": 6, "risk_added": 5, "disclosure_added": 5, "credential": 5, "returned": 4,
    "person": 4,
}  # fmt: skip
"""How soon a reader of clinic columns wants to see a change: what was quietly taken away comes first."""


def priority(labels: Iterable[str]) -> float:
    """Return how much labels weigh together: the heaviest in full, the next ones less and less."""
    weights = sorted((PRIORITIES.get(label, LEVELS[label] / 2) for label in labels), reverse=True)
    return sum(weight * 0.25**at for at, weight in enumerate(weights[:3]))
