"""Text to sentences: cut at 。！？ and line ends, never inside brackets, quotes, decimals, URLs or abbreviations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from columnarchive.records import Article

# A bracket holds a sentence together only when it closes on the same line within this many characters; a stray
# opening bracket must not swallow the paragraph, and the bound keeps the scan linear.
_BRACKET_REACH = 160

LONGEST = 1_000
"""The most characters of a sentence. Longer runs are cut at commas, then at spaces, then anywhere but in a number, so
that every later step works on pieces of bounded length; a comparison of such a text is `capped`."""

_CUTS = (
    re.compile(r"(?:[^、，,；;・]|[,，](?=[0-9０-９]))+[、，,；;・]*|[、，,；;・]+"),
    re.compile(r"\S+\s*|\s+"),
    re.compile(rf"(?s).{{1,{LONGEST}}}(?<![0-9０-９.,，．])|.{{1,{LONGEST}}}"),
)

_BRACKETS = ("「」", "『』", "（）", "()", "【】", "〔〕", "“”", "《》", "〈〉", "［］")
_OPENERS = "".join(re.escape(pair[0]) for pair in _BRACKETS)
_CLOSERS = "".join(re.escape(pair[1]) for pair in _BRACKETS) + r"\]"
_BRACKETED = "|".join(
    rf"{re.escape(pair[0])}[^{re.escape(pair)}\n]{{0,{_BRACKET_REACH}}}+{re.escape(pair[1])}" for pair in _BRACKETS
)

_ABBREVIATIONS = (
    "Dr", "Mr", "Ms", "Mrs", "Prof", "St", "No", "vs", "al", "cf", "Fig", "Inc", "Ltd", "Co", "Jr", "e.g", "i.e",
)  # fmt: skip
_NOT_ABBREVIATION = "".join(rf"(?<!\b{re.escape(word)})" for word in _ABBREVIATIONS)
_FULL_STOPS = (
    rf"(?<=[a-z0-9%\"'’”)\]]){_NOT_ABBREVIATION}\.(?=\s+[\"“(]?[A-Z])"  # English, before a capital
    r"|(?<=[ぁ-んー])[.．](?![0-9０-９A-Za-zＡ-Ｚａ-ｚ.．])"  # 「である．」 in texts set like papers
    r"|(?<=[一-龯ァ-ヶ）」])．(?![0-9０-９A-Za-zＡ-Ｚａ-ｚ])"
)
# A half-width ? or ! within an address or a formula is followed by more of it.
# A particle after a full-width mark shows that it belongs to a name, as in 「めぐり！では、」 at the end of a line.
_PARTICLE = r"(?:を|との|とは|とい[うっ]|[ぁ-ん]{1,3}、(?:\n|$))"
_END = rf"(?:[。‼⁇⁈⁉｡]|[！？]++(?!{_PARTICLE})|[!?](?![A-Za-z0-9Ａ-Ｚａ-ｚ０-９/=&_%#])|{_FULL_STOPS})"
_SENTENCE = re.compile(
    rf"(?:[^。！？‼⁇⁈⁉｡!?.．\n{_OPENERS}]++|{_BRACKETED}|(?!{_END})[^\n])*+(?:{_END}++[{_CLOSERS}♪☆★]*+)?+"
)

_STRUCK = "~~"
_STRUCK_OPEN = re.compile(r"^\s*~~|[^。]~~[^~]*$")
# Kinds of space written out: a class of signs alone is searched twice as fast as one with `\s` in it.
_SPACES = r"\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_NOT_PLAIN = re.compile(rf"[！？‼⁇⁈⁉｡!?.．♪☆★{_OPENERS}{_CLOSERS}{_SPACES}]")


class _Pieces(NamedTuple):
    texts: tuple[str, ...]
    glues: tuple[str, ...]
    capped: bool


@dataclass(frozen=True, slots=True)
class Sentences:
    """An article's sentences in order. `glues[i]` is what precedes sentence i: nothing, a space or a line end.

    `blocks[i]` is the index of its block. `capped` says that some were longer than a sentence may be.
    """

    texts: tuple[str, ...]
    glues: tuple[str, ...]
    blocks: tuple[int, ...]
    capped: bool = False

    def joined(self, start: int, end: int) -> str:
        """The sentences from start up to end as one text."""
        if end - start == 1:
            return self.texts[start]
        rest = (self.glues[at] + self.texts[at] for at in range(start + 1, end))
        return self.texts[start] + "".join(rest) if start < end else ""

    def reach(self, start: int, text: str) -> int:
        """The index after the last sentence of `text`, a run that `joined` made from `start` on, space aside."""
        end, left = start, len("".join(text.split()))
        while left > 0 and end < len(self.texts):
            left -= len("".join(self.texts[end].split()))
            end += 1
        return end


def split(text: str) -> list[str]:
    """Return the sentences of a text in order and stripped; joined, they are the text but for white space between them.

    >>> split("効果には個人差があります。「治る？」とは言えません。")
    ['効果には個人差があります。', '「治る？」とは言えません。']
    """
    return list(_pieces(text).texts)


def sentences_of(article: Article) -> Sentences:
    """Return the sentences of an article's blocks, without the title."""
    texts: list[str] = []
    glues: list[str] = []
    blocks: list[int] = []
    capped = False
    for at, block in enumerate(article.blocks):
        pieces = _pieces(block.text)
        texts += pieces.texts
        glues += pieces.glues
        blocks += [at] * len(pieces.texts)
        capped = capped or pieces.capped
    return Sentences(tuple(texts), tuple(glues), tuple(blocks), capped)


# Successive revisions share nearly all blocks, so the same text is asked for again and again.
@lru_cache(maxsize=8192)
def _pieces(text: str) -> _Pieces:
    if _NOT_PLAIN.search(text) is None and "。。" not in text and _STRUCK not in text:
        # One line, without any sign but 。 at which a cut could be or must not be.
        found = text.replace("。", "。\n").split("\n")
        if not found[-1]:
            found.pop()
        plain = found if len(text) <= LONGEST else [piece for sentence in found for piece in _cut(sentence)]
        return _Pieces(tuple(plain), ("\n", *[""] * (len(plain) - 1)) if plain else (), len(plain) > len(found))
    texts: list[str] = []
    glues: list[str] = []
    glue = "\n"
    capped = False
    for line in text.split("\n"):
        found = _SENTENCE.findall(line)
        if _STRUCK in line:
            found = _with_closing_marks(found)
        pieces = found if len(line) <= LONGEST else [piece for sentence in found for piece in _cut(sentence)]
        capped = capped or len(pieces) > len(found)
        for piece in pieces:
            sentence = piece.strip()
            if not sentence:
                glue = glue or (" " if piece else "")
                continue
            texts.append(sentence)
            glues.append(glue or ("" if piece[0] == sentence[0] else " "))
            glue = "" if piece[-1] == sentence[-1] else " "
        glue = "\n"
    return _Pieces(tuple(texts), tuple(glues), capped)


def _with_closing_marks(pieces: Sequence[str]) -> list[str]:
    """Return pieces of a line so that a mark which ends struck-out text ends its last sentence too."""
    balanced: list[str] = []
    open_marks = 0
    for piece in pieces:
        closes = open_marks % 2 == 1 and piece.startswith(_STRUCK)
        if closes:
            balanced[-1] += _STRUCK
        open_marks += piece.count(_STRUCK)
        balanced.append(piece[len(_STRUCK) :] if closes else piece)
    return balanced


def standing(text: str) -> str:
    """Return a sentence without what is struck out in it.

    >>> standing("1回~~98,000円~~78,000円です。")
    '1回78,000円です。'
    """
    if _STRUCK not in text:
        return text
    parts = text.split(_STRUCK)
    if len(parts) % 2 == 0:  # the other mark is in another sentence
        return parts[0] if _STRUCK_OPEN.search(text) else parts[-1]
    return "".join(parts[::2]).strip()


def _cut(sentence: str, cuts: Sequence[re.Pattern[str]] = _CUTS) -> list[str]:
    """Return the sentence, cut into pieces of at most `LONGEST` characters if it is longer.

    Where it is cut at commas and spaces depends on these alone, not on how much precedes them: an edit moves no cut.
    """
    if len(sentence) <= LONGEST:
        return [sentence]
    return [piece for part in cuts[0].findall(sentence) if part for piece in _cut(part, cuts[1:])]
