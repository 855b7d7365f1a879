"""A settings file in TOML whose mistakes are told with file, line, key and what was probably meant."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from columnarchive.errors import UsageError

MAX_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the file: the top (no name), or the `number`th one of a name, like the second `[[site]]`."""

    path: Path
    text: str
    values: dict[str, Any]
    name: str = ""
    number: int = 1

    def tables(self, name: str) -> tuple[Table, ...]:
        """The tables of a name, written `[name]` or `[[name]]`."""
        given = self.values.get(name, [])
        found = [given] if isinstance(given, dict) else given
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise self.wrong(name, f"is written as [[{name}]], with its settings in the lines below")
        return tuple(Table(self.path, self.text, one, name, number) for number, one in enumerate(found, 1))

    def check(self, known: Collection[str], elsewhere: Collection[str] = (), where: str = "") -> None:
        """UsageError for a key that is not known; keys known `elsewhere` belong there."""
        for key in self.values:
            if key in known:
                continue
            if key in elsewhere:
                raise self.wrong(key, f"stands in the wrong place: it belongs {where}")
            raise self.wrong(key, f"is an unknown setting {key!r}{meant(key, known)}")

    def wrong(self, key: str, said: str) -> UsageError:
        """An error about a key, as a sentence that begins with where it stands."""
        line = self._line(key)
        table = f", {self.name} {self.number}" if self.name else ""
        return UsageError(f"{self.path}{table}{f', line {line}' if line else ''}: `{key}` {said}.")

    def _line(self, key: str) -> int:
        """The line a key stands in; that of the table's head where the key cannot be seen, 0 without either."""
        count, head, within = 0, 0, not self.name
        for number, line in enumerate(self.text.splitlines(), 1):
            if found := re.match(r"\s*\[{1,2}\s*([\w\"'-]+)([^\]]*)\]", line):
                name, rest = found[1].strip("\"'"), found[2].strip(" .\"'")
                if name == self.name and not rest:
                    count += 1
                    within = count == self.number
                    head = number if within else head
                elif name == key and (not self.name or (within and name == self.name)):
                    return number
                elif not (within and name == self.name):
                    within = False
                elif rest == key:  # [site.kinds]
                    return number
            elif within and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line):
                return number
        return head


def read(path: Path) -> Table | None:
    """The top of a settings file; None without one. UsageError, one sentence, for what is no TOML."""
    try:
        # Editors on Windows put a byte order mark before the text.
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}, line {line}: it cannot be read as UTF-8; save the file in that encoding.") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path} is larger than {MAX_BYTES // 1_000_000} MB, so it is not a settings file.")
    return parsed(text, path)


def parsed(text: str, path: Path) -> Table:
    """The top of the settings that a text holds."""
    try:
        return Table(path, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        said, _, place = str(error).removesuffix(")").rpartition(" (at ")
        line = re.match(r"line (\d+)", place)
        where = f", line {line[1]}" if line else ""
        raise UsageError(f"{path}{where} is not valid TOML: {said or place}.") from error
    except RecursionError:
        raise UsageError(f"{path} is not a settings file: its values are nested too deeply.") from None


def meant(word: str, known: Collection[str]) -> str:
    """What a mistyped word was probably meant to be, for the end of a sentence; what there is when nothing is near."""
    near = difflib.get_close_matches(word.lower(), known, 1, 0.6)
    return f"; did you mean `{near[0]}`?" if near else f"; it may be one of {', '.join(sorted(known))}"
