"""What a line must hold for a kind to be looked for in it: one search over a whole column instead of one a sentence."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import accumulate

from columnarchive.observations.lexicon import expression
from columnarchive.observations.records import Kind

_BETWEEN = "。\n"
_ANCHORS = re.compile(r"(?<!\\)(?:\^|\$)(?![^\[]*\])")
# Groups of the lexicon by name, or an expression; either may match too much, never too little.
_TRIGGERS: Mapping[Kind, tuple[str, ...]] = {
    "self_pay": ("self_pay", "保険"),
    "cost": (r"[円¥\\]",),
    "cost_on_request": ("cost_word",),
    "course": (
        r"[\d一二三四五六七八九十半数]\s?(?:回|度|日|週|[かヶケカヵ箇]?月|年|周期|泊|クール)|日帰り|[毎隔翌々]",
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
def _compiled(kind: Kind) -> re.Pattern[str]:
    forms = [expression(one) for one in _TRIGGERS[kind]]
    return re.compile(_ANCHORS.sub("", "|".join(forms)))


def triggered(texts: Sequence[str], names: Iterable[str]) -> list[set[Kind]]:
    """Return for each line the kinds that it may state; `names` are those of the clinic in the title."""
    joined = _BETWEEN.join(texts)
    starts = [0, *accumulate(len(text) + len(_BETWEEN) for text in texts)]
    found: list[set[Kind]] = [set() for _ in texts]
    for kind in _TRIGGERS:
        for hit in _compiled(kind).finditer(joined):
            found[bisect_right(starts, hit.start()) - 1].add(kind)
    for name in names:
        for kinds, text in zip(found, texts, strict=True) if name in joined else ():
            if name in text:
                kinds.add("own_treatment")
    return found
