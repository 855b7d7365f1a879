"""Datasette's own pages on an archive, what readers may see, and where the pages live."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from browser import sample
from datasette.app import Datasette

from columnarchive import locale
from columnarchive.browse.datasette_tables import tables as described
from columnarchive.browse.rendering import PageRequest, language, web
from columnarchive.browse.views import ROUTES
from columnarchive.diff import LEVELS

HOME = "/-/archive"
NANBYO = quote(sample.NANBYO)
IS_NEW = not hasattr(Datasette, "ensure_permissions")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.copy(tmp_path_factory, "whatever.db")


def ask(files: list[Path], paths: list[str], actor: str = "", **options: Any) -> list[Any]:
    async def run() -> list[Any]:
        datasette = Datasette([str(file) for file in files], **options)
        await datasette.invoke_startup()
        cookies = {}
        if actor:
            cookies["ds_actor"] = datasette.sign({"a": {"id": actor}}, "actor")
        return [await datasette.client.get(path, cookies=cookies) for path in paths]

    return asyncio.run(run())


def rules(block: dict[str, Any]) -> dict[str, Any]:
    """Permissions in the way of either version."""
    return {"config": block} if IS_NEW else {"metadata": block}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("難病", True),
        ("治", True),
        ("幹細胞治療", True),
        ("98,000円", True),
        ('"zz(', False),
        ("IL-10", True),
        ("zzzz", False),
    ],
)
def test_stock_search_box_is_exact(archive: Path, query: str, found: bool) -> None:
    (response,) = ask([archive], [f"/whatever/articles.json?_search={quote(query)}&_shape=array&_size=100"])
    urls = {row["url"] for row in response.json()}
    texts = [
        unicodedata.normalize("NFKC", f"{row['title']}\n{row['text']}\n{row['removed_text']}")
        for row in response.json()
    ]
    assert response.status_code == 200
    assert bool(urls) is found
    assert all(unicodedata.normalize("NFKC", query).lower() in text.lower() for text in texts)


def test_a_database_that_is_no_archive_keeps_its_own_search(archive: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as conn:
        conn.execute("create table notes(text)")
        conn.execute('create virtual table notes_fts using fts5(text, content="notes")')
        conn.execute("insert into notes(rowid, text) values (1, 'plain words')")
        conn.execute("insert into notes_fts(rowid, text) values (1, 'plain words')")
    found, home, pages = ask([other, archive], ["/other/notes.json?_search=words&_shape=array", "/other/notes", HOME])
    assert len(found.json()) == 1
    assert "tables.css" not in home.text
    assert pages.status_code == 200
    (alone,) = ask([other], [HOME])
    assert alone.status_code == 404


def test_two_archives_are_told_apart(archive: Path, tmp_path: Path) -> None:
    second = sample.build(tmp_path / "second.db", sample.gone(), site="second.example")
    first_page, second_page = ask([archive, second], [HOME, f"{HOME}?db=second"])
    assert sample.SITE in first_page.text
    assert "second.example" in second_page.text
    assert "db=second" in second_page.text


def test_tables_are_described_and_inner_ones_hidden(archive: Path) -> None:
    changes, listing, query = ask(
        [archive], ["/whatever/changes", "/whatever.json", "/whatever/prices_changed.json?_shape=array"]
    )
    assert "The words" not in changes.text
    assert described()["changes"]["columns"]["level"] in changes.text
    assert f'href="{HOME}?label=price"' in changes.text
    assert f'href="{HOME}/change?id=' in changes.text
    assert "label=" in changes.text
    hidden = {table["name"] for table in listing.json()["tables"] if table["hidden"]}
    assert {"bodies", "chain", "hosts", "meta", "revision_passages", "articles_fts"} <= hidden
    assert {"articles", "changes", "captures", "sites"}.isdisjoint(hidden)
    assert any("hiza" in row["url"] for row in query.json())
    with sqlite3.connect(archive) as conn:
        tables = {row[0] for row in conn.execute("select name from sqlite_master where type = 'table'")}
        for table in tables:
            if not table.startswith(("articles_fts", "sqlite_", "_")):
                columns = {row[1] for row in conn.execute(f"pragma table_info([{table}])")} - {"id"}
                assert table not in described() or set(described()[table]["columns"]) == columns, table


def test_saved_queries_run(archive: Path) -> None:
    names = ("claims_softened", "risk_notices_removed", "prices_changed", "copied_passages", "pages_gone")
    for name, response in zip(names, ask([archive], [f"/whatever/{name}" for name in names]), strict=True):
        assert response.status_code == 200, name
        assert "no such" not in response.text
    assert "was-here" in ask([archive], ["/whatever/pages_gone"])[0].text


def test_front_page_and_menu_lead_to_ours(archive: Path) -> None:
    front, database = ask([archive], ["/", "/whatever"])
    assert f'href="{HOME}"' in front.text
    assert f'href="{HOME}"' in database.text
    (sent,) = ask([archive], ["/"], metadata={"plugins": {"columnarchive": {"front": True}}})
    assert sent.status_code == 302
    assert sent.headers["location"] == HOME


def test_base_url_stands_before_every_link(archive: Path) -> None:
    paths = [HOME, f"{HOME}/article?url={NANBYO}", f"{HOME}/diff?url={NANBYO}"]  # the client puts the base before them
    for response in ask([archive], paths, settings={"base_url": "/deep/er/"}):
        assert response.status_code == 200
        links = re.findall(r'(?:href|src|action)="(/[^"]*)"', response.text)
        assert links
        assert all(link.startswith("/deep/er/") for link in links)


@pytest.mark.parametrize("where", ["instance", "database", "table"])
def test_nothing_is_shown_that_datasette_would_not_show(archive: Path, where: str) -> None:
    only_root = {"allow": {"id": "root"}}
    blocks: dict[str, dict[str, Any]] = {
        "instance": only_root,
        "database": {"databases": {"whatever": only_root}},
        "table": {"databases": {"whatever": {"tables": {"articles": only_root, "captures": only_root}}}},
    }
    paths = [f"{HOME}/{route.page}?url={NANBYO}&name={sample.SITE}&q=難病".replace("/?", "?") for route in ROUTES]
    for route, response in zip(ROUTES, ask([archive], paths, **rules(blocks[where])), strict=True):
        assert response.status_code == 403, route.page
        assert "難病と幹細胞" not in response.text
    allowed = ask([archive], [HOME, f"{HOME}/article?url={NANBYO}"], actor="root", **rules(blocks[where]))
    assert [response.status_code for response in allowed] == [200, 200]


def test_every_label_has_a_name() -> None:
    assert set(locale.catalogue("en")["label"]) == set(locale.catalogue("ja")["label"]) == set(LEVELS)


def test_pages_load_neither_a_crawler_nor_a_parser() -> None:
    code = (
        "import sys, columnarchive.browse, columnarchive.browse.views\n"
        "bad = [n for n in sys.modules if n.startswith(('columnarchive.crawl', 'columnarchive.extract', "
        "'columnarchive.pipeline', 'columnarchive.exchange', 'selectolax'))]\n"
        "assert not bad, bad\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_plugin_itself_is_light() -> None:
    code = "import sys, columnarchive.browse; assert not [n for n in sys.modules if n == 'columnarchive.reader']"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_language_and_addresses() -> None:
    assert [language("", said) for said in ("ja", "en-US,en;q=0.9", "fr", "en;q=0.5,ja;q=0.9", "*", "", ";;q=x")] == [
        "ja", "en", "en", "ja", "en", "ja", "en",
    ]  # fmt: skip
    assert language("en", "ja") == "en"
    refused = ("javascript:alert(1)", " JavaScript:x", "//x", "data:a", "http://[", "")
    assert [web(url) for url in (*refused, "https://a.jp/")] == [*[""] * len(refused), "https://a.jp/"]
    one = PageRequest("diff", "ja", {"start": "-1", "n": "９"}, {"lang": "ja"}, "", str, str)
    assert (one.number("start", 9), one.number("n", 9)) == (0, 0)
    assert one.link("diff", url="a&b", from_="1") == "/-/archive/diff?url=a%26b&from=1&lang=ja"
