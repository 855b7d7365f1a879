"""The texts of pages, errors and names in Japanese and English, looked up by key in `ja.toml` and `en.toml`."""

from __future__ import annotations

import string
from functools import cache
from typing import Literal

Language = Literal["ja", "en"]


def text(lang: Language, key: str, /, **values: object) -> str:
    """Return the text for a key such as `page.search` with its values filled in.

    A number is followed by its noun, and a text is shown if there is one:

    >>> text("en", "page.revision", n=2)
    'Revision 2'
    >>> _FORMATTER.format("{n:page|pages}{where:| on %s}", n=1, where="a.example")
    '1 page on a.example'
    """
    section, _, name = key.partition(".")
    found = catalogue(lang)[section][name]
    if not values:
        return found
    return _FORMATTER.format(found, **values) if "|" in found else found.format(**values)


class _Formatter(string.Formatter):
    def format_field(self, value: object, spec: str) -> str:
        first, is_choice, second = spec.partition("|")
        if not is_choice:
            return str(super().format_field(value, spec))
        if isinstance(value, int):
            return f"{value} {first if value == 1 else second}"
        return second.replace("%s", str(value)) if value else first


_FORMATTER = _Formatter()


def name(lang: Language, kind: str, key: str) -> str:
    """Return the name of a `label`, `level`, `state` or `outcome`; the key itself where none is known."""
    return catalogue(lang)[kind].get(key, key)


def source_name(lang: Language, source: str) -> str:
    """Return who made a capture, for people: this archive, a web archive by its host, or whoever made a file."""
    kind, _, host = source.partition(":")
    return text(lang, f"source.{kind}", host=host) if kind in catalogue(lang)["source"] else source


@cache
def catalogue(lang: Language) -> dict[str, dict[str, str]]:
    """Return all texts of a language by section."""
    # Loaded when needed: every command imports this module, few need a text.
    import tomllib
    from importlib.resources import files

    return tomllib.loads(files(__name__).joinpath(f"{lang}.toml").read_text("utf-8"))
