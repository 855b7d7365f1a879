"""Captures of a site to articles: decoding, blocks, the site template, content and metadata."""

RULES = "2026.17"
"""Version of the extraction rules; it rises whenever the same page may read differently."""
