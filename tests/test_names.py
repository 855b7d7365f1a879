"""Identifiers use the field's terms: words that say nothing of their own, or several things, are in none of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

BANNED = {"said", "told", "tell", "stands", "stood", "lately", "heard", "shown", "drawn", "kept", "whole", "room"}
BANNED |= {"well", "early"}
CONTRACT = {"said_from", "said_until", "stands", "ended_early"}  # keys of JSON and columns that README names
FOREIGN = {"tell"}  # a method of files
PENDING: set[str] = set()
PACKAGE = ROOT / "src/columnarchive"
PARTS = sorted({path.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*.py")})


def identifiers(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        for name in ("id", "attr", "arg", "name", "asname"):
            value = getattr(node, name, None)
            if isinstance(value, str):
                yield value


def banned(path: Path) -> set[str]:
    names = set(identifiers(ast.parse(path.read_text(encoding="utf-8")))) - CONTRACT - FOREIGN
    return {name for name in names if BANNED & {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name)}}


@pytest.mark.parametrize("part", [part for part in PARTS if part not in PENDING])
def test_no_identifier_has_a_word_without_meaning(part: str) -> None:
    modules = [PACKAGE / part] if part.endswith(".py") else sorted((PACKAGE / part).rglob("*.py"))
    assert {str(path.relative_to(PACKAGE)): names for path in modules if (names := banned(path))} == {}
