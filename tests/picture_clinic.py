"""A fictional clinic whose columns say with pictures what matters, in four versions; no picture is a real one."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

HOST = "https://gazou.example"
COLUMNS = ("hiza", "shimi", "haisha", "megane", "kata", "kubi", "ashi", "hari")
FONT = "/usr/share/fonts/opentype/ipafont-gothic/ipagp.ttf"
_SUBJECTS = {
    "hiza": "膝の痛み",
    "shimi": "しみ",
    "haisha": "歯の治療",
    "megane": "目の疲れ",
    "kata": "肩こり",
    "kubi": "首の痛み",
    "ashi": "足のむくみ",
    "hari": "肌のはり",
}
_SENTENCES = (
    "{0}でお悩みの方に、当院の考え方をお伝えします。",
    "{0}の原因は一つではなく、診察と検査で順に確かめていきます。",
    "{0}がある日は無理をせず、いつから続いているかを書き留めておいてください。",
)


def page(name: str, version: int) -> str:
    """Return a column as it was in a version (1 to 4)."""
    subject = _SUBJECTS[name]
    text = "".join(f"<p>{line.format(subject)}</p>" for line in _SENTENCES)
    return f"""<!doctype html><html lang="ja"><head><title>{subject}について | 画像クリニック</title></head><body>
<header class="site-header"><a href="/"><img src="/img/logo.png" alt="画像クリニック"></a>
<div class="promo"><img src="/img/banner-{version}.jpg" alt="今月のお知らせ"></div></header>
<nav><ul><li><a href="/">ホーム</a></li><li><a href="/column/">コラム一覧</a></li></ul></nav>
<main><article><h1>{subject}について</h1><div class="entry-content">{text}{_own(name, version)}</div></article>
<aside class="related"><h2>関連記事</h2><ul>{_related(name)}</ul></aside></main>
<footer><a href="https://twitter.com/share?u=x"><img src="/img/tw.png" width="120" height="40" alt="ツイート"></a>
<p>画像クリニック 電話 00-0000-0000</p><img src="/count.gif" width="1" height="1"></footer></body></html>"""


def _related(name: str) -> str:
    return "".join(
        f'<li><a href="/column/{other}/"><img src="/img/thumb-{other}.jpg" alt="">'
        f"<span>{_SUBJECTS[other]}について</span></a></li>"
        for other in COLUMNS
        if other != name
    )


def _own(name: str, version: int) -> str:
    """Return what only one column shows."""
    if name == "hiza":
        return (
            '<h2>料金</h2><figure><img src="/img/price.png" alt="料金表" width="600" height="300">'
            "<figcaption>税込の料金です。</figcaption></figure>"
        )
    if name == "shimi":
        alt = "照射の様子" if version < 3 else "照射の様子(イメージ)"
        return f'<p><img src="/img/laser.jpg?ver={version}" alt="{alt}"></p>'
    if name == "haisha" and version >= 2:
        return (
            '<h2>症例</h2><img src="/img/case1-before.jpg" alt="治療前"><img src="/img/case1-after.jpg" alt="治療後">'
            "<p>治療内容:むし歯を取り除き、セラミックの詰め物を入れます。</p><p>費用:1本 88,000円(税込)</p>"
            "<p>リスク・副作用:治療後に痛みやしみる症状が出ることがあります。</p>"
        )
    if name == "megane" and version < 4:
        return '<p>検査の機器です。</p><img src="/img/machine.jpg" alt="検査の機器">'
    if name == "hari":
        return '<h2>料金</h2><p><img src="/img/fee.jpg" alt="注射の料金"></p>'
    if name == "kata":
        return '<p><img src="https://photos.elsewhere.example/kata.jpg" alt="肩の図"></p>'
    if name == "kubi":
        return f'<h2>院内のご案内</h2><div class="gallery">{"".join(map(_lazy, (1, 2, 3)))}</div>'
    if name == "ashi":
        return (
            '<p><a href="/img/exercise-large.jpg">体操の図を開く</a></p>'
            '<div class="photo" style="background-image:url(/img/foot.jpg)"></div>'
        )
    return ""


def _lazy(number: int) -> str:
    """Return a picture that a script loads, and what readers without scripts get."""
    return (
        '<div class="shot"><img class="lazy" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" '
        f'data-src="/img/room{number}.jpg" alt="院内{number}">'
        f'<noscript><img src="/img/room{number}.jpg" alt="院内{number}"></noscript></div>'
    )


def files(version: int) -> dict[str, bytes]:
    """Return the pictures as they were in a version, by path: one price in a table of PNG, one in a JPEG, a photograph.

    In version 2 the photograph is only compressed anew; in 3 the table's price changes; in 4 one digit of the JPEG,
    which is compressed anew in the same step.
    """
    photograph = _jpeg(_photograph(), 88)
    if version >= 2:
        photograph = _again(photograph, 70)
    fee = _jpeg(table([("ヒアルロン酸注射", "98,000円"), ("再診料", "1,500円")]), 90)
    if version >= 4:
        fee = _jpeg(table([("ヒアルロン酸注射", "93,000円"), ("再診料", "1,500円")]), 60)
    price = table([("初回", "22,000円" if version < 3 else "27,500円"), ("2回目から", "16,500円")])
    found = {"/img/laser.jpg": photograph, "/img/fee.jpg": fee, "/img/price.png": _png(price)}
    for number, name in enumerate(("machine", "room1", "room2", "room3", "foot", "exercise-large")):
        found[f"/img/{name}.jpg"] = _jpeg(_photograph(number + 1), 80)
    if version >= 2:
        found |= {f"/img/case1-{side}.jpg": _jpeg(_photograph(20 + len(side)), 80) for side in ("before", "after")}
    return found


def table(rows: list[tuple[str, str]], size: int = 20) -> Image:
    """Draw a table of prices."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (420, 24 + 2 * size * len(rows)), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.truetype(FONT, size)
    for number, cells in enumerate(rows):
        for x, text in zip((12, 260), cells, strict=True):
            draw.text((x, 12 + 2 * size * number), text, font=font, fill=(40, 40, 40))
    return image


def _photograph(seed: int = 0) -> Image:
    """Draw something like a photograph: soft shapes in many colours."""
    from PIL import Image, ImageDraw, ImageFilter

    chance = random.Random(seed)
    image = Image.new("RGB", (320, 240), (200, 190, 180))
    draw = ImageDraw.Draw(image)
    for _ in range(30):
        x, y, r = chance.randint(0, 320), chance.randint(0, 240), chance.randint(10, 60)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(chance.randint(60, 220) for _ in range(3)))
    return image.filter(ImageFilter.GaussianBlur(4))


def _jpeg(image: Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _png(image: Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _again(body: bytes, quality: int) -> bytes:
    from PIL import Image

    return _jpeg(Image.open(io.BytesIO(body)), quality)
