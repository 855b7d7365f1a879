"""Each page in headless Chromium: in both languages, wide and narrow, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from browser import sample, serving
from columnarchive.store import sites
from columnarchive.store.database import Database

pytest.importorskip("playwright", reason="playwright is not installed; `pip install -e '.[browser]'`")
pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(not serving.chromium(), reason="Chromium is not installed; `apt-get install chromium`"),
]

NANBYO, HOSTILE, GONE = quote(sample.NANBYO), quote(sample.HOSTILE), quote(sample.GONE)
KANZOU = quote(f"{sample.BASE}/column/kanzou-saisei/")
PAGES = {
    "home": "",
    "newest": "?order=newest&since=2025-12-01&text=" + quote("治"),
    "unread": "?mark=unread&level=2",
    "cite": f"/cite?url={NANBYO}",
    "articles": "/articles",
    "article": f"/article?url={NANBYO}",
    "old": f"/article?url={KANZOU}&revision=2",
    "gone": f"/article?url={GONE}",
    "hostile": f"/article?url={HOSTILE}",
    "diff": f"/diff?url={NANBYO}",
    "side": f"/diff?url={KANZOU}&view=side&show=all",
    "hostile-diff": f"/diff?url={HOSTILE}&view=side",
    "search": f"/search?q={quote('難病')}",
    "sites": "/sites",
    "site": f"/site?name={sample.SITE}",
    "copies": "/copies",
    "statements": "/observations",
    "statements-of-a-site": f"/observations?site={sample.SITE}",
    "statements-lacking": "/observations?kind=cost&lacking=1",
    "statement": f"/observation?site={sample.SITE}&kind=risks",
    "captures": f"/captures?url={NANBYO}",
    "capture": f"/capture?url={HOSTILE}",
    "withdrawn": f"/article?url={quote(sample.WITHDRAWN)}",
    "no-hits": f"/search?q={quote('不在語句')}&scope=removed",
    "one-revision": f"/diff?url={GONE}",
}
EMPTY = ("", "/articles", "/sites", "/copies", "/observations", f"/search?q={quote('難病')}")


@pytest.fixture(scope="module")
def tracked() -> Iterator[tuple[str, list[str]]]:
    with serving.counting() as server:
        yield server


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, tracked: tuple[str, list[str]]) -> Iterator[str]:
    path: Path = tmp_path_factory.mktemp("archive") / "archive.db"
    sample.build(path, [*sample.clinic(), *sample.gone(), *sample.hostile(tracked[0])])
    sample.withdraw(path)
    with serving.served(path) as url:
        yield url


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with serving.browser() as running:
        yield running


@pytest.mark.parametrize("name", PAGES)
def test_page(chromium: Any, address: str, name: str) -> None:
    look(chromium, address + PAGES[name], name)


def test_pages_of_an_empty_archive_and_of_a_new_site(chromium: Any, tmp_path: Path) -> None:
    with Database.open(tmp_path / "empty.db"), serving.served(tmp_path / "empty.db") as address:
        for where in EMPTY:
            look(chromium, address + where, f"empty {where}")
    with Database.open(tmp_path / "new.db") as db:
        with db.transaction():
            sites.ensure_site(db, "new.example", "2026-04-01T01:00:00Z", "https://new.example/column/", "新しい医院")
        with serving.served(tmp_path / "new.db") as address:
            look(chromium, f"{address}/site?name=new.example", "new site")


def look(chromium: Any, where: str, name: str) -> None:
    """Fail unless the page is as it should be in both languages, wide and narrow, light and dark."""
    from axe_playwright_python.sync_playwright import Axe

    for language, width, scheme in (
        ("ja", 1280, "light"),
        ("ja", 360, "dark"),
        ("en", 1280, "dark"),
        ("en", 360, "light"),
    ):
        context = chromium.new_context(
            viewport={"width": width, "height": 800},
            locale={"ja": "ja-JP", "en": "en-US"}[language],
            color_scheme=scheme,
        )
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message, said=said: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error, said=said: said.append(str(error)))
        page.goto(where)
        assert page.evaluate("document.documentElement.lang") == language
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} at {width}"
        found = Axe().run(page, options={"iframes": False})
        violations = [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found.response["violations"]]
        assert violations == [], f"{name} {language} {width} {scheme}"
        own = [line for line in said if "sandboxed" not in line and "replay" not in line and "410" not in line]
        # The closed frame reports what it refused, which is what it is for.
        assert name == "capture" or own == []
        context.close()


def test_japanese_glyphs_are_drawn(chromium: Any, address: str) -> None:
    page = chromium.new_page(locale="ja-JP")
    page.goto(f"{address}/article?url={NANBYO}")
    drawn = page.evaluate(
        """() => [...'難病治療再生'].map(sign => {
             const canvas = document.createElement('canvas'); canvas.width = canvas.height = 40;
             const pen = canvas.getContext('2d'); pen.font = '32px ' + getComputedStyle(document.body).fontFamily;
             pen.fillText(sign, 2, 34); return canvas.toDataURL() })"""
    )
    assert len(set(drawn)) == 6, "boxes look all the same"
    page.close()


def test_a_hostile_stored_page_stays_in_its_frame(chromium: Any, address: str, tracked: tuple[str, list[str]]) -> None:
    for name in ("capture", "replay"):
        page = chromium.new_page()
        page.goto(f"{address}/{name}?url={HOSTILE}")
        before = page.title()
        page.wait_for_load_state("networkidle")
        frame = next(frame for frame in page.frames if "/replay?" in frame.url)
        frame.locator("button").click(timeout=3000, force=True, no_wait_after=True)
        page.wait_for_timeout(500)
        assert page.title() == before
        assert page.url == f"{address}/{name}?url={HOSTILE}"
        assert len(page.context.pages) == 1
        page.close()
    assert tracked[1] == []


def test_keyboard_reaches_everything(chromium: Any, address: str) -> None:
    for name in ("home", "article", "diff", "search"):
        page = chromium.new_page()
        page.goto(address + PAGES[name])
        expected = page.evaluate(
            """() => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary')]
                 .filter(one => one.checkVisibility()).map((one, at) => one.dataset.at = at).length"""
        )
        seen = set()
        for _ in range(expected * 4):  # a date field is several stops
            page.keyboard.press("Tab")
            seen.add(page.evaluate("document.activeElement.dataset.at ?? ''"))
            if len(seen - {""}) == expected:
                break
        assert len(seen - {""}) == expected, name
        page.close()


def test_changes_are_reviewed_with_keys_and_with_the_mouse(chromium: Any, address: str) -> None:
    page = chromium.new_page(locale="ja-JP")
    page.goto(f"{address}?mark=unread&order=newest")
    cards = page.locator("article.change").count()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    first = page.evaluate("document.activeElement.id")
    assert first == page.locator("article.change").first.get_attribute("id")
    with page.expect_navigation():
        page.keyboard.press("e")
    assert page.locator("article.change").count() == cards - 1
    assert page.locator(f"#{first}").count() == 0
    page.locator("article.change").first.get_by_text("メモ").first.click()
    page.locator("textarea").first.fill("院長に確かめる")
    with page.expect_navigation():
        page.get_by_role("button", name="要追跡").first.click()
    page.goto(f"{address}?mark=follow_up")
    assert page.locator("textarea").first.input_value() == "院長に確かめる"
    with page.expect_navigation():
        page.get_by_role("button", name="印を消す").first.click()
    assert page.locator("article.change").count() == 0
    page.close()
