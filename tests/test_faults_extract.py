"""Pages made to harm the reader: markup bombs, text that cannot be stored, work that grows too fast."""

from __future__ import annotations

import importlib
import json
import pickle
import pkgutil
import re
import time
from collections.abc import Callable, Iterator

import pytest

import columnarchive.extract
from columnarchive.extract.dom import exceeded_limit
from columnarchive.extract.links import page_links
from columnarchive.extract.saved_pages import read_pages

URL = "https://clinic.example/column/1.html"
PROSE = "この治療には個人差があり、効果を保証するものではありません。費用は院内でご確認ください。"
ARTICLE = f"<h1>治療の流れ</h1><p>{PROSE * 3}</p><p>{PROSE * 2}</p>"

FONTS = "".join(f"<font a{number}=1>" for number in range(200))
BOMBS = {
    "fonts reopened in paragraphs": f"<p>{FONTS}" + "<p>x</p>" * 20_000,
    "different bold elements in list items": "<div>"
    + "".join(f"<b class=c{number}>" for number in range(900))
    + "</div><ul>"
    + "<li>x" * 900,
    "quoted > in the attributes that differ": "<p>"
    + "".join(f'<i title=">{number}">' for number in range(700))
    + "<p>x" * 700,
    "mixed formatting in cells": "<p>"
    + "".join(f"<u a{n}><s a{n}><tt a{n}><em a{n}>" for n in range(300))
    + "<div>x" * 600,
    "attributes on one element": "<div " + " ".join(f"a{number}=1" for number in range(20_000)) + ">",
    "attributes without blanks": "<div " + "".join(f'a{number}="1"' for number in range(5_000)) + ">",
    "attributes parted by slashes": "<div" + "".join(f"/a{number}" for number in range(5_000)) + ">",
    "attributes behind a quoted >": '<div title=">" ' + " ".join(f"a{number}" for number in range(5_000)) + ">",
    "attributes with quoted >": "<div " + " ".join(f'a{number}=">"' for number in range(5_000)) + ">",
    "attributes behind a comment that opens a quote": '<!-- <a b="--><div '
    + " ".join(f"a{number}" for number in range(5_000))
    + '>"',
    "attributes of many <body> tags": "".join(f"<body a{number}=1>" for number in range(20_000)),
    "attributes of many <html> tags": "".join(f"<html b{number} c{number}>" for number in range(2_000)),
    "nested <div>": "<div>" * 100_000,
    "nested <span> in lists": "<ul><li><span>" * 20_000,
    "nested tables": "<table><tr><td>" * 10_000,
    "nested unknown elements": "<x-y>" * 30_000,
    "options of one choice": "<select>" + "<option>x</option>" * 20_000,
    "two million paragraphs": "<p>" * 2_000_000,
    "a million empty end tags": "</p>" * 1_000_000,
}
HARMLESS = {
    "equal fonts, which the parser limits itself": "<p>" + "<font size=2>" * 200 + "<p>x</p>" * 3_000,
    "links that are never closed": '<a href="/x"><p>y' * 5_000,
    "bold that is never closed": "<b><p>y" * 900,
    "one huge class": f'<div class="{"x " * 500_000}">',
    "a data attribute of a megabyte": f"<div data-x='{json.dumps(['a b=c <i>x</i>'] * 50_000)}'>",
    "foster parenting": "<table>" + "<div>x</div>" * 20_000 + "</table>",
    "character references": "&amp;&#x3042;&nbsp;" * 100_000,
    "comments": "<!-- a b=c > -->" * 50_000,
    "an unclosed comment": "<!-- " * 50_000,
    "choices": "<select>" + "<option value=1>x" * 5_000,
    "lists": "<ul><li>x</ul>" * 10_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused_before_parsing(name: str) -> None:
    html = f"<html><body>{BOMBS[name]}{ARTICLE}"
    assert exceeded_limit(html.encode()) in ("too_deep", "too_large")
    assert read_pages([(URL, html.encode(), "text/html")])[0].outcome in ("too_deep", "too_large")
    assert page_links(html, URL).too_deep


def test_bomb_in_utf_16_is_refused() -> None:
    body = ("<div>" * 100_000).encode("utf-16")
    assert read_pages([(URL, body, "text/html")])[0].outcome == "too_deep"


@pytest.mark.parametrize("name", HARMLESS)
def test_clumsy_markup_is_read(name: str) -> None:
    html = f"<html><body><article>{ARTICLE}</article>{HARMLESS[name]}"
    assert exceeded_limit(html.encode()) == ""
    [result] = read_pages([(URL, html.encode(), "text/html")])
    assert result.article is not None
    assert PROSE in result.article.text
    assert not page_links(html, URL).too_deep


def linked(value: str) -> bytes:
    return f'<script type="application/ld+json">{value}</script><article>{ARTICLE}</article>'.encode()


HOSTILE_JSON = {
    "lone surrogate": r'{"@type":"Article","author":"\ud800","headline":"a\udfffb"}',
    "surrogates the wrong way round": r'{"@type":"Article","author":{"name":"\udc00\ud800山田"}}',
    "surrogate in a job": r'{"@type":"Article","author":{"name":"山田 花子","jobTitle":"\ud83d医師"}}',
    "surrogate in an answer": r'{"@type":"FAQPage","mainEntity":{"name":"Q","acceptedAnswer":{"text":"い\ud801え"}}}',
    "NUL": r'{"@type":"Article","author":"山\u0000田"}',
    "noncharacters": r'{"@type":"Article","author":"\uffff\ufdd0山田\ufffe"}',
    "deep lists": "[" * 100_000 + "]" * 100_000,
    "deep objects": '{"@graph":' * 50_000 + "1" + "}" * 50_000,
    "deep type": '{"@type":' + "[" * 900 + "]" * 900 + "}",
    "deep author": '{"@type":"Article","author":' + "[" * 900 + '"x"' + "]" * 900 + "}",
    "huge integer": '{"@type":"Article","datePublished":' + "9" * 10_000 + "}",
    "huge exponent": '{"@type":"Article","datePublished":1e999999,"author":-1e400}',
    "NaN": '{"@type":"Article","headline":NaN,"author":Infinity,"mainEntity":-Infinity}',
    "wrong kinds": '{"@type":{"a":1},"author":[[]],"headline":{},"reviewedBy":[null]}',
    "types of all kinds": '[{"@type":[1,null,"Article",{}],"author":[{"name":[]}]},3,"x",null]',
    "markup without end": '{"@type":"FAQPage","mainEntity":[{"name":"q","acceptedAnswer":{"text":"'
    + "<" * 300_000
    + '"}}]}',
    "huge list": '{"@graph":[' + "{}," * 100_000 + "{}]}",
}
UNSTORABLE = re.compile(
    "[\x00\ud800-\udfff\ufdd0-\ufdef]|"
    + "|".join(chr(plane << 16 | 0xFFFE) + "|" + chr(plane << 16 | 0xFFFF) for plane in range(17))
)


@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_json_ld_harms_nothing(name: str) -> None:
    [result] = read_pages([(URL, linked(HOSTILE_JSON[name]), "text/html")])
    assert result.article is not None
    assert PROSE in result.article.text
    assert not UNSTORABLE.search(
        repr(pickle.loads(pickle.dumps(result))).encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass")
    )
    for text in (result.article.title, result.article.author, result.article.author_about, result.article.text):
        assert not UNSTORABLE.search(text)


@pytest.mark.parametrize(
    "code", ["&#xffff;", "&#xfdd0;", "&#x1fffe;", "&#0;", "&#xd800;", "\uffff", "\U0010ffff", "\0"]
)
def test_text_of_a_page_can_be_stored(code: str) -> None:
    html = (
        f"<title>流れ{code}</title><meta name=author content='{code}'>"
        f"<article><h1>治療{code}の流れ</h1><p>監修：山田{code}花子</p><p>{PROSE * 3}{code}</p></article>"
    )
    [result] = read_pages([(URL, html.encode(), "text/html")])
    assert result.article is not None
    article = result.article
    for text in (article.title, article.author, article.supervisor, article.supervisor_about, article.text):
        assert not UNSTORABLE.search(text)


# Work grows with the size, not with its square

UNITS = [
    "痛み", "治療", "あ", "ア", "ｱ", "a", "A ", "1", "１", " ", "\u3000", "\n", "\t", ".", ",", "、", "。", "-",
    "・", "…", "...", "（", "(", ")", "「", "【", "[", "]", "<", ">", "</", "<a ", "<a href=", '<a href="', "<meta ",
    "<meta charset", "<link rel ", "<!--", "&", "&amp;", '"', "'", "=", ";", "/", "//", "http://", "?", "#", "%", "|",
    "｜", " - ", ":", "：", "2025年", "2025年10月", "2025年10月18日", "2025-10-18", "2025/", "10月18日", "令和",
    "令和7年", "令和元", "R7.", "R7.10.18", "Oct ", "Oct 1, 20", "20", "19", "T10:00", "2025-10-18T10:00", "Q1.", "Q",
    "A.", "質問", "円", "98,000円", "¥", "1 ", "1  円", "display", "display :", 'style="', "監修", "監修 ",
    "監修者：", "執筆", "先生", " 先生", "医師（", "続きを読む", "詳しくは", "read more", "関連", "関連記事",
    "おすすめ", "この記事も", "java", "javascript ", "ページ", "お探しの", "nav-", "-nav", "entry-", "article_",
    "header ", "sub ", "クリニック ", "url=", "; rel=", "0; ", "\x1b$B", "\x1b(B", "charset=", "encoding=", "<?xml ",
]  # fmt: skip


def timed(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def grows_too_fast(work: Callable[[int], Callable[[], object]], small: int = 10_000, large: int = 100_000) -> bool:
    """Whether ten times the input costs far more than ten times the work (n log n: 12.5 times)."""
    before = timed(work(small))
    if before < 0.0005:
        return False  # a square of it would still be nothing
    if before > 1.0:
        return True
    factor = 4 * large / small
    return timed(work(large)) > max(0.1, factor * before) and timed(work(large)) > factor * timed(work(small))


def modules() -> Iterator[str]:
    yield "columnarchive.text"
    for module in pkgutil.iter_modules(columnarchive.extract.__path__, "columnarchive.extract."):
        yield module.name


def patterns(value: object) -> Iterator[re.Pattern[str] | re.Pattern[bytes]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, (tuple, list, frozenset, set)):
        for one in value:
            yield from patterns(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from patterns(one)


@pytest.mark.slow
@pytest.mark.parametrize("module", list(modules()))
def test_patterns_are_not_superlinear(module: str) -> None:
    found = {
        (name, pattern) for name, value in vars(importlib.import_module(module)).items() for pattern in patterns(value)
    }
    bad = []
    for name, pattern in sorted(found, key=lambda one: (one[0], str(one[1].pattern))):
        for unit in UNITS:

            def work(size: int, pattern: re.Pattern = pattern, unit: str = unit) -> Callable[[], object]:  # type: ignore[type-arg]
                text = (unit * (size // len(unit) + 1))[:size] + "x"
                if isinstance(pattern.pattern, bytes):
                    body = text.encode("cp932", "ignore")
                    return lambda: (pattern.findall(body), pattern.fullmatch(body))
                return lambda: (pattern.findall(text), pattern.fullmatch(text))

            if grows_too_fast(work):
                bad.append((name, unit))
    assert not bad


REPEATED = {
    "related headings": lambda n: "<p>コメント</p>" * n,
    "headings of falling rank": lambda n: "<h2>章</h2><h3>節</h3><h4>項</h4>" * n,
    "heading over links": lambda n: "<h2>章</h2>" + "<h3><a href=/x>節</a></h3>" * n,
    "labels of people": lambda n: "<p>監修</p>" * n,
    "labels of people in one paragraph": lambda n: "<p>" + "監修者<br>" * n,
    "dates in one paragraph": lambda n: "<p>" + "2025年10月18日、" * n,
    "dates in paragraphs": lambda n: "<p>2025年10月18日</p>" * n,
    "dates of all kinds": lambda n: "<p>" + "令和7年1月2日R7.1.2 2025-01-02T10:00+09:00 Jan 2, 2025" * n,
    "questions": lambda n: "<p>Q1. 痛みは</p><p>A. いいえ</p>" * n,
    "questions in one paragraph": lambda n: "<p>" + "Q1. 痛みは<br>A. いいえ<br>" * n,
    "words": lambda n: "<p>" + "痛み" * n,
    "links in paragraphs": lambda n: "".join(f"<p class=c{number}><a href=/{number}>x</a>" for number in range(n)),
    "links of many kinds around one text": lambda n: (
        "<div>"
        + "".join(
            f"<i class=k{chr(97 + number % 26)}{chr(97 + number // 26 % 26)}><a href=/{number}>x</a></i>"
            for number in range(n)
        )
        + PROSE * n
    ),
    "rows": lambda n: "<table>" + "<tr><th>費用<td>98,000円" * n,
    "nested rows": lambda n: "<table><tr><td>費用<td>" * 100 + "<p>98,000円</p>" * n,
    "nested boxes around dates": lambda n: "<div>" * 300 + "<p>2025年1月2日</p>" + "<p>治療の説明</p>" * n,
    "bold without end": lambda n: "<p><b>痛み" * min(n, 900) + "<p>痛み" * n,
    "attributes": lambda n: "".join(f"<p class='c{number} nav-x' data-x={number}>痛み" for number in range(n)),
    "spaces": lambda n: "<p>" + " 　\n" * n + "x",
    "title": lambda n: "<title>" + "治療 | " * n + "</title>" + "<p>治療を</p>" * n,
    "signs": lambda n: "<p>" + "…" * n + "x</p><p>" + "（" * n + "</p>",
    "lists": lambda n: "<ul><li>関連記事<li><a href=http://other.example/>x</a></ul>" * n,
    "metas": lambda n: (
        "".join(f"<meta name=m{number} content=x>" for number in range(n)) + "<meta name=date content=x>" * n
    ),
    "times": lambda n: "<time datetime=2025-10-18>x</time>" * n,
}


@pytest.mark.parametrize("name", REPEATED)
@pytest.mark.slow
def test_reading_is_not_superlinear(name: str) -> None:
    def read(size: int) -> Callable[[], object]:
        html = f"<body>{ARTICLE}{REPEATED[name](size)}"
        body = html.encode()
        siblings = [(f"{URL}?{n}", f"<body>{ARTICLE}<p>{n}{PROSE}".encode(), "text/html") for n in range(3)]
        return lambda: (
            read_pages([(URL, body, "text/html")]),
            read_pages([(URL, body, "text/html")], siblings),
            page_links(html, URL),
        )

    assert not grows_too_fast(read, 500, 5_000)
