"""The texts of pages, errors and names in Japanese and English, looked up by key in `ja.toml` and `en.toml`."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

Language = Literal["ja", "en"]


def text(lang: Language, key: str, /, **values: object) -> str:
    """Return the text for a key such as `page.search` with its values filled in.

    In a mark, `n:page|pages` is a number with its noun, `where:| on %s` a phrase for a value that is not empty:

    >>> text("en", "page.revision", n=2)
    'Revision 2'
    >>> _FORMATTER.format("{n:page|pages}{where:| on %s}", n=1, where="a.example")
    '1 page on a.example'
    """
    section, _, short = key.partition(".")
    found = catalogue(lang)[section][short]
    if not values:
        return found
    worded = {name: _worded(lang, name, value) for name, value in values.items()}
    return _FORMATTER.format(found, **worded) if "|" in found else found.format(**worded)


def fault(key: str, /, **values: object) -> str:
    """Return the sentence that says why a page was not fetched, in English, as its capture keeps it."""
    return text("en", f"fault.{key}", **values)


def translated(lang: Language, sentence: str) -> str:
    """Return a sentence by `fault` in a language; another text as it is.

    Captures keep the English sentence, which is part of the hash chain. Its values are found by the catalogue's text.

    >>> translated("ja", fault("status", status=404))
    'HTTP ステータス 404。'
    """
    if lang == "en":
        return sentence
    for key, pattern in _fault_patterns():
        if found := pattern.fullmatch(sentence):
            return text(lang, f"fault.{key}", **found.groupdict())
    return sentence


@cache
def _fault_patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Return what the English sentences look like, those with most text of their own first."""
    found = []
    for key, sentence in catalogue("en")["fault"].items():
        parts = [(re.escape(own), name) for own, name, _, _ in string.Formatter().parse(sentence)]
        pattern = "".join(own + (f"(?P<{name}>.+)" if name else "") for own, name in parts)
        found.append((sum(len(own) for own, _ in parts), key, re.compile(pattern, re.S)))
    return [(key, pattern) for _, key, pattern in sorted(found, key=lambda one: -one[0])]


@dataclass(frozen=True, slots=True)
class Message:
    """A text for people, to be put in their language later: its key and its values, which may be messages too."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)

    def sentence(self, lang: Language) -> str:
        """Return the text in a language."""
        return text(lang, self.key, **self.values)

    def __str__(self) -> str:
        return self.sentence("en")


def _worded(lang: Language, key: str, value: object) -> object:
    if key in ("outcome", "unread"):
        return name(lang, key, str(value))
    sentence = getattr(value, "sentence", None)  # a message, or an error
    return sentence(lang) if sentence else value


def user_language() -> Language:
    """Return the language of whoever runs the program: the first that is set of the variables that gettext reads."""
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(variable):
            return "ja" if value.startswith("ja") else "en"
    return "en"


class _Formatter(string.Formatter):
    def format_field(self, value: object, spec: str) -> str:
        first, is_choice, second = spec.partition("|")
        if not is_choice:
            return str(super().format_field(value, spec))
        if "%s" in second:
            return second.replace("%s", str(value)) if value else first
        return f"{value} {first if str(value) == '1' else second}"


_FORMATTER = _Formatter()


def name(lang: Language, kind: str, key: str) -> str:
    """Return the name of a `label`, `level`, `state` or `outcome`; the key itself where none is known."""
    return catalogue(lang)[kind].get(key, key)


def source_name(lang: Language, source: str) -> str:
    """Return who made a capture, for people: this archive, a web archive by its host, or whoever made a file."""
    kind, _, host = source.partition(":")
    return text(lang, f"source.{kind}", host=host) if kind in catalogue(lang)["source"] else source


def label_names(labels: Iterable[str], lang: Language, *, words: bool = False) -> str:
    """Return the names of labels; in English their keys, by which `--label` knows them, unless `words` are wanted."""
    if lang == "en":
        return ", ".join(name(lang, "label", one) if words else one for one in labels)
    return "、".join(name(lang, "label", one) for one in labels)


@cache
def catalogue(lang: Language) -> dict[str, dict[str, str]]:
    """Return all texts of a language by section."""
    # Loaded when needed: every command imports this module, few need a text.
    import tomllib
    from importlib.resources import files

    return tomllib.loads(files(__name__).joinpath(f"{lang}.toml").read_text("utf-8"))
