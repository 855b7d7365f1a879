"""Which pages of a site list others, and which only link to them."""

from __future__ import annotations

from columnarchive.extract.dom_paths import Places
from columnarchive.extract.listing_detection import digest, find_listings
from columnarchive.extract.outlines import Outline
from columnarchive.extract.saved_pages import open_page

ORIGIN = "https://clinic.example"


def test_a_short_article_whose_sentence_is_mostly_a_link_is_no_listing() -> None:
    """Related posts and a long link in its text do not outweigh what an article says."""
    related = "".join(f'<a href="/column/{n}.html">睡眠と治療の話({n})</a>' for n in range(1, 5))
    linked = "<a href='/column/1.html'>当院にいらっしゃる方が確かに軽くなったという話</a>、次に述べます。"
    short = f"<h2>要点</h2><p>{linked}</p><p>夜に眠れない方のための生活の工夫を、ここで三つ紹介します。</p>"
    long = "".join(
        f"<p>別の話題{{n}}の{at}番目の文で、ここだけにある{{n}}の内容を述べています。</p>" for at in range(6)
    )
    pages = {f"{ORIGIN}/column/{n}.html": f"<h1>話{n}</h1>{long.format(n=n)}" for n in range(1, 8)}
    pages[f"{ORIGIN}/column/0.html"] = f"<h1>話0</h1>{short}<div>{related}</div>"
    entries = "".join(f'<p><a href="/column/{n}.html">睡眠と治療の選び方の話です({n})。</a></p>' for n in range(8))
    pages[f"{ORIGIN}/column/"] = f"<h1>一覧</h1>{entries}"
    places = Places()
    digests = {}
    for url, main in pages.items():
        opened = open_page(f"<html><body>{main}</body></html>".encode(), "text/html; charset=utf-8", places)
        assert isinstance(opened, Outline)
        digests[url] = digest(opened, url)
    assert find_listings(digests) == {f"{ORIGIN}/column/"}
