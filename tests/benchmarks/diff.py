"""CPU and memory of the diff beside its peers, on the same texts in the same run.

    python tests/benchmarks/diff.py

Texts are made of our own sentences, seeded. Peers that are not installed are left out: `pip install
fast-diff-match-patch diff-match-patch`; git is asked for `--word-diff` on the two files. Times are the best of several
runs with cold caches.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import random
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from rapidfuzz.distance import Indel

from columnarchive.diff import facts, normalization, sentences
from columnarchive.diff.compare import compare
from columnarchive.history.revisions import blame
from columnarchive.observations.sentences import fold
from columnarchive.records import Article, Block

CACHES = (
    sentences._pieces,
    normalization.nfkc_no_space, normalization.canonical_values,
    normalization.comparison_key, normalization.differs_in_letters,
    normalization.tokens, facts.facts_of, facts.claim_of, facts.topic_of, fold,
)  # fmt: skip
SUBJECTS = [
    "幹細胞", "膝の軟骨", "免疫細胞", "培養上清液", "肝臓のはたらき", "血管の壁", "皮膚の細胞", "神経の線維",
    "骨のもと", "毛根", "関節の液", "血小板",
]  # fmt: skip
PLACES = [
    "体の中で", "年齢とともに", "点滴のあと", "多くの方では", "検査の結果", "炎症が続くと", "眠っている間に",
    "運動をすると", "治療の前に", "数日のうちに",
]  # fmt: skip
OBJECTS = [
    "組織の修復", "炎症の広がり", "成長因子", "血液の流れ", "新しい細胞", "痛みの信号", "酸素の運び",
    "傷の治り", "水分の量", "たんぱく質",
]  # fmt: skip
VERBS = [
    "を助けます。", "を促すと考えられています。", "を調べます。", "に関わっています。",
    "を示すことがあります。", "を支えています。",
]  # fmt: skip


def sentence(chance: random.Random) -> str:
    """One sentence of some 30 characters; two are seldom the same."""
    amount = chance.randrange(2, 99)
    first, second, third = chance.choice(SUBJECTS), chance.choice(PLACES), chance.choice(OBJECTS)
    return f"{second}、{first}は{amount}種類の{third}と{chance.choice(OBJECTS)}{chance.choice(VERBS)}"


def article(chance: random.Random, characters: int) -> Article:
    """An article of paragraphs of four sentences."""
    blocks: list[Block] = []
    size = 0
    while size < characters:
        text = "".join(sentence(chance) for _ in range(4))
        blocks.append(Block("paragraph", text))
        size += len(text)
    return Article("https://a.example/", "題", tuple(blocks))


def edited(chance: random.Random, whole: Article, share: float) -> Article:
    """The article with that share of its sentences reworded, one word or number in each."""
    swaps = (
        ("種類", "件"),
        ("助けます", "助ける可能性があります"),
        ("組織", "軟骨"),
        ("点滴", "注射"),
        ("、", "、実は"),
    )
    blocks = []
    for block in whole.blocks:
        said = sentences.split(block.text)
        for at, one in enumerate(said):
            if chance.random() < share:
                out, put = chance.choice([swap for swap in swaps if swap[0] in one])
                said[at] = one.replace(out, put, 1)
        blocks.append(Block(block.kind, "".join(said)))
    return Article(whole.url, whole.title, tuple(blocks))


def milliseconds(work: Callable[[], object], repeat: int = 7) -> float:
    """CPU of one run, the best of several, each with cold caches."""
    best = float("inf")
    for _ in range(repeat):
        for cache in CACHES:
            cache.cache_clear()
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best * 1000


def git_word_diff(old: str, new: str) -> float:
    """CPU of a whole git process, its start included."""
    with tempfile.TemporaryDirectory() as folder:
        one, two = Path(folder, "old"), Path(folder, "new")
        one.write_text(old, "utf-8")
        two.write_text(new, "utf-8")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(["git", "diff", "--no-index", "--word-diff", one, two], capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def peers(old: str, new: str) -> dict[str, float]:
    """CPU of each peer that is installed, in milliseconds."""
    once = 1 if len(old) > 20_000 else 3
    times = {"git diff --word-diff": git_word_diff(old, new)}
    if len(old) <= 20_000:
        times["difflib"] = milliseconds(lambda: difflib.SequenceMatcher(None, old, new, False).get_opcodes(), 1)
    # The whole alignment of two texts takes memory for each pair of characters: over 1 GB at 100,000.
    if len(old) <= 20_000:
        times["rapidfuzz"] = milliseconds(lambda: Indel.opcodes(old, new), once)
    for name, module in (("diff-match-patch, fast", "fast_diff_match_patch"), ("diff-match-patch", "diff_match_patch")):
        try:
            loaded = importlib.import_module(module)
        except ImportError:
            continue
        if module == "fast_diff_match_patch":
            times[name] = milliseconds(lambda m=loaded: m.diff(old, new, timelimit=0, cleanup="Semantic"), once)
        elif len(old) <= 20_000:
            times[name] = milliseconds(lambda m=loaded: m.diff_match_patch().diff_main(old, new), 1)
    return times


def report(name: str, old: Article, new: Article) -> None:
    """One line for us, one for each peer."""
    own = milliseconds(lambda: compare(old, new))
    found = compare(old, new)
    print(f"{name}: {own:.1f} ms, {len(found.edits)} edits, capped {found.capped}")
    for peer, spent in sorted(peers(old.text, new.text).items(), key=lambda pair: pair[1]):
        print(f"    {peer}: {spent:.1f} ms, {spent / own:.1f} times ours")


def report_memory(old: Article, new: Article) -> None:
    """The peak of what Python holds during one comparison; rapidfuzz's own rows are small beside it."""
    tracemalloc.start()
    compare(old, new)
    print(f"    peak {tracemalloc.get_traced_memory()[1] / 1e6:.1f} MB")
    tracemalloc.stop()


def main() -> None:
    """Print all figures."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.parse_args()
    chance = random.Random(6)
    whole = article(chance, 10_000)
    report("10,000 characters, 5 % of the sentences edited", whole, edited(chance, whole, 0.05))
    old, new = article(chance, 100_000), article(chance, 100_000)
    report("100,000 characters written anew", old, new)
    report_memory(old, new)
    history = [whole]
    for _ in range(99):
        history.append(edited(chance, history[-1], 0.01))
    spent = milliseconds(lambda: [compare(one, other) for one, other in pairwise(history)], 3)
    steps = [compare(one, other) for one, other in pairwise(history)]
    print(f"100 revisions: {spent:.0f} ms; blame {milliseconds(lambda: blame(history, steps), 3):.0f} ms")


if __name__ == "__main__":
    sys.exit(main())
