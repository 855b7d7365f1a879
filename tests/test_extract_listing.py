"""Which pages of a site list others, and which only link to them."""

from __future__ import annotations

from columnarchive.extract.listing_detection import digest, find_listings
from columnarchive.extract.outlines import Outline, Places
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
    assert listings(pages) == {f"{ORIGIN}/column/"}


def test_the_front_page_of_a_section_leads_to_each_of_its_pages() -> None:
    """From one place or from several; a page that leads to one of them is an article."""
    text = "<p>{}の治療では、{}の検査をしてから方法を選びます。{}の時間は人によって違います。</p>"
    pages = {f"{ORIGIN}/": '<a href="/knee/">ひざ</a><a href="/hip/">股関節</a>'}
    names = ("cost", "cases", "compare")
    for folder in ("knee", "hip"):
        for name in names:
            pages[f"{ORIGIN}/{folder}/{name}.html"] = (
                f"<h1>{folder} {name}</h1>" + text.format(*[folder + name] * 3) * 3
            )
    body = text.format(*["ひざ"] * 3)
    pages[f"{ORIGIN}/knee/"] = "".join(
        f'<section>{body}<p class="c{n}"><a href="{n}.html">{n}</a></p></section>' for n in names
    )
    pages[f"{ORIGIN}/hip/"] = f'<h1>股関節</h1>{body.replace("ひざ", "股関節") * 10}<p><a href="cost.html">費用</a></p>'
    assert listings(pages) == {f"{ORIGIN}/", f"{ORIGIN}/knee/"}


def listings(pages: dict[str, str]) -> frozenset[str]:
    """Return the pages that are listings, of a site given by its addresses and main parts."""
    places = Places()
    digests = {}
    for url, main in pages.items():
        opened = open_page(f"<html><body>{main}</body></html>".encode(), "text/html; charset=utf-8", places)
        assert isinstance(opened, Outline)
        digests[url] = digest(opened, url)
    return find_listings(digests)
