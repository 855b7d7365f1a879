"""An outline and its site's template → an Article; or why there is none: not HTML, too deep, a wall, an error page with
status 200, an empty shell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from columnarchive.extract.blocks import assemble
from columnarchive.extract.bylines import LinkedData, People, find_people, read_linked_data
from columnarchive.extract.content_selection import region, select
from columnarchive.extract.dates import find_dating, is_date_label
from columnarchive.extract.outlines import Outline, Places
from columnarchive.extract.page_images import spots
from columnarchive.extract.pictures import Text, read_pictures
from columnarchive.extract.rules import CRUMB_HOME, FOREIGN_PIECES, MISSING, NEEDS_SCRIPT, WALL, WALL_CHARS
from columnarchive.extract.template import COMMON, Template
from columnarchive.extract.title import find_title
from columnarchive.observations import elsewhere
from columnarchive.records import Article, Block, Outcome, OutsideLine, Picture, picture_key
from columnarchive.text import storable

_KANA = re.compile(r"[\u3041-\u30ff]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_NEAR_TITLE = 4
_LABEL_CHARS = 60
_LANGUAGE_SAMPLE = 800
_REACHED = re.compile(r"\d{3}|@")
_SENTENCE_END = re.compile(r"[。！？!?」]\s*$")


@dataclass(frozen=True, slots=True)
class Site:
    """What is known of a site when one of its pages is read.

    Its template, the parts that its titles share, and the places whose pictures its designs added or dropped.
    """

    places: Places
    template: Template | None = None
    title_parts: frozenset[str] = frozenset()
    slots: frozenset[int] = frozenset()


def read_article(page: Outline, site: Site, url: str, flags: Sequence[int] | None = None) -> Article | None:
    """The article of a page, or None where no text of its own remains.

    `flags` is what the site's template says of the page's pieces, for a caller who has asked it already.
    """
    if flags is None and site.template is not None:
        flags = site.template.judge(page)
    chosen = select(page, flags, url)
    data = read_linked_data(page.json_ld) if page.json_ld else LinkedData()
    title, title_at = find_title(page, chosen, flags, site.title_parts, data.headline)
    published, modified = find_dating(page, chosen, title_at, data, url)
    people = find_people(page, chosen, data)
    body = _body(page, chosen, title_at, people)
    blocks = assemble(page, body)
    if people.cut is not None and people.cut[0] in body:
        blocks = _without_tail(blocks, page, people.cut)
    blocks = _with_questions(blocks, data)
    if not blocks or _is_label(blocks):
        return None
    inside = frozenset(chosen)
    container = region(page, [index in inside for index in range(len(page.pieces))])
    outside = _outside(page, inside, container, body)
    return Article(
        url=url,
        title=storable(title),
        blocks=tuple([Block(block.kind, storable(block.text), block.level) for block in blocks]),
        published_on=published,
        modified_on=modified,
        author=storable(people.author),
        supervisor=storable(people.supervisor),
        author_about=storable(people.author_about),
        supervisor_about=storable(people.supervisor_about),
        language=_language(page, blocks),
        pictures=read_pictures(page, url, Text(chosen, container, title_at, body, blocks)),
        elsewhere=elsewhere(outside, (image.attributes.get("alt") or "" for image in page.images)),
    )


def own_pictures(article: Article, page: Outline, site: Site, url: str) -> tuple[Picture, ...]:
    """Return the pictures of an article without those of its site's template and designs.

    What a design adds or drops on all pages, above or below the text, is its own; amid the text it is the article's.
    """
    if site.template is None:
        return article.pictures
    excluded = site.template.picture_keys(page, url)
    framing = {key for place, key in spots(page, url) if place in site.slots}
    return tuple(
        one
        for one in article.pictures
        if (key := picture_key(one.url)) not in excluded
        and not (key in framing and one.position in (0, len(article.blocks)))
    )


def _outside(
    page: Outline, inside: frozenset[int], container: tuple[int, int], body: Sequence[int]
) -> Iterator[OutsideLine]:
    """Yield the lines that are not article text; names in menus and lists of links are none that state anything."""
    first, end = container
    position = 0
    chosen_pieces = frozenset(body)
    for index, piece in enumerate(page.pieces):
        position += piece.text.count("\n") + 1 if index in chosen_pieces else 0
        if index not in inside and (not piece.is_link or _REACHED.search(piece.key)):
            yield OutsideLine(storable(piece.text), first <= index < end, position)


def _body(page: Outline, chosen: list[int], title_at: int, people: People) -> list[int]:
    """The pieces without title, crumbs, date lines and lines that only name people."""
    if not chosen:
        return []
    head = frozenset(chosen[:_NEAR_TITLE])
    near = head.union(chosen[-3:])
    if title_at >= 0:
        near = near.union(range(title_at - _NEAR_TITLE, title_at + _NEAR_TITLE + 1))
    chosen_pieces: list[int] = []
    pieces = page.pieces
    for index in chosen:
        piece = pieces[index]
        if index == title_at or index in people.pieces or (piece.dated and index in near):
            if (
                chosen_pieces
                and chosen_pieces[-1] == index - 1
                and piece.dated
                and is_date_label(page.pieces[index - 1].text)
            ):
                chosen_pieces.pop()  # what the date was called goes with it
            continue
        if index < title_at and index in head:
            if piece.linked and CRUMB_HOME.search(piece.text):
                continue
            if len(piece.key) <= _LABEL_CHARS and not _SENTENCE_END.search(piece.text):
                continue  # a category or label over the title
        chosen_pieces.append(index)
    return chosen_pieces


def _without_tail(blocks: list[Block], page: Outline, cut: tuple[int, int]) -> list[Block]:
    text = page.pieces[cut[0]].text
    head = "\n".join(text.split("\n")[: cut[1]])
    tail = text[len(head) + 1 :]
    out: list[Block] = []
    for block in blocks:
        if block.text == text:
            out.append(Block(block.kind, head, block.level))
        elif block.text.endswith(tail):
            rest = block.text[: -len(tail)].rstrip("\n")
            if rest:
                out.append(Block(block.kind, rest, block.level))
        else:
            out.append(block)
    return out


def _is_label(blocks: list[Block]) -> bool:
    """Whether nothing but a heading is left, which names what is no text: entries that are links whole, pictures."""
    if any(block.kind != "heading" for block in blocks):
        return False
    text = "".join([block.text for block in blocks])
    return len(text) <= _LABEL_CHARS and not _SENTENCE_END.search(text)


def _with_questions(blocks: list[Block], data: LinkedData) -> list[Block]:
    """Questions that stand in JSON-LD only, at the end."""
    if not data.questions:
        return blocks
    article_text = "".join("".join(block.text.split()) for block in blocks)
    extra: list[Block] = []
    for question, answer in data.questions:
        if "".join(question.split()) not in article_text and "".join(answer.split())[:40] not in article_text:
            extra += [Block("question", question), Block("answer", answer)]
    return blocks + extra


def _language(page: Outline, blocks: list[Block]) -> str:
    text = "".join([block.text for block in blocks[:12]])[:_LANGUAGE_SAMPLE]
    enough = int(0.02 * len(text)) + 1
    if len(list(islice(_KANA.finditer(text), enough))) == enough:
        return "ja"
    if page.language:
        return page.language.split("-")[0]
    return "zh" if len(_HAN.findall(text)) > 0.3 * len(text) else ""


_MARKUP_TYPES = ("html", "xml", "text/plain", "octet-stream")
_UNKNOWN_TYPES = ("unknown/unknown", "application/unknown", "*/*")  # by which browsers look at the bytes
_BINARY = (b"%PDF", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"PK\x03\x04", b"\x1f\x8b", b"RIFF", b"\x00\x00\x00")
_MOVED = re.compile(
    r"移転(?:し|いた|に|のお)|引っ?越し|移行し|(?:URL|アドレス)(?:は|が)変(?:わ|更)|新しい(?:URL|アドレス|サイト)(?:は|に|へ)"
    r"|has moved|moved to",
    re.I,
)
_SNIFFED = 2048


def refuse(body: bytes, content_type: str) -> Outcome | None:
    """What can be said before parsing: not a page, by its type or its first bytes."""
    kind = content_type.partition(";")[0].strip().lower()
    if "/" in kind and kind not in _UNKNOWN_TYPES and not any(known in kind for known in _MARKUP_TYPES):
        return "not_html"
    head = body[:_SNIFFED].lstrip()
    if head.startswith(_BINARY) or (
        b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")) and b"<" not in head
    ):
        return "not_html"
    if body and b"<" not in body:
        return "not_html"
    return None


def judge(
    page: Outline, article: Article | None, *, foreign: bool = False, familiar: bool = False, sends_on: bool = False
) -> Outcome:
    """The outcome of a page that was parsed.

    `foreign`: it has nothing of its site's template, which the page itself had before, as a wall in front of a site
    has. `familiar`: most of the text that it had before is still there. `sends_on`: it sends its readers to another
    address by itself, so a short text is no more than a notice of that. Inside the template a wall is known by its
    words, and by carrying no date of publication.
    """
    if article is not None and familiar:
        return "ok"
    size = sum([len(block.text) for block in article.blocks]) if article is not None else 0
    dated = article is not None and bool(article.published_on or article.modified_on)
    if size < WALL_CHARS and foreign:
        return "suspect"
    if size < WALL_CHARS and not dated:
        title = page.title.lower()
        visible = " ".join([title, article.title.lower(), article.text.lower()] if article else [title])
        if WALL.search(visible) or (size == 0 and WALL.search(_all(page).lower())):
            return "suspect"
        if sends_on:
            return "redirected"
        if MISSING.search(title) or (size < WALL_CHARS / 2 and MISSING.search(visible)):
            return "suspect"
    if article is None:
        text = _all(page) if page.scripts else ""
        # The word is looked for first: few pages have it, and the pattern takes ten times as long as all else here.
        if page.scripts and (len(text) < 200 or ("java" in text.lower() and NEEDS_SCRIPT.search(text))):
            return "needs_javascript"
        return "no_article"
    return "ok"


def tells_of_move(article: Article) -> bool:
    """Return whether a short text says that its page is elsewhere now."""
    text = article.title + article.text
    return len(text) < WALL_CHARS and _MOVED.search(text) is not None and not WALL.search(text.lower())


def is_foreign(flags: Sequence[int], before: Sequence[int]) -> bool:
    """Whether a page lost all that it shared with its site, by what the template says of its pieces now and before.

    A redesign is no loss: the other pages have it too.
    """
    return not any(one & COMMON for one in flags) and sum(one & COMMON > 0 for one in before) >= FOREIGN_PIECES


def _all(page: Outline) -> str:
    return " ".join([piece.text for piece in page.pieces[:400]])
