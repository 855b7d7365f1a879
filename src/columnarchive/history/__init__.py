"""From the captures of a site to articles, revisions and blame: pure functions."""
