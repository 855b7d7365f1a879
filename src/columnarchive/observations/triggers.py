"""What a line must hold for a kind to be looked for in it: one search over a whole column instead of one a sentence."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, cached_property
from itertools import accumulate
from operator import add

from columnarchive.observations.lexicon import forms, prefix
from columnarchive.observations.records import Kind

_BETWEEN = "。\n"
_ANCHORS = re.compile(r"(?<!\\)(?:\^|\$)(?![^\[]*\])")
# Groups of the lexicon by name, or an expression; either may match too much, never too little.
_TRIGGERS: Mapping[Kind, tuple[str, ...]] = {
    "self_pay": ("self_pay", "保険"),
    "cost": ("円|¥",),
    "cost_on_request": ("cost_word",),
    "course": (
        r"(?:\d|一|二|三|四|五|六|七|八|九|十|半|数)\s?(?:回|度|日|週|[かヶケカヵ箇]?月|年|周期|泊|クール)|日帰り|[毎隔翌々]",
    ),
    "content": ("act", "act_word"),
    "risks": ("harm", "excluded"),
    "risk_denial": ("denial",),
    "contact": (r"\d\d|@|丁目|番|条|\d[\-‐ー−の]",),
    "unapproved": (r"承認|認可|認め|適[応用]外|オフラベル",),
    "import_source": ("own_import",),
    "approved_alternative": ("承認",),
    "safety_abroad": ("abroad",),
    "relief_excluded": ("救済",),
    "plan_number": (r"[PN][ABC]\d|番号",),
    "approval_claim": ("厚生|厚労|国|政府|内閣",),
    "notification": ("届|提出|受理",),
    "testimonial": ("good_effect", '「|『|“|"'),
    "before_after": (r"前|後|(?i:before|after)|ビフォ|アフター|症例|初診時",),
    "superlative": ("superlative",),
    "absolute_claim": ("absolute",),
    "effect_hedge": ("varies", "limited"),
    "guideline_compliance": ("ガイドライン|医療広告|医療法|広告",),
    "survey_figure": (r"\d|割|半数|パーセント|★",),
    "supervisor": (r"監修|執筆|文責|[文記談話著筆書]|ライター|(?i:text)|解説|作成|担当",),
    "own_treatment": ("own",),
}
TOPICS: Mapping[str, Kind] = {
    "insurance": "self_pay",
    "cost": "cost_on_request",
    "exclusion": "risks",
    "pain": "risk_denial",
    "risk": "risk_denial",
    "abroad": "safety_abroad",
    "relief": "relief_excluded",
}
"""What a sentence can state under a heading on a topic without any of the kind's words."""


@cache
def _words(kind: Kind) -> Mapping[str, Sequence[str]]:
    """Map the one or two characters that words of a kind begin with to these words, as expressions."""
    found: dict[str, list[str]] = {}
    for form in (form for one in _TRIGGERS[kind] for form in forms(one)):
        found.setdefault(prefix(form), []).append(_ANCHORS.sub("", form))
    assert "" not in found, "a trigger must begin with a literal character"
    return found


@cache
def _beginnings(kinds: tuple[Kind, ...]) -> Mapping[str, Sequence[tuple[Kind, _Words]]]:
    """Map the one or two characters that words begin with to their kinds, each with these words."""
    found: dict[str, list[tuple[Kind, _Words]]] = {}
    for kind in kinds:
        for beginning, words in _words(kind).items():
            found.setdefault(beginning, []).append((kind, _Words(words)))
    return found


class _Words:
    """An expression for some words, compiled when it is first needed."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words

    @cached_property
    def match(self) -> Callable[[str, int], object]:
        """The expression's match at a position of a text."""
        return re.compile("|".join(self._words)).match


def triggered(texts: Sequence[str], names: Iterable[str], kinds: tuple[Kind, ...]) -> list[set[Kind]]:
    """Return for each line which of some kinds it may state; `names` are those of the clinic in the title.

    An expression is only tried where one of its words may begin.
    """
    joined = _BETWEEN.join(texts)
    starts = [0, *accumulate(len(text) + len(_BETWEEN) for text in texts)]
    found: list[set[Kind]] = [set() for _ in texts]
    beginnings = _beginnings(kinds)
    present = beginnings.keys() & {*joined, *map(add, joined, joined[1:])}
    for beginning in present:
        at = joined.find(beginning)
        while at >= 0:
            of_line = found[bisect_right(starts, at) - 1]
            for kind, words in beginnings[beginning]:
                if kind not in of_line and words.match(joined, at):
                    of_line.add(kind)
            at = joined.find(beginning, at + 1)
    for name in names:
        for of_line, text in zip(found, texts, strict=True) if name in joined else ():
            if name in text:
                of_line.add("own_treatment")
    return found
