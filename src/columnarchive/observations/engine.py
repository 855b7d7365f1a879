"""The engine: reads the statements of single sentences and of whole columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate

from columnarchive.observations import KINDS, Context, Kind, Line, Observation, claims, disclosures, products, risks
from columnarchive.observations.lexicon import beginnings, compiled, pattern
from columnarchive.observations.readers import Span, clinic_names
from columnarchive.observations.sentences import Sentence, fold, read

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
    "risk_denial": ("denial", "(?:起き|起こり|出|生じ|残り|なり|みられ|あり|ござい|発生し|感じ|伴い)(?:ません|にく)"),
    "contact": (
        r"0(?<!\d0)\d|81(?<=\+81)|@|(?i:line)|〒|(?:\d|一|二|三|四|五|六|七|八|九|十)(?:丁目|番|条|[\-‐ー−の]\d)",
    ),
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
    "supervisor": ("author", "書いた|担当"),
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
def _beginnings(kinds: tuple[Kind, ...]) -> list[tuple[re.Pattern[str], _Beginnings]]:
    """Map the one and the two characters that words begin with to the kinds, each with these words.

    The expression beside each map matches wherever one of its keys may stand.
    """
    found: tuple[dict[str, list[tuple[Kind, str]]], ...] = ({}, {})
    for kind in kinds:
        for beginning, words in (item for one in _TRIGGERS[kind] for item in beginnings(one, _unanchored).items()):
            found[len(beginning) - 1].setdefault(beginning, []).append((kind, words))
    return [(_anywhere(starts), starts) for starts in found if starts]


def _unanchored(form: str) -> str:
    return _ANCHORS.sub("", form)


def _anywhere(starts: Collection[str]) -> re.Pattern[str]:
    """Return an expression that finds where these may stand: by the first characters, followed by any second one."""
    first, *second = (f"[{re.escape(''.join(sorted({*signs})))}]" for signs in zip(*starts, strict=True))
    return re.compile(first + "".join(f"(?={signs})" for signs in second))


_Beginnings = Mapping[str, Sequence[tuple[Kind, str]]]


def triggered(texts: Sequence[str], names: Iterable[str], kinds: tuple[Kind, ...]) -> list[set[Kind]]:
    """Return for each line which of some kinds it may state; `names` are those of the clinic in the title.

    An expression is only tried where one of its words may begin.
    """
    joined = _BETWEEN.join(texts)
    ends = [*accumulate(len(text) + len(_BETWEEN) for text in texts)]
    found: list[set[Kind]] = [set() for _ in texts]
    for anywhere, starts in _beginnings(kinds):
        width = len(next(iter(starts)))
        line = 0
        for at in [possible.start() for possible in anywhere.finditer(joined)]:
            while at >= ends[line]:
                line += 1
            for kind, words in starts.get(joined[at : at + width], ()):
                if kind not in found[line] and compiled(words).match(joined, at):
                    found[line].add(kind)
    for name in names:
        for of_line, text in zip(found, texts, strict=True) if name in joined else ():
            if name in text:
                of_line.add("own_treatment")
    return found


Detector = Callable[[Sentence], Iterable[Span]]

DETECTORS: dict[Kind, Detector] = {
    kind: getattr(module, kind)
    for module in (disclosures, products, risks, claims)
    for kind in KINDS
    if hasattr(module, kind) and kind != "survey_source"
}

_ORDER: Mapping[Kind, int] = {kind: number for number, kind in enumerate(DETECTORS)}

# What a column can state without offering a treatment.
_UNTIED: frozenset[Kind] = frozenset({"contact", "supervisor", "guideline_compliance"})
# What ties a column to its clinic where no line names it, the clearest first; how many kinds or prices must stand in it.
_TIES: tuple[Kind, ...] = (
    "cost",
    "self_pay",
    "cost_on_request",
    "plan_number",
    "content",
    "course",
    "unapproved",
    "risks",
)
_PRICED: frozenset[Kind] = frozenset({"cost", "cost_on_request", "plan_number"})
_OFFERING: frozenset[Kind] = _PRICED | {"own_treatment"}
# A column that states nothing by which it may offer a treatment is not read for the other kinds: they would not stand.
_DECIDING: frozenset[Kind] = _UNTIED | _OFFERING
_DEPENDENT: frozenset[Kind] = frozenset(KINDS) - _DECIDING
_TREATED: frozenset[Kind] = frozenset({"content", "course", "risks"})
_PROVIDED: frozenset[Kind] = frozenset(
    {
        "plan_number", "notification", "cost_on_request", "testimonial", "before_after", "superlative", "absolute_claim",
        "risk_denial", "approved_alternative", "import_source",
    }
)  # fmt: skip
_PRICE_LIST, _PRICE_LINE = 2, 40
# A column in which so many sentences explain rules and warn of others is about those, not about its clinic.
_PERFORMS = re.compile(
    r"(?:外来|メニュー|治療|療法|施術|診療)(?:の)?ご案内|外来\(|(?:通院|来院)していただ|医師が[^。]{0,16}(?:判断|診察|担当|処方)(?:し|を)|"
    r"(?:提出|届け出)[^。、]{0,8}実施して(?:い|お)(?:ます|り)"
)
_EXPLAINING, _FEWEST = 0.2, 3
_LEAST_CARE = 0.06
_FIGURE_REACH = 2


def statements(
    sentence: str, context: Context | None = None, kinds: Collection[Kind] = KINDS
) -> tuple[Observation, ...]:
    """Return what a single sentence states, of some kinds, when it stands under a heading or answers a question.

    Unlike `observe`, this does not ask whether the column offers a treatment. The difference between the statements of an
    old and a new sentence is what a change of the text says.

    >>> [(o.kind, o.words) for o in statements("本治療は自由診療です。")]
    [('self_pay', ('自由診療',)), ('own_treatment', ('本治療',))]
    """
    context = context or Context()
    above = [Line(context.heading, "heading"), Line(context.question, "question")]
    lines = [*(line for line in above if line.text), Line(sentence, context.kind or "item")]
    possible = _by_words([fold(line.text).text for line in lines], context.title, kinds)
    at = len(lines) - 1
    found = [o for o in _read_all(read(lines, context.title, possible), possible, kinds) if o.line == at]
    return tuple(Observation(o.kind, 0, o.text, o.start, o.words, o.spans) for o in found)


def observe(lines: Sequence[Line], title: str = "") -> tuple[Observation, ...]:
    """Return what a column states, in the order of its lines.

    Args:
        lines: the lines of the column; the kind of each is used where it is known and inferred where it is not.
        title: the title of the column.

    >>> lines = [Line("費用", "heading"), Line("当院のPRP注射は1回 33,000円です。")]
    >>> [(o.kind, o.line, o.words) for o in observe(lines)]
    [('cost', 1, ('33,000円',)), ('own_treatment', 1, ('当院',))]
    """
    texts = [fold(line.text).text for line in lines]
    possible = _by_words(texts, title, _DECIDING)
    kinds = _DECIDING if any(of_line & _OFFERING for of_line in possible) and _is_on_care(texts, title) else _UNTIED
    if not any(of_line & kinds for of_line in possible):
        return ()
    found = _read_all(read(lines, title, possible), possible, kinds)
    if not any(o.kind in _OFFERING for o in found):
        return tuple(found)
    sentences = read(lines, title)
    found += _read_all(sentences, _by_words(texts, title, _DEPENDENT), _DEPENDENT)
    found = _settled(found)
    found += _alternatives(found, sentences)
    return tuple(_settle_own(found, sentences, title))


def _is_on_care(texts: Sequence[str], title: str) -> bool:
    """Whether a column is about the body and its treatment at all, and not about debts or jobs."""
    lines = [text for text in (title, *texts) if text.strip()]
    return sum(pattern("care").search(text) is not None for text in lines) >= _LEAST_CARE * len(lines)


def _read_all(
    sentences: Sequence[Sentence], possible: Sequence[set[Kind]], kinds: Collection[Kind]
) -> list[Observation]:
    """Return what sentences state; `possible` has for each line the kinds whose words are in it."""
    found: list[Observation] = []
    for s in sentences:
        may_state = possible[s.line]
        if s.topics:
            may_state = may_state.union(TOPICS[topic] for topic in s.topics if topic in TOPICS)
        for kind in sorted(may_state, key=_ORDER.__getitem__):
            if kind in kinds:
                found += _observed(kind, DETECTORS[kind], s)
    figures = [o.line for o in found if o.kind == "survey_figure"]
    for s in sentences if figures else ():
        if any(0 <= s.line - line <= _FIGURE_REACH for line in figures):
            found += _observed("survey_source", claims.survey_source, s)
    return found


def _by_words(texts: Sequence[str], title: str, kinds: Collection[Kind]) -> list[set[Kind]]:
    return triggered(texts, clinic_names(title), tuple(kind for kind in DETECTORS if kind in kinds))


def _observed(kind: Kind, detector: Detector, s: Sentence) -> list[Observation]:
    spans = sorted({span for span in detector(s) if span[0] < span[1] and not (s.header and s.is_of_others(span[0]))})
    return [_observation(kind, s, spans)] if spans else []


def _observation(kind: Kind, s: Sentence, spans: list[Span]) -> Observation:
    line = s.folded
    start, end = line.original(s.start, s.start + len(s.text))
    return Observation(
        kind=kind,
        line=s.line,
        text=line.source[start:end].strip(),
        start=start,
        words=tuple(line.source[slice(*line.original(s.start + a, s.start + b))] for a, b in spans),
        spans=tuple(line.original(s.start + a, s.start + b) for a, b in spans),
    )


def _settled(found: list[Observation]) -> list[Observation]:
    """Leave out a price on request beside a price, and where a product was bought if none is unapproved or imported."""
    stated = {o.kind for o in found}
    return [
        o
        for o in found
        if not (o.kind == "cost_on_request" and "cost" in stated)
        and not (o.kind == "import_source" and "unapproved" not in stated and not re.search("輸入|入手", o.text))
    ]


def _alternatives(found: list[Observation], sentences: Sequence[Sentence]) -> list[Observation]:
    """Beside an unapproved product of its own, a column names the approved one in plainer words."""
    if not any(o.kind == "unapproved" for o in found) or any(o.kind == "approved_alternative" for o in found):
        return []
    own = {o.line for o in found if o.kind in ("unapproved", "import_source")}
    return [
        _observation("approved_alternative", s, spans)
        for s in sentences
        if s.line not in own and (spans := list(products.beside_unapproved(s)))
    ]


def _settle_own(found: list[Observation], sentences: Sequence[Sentence], title: str) -> Iterator[Observation]:
    """Without a line that ties the clinic to a treatment, its menu and fees do; without any, no treatment is its own."""
    if pattern("recruiting").search(title) or any(pattern("recruiting").search(s.text) for s in sentences[:2]):
        yield from (o for o in found if o.kind in _UNTIED)
        return
    if _explains(sentences):
        own_lines = {(s.line, s.start) for s in sentences if s.has("own")}
        found = [o for o in found if o.kind in _UNTIED or (o.line, o.start) in own_lines]
    if not any(o.kind == "own_treatment" for o in found):
        stated = {o.kind for o in found} - _UNTIED
        tie = next((kind for kind in _TIES if kind in stated), None)
        listed = sum(o.kind == "cost" and len(o.text) <= _PRICE_LINE for o in found)
        offered = (
            stated & _PRICED
            and stated & (_TREATED | _PROVIDED)
            and (any(s.has("offering") for s in sentences) or stated & _PROVIDED)
        )
        if tie is None or _explains(sentences) or not (offered or listed >= _PRICE_LIST):
            yield from (o for o in found if o.kind in _UNTIED)
            return
        found += [
            Observation("own_treatment", o.line, o.text, o.start, o.words, o.spans) for o in found if o.kind == tie
        ]
        found += [
            _observation("own_treatment", s, [performs.span()])
            for s in sentences
            if not s.asks and (performs := _PERFORMS.search(s.text))
        ]
    yield from sorted(found, key=lambda o: (o.line, o.start, KINDS.index(o.kind)))


def _explains(sentences: Sequence[Sentence]) -> bool:
    """Whether a column explains rules or warns of others, rather than offering anything."""
    explained = sum(s.has("ban") or s.has("warning") for s in sentences)
    return explained >= _FEWEST and explained >= _EXPLAINING * len(sentences)
