"""Price tables and claims drawn as pictures, in sizes, colours, noise, compression and turns as clinics have them."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass

FOLDER = "/usr/share/fonts/opentype"
FONTS = tuple(f"{FOLDER}/ipafont-{name}.ttf" for name in ("gothic/ipagp", "gothic/ipag", "mincho/ipamp"))
ITEMS = (
    "初診料", "再診料", "しみ取りレーザー", "ヒアルロン酸注射", "医療脱毛 全身", "ホワイトニング", "PRP療法",
    "AGA治療薬", "二重埋没法", "点滴 1回", "カウンセリング", "麻酔クリーム",
)  # fmt: skip
CLAIMS = (
    "効果には個人差があります", "自由診療(保険適用外)", "表示価格は税込です", "副作用:赤み、腫れ、内出血",
    "施術時間は約30分です", "当日の入浴はお控えください",
)  # fmt: skip
COLOURS = (
    ((20, 20, 20), (255, 255, 255)), ((60, 60, 60), (250, 245, 235)), ((255, 255, 255), (40, 80, 140)),
    ((150, 20, 60), (255, 250, 250)), ((255, 255, 255), (190, 70, 100)), ((30, 60, 40), (225, 240, 225)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DrawnTable:
    """A picture and what stands in it: rows of an item and its price, and a claim below."""

    body: bytes
    rows: tuple[tuple[str, str], ...]
    claim: str


def _amount(chance: random.Random) -> str:
    amounts = (
        chance.randint(1, 9) * 100 + chance.choice([0, 50]), chance.randint(10, 99) * 100,
        chance.randint(100, 999) * 100, chance.randint(1000, 1980) * 100, chance.randint(3, 98) * 1100,
    )  # fmt: skip
    return f"{chance.choice(amounts):,}円"


def draw(seed: int) -> DrawnTable:
    """Draw a table from a seed."""
    from PIL import Image, ImageDraw, ImageFont

    chance = random.Random(seed)
    size = chance.choice([12, 14, 16, 18, 20, 24, 28, 32, 40])
    font = ImageFont.truetype(chance.choice(FONTS), size)
    rows = tuple((item, _amount(chance)) for item in chance.sample(ITEMS, chance.randint(3, 6)))
    claim, (ink, paper) = chance.choice(CLAIMS), chance.choice(COLOURS)
    widest = max(int(font.getlength(item) + font.getlength(price)) for item, price in rows) + size * 5
    width = max(widest, int(font.getlength(claim)) + size * 2)
    image = Image.new("RGB", (width, int(size * (1.9 * (len(rows) + 1) + 1.5))), paper)
    pen, y = ImageDraw.Draw(image), size * 0.8
    for item, price in rows:
        pen.text((size, y), item, font=font, fill=ink)
        pen.text((width - size - font.getlength(price), y), price, font=font, fill=ink)
        if chance.random() < 0.5:
            line = (size * 0.5, y + size * 1.4, width - size * 0.5, y + size * 1.4)
            pen.line(line, fill=tuple((one + other) // 2 for one, other in zip(ink, paper, strict=True)))
        y += size * 1.9
    pen.text((size, y), claim, font=font, fill=ink)
    if chance.random() < 0.4:
        turn = chance.uniform(-2, 2)
        image = image.rotate(turn, resample=Image.Resampling.BICUBIC, expand=True, fillcolor=paper)
    if chance.random() < 0.4:
        noise = Image.effect_noise(image.size, chance.uniform(8, 24)).convert("RGB")
        image = Image.blend(image, noise, 0.08)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=chance.randint(30, 90))
    return DrawnTable(buffer.getvalue(), rows, claim)
