"""The lexicon file as compiled patterns, one for each group of words."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any


@lru_cache(maxsize=1)
def _groups() -> dict[str, Any]:
    return tomllib.loads(files("columnarchive.diff").joinpath("lexicon.toml").read_text("utf-8"))


@lru_cache(maxsize=64)
def pattern(group: str) -> re.Pattern[str]:
    """The words of a group as one alternation, in the file's order.

    >>> pattern("absolute").findall("必ず完治します")
    ['必ず', '完治']
    """
    return re.compile("|".join(words_of(group)))


def words_of(group: str) -> list[str]:
    """The regular expressions of a group, or of all groups within it."""
    found: Any = _groups()
    for name in group.split("."):
        found = found[name]
    inner = [found] if "words" in found else found.values()
    return [word for one in inner for word in one["words"]]


@lru_cache(maxsize=8)
def members(group: str) -> tuple[str, ...]:
    """The names of the groups within a group, such as the kinds of disclosure."""
    return tuple(_groups()[group])


def sources() -> dict[str, str]:
    """Each group's name and where its words come from."""
    named: dict[str, str] = {}
    for name, group in _groups().items():
        if "words" in group:
            named[name] = group["source"]
        else:
            named.update({f"{name}.{inner}": one["source"] for inner, one in group.items()})
    return named
