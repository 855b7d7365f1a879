"""Markdown read back by markdown-it and PyYAML, Atom by feedparser; names that no file system confuses."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
import xml.etree.ElementTree as ElementTree
from pathlib import Path, PureWindowsPath

import clinic_archive
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from reading import opened

from columnarchive import reader
from columnarchive.exchange import markdown
from columnarchive.pipeline.export import ExportRequest
from columnarchive.pipeline.export import export as publish
from columnarchive.records import Block, Edit, Span
from columnarchive.times import interval

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
URLS = st.builds("https://clinic.example/{}".format, st.text(max_size=60))
ATOM = {"": "http://www.w3.org/2005/Atom"}


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clinic_archive.path(tmp_path_factory)


def _text(tokens: list[Token]) -> str:
    said = ""
    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            said += "\n"
        elif token.children is not None:
            said += _text(token.children) + "\n"
        else:
            assert token.type not in ("html_block", "html_inline", "code_block", "fence", "image", "hr"), token
            said += token.content
    return said


def rendered(text: str) -> str:
    """The text a Markdown reader shows, its white space made one."""
    return " ".join(_text(PARSER.parse(text)).split())


def words(*texts: str) -> str:
    return " ".join(" ".join(texts).split())


KINDS = st.sampled_from(["heading", "paragraph", "item", "row", "question", "answer", "quote", "caption"])
PIECES = [*"あa1. -#>*_`[]()<>!&;|~=+\\:\n\t「」%$\u3000", "&amp;", "http://a", "---", "1. ", "* * *", "- [ ] "]
SIGNS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
BLOCKS = st.lists(st.builds(Block, KINDS, SIGNS, st.integers(0, 8)), max_size=6)


@given(BLOCKS)
def test_text_stays_text(blocks: list[Block]) -> None:
    """Whatever a page says, a Markdown reader shows just that, and no markup or HTML comes of it."""
    shown = rendered(markdown.body(blocks))
    assert "".join(shown.split()) == "".join("".join(block.text.split()) for block in blocks)


@given(st.text(), st.text())
def test_front_matter_is_read_as_it_was_written(title: str, author: str) -> None:
    title, author = (text.encode("utf-8", "ignore").decode() for text in (title, author))
    front = markdown.front_matter((("title", title), ("author", author), ("revision", 3)))
    assert front.startswith("---\n")
    assert front.endswith("\n---\n")
    assert yaml.safe_load(front[4:-4]) == {"title": title, "author": author, "revision": 3}
    assert markdown.unquoted(markdown.quoted(title)) == title


FACTS = (
    *("title", "url", "site", "published_on", "modified_on", "author", "supervisor", "state", "revision"),
    *("first_seen_at", "changed_at", "last_seen_at", "fingerprint", "body_sha256"),
)


def test_each_article_is_a_file_that_equals_the_database(db: Path, tmp_path: Path) -> None:
    with opened(db) as conn:
        said = str(publish(conn, ExportRequest("markdown", tmp_path / "out")))
    (count,) = sqlite3.connect(db).execute("select count(*) from articles").fetchone()
    assert said.startswith(f"{count} articles in")
    found = {}
    for path in (tmp_path / "out").rglob("*"):
        if path.is_dir():
            continue
        _, front, text = path.read_text(encoding="utf-8").split("---\n", 2)
        facts = yaml.safe_load(front)
        assert path.name == markdown.file_name(facts["url"])
        assert path.parent.name == facts["site"]
        assert tuple(facts) == FACTS
        found[facts["url"]] = (*facts.values(), text)
    rows = sqlite3.connect(db).execute(
        """select a.title, a.url, site, a.published_on, a.modified_on, a.author, a.supervisor, state, revisions,
                  a.first_seen_at, changed_at, a.last_seen_at, r.fingerprint, r.body_sha256, text
           from articles a join revisions r on article_id = a.id and number = revisions"""
    )
    for *facts, text in rows:
        shown = found.pop(facts[1])
        assert list(shown[:-1]) == facts
        assert rendered(shown[-1]).replace(" ", "") == words(facts[0], text).replace(" ", "")
    assert not found


def test_a_folder_follows_the_archive_and_leaves_notes_alone(tmp_path: Path) -> None:
    def page(number: int, text: str = "文。") -> markdown.MarkdownPage:
        url = f"https://clinic.example/column/{number}/"
        return markdown.MarkdownPage(url, "clinic.example", markdown.front_matter((("url", url),)) + text)

    assert markdown.update_folder(tmp_path, [page(1), page(2)]) == markdown.FolderUpdate(2, 2, 0)
    note = tmp_path / "clinic.example" / "note.md"
    forged = tmp_path / "clinic.example" / f"mine-{'a' * 16}.md"
    for path in (note, forged):
        path.write_text('---\nurl: "https://clinic.example/column/1/"\n---\nmine')
    changed = markdown.update_folder(tmp_path, [page(1), page(2, "別の文。")])
    assert changed == markdown.FolderUpdate(2, 1, 0)
    assert markdown.update_folder(tmp_path, [page(2, "別の文。")]) == markdown.FolderUpdate(1, 0, 1)
    assert sorted(path.name for path in note.parent.iterdir()) == sorted(
        [note.name, forged.name, markdown.file_name(page(2).url)]
    )
    assert markdown.update_folder(tmp_path, [], site="other.example") == markdown.FolderUpdate(0, 0, 0)
    assert markdown.update_folder(tmp_path, [], site="clinic.example") == markdown.FolderUpdate(0, 0, 1)


@given(URLS)
def test_a_name_is_safe_on_every_system(url: str) -> None:
    url = url.encode("utf-8", "ignore").decode()
    name = markdown.file_name(url)
    assert markdown._FILE_NAME.fullmatch(name)
    assert not re.search(r'[<>:"/\\|?*\x00-\x1f]', name)
    assert not PureWindowsPath(name).is_reserved()
    assert len(name.encode()) <= 200
    assert name == unicodedata.normalize("NFC", name)
    assert not name.startswith((".", "-"))


@given(st.text(max_size=80))
def test_a_sites_folder_stays_a_folder_inside(site: str) -> None:
    site = site.encode("utf-8", "ignore").decode()
    name = markdown.folder_name(site)
    assert name not in ("", ".", "..")
    assert not re.search(r'[<>:"/\\|?*\x00-\x1f]', name)
    assert not PureWindowsPath(name).is_reserved()
    assert not name.endswith((".", " "))


def test_names_that_a_file_system_would_confuse_differ() -> None:
    urls = [
        "https://c.example/column/A", "https://c.example/column/a", "https://c.example/column/a/",
        "https://c.example/column/a?p=1", "https://c.example/column/a.html", "https://c.example/column/%41",
        "https://c.example/が", "https://c.example/か\u3099", "https://c.example/con", "https://c.example/..%2f..%2fa",
    ]  # fmt: skip
    made = [markdown.file_name(url).casefold() for url in urls]
    assert len({unicodedata.normalize("NFD", name) for name in made}) == len(urls)
    assert markdown.folder_name("clinic.example") == "clinic.example"
    for odd in ("../etc", "con", "CON.example", "aux.example", "", "a/b", "A.example", "a..b", ".git", "nul"):
        assert markdown.folder_name(odd) != odd
    assert markdown.file_name("https://c.example/%E9%9B%A3%E7%97%85/").startswith("難病-")


def _contents(path: Path) -> list[str]:
    return [found.text or "" for found in ElementTree.parse(path).findall("entry/content", ATOM)]


def _without(item: ElementTree.Element, tag: str) -> str:
    """The text of a list's item without what was put in, or without what was taken out."""
    rest = (("" if part.tag == tag else part.text or "") + (part.tail or "") for part in item)
    return (item.text or "") + "".join(rest)


def _edits(db: Path, change: int) -> list[tuple[str, str]]:
    query = "select old_text, new_text from edits where change_id = ? order by position"
    return sqlite3.connect(db).execute(query, (change,)).fetchall()


def test_a_feed_reader_finds_each_change(db: Path, tmp_path: Path) -> None:
    feedparser = pytest.importorskip("feedparser", reason="feedparser not installed, as one of the readers")
    with opened(db) as conn:
        publish(conn, ExportRequest("atom", tmp_path / "changes.atom"))
        rows = reader.Reader(conn).changes(reader.ChangeFilter())
    feed = feedparser.parse(str(tmp_path / "changes.atom"))
    assert not feed.bozo
    assert feed.feed.updated == rows[0].seen_at
    assert [(entry.link, entry.updated, entry.title, entry.author, entry.summary) for entry in feed.entries] == [
        (row.url, row.seen_at, row.title, row.site, f"{interval(row.after_at, row.seen_at, 'en')}: {row.summary}")
        for row in rows
    ]
    assert [tuple(tag.term for tag in entry.get("tags", [])) for entry in feed.entries] == [row.labels for row in rows]
    assert len({entry.id for entry in feed.entries}) == len(rows) > 10
    shown = [
        [(_without(item, "ins"), _without(item, "del")) for item in ElementTree.fromstring(content).iter("li")]
        for content in _contents(tmp_path / "changes.atom")
    ]
    assert shown == [_edits(db, row.id) for row in rows]
    assert sum(old != new for edits in shown for old, new in edits) > 20


def test_a_feed_can_be_limited_and_is_the_same_again(db: Path, tmp_path: Path) -> None:
    with opened(db) as conn:
        publish(conn, ExportRequest("atom", tmp_path / "a.atom", limit=5))
        publish(conn, ExportRequest("atom", tmp_path / "b.atom", limit=5))
    assert (tmp_path / "a.atom").read_bytes() == (tmp_path / "b.atom").read_bytes()
    assert len(ElementTree.parse(tmp_path / "a.atom").findall("entry", ATOM)) == 5


@given(said=st.text(), other=st.text())
def test_a_feed_is_xml_whatever_a_page_says(tmp_path_factory: pytest.TempPathFactory, said: str, other: str) -> None:
    path = tmp_path_factory.getbasetemp() / "odd.atom"
    edit = Edit("edited", said, other, (Span("delete", said), Span("insert", other)), (), 1)
    entry = markdown.Entry(said, other, said, "edit", "2026-01-01T00:00:00Z", (said,), other, (edit,))
    markdown.write(path, markdown.Feed("urn:x", said, "2026-01-01T00:00:00Z"), [entry])
    content = ElementTree.parse(path).find("entry/content", ATOM)
    assert content is not None
    inner = ElementTree.fromstring((content.text or "").replace("&#x27;", "'").replace("&quot;", '"'))
    assert {element.tag for element in inner.iter()} <= {"div", "p", "ul", "li", "del", "ins"}
