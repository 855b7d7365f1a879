"""What a page says of itself in JSON-LD: headline, dates, people, questions; broken JSON says nothing."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

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
