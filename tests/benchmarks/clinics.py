# ruff: noqa: E501 (pages are easier to read in long lines)
"""Made-up clinic sites of realistic size and markup for benchmarks: text by the bundled clinic's frequencies of signs.

Every site has a template of its own (menus, drawer, sidebar, related columns, inline styles and scripts, footer) and
articles of 400 to 5,000 characters, most of them about 1,500, with headings, tables of fees, lists and questions. As on
real sites, half of them are made of nothing but `div`, a quarter gives dates in its text alone, and a third separates
paragraphs by `<br>`. No two articles share a sentence.
"""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path

CLINIC = Path(__file__).resolve().parents[2] / "fixtures" / "clinic" / "2026-04-10"
TOPICS = ("膝", "肩", "腰", "肌", "髪", "糖尿病", "免疫", "血管", "自律神経", "睡眠", "更年期", "花粉", "歯", "栄養")
ANGLES = (
    "治療の選び方",
    "費用の目安",
    "よくある質問",
    "最新の研究",
    "日常の注意",
    "検査の流れ",
    "リスクと副作用",
    "体験から",
)
TOWNS = ("青葉", "若松", "港北", "緑丘", "桜台", "白浜", "高砂", "千歳", "朝日", "泉", "柏木", "松風")
MENU = ("診療案内", "初めての方へ", "医師紹介", "料金表", "アクセス", "よくある質問", "コラム", "お知らせ", "採用情報",
        "ご予約", "再生医療", "幹細胞治療", "点滴療法", "美容皮膚科", "内科", "整形外科", "提携機関", "個人情報")  # fmt: skip


@cache
def followers() -> dict[str, str]:
    """For each two signs of the bundled clinic's sentences, every sign that follows them, as often as it does."""
    found: dict[str, list[str]] = {}
    for path in sorted(CLINIC.rglob("column/*/index.html")):
        for paragraph in re.findall(r"<p class=.c-p.>(.*?)</p>", path.read_text(encoding="utf-8"), re.S):
            for sentence in re.findall(r"[^。]+。", re.sub(r"<[^>]*>|\s", "", paragraph)):
                for at in range(len(sentence)):
                    found.setdefault(("。。" + sentence)[at : at + 2], []).append(sentence[at])
    return {pair: "".join(signs) for pair, signs in found.items()}


@cache
def kanji() -> str:
    """The kanji that sentences of the bundled clinic have, each once."""
    return "".join(sorted(set(re.findall("[一-鿿]", "".join(followers().values())))))


class Clinic:
    """One site: `pages` maps each path to its HTML; `origin` is written into canonical links."""

    def __init__(self, number: int, origin: str, columns: int) -> None:
        self.chance = random.Random(number)
        self.origin = origin
        self.prefix = self.chance.choice("abcdfghjklmn") + self.chance.choice(("-", "_", "")) + str(number)
        self.name = f"{TOWNS[number % len(TOWNS)]}{self.chance.choice(TOPICS)}クリニック第{number}"
        self.plain, self.undated, self.breaks = number % 2 == 1, number % 4 == 3, number % 3 == 2
        titles = [self._title(at) for at in range(columns)]
        self.columns = [(f"/column/{1000 + at * 7}.html", title) for at, title in enumerate(titles)]
        self.head, self.foot = self._frame()
        self.pages = {path: self._article(path, title) for path, title in self.columns}
        self.pages["/column/"] = self._listing()

    def _title(self, at: int) -> str:
        chance = self.chance
        return f"{chance.choice(TOPICS)}と{chance.choice(TOPICS)}の{chance.choice(ANGLES)}({at + 1})"

    def _sentence(self) -> str:
        table, said = followers(), "。。"
        while len(said) < 12 or (said[-1] != "。" and len(said) < 120):
            said += self.chance.choice(table[said[-2:]] if said[-1] != "。" else table["。。"])
        said = said[2:].replace("。", "、")[:-1] + "。"
        # Other words in the same grammar: the bundled text is short, and its phrases would come again and again.
        said = re.sub(
            "[一-鿿]", lambda sign: self.chance.choice(kanji()) if self.chance.random() < 0.5 else sign[0], said
        )
        if self.chance.random() < 0.25:
            said = f"{self.chance.randint(2, 90)}%の方では{said}"
        return said

    def _marked(self) -> str:
        """A sentence with markup in it, as editors leave it."""
        said = self._sentence()
        if self.chance.random() < 0.2:
            begin, comma, end = said.partition("、")
            tag = self.chance.choice(("strong", "span", f'a href="{self.chance.choice(self.columns)[0]}"'))
            said = f"<{tag}>{begin}</{tag.split()[0]}>{comma}{end}"
        return said

    def _frame(self) -> tuple[str, str]:
        """What every page of the site begins and ends with."""
        p, chance = self.prefix, self.chance
        links = "".join(
            f'<li class="{p}nav__item"><a class="{p}nav__link" href="/{p}/{at}/"><span>{word}</span></a></li>'
            for at, word in enumerate(MENU)
        )
        style = "".join(
            f".{p}part{at}>.{p}in{{margin:{chance.randint(0, 40)}px auto;color:#{chance.randrange(16**6):06x}}}"
            for at in range(chance.randint(20, 160))
        )
        side = "".join(
            f'<dl class="{p}side__box"><dt>{chance.choice(TOPICS)}の診療時間</dt><dd>平日 {chance.randint(8, 10)}:00〜'
            f'{chance.randint(17, 20)}:00</dd></dl>' for _ in range(4)
        )  # fmt: skip
        recent = "".join(
            f'<li><a href="{path}"><img src="/img/{at}.jpg" alt="" loading="lazy"><span>{title}</span></a></li>'
            for at, (path, title) in enumerate(self.columns[:12])
        )
        head = (
            f'<link rel="stylesheet" href="/{p}/style.css"><style>{style}</style><script>window.dataLayer=[];function '
            f'{p[0]}g(){{dataLayer.push(arguments)}}</script></head><body class="{p}body"><header class="{p}header"><div '
            f'class="{p}logo"><a href="/">{self.name}</a></div><nav class="{p}nav"><ul>{links}</ul></nav></header>'
            f'<div class="{p}drawer"><ul>{links}</ul></div>'
        )
        foot = (
            f'<aside class="{p}side"><h3>最近のコラム</h3><ul>{recent}</ul>{side}</aside><footer class="{p}footer"><ul>'
            f"{links}</ul><p>〒100-0000 {self.name} 電話 03-0000-{chance.randint(1000, 9999)}</p><p>© 2026 {self.name}"
            f"</p></footer><script>{''.join(f'var v{at}={chance.randint(0, 9**9)};' for at in range(60))}</script>"
            "</body></html>"
        )
        return head, foot

    def _page(self, path: str, title: str, main: str, more: str = "") -> str:
        return (
            f'<!doctype html><html lang="ja"><head><meta charset="utf-8"><title>{title}|{self.name}</title><meta '
            f'name="viewport" content="width=device-width"><meta name="description" content="{title}についてのコラムです。">'
            f'<link rel="canonical" href="{self.origin}{path}">{more}{self.head}{main}{self.foot}'
        )

    def _listing(self) -> str:
        cards = "".join(
            f'<article class="{self.prefix}card"><a href="{path}"><time>2026.0{1 + at % 9}.{10 + at % 18}</time><h2>{title}'
            f"</h2><p>{self._sentence()}…</p></a></article>"
            for at, (path, title) in enumerate(self.columns)
        )
        return self._page("/column/", "コラム一覧", f'<main class="{self.prefix}list"><h1>コラム</h1>{cards}</main>')

    def _article(self, path: str, title: str) -> str:
        p, chance = self.prefix, self.chance
        day = f"2026-0{chance.randint(1, 9)}-{chance.randint(10, 28)}"
        parts = []
        for section in range(chance.choice((1, 2, 2, 3, 3, 4, 6))):
            parts.append(f'<section id="s{section}"><h2 class="{p}h2"><span>{chance.choice(TOPICS)}の{section + 1}つ目の要点'
                         "</span></h2>")  # fmt: skip
            for _ in range(chance.randint(1, 5)):
                text = "".join(self._marked() for _ in range(chance.randint(2, 5)))
                parts.append(f"{text}<br><br>" if self.breaks else f'<p class="{p}p">{text}</p>')
            parts.append(self._extra())
            parts.append("</section>")
        related = "".join(
            f'<a class="{p}rec" href="{other}"><em>{chance.choice(TOPICS)}</em>{name}</a>'
            for other, name in chance.sample(self.columns, min(4, len(self.columns)))
        )
        spoken = "{}年{}月{}日".format(*(int(part) for part in day.split("-")))
        said = spoken if self.undated else f'<time datetime="{day}">{day.replace("-", ".")}</time>'
        data = (
            ""
            if self.undated
            else (
                f'<script type="application/ld+json">{{"@context":"https://schema.org","@type":"Article","headline":"{title}",'
                f'"datePublished":"{day}","author":{{"@type":"Person","name":"若宮 圭"}}}}</script>'
            )
        )
        main = (
            f'<ol class="{p}crumb"><li><a href="/">トップ</a></li><li><a href="/column/">コラム</a></li><li>{title}</li></ol>'
            f'<main class="{p}main"><article class="{p}post"><h1 class="{p}ttl">{title}</h1><p class="{p}date">公開日:'
            f'{said}</p><div class="{p}txt">{"".join(parts)}</div></article>'
            f'<div class="{p}share"><a href="#x">X</a><a href="#l">LINE</a></div><section class="{p}cta"><p>ご予約・ご相談は'
            f'お電話で</p><a href="/{p}/reserve/">予約する</a></section><div class="{p}recs">{related}</div></main>'
        )
        if self.plain:
            main = re.sub(r"<(/?)(?:main|article|section)\b", r"<\1div", main)
        return self._page(path, title, main, data)

    def _extra(self) -> str:
        """What stands below a section's paragraphs: a table of fees, a list, a question, or nothing."""
        p, chance = self.prefix, self.chance
        kind = chance.randrange(4)
        if kind == 0:
            rows = "".join(
                f"<tr><td>{chance.choice(TOPICS)}の治療({at + 1}回)</td><td>{chance.randint(11, 990)},{chance.randint(1, 9)}00円"
                "(税込)</td></tr>"
                for at in range(chance.randint(2, 6))
            )
            return f'<div class="{p}scroll"><table><tr><th>内容</th><th>費用</th></tr>{rows}</table></div>'
        if kind == 1:
            items = "".join(f"<li><span>{self._sentence()}</span></li>" for _ in range(chance.randint(2, 6)))
            return f'<ul class="{p}dot">{items}</ul>'
        if kind == 2:
            return (
                f"<details><summary>{chance.choice(TOPICS)}に効きますか?</summary><p>{self._sentence()}</p></details>"
            )
        return ""
