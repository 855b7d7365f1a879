"""The source document, put into pages as clinics build them, gives exactly its article.

Its text is read from the shared corpus at run time and never copied here.
"""

# ruff: noqa: E501 (pages are clearer with their lines whole)
from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from columnarchive.extract.saved_pages import read_pages
from columnarchive.records import Article

SEED = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "seed-page.txt"
pytestmark = pytest.mark.skipif(not SEED.exists(), reason="the shared corpus with the source document is not here")

TITLE_AT = "【再生医療の最前線】"
QUESTION = re.compile(r"^Q\d+\.")
ANSWER = re.compile(r"^A\.")


class Seed:
    """The parts of the flattened source document."""

    def __init__(self) -> None:
        lines = [line.strip() for line in SEED.read_text(encoding="utf-8").split("\n")]
        start = next(number for number, line in enumerate(lines) if TITLE_AT in line)
        box = lines.index("執筆者")
        self.title = lines[start]
        self.box = [line for line in lines[box:] if line]
        groups: list[list[str]] = [[]]
        for line in lines[start + 1 : box]:
            if line:
                groups[-1].append(line)
            elif groups[-1]:
                groups.append([])
        self.groups = [group for group in groups if group]
        self.said = ["".join(line.split()).lstrip("•") for group in self.groups for line in group]


def is_heading(group: list[str]) -> bool:
    return len(group) == 1 and len(group[0]) < 45 and not re.search(r"[。、?？:：]$|^[•①②③QA]", group[0])


def wordpress(seed: Seed) -> str:
    """Headings, paragraphs with <br>, bullet lists."""
    out: list[str] = []
    for group in seed.groups:
        lines = [html.escape(line) for line in group]
        if group[0].startswith("•"):
            out.append("<ul>" + "".join(f"<li>{line.lstrip('• ')}</li>" for line in lines) + "</ul>")
        elif is_heading(group):
            out.append(f"<h2>{lines[0]}</h2>")
        else:
            out.append("<p>" + "<br>\n".join(lines) + "</p>")
    return '<div class="entry-content">' + "\n".join(out) + "</div>"


def definition_list(seed: Seed) -> str:
    """The questions as <dl>, the rest as above in sections."""
    out: list[str] = []
    for group in seed.groups:
        lines = [html.escape(line) for line in group]
        if QUESTION.match(group[0]):
            out.append(f"<dl class='faq'><dt>{lines[0]}</dt><dd>{'<br>'.join(lines[1:])}</dd></dl>")
        elif group[0].startswith("•"):
            out.append("<ul>" + "".join(f"<li>{line.lstrip('• ')}</li>" for line in lines) + "</ul>")
        elif is_heading(group):
            out.append(f"</section><section><h3>{lines[0]}</h3>")
        else:
            out.append("".join(f"<p>{line}</p>" for line in lines))
    return '<div class="column_detail"><section>' + "\n".join(out) + "</section></div>"


def line_breaks(seed: Seed) -> str:
    """One <div> and nothing but <br>."""
    return "<div>" + "<br><br>\n".join("<br>\n".join(map(html.escape, group)) for group in seed.groups) + "</div>"


def box_of(seed: Seed) -> str:
    lines = [html.escape(line) for line in seed.box]
    rest = "".join(f"<p>{line}</p>" for line in lines[2:])
    return f'<div class="writer"><h3>{lines[0]}</h3><div><img alt=""><span>{lines[1]}</span></div>{rest}</div>'


def test_author_box_as_last_lines_of_the_text() -> None:
    seed = Seed()
    lines = line_breaks(seed).removesuffix("</div>") + "<br><br>" + "<br>".join(map(html.escape, seed.box)) + "</div>"
    page = ("https://clinic.example/column/9/", page_around(seed.title, "2025.10.18", lines, "").encode(), "text/html")
    (result,) = read_pages([page])
    assert result.article is not None
    assert (result.article.author, result.article.published_on) == (seed.box[2], "2025-10-18")
    found = ["".join(line.split()).lstrip("•") for block in result.article.blocks for line in block.text.split("\n")]
    assert found == seed.said


def page_around(title: str, date: str, body: str, box: str) -> str:
    """A clinic's page with its menus three times, crumbs, related columns and footer."""
    menu = "<ul>" + "".join(f"<li><a href='/{name}/'>{label}</a></li>" for name, label in MENU) + "</ul>"
    related = "".join(
        f"<li><a href='/column/{n}/'><p>2025.0{n}.1{n}</p><p>{other}</p></a></li>" for n, other in RELATED
    )
    return f"""<!doctype html><html lang="ja"><head><meta charset="utf-8"><title>{title} | みらい再生クリニック大阪</title></head><body>
<header><div class="head"><a href="/"><img src="/logo.png" alt="みらい再生クリニック"></a><p>TEL.06-1234-5678</p>
<p>対応時間:10:00-19:00</p></div><div class="sp"><p>MENU</p>{menu}</div><nav><p>MENU</p>{menu}</nav><div class="fix"><p>MENU</p>{menu}</div></header>
<main><div class="mv"><h1>COLUMN</h1></div><div class="bread"><a href="/">TOP</a> &gt; <a href="/column/">コラム</a> &gt; {title}</div>
<article><p class="date">{date}</p><p class="cat">コラム</p><h2 class="ttl">{title}</h2>{body}{box}</article>
<div class="other"><h2>関連コラム</h2><ul>{related}</ul></div><div class="reserve"><p>ご予約・ご相談はお気軽に</p><a href="/contact/">無料カウンセリング予約</a></div></main>
<footer><p>みらい再生クリニック大阪</p><p>〒542-0000 大阪市中央区1-2-3</p><p>TEL.06-1234-5678</p>{menu}<p>© 2015 Mirai Clinic All Rights Reserved.</p></footer></body></html>"""


MENU = (
    ("about", "当院について"),
    ("treatment", "治療一覧"),
    ("price", "料金"),
    ("doctor", "医師紹介"),
    ("access", "アクセス"),
)
RELATED = ((1, "膝の痛みと再生医療"), (2, "点滴療法のご案内"), (3, "免疫と睡眠の関係"))
SIBLINGS = (
    ("膝の痛みと再生医療", "2025.01.11", "膝関節の軟骨がすり減る仕組みと、保存療法の考え方を説明します。"),
    ("点滴療法のご案内", "2025.02.12", "栄養を点滴で補う方法の種類と、受ける前に確かめたいことをまとめました。"),
    ("免疫と睡眠の関係", "2025.03.13", "眠りが浅い日が続くと体の守りがどう変わるか、研究の報告を紹介します。"),
)


def read_seed(markup: Callable[[Seed], str], *, siblings: bool = True) -> tuple[Seed, Article]:
    seed = Seed()
    box = box_of(seed)
    target = (
        "https://clinic.example/column/9/",
        page_around(seed.title, "2025.10.18", markup(seed), box).encode(),
        "text/html",
    )
    others = [
        (
            f"https://clinic.example/column/{number}/",
            page_around(
                title,
                date,
                f"<div class='entry-content'><h2>{title}とは</h2><p>{text}</p><p>{text[::-1]}</p></div>",
                box,
            ).encode(),
            "text/html",
        )
        for number, (title, date, text) in enumerate(SIBLINGS, 1)
    ]
    (result,) = read_pages([target], [target, *others] if siblings else [])
    assert result.outcome == "ok"
    assert result.article is not None
    return seed, result.article


@pytest.mark.parametrize("siblings", [True, False])
@pytest.mark.parametrize("markup", [wordpress, definition_list, line_breaks])
def test_seed_page_gives_exactly_its_article(markup: Callable[[Seed], str], siblings: bool) -> None:
    seed, article = read_seed(markup, siblings=siblings)
    assert article.title == seed.title
    assert article.published_on == "2025-10-18"
    assert article.modified_on == ""
    found = ["".join(line.split()).lstrip("•") for block in article.blocks for line in block.text.split("\n")]
    assert found == seed.said


@pytest.mark.parametrize("markup", [wordpress, definition_list, line_breaks])
def test_author_is_metadata(markup: Callable[[Seed], str]) -> None:
    seed, article = read_seed(markup)
    assert article.author == seed.box[2]
    assert article.author_about.startswith(seed.box[3])
    assert "専門医" in article.author_about
    assert article.supervisor == ""


@pytest.mark.parametrize("markup", [wordpress, definition_list, line_breaks])
def test_ten_questions_and_answers(markup: Callable[[Seed], str]) -> None:
    _, article = read_seed(markup)
    questions = [block for block in article.blocks if block.kind == "question"]
    answers = [block for block in article.blocks if block.kind == "answer"]
    assert len(questions) == len(answers) == 10
    assert all(QUESTION.match(block.text) for block in questions)
    assert all(ANSWER.match(block.text) for block in answers)
