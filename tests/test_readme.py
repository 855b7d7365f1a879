"""README documents what there is: each command, each JSON key, each outcome and label."""

from __future__ import annotations

import re
from pathlib import Path

from typer.main import get_command

from columnarchive.cli.app import app
from columnarchive.diff import LEVELS
from columnarchive.records import OUTCOMES

COMMANDS = get_command(app).commands  # type: ignore[attr-defined]

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_each_command_is_documented_and_no_other() -> None:
    commands = set(COMMANDS)
    documented = set(re.findall(r"^\| `archive (\w+)", README, re.MULTILINE))
    assert documented == commands


def test_each_command_has_help_with_an_example() -> None:
    for name, command in COMMANDS.items():
        assert command.help.split("\n\n")[0].strip(), name
        assert f"Example: archive {name}" in command.help, name


def test_each_option_of_a_command_is_named() -> None:
    """In its row of the table, but those that every command has."""
    for name in COMMANDS:
        row = next(line for line in README.splitlines() if line.startswith(f"| `archive {name}"))
        for parameter in COMMANDS[name].params:
            option = max(getattr(parameter, "opts", [""]), key=len)
            if option.startswith("--") and option not in ("--help", "--tz", "--db"):
                assert option in row or option.removeprefix("--") in re.findall(r"[\w-]+", row), (name, option)


def test_each_outcome_is_documented() -> None:
    for outcome in OUTCOMES:
        assert f"`{outcome}`" in README


def test_each_label_is_documented_with_its_level() -> None:
    section = README.split("### Labels and levels of a change\n")[1].split("Labels say")[0]
    levels = re.split(r"(?:^|·)\s*\d ", section.strip())[1:]
    documented = {label: level for level, text in enumerate(levels) for label in re.findall(r"\w+", text)}
    assert documented == LEVELS


def test_the_first_screen_says_what_it_is_for_and_shows_real_output() -> None:
    first = README.splitlines()[:45]
    assert any("clinic" in line for line in first[:8])
    assert any("archive demo" in line for line in first)
    assert any("難病" in line for line in first)
