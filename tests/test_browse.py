"""The pages for reading, asked for through Datasette itself."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from browser import sample
from datasette.app import Datasette
from reading import opened

from columnarchive import reader
from columnarchive.diff import priority
from columnarchive.store import sites
from columnarchive.store.database import Database

HOME = "/-/archive"
NANBYO, HOSTILE, GONE = quote(sample.NANBYO), quote(sample.HOSTILE), quote(sample.GONE)
PAGES = (
    HOME, f"{HOME}/articles", f"{HOME}/article?url={NANBYO}", f"{HOME}/article?url={NANBYO}&revision=1",
    f"{HOME}/article?url={GONE}", f"{HOME}/diff?url={NANBYO}", f"{HOME}/diff?url={NANBYO}&view=side&show=all",
    f"{HOME}/diff?url={GONE}", f"{HOME}/search", f"{HOME}/search?q=難病", f"{HOME}/search?q=免疫&scope=removed",
    f"{HOME}/sites", f"{HOME}/site?name={sample.SITE}", f"{HOME}/copies", f"{HOME}/captures?url={NANBYO}",
    f"{HOME}/capture?url={NANBYO}", f"{HOME}/article?url={HOSTILE}", f"{HOME}/diff?url={HOSTILE}",
    f"{HOME}/diff?url={HOSTILE}&view=side", f"{HOME}/capture?url={HOSTILE}", f"{HOME}/search?q=script",
    f"{HOME}/observations", f"{HOME}/observations?site={sample.SITE}", f"{HOME}/observations?kind=cost&lacking=1",
    f"{HOME}/observation?site={sample.SITE}&kind=risks",
)  # fmt: skip


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.copy(tmp_path_factory, "an odd name.db")


def get(archive: Path, path: str, headers: dict[str, str] | None = None, **options: Any) -> Any:
    """The response of a fresh Datasette to one request."""
    return ask(archive, [path], headers, **options)[0]


def ask(archive: Path, paths: list[str], headers: dict[str, str] | None = None, **options: Any) -> list[Any]:
    async def run() -> list[Any]:
        datasette = Datasette([str(archive)], **options)
        await datasette.invoke_startup()
        return [await datasette.client.get(path, headers=headers or {}) for path in paths]

    return asyncio.run(run())


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))


def test_every_page_answers_in_both_languages(archive: Path) -> None:
    for language in ("ja", "en"):
        for path, response in zip(PAGES, ask(archive, list(PAGES), {"Accept-Language": language}), strict=True):
            assert response.status_code == 200, path
            assert f'<html lang="{language}">' in response.text, path
            assert response.headers["content-language"] == language
            assert "default-src 'none'" in response.headers["content-security-policy"]
            assert "undefined" not in response.text.lower()
            assert "<script" not in response.text.lower(), path


def test_what_columns_state(archive: Path) -> None:
    paths = ("observations", f"observations?site={sample.SITE}", f"observation?site={sample.SITE}&kind=risks")
    more = (
        f"observations?site={sample.SITE}&kind=cost&lacking=1",
        f"article?url={NANBYO}",
        "observations?kind=nothing",
    )
    pages = ask(archive, [f"{HOME}/{path}{'&' if '?' in path else '?'}lang=en" for path in (*paths, *more)])
    sites, columns, risks, lacking, article, wrong = (page.text for page in pages)
    with sqlite3.connect(archive) as conn:
        (stating,) = conn.execute("select count(*) from disclosures where kind = 'risks' and stands").fetchone()
        named = conn.execute("select url from disclosures where kind = 'risks' and stands").fetchall()
        without = conn.execute("select url from disclosures where kind = 'cost' and stands").fetchall()
    assert f'kind=risks&amp;lang=en">{stating}</a>' in sites
    assert all(f"{quote(url, safe='')}&amp;lang=en#kind-risks" in columns for (url,) in named)
    assert all(f"{quote(url, safe='')}&amp;lang=en#kind-risks" in risks for (url,) in named)
    assert without
    assert not any(quote(url, safe="") in lacking for (url,) in without)
    assert 'id="kind-self_pay"' in article
    assert "#:~:text=" in article
    assert "no judgement" in article
    assert pages[-1].status_code == 400
    assert "own_treatment" in wrong


def test_language_is_chosen_by_argument_and_kept_in_links(archive: Path) -> None:
    response = get(archive, f"{HOME}?lang=en", {"Accept-Language": "ja"})
    assert '<html lang="en">' in response.text
    assert f'href="{HOME}/articles?lang=en"' in response.text
    assert get(archive, HOME).text.count('lang="ja"') > 1


def test_home_lists_changes_with_counts_and_filters(archive: Path) -> None:
    everything, risks, level, nothing = ask(
        archive, [HOME, f"{HOME}?label=risk_removed", f"{HOME}?level=3", f"{HOME}?site=no.example"]
    )
    assert "必ず治ります" in everything.text
    assert "培養上清" in risks.text
    assert "薄毛" not in level.text
    assert "該当するものはありません" in nothing.text
    assert "なくなったコラム" in everything.text


def test_site_tells_the_template_it_is_read_without(archive: Path) -> None:
    japanese, english = ask(archive, [f"{HOME}/site?name={sample.SITE}", f"{HOME}/site?name={sample.SITE}&lang=en"])
    assert "18ページに共通する7か所・64行を、本文から除いています（2026年4月10日の時点）" in japanese.text
    assert "7 page regions and 64 lines shared by 18 pages" in english.text
    assert "ご予約・お問い合わせ" in japanese.text
    assert escape(sample.SCRIPT, quote=False) in japanese.text.replace("&#39;", "'")


def test_article_says_since_when_each_sentence_stands(archive: Path) -> None:
    page = get(archive, f"{HOME}/article?url={NANBYO}").text
    young = re.findall(r'<span class="young" id="n\d+">(.*?)</span>', page)
    assert young
    assert all("改善が期待できる" in sentence for sentence in young)
    assert "2026年1月15日から" in page
    assert "<svg" in page
    assert "多くの難病の症状は必ず治ります" in page  # among the sentences that stand no more
    assert "慢性の痛み" in page  # has the same passage
    old = get(archive, f"{HOME}/article?url={NANBYO}&at=2025-11-01").text
    assert "必ず治ります" in old
    assert "2025年10月20日 から" in old


def test_diff_shows_spans_labels_and_evidence_at_a_permanent_address(archive: Path) -> None:
    latest, by_times, whole = ask(
        archive,
        [
            f"{HOME}/diff?url={NANBYO}",
            f"{HOME}/diff?url={NANBYO}&from=2025-10-20T01:00:00Z&to=2026-01-15T01:00:00Z",
            f"{HOME}/diff?url={NANBYO}&show=all",
        ],
    )
    assert re.findall(r"<(del|ins)>(.*?)</", latest.text) == re.findall(r"<(del|ins)>(.*?)</", by_times.text)
    assert ("del", "症状は必ず治ります") in re.findall(r"<(del|ins)>(.*?)</", latest.text)
    assert "表現が弱まった" in latest.text
    assert "<details" in latest.text
    assert "<details" not in whole.text
    assert "from=2025-10-20T01%3A00%3A00Z&amp;to=2026-01-15T01%3A00%3A00Z" in latest.text


def test_whole_text_diff_gives_back_both_texts(archive: Path) -> None:
    """Side by side, the old column is the old text and the new column the new one, in order."""
    with sqlite3.connect(archive) as conn:
        urls = [row[0] for row in conn.execute("select url from articles where revisions > 1")]
    paths = [f"{HOME}/diff?url={quote(url)}&view=side&show=all" for url in urls]
    for url, response in zip(urls, ask(archive, paths), strict=True):
        with opened(archive) as conn:
            found = reader.Reader(conn).compare_revisions(reader.Reader(conn).article(url))
            expected = reader.sentences_of(found.new.article).texts
        body = response.text.split('class="comparison')[1]
        cells = re.findall(r'<div class="new">(.*?)</div>', re.sub(r"<aside.*?</aside>", "", body, flags=re.S), re.S)
        shown = "".join(re.sub(r'<span class="sr">.*?</span>|<[^>]+>|\s', "", cell, flags=re.S) for cell in cells)
        for sentence in expected:
            assert "".join(escape(sentence).split()) in shown, url


def test_search_finds_two_characters_and_removed_text(archive: Path) -> None:
    found, removed, bad, odd = ask(
        archive,
        [f"{HOME}/search?q=難病", f"{HOME}/search?q=必ず治ります&scope=removed", f"{HOME}/search?q=a&since=x",
         f"{HOME}/search?q=%22(*%27&site=%27"],
    )  # fmt: skip
    assert "<mark>難病</mark>" in found.text
    assert "削除された文" in removed.text
    assert "2025年10月20日" in removed.text
    assert bad.status_code == 400
    assert odd.status_code == 200


def test_hostile_words_are_text_everywhere(archive: Path) -> None:
    paths = [*PAGES, f"{HOME}/feed", f"{HOME}/evidence?url={HOSTILE}", f"{HOME}/article?url=javascript:alert(1)",
             f"{HOME}/captures?url=javascript:alert(1)", f"{HOME}?site=<script>&label=<script>"]  # fmt: skip
    for path, response in zip(paths, ask(archive, paths), strict=True):
        assert "<script" not in response.text, path
        assert not re.search(r"""(?:href|src|action)=["']?\s*javascript:""", response.text), path
    assert "&lt;script&gt;" in get(archive, f"{HOME}/article?url={HOSTILE}").text
    assert "&lt;b&gt;著者" in get(archive, f"{HOME}/article?url={HOSTILE}").text


def test_addresses_that_are_no_web_pages_are_never_links(archive: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.db"
    shutil.copy(archive, changed)
    with sqlite3.connect(changed) as conn:
        conn.execute("update captures set final_url = 'javascript:alert(1)'")
        conn.execute("update sites set start_url = 'data:text/html,x'")
    for path in (f"{HOME}/capture?url={NANBYO}", f"{HOME}/site?name={sample.SITE}"):
        page = get(changed, path).text
        assert not re.search(r'href="(?:javascript|data:text)', page)


def test_replay_and_download_are_locked_up(archive: Path) -> None:
    page, replay, body = ask(archive, [f"{HOME}/{name}?url={HOSTILE}" for name in ("capture", "replay", "body")])
    assert '<iframe sandbox=""' in page.text
    policy = replay.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "form-action 'none'" in policy
    assert replay.headers["x-content-type-options"] == "nosniff"
    assert b"<script" in replay.content
    assert body.headers["content-disposition"].startswith("attachment")
    assert body.headers["content-type"] == "application/octet-stream"
    assert body.content == replay.content


def test_withdrawn_pages_show_their_tombstone(archive: Path) -> None:
    url = quote(sample.WITHDRAWN)
    for page in ("article", "diff", "captures", "capture", "replay", "body", "evidence"):
        response = get(archive, f"{HOME}/{page}?url={url}")
        assert "本人の求めによる" in response.text, page


def test_feeds_are_atom(archive: Path) -> None:
    atom = "{http://www.w3.org/2005/Atom}"
    everything, label, article, search = ask(
        archive, [f"{HOME}/feed", f"{HOME}/feed?label=price", f"{HOME}/feed?url={NANBYO}", f"{HOME}/feed?q=難病"]
    )
    assert everything.headers["content-type"].startswith("application/atom+xml")
    for response in (everything, label, article, search):
        root = ElementTree.fromstring(response.content)
        entries = root.findall(f"{atom}entry")
        assert entries
        ids = [entry.findtext(f"{atom}id") for entry in entries]
        assert len(set(ids)) == len(ids)
        assert all(link.get("href", "").startswith("http") for link in root.iter(f"{atom}link"))
    assert len(ElementTree.fromstring(article.content).findall(f"{atom}entry")) == 1


def test_evidence_sheet_needs_nothing_else(archive: Path) -> None:
    response = get(archive, f"{HOME}/evidence?url={NANBYO}")
    assert response.headers["content-disposition"].startswith("inline")
    sheet = response.text
    assert not re.search(r"""(?:src|href)=["']""", sheet)
    with sqlite3.connect(archive) as conn:
        digests = [row[0] for row in conn.execute("select body_sha256 from revisions where url = ?", (sample.NANBYO,))]
        (head,) = conn.execute("select link_sha256 from chain order by id desc limit 1").fetchone()
    assert all(digest in sheet for digest in [*digests, head])
    assert "<del>症状は必ず治ります</del>" in sheet


def test_an_empty_archive_says_how_to_begin(tmp_path: Path) -> None:
    with Database.open(tmp_path / "empty.db"):
        pass
    for response in ask(tmp_path / "empty.db", [HOME, f"{HOME}/articles", f"{HOME}/sites"]):
        assert response.status_code == 200
        assert "<code>archive crawl URL</code>" in response.text
        assert "該当するもの" not in response.text


def test_the_list_of_sites_is_turned_by_pages(tmp_path: Path) -> None:
    with Database.open(tmp_path / "many.db") as db, db.transaction():
        for number in range(101):
            sites.ensure_site(db, f"clinic{number:03}.example", "2026-01-01T00:00:00Z")
    first, second = ask(tmp_path / "many.db", [f"{HOME}/sites", f"{HOME}/sites?start=100"])
    assert "clinic099.example" in first.text
    assert "clinic100.example" not in first.text
    assert "start=100" in first.text
    assert "clinic100.example" in second.text


def test_captures_are_found_by_an_address_as_typed_and_lead_to_the_article(archive: Path) -> None:
    typed, unknown, none = ask(
        archive,
        [
            f"{HOME}/captures?url={quote(sample.NANBYO.replace('clinic.', 'Clinic.') + '#top')}",
            f"{HOME}/captures?url={quote(sample.BASE + '/never/')}",
            f"{HOME}/captures",
        ],
    )
    assert typed.text.count("/capture?url=") == 3
    assert f"/article?url={quote(sample.NANBYO, safe='')}" in typed.text
    assert (unknown.status_code, none.status_code) == (404, 400)


def test_unknown_things_are_said_in_a_sentence(archive: Path) -> None:
    for path, status in ((f"{HOME}/article?url=https://no.example/", 404), (f"{HOME}/site?name=x", 404),
                         (f"{HOME}/passage?key=x", 404), (f"{HOME}/capture?url={NANBYO}&at=2001-01-01", 404),
                         (f"{HOME}/article", 400), (f"{HOME}/diff?url={NANBYO}&view=x", 400),
                         (f"{HOME}/article?url={NANBYO}&at=soon", 400), (f"{HOME}?db=other", 404)):  # fmt: skip
        response = get(archive, path)
        assert response.status_code == status, path
        main = response.text.split("<main")[1]
        assert len(text_of(main)) > 30
        assert 'lang="en"' not in main.split("</main>")[0], path  # a Japanese page says it in Japanese
        assert "`archive " not in get(archive, path, {"Accept-Language": "en"}).text, path


def test_each_edit_has_an_anchor_that_stays_in_both_views(archive: Path) -> None:
    inline, side = (get(archive, f"{HOME}/diff?url={NANBYO}&view={view}").text for view in ("inline", "side"))
    anchors = re.findall(r'id="(edit-\d+)"', inline)
    assert anchors == re.findall(r'id="(edit-\d+)"', side)
    assert sorted(anchors) == sorted({f"edit-{number}" for number in range(1, len(anchors) + 1)})
    assert "2025年10月20日〜2026年1月15日の間に変更" in inline


def test_a_calendar_shows_days_with_captures_and_with_changes(archive: Path) -> None:
    for where in (f"site?name={sample.SITE}", f"article?url={NANBYO}"):
        page = get(archive, f"{HOME}/{where}&lang=en").text
        assert page.count('<rect class="changed"') >= 1, where
        assert "Calendar from 20 Oct 2025 to 10 Apr 2026: 3 days with captures" in page


def test_the_list_of_changes_is_saved_as_csv(archive: Path) -> None:
    answer = get(archive, f"{HOME}/changes?level=3&lang=en")
    lines = answer.text.removeprefix("\ufeff").splitlines()
    assert lines[0].startswith("address,site,title,after,seen,level")
    assert len(lines) > 3
    assert {line.split(",")[5] for line in lines[1:] if line.startswith("https")} == {"3"}


def test_the_list_of_changes_is_saved_as_a_workbook(archive: Path) -> None:
    pytest.importorskip("xlsxwriter", reason="needs the extra `formats`")
    assert get(archive, f"{HOME}/changes?format=xlsx").content[:2] == b"PK"


def test_level_filters_count_what_they_open(archive: Path) -> None:
    home = get(archive, f"{HOME}?lang=en").text
    for level in (1, 2, 3):
        number = re.search(rf'level={level}[^>]*>.*?<span class="n">(\d+)<', home)
        assert number is not None
        assert get(archive, f"{HOME}?level={level}&order=newest").text.count('<article class="change') == int(number[1])


@pytest.mark.parametrize(
    ("sooner", "later"),
    [
        (["risk_removed"], ["risk_added", "sentence_added"]),
        (["risk_denial_added"], ["disclosure_added", "sentence_added"]),
        (["price"], ["date", "number", "hours", "contact", "link"]),
        (["claim_strengthened"], ["claim_softened"]),
        (["gone"], ["section_removed", "date", "moved"]),
        (["replaced"], ["person"]),
        (["disclosure_removed"], ["sentence_removed", "contact", "cosmetic"]),
        (["risk_removed"], ["risk_removed", "restored"]),
        (["risk_removed"], ["risk_removed", "rewritten"]),
    ],
)
def test_what_a_reader_wants_to_see_first_weighs_more(sooner: list[str], later: list[str]) -> None:
    assert priority(sooner) > priority(later)
