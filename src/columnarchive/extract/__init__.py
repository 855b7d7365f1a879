"""Captures of a site to articles: decoding, blocks, the site template, content and metadata."""
