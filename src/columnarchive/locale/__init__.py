"""The texts of pages, errors and names in Japanese and English, looked up by key in `ja.toml` and `en.toml`."""

from __future__ import annotations

from functools import cache
from typing import Literal

Language = Literal["ja", "en"]


def text(lang: Language, key: str, **values: object) -> str:
    """Return the text for a key such as `page.search` with its values filled in.

    >>> text("en", "page.revision", n=2)
    'Revision 2'
    """
    section, _, name = key.partition(".")
    found = catalogue(lang)[section][name]
    return found.format(**values) if values else found


def name(lang: Language, kind: str, key: str) -> str:
    """Return the name of a `label`, `level`, `state` or `outcome`; the key itself where none is known."""
    return catalogue(lang)[kind].get(key, key)


@cache
def catalogue(lang: Language) -> dict[str, dict[str, str]]:
    """Return all texts of a language by section."""
    # Loaded when needed: every command imports this module, few need a text.
    import tomllib
    from importlib.resources import files

    return tomllib.loads(files(__name__).joinpath(f"{lang}.toml").read_text("utf-8"))
