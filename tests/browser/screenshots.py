"""Screenshots of the eight pages: `python tests/browser/screenshots.py [ARCHIVE] [FOLDER]`.

Without an archive (such as the `data/demo.db` that `archive demo` leaves) the fictional clinic of the tests is used.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from browser import sample, serving


def pages(archive: Path) -> dict[str, str]:
    """The eight pages, of the article whose change weighs most."""
    with sqlite3.connect(archive) as conn:
        (url,) = conn.execute(
            """select url from articles where revisions > 1
               order by url like '%nanbyo%' desc, revisions desc, url limit 1"""
        ).fetchone()
        (site,) = conn.execute("select site from articles where url = ?", (url,)).fetchone()
    of = f"url={quote(url)}"
    return {
        "home": "", "article": f"/article?{of}", "diff": f"/diff?{of}",
        "side-by-side": f"/diff?{of}&view=side&show=all",
        "search": f"/search?q={quote('難病')}", "site": f"/site?name={quote(site)}", "copies": "/copies",
        "capture": f"/capture?{of}",
    }  # fmt: skip


def main(arguments: list[str]) -> None:
    """Write a picture of each page, wide and light, and narrow and dark."""
    folder = Path(arguments[1] if len(arguments) > 1 else "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        archive = Path(arguments[0]) if arguments else sample.build(Path(made) / "clinic.db", sample.clinic())
        with serving.served(archive) as address, serving.browser() as chromium:
            for width, scheme in ((1280, "light"), (360, "dark")):
                context = chromium.new_context(
                    viewport={"width": width, "height": 860}, color_scheme=scheme, locale="ja-JP"
                )
                for name, path in pages(archive).items():
                    page = context.new_page()
                    page.goto(address + path, wait_until="networkidle")
                    page.wait_for_timeout(500)  # the closed frame draws after its page has loaded
                    page.screenshot(path=folder / f"{name}-{width}.png")
                    page.close()


if __name__ == "__main__":
    main(sys.argv[1:])
