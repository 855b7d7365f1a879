"""Who wrote and who supervised an article: 執筆者, 監修 and 文責 boxes and lines, and JSON-LD.

JSON-LD also says of a page its headline, dates and questions; broken JSON says nothing.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from columnarchive.extract.outlines import Outline
from columnarchive.extract.rules import WHITE
from columnarchive.text import storable

_ARTICLE = frozenset(
    [
        "Article",
        "NewsArticle",
        "BlogPosting",
        "Report",
        "ScholarlyArticle",
        "MedicalWebPage",
        "TechArticle",
        "SocialMediaPosting",
        "WebPage",
    ]
)
_MAX = 400_000
_DECODER = json.JSONDecoder(strict=False)
_MARKUP = re.compile(r"<[^<>]*>")
_LONGEST = 1000  # characters of a name, a title or a description


@dataclass(frozen=True, slots=True)
class LinkedData:
    """The fields of a page's JSON-LD that the archive uses; empty where absent."""

    headline: str = ""
    published: str = ""
    modified: str = ""
    author: str = ""
    author_about: str = ""
    reviewer: str = ""
    reviewer_about: str = ""
    questions: tuple[tuple[str, str], ...] = ()


def read_linked_data(scripts: tuple[str, ...]) -> LinkedData:
    """Read a page's JSON-LD scripts; the article's own node wins over the page's."""
    nodes = [node for script in scripts for node in _nodes(script)]
    questions = tuple(pair for node in nodes if "FAQPage" in _types(node) for pair in _questions(node))
    articles = [node for node in nodes if _ARTICLE & set(_types(node))]
    articles.sort(key=lambda node: "WebPage" in _types(node) or "MedicalWebPage" in _types(node))
    fields: dict[str, str] = {}
    for node in articles:
        for name, key in (("headline", "headline"), ("published", "datePublished"), ("modified", "dateModified")):
            value = node.get(key)
            if isinstance(value, str):
                fields.setdefault(name, _clean(value))
        for name, key in (("author", "author"), ("reviewer", "reviewedBy")):
            person, about = _person(node.get(key))
            if person:
                fields.setdefault(name, person)
                fields.setdefault(f"{name}_about", about)
    return LinkedData(**fields, questions=questions)


def _nodes(script: str) -> Iterator[dict[str, object]]:
    try:
        data = _DECODER.decode(script[:_MAX])
    except (ValueError, RecursionError):
        return
    waiting: deque[object] = deque([data])
    for _ in range(500):
        if not waiting:
            return
        one = waiting.popleft()
        if isinstance(one, list):
            waiting.extend(one[:500])
        elif isinstance(one, dict):
            yield one
            graph = one.get("@graph")
            if graph:
                waiting.append(graph)


def _types(node: dict[str, object]) -> list[str]:
    kind = node.get("@type")
    kinds = kind if isinstance(kind, list) else [kind]
    return [one for one in kinds if isinstance(one, str)]


def _person(value: object) -> tuple[str, str]:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, str):
        return _clean(value), ""
    if not isinstance(value, dict) or "Organization" in _types(value):
        return "", ""
    name = value.get("name")
    works = value.get("worksFor") or value.get("affiliation")
    about = [value.get("jobTitle"), works.get("name") if isinstance(works, dict) else works]
    return (_clean(name) if isinstance(name, str) else ""), " ".join(
        _clean(one) for one in about if isinstance(one, str)
    )


def _clean(text: str) -> str:
    return storable(text[:_LONGEST]).strip()


def _questions(node: dict[str, object]) -> Iterator[tuple[str, str]]:
    entities = node.get("mainEntity")
    for entity in entities if isinstance(entities, list) else [entities]:
        if not isinstance(entity, dict):
            continue
        answer = entity.get("acceptedAnswer")
        if isinstance(answer, list):
            answer = answer[0] if answer else None
        text = answer.get("text") if isinstance(answer, dict) else None
        name = entity.get("name")
        if isinstance(name, str) and isinstance(text, str) and name.strip() and text.strip():
            yield storable(name).strip(), storable(_MARKUP.sub(" ", text)).strip()


_SUPERVISOR = (
    r"(?:この(?:記事|コラム|ページ)(?:を|の))?(?:医療|医学|記事|薬事|総合)?監修(?:し(?:た"
    r"|ている)(?:人|医師|先生|ドクター))?(?:者|医師|医|ドクター|歯科医師|弁護士|薬剤師|院長|先生)?"
    r"(?:紹介|プロフィール|について|情報)?|reviewed by|supervised by"
    r"|supervisor"
)
_AUTHOR = (
    r"(?:この(?:記事|コラム|ページ)(?:を|の))?(?:執筆|著|筆|投稿|文責|記事作成|ライター|書い)"
    r"(?:し(?:た|ている))?(?:た)?(?:者|人|医師|医|ドクター|担当|弁護士|先生)?(?:紹介"
    r"|プロフィール|について|情報)?|written by|(?:author|writer)(?:'s)?(?: profile)?|文[:：]"
    r"|(?:取材|写真|編集)・文|文・(?:取材|写真|編集)"
)
_LABEL = re.compile(
    rf"^[\s【\[■◆●▼◎○]*(?:(?P<s>{_SUPERVISOR})|(?P<a>{_AUTHOR}))(?:[\s】\]]*(?:[:：/／|｜]\s*|\s+|\n|$)|[】\]])(?P<rest>.*)",
    re.I | re.S,
)
_NAME = re.compile(
    r"^[\u3005\u3400-\u9fff\u3041-\u30ff々ー・ヶA-Za-z.'’\-]{1,14}"
    r"(?:[ \u3000・][\u3400-\u9fff\u3041-\u30ff々ーA-Za-z.'’\-]{1,14}){0,3}$"
)
_INLINE = re.compile(
    r"(?:(?<=[\s|｜/／・、)）\d日])|^)(?:(?:(?P<s>監修(?:者|医師?)?)|(?P<a>執筆者?|文責|著者|筆者|ライター))\s*[:：]"
    r"|(?P<text>文)\s?[:：・／/](?!取材|写真|編集|構成|監修|イラスト))\s*"
    r"(?P<rest>[^:：|｜/／\n]{2,40}?)(?=\s*(?:[|｜/／\n]|$|(?:監修|執筆|更新|公開|投稿|最終)[^\s:：]{0,5}\s*[:：]))"
)
"""A name with its label in the midst of a short line, as beside a date."""
_INLINE_WORDS = ("監修", "執筆", "文責", "著者", "筆者", "ライター", "文・", "文：", "文:", "文／", "文/")
_TITLE_WORDS = re.compile(
    r"クリニック|病院|医院|院長|医師|博士|教授|講師|専門医|指導医|認定医|事務所|センター|法人|会社|協会|学会|大学|科$|代表|理事|"
    r"(?:療法|衛生|栄養|心理|福祉|技工|整復|保健|税理|弁護|会計|行政書|司法書|社労|操縦|消防)士$|(?:看護|薬剤|助産|鍼灸|検査技|心理|診療放射線技|はり|きゅう)師$|"
    r"プロフィール|略歴|経歴|資格|所属|スタッフ$"
)
_TEAM = re.compile(r"(?:事務局|編集[部室局]|広報[部室課]?|チーム|委員会|一同)$")
_NO_NAME = re.compile(
    r"(?:wp-?)?admin(?:istrators?)?|root|web-?master|editors?|user\d*|staff|guest|owner|test|profile|writer|author|"
    r"名無し|匿名|(?:サイト)?管理(?:者|人)|運営者?|ユーザー|ゲスト|プロフィール|担当者?|筆者|著者|先生|紹介",
    re.I,
)
"""What a system calls whoever has no name, and labels of boxes."""
_HONORIFIC = re.compile(r"(?:\s?(?:先生|医師|院長|氏|さん|ドクター|医学博士)){1,6}(?:\s?[（(].*)?$|\s?[（(].*$")
_BOX_PIECES = 24
_LABEL_LINE = 60
_INLINE_LINE = 100
_ROLES = ("author", "supervisor")
_CLAIM = re.compile(r"\d\s?円|自由診療|自費|副作用|リスク|未承認|個人差")
_SENTENCE = re.compile(r"[。！？!?]|\d\s?円")
_STARTS = frozenset("【[■◆●▼◎○こ医記薬総監執著筆投文ラ書取rRsSſwWaA") | WHITE
"""What a label can begin with; most lines are told by it alone."""
_HINT = re.compile(r"[監執著筆投文記ラ書取こ医薬]|author|writ|review|superv", re.I)


@dataclass(frozen=True, slots=True)
class People:
    """Author and supervisor, what the page says of them, and the pieces (or tail lines) that only say so."""

    author: str = ""
    author_about: str = ""
    supervisor: str = ""
    supervisor_about: str = ""
    pieces: frozenset[int] = frozenset()
    cut: tuple[int, int] | None = None


def names_people(text: str) -> bool:
    """Whether a line is the label of a box about the author or supervisor, or such a line itself."""
    if text[0] not in _STARTS or len(text) > _LABEL_LINE:
        return False
    return _HINT.search(text) is not None and _LABEL.match(text) is not None


def find_people(page: Outline, chosen: Sequence[int], data: LinkedData) -> People:
    """Read the boxes and lines that name people; what the page shows beats its JSON-LD."""
    found: dict[str, tuple[str, str]] = {}
    used: set[int] = set()
    cut: tuple[int, int] | None = None
    texts = [piece.text for piece in page.pieces]
    for index in [at for at, text in enumerate(texts) if text[0] in _STARTS or "\n" in text]:
        if index in used:
            continue
        text = texts[index]
        starts = text[0] in _STARTS
        match = _LABEL.match(text) if starts and len(text) <= 400 and _HINT.search(text, 0, 40) else None
        if match is not None:
            role = _ROLES[match["s"] is not None]
            name, about, box = _read_box(page, index, match["rest"])
            if name:
                found.setdefault(role, (name, about))
                used |= box
        elif chosen and index >= chosen[0] and "\n" in text and (tail := _read_tail(text)):
            role, name, about, line = tail
            found.setdefault(role, (name, about))
            cut = (index, line)
    joined = "\n".join(texts)
    if len(found) < len(_ROLES) and any(word in joined for word in _INLINE_WORDS):
        for text in [text for text in texts if len(text) <= _INLINE_LINE]:
            for match in _INLINE.finditer(text):
                name, about = _split_name(match["rest"])
                if name:
                    found.setdefault(_ROLES[match["s"] is not None], (name, about))
    author, author_about = found.get("author", _stated(data.author, data.author_about))
    supervisor, supervisor_about = found.get("supervisor", _stated(data.reviewer, data.reviewer_about))
    return People(author, author_about, supervisor, supervisor_about, frozenset(used), cut)


def _stated(name: str, about: str) -> tuple[str, str]:
    """A person as JSON-LD has it; nobody where that is what a system calls its users."""
    return ("", "") if _NO_NAME.fullmatch(name) else (name, about)


def _read_box(page: Outline, index: int, rest: str) -> tuple[str, str, set[int]]:
    """Name, description and pieces of the box that a label begins."""
    lines = [line.strip() for line in rest.split("\n") if line.strip()]
    if lines:
        name, extra = _split_name(lines[0])
        if name:
            return name, "\n".join(filter(None, [extra, *lines[1:]])), {index}
        return "", "", set()
    end, is_box = _box_end(page, index)
    box_lines: list[str] = []
    used = {index}
    for later in range(index + 1, end):
        piece = page.pieces[later]
        plain = len(piece.text) <= _LABEL_LINE and not _SENTENCE.search(piece.text)
        if not plain and not is_box:
            break
        box_lines.extend(line.strip() for line in piece.text.split("\n") if line.strip())
        if (plain and len(used) == later - index) or (is_box and not _CLAIM.search(piece.text)):
            used.add(later)
        if not is_box and _name_and_about(box_lines)[0]:
            break
    name, about = _name_and_about(box_lines)
    return name, about, used if name else set()


def _box_end(page: Outline, index: int) -> tuple[int, bool]:
    """Where the box of a label ends: the smallest element around it that holds more; whether it is a box of its own."""
    at = page.pieces[index].element
    while at >= 0 and page.elements[at].end <= index + 1:
        at = page.elements[at].parent
    end = page.elements[at].end if at >= 0 else len(page.pieces)
    is_box = at >= 0 and page.elements[at].first >= index - 1 and end <= index + _BOX_PIECES
    end = min(end, index + _BOX_PIECES)
    for later in range(index + 2, end):
        if page.pieces[later].tag in ("h1", "h2") or _LABEL.match(page.pieces[later].text[:40]):
            return later, is_box
    return end, is_box


def _name_and_about(lines: list[str]) -> tuple[str, str]:
    """The first line that is a name; a repetition of it with a space is the better spelling."""
    for index, line in enumerate(lines[:5]):
        name, extra = _split_name(line)
        if not name:
            continue
        rest = lines[:index] + lines[index + 1 :]
        same = [one for one in rest if "".join(one.split()) == "".join(name.split())]
        name = max([name, *same], key=len)
        return name, "\n".join(filter(None, [extra, *(one for one in rest if one not in same)]))
    return "", ""


def is_name(text: str) -> bool:
    """Return whether a text can be the name of a person or an editorial team, not of a role or a box."""
    return len(text) > 1 and _NAME.match(text) is not None and not (_NO_NAME.fullmatch(text) or _LABEL.fullmatch(text))


def _split_name(line: str) -> tuple[str, str]:
    """A name, and what follows it in the same line (an office, a degree)."""
    if len(line) > 60:
        return "", ""
    bare = _HONORIFIC.sub("", line).strip()
    if is_name(bare) and (not _TITLE_WORDS.search(bare) or _TEAM.search(bare)):
        return bare, line[len(bare) :].strip(" 　()（）")
    for part in re.split(r"[／/|｜、,（()）]+", line):
        words = re.split(r"[ \u3000]+", _HONORIFIC.sub("", part).strip())
        name = " ".join(word for word in words if not _TITLE_WORDS.search(word))
        if is_name(name):
            at = line.find(name)
            name = name if at >= 0 else name.replace(" ", "\u3000")
            return name, line.replace(name, "", 1).strip(" 　()（）/／|｜、,")
    return "", ""


def _read_tail(text: str) -> tuple[str, str, str, int] | None:
    """A box written as the last lines of a long `<br>` paragraph: role, name, description, line where it begins."""
    lines = text.split("\n")
    first = max(1, len(lines) - _BOX_PIECES)
    for number in [at for at, line in enumerate(lines[first:], first) if line[0] in _STARTS]:
        match = _LABEL.match(lines[number])
        if match is None or match["rest"].strip():
            continue
        name, about = _name_and_about([line.strip() for line in lines[number + 1 :]])
        if name:
            return _ROLES[match["s"] is not None], name, about, number
    return None
