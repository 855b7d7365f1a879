"""What a page links to: addresses, places, zones and units; and that no page is too odd to be read."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from columnarchive.crawl.column_discovery import ColumnDiscovery
from columnarchive.extract.links import in_own_encoding, page_links
from columnarchive.extract.response_headers import with_headers
from columnarchive.urls import Link

AT = "https://clinic.example/column/"
LISTING = """
<html><head><base href="https://clinic.example/column/">
<link rel=canonical href="./?utm_source=x"><link rel=next href="page/2/">
<link rel="alternate" type="application/rss+xml" href=/feed>
<link rel=alternate hreflang=en href=/en/><link rel="https://api.w.org/" href=/wp-json/>
<meta name=robots content="NOINDEX, nofollow"><meta property=og:type content=website></head><body>
<header><nav><ul><li><a href=/>ホーム</a><li><a href=/price/>料金</a></ul></nav></header>
<div class=topicPath><a href=/>ホーム</a> &gt; コラム</div>
<div class=list>
 <div class="card card-1"><time>2025年10月18日</time><h2><a href=a/>膝の痛み</a></h2>
  <p>長い抜粋がここにあります。とても長い文です。もっと長い抜粋。</p><p class=menu><a href=a/>続きを読む</a></p></div>
 <div class="card card-2"><time>令和7年10月3日</time><h2><a href=b/>腰の痛み</a></h2>
  <p>長い抜粋がここにあります。とても長い文です。もっと長い抜粋。</p><p class=menu><a href=b/>続きを読む</a></p></div>
</div>
<div class=wp-pagenavi><a href=page/2/>2</a></div>
<div id=category><ul><li><a href=/column/knee/>膝 (3)</a><li><a href=/column/back/>腰 (2)</a></ul></div>
<a href="tel:03-0000-0000">電話</a><a href=#top>上へ</a><a href="javascript:void(0)">x</a><a href=leaflet.pdf>PDF</a>
<map><area href=/map/ alt="地図"></map><a href=/banner/><img src=x.png alt="初診の方へ"></a>
</body></html>
"""


def links() -> list[Link]:
    return list(page_links(LISTING, AT).links)


def test_the_head() -> None:
    page = page_links(LISTING, AT)
    assert page.canonical == AT
    assert page.next == AT + "page/2/"
    assert page.feeds == ("https://clinic.example/feed",)
    assert page.alternates == ("https://clinic.example/en/",)
    assert page.wordpress_api == "https://clinic.example/wp-json/"
    assert page.robots == {"noindex", "nofollow"}
    assert page.kind == "website"


def test_only_what_may_be_a_page() -> None:
    urls = {link.url for link in links()}
    assert AT + "a/" in urls
    assert "https://clinic.example/map/" in urls
    assert not any(part in url for url in urls for part in ("tel:", "#", "javascript", ".pdf"))
    assert next(link for link in links() if link.url.endswith("/banner/")).text == "初診の方へ"


def test_cards_are_units_of_one_group() -> None:
    titles = [link for link in links() if link.text in ("膝の痛み", "腰の痛み")]
    assert len({link.group for link in titles}) == 1
    assert all(link.zone == "content" and link.dated and link.headed and link.excerpt > 30 for link in titles)
    more = [link for link in links() if link.text == "続きを読む"]
    assert all(link.zone == "content" and link.dated for link in more), "one link in a class called menu is no menu"


def test_zones() -> None:
    zones = {link.text: link.zone for link in links()}
    assert zones["料金"] == "nav"
    assert zones["2"] == "pager"
    assert zones["膝 (3)"] == "archive"
    assert [link.zone for link in links() if link.text == "ホーム"] == ["nav", "crumbs"]


def test_refresh() -> None:
    assert (
        page_links("<meta http-equiv=refresh content='0; URL=\"/new/\"'>", AT).refresh == "https://clinic.example/new/"
    )
    assert page_links("<meta http-equiv=refresh content='300;url=/new/'>", AT).refresh == ""
    assert page_links("<meta http-equiv=refresh content='5'>", AT).refresh == ""


def test_depth_is_refused_before_the_parser_sees_it() -> None:
    began = time.process_time()
    assert page_links("<div>" * 100_000 + "</div>" * 100_000, AT).too_deep
    assert page_links("<b>" * 50_000, AT).too_deep
    assert not page_links("<div><p>x</p></div>" * 20_000, AT).too_deep
    assert time.process_time() - began < 3


def test_many_links_take_little_time() -> None:
    began = time.process_time()
    page = page_links("<ul>" + "".join(f"<li><a href={n}.html>x</a></li>" for n in range(20_000)) + "</ul>", AT)
    assert len(page.links) == 3000
    assert time.process_time() - began < 5


def test_a_page_that_leads_nowhere_new_is_only_skimmed() -> None:
    whole, asked = page_links(LISTING, AT), []
    skimmed = page_links(LISTING, AT, lambda targets: bool(asked.append(targets)))
    assert not skimmed.links
    assert replace(skimmed, targets=frozenset()) == replace(whole, links=())
    assert {link.url for link in whole.links} | {whole.next} <= asked[0]
    assert page_links(LISTING, AT, lambda _: True).links == whole.links


def test_what_only_the_parser_can_read_is_not_skimmed() -> None:
    never = lambda _: False  # noqa: E731
    top = "<html><head><title>x</title></head>"
    assert not page_links(f"{top}<body><a href=/a/>a</a>", AT, never).links
    for markup in (
        f"{top}<body><link rel=canonical href=/b/><a href=/a/>a</a>",
        f"{top}<body><meta name=robots content=noindex><a href=/a/>a</a>",
        f"{top}<body><a title='1 < 2' href=/a/>a</a>",
        "<a href=/a/>a</a>",
    ):
        assert page_links(markup, AT, never) == page_links(markup, AT), markup


def test_styles_in_the_body_do_not_keep_from_skimming() -> None:
    html = (
        "<html><head><title>x</title></head><body><link rel=stylesheet href=/up/a.css><meta itemprop=name content=x>"
        "<a href=/a/>a</a><link rel=preload href=/b.js>"
    )
    assert not page_links(html, AT, lambda _: False).links
    assert page_links(html, AT, lambda _: True).links


def test_new_links_to_other_sites_lead_nowhere() -> None:
    section = ColumnDiscovery(("clinic.example",), ("http://clinic.example/column/",))
    assert not section.has_new_targets({"https://share.example/?url=http://clinic.example/column/1.html"})
    assert section.has_new_targets({"https://share.example/", "http://www.clinic.example/column/1.html"})
    section.add_known_urls([("http://www.clinic.example/column/1.html", "item")])
    assert not section.has_new_targets({"https://share.example/", "http://www.clinic.example/column/1.html"})


def test_skimming_is_linear_in_odd_markup() -> None:
    began = time.process_time()
    for odd in ("<a ", "<a href=", '<a href="', "<a '", "<meta ", "<a x='", "<area href='\"", "<link ", "<link rel="):
        page_links("<body>" + odd * 200_000, AT, lambda _: False)
    page_links("<body><link " + "rel=" * 200_000, AT, lambda _: False)
    page_links("<body>" + "".join(f"<a href={n}.html>" for n in range(300_000)), AT, lambda _: False)
    assert time.process_time() - began < 10


@given(st.text(max_size=200))
def test_never_raises(text: str) -> None:
    page_links(text, AT)
    page_links(f"<div class='{text}'><a href='{text}'>{text}</a><base href='{text}'>", AT)
    page_links(f"<body><div class='{text}'><a href='{text}'>{text}</a>", AT, lambda _: False)


def test_header_lines_say_what_the_head_does_not() -> None:
    bare = page_links("<p>x", AT)
    said = '<2/>; rel="next", <https://clinic.example/wp-json/>; rel="https://api.w.org/", <./?a=1,2;3>; rel=canonical'
    page = with_headers(bare, (("Link", said), ("link", '</feed>; type="application/rss+xml"; rel="x Alternate"')))
    assert (page.next, page.wordpress_api) == (AT + "2/", "https://clinic.example/wp-json/")
    assert (page.canonical, page.feeds) == (AT + "?a=1,2;3", ("https://clinic.example/feed",))
    assert with_headers(bare, (("Refresh", "0; url='/new/'"),)).refresh == "https://clinic.example/new/"
    assert with_headers(page_links(LISTING, AT), (("Link", "</x>; rel=next"),)).next == AT + "page/2/"
    for odd in ("<>; rel=next", "</a>; rel=", "<http://[/>; rel=next", "a, b", "", "<" * 1000, ";rel=next" * 100):
        assert with_headers(bare, (("Link", odd), ("Refresh", odd))).canonical == ""


@given(st.text(max_size=200))
def test_no_header_line_raises(text: str) -> None:
    with_headers(page_links("", AT), (("Link", text), ("Link", f"<{text}>; rel=next"), ("Refresh", f"0;url={text}")))


def test_queries_are_encoded_as_the_standard_says(shared: Path) -> None:
    cases = json.loads((shared / "conformance/wpt/percent-encoding.json").read_text("utf-8"))
    names = {"shift_jis": "cp932", "euc-kr": "euc_kr", "windows-1252": "cp1252", "iso-8859-2": "iso8859_2"}
    asked = 0
    for case in (case for case in cases if isinstance(case, dict)):
        for name, wanted in case["output"].items():
            if name in names:
                found = in_own_encoding(f'<a href="/x?{case["input"]}">', names[name])
                assert page_links(found, AT).links[0].url == "https://clinic.example/x?" + wanted
                asked += 1
    assert asked >= 4


def test_queries_are_found_in_linear_time() -> None:
    began = time.process_time()
    for odd in ("href=?", "href", "href = ", "href='?", "href=" + " " * 50):
        in_own_encoding("表" + odd * 300_000, "cp932")
    assert time.process_time() - began < 10


@example("\xa0\xa0\u3000", "cp932")
@given(st.text(max_size=100), st.sampled_from(["cp932", "euc_jp", "iso2022_jp", "latin-1"]))
def test_any_query_in_any_encoding(text: str, encoding: str) -> None:
    found = in_own_encoding(f"<a href='?{text}'>", encoding)
    page_links(found, AT)
    assert in_own_encoding(found, encoding) == found
