"""A made-up site and its captures, for tests and benchmarks of storage: own text, one template, any number of pages."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from columnarchive.records import Capture, Outcome, Wire
from columnarchive.store import captures, hash_chain, sites
from columnarchive.store.database import Database

_SUBJECTS = ("肩こり", "腰の痛み", "膝の違和感", "頭の重さ", "睡眠の浅さ", "手足の冷え", "姿勢の崩れ", "目の疲れ")
_CAUSES = ("長い座り仕事", "運動の不足", "枕の高さ", "歩き方の癖", "冷房の風", "古い靴", "重い鞄", "夜更かし")
_CURES = ("温めてください", "十分に歩いてください", "水を飲んでください", "医師に相談してください", "休んでください")
_MENU = "".join(f'<li class="menu-item item-{n}"><a href="/menu/{n}/">ご案内{n}</a></li>' for n in range(40))
_FOOTER = "".join(f"<p>架空の町{n}丁目{n * 3}番地 電話 00-0000-{n:04d}</p>" for n in range(30))


def sentence(rng: random.Random) -> str:
    """One made-up sentence."""
    number = rng.randrange(10_000)
    return f"{rng.choice(_SUBJECTS)}は{rng.choice(_CAUSES)}から来ることが{number}件あり、{rng.choice(_CURES)}。"


def page(number: int, version: int = 0, host: str = "clinic.example") -> bytes:
    """Version `version` of page `number`: one more paragraph each, and a build stamp in the template."""
    rng = random.Random(f"{host} {number}")
    text = "".join(f"<p>{''.join(sentence(rng) for _ in range(4))}</p>" for _ in range(12 + version))
    style = "".join(f".block-{n}{{margin:{n}px;color:#{n:03d}}}" for n in range(80))
    return (
        f"<!doctype html><html lang=ja><head><meta charset=utf-8><title>コラム{number} | {host}</title>"
        f"<style>{style}</style></head><body><nav><ul>{_MENU}</ul></nav>"
        f"<article><h1>コラム{number}</h1><time>2026年5月{1 + number % 28}日</time>{text}</article>"
        f"<footer>{_FOOTER}<p>build {version}.{number}</p></footer></body></html>"
    ).encode()


def patchwork(number: int) -> bytes:
    """A page of paragraphs that other pages have as well, each some of them, so that several together serve it best."""
    rng = random.Random(f"patchwork {number}")
    pool = [sentence(random.Random(f"paragraph {paragraph}")) * 3 for paragraph in range(24)]
    own = f"<!-- {rng.randbytes(3000).hex()} -->"  # enough of its own to be worth a place in a dictionary
    return page(number).replace(b"</article>", ("".join(rng.sample(pool, 10)) + own).encode() + b"</article>")


def at(day: int, second: int = 0) -> str:
    """A time on one of the days after 1 May 2026."""
    return f"2026-{5 + day // 28:02d}-{1 + day % 28:02d}T00:{second // 60:02d}:{second % 60:02d}Z"


def capture(
    url: str, when: str, body: bytes | None, status: int = 200, outcome: Outcome = "ok", **more: object
) -> Capture:
    """A capture with plain headers; `more` sets other fields."""
    fields: dict[str, object] = {
        "url": url, "final_url": url, "fetched_at": when, "status": status, "body": body, "outcome": outcome,
        "headers": (("Content-Type", "text/html; charset=utf-8"),), "wire": Wire(peer="192.0.2.7", seconds=0.5),
    }  # fmt: skip
    return Capture(**{**fields, **more})  # type: ignore[arg-type]


def site(pages: int, versions: int, host: str = "clinic.example") -> Iterator[Capture]:
    """Each version of each page, one a day, as a crawl would bring them."""
    for version in range(versions):
        for number in range(pages):
            url = f"https://{host}/column/{number}/"
            yield capture(url, at(version, number), page(number, version, host))


def fill(db: Database, many: list[Capture], host: str = "clinic.example") -> list[int | None]:
    """Add captures in one sealed group."""
    with db.transaction() as conn:
        site_id = sites.ensure_site(db, host, at(0))
        found = [captures.add(db, sites.ensure_page(db, site_id, each.url), each) for each in many]
        hash_chain.seal(conn, at(27), "crawl", [each for each in found if each is not None])
    return found


def archive(folder: Path, pages: int = 8, versions: int = 4) -> Database:
    """A new archive with one made-up site."""
    db = Database.open(folder / "archive.db")
    fill(db, list(site(pages, versions)))
    return db
