"""Sites whose pages have the markup of real ones, for benchmarks: a page of ../shared/corpus with other words in it.

A checked text (`gold.json`) tells which stretches of a page are its article's; those become slots, and every page of
the site fills them with real sentences of about the same length, so that a page weighs what it did. Title and own
address are put in wherever the page had its own; its other links lead elsewhere, out of what is crawled. Nothing of
these pages is kept: they are made anew at each run.
"""

from __future__ import annotations

import gzip
import html
import json
import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from urllib.parse import urljoin

KANA = re.compile("[ぁ-ヿ]")
BETWEEN = re.compile(r"(?<=>)([^<>]+)(?=<)")
LINK = re.compile(r"""(?i)(<a\b[^>]*\bhref=["'])([^"'\0]*)""")
WORDS = re.compile(r"\s+")


@cache
def frames(corpus: Path) -> list[dict[str, str]]:
    """The Japanese pages with a checked text: `html`, `title`, `text`, `url` each."""
    found = []
    for gold in [corpus / "articles" / "gold.json", *sorted((corpus / "sites").glob("*/gold.json"))]:
        for page in json.loads(gold.read_text(encoding="utf-8")):
            source = (gold.parent / page["file"]).read_bytes().decode(page["decoded_with"], "replace")
            if KANA.search(page["text"]) and len(page["text"]) > 300:
                found.append({"html": source, "title": page["title"], "text": page["text"], "url": page["url"]})
    return found


@cache
def sentences(corpus: Path) -> list[str]:
    """The corpus' Japanese sentences."""
    with gzip.open(corpus / "sentences.txt.gz", "rt", encoding="utf-8") as lines:
        return [line.strip() for line in lines]


class Framed:
    """One site: `pages` maps each path to its HTML; `origin` begins their addresses."""

    def __init__(self, number: int, origin: str, columns: int, corpus: Path) -> None:
        self.chance = random.Random(number)
        self.sentences, self.origin = sentences(corpus), origin
        self.frame = frames(corpus)[number % len(frames(corpus))]
        elsewhere = self.frame["url"] or "https://clinic.example/"
        self.source = LINK.sub(
            lambda found: found[1] + urljoin(elsewhere, html.unescape(found[2])),
            self.frame["html"].replace(elsewhere, "\0address\0"),
        )
        titles = {f"/column/{1000 + at * 7}.html": self._title() for at in range(columns)}
        self.pages = {path: self._page(path, title, self._words) for path, title in titles.items()}
        links = "<br>".join(f'<a href="{path}">{title}</a>' for path, title in titles.items())
        longest = max(self._slots(), default=0)
        rest = iter([links])
        self.pages["/column/"] = self._page(
            "/column/", "コラム一覧", lambda said: next(rest, "") if said == longest else ""
        )

    def _title(self) -> str:
        return self.chance.choice(self.sentences)[: self.chance.randint(12, 32)] + str(self.chance.randrange(1000))

    def _words(self, length: int) -> str:
        said = ""
        while len(said) < length:
            said += self.chance.choice(self.sentences)
        return html.escape(said[:length] if length < 40 else said)

    def _slots(self) -> list[int]:
        """The length in signs of each stretch of the page that is its article's."""
        found: list[int] = []
        self._page("", "", lambda length: str(found.append(length)))
        return found

    def _page(self, path: str, title: str, filled: Callable[[int], str]) -> str:
        told = WORDS.sub("", self.frame["text"])

        def slot(found: re.Match[str]) -> str:
            said = WORDS.sub("", html.unescape(found[1]))
            return filled(len(said)) if KANA.search(said) and said in told else found[1]

        head, body, rest = re.split(r"(?i)(<body\b)", self.source, maxsplit=1)
        page = head + body + BETWEEN.sub(slot, rest)
        for old in {self.frame["title"], html.escape(self.frame["title"])} - {""}:
            page = page.replace(old, html.escape(title))
        page = re.sub(r'(?i)(<link[^>]*rel="canonical"[^>]*href=")[^"]*', rf"\g<1>{self.origin}{path}", page)
        page = re.sub(r'(?i)<link rel="next"[^>]*>', "", page)  # a column in parts, of which there is one here
        return page.replace("\0address\0", self.origin + path)
