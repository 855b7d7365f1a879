"""The lexicon files as compiled patterns, one for each named group of words."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

_FILES = ("context", "disclosures", "treatment", "risks", "claims")


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
    entry: Any = _groups()
    for name in group.split("."):
        entry = entry[name]
    return re.compile("|".join(entry["words"]))


@cache
def topics() -> tuple[str, ...]:
    """Return the names of the topics that a heading can have."""
    return tuple(_groups()["topics"])


def sources() -> dict[str, str]:
    """Map each group to where its words come from."""
    named: dict[str, str] = {}
    for name, group in _groups().items():
        inner = {name: group} if "words" in group else {f"{name}.{key}": entry for key, entry in group.items()}
        named |= {key: entry["source"] for key, entry in inner.items()}
    return named
