"""A page read by a template at hand says the same as one that was read to learn it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from columnarchive.extract.outlines import Outline, Places
from columnarchive.extract.saved_pages import learn, open_page, read_page, read_pages

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"


@pytest.mark.skipif(not CORPUS.exists(), reason="the shared corpus is not here")
@pytest.mark.parametrize("name", ["fukui-law-saimuseiri", "nishifuna-seitai.jp", "pa-ra.com", "sunny-career"])
def test_same_articles_alone_and_with_the_pages_that_taught_the_template(name: str) -> None:
    site = CORPUS / "sites" / name
    files = [(str(path), path.read_bytes(), "") for path in sorted(site.rglob("*.html"))]
    wanted = {
        str(site / column) for column in json.loads((site / "manifest.json").read_text(encoding="utf-8"))["columns"]
    }
    files = sorted(files, key=lambda file: file[0] not in wanted)[:80]
    places = Places()
    model = learn(
        [page for _, body, kind in files if isinstance(page := open_page(body, kind, places), Outline)], places
    )
    columns = [file for file in files if file[0] in wanted]
    whole = read_pages(columns, files)
    assert [read_page(*file, model) for file in columns] == whole
