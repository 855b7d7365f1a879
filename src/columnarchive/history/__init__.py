"""From the captures of a site to articles, revisions and blame: pure functions."""

VERSION = "2"
"""Version of the rules by which readings become articles and revisions; it rises when the same readings may differ."""
