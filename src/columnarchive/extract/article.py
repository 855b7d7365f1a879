"""An outline and its site's template → an Article."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from columnarchive.extract.blocks import assemble
from columnarchive.extract.bylines import People, find_people
from columnarchive.extract.content_selection import region, select
from columnarchive.extract.dates import find_dating, is_date_label
from columnarchive.extract.dom_paths import Places
from columnarchive.extract.json_ld import LinkedData, read_linked_data
from columnarchive.extract.outlines import Outline
from columnarchive.extract.page_images import spots
from columnarchive.extract.pictures import Text, read_pictures
from columnarchive.extract.rules import CRUMB_HOME, LINK_SHARE
from columnarchive.extract.template import Template
from columnarchive.extract.title import find_title
from columnarchive.observations import elsewhere
from columnarchive.records import Article, Block, OutsideLine, Picture, picture_key
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
    outside = _outside(page, chosen, body)
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
        pictures=read_pictures(page, url, Text(chosen, title_at, body, blocks)),
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


def _outside(page: Outline, chosen: Sequence[int], body: Sequence[int]) -> Iterator[OutsideLine]:
    """Yield the lines that are not article text; names in menus and lists of links are none that state anything."""
    inside = frozenset(chosen)
    first, end = region(page, [index in inside for index in range(len(page.pieces))])
    position = 0
    chosen_pieces = frozenset(body)
    for index, piece in enumerate(page.pieces):
        position += piece.text.count("\n") + 1 if index in chosen_pieces else 0
        if index not in inside and (piece.linked < LINK_SHARE * len(piece.key) or _REACHED.search(piece.key)):
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
