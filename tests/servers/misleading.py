"""Redirects, robots.txt files, traps, sitemaps and feeds that mislead: behaviours of the hostile server."""
# ruff: noqa: ARG001 - behaviours share one signature and use what they need of it

from __future__ import annotations

import asyncio
import functools

from servers.broken import gzip_bomb_body
from servers.hostile import TEXT, Host, Request, also, answer, listing, page, plays, shakes


def _to(location: str | bytes, status: str = "302 Found") -> bytes:
    raw = location if isinstance(location, bytes) else location.encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nLocation: ".encode() + raw + b"\r\n\r\n"


@plays("redirect_loop")
async def redirects_to_itself(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("/column/bad.html"))


@plays("redirect_loop")
async def redirects_for_ever(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to(f"/on/{len(request.path)}"))


@also("redirects_for_ever", "*")
async def _on(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    if request.path.startswith("/on/"):
        writer.write(_to(f"/on/{int(request.path.split('/')[-1]) + 1}"))
    elif request.path == "/column/":
        writer.write(answer(listing(["one.html", "bad.html", "two.html"])))
    else:
        missing = request.path == "/robots.txt" or "sitemap" in request.path
        writer.write(answer(page(request.path), "404 Not Found" if missing else "200 OK"))


@plays("redirected")
async def redirects_off_site(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("http://other.example/"))


@plays("redirected")
async def redirects_to_metadata(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("http://169.254.169.254/latest/meta-data/"))


@plays("redirected")
async def redirects_to_short_private(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("http://192.168.257/"))


@plays("http_error")
async def redirects_nowhere(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("http://[:::/"))


@plays("http_error")
async def redirects_to_a_file(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("file:///etc/passwd"))


@plays("redirected")
async def redirects_in_utf_8(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("/column/ひざ.html".encode(), "301 Moved Permanently"))


@also("redirects_in_utf_8", "/column/%E3%81%B2%E3%81%96.html")
async def _moved(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("ひざ")))


@plays("too_deep")
async def nested_divs(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"<html><body>" + b"<div>" * 100_000 + b"x" + b"</div>" * 100_000))


@plays("ok")
async def wrong_charset(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    body = page("x").decode().replace("charset=utf-8", "charset=euc-jp").encode("cp932", "replace")
    writer.write(answer(body, "200 OK", "text/html; charset=utf-8"))


@plays("ok")
async def no_charset(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    body = page("x").decode().replace("<meta charset=utf-8>", "").encode("euc_jp")
    writer.write(answer(body, "200 OK", "text/html"))


@plays("not_html")
async def binary_called_html(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40))


@plays("not_html")
async def a_pdf(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"%PDF-1.7 " + b"x" * 500, "200 OK", "application/pdf"))


@plays("tls_error")
async def tls_on_a_plain_port(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("never seen")))


@shakes("tls_on_a_plain_port")
async def _plain_answer(host: Host, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("never seen"), "400 Bad Request"))
    await writer.drain()


@plays("tls_error")
async def tls_selfsigned(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("never seen")))


@plays("ok")
async def stale_keep_alive(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    if request.number > 1:  # the connection was kept open, and closes when it is used again
        writer.transport.abort()
    else:
        writer.write(answer(page("x")))


@plays("ok")
async def busy_for_a_second(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    if host.asked["/column/bad.html"] == 1:
        writer.write(answer(page("busy"), "429 Too Many Requests", "text/html", "Retry-After: 1"))
    else:
        writer.write(answer(page("x")))


@plays("ok")
async def fails_once(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    status = "503 Unavailable" if host.asked["/column/bad.html"] == 1 else "200 OK"
    writer.write(answer(page("x"), status))


@plays("http_error")
async def busy_for_an_hour(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("busy"), "503 Unavailable", "text/html", "Retry-After: 3600"))


@plays("http_error")
async def busy_for_a_strange_digit(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 503 Unavailable\r\nRetry-After: \xb2\r\nContent-Length: 0\r\n\r\n")


@plays("redirect_loop")
async def wall_of_cookies(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"", "302 Found", "text/html", "Set-Cookie: seen=1", "Location: /column/bad.html"))


async def _plain(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("x")))


plays("refused_by_robots", "robots_forbids")(_plain)


@also("robots_forbids", "/robots.txt")
async def _forbids(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"User-agent: *\nDisallow: /column/bad\n", "200 OK", "text/plain"))


plays("refused_by_robots", "robots_with_bom")(_plain)


@also("robots_with_bom", "/robots.txt")
async def _bom(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"\xef\xbb\xbfUser-agent: *\nDisallow: /column/bad\n", "200 OK", "text/plain"))


plays("refused_by_robots", "robots_redirects")(_plain)


@also("robots_redirects", "/robots.txt")
async def _redirects(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("/robots-1.txt", "301 Moved"))


for _step in range(1, 5):

    @also("robots_redirects", f"/robots-{_step}.txt")
    async def _more(host: Host, request: Request, writer: asyncio.StreamWriter, step: int = _step) -> None:
        if step < 4:
            writer.write(_to(f"/robots-{step + 1}.txt", "301 Moved"))
        else:
            writer.write(answer(b"User-agent: columnarchive\nDisallow: /column/bad\n", "200 OK", "text/plain"))


plays("refused_by_robots", "robots_huge")(_plain)


@also("robots_huge", "/robots.txt")
async def _huge(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    rules = b"User-agent: *\nDisallow: /column/bad\n" + b"Disallow: /nothing/of/this\n" * 200_000
    writer.write(answer(rules + b"Disallow: /\n", "200 OK", "text/plain"))


plays("ok", "robots_missing")(_plain)


@also("robots_missing", "/robots.txt")
async def _forbidden(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"no", "403 Forbidden", "text/plain"))


plays("never", "robots_503")(_plain)


@also("robots_503", "/robots.txt")
async def _unavailable(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"", "503 Unavailable", "text/plain"))


plays("never", "robots_429")(_plain)


@also("robots_429", "/robots.txt")
async def _too_many(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"", "429 Too Many Requests", "text/plain"))


plays("never", "robots_silent")(_plain)


@also("robots_silent", "/robots.txt")
async def _silent(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


@plays("ok")
async def calendar_trap(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("x", TEXT + '<div class=calendar><a href="/column/?m=202510">2025年10月</a></div>')))


@also("calendar_trap", "/column/")
async def _calendar(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    if "m=" not in request.path:
        writer.write(answer(listing(["one.html", "bad.html", "two.html"])))
        return
    month = int(request.path.partition("m=")[2])
    after = month + 1 if month % 100 < 12 else month + 89
    before = month - 1 if month % 100 > 1 else month - 89
    links = "".join(f'<li><a href="/column/?m={one}">{one // 100}年{one % 100}月</a></li>' for one in (before, after))
    writer.write(answer(page("カレンダー", f"<ul class=calendar>{links}</ul>")))


@plays("ok")
async def session_trap(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("x")))


@also("session_trap", "/column/")
async def _sessions(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    sid = f"{len(host.asked) + host.asked['/column/']:032x}"
    names = [f"{name}?PHPSESSID={sid}" for name in ("one.html", "bad.html", "two.html")]
    writer.write(answer(listing([*names, f"/column/?PHPSESSID={sid}"])))


@plays("ok")
async def growing_path(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("x", '<a href="more/bad.html">続きを読む</a>')))


@also("growing_path", "*")
async def _growing(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    path = request.path
    if path == "/robots.txt" or "sitemap" in path:
        writer.write(answer(b"", "404 Not Found"))
    elif path == "/column/":
        writer.write(answer(listing(["one.html", "bad.html", "two.html"])))
    else:
        writer.write(answer(listing(["more/one.html", "more/bad.html", "more/two.html"])))


@plays("ok")
async def soft_404(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("お探しのページは見つかりませんでした")))


plays("ok", "sitemap_bomb")(_plain)


@also("sitemap_bomb", "/sitemap.xml")
async def _sitemap_bomb(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    entities = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
    )
    writer.write(answer((entities + "]><urlset><url><loc>&j;</loc></url></urlset>").encode(), "200 OK", "text/xml"))


plays("ok", "sitemap_gzip_bomb")(_plain)


@also("sitemap_gzip_bomb", "/sitemap.xml")
async def _sitemap_gzip_bomb(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(gzip_bomb_body(), "200 OK", "application/gzip"))


plays("ok", "sitemap_loop")(_plain)


@also("sitemap_loop", "/sitemap.xml")
async def _sitemap_loop(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    files = "".join(f"<sitemap><loc>{host.origin}/{name}</loc></sitemap>" for name in ("sitemap.xml", "sitemap2.xml"))
    writer.write(answer(f"<sitemapindex>{files}</sitemapindex>".encode(), "200 OK", "text/xml"))


@also("sitemap_loop", "/sitemap2.xml")
async def _sitemap_loop_2(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    more = f"<sitemapindex><sitemap><loc>{host.origin}/sitemap.xml</loc></sitemap></sitemapindex>"
    writer.write(answer(more.encode(), "200 OK", "text/xml"))


plays("ok", "feed_cut_off")(_plain)


@also("feed_cut_off", "/column/")
async def _names_a_feed(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    body = listing(["one.html", "bad.html", "two.html"])
    link = b'<link rel=alternate type="application/rss+xml" href="/feed.xml">'
    writer.write(answer(body.replace(b"</head>", link + b"</head>")))


@also("feed_cut_off", "/feed.xml")
async def _feed(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    feed = f"<rss><channel><item><link>{host.origin}/column/three.html</link></item><item><link>http://"
    writer.write(answer(feed.encode(), "200 OK", "application/rss+xml"))


@also("feed_cut_off", "/column/three.html")
async def _three(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("three")))


plays("ok", "meta_refresh_loop")(_plain)


@also("meta_refresh_loop", "/column/one.html")
async def _refresh(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("one", head='<meta http-equiv=refresh content="0;url=two.html">')))


@also("meta_refresh_loop", "/column/two.html")
async def _refresh_back(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("two", head='<meta http-equiv=refresh content="0;url=one.html">')))


@functools.cache
def _large_page() -> bytes:
    piece = "".join(f"<div class=card><a href=/x/{n}.html>記事{n}</a><p>{TEXT}</p></div>" for n in range(50)).encode()
    return b"<html><body>" + piece * (11_500_000 // len(piece))


@plays("too_large")
async def page_of_11_mb(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(_large_page()))


@plays("too_large")
async def page_of_tags(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"<html><body>" + b"<i>x" * 400_000))


plays("ok", "sitemap_of_49_mb")(_plain)


@also("sitemap_of_49_mb", "/sitemap.xml")
async def _sitemap_of_49_mb(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    entry = "<url><loc>http://127.0.0.1/elsewhere/%07d.html</loc><priority>0.5</priority>" + " " * 900 + "</url>"
    entries = "".join(entry % number for number in range(49_000))
    writer.write(answer(f"<urlset>{entries}</urlset>".encode(), "200 OK", "text/xml"))
