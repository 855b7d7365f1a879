"""Datasette's own search box and `archive search --count` give the same counts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote

import clinic_archive
import pytest
from datasette.app import Datasette
from reading import opened

from columnarchive import reader

QUERIES = (
    "難病",
    "治",
    "幹細胞治療",
    "98,000円",
    "128,000円",
    "IL-10",
    "TGF-β",
    "ｲﾝｽﾘﾝ",
    "インスリン",
    "iPS細胞",
    "必ず治ります",
    '"効果には個人差があります"',
    "免疫 再生",
    "免疫 OR 肝臓",
    "再生 -難病",
    "髙橋",
    "㈱",
    "存在しない言葉",
    "title:免疫",
    "10時〜17時",
)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clinic_archive.copy(tmp_path_factory)


def test_twenty_queries_count_the_same(archive: Path) -> None:
    assert len(QUERIES) == 20

    async def boxes() -> dict[str, int]:
        datasette = Datasette([str(archive)])
        await datasette.invoke_startup()
        found = {}
        for query in QUERIES:
            path = f"/a/articles.json?_search={quote(query)}&_shape=array&_size=max&_col=url"
            found[query] = len((await datasette.client.get(path)).json())
        return found

    with opened(archive) as conn:
        ours = {query: reader.Reader(conn).count(query) for query in QUERIES}
    assert asyncio.run(boxes()) == ours
    assert ours["難病"] > 1
    assert ours["存在しない言葉"] == 0
