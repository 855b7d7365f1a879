"""Two articles to a comparison: sentences, alignment, spans, labels and renderers.

Here are the labels of changes with their levels, from 0 (cosmetic) to 3; nothing here loads a rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

ENGINE = "20"
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
    "risk_removed": 10, "risk_denial_added": 10, "price": 9, "claim_strengthened": 9, "gone": 9, "replaced": 9,
    "disclosure_removed": 8, "polarity": 7, "testimonial_added": 6, "rewritten": 6, "testimonial_removed": 5,
    "credential": 5, "person": 5, "claim_softened": 4, "risk_denial_removed": 4, "risk_added": 4,
    "disclosure_added": 4, "returned": 4,
}  # fmt: skip
"""How soon a reader of clinic columns wants to see a change: harms that are no longer named or are denied come first,
then prices, stronger claims and columns taken away, then what is stated less, last what was made more careful."""

_OTHERS = 0.25  # what each further label adds, and what a level weighs where its label has no priority
_FACTORS = {"restored": 0.5, "rewritten": 0.85}  # an old text again; a sentence that went with all others says less


def priority(labels: Iterable[str]) -> float:
    """Return how much the labels of a change weigh together: the heaviest in full, the next ones less and less."""
    listed = list(labels)
    weights = sorted((PRIORITIES.get(label, LEVELS[label] * _OTHERS) for label in listed), reverse=True)
    weight = sum(weight * _OTHERS**at for at, weight in enumerate(weights[:3]))
    return weight * prod(_FACTORS.get(label, 1.0) for label in listed)
