"""Marks and labels against a gold set written by somebody who had not seen the engine; floors are pinned here.

`python tests/test_diff_gold.py` prints the figures; with `-v` also the pairs of the tuning half that differ.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from columnarchive.diff import LEVELS
from columnarchive.diff.compare import compare
from columnarchive.diff.spans import spans_between
from columnarchive.records import Article, Block

GOLD = Path(__file__).parent / "gold" / "diff_pairs.jsonl"
WEIGHTY = {label for label, level in LEVELS.items() if level == 3}
LABELS = Path(__file__).parent / "gold" / "label_pairs.jsonl"
SIGNS = {"equal": "{}", "delete": "[-{}-]", "insert": "{{+{}+}}"}

# Lowering one of these is an explicit act. The second figure is of the half that no rule
# was written for; its marks that were missed have been looked at since, so it flatters a little, too.
FLOORS = {"tuning": (0.98, 0.98, 0.01), "set_aside": (0.86, 0.92, 0.03)}


@dataclass
class Score:
    """Counts over pairs: marks as the gold has them, labels of level 3 found and wanted, pairs with a false one."""

    pairs: int = 0
    marked: int = 0
    wanted: int = 0
    found: int = 0
    false: int = 0

    def __str__(self) -> str:
        return (
            f"{self.pairs} pairs: marks {self.marked / self.pairs:.1%}, level 3 labels {self.found} of {self.wanted} "
            f"({self.found / self.wanted:.1%}), pairs with a false one {self.false} ({self.false / self.pairs:.1%})"
        )


def pairs(half: str) -> list[dict]:
    if not GOLD.exists():
        pytest.skip("tests/gold/diff_pairs.jsonl is not there")
    rows = [json.loads(line) for line in GOLD.read_text("utf-8").splitlines()]
    return [row for row in rows if row["half"] == half]


def article(text: str) -> Article:
    return Article("https://a.example/", "題", (Block("paragraph", text),) if text else ())


def labels(row: dict) -> set[str]:
    return set(compare(article(row["old"]), article(row["new"])).labels)


def marks(row: dict) -> list[list[str]]:
    return [[span.op, span.text] for span in spans_between(row["old"], row["new"])]


def shown(row_marks: list[list[str]]) -> str:
    return "".join(SIGNS[op].format(text) for op, text in row_marks)


def score(half: str, disputed: bool) -> Score:
    result = Score()
    for row in pairs(half):
        if bool(row.get("disputed")) != disputed:
            continue
        wanted, found = set(row["labels"]) & WEIGHTY, labels(row) & WEIGHTY
        result.pairs += 1
        result.marked += marks(row) == row["marks"]
        result.wanted += len(wanted)
        result.found += len(wanted & found)
        result.false += bool(found - wanted)
    return result


@pytest.mark.parametrize("half", ["tuning", "set_aside"])
def test_gold_floors(half: str) -> None:
    result = score(half, disputed=False)
    marked, found, false = FLOORS[half]
    assert result.marked >= result.pairs * marked, result
    assert result.found >= result.wanted * found, result
    assert result.false <= result.pairs * false + 0.5, result


@pytest.mark.parametrize(("half", "least", "most"), [("tuning", 0.97, 0.015), ("set_aside", 0.87, 0.025)])
def test_labels_of_level_3_on_sentences_made_for_direction_and_scope(half: str, least: float, most: float) -> None:
    wanted = found = false = 0
    rows = [json.loads(line) for line in LABELS.read_text("utf-8").splitlines()]
    rows = [row for row in rows if row.get("half", "tuning") == half]
    for row in rows:
        got = labels(row) & WEIGHTY
        readings = [set(reading) & WEIGHTY for reading in (row["labels"], *row.get("labels_alt", []))]
        best = min(readings, key=lambda reading: len(reading ^ got))
        wanted, found, false = wanted + len(best), found + len(best & got), false + bool(got - best)
    assert found >= wanted * least, (found, wanted)
    assert false <= len(rows) * most, false


@pytest.mark.parametrize(
    ("old", "new", "label"),
    [
        ("", "体のためになる食事を紹介します。", "sentence_added"),
        ("受付は2階です。", "", "sentence_removed"),
        ("", "土曜の診療は13時までです。", "sentence_added"),
    ],
)
def test_a_whole_sentence_without_a_label_of_level_3(old: str, new: str, label: str) -> None:
    keep = "院内は土足でお入りください。"
    comparison = compare(article(keep + old), article(keep + new))
    assert label in comparison.labels
    assert comparison.level == 2


@pytest.mark.parametrize(
    ("old", "new", "label"),
    [
        ("この注射で必ず治ります。", "~~この注射で必ず治ります。~~", "claim_softened"),
        ("当院の施術は安全です。", "~~当院の施術は安全です。~~", "risk_denial_removed"),
        ("1回98,000円です。", "1回~~98,000円~~ 78,000円です。", "price"),
    ],
)
def test_what_is_struck_out_states_nothing_any_more(old: str, new: str, label: str) -> None:
    comparison = compare(article(f"朝の体操です。{old}夜も続けます。"), article(f"朝の体操です。{new}夜も続けます。"))
    assert [edit.new for edit in comparison.edits] == [new]
    assert label in comparison.labels


if __name__ == "__main__":
    for half in ("tuning", "set_aside"):
        for disputed in (False, True):
            print(half, "disputed" if disputed else "undisputed", score(half, disputed))
    if "-v" in sys.argv:
        for row in pairs("tuning"):
            if marks(row) != row["marks"] or labels(row) != set(row["labels"]):
                print(row["id"], shown(row["marks"]), row["labels"])
                print("    ", shown(marks(row)), sorted(labels(row)))
