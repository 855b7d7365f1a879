"""The fixtures and gold sets hold together: marks rebuild both sides, goldens match their pages."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
GOLD = ROOT / "tests" / "gold" / "diff_pairs.jsonl"

LEVEL_3 = {
    "price", "person", "credential", "claim_softened", "claim_strengthened", "polarity", "risk_added", "risk_removed",
    "risk_denial_added", "risk_denial_removed", "disclosure_added", "disclosure_removed", "testimonial_added",
    "testimonial_removed",
}  # fmt: skip
SENTENCE_LABELS = LEVEL_3 | {"cosmetic", "wording", "contact", "hours", "link", "number", "date"}
UNITS = r"(?:万円|円|名|人|回|日|月|年|時|分|%|mL|℃|週間|か月|疾患|億個)"


def _pairs() -> list[dict[str, Any]]:
    return [json.loads(line) for line in GOLD.read_text(encoding="utf-8").splitlines()]


PAIRS = _pairs()


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["id"])
def test_marks_rebuild_both_sides(pair: dict[str, Any]) -> None:
    marks = pair["marks"]
    assert "".join(text for op, text in marks if op != "insert") == pair["old"]
    assert "".join(text for op, text in marks if op != "delete") == pair["new"]
    assert pair["old"] != pair["new"]
    assert all(op in ("equal", "delete", "insert") and text for op, text in marks)
    for (op, _), (following, _) in itertools.pairwise(marks):
        assert (op, following) != ("insert", "delete"), "a deletion stands before the insertion that replaces it"
        assert op != following, "neighbouring marks of one kind are one mark"


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["id"])
def test_marks_cut_no_number_latin_word_or_unit(pair: dict[str, Any]) -> None:
    for side, skipped in (("old", "insert"), ("new", "delete")):
        text, cuts = pair[side], set()
        position = 0
        for op, part in pair["marks"]:
            if op != skipped:
                position += len(part)
                cuts.add(position)
        for match in re.finditer(rf"[0-9０-９][0-9０-９,.:]*{UNITS}?|[A-Za-z]+|https?://[!-~]+", text):
            assert not cuts & set(range(match.start() + 1, match.end())), match.group()


def test_gold_set_is_large_balanced_and_covers_every_label() -> None:
    assert len(PAIRS) >= 160
    assert len({pair["id"] for pair in PAIRS}) == len(PAIRS)
    assert len({(pair["old"], pair["new"]) for pair in PAIRS}) == len(PAIRS)
    halves: dict[str, set[str]] = {"tuning": set(), "set_aside": set()}
    for pair in PAIRS:
        assert set(pair["labels"]) <= SENTENCE_LABELS
        assert pair["labels"]
        assert not (set(pair["labels"]) & LEVEL_3 and set(pair["labels"]) - LEVEL_3)
        assert not pair.get("disputed") or pair["note"]
        halves[pair["half"]].update(pair["labels"])
    assert halves["tuning"] == halves["set_aside"] == SENTENCE_LABELS
    set_aside = sum(pair["half"] == "set_aside" for pair in PAIRS)
    assert abs(2 * set_aside - len(PAIRS)) <= 2
    assert sum(bool(pair["old"] and pair["new"]) for pair in PAIRS) > 0.8 * len(PAIRS)
