"""The locale catalogues: the same keys in both languages, each used, with the same values to fill in."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from columnarchive import errors, locale
from columnarchive.diff.labels import LEVELS

SOURCE = Path(__file__).resolve().parent.parent / "src" / "columnarchive"
ENGLISH, JAPANESE = locale.catalogue("en"), locale.catalogue("ja")
ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def raised() -> set[str]:
    """The codes with which errors are made anywhere."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in ERRORS or not node.args:
                continue
            first = node.args[0]
            codes = (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,)
            values = {code.value for code in codes if isinstance(code, ast.Constant)}
            found |= {value for value in values if re.fullmatch(r"[a-z_]+", str(value))}
    return found


@pytest.mark.parametrize("section", sorted(ENGLISH))
def test_both_languages_have_the_same_keys_and_values(section: str) -> None:
    assert list(ENGLISH[section]) == list(JAPANESE[section])
    for key, text in ENGLISH[section].items():
        assert text.strip() == text != ""
        if section != "error":  # a Japanese sentence may leave out what the page says anyway
            assert fields(JAPANESE[section][key]) == fields(text), key
        assert fields(JAPANESE[section][key]) <= fields(text), key


def test_each_error_has_its_text_and_each_text_its_error() -> None:
    assert raised() == set(ENGLISH["error"])
    assert set(ENGLISH["hint"]) <= set(ENGLISH["error"])


def test_each_text_of_the_pages_is_used_and_there() -> None:
    sources = [
        *(SOURCE / "browse").rglob("*.py"),
        *(SOURCE / "browse").rglob("*.html"),
        *(SOURCE / "browse").rglob("*.xml"),
    ]
    together = "\n".join(path.read_text("utf-8") for path in sources)
    named = set(re.findall(r"\bt\(['\"](\w+)['\"][,)]", together)) | set(
        re.findall(r"\.text\(\s*['\"](\w+)['\"]", together)
    )
    assert named <= set(ENGLISH["page"])
    computed = {key for key in ENGLISH["page"] if key.startswith(("op_", "scope_"))}
    quoted = set(re.findall(r"['\"](?:page\.)?(\w+)['\"]", together))
    assert set(ENGLISH["page"]) <= quoted | computed


def test_each_label_has_a_name() -> None:
    assert set(ENGLISH["label"]) == set(LEVELS)
    assert set(ENGLISH["level"]) == {"0", "1", "2", "3"}


def test_an_error_is_a_sentence_in_each_language_and_a_hint_on_the_command_line() -> None:
    error = errors.NotFound("no_article", url="https://clinic.example/", outcome="suspect")
    assert error.sentence("ja") == "https://clinic.example/ にコラムはありません（要確認）。"
    assert str(error).startswith("https://clinic.example/ holds no column (suspect); `archive captures")
    plain = errors.UsageError("Some {sentence}.")
    assert str(plain) == plain.sentence("ja") == "Some {sentence}."
