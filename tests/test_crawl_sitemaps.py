"""Sitemaps and feeds: the files of crawler-commons and others, and what must not do harm."""

from __future__ import annotations

import gzip
import itertools
import time
import tracemalloc
from pathlib import Path

import pytest
from deriving import spread
from hypothesis import given
from hypothesis import strategies as st

from columnarchive.crawl.sitemaps import MAX_BYTES, SitemapEntry, SitemapParser, parse_sitemap, parse_timestamp

AT = "http://www.example.com/sitemap.xml"
# File and how many pages and further files it names.
FILES = [
    ("crawler-commons/sitemaps/atom.xml", 1, 0),
    ("crawler-commons/sitemaps/sitemap-with-bom.txt", 2, 0),
    ("crawler-commons/sitemaps/do-not-visit.txt", 1, 0),
    ("crawler-commons/sitemaps/sitemap.badns.xml", 2, 0),
    ("crawler-commons/sitemaps/sitemap.index.xml", 0, 15),
    ("crawler-commons/sitemaps/sitemap.ns.xml", 2, 0),
    ("crawler-commons/sitemaps/sitemap.txt", 2, 0),
    ("crawler-commons/sitemaps/sitemap.txt.gz", 5, 0),
    ("crawler-commons/sitemaps/xmlSitemap.gz", 5, 0),
    ("crawler-commons/rss/feed.rss", 4, 0),
    ("crawler-commons/rss/xmlRss_pubDate.xml", 7, 0),
    ("crawler-commons/extension/sitemap-links.xml", 12, 0),
    ("crawler-commons/extension/sitemap-mobile.xml", 3, 0),
    ("crawler-commons/extension/sitemap-news.xml", 2, 0),
    ("crawler-commons/extension/sitemap-images.xml", 1, 0),
    ("crawler-commons/extension/sitemap-videos.xml", 3, 0),
    ("crawler-commons/extension/sitemap-videos-tvshow.xml", 1, 0),
    ("crawler-commons/extension/pagemaps-sitemap.xml", 2, 0),
    ("crawler-commons/extension/shinpaideshou-news-sitemap.xml", 3, 0),
    ("crawler-commons/extension/hebdenbridgetimes-articles-sitemap.xml", 74, 0),
    ("sitemaps/sitemap.xml", 84, 0),
    ("sitemaps/sitemap.xml.gz", 84, 0),
    ("sitemaps/sitemap2.xml", 0, 2),
    ("sitemaps/sitemap-hreflang.xml", 12, 1),
    ("sitemaps/feed1.atom", 1, 0),
    ("sitemaps/feed2.rss", 1, 0),
    ("sitemaps/feed.json", 25, 0),
]


@pytest.mark.parametrize(("name", "pages", "files"), FILES)
def test_the_files_of_others(shared: Path, name: str, pages: int, files: int) -> None:
    found = parse_sitemap((shared / "conformance" / name).read_bytes(), AT)
    assert (len(found.entries), len(found.files)) == (pages, files)


def test_all_files_of_others_are_read(shared: Path) -> None:
    folder = shared / "conformance"
    kinds = ("crawler-commons/sitemaps", "crawler-commons/rss", "crawler-commons/extension", "sitemaps")
    found = {path.relative_to(folder).as_posix() for kind in kinds for path in (folder / kind).iterdir()}
    assert found == {name for name, *_ in FILES}


def test_dates_are_utc_whatever_their_form() -> None:
    assert parse_timestamp("2025-10-18") == "2025-10-18T00:00:00Z"
    assert parse_timestamp("2025-10-18T09:00:00+09:00") == "2025-10-18T00:00:00Z"
    assert parse_timestamp("Sat, 18 Oct 2025 09:00:00 +0900") == "2025-10-18T00:00:00Z"
    assert parse_timestamp("昨日") == parse_timestamp("") == ""


def test_a_feed_with_broken_xml_gives_what_came_before() -> None:
    feed = b"<rss><channel><item><link>http://a.example/1</link></item><item><link>http://a.example/2</bad>"
    assert parse_sitemap(feed, AT).entries == (SitemapEntry("http://a.example/1"),)


@pytest.mark.parametrize("form", ["<feed>{}</feed>", "<rss><channel>{}</channel></rss>"])
def test_a_feed_names_its_next_page(form: str) -> None:
    said = "<a:link xmlns:a='http://www.w3.org/2005/Atom' rel='next' href='/feed?page=2'/>"
    assert parse_sitemap(form.format(said).encode(), AT).files == ("http://www.example.com/feed?page=2",)


def test_entities_and_depth_do_no_harm() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY a "a"><!ENTITY b SYSTEM "file:///etc/passwd">]><urlset><url><loc>&b;</loc></url></urlset>'
    began = time.process_time()
    assert parse_sitemap(bomb.encode(), AT).entries == ()
    parse_sitemap(b"<a>" * 200_000, AT)
    parse_sitemap(gzip.compress(bytes(MAX_BYTES * 2)), AT)
    assert time.process_time() - began < 5


@given(st.binary(max_size=400))
def test_never_raises(body: bytes) -> None:
    parse_sitemap(body, AT)
    parse_sitemap(b"<urlset><url><loc>" + body, AT)


FEED = (
    '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel>'
    "<title>院長の話</title><link>http://a.example/</link>"
    "<item><title>膝</title><link>http://a.example/1</link><description>水がたまる話</description></item>"
    "<item><title>腰</title><link>http://a.example/2?a=1&amp;b=2</link>"
    "<pubDate>Sat, 18 Oct 2025 09:00:00 +0900</pubDate></item></channel></rss>"
)
EXPECTED = (SitemapEntry("http://a.example/1"), SitemapEntry("http://a.example/2?a=1&b=2", "2025-10-18T00:00:00Z"))
LENIENT = {
    "as it should be": FEED,
    "blank lines first": "\n \n\t" + FEED,
    "a mark and a blank first": "\ufeff\n" + FEED,
    "a warning as text": "Warning: Undefined variable $x in /var/www/feed.php on line 3\n" + FEED,
    "a warning as HTML": "<br />\n<b>Notice</b>: Undefined index in <b>/f.php</b> on line <b>9</b><br />\n" + FEED,
    "entities of HTML": FEED.replace("水", "&nbsp;&hearts;水&copy"),
    "a bare ampersand": FEED.replace("膝", "膝 & 腰 &").replace("&amp;", "&"),
    "control characters": FEED.replace("水", "水\x0b\x00\x1f"),
    "a sign for less": FEED.replace("水", "年齢 < 60 & x<3 "),
    "open elements": FEED.replace("水", "<p>水<br>が<img src=a.png>"),
    "never closed": FEED.replace("</channel></rss>", ""),
    "something after the end": FEED + "<!-- cached --><script>var a = '<item>';</script>",
    "a declared entity": FEED.replace("<rss", '<!DOCTYPE rss [<!ENTITY nbsp "&#160;">]><rss').replace("水", "&nbsp;"),
    "links in CDATA": FEED.replace("<link>http://a.example/1<", "<link><![CDATA[ http://a.example/1 ]]><"),
    "capital letters": FEED.replace("item>", "ITEM>").replace("link>", "Link>"),
    "a comment with markup": FEED.replace("<item>", "<!-- <item><link>http://a.example/0</link></item> --><item>"),
    "a link in a description": FEED.replace("水", "<a href='http://a.example/9'>x</a><link>http://a.example/8</link>"),
}  # fmt: skip


@pytest.mark.parametrize("name", LENIENT)
def test_feeds_are_read_as_leniently_as_feed_readers_do(name: str) -> None:
    found = parse_sitemap(LENIENT[name].encode(), AT)
    assert found.entries == EXPECTED
    assert found.complete == (name != "never closed")


@pytest.mark.parametrize("encoding", ["Shift_JIS", "EUC-JP", "ISO-2022-JP", "UTF-16", "x-unknown", "base64"])
def test_feeds_in_other_encodings(encoding: str) -> None:
    python = {"Shift_JIS": "cp932", "x-unknown": "utf-8", "base64": "utf-8"}.get(encoding, encoding)
    assert parse_sitemap(FEED.replace("UTF-8", encoding).encode(python), AT).entries == EXPECTED


def test_a_bad_byte_does_no_harm() -> None:
    assert parse_sitemap(FEED.encode().replace("水".encode(), b"\xff\xe6\xb0"), AT).entries == EXPECTED


def test_entities_that_the_file_declares_are_never_expanded() -> None:
    feed = FEED.replace("<rss", '<!DOCTYPE a [<!ENTITY x "/3">]><rss').replace("example/1", "example&x;")
    assert parse_sitemap(feed.encode(), AT).entries == EXPECTED[1:]


@given(st.sampled_from(sorted(LENIENT)), st.lists(st.integers(0, 900), max_size=12), st.booleans())
def test_pieces_make_no_difference(name: str, cuts: list[int], packed: bool) -> None:
    body = gzip.compress(LENIENT[name].encode()) if packed else LENIENT[name].encode()
    parser = SitemapParser(AT)
    for start, end in itertools.pairwise([0, *sorted(cuts), len(body)]):
        parser.feed(body[start:end])
    assert parser.close() == parse_sitemap(body, AT)


@pytest.mark.parametrize(
    "cut",
    [
        b"<urlset><url><loc>http://a.example/1</loc></url><url><loc>http://a.exa",
        gzip.compress(FEED.encode() * 9)[:-9],
        b'[{"link": "http://a.example/1"}, {"li',
    ],
)
def test_what_breaks_off_says_so(cut: bytes) -> None:
    assert not parse_sitemap(cut, AT).complete


UNITS = {
    "attributes": b"<item a=1 b='2' c>",
    "one long name": b"a",
    "open quotes": b"<link href='",
    "comments": b"<!-- ",
    "open tags": b"<url",
    "elements": b"<url><loc>",
    "entities": b"&amp;&#12354",
    "sections": b"<![CDATA[",
    "signs": b"< ",
    "closing": b"</url>",
    "lines": b"http://a.example/\n",
    "brackets": b"[{",
}


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize("head", spread([b"<urlset>", b"<item ", b"http://a.example/\n", b"["], 1))
def test_time_grows_with_size_at_most(name: str, head: bytes) -> None:
    def seconds(size: int) -> float:
        began = time.process_time()
        parse_sitemap(head + UNITS[name] * (size // len(UNITS[name])), AT)
        return time.process_time() - began

    seconds(20_000)
    assert seconds(1_600_000) < 32 * max(0.02, seconds(200_000))


def test_a_list_of_empty_lists_takes_no_memory() -> None:
    tracemalloc.start()
    try:
        assert not parse_sitemap(b"[" + b"[],{}," * 700_000 + b"[]]", AT).complete
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
