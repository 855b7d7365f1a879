"""Accuracy and CPU of extraction beside its peers, on the same pages in the same run.

    python tests/benchmarks/extraction.py [CORPUS] [--repeat N]

CORPUS is the shared corpus (default: ../shared/corpus beside the repository). Peers not installed are left out;
`pip install trafilatura`, then in a second call `pip install readability-lxml resiliparse`. The ratio that counts is
against the faster setting of trafilatura. Leave-one-site-out: every threshold is set from the other sites' pages
alone (chosen from a small range by their mean F1) and the site left out is scored with it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from columnarchive.extract import content_selection, dom_walk, template
from columnarchive.extract.outlines import Outline, Places
from columnarchive.extract.saved_pages import learn, open_page, read_page, read_pages

ROOT = Path(__file__).resolve().parents[2]
RANGES = (
    (template, "TEMPLATE_SHARE", (0.15, 0.2, 0.25, 0.3)),
    (template, "DEAD_SHARE", (0.85, 0.9, 0.95)),
    (template, "CONTENT_SHARE", (0.4, 0.5, 0.6)),
    (dom_walk, "LINK_SHARE", (0.5, 0.6, 0.7)),
    (content_selection, "REGION_SHARE", (0.85, 0.9, 0.95)),
)
SavedPage = tuple[str, bytes, str]


def grams(text: str) -> Counter[str]:
    text = "".join(unicodedata.normalize("NFKC", text).split())
    return Counter(text[at : at + 5] for at in range(max(1, len(text) - 4))) if text else Counter()


def f1(gold: str, found: str) -> float:
    ours, theirs = grams(found), grams(gold)
    common = sum((ours & theirs).values())
    return 2 * common / (sum(ours.values()) + sum(theirs.values())) if common else 0.0


class Site:
    """A site's gold records and all its pages."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.gold = json.loads((folder / "gold.json").read_text(encoding="utf-8"))
        self.files = [(str(path), path.read_bytes(), "") for path in sorted(folder.rglob("*.html"))]
        bodies = {name: body for name, body, _ in self.files}
        self.wanted = [(str(folder / record["file"]), bodies[str(folder / record["file"])], "") for record in self.gold]

    def scores(self) -> list[float]:
        results = read_pages(self.wanted, self.files)
        return [
            f1(record["text"], result.article.text if result.article else "")
            for record, result in zip(self.gold, results, strict=True)
        ]


def peers() -> dict[str, Callable[[str], str]]:
    found: dict[str, Callable[[str], str]] = {}
    try:
        import trafilatura

        found["trafilatura"] = lambda html: trafilatura.extract(html) or ""
        found["trafilatura fast"] = lambda html: trafilatura.extract(html, fast=True) or ""
    except ImportError:
        pass
    try:
        from resiliparse.extract.html2text import extract_plain_text

        found["resiliparse"] = lambda html: str(extract_plain_text(html, main_content=True))
    except ImportError:
        pass
    try:
        import re

        from readability import Document

        found["readability-lxml"] = lambda html: re.sub(r"<[^>]*>", "", Document(html).summary())
    except ImportError:
        pass
    return found


def cpu(run: Callable[[], object], repeat: int) -> float:
    best = float("inf")
    for _ in range(repeat):
        started = time.process_time()
        run()
        best = min(best, time.process_time() - started)
    return best


def speed(sites: list[Site], repeat: int) -> dict[str, float]:
    """Milliseconds a page: ours with each site's template at hand, learning, and the peers."""
    found: dict[str, float] = {}
    pages = sum(len(site.wanted) for site in sites)
    ready = []
    learned = learning = 0.0
    for site in sites:
        places = Places()
        outlines = [page for _, body, kind in site.files if isinstance(page := open_page(body, kind, places), Outline)]
        model = learn(outlines, places)
        ready.append((site, model))
        learning += cpu(lambda outlines=outlines, places=places: learn(outlines, places), 2)
        learned += len(outlines)

    def ours() -> None:
        for site, model in ready:
            for url, body, kind in site.wanted:
                read_page(url, body, kind, model)

    runs: dict[str, Callable[[], object]] = {"columnarchive": ours}
    texts = [
        body.decode(record["decoded_with"], "replace")
        for site in sites
        for record, (_, body, _) in zip(site.gold, site.wanted, strict=True)
    ]
    for name, peer in peers().items():
        runs[name] = lambda peer=peer: [peer(text) for text in texts]
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(repeat):  # alternated, so that a busy machine slows all alike
        for name, run in runs.items():
            best[name] = min(best[name], cpu(run, 1))
    found = {name: 1000 * seconds / pages for name, seconds in best.items()}
    found["learning the template"] = 1000 * learning / learned
    return found


@contextmanager
def threshold(module: object, name: str, value: float) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def leave_one_site_out(sites: list[Site]) -> list[float]:
    """Scores of each page under thresholds chosen on the other sites, one threshold at a time."""
    table: dict[tuple[str, float], dict[str, list[float]]] = defaultdict(dict)
    for module, name, values in RANGES:
        for value in values:
            with threshold(module, name, value):
                for site in sites:
                    table[name, value][site.name] = site.scores()
    scores: list[float] = []
    for site in sites:
        with_all: list[list[float]] = []
        for _, name, values in RANGES:

            def others(value: float, name: str = name, site: Site = site) -> float:
                return statistics.mean(
                    score for other, found in table[name, value].items() if other != site.name for score in found
                )

            with_all.append(table[name, max(values, key=others)][site.name])
        worst = min(with_all, key=statistics.mean)  # the most pessimistic of the choices
        print(f"  {site.name}: {statistics.mean(worst):.3f}")
        scores += worst
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="?", type=Path, default=ROOT.parent / "shared" / "corpus")
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    if not options.corpus.exists():
        sys.exit(f"No corpus at {options.corpus}; give its folder.")
    sites = [Site(gold.parent) for gold in sorted(options.corpus.glob("sites/*/gold.json"))]
    print("accuracy (character 5-gram F1)")
    texts = [
        (record, body.decode(record["decoded_with"], "replace"))
        for site in sites
        for record, (_, body, _) in zip(site.gold, site.wanted, strict=True)
    ]
    folder = options.corpus / "articles"
    singles = [
        (record, (folder / record["file"]).read_bytes())
        for record in json.loads((folder / "gold.json").read_text(encoding="utf-8"))
    ]
    ours = [score for site in sites for score in site.scores()]
    alone = []
    for record, body in singles:
        article = read_pages([(record["url"] or record["file"], body, "")])[0].article
        alone.append(f1(record["text"], article.text if article else ""))
    print(f"  {'columnarchive':18} sites {statistics.mean(ours):.3f}  articles {statistics.mean(alone):.3f}")
    for name, peer in peers().items():
        on_sites = statistics.mean(f1(record["text"], peer(text)) for record, text in texts)
        on_singles = statistics.mean(
            f1(record["text"], peer(body.decode(record["decoded_with"], "replace"))) for record, body in singles
        )
        print(f"  {name:18} sites {on_sites:.3f}  articles {on_singles:.3f}")
    print("leave one site out")
    print(f"  mean {statistics.mean(leave_one_site_out(sites)):.3f}")
    print("CPU, ms a page of the sites (template at hand)")
    found = speed(sites, options.repeat)
    for name, milliseconds in found.items():
        print(f"  {name:22} {milliseconds:6.2f}  {milliseconds / found['columnarchive']:5.1f}×")


if __name__ == "__main__":
    main()
