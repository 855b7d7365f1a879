"""Rows of pictures: those of an article with the span of time in which each stood."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

PICTURE_COLUMNS = "url, alt, caption, heading, position, width, height, sha256"


@dataclass(frozen=True, slots=True)
class PictureRow:
    """A picture of an article as `archive pictures` lists it; of one that stands, `until_at` is empty."""

    url: str
    alt: str
    caption: str
    heading: str
    position: int
    width: int
    height: int
    sha256: str
    text: str
    since_at: str
    until_at: str
    stands: bool


def of_article(conn: sqlite3.Connection, article_id: int) -> list[PictureRow]:
    """Return the pictures that an article has, in their order, then those that it had, the last to go first."""
    rows = conn.execute(
        """select url, alt, caption, heading, position, pictures.width, pictures.height, sha256,
                  coalesce(picture_files.text, ''), since_at, until_at, until_revision = 0
           from pictures left join picture_files using (sha256) where article_id = ?
           order by until_revision > 0, until_at desc, pictures.id""",
        (article_id,),
    )
    return [PictureRow(*(*fields, bool(stands))) for *fields, stands in rows]
