# ruff: noqa: E501, RUF012 (written as such spiders are)
"""The peer of end_to_end.py: Scrapy + trafilatura + sqlite with an FTS5 trigram index, as such pipelines are written.

python peer_spider.py DATABASE (metadata|"") URL ...
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import trafilatura
from scrapy.crawler import CrawlerProcess
from scrapy.http import Response
from scrapy.linkextractors import LinkExtractor
from scrapy.spiders import CrawlSpider, Rule

DATABASE, MODE, *STARTS = sys.argv[1:]
GROUP = 50


class Columns(CrawlSpider):
    """Follows every link below /column/."""

    name = "columns"
    start_urls = STARTS
    allowed_domains = [urlsplit(url).hostname for url in STARTS]
    rules = (Rule(LinkExtractor(allow=r"/column/"), callback="parse_item", follow=True),)

    def parse_start_url(self, response: Response, **_: Any) -> Iterator[dict[str, Any]]:
        """A listing is a page as well."""
        return self.parse_item(response)

    def parse_item(self, response: Response) -> Iterator[dict[str, Any]]:
        """What is kept of a page."""
        title, day, text = response.css("title::text").get() or "", "", ""
        if MODE:
            found = trafilatura.bare_extraction(response.text, url=response.url, with_metadata=True)
            if found is not None:
                title, day, text = found.title or title, found.date or "", found.text or ""
        else:
            text = trafilatura.extract(response.text) or ""
        at = datetime.now(UTC).isoformat()
        yield {"url": response.url, "at": at, "title": title, "day": day, "text": text, "html": response.body}


class Store:
    """Rows and their index, committed in groups."""

    def open_spider(self) -> None:
        """Make the tables."""
        self.conn = sqlite3.connect(DATABASE)
        self.conn.executescript("""
            pragma journal_mode = wal;
            create table pages(id integer primary key, url text unique, at text, title text, day text, text text, html blob);
            create virtual table pages_fts using fts5(title, text, content='pages', content_rowid='id', tokenize='trigram');
            create trigger pages_added after insert on pages begin
              insert into pages_fts(rowid, title, text) values (new.id, new.title, new.text);
            end;
        """)
        self.count = 0

    def process_item(self, item: dict[str, Any]) -> dict[str, Any]:
        """Insert a page."""
        self.conn.execute(
            "insert or replace into pages(url, at, title, day, text, html) values (:url, :at, :title, :day, :text, :html)",
            item,
        )
        self.count += 1
        if self.count % GROUP == 0:
            self.conn.commit()
        return item

    def close_spider(self) -> None:
        """Commit the rest."""
        self.conn.commit()
        self.conn.close()


process = CrawlerProcess(
    {
        "LOG_LEVEL": "WARNING",
        "ROBOTSTXT_OBEY": True,
        "AUTOTHROTTLE_ENABLED": False,
        "DOWNLOAD_DELAY": 0,
        "CONCURRENT_REQUESTS": max(16, len(STARTS)),
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "COOKIES_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "ITEM_PIPELINES": {Store: 100},
    }
)
process.crawl(Columns)
process.start()
