"""The pages there are, and what a reader must be allowed to see for each."""

from __future__ import annotations

from columnarchive.browse import article, capturing, diffing, feeds, home, places, searching, sheets
from columnarchive.browse.answering import Route

_TEXTS = ("articles", "revisions", "passages", "sentences", "changes")
_EVIDENCE = ("pages", "captures", "bodies")

ROUTES = (
    Route("", home.home, ("sites", "articles", "changes")),
    Route("articles", home.articles, ("sites", "articles")),
    Route("article", article.article, (*_TEXTS, "copies")),
    Route("diff", diffing.diff, (*_TEXTS, "edits")),
    Route("change", diffing.change, _TEXTS),
    Route("search", searching.search, ("sites", "articles", "sentences")),
    Route("sites", places.sites, ("sites", "articles")),
    Route("site", places.site, ("sites", "articles", "changes", "pages")),
    Route("copies", places.copies, ("sites", "articles", "passages", "copies")),
    Route("passage", places.passage, ("articles", "revisions", "passages", "copies")),
    Route("captures", capturing.captures, ("pages", "captures")),
    Route("capture", capturing.capture, _EVIDENCE),
    Route("replay", capturing.replay, _EVIDENCE),
    Route("body", capturing.download, _EVIDENCE),
    Route("evidence", sheets.sheet, (*_TEXTS, *_EVIDENCE, "chain")),
    Route("feed", feeds.feed, ("sites", "articles", "changes", "sentences")),
)
