"""The locale catalogues: the same keys in both languages, each used, with the same values to fill in."""

from __future__ import annotations

import ast
import pickle
import re
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from columnarchive import errors, locale
from columnarchive.cli.app import app
from columnarchive.cli.output import text_width
from columnarchive.diff import LEVELS

SOURCE = Path(__file__).resolve().parent.parent / "src" / "columnarchive"
ENGLISH, JAPANESE = locale.catalogue("en"), locale.catalogue("ja")
ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@cache
def trees() -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text("utf-8"))) for path in SOURCE.rglob("*.py")]


def raising() -> Iterator[tuple[Path, ast.expr]]:
    """What errors are made of anywhere: their first argument."""
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ERRORS and node.args:
                first = node.args[0]
                for code in (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,):
                    yield path, code


def raised() -> set[str]:
    """The codes with which errors are made anywhere."""
    return {str(code.value) for _, code in raising() if isinstance(code, ast.Constant)}


@cache
def constants() -> set[str]:
    """All texts in the source."""
    return {
        node.value
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize("section", sorted(ENGLISH))
def test_both_languages_have_the_same_keys_and_values(section: str) -> None:
    assert list(ENGLISH[section]) == list(JAPANESE[section])
    for key, text in ENGLISH[section].items():
        assert text.strip() == text != ""
        if section != "error":  # a Japanese sentence may leave out what the page says anyway
            assert fields(JAPANESE[section][key]) == fields(text), key
        assert fields(JAPANESE[section][key]) <= fields(text), key


def test_each_error_has_its_text_and_each_text_its_error() -> None:
    assert raised() <= set(ENGLISH["error"])
    assert set(ENGLISH["error"]) <= constants()
    assert set(ENGLISH["hint"]) <= set(ENGLISH["error"])


def test_no_error_is_a_sentence_without_a_code() -> None:
    for path, first in raising():
        assert not isinstance(first, ast.JoinedStr), (path, first.lineno)
        assert not (isinstance(first, ast.Constant) and " " in str(first.value)), (path, first.lineno)


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
    computed = {key for key in ENGLISH["page"] if key.startswith(("op_", "scope_", "mark_", "where_"))}
    quoted = set(re.findall(r"['\"](?:page\.)?(\w+)['\"]", together))
    assert set(ENGLISH["page"]) <= quoted | computed


def commands() -> Iterator[tuple[str, Any]]:
    def below(group: Any, path: str) -> Iterator[tuple[str, Any]]:
        for name, command in getattr(group, "commands", {}).items():
            yield path + name, command
            yield from below(command, f"{path}{name}_")

    yield "", get_command(app)
    yield from below(get_command(app), "")


def test_each_text_of_the_command_line_is_used_and_there() -> None:
    """Messages of commands and of what they call; a key may be made of a quoted beginning."""
    texts = constants()
    named = {key for key in ENGLISH["cli"] if key in texts or f"cli.{key}" in texts}
    begun = {key for key in ENGLISH["cli"] if key.startswith(("searched_", "found_by_", "page_", "verdict_", "mark_"))}
    assert set(ENGLISH["cli"]) == named | begun
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("t", "say", "note") and node.args:
                key = node.args[0]
                if path.parent.name == "cli" and isinstance(key, ast.Constant):
                    assert key.value in ENGLISH["cli"], (path, key.value)


def test_each_command_and_option_has_its_help_and_no_other_has() -> None:
    found = dict(commands())
    assert set(ENGLISH["command"]) == set(found) - {""}
    used = {"lang", "quiet", "verbose", "help"}
    for path, command in found.items():
        for parameter in command.params:
            name = parameter.name.strip("_")
            own = f"{path}_{name}"
            assert own in ENGLISH["option"] or name in ENGLISH["option"], own
            used.add(own if own in ENGLISH["option"] else name)
    assert used == set(ENGLISH["option"])


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_all_help_fits_a_terminal_of_80_columns(lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", lang)
    monkeypatch.setenv("COLUMNS", "80")
    for path, command in commands():
        words = path.split("_") if path else []
        text = "\n".join(CliRunner().invoke(app, [*words, "--help"]).output.splitlines())
        assert max(map(text_width, text.splitlines())) <= 80, path
        if lang == "ja":
            assert not re.search(
                r"[a-z]{3,} [a-z]{2,} [a-z]{2,}", re.sub(r"(使い方|例)[：:] [^\n]*(\n[^\n]+)*", "", text)
            ), path
        assert command.help


def test_each_label_has_a_name() -> None:
    assert set(ENGLISH["label"]) == set(LEVELS)
    assert set(ENGLISH["level"]) == {"0", "1", "2", "3"}


def test_an_error_is_a_sentence_in_each_language_and_a_hint_on_the_command_line() -> None:
    error = errors.NotFound("no_article", url="https://clinic.example/", outcome="suspect")
    assert error.sentence("ja") == "https://clinic.example/ にコラムはありません（要確認）。"
    assert str(error).startswith("https://clinic.example/ holds no column (suspect); `archive captures")
    nested = errors.UsageError("in_settings", path="a.toml", problem=errors.UsageError("no_start", number=2))
    assert str(nested) == "a.toml: [[site]] number 2 needs `start`, the address of its column listing."
    assert pickle.loads(pickle.dumps(nested)).sentence("ja") == nested.sentence("ja")


@pytest.mark.parametrize("key", ENGLISH["fault"])
def test_what_a_capture_says_is_read_back_and_put_in_japanese(key: str) -> None:
    values = {name: f"{name} of https://a.example/x?y=1." for name in fields(ENGLISH["fault"][key])}
    assert locale.translated("ja", locale.fault(key, **values)) == locale.text("ja", f"fault.{key}", **values)
    assert locale.translated("en", locale.fault(key, **values)) == locale.fault(key, **values)


def test_a_sentence_that_is_none_of_ours_stays_as_it_is() -> None:
    assert locale.translated("ja", "Something else: 3.") == "Something else: 3."


def test_each_fault_is_used_and_each_next_step_belongs_to_an_outcome() -> None:
    assert set(ENGLISH["fault"]) <= constants()
    assert set(ENGLISH["progress"]) <= constants()
    assert set(ENGLISH["problem"]) <= constants() | {key.removeprefix("problem.") for key in constants()}
    assert set(ENGLISH["next_step"]) <= set(ENGLISH["outcome"])
