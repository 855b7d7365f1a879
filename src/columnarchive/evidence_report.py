"""The evidence sheet: one self-contained HTML file with two texts, their difference, and their proofs.

It is in Japanese and English, because a sheet is passed on to people we do not know.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from columnarchive.diff.pictures import changed_pairs
from columnarchive.diff.render_html import spans_to_html
from columnarchive.errors import NotFound
from columnarchive.locale import Language, label_names, source_name, text
from columnarchive.records import Article, Comparison, Edit, Picture, Revision
from columnarchive.store import captures
from columnarchive.store.articles import ArticleRow
from columnarchive.times import interval

if TYPE_CHECKING:
    from columnarchive.reader import Reader

LANGUAGES: tuple[Language, ...] = ("ja", "en")

_PICTURE_TYPES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"wOF2", "font/woff2"),
    (b"wOFF", "font/woff"),
    (b"OTTO", "font/otf"),
    (b"\0\1\0\0", "font/ttf"),
)

_STYLE = """
:root{color-scheme:light}body{font:16px/1.8 "Hiragino Sans","Noto Sans JP","Yu Gothic Medium",Meiryo,IPAGothic,
sans-serif;color:#1f1e1b;background:#fff;max-width:46em;margin:2em auto;padding:0 1.2em;overflow-wrap:anywhere;
line-break:strict}h1{font-size:1.6em;line-height:1.35}h2{font-size:1.15em;margin-top:2.2em;border-bottom:1px solid #ccc}
h3{font-size:1em;margin-bottom:.2em}th{text-align:left;font-weight:400;color:#555;vertical-align:top;
padding:.15em 1em .15em 0;width:13em}td{padding:.15em 0;vertical-align:top}table{width:100%;table-layout:fixed;
border-collapse:collapse;font-size:.9em}code,pre{font-family:ui-monospace,Consolas,monospace;font-size:.88em}
pre{background:#f5f3ee;padding:.8em;white-space:pre-wrap}del{background:#f9dedb;color:#7c1b12}
ins{background:#dcefdc;color:#134d1b}.edit{border-left:3px solid #bbb;padding:.2em .8em;margin:.7em 0}
.labels{font-size:.85em;color:#555}.text p{margin:.5em 0}.heading{font-weight:700}footer{margin-top:3em;font-size:.85em;
color:#555}.pictures{display:grid;grid-template-columns:1fr 1fr;gap:1em}.pictures img{max-width:100%}
@media print{body{margin:0;max-width:none;font-size:10.5pt}.edit,tr{break-inside:avoid}}
"""


def picture_type(body: bytes) -> str:
    """Return the media type of a picture or a font by its first bytes."""
    for start, kind in _PICTURE_TYPES:
        if body.startswith(start):
            return kind
    if body[:4] == b"RIFF":
        return "image/webp"
    return "image/avif" if body[4:8] == b"ftyp" else "image/svg+xml"


def data_address(body: bytes) -> str:
    """Return a picture as an address that holds it."""
    return f"data:{picture_type(body)};base64,{base64.b64encode(body).decode()}"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet: a name for its file, the HTML page, and the captures whose WARC records belong to it."""

    name: str
    html: str
    captures: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Side:
    """A revision and the capture that first showed it."""

    revision: Revision
    stored: captures.Stored


def sheet(archive: Reader, row: ArticleRow, revisions: Sequence[Revision], comparison: Comparison | None) -> Sheet:
    """Return the sheet for two revisions of an article and their comparison, or for its only revision."""
    sides = [_side(archive, row, one) for one in revisions]
    page = "".join(_page(archive, row, sides, comparison))
    return Sheet(_name(row.url, sides), page, tuple(dict.fromkeys(side.stored.id for side in sides)))


@dataclass(frozen=True, slots=True)
class Citation:
    """One edit as a newspaper cites it: both sentences, where and when, and the captures that prove it."""

    title: str
    site: str
    url: str
    after_at: str
    seen_at: str
    edit: Edit
    captures: tuple[tuple[str, str], ...]
    link: str

    def text(self, lang: Language, base: str = "") -> str:
        """Return the citation in a language; `base` is the address of the server for the permanent link."""
        values = {
            "title": self.title,
            "site": self.site,
            "url": self.url,
            "interval": interval(self.after_at, self.seen_at, lang),
            "labels": label_names(self.edit.labels, lang, words=True),
            "old": self.edit.old or text(lang, "cite.none"),
            "new": self.edit.new or text(lang, "cite.none"),
            "link": base + self.link,
        }
        lines = [text(lang, f"cite.{key}", **values) for key in ("source", "interval", "old", "new", "labels")]
        lines += [text(lang, "cite.capture", at=at, sha256=sha256) for at, sha256 in self.captures]
        return "\n".join([*lines, text(lang, "cite.link", **values)])


def cite(row: ArticleRow, old: Revision, new: Revision, comparison: Comparison, number: int) -> Citation:
    """Return the citation of an edit by its number within the comparison, the first being 1."""
    if not 0 < number <= len(comparison.edits):
        raise NotFound("no_edit", number=number, most=len(comparison.edits))
    times = urlencode({"url": row.url, "from": old.first_seen_at, "to": new.first_seen_at})
    return Citation(
        new.article.title or row.title,
        row.site,
        row.url,
        _after(old, new),
        new.first_seen_at,
        comparison.edits[number - 1],
        ((old.first_seen_at, old.body_sha256), (new.first_seen_at, new.body_sha256)),
        f"/-/archive/diff?{times}#edit-{number}",
    )


def _after(old: Revision, new: Revision) -> str:
    return old.last_seen_at if old.last_seen_at < new.first_seen_at else old.first_seen_at


def _side(archive: Reader, row: ArticleRow, revision: Revision) -> _Side:
    return _Side(revision, archive.capture(row.url, revision.first_seen_at))


def _name(url: str, sides: list[_Side]) -> str:
    parts = urlsplit(url)
    stem = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in f"{parts.netloc}{parts.path}")
    days = "_".join(side.revision.first_seen_at[:10] for side in sides)
    return f"evidence-{stem.strip('-')[:80]}-{days}.html"


def _page(archive: Reader, row: ArticleRow, sides: list[_Side], comparison: Comparison | None) -> Iterator[str]:
    title = sides[-1].revision.article.title or row.url
    yield (
        '<!DOCTYPE html>\n<html lang="ja"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>証拠シート · {escape(title)}</title><style>{_STYLE}</style></head><body><main>"
        f"<p>証拠シート · <span lang='en'>Evidence sheet</span></p><h1>{escape(title)}</h1>"
    )
    if comparison:
        yield from _difference(archive, comparison, sides)
    yield _table(
        (
            ("元のページ · Address", row.url),
            ("サイト · Site", row.site),
            ("初めて確認 · First seen", row.first_seen_at),
            ("最後に確認 · Last seen", row.last_seen_at),
            ("状態 · State", row.state),
            ("改ざん検知の先頭 · Head of the hash chain", archive.chain_head),
        )
    )
    for side in sides:
        yield from _capture(side)
    for side in sides:
        number = side.revision.number
        yield f"<h2>第{number}版の全文 · <span lang='en'>Text of revision {number}</span></h2>"
        yield _text(side.revision.article)
    yield from _verification(row.url, sides)


def _capture(side: _Side) -> Iterator[str]:
    revision, stored = side.revision, side.stored
    yield f"<h2>第{revision.number}版 · <span lang='en'>Revision {revision.number}</span></h2>"
    yield _table(
        (
            ("この文面を確認した期間 · Seen", f"{revision.first_seen_at} – {revision.last_seen_at}"),
            ("取得 · Fetched", stored.fetched_at),
            ("取得したアドレス · Requested address", stored.url),
            ("転送先 · Final address", stored.final_url),
            ("ステータス · Status", str(stored.status)),
            ("サーバ · Server", " · ".join(part for part in (stored.peer, stored.tls) if part)),
            ("本体の SHA-256 · Body", revision.body_sha256),
            ("通信上の SHA-256 · On the wire", stored.wire_sha256),
            ("文面の指紋 · Fingerprint of the text", revision.article.fingerprint),
            ("改ざん検知の記録 · Tamper-evidence record", f"{stored.link} ({stored.link_at})" if stored.link else ""),
            ("入手経路 · Source", " · ".join(dict.fromkeys(source_name(lang, stored.source) for lang in LANGUAGES))),
            ("読み取り規則 · Reading rules", revision.rules),
        )
    )
    lines = "\n".join(f"{name}: {value}" for name, value in stored.headers)
    yield f"<h3>レスポンスヘッダー · <span lang='en'>Response headers</span></h3><pre>{escape(lines)}</pre>"


def _picture(archive: Reader, picture: Picture | None) -> str:
    """Return a picture with its digest, inside the sheet where it is stored."""
    if picture is None:
        return "<div></div>"
    image = ""
    if picture.sha256:
        image = f'<img src="{data_address(archive.body(picture.sha256))}" alt="{escape(picture.alt)}">'
    facts = (picture.caption or picture.alt, picture.url, f"SHA-256 {picture.sha256}" if picture.sha256 else "")
    return f"<div>{image}<p>{'<br>'.join(escape(one) for one in facts if one)}</p></div>"


def _difference(archive: Reader, comparison: Comparison, sides: Sequence[_Side]) -> Iterator[str]:
    yield "<h2>変更点 · <span lang='en'>What changed</span></h2>"
    old, new = (side.revision for side in sides)
    after = _after(old, new)
    when = " · ".join(interval(after, new.first_seen_at, lang) for lang in LANGUAGES)
    yield _table(
        (
            ("変更された期間（日本時間）· Changed (Japan time)", when if after < new.first_seen_at else ""),
            ("種類 · Labels", _names(comparison.labels)),
            ("重み · Level (0–3)", str(comparison.level)),
            ("字数 · Characters", f"+{comparison.added_chars} −{comparison.removed_chars}"),
            ("比べ方の版 · Comparing rules", comparison.engine + (" (coarse)" if comparison.capped else "")),
        )
    )
    for was, now in changed_pairs(old.article.pictures, new.article.pictures):
        yield '<div class="pictures">' + _picture(archive, was) + _picture(archive, now) + "</div>"
    if not comparison.edits:
        yield "<p>文面は同じです。<span lang='en'>The texts are the same.</span></p>"
    for edit in comparison.edits:
        yield f'<div class="edit {edit.op}"><div>{spans_to_html(edit.spans)}</div>'
        yield f'<div class="labels">{escape(_ops(edit.op))}: {escape(_names(edit.labels))}{_why(edit)}</div></div>'


def _names(labels: Iterable[str]) -> str:
    return " · ".join(label_names(labels, lang, words=True) for lang in LANGUAGES)


def _ops(op: str) -> str:
    return " · ".join(text(lang, f"page.op_{op}") for lang in LANGUAGES)


def _why(edit: Edit) -> str:
    lines = [
        f"{_names((one.label,))}: {one.old or '–'} → {one.new or '–'}" for one in edit.evidence if one.old or one.new
    ]
    return "".join(f"<br>{escape(line)}" for line in lines)


def _text(article: Article) -> str:
    facts = _table(
        (
            ("題名 · Title", article.title),
            ("公開日 · Published", article.published_on),
            ("更新日 · Updated", article.modified_on),
            ("執筆 · Author", article.author),
            ("監修 · Supervised by", article.supervisor),
        )
    )
    blocks = "".join(
        f'<p class="{escape(block.kind)}">{escape(block.text).replace(chr(10), "<br>")}</p>' for block in article.blocks
    )
    return f'{facts}<div class="text">{blocks}</div>'


def _verification(url: str, sides: Iterable[_Side]) -> Iterator[str]:
    yield "<h2>確かめ方 · <span lang='en'>How to verify</span></h2>"
    quoted = "'" + url.replace("'", "'\\''") + "'"
    commands = [
        "archive check                 # every digest and every link of the chain",
        f"archive captures {quoted}",
    ]
    for side in sides:
        shows = f"archive show {quoted} --revision {side.revision.number} --format html"
        commands.append(f"{shows} | sha256sum   # {side.revision.body_sha256}")
    yield f"<pre>{escape(chr(10).join(commands))}</pre>"
    yield (
        "<p>本体の SHA-256 は、転送と内容の符号化を解いたバイト列そのものから計算します。"
        "改ざん検知の各記録は、前の記録・時刻・種別・件数・中身の要約という五行の SHA-256 です。"
        "先頭の値を別の場所に控えておけば、後からの書き換えに気づけます。</p>"
        "<p lang='en'>The digest of a body is that of its bytes after transfer and content decoding. "
        "Each link of the chain is the SHA-256 of five lines: the link before, time, kind, number of entries, content. "
        "Whoever keeps the head elsewhere will notice any later change. Times are UTC.</p>"
        "<footer><p>種類は変わったことばを示すもので、是非の判断ではありません。"
        "<span lang='en'>Labels describe which words changed; they are not a judgement.</span></p></footer>"
        "</main></body></html>\n"
    )


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in rows if value
    )
    return f"<table><tbody>{lines}</tbody></table>"
