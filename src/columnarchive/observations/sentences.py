"""Lines to sentences, each with the context it is read in: heading, label, question, table header, neighbours."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from columnarchive.observations import Line
from columnarchive.observations.lexicon import pattern, topics

_ITEM = re.compile(r"\s*[・•●○◯◆◇■□▪▫‣※＊*★☆✓✔▶►→⇒\-]+\s*")
_STEP = re.compile(
    r"\s*(?:[①-⑳]|\(?\d{1,2}[.)．、:]\s?(?!\d)|(?i:step)\s?\d+|(?:ステップ|手順)\s?\d+|【\d+】|第[一二三四五]段階)"
)
_QUESTION = re.compile(
    r"\s*(?:【?[QＱ]\s?\d{0,2}】?\s?[.:：、)\s]?|質問\s?\d{0,2}\s?[.:：]?\s?|問\s?\d{1,2}\s?[.:：]?\s?)(?=[^A-Za-z&＆])"
)
_ANSWER = re.compile(r"\s*(?:【?[AＡ]\s?\d{0,2}】?\s?[.:：、)\s]|答え?\s?[.:：]|回答\s?[.:：])")
_INLINE_ANSWER = re.compile(r"(?<=[?？。])\s*(?=[AＡ][.:：．\s])")
# A line without any of these has neither a label nor a question of its own that could give it a topic.
_LABELLED = re.compile(r"[:：\s】\]〉》*?]")
_LABEL = re.compile(
    r"\s*[■◆●◇□○・※*【\[〈<《(\s]{0,3}([^:。、\t!?】\]〉>》*]{1,22})\s?(?:[】\]〉》*]{1,2}\s?:?|:)\s*(?=\S)"
)
_VOICE_LABEL = re.compile(r"\s*[■◆●◇□○・※]?([^「」。:]{2,16}?)(?:\([^)]{1,10}\))?\s+(?=「)")
_END = re.compile(r"[。!?]+[」』)）♪]*")
_OPEN, _CLOSE = "「『(（【", "」』)）】"
_NAVIGATION = re.compile(r"[|｜/／>›»]")
_REACH = 200
_LONGEST = 400
_LABEL_LENGTH = 24
_SENTENCE_SIGN = re.compile(r"[「『(【」』)】。!?]")
_ADDRESS_SIGN = re.compile(r"[\w=&/]")
_QUOTATION_MARK = re.compile(r"[「『“」』”]")
_OTHERS_COLUMN = re.compile(r"従来|一般的|他院|他社|(?:ほか|他|別)の")
_LONG_QUOTATION = re.compile(r"[「『“][^」』”]{6,}")
_ASKS = re.compile(r"(?:\?|か。?)[」)]?$")
_INVITES = re.compile(r"(?:ません|ましょう)か[。?]?$")
_ASKING_HEADING = re.compile(r"(?:\?|ますか|ですか|でしょうか)$")
# What a heading does not have: the end of a sentence, what follows a colon, an amount.
_STATES = re.compile(r"[。!、]$|です$|ます$|ません$|ました$|でした$|ください$|い(?:る|た)$|[:：].{3}|円|\d{3}|名$|代$")
_BARE_LABEL = 12
# Topics that the next line that looks like a heading ends, whatever it names.
_EVENT_LINES = 4
_CLOSED_BY_ANY = frozenset({"voice", "elsewhere", "staff"})

TopicSet = frozenset[str]
_T = TypeVar("_T")


@lru_cache(maxsize=4096)
def topics_of(text: str) -> TopicSet:
    """Return the topics that a heading, label or question names."""
    return frozenset(name for name in topics() if pattern(f"topics.{name}").search(text))


@dataclass(frozen=True, slots=True)
class Folded:
    """NFKC text with the original position of each of its characters."""

    source: str
    text: str
    offsets: Sequence[int]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original behind a span of the folded text."""
        return self.offsets[start], max(self.offsets[end], self.offsets[end - 1] + 1)


@lru_cache(maxsize=20_000)
def _is_one_to_one(sign: str) -> bool:
    return len(unicodedata.normalize("NFKC", sign)) == 1 and not unicodedata.combining(sign) and sign not in "ﾞﾟ"


@lru_cache(maxsize=2048)  # revisions share most of their lines
def fold(text: str) -> Folded:
    """Return the NFKC form of a line with offsets into it. Tabs and other white space are kept one to one."""
    folded = unicodedata.normalize("NFKC", text)
    if folded == text or (len(folded) == len(text) and all(_is_one_to_one(sign) for sign in {*text})):
        return Folded(text, folded, range(len(text) + 1))
    pieces: list[str] = []
    offsets: list[int] = []
    start = 0
    for end in range(1, len(text) + 1):
        if end < len(text) and (unicodedata.combining(text[end]) or text[end] in "ﾞﾟ"):
            continue
        piece = unicodedata.normalize("NFKC", text[start:end])
        pieces.append(piece)
        offsets += [start] * len(piece)
        start = end
    offsets.append(len(text))
    return Folded(text, "".join(pieces), offsets)


class lazy(Generic[_T]):
    """A property that is computed once. `functools.cached_property` takes a lock each time, which costs more than most."""

    def __init__(self, compute: Callable[[Any], _T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, _owner: type | None = None) -> _T:
        value = instance.__dict__[self._name] = self._compute(instance)
        return value


@dataclass(eq=False)
class Sentence:
    """A sentence in NFKC with its context.

    `lines` are the folded lines of the column, `spans` those of the sentences of its own line, of which it has `index`.
    """

    text: str
    line: int
    lines: Sequence[Folded]
    spans: Sequence[tuple[int, int]]
    index: int
    kind: str = ""
    label: str = ""
    heading: str = ""
    question: str = ""
    header: tuple[str, ...] = ()
    marked_up: bool = False
    step: bool = False
    title: str = ""

    @property
    def start(self) -> int:
        """Where the sentence begins in its folded line."""
        return self.spans[self.index][0]

    @property
    def folded(self) -> Folded:
        """The folded line."""
        return self.lines[self.line]

    @lazy
    def before(self) -> str:
        """The sentence before in the same line, else the line above."""
        if self.index:
            return self.folded.text[self.spans[self.index - 1][0] : self.start]
        return self._neighbour(-1)

    @lazy
    def after(self) -> str:
        """The next sentence of the same line, else the line below."""
        if self.index + 1 < len(self.spans):
            return self.folded.text[self.spans[self.index][1] : self.spans[self.index + 1][1]]
        return self._neighbour(1)

    def _neighbour(self, step: int) -> str:
        at = self.line + step
        return self.lines[at].text[:_REACH] if 0 <= at < len(self.lines) else ""

    @lazy
    def line_text(self) -> str:
        """The line around the sentence."""
        start, end = self.spans[self.index]
        return self.folded.text[max(0, start - _LONGEST) : end + _LONGEST]

    @lazy
    def below(self) -> str:
        """The lines under a short one, such as the name and titles in an author's box."""
        if len(self.folded.text) >= _LABEL_LENGTH:
            return ""
        return "\n".join(folded.text[:60] for folded in self.lines[self.line + 1 : self.line + 9])[:_REACH]

    @lazy
    def topics(self) -> TopicSet:
        """What the sentence is about by its label, its question or the heading above it; the nearest one decides."""
        for nearest in (self.label, self.question, self.heading):
            found = topics_of(nearest) if nearest else frozenset()
            if found:
                return found
        return frozenset()

    @lazy
    def cells(self) -> tuple[str, ...]:
        """The cells of a table row, else nothing."""
        return tuple(cell.strip() for cell in self.text.split("\t")) if "\t" in self.text else ()

    @lazy
    def quoted(self) -> tuple[tuple[int, int], ...]:
        """Spans inside quotation marks, the outermost ones."""
        return tuple(quotations(self.text))

    @lazy
    def asks(self) -> bool:
        """Whether the sentence is a question."""
        return self.kind == "question" or bool(_ASKS.search(self.text.rstrip()) and not _INVITES.search(self.text))

    @lazy
    def is_label(self) -> bool:
        """Whether the sentence is a heading or a bare label."""
        return self.kind == "heading" and (
            self.marked_up or len(self.text) <= _BARE_LABEL or bool(topics_of(self.text))
        )

    @lazy
    def is_navigation(self) -> bool:
        """Whether the line only lists names of pages."""
        if len(self.line_text) > _REACH:
            return False
        parts = _NAVIGATION.split(self.line_text)
        return (
            len(parts) > 2
            and all(len(part.strip()) <= 14 for part in parts)
            and not re.search(r"\d|です|ます", self.line_text)
        )

    def has(self, group: str) -> bool:
        """Whether any word of a group of the lexicon stands in the sentence."""
        if group not in self._has:
            self._has[group] = pattern(group).search(self.text) is not None
        return self._has[group]

    @lazy
    def _has(self) -> dict[str, bool]:
        return {}

    def is_quoted(self, at: int) -> bool:
        """Whether a position stands within quotation marks, which may enclose several sentences of its line."""
        quoted = _quotations_of(self.folded.text)
        nearest = bisect_left(quoted, (self.start + at,)) - 1
        return nearest >= 0 and self.start + at < quoted[nearest][1]

    def is_of_others(self, at: int) -> bool:
        """Whether a position stands in a column of a table that its header gives to others: 従来の方法."""
        column = self.folded.text.count("\t", 0, self.start + at)
        return 0 < column < len(self.header) and _OTHERS_COLUMN.search(self.header[column]) is not None

    def clause(self, start: int, end: int) -> str:
        """Return the clause around a span: up to the next comma or end of sentence on both sides."""
        left = max(self.text.rfind(sign, max(0, start - _REACH), start) for sign in "、。,;\t")
        rest = re.compile(r"[、。;\t]").search(self.text, end, end + _REACH)
        return self.text[left + 1 : rest.start() if rest else min(len(self.text), end + _REACH)]


def quotations(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of the outermost quotations, the marks included.

    >>> [("彼は「『治る』と聞いた」と話す")[a:b] for a, b in quotations("彼は「『治る』と聞いた」と話す")]
    ['「『治る』と聞いた」']
    """
    depth, start = 0, 0
    for found in _QUOTATION_MARK.finditer(text):
        if found[0] in "「『“":
            start = found.start() if depth == 0 else start
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                yield start, found.end()
    if '"' in text and "「" not in text:
        yield from (found.span() for found in re.finditer(r'"[^"]{1,160}"', text))


@lru_cache(maxsize=8)
def _quotations_of(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(quotations(text))


def split(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of the sentences of a folded line, the longest ones in pieces, so that all reading is linear."""
    for start, end in _sentence_spans(text):
        at = start
        while end - at > _LONGEST:
            comma = max(text.rfind(sign, at + _LONGEST // 2, at + _LONGEST) for sign in "、,;\t・ ") + 1
            cut = comma or at + _LONGEST
            yield at, cut
            at = cut
        yield at, end


def _sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of the sentences of a folded line; a full stop within brackets ends none.

    >>> [("A.いいえ。「治る。」とは言えません")[a:b] for a, b in _sentence_spans("A.いいえ。「治る。」とは言えません")]
    ['A.いいえ。', '「治る。」とは言えません']
    """
    depth, start, opened = 0, 0, 0
    at = 0
    for found in _SENTENCE_SIGN.finditer(text):
        sign = found[0]
        if found.start() < at:
            continue
        if depth and found.start() - opened > _REACH:
            depth = 0
        if sign in _OPEN:
            depth, opened = depth + 1, found.start() if not depth else opened
        elif sign in _CLOSE:
            depth = max(0, depth - 1)
        elif not depth:
            end = _END.match(text, found.start())
            at = end.end() if end else found.end()
            if sign in "!?" and at < len(text) and _ADDRESS_SIGN.match(text, at) and text[at].isascii():
                if not _ANSWER.match(text, at):
                    continue
            yield start, at
            start = at
    if text[start:].strip():
        yield start, len(text)


def read(lines: Sequence[Line], title: str = "", wanted: Sequence[object] | None = None) -> list[Sentence]:
    """Return the sentences of a column, each with its context.

    Where `wanted` is given, a line for which it has nothing is left out, unless its context may give it a topic.
    """
    return list(_Reader(lines, title).sentences(wanted))


class _Reader:
    """Walks through the lines and carries heading, question and table header along."""

    def __init__(self, lines: Sequence[Line], title: str) -> None:
        self.lines = lines
        self.title = title
        self.folded = [fold(line.text) for line in lines]
        self.heading = ""
        self.heading_ends: int | None = None
        self.question = ""
        self.header: tuple[str, ...] = ()

    def sentences(self, wanted: Sequence[object] | None) -> Iterator[Sentence]:
        for at, line in enumerate(self.lines):
            text = self.folded[at].text
            if not text.strip():
                continue
            kind = self._kind(line, text)
            if kind != "row":
                self.header = ()
            if self.heading_ends is not None and at > self.heading_ends:
                self.heading, self.heading_ends = "", None
            above = topics_of(self.heading) or topics_of(self.question)
            if wanted is None or wanted[at] or above or _LABELLED.search(text):
                yield from self._of_line(at, kind, text)
            self._carry(at, line, kind, text)

    def _kind(self, line: Line, text: str) -> str:
        if "\t" in text or line.kind == "row":
            return "row"
        if line.kind == "question" or _QUESTION.match(text):
            return "question"
        if line.kind == "answer" or _ANSWER.match(text):
            return "answer"
        if line.kind == "heading":
            return "question" if _ASKING_HEADING.search(text.strip()) else "heading"
        if line.kind == "item" or (_ITEM.match(text) and len(text) < 200):
            return "heading" if line.kind != "item" and text[:1] in "■◆◇□●" and self._heading_like(text) else "item"
        if _STEP.match(line.text) and len(text) > 4:
            return "item"
        if topics_of(self.heading) & {"risk", "exclusion"} and not topics_of(text) and pattern("harm").search(text):
            return "item"
        if self._heading_like(text):
            return "question" if text.strip().endswith("?") and len(topics_of(text)) > 0 else "heading"
        return line.kind or "paragraph"

    @staticmethod
    def _heading_like(text: str) -> bool:
        bare = text.strip()
        if (
            bare.startswith(("「", "『", "“"))
            or len(bare) > 40
            or bare.count("、") > 1
            or _LONG_QUOTATION.search(bare)
            or _STATES.search(bare)
        ):
            return False
        return len(bare) <= 30 or bare.endswith("?")

    def _carry(self, at: int, line: Line, kind: str, text: str) -> None:
        if kind == "row" and not self.header and not re.search(r"円|\d{3}", text):
            self.header = tuple(cell.strip() for cell in text.split("\t"))
        elif kind == "question":
            self.question = _QUESTION.sub("", text, count=1)[:120]
        elif kind == "heading":
            named = topics_of(text)
            is_title = (at == 0 and line.kind != "heading") or text.strip() in self.title
            if not is_title and (line.kind == "heading" or named or topics_of(self.heading) & _CLOSED_BY_ANY):
                self.heading = text[:120]
                self.heading_ends = at + _EVENT_LINES if line.kind != "heading" and named & _CLOSED_BY_ANY else None
            if line.kind == "heading" or (named and not (named <= {"pain"})) or len(text) < 12:
                self.question = ""
        elif kind != "answer" and self.question and kind == "paragraph" and _is_answered(self.lines, at):
            self.question = ""

    def _of_line(self, at: int, kind: str, text: str) -> Iterator[Sentence]:
        label = "" if kind == "question" else self._label(text.replace("\t", ":", 1) if kind == "row" else text)
        question = self.question if kind not in ("question", "heading") else ""
        spans = [text_span for part in _parts(text) for text_span in part]
        step = kind != "row" and bool(_STEP.match(self.lines[at].text) or _STEP.match(text))
        inline = ""
        for index, (start, end) in enumerate(spans):
            own = text[start:end]
            if _QUESTION.match(own) or (kind in ("paragraph", "item") and _ANSWER.match(text, end)):
                inline = own
            yield Sentence(
                text=own,
                line=at,
                lines=self.folded,
                spans=spans,
                index=index,
                kind="question" if inline is own and len(spans) > 1 else ("answer" if inline else kind),
                label=label,
                heading=self.heading,
                question=inline if inline and inline is not own else question,
                header=self.header,
                marked_up=self.lines[at].kind == "heading",
                step=step,
                title=self.title,
            )

    @staticmethod
    def _label(text: str) -> str:
        found = _LABEL.match(text) or _VOICE_LABEL.match(text)
        return found[1].strip() if found and topics_of(found[1]) else ""


def _parts(text: str) -> Iterator[list[tuple[int, int]]]:
    """Yield the sentence spans of a line, cut before an answer that follows its question."""
    start = 0
    for found in _INLINE_ANSWER.finditer(text):
        yield [(a + start, b + start) for a, b in split(text[start : found.end()])]
        start = found.end()
    yield [(a + start, b + start) for a, b in split(text[start:])]


def _is_answered(lines: Sequence[Line], at: int) -> bool:
    """Whether a question in the lines above has had its answer: two lines without another question."""
    return at >= 2 and not any(
        _QUESTION.match(lines[back].text) or lines[back].text.rstrip().endswith(("?", "？"))
        for back in (at, at - 1, at - 2)
    )
