"""CPU of every step of a comparison on text made to be slow: it grows no faster than n log n, and output stays inert.

Ratios of two sizes are compared, never times with times of another machine; the bound is generous, and what takes too
little time to be measured is not judged.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Callable
from functools import partial

import pytest

import columnarchive.diff
from columnarchive.diff.compare import compare
from columnarchive.diff.label_rules import judge
from columnarchive.diff.normalization import canonical_values, comparison_key, letters_only, nfkc_no_space, tokens
from columnarchive.diff.passage_fingerprints import keys_of, similarity
from columnarchive.diff.render_html import to_html
from columnarchive.diff.render_text import to_terminal, to_text
from columnarchive.diff.sentences import sentences_of, split
from columnarchive.diff.spans import spans_between
from columnarchive.history.revisions import blame
from columnarchive.observations import lexicon
from columnarchive.records import Article, Block

SMALL, LARGE = 10_000, 100_000
# n log n grows by 12.5 from the one to the other, n² by 100.
MOST_GROWTH = 30
MOST_SECONDS = 6.0
# Below this a time says nothing about growth.
LEAST_SECONDS = 0.1
UNITS = [
    "痛み", "2025年", "令和", "Q1.", "（", "、", "0", "1,", "一二三", "効果は副作用は", "痛みや", "とは", "安全",
    "円", "「（『", "http://", "...", "a.", "a@", "-", "痛い。", "は", " ", "1\u3000", "ａ", "10:", "1万", "一億",
    "院長", "監修：", "電話", "第", "[", "ァ", "か\u3099", "患者様の声「", "私は", "治療で痛み、", "無料", "100%",
    "山田 ", "効果がある", "\u200b", "𠮷", "\n", "あ\n", "効果が出ると治る", "保険は", "諸外国で", "副作用として",
    "1-", "東京都", "。", "！？", "\\", "Dr.", "絶対に必ず", "ない", "(", "１２",
]  # fmt: skip


def article(text: str) -> Article:
    return Article("https://a.example/", "題", (Block("paragraph", text),))


def repeated(unit: str, size: int) -> str:
    return (unit * (size // len(unit) + 1))[:size]


def changed(text: str) -> str:
    half = len(text) // 2
    return f"{text[:half]}費用は100円です{text[half:]}"


def whole_comparison(text: str) -> None:
    old, new = article(text), article(changed(text))
    comparison = compare(old, new)
    assert comparison.edits
    to_text(comparison, old, new)
    to_terminal(comparison, old, new, "rich")
    to_html(comparison, old, new)
    blame([old, new], [comparison])


def rewriting(text: str) -> None:
    """Every sentence replaced by another that is as long."""
    old, new = article(text), article(text.translate(str.maketrans("痛年はの、", "傷月がも，")) + "別の文です。")
    comparison = compare(old, new)
    to_text(comparison, old, new)
    to_html(comparison, old, new)


def titles(text: str) -> None:
    compare(Article("https://a.example/", text, (), author=text), Article("https://a.example/", changed(text), ()))


STEPS: dict[str, Callable[[str], object]] = {
    "split": split,
    "sentences_of": lambda text: sentences_of(article(text)),
    "nfkc_no_space": nfkc_no_space,
    "canonical_values": canonical_values,
    "comparison_key": comparison_key,
    "letters_only": letters_only,
    "tokens": tokens,
    "spans": lambda text: spans_between(text, changed(text)),
    "judge": lambda text: judge(text, changed(text), spans_between(text, changed(text))),
    "judge_added": lambda text: judge("", text, spans_between("", text)),
    "compare": whole_comparison,
    "rewrite": rewriting,
    "titles": titles,
    "keys": keys_of,
    "similarity": lambda text: similarity(text, changed(text)),
}


def patterns() -> dict[str, Callable[[], re.Pattern[str]]]:
    """Return every regular expression of the package, and those of the lexicon, which are compiled when called."""
    found: dict[str, Callable[[], re.Pattern[str]]] = {}
    for module in pkgutil.iter_modules(columnarchive.diff.__path__):
        loaded = importlib.import_module(f"columnarchive.diff.{module.name}")
        for name, value in vars(loaded).items():
            if isinstance(value, re.Pattern):
                found[f"{module.name}.{name}"] = partial(re.compile, value)
    return found | {group: partial(lexicon.pattern, group) for group in lexicon.sources()}


def clear_caches() -> None:
    for module in pkgutil.iter_modules(columnarchive.diff.__path__):
        for value in vars(importlib.import_module(f"columnarchive.diff.{module.name}")).values():
            if hasattr(value, "cache_clear") and value is not lexicon.pattern:
                value.cache_clear()


def seconds(work: Callable[[str], object], text: str, runs: int) -> float:
    best = float("inf")
    for _ in range(runs):
        clear_caches()
        started = time.process_time()
        work(text)
        best = min(best, time.process_time() - started)
    return best


def grows_too_fast(work: Callable[[str], object], unit: str) -> str:
    large = seconds(work, repeated(unit, LARGE), 1)
    if large < LEAST_SECONDS:
        return ""
    small = seconds(work, repeated(unit, SMALL), 3)
    if large > small * MOST_GROWTH or large > MOST_SECONDS:
        large = min(large, seconds(work, repeated(unit, LARGE), 2))
    if large > small * MOST_GROWTH or large > MOST_SECONDS:
        return f"{unit!r}: {small:.3f} s, then {large:.3f} s"
    return ""


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.slow
def test_no_step_grows_faster_than_n_log_n(step: str) -> None:
    clear_caches()
    compare(article("効果があります。"), article("効果が期待できます。"))  # compiles what is compiled on first use
    assert [found for unit in UNITS if (found := grows_too_fast(STEPS[step], unit))] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", patterns())
def test_no_pattern_grows_faster_than_n_log_n(name: str) -> None:
    pattern = patterns()[name]()

    def find(text: str) -> None:
        for _ in pattern.finditer(text):
            pass

    small, large = SMALL // 5, LARGE // 5
    for unit in UNITS:
        took = seconds(find, repeated(unit, large), 1)
        if took >= LEAST_SECONDS:
            took = min(took, seconds(find, repeated(unit, large), 2))
            assert took <= MOST_GROWTH * seconds(find, repeated(unit, small), 3), (name, unit)


def test_a_change_within_an_endless_sentence_is_found_and_said_to_be_coarse() -> None:
    for unit in ("痛み", "効果", "がん、", "treatment "):
        text = repeated(unit, 60_000)
        half = len(text) // 2
        dearer = f"{text[:half]}費用は128,000円です{text[half:]}"
        cheaper = f"{text[:half]}費用は98,000円です{text[half:]}"
        comparison = compare(article(cheaper), article(dearer))
        assert comparison.capped
        assert "price" in comparison.labels, unit
        assert len(comparison.edits) < 50
        assert "128,000円" in comparison.summary
        assert not compare(article("費用は98,000円です。"), article("費用は128,000円です。")).capped


@pytest.mark.parametrize(
    "sign",
    ["\x1b", "\x07", "\x00", "\x9b", "\r", "\x0b", "\x1c", "\x85", "\u202e", "\u2066", "\u200f", "\u061c", "\u2028"],
)
def test_no_control_or_bidi_character_reaches_a_terminal(sign: str) -> None:
    old = article(f"費用は{sign}98,000円です。\n次の文{sign}です。")
    new = Article(
        "https://a.example/", f"題{sign}名", (Block("paragraph", f"費用は{sign}128,000円です。\n次の文{sign}です。"),),
        author=f"山田{sign}花子", supervisor=f"{sign}",
    )  # fmt: skip
    comparison = compare(old, new)
    shown = [to_text(comparison, old, new), *(to_terminal(comparison, old, new, style) for style in ("ansi", "rich"))]
    for text in shown:
        assert sign not in re.sub(r"\x1b\[\d*m", "", text)
        assert "128,000円" in text


def test_japanese_and_its_spaces_reach_a_terminal_as_they_are() -> None:
    text = "院長　山田\tか\u3099👨‍👩‍👧 葛\U000e0100城"
    shown = to_text(compare(article(text), article(text + "が")), article(text), article(text + "が"))
    assert text.replace("\u200d", "") in shown.replace("[-", "").replace("-]", "").replace("{+が+}", "")
