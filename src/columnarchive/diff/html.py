"""A comparison as one self-contained HTML page: inline or side by side, with `<ins>` and `<del>`, fit for print."""

from __future__ import annotations

from columnarchive.model import Article, Comparison


def to_html(comparison: Comparison, old: Article, new: Article) -> str:
    """Placeholder until the page is laid out."""
    raise NotImplementedError
