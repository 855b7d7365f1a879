"""From a front page or a section to its columns, on small sites of many shapes; what leads there is no article."""
# ruff: noqa: E501 (pages are easier to read in long lines)

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deriving import crawl, workers
from servers.site import Reply, Site

from columnarchive.archive import Archive, CrawlOptions
from columnarchive.errors import NotFound

Pages = dict[str, str | bytes | Reply]
TOPICS = ("ひざ", "ひじ", "首", "背中", "足首", "手首", "あご", "肩")


def prose(number: int, sentences: int = 8) -> str:
    """Sentences that no other page has."""
    topic = TOPICS[number % len(TOPICS)]
    return "".join(
        f"<p>{topic}が痛むときの過ごし方{number}の{n}つ目です。{topic}を{n + 3}分ほど温め、無理に動かさないで様子を見ます。</p>"
        for n in range(sentences)
    )


class Build:
    """Pages of one site with its own menu and footer."""

    def __init__(self, menu: str, foot: str = "") -> None:
        self.menu, self.foot = menu, foot

    def page(self, title: str, body: str, head: str = "") -> str:
        return (
            f"<!doctype html><html lang=ja><head><meta charset=utf-8><title>{title}｜みほん医院</title>{head}</head><body>"
            f"<header><a href=/>みほん医院</a><nav><ul>{self.menu}</ul></nav></header><main>{body}</main>"
            f"<footer>{self.foot}<p>〒000-0000 みほん市1-2-3</p></footer></body></html>"
        )

    def front(self, more: str = "") -> str:
        return self.page(
            "ホーム", f"<h1>みほん医院</h1><p>地域の皆さまの健康を支えます。お気軽にご相談ください。</p>{more}"
        )

    def text(self, number: int, more: str = "") -> str:
        return self.page(
            f"{TOPICS[number % 8]}の話{number}", f"<h1>{TOPICS[number % 8]}の話{number}</h1>{prose(number)}{more}"
        )


def items(paths: list[str], form: str = "<li><a href='{0}'>{1}の痛みが長く続くときに{2}</a></li>") -> str:
    return "".join(form.format(path, TOPICS[n % 8], n) for n, path in enumerate(paths))


def nav(*links: tuple[str, str]) -> str:
    return "".join(f"<li><a href='{path}'>{text}</a></li>" for path, text in links)


ABOUT = (("/doctor/", "院長紹介"), ("/access/", "アクセス"), ("/contact/", "ご予約・お問い合わせ"))
CARD = "<div class=card><a href='{0}'><img src=/i{2}.jpg alt=''><h3>{1}の痛みと過ごし方{2}</h3><p>{1}が痛いときの家での過ごし方を紹介します。</p></a></div>"  # fmt: skip
DATED = "<tr><td>2026.01.1{2}</td><td><a href='{0}'>{1}の話題</a></td></tr>"
FEES = "<table><tr><th>内容</th><th>費用</th></tr>{}</table>"


def doctors_blog() -> tuple[Pages, str, set[str]]:
    b = Build(nav(*ABOUT, ("/dr/", "院長ブログ")))
    wanted = [f"/dr/2026/entry-{n}/" for n in range(6)]
    return (
        {"/": b.front(), "/dr/": b.page("院長ブログ", f"<ul>{items(wanted)}</ul>"), **texts(b, wanted)},
        "/",
        set(wanted),
    )


def texts(b: Build, paths: list[str], first: int = 0) -> Pages:
    return {path: b.text(first + n) for n, path in enumerate(paths)}


def cases() -> tuple[Pages, str, set[str]]:
    b = Build(nav(*ABOUT, ("/works/", "症例紹介")))
    wanted = [f"/works/{word}.html" for word in ("a1", "b2", "c3", "d4")]
    return {"/": b.front(), "/works/": b.page("症例紹介", items(wanted, CARD)), **texts(b, wanted)}, "/", set(wanted)


def news_by_query() -> tuple[Pages, str, set[str]]:
    b = Build(nav(*ABOUT), "<a href='/n.php?c=1'>お知らせ一覧</a>")
    wanted = [f"/n.php?id={n}" for n in range(11, 17)]
    listing = b.page("お知らせ", f"<table>{items(wanted, DATED)}</table>")
    return {"/": b.front(), "/n.php?c=1": listing, **texts(b, wanted)}, "/", set(wanted)


def treatments_only() -> tuple[Pages, str, set[str]]:
    b = Build(nav(*ABOUT, ("/treatment/", "治療案内"), ("/fee.html", "料金表")))
    wanted = [f"/treatment/{word}/" for word in ("knee", "hip", "neck", "ankle", "wrist")]
    fees = [f"<tr><td>{TOPICS[n]}の注射(1回)</td><td>{n + 11},000円(税込)</td></tr>" for n in range(5)]
    pages = {path: b.text(n, FEES.format(fees[n])) for n, path in enumerate(wanted)}
    hub = b.page("治療案内", f"<h1>治療案内</h1><p>当院の治療を紹介します。</p>{items(wanted, CARD)}")
    linked = "".join(f"<h3><a href={path}>{TOPICS[n]}</a></h3>{FEES.format(fees[n])}" for n, path in enumerate(wanted))
    price = b.page(
        "料金表", f"<h1>料金表</h1><p>自由診療のため、全額が自己負担です。税込で表示しています。</p>{linked}"
    )
    return {"/": b.front(), "/treatment/": hub, "/fee.html": price, **pages}, "/", {*wanted, "/fee.html"}


def treatments_by_cards() -> tuple[Pages, str, set[str]]:
    b = Build(nav(*ABOUT))
    wanted = [f"/{word}.html" for word in ("hiza", "koshi", "kubi", "kata")]
    return {"/": b.front(f"<section>{items(wanted, CARD)}</section>"), **texts(b, wanted)}, "/", set(wanted)


def linked_from_nowhere() -> tuple[Pages, str, set[str]]:
    b = Build(nav(*ABOUT[2:]))
    wanted = [f"/blog/{word}.html" for word in ("kubi", "kata", "koshi", "hiza")]
    return (
        {"/": b.front(), "/blog/": b.page("ブログ", f"<ul>{items(wanted)}</ul>"), **texts(b, wanted)},
        "/",
        set(wanted),
    )


def cards_of_root_pages() -> tuple[Pages, str, set[str]]:
    b = Build(nav(*ABOUT, ("/yomimono.html", "読みもの")))
    wanted = [f"/{word}.html" for word in ("kubi-itai", "kata-omoi", "koshi-hie", "hiza-mizu", "te-shibire")]
    return (
        {"/": b.front(), "/yomimono.html": b.page("読みもの", items(wanted, CARD)), **texts(b, wanted)},
        "/",
        set(wanted),
    )


def image_menu() -> tuple[Pages, str, set[str]]:
    b = Build("<li><a href=/c/><img src=/m1.gif alt='健康コラム'></a></li><li><a href=/map.html><img src=/m2.gif alt='地図'></a></li>")  # fmt: skip
    wanted = [f"/c/{n:03}.htm" for n in range(1, 6)]
    return {"/": b.front(), "/c/": b.page("健康コラム", f"<dl>{items(wanted, '<dt>{1}</dt><dd><a href={0}>{1}の話を読む</a></dd>')}</dl>"), **texts(b, wanted)}, "/", set(wanted)  # fmt: skip


def folder_of_a_language() -> tuple[Pages, str, set[str]]:
    b = Build(nav(("/ja/about/", "医院紹介"), ("/ja/journal/", "Journal")))
    wanted = [f"/ja/journal/{word}/" for word in ("kubi", "kata", "koshi", "hiza")]
    listing = b.page("Journal", "".join(f"<article><h2><a href={p}>{TOPICS[n]}の話</a></h2><time>2026-02-0{n + 1}</time></article>" for n, p in enumerate(wanted)))  # fmt: skip
    return {"/ja/": b.front(), "/ja/journal/": listing, **texts(b, wanted)}, "/ja/", set(wanted)


def listing_by_script_and_sitemap() -> tuple[Pages, str, set[str]]:
    b = Build(nav(*ABOUT, ("/column/", "コラム")))
    wanted = [f"/column/post-{n}.html" for n in range(5)]
    urls = "".join(f"<url><loc>{{origin}}{path}</loc></url>" for path in ["/", "/doctor/", "/column/", *wanted])
    empty = b.page("コラム", "<h1>コラム</h1><p>読み込み中</p><div id=list></div><script>load('list.json')</script>")
    return {"/": b.front(), "/column/": empty, "/sitemap.xml": f"<urlset>{urls}</urlset>", **texts(b, wanted)}, "/", set(wanted)  # fmt: skip


def a_start_of_treatments() -> tuple[Pages, str, set[str]]:
    menu = nav(*ABOUT, ("/menu/", "診療案内"), ("/shoulder/", "四十肩の治療"), ("/price/", "費用"))
    b = Build(menu)
    wanted = [f"/menu/{word}.html" for word in ("knee", "hip", "neck", "ankle")]
    hub = b.page("診療案内", f"<h1>診療案内</h1>{items(wanted, CARD)}")
    return {"/menu/": hub, **texts(b, [*wanted, "/shoulder/", "/price/"])}, "/menu/", {*wanted, "/shoulder/", "/price/"}


def a_front_page_of_news_and_columns() -> tuple[Pages, str, set[str]]:
    b = Build(nav(*ABOUT, ("/column/", "コラム"), ("/news/", "お知らせ")))
    columns, news = [f"/column/{n}/" for n in range(5)], [f"/news/{n}/" for n in range(4)]
    pages = {
        "/": b.front(f"<ul>{items(columns[:3])}</ul>"),
        "/column/": b.page("コラム", f"<ul>{items(columns)}</ul>"),
        "/news/": b.page("お知らせ", f"<table>{items(news, DATED)}</table>"),
    }
    return pages | texts(b, columns) | texts(b, news, 20), "/", {*columns, *news}


BUILDS = [
    doctors_blog, cases, news_by_query, treatments_only, treatments_by_cards, linked_from_nowhere, cards_of_root_pages,
    image_menu, folder_of_a_language, listing_by_script_and_sitemap, a_start_of_treatments,
    a_front_page_of_news_and_columns,
]  # fmt: skip


def articles(tmp_path: Path, pages: Pages, start: str) -> set[str]:
    with Site(pages) as site, Archive.open(tmp_path / "archive.db") as archive:
        crawl(
            archive._db, archive.targets([site.url + start]), CrawlOptions(allow_private=True, delay=0), pool=workers()
        )
        return {url.removeprefix(site.url) for (url,) in archive.conn.execute("select url from articles")}


@pytest.mark.parametrize("build", BUILDS)
def test_columns_are_articles_and_what_leads_to_them_is_not(tmp_path: Path, build) -> None:  # type: ignore[no-untyped-def]
    pages, start, wanted = build()
    b = Build(nav(*ABOUT))
    others = {path: b.page(text, f"<h1>{text}</h1><p>{text}についてのご案内です。</p>") for path, text in ABOUT}
    assert articles(tmp_path, others | pages, start) == wanted


def test_a_site_of_one_page_is_an_article(tmp_path: Path) -> None:
    assert articles(tmp_path, {"/": Build("").text(1)}, "/") == {"/"}


def test_an_article_with_a_few_pages_below_it_stays_one(tmp_path: Path) -> None:
    b = Build(nav(("/knee/", "ひざの治療")))
    below = ["/knee/flow.html", "/knee/faq.html"]
    pages = {"/knee/": b.text(1, f"<ul>{items(below)}</ul>"), **texts(b, below, 2)}
    assert articles(tmp_path, pages, "/knee/") == {"/knee/", *below}


def test_columns_that_are_gone_are_counted(tmp_path: Path) -> None:
    pages, start, wanted = doctors_blog()
    days = [datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=30 * number) for number in range(3)]
    first, second, third = (CrawlOptions(allow_private=True, delay=0, clock=lambda day=day: day) for day in days)
    with Site(pages) as site, Archive.open(tmp_path / "archive.db") as archive:
        assert archive.crawl([site.url + start], first).gone == 0
        for path in sorted(wanted)[:3]:
            site.pages[path] = Reply(410, b"<title>gone</title>")
        assert archive.crawl([site.url + start], second).gone == 3
        assert archive.crawl([site.url + start], third).gone == 0


def test_a_first_crawl_without_a_page_leaves_no_site_behind(tmp_path: Path) -> None:
    options = CrawlOptions(allow_private=True, delay=0)
    with Site({}) as site, Archive.open(tmp_path / "archive.db") as archive:
        archive.crawl([site.url + "/colum/"], options)
        assert archive.sites() == []
        assert archive.targets() == []
        site.pages["/column/"] = Build("").text(1)
        archive.crawl([site.url + "/column/"], options)
        assert [row.articles for row in archive.sites()] == [1]
        assert len(archive.targets()) == 1


def test_a_site_that_is_removed_keeps_what_is_stored(tmp_path: Path) -> None:
    with Site({"/column/": Build("").text(1)}) as site, Archive.open(tmp_path / "archive.db") as archive:
        archive.crawl([site.url + "/column/"], CrawlOptions(allow_private=True, delay=0))
        name = archive.site_names()[0]
        archive.unfollow_site(name)
        assert archive.targets() == []
        assert [row.articles for row in archive.sites()] == [1]
        with pytest.raises(NotFound):
            archive.unfollow_site("other.example")
