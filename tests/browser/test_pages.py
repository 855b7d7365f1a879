"""Each page in headless Chromium: in both languages, wide and narrow, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

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
    "numbered": f"/article?url={NANBYO}&numbers=1",
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


@pytest.mark.parametrize("name", PAGES)
def test_page_in_print(chromium: Any, address: str, name: str) -> None:
    for language in ("ja-JP", "en-US"):
        page = chromium.new_page(viewport={"width": 718, "height": 1047}, locale=language, color_scheme="dark")  # A4
        page.goto(address + PAGES[name])
        page.emulate_media(media="print")
        assert page.evaluate("document.documentElement.scrollWidth") <= 718, f"{name} on paper"
        controls = page.locator("button, input, select, textarea, iframe, .top nav, .switches, .pager").all()
        assert [one.evaluate("one => one.outerHTML") for one in controls if one.is_visible()] == []
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        for tag, line in (("ins", "underline"), ("del", "line-through")):  # printers leave out backgrounds
            lines = page.locator(f"main {tag}").evaluate_all(
                "all => all.map(one => getComputedStyle(one).textDecorationLine)"
            )
            assert set(lines) <= {line}, f"{name} {tag}"
        assert len(page.pdf(format="A4")) > 5000
        page.close()


SIZES = [(language, width) for language in ("ja", "en") for width in (360, 1280)]


@pytest.mark.parametrize(("language", "width"), SIZES)
def test_controls_of_the_list_of_changes(chromium: Any, address: str, language: str, width: int) -> None:
    page = opened(chromium, address, language, width)
    for at in range(page.locator(".levels a").count()):
        follow(page, page.locator(".levels a").nth(at))
        fits(page, width)
        number = int(page.locator(".levels a").nth(at).locator(".n").inner_text())
        assert page.locator("article.change").count() == min(number, 20)
    page.goto(address)
    follow(page, page.locator(".switch a").nth(1))
    assert page.locator(".day").count() > 0
    fits(page, width)
    page.locator(".filters summary").click()
    fits(page, width)
    first = page.locator(".labels a").first
    number = int(first.locator(".n").inner_text())
    follow(page, first)
    assert page.locator("article.change").count() == min(number, 20)
    follow(page, page.locator(".filtered a"))
    page.locator(".filters summary").click()
    page.locator("input[name=text]").fill("98,000")
    follow(page, page.locator(".filters button"))
    assert page.locator("article.change").count() >= 1
    assert "98,000" in page.locator(".filtered").inner_text()
    fits(page, width)
    table = page.request.get(urljoin(page.url, page.locator("a[href*='/changes?']").first.get_attribute("href")))
    assert table.ok
    assert "98,000" in table.text()
    page.close()


@pytest.mark.parametrize(("language", "width"), SIZES)
def test_controls_of_a_difference_and_citations(chromium: Any, address: str, language: str, width: int) -> None:
    page = opened(chromium, f"{address}/diff?url={KANZOU}", language, width)
    for at in range(page.locator(".switches a").count()):
        follow(page, page.locator(".switches a").nth(at))
        fits(page, width)
        assert page.locator(".edit").count() > 0
    page.locator(".choose select").first.select_option(index=0)
    follow(page, page.locator(".choose button"))
    fits(page, width)
    follow(page, page.locator(".edit-tools a").first)
    assert page.evaluate("document.querySelector(':target').className").startswith(("edit", "pair"))
    follow(page, page.locator(".edit-tools a[href*='/cite']").first)
    fits(page, width)
    assert [one.get_attribute("lang") for one in page.locator(".citation").all()] == ["ja", "en"]
    assert all("SHA-256" in one.inner_text() for one in page.locator(".citation").all())
    follow(page, page.locator(".tools a").first)
    assert "/diff?" in page.url
    page.close()


@pytest.mark.parametrize(("language", "width"), SIZES)
def test_controls_of_a_column_and_links_to_its_sentences(
    chromium: Any, address: str, language: str, width: int
) -> None:
    page = opened(chromium, f"{address}/article?url={NANBYO}", language, width)
    for summary in page.locator("summary").all():
        summary.click()
        fits(page, width)
    text = page.locator(".body span.young").first.inner_text()
    follow(page, page.locator("a[href*='numbers=1']"))
    fits(page, width)
    follow(page, page.locator(".body span.young .anchor").first)
    assert page.locator(":target").inner_text() == text
    assert page.evaluate("getComputedStyle(document.querySelector(':target')).backgroundColor") != "rgba(0, 0, 0, 0)"
    fits(page, width)
    follow(page, page.locator("a.since").first)
    assert "/diff?" in page.url
    follow(page, page.locator("a.language"))
    assert page.evaluate("document.documentElement.lang") == {"ja": "en", "en": "ja"}[language]
    page.close()


@pytest.mark.parametrize(("language", "width"), SIZES)
def test_controls_of_search_sites_and_statements(chromium: Any, address: str, language: str, width: int) -> None:
    page = opened(chromium, f"{address}/search", language, width)
    page.locator("#q").fill("必ず治ります")
    page.locator("select[name=scope]").select_option("removed")
    follow(page, page.locator(".searchbox button"))
    fits(page, width)
    assert page.locator(".hit").count() == 1
    page.goto(f"{address}/sites")
    follow(page, page.locator("main .cards a").first)
    assert page.locator("h1").inner_text() == "しらかばクリニック"
    for summary in page.locator("summary").all():
        summary.click()
        fits(page, width)
    page.goto(f"{address}/observations")
    page.locator("select[name=kind]").select_option("cost")
    follow(page, page.locator("main form.inline button"))
    fits(page, width)
    page.goto(f"{address}/observation?site={sample.SITE}&kind=cost")
    follow(page, page.locator("main form.inline button"))
    fits(page, width)
    page.close()


def opened(chromium: Any, where: str, language: str, width: int) -> Any:
    """Return a page in a language and of a width."""
    locale = {"ja": "ja-JP", "en": "en-US"}[language]
    page = chromium.new_page(viewport={"width": width, "height": 800}, locale=locale)
    page.goto(where)
    return page


def follow(page: Any, control: Any) -> None:
    """Click a link or a button, and wait for the page that it leads to."""
    with page.expect_navigation():
        control.click()


def fits(page: Any, width: int) -> None:
    """Fail if the page scrolls sideways."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url


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
