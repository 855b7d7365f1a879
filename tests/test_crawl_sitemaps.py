"""Sitemaps and feeds: the files of crawler-commons and others, and what must not do harm."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnarchive.crawl.sitemap_entries import Entry, moment
from columnarchive.crawl.sitemaps import MAX_BYTES, read

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
    found = read((shared / "conformance" / name).read_bytes(), AT)
    assert (len(found.entries), len(found.files)) == (pages, files)


def test_all_files_of_others_are_read(shared: Path) -> None:
    folder = shared / "conformance"
    kinds = ("crawler-commons/sitemaps", "crawler-commons/rss", "crawler-commons/extension", "sitemaps")
    found = {path.relative_to(folder).as_posix() for kind in kinds for path in (folder / kind).iterdir()}
    assert found == {name for name, *_ in FILES}


def test_dates_are_utc_whatever_their_form() -> None:
    assert moment("2025-10-18") == "2025-10-18T00:00:00Z"
    assert moment("2025-10-18T09:00:00+09:00") == "2025-10-18T00:00:00Z"
    assert moment("Sat, 18 Oct 2025 09:00:00 +0900") == "2025-10-18T00:00:00Z"
    assert moment("昨日") == moment("") == ""


def test_a_feed_with_broken_xml_gives_what_came_before() -> None:
    feed = b"<rss><channel><item><link>http://a.example/1</link></item><item><link>http://a.example/2</bad>"
    assert read(feed, AT).entries == (Entry("http://a.example/1"),)


@pytest.mark.parametrize("form", ["<feed>{}</feed>", "<rss><channel>{}</channel></rss>"])
def test_a_feed_names_its_next_page(form: str) -> None:
    said = "<a:link xmlns:a='http://www.w3.org/2005/Atom' rel='next' href='/feed?page=2'/>"
    assert read(form.format(said).encode(), AT).files == ("http://www.example.com/feed?page=2",)


def test_entities_and_depth_do_no_harm() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY a "a"><!ENTITY b SYSTEM "file:///etc/passwd">]><urlset><url><loc>&b;</loc></url></urlset>'
    began = time.process_time()
    assert read(bomb.encode(), AT).entries == ()
    read(b"<a>" * 200_000, AT)
    read(gzip.compress(bytes(MAX_BYTES * 2)), AT)
    assert time.process_time() - began < 5


@given(st.binary(max_size=400))
def test_never_raises(body: bytes) -> None:
    read(body, AT)
    read(b"<urlset><url><loc>" + body, AT)
