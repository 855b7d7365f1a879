"""The lexicon files as compiled patterns, one for each named group of words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from operator import add
from typing import Any

_FILES = ("context", "disclosures", "treatment", "risks", "claims", "changes")


@cache
def _groups() -> dict[str, Any]:
    folder = files("columnarchive.observations").joinpath("lexicon")
    groups: dict[str, Any] = {}
    for name in _FILES:
        groups |= tomllib.loads(folder.joinpath(f"{name}.toml").read_text("utf-8"))
    return groups


@cache
def pattern(group: str) -> re.Pattern[str]:
    """Return the words of a group as one alternation.

    >>> pattern("relief").findall("国の救済制度")
    ['救済制度']
    """
    return re.compile(expression(group))


def find_words(group: str, text: str) -> Iterator[re.Match[str]]:
    """Yield the words of a group in a text as `pattern(group).finditer(text)` does, for large groups.

    Compiling one takes tens of milliseconds; this compiles what begins with a character that the text has.

    >>> [found[0] for found in find_words("denial", "痛みはほとんどありません。")]
    ['痛みはほとんどありません']
    """
    starts = beginnings(group)
    at = 0
    while begin := _first_characters(group).search(text, at):
        at = begin.start()
        for beginning in (text[at : at + 2], begin[0]):
            if beginning in starts and (found := compiled(starts[beginning]).match(text, at)):
                yield found
                at = found.end()
                break
        else:
            at += 1


@cache
def _first_characters(group: str) -> re.Pattern[str]:
    return re.compile(f"[{re.escape(''.join({form[0] for form in forms(group)}))}]")


compiled = cache(re.compile)
"""An expression, compiled once for all groups that have the same words."""


@cache
def beginnings(group: str, clean: Callable[[str], str] = str) -> Mapping[str, str]:
    """Map the one or two characters that words of a group begin with to an expression for these, each cleaned."""
    begun: dict[str, list[str]] = {}
    for form in forms(group):
        begun.setdefault(prefix(form), []).append(clean(form))
    assert "" not in begun, "each word must begin with a literal character"
    return {beginning: "|".join(expressions) for beginning, expressions in begun.items()}


def expression(group: str) -> str:
    """Return the words of a group as an expression; what names no group is one itself."""
    return _by_first_sign(forms(group))


@cache
def forms(group: str) -> tuple[str, ...]:
    """Return the alternatives of a group, or of an expression, as far as can be with a literal character first."""
    entry: Any = _groups()
    for name in group.split("."):
        entry = entry.get(name, {})
    return tuple(form for word in entry.get("words", [group]) for form in literal_first(word))


def prefix(form: str) -> str:
    """Return the one or two literal characters that a form begins with, "" if it begins with none.

    >>> prefix("痛み(?:が|は)"), prefix("痛[いみ]"), prefix("(?i:pain)")
    ('痛み', '痛', '')
    """
    first = _LITERAL.match(form)
    return form[:2] if first and _LITERAL.match(form, 1) else form[:1] if first else ""


def literal_pairs(groups: Iterable[str]) -> Iterator[str]:
    """Yield each two characters that stand side by side in the words of some groups.

    >>> sorted(literal_pairs(["relief"]))[:3]
    ['作用', '副作', '制度']
    """
    for run in _RUN.findall(" ".join(word for group in groups for word in forms(group))):
        yield from map(add, run, run[1:])


def _by_first_sign(forms: Sequence[str], depth: int = 2) -> str:
    """Join expressions so that `re` looks at each first character once, not once for each of them."""
    begun: dict[str, list[str]] = {}
    others: list[str] = []
    for form in forms:
        if depth and _LITERAL.match(form):
            begun.setdefault(form[0], []).append(form[1:])
        else:
            others.append(form)
    joined = [
        sign + (rests[0] if len(rests) == 1 else f"(?:{_by_first_sign(rests, depth - 1)})")
        for sign, rests in begun.items()
    ]
    return "|".join(joined + others)


@cache
def topics() -> tuple[str, ...]:
    """Return the names of the topics that a heading can have."""
    return tuple(_groups()["topics"])


def codebook() -> dict[str, str]:
    """Map each kind to its definition."""
    return dict(tomllib.loads(files("columnarchive.observations").joinpath("codebook.toml").read_text("utf-8")))


def sources() -> dict[str, str]:
    """Map each group to where its words come from."""
    named: dict[str, str] = {}
    for name, group in _groups().items():
        inner = {name: group} if "words" in group else {f"{name}.{key}": entry for key, entry in group.items()}
        named |= {key: entry["source"] for key, entry in inner.items()}
    return named


_RUN = re.compile(r"[ぁ-ゖァ-ヺー一-鿿々A-Za-z]{2,}")
_BEHIND = re.compile(r"\(\?<!([^()\[\]|\\?*+{}]+)\)")
_LITERAL = re.compile(r"[^\\()\[\]^$.|*+?{}](?![?*{])")
_CLASS = re.compile(r"\[([^\]\\^-]+)\]")
_ANY_CASE = re.compile(r"\(\?i:([a-z])")
_REPEATED = ("*", "+", "{", "??", "?+")


def literal_first(word: str) -> list[str]:
    """Write an expression out as alternatives that begin with a literal character.

    A search for many alternatives is several times faster when each begins with one, because `re` then skips every
    character of the text that can begin none. What cannot be written out stays as it is.

    >>> literal_first("[ぐぎ]る"), literal_first("(?:腫|は)れ"), literal_first("(?<!骨)折")
    (['ぐる', 'ぎる'], ['腫れ', 'はれ'], ['折(?<!骨折)'])
    """
    word, *others = _split(word)
    forms = [form for other in others for form in literal_first(other)]
    if _LITERAL.match(word):
        return [word, *forms]
    if behind := _BEHIND.match(word):
        rest = literal_first(word[behind.end() :])
        if all(_LITERAL.match(one) for one in rest):
            return [f"{one[0]}(?<!{behind[1]}{one[0]}){one[1:]}" for one in rest] + forms
        return [word, *forms]
    choices, rest_ = _head(word)
    if not choices or rest_.startswith(_REPEATED):
        return [word, *forms]
    optional = rest_.startswith("?")
    tail = rest_[1:] if optional else rest_
    begun = [choice + tail for choice in choices] + ([tail] if optional and tail else [])
    return [form for one in begun for form in literal_first(one)] + forms


def _head(word: str) -> tuple[list[str], str]:
    """Return the choices that an expression begins with, and the rest of it."""
    if word.startswith("(?:"):
        end = _closing(word)
        return _split(word[3:end]), word[end + 1 :]
    if any_case := _ANY_CASE.match(word):
        rest = word[any_case.end() :]
        return [f"{sign}(?i:" for sign in (any_case[1], any_case[1].upper())], rest
    if signs := _CLASS.match(word):
        return [re.escape(sign) for sign in signs[1]], word[signs.end() :]
    if word.startswith("\\d"):
        return list("0123456789"), word[2:]
    return ([word[0]], word[1:]) if word[1:2] == "?" and word[0] not in "\\([^$." else ([], word)


def _closing(word: str) -> int:
    """Return the position of the bracket that closes the first one."""
    depth = 0
    for at, sign in _outside_classes(word):
        depth += (sign == "(") - (sign == ")")
        if depth == 0:
            return at
    return len(word)


def _split(word: str) -> list[str]:
    """Split an expression at its outermost bars."""
    depth, start, parts = 0, 0, []
    for at, sign in _outside_classes(word):
        depth += (sign == "(") - (sign == ")")
        if sign == "|" and depth == 0:
            parts.append(word[start:at])
            start = at + 1
    return [*parts, word[start:]]


def _outside_classes(word: str) -> Iterator[tuple[int, str]]:
    """Yield the characters of an expression that are neither escaped nor in a class, with their positions."""
    in_class = escaped = False
    for at, sign in enumerate(word):
        if escaped or sign == "\\":
            escaped = not escaped
            continue
        if not in_class and sign != "[":
            yield at, sign
        in_class = sign == "[" or (in_class and sign != "]")
