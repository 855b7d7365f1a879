"""Inline spans of an edited sentence: what was taken out and what was put in, in whole words, easy to read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from rapidfuzz.distance import Indel, MatchingBlock, Postfix, Prefix

from columnarchive.diff.normalization import KANJI, has_kana, is_function, tokens
from columnarchive.records import Span

# A longer changed part is marked as replaced as a whole: no sentence that a person writes is so long.
_LONGEST = 4_000
# How far before and after the changed part its first and last word may reach.
_WORD_REACH = 200
# Kept text below this share of the longer side is chance: the sentence was written anew.
_LEAST_EQUAL = 0.2
# No number, word or address goes on across these.
_BREAKS = frozenset("、。「」『』！？\n")
_NOUN = re.compile(rf"[{KANJI}]{{3,}}")
# After a name these are a word of their own, however short the name.
_ROLES = ("医師", "院長", "先生", "教授", "理事長", "技師", "薬剤師", "看護師")
_VERBAL_NOUN = re.compile(rf"[{KANJI}]{{2,4}}")
_VERB_ENDING = re.compile("[しさす]")
_PARTICLES = re.compile("[はがもをにでとへの]|には|にも|では|でも|とは|とも|から|まで")
# A noun that joins others by the first of these keeps the particle that follows: 痛み{+や腫れ+}が.
_LISTING = ("や", "、", "・", "と", "も")
_OF_LISTS = ("は", "が", "も", "を")
_HONORIFIC = re.compile(rf"[おご][{KANJI}]")
_AUXILIARY = re.compile("いただ|くださ|でき|にな")
_FINAL = re.compile("[かとねよ]|が|ので|から")
_PHRASE_ENDS = (*"はがをにでとも", "から", "まで", "という")
_LONGEST_PHRASE = 60
_FURTHER = re.compile(r"[^はがをにでともの]")
_NOUN_END = re.compile(rf"[{KANJI}ァ-ヺー]$")
_WEEKDAY = re.compile(r"[(（][月火水木金土日・祝]{1,3}[)）]$")
_NOT_NAME = re.compile(r"[0-9０-９A-Za-z]")
_NUMERALS = re.compile(r"[0-9０-９〇一二三四五六七八九十百千万億]+")

_BEGINS_NOUN = re.compile(rf"[{KANJI}ァ-ヺ]")
_SPACE = re.compile(r"\s+|\S")

Piece = tuple[Sequence[str], Sequence[str], bool]


def spans_between(old: str, new: str) -> tuple[Span, ...]:
    """Return spans that give `old` (equal and delete) and `new` (equal and insert), deletions before insertions.

    >>> [(span.op, span.text) for span in spans_between("費用は98,000円です", "費用は128,000円です")]
    [('equal', '費用は'), ('delete', '98,000円'), ('insert', '128,000円'), ('equal', 'です')]
    """
    if old == new:
        return (Span("equal", old),) if old else ()
    if not old or not new:
        return (Span("insert", new),) if new else (Span("delete", old),)
    head, tail = _outside(old, new)
    core = _core(old[head : len(old) - tail], new[head : len(new) - tail])
    pieces: list[Piece] = [(_cut_end(old[:head]), _cut_end(old[:head]), True)] if head else []
    pieces += core
    if tail:
        pieces.append((_cut_start(old[-tail:]), _cut_start(old[-tail:]), True))
    marked = _with_words_alone(_slid(_with_final_particles(_with_nouns(_merged(_refined(pieces))))))
    return tuple(_spans(_without_shared_start(marked)))


def _outside(old: str, new: str) -> tuple[int, int]:
    """Return the lengths of the equal text before and after all changes, cut where no word continues."""
    head = Prefix.similarity(old, new)
    tail = min(Postfix.similarity(old, new), len(old) - head, len(new) - head)
    head = next((at for at in range(head, max(0, head - _WORD_REACH), -1) if old[at - 1] in _BREAKS), 0)
    tail = next((at for at in range(tail, max(0, tail - _WORD_REACH), -1) if old[-at] in _BREAKS), 0)
    return head, tail


def _core(old: str, new: str) -> Iterable[Piece]:
    if max(len(old), len(new)) > _LONGEST:
        return [((old,) if old else (), (new,) if new else (), False)]
    return _aligned(tokens(old), tokens(new))


def _cut_end(text: str) -> list[str]:
    return [text[:-1], text[-1]] if len(text) > 1 else [text]


def _cut_start(text: str) -> list[str]:
    return [text[0], text[1:]] if len(text) > 1 else [text]


def _aligned(old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    """Yield runs of tokens, alternately equal and changed."""
    shorter = min(len(old), len(new))
    head = 0
    while head < shorter and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < shorter - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    if head:
        yield old[:head], old[:head], True
    old_end, new_end = len(old) - tail, len(new) - tail
    if head < max(old_end, new_end):
        yield from _searched(old[head:old_end], new[head:new_end])
    if tail:
        yield old[old_end:], new[new_end:], True


def _searched(old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    if not old or not new or set(old).isdisjoint(new):
        yield old, new, False
        return
    at_old = at_new = 0
    for i, j, size in _matches(old, new):
        if at_old < i or at_new < j:
            yield old[at_old:i], new[at_new:j], False
        at_old, at_new = i + size, j + size
        yield old[i:at_old], new[j:at_new], True
    if at_old < len(old) or at_new < len(new):
        yield old[at_old:], new[at_new:], False


def _matches(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Yield equal runs in order, matching content words first and then particles between them."""
    olds = [at for at, token in enumerate(old) if not is_function(token)]
    news = [at for at, token in enumerate(new) if not is_function(token)]
    anchors = [
        (olds[block.a + nth], news[block.b + nth])
        for block in _blocks([old[at] for at in olds], [new[at] for at in news])
        for nth in range(block.size)
    ]
    last_i = last_j = 0
    for i, j in [*anchors, (len(old), len(new))]:
        if last_i < i and last_j < j:
            for block in _blocks(old[last_i:i], new[last_j:j]):
                if block.size:
                    yield last_i + block.a, last_j + block.b, block.size
        if i < len(old):
            yield i, j, 1
        last_i, last_j = i + 1, j + 1


def _blocks(old: Sequence[str], new: Sequence[str]) -> list[MatchingBlock]:
    ids: dict[str, int] = {}
    old_ids = [ids.setdefault(token, len(ids)) for token in old]
    new_ids = [ids.setdefault(token, len(ids)) for token in new]
    return Indel.opcodes(old_ids, new_ids).as_matching_blocks()


def _refined(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Split compound nouns with a common start or end where they differ: 毎週|火曜 and 毎週|金曜."""
    for was, now, is_equal in pieces:
        if is_equal or not was or not now:
            yield was, now, is_equal
            continue
        old, new = was, now
        head = _shared(old[0], new[0], from_end=False)
        if head:
            yield [old[0][:head]], [old[0][:head]], True
            old, new = [old[0][head:], *old[1:]], [new[0][head:], *new[1:]]
        tail = _shared(old[-1], new[-1], from_end=True)
        cut_old = [*old[:-1], old[-1][: len(old[-1]) - tail]]
        cut_new = [*new[:-1], new[-1][: len(new[-1]) - tail]]
        yield [text for text in cut_old if text], [text for text in cut_new if text], False
        if tail:
            yield [old[-1][-tail:]], [old[-1][-tail:]], True


def _shared(old: str, new: str, from_end: bool) -> int:
    """Return the length of the word that two compounds share: two kanji or more, leaving two or none on a side."""
    if from_end and old.endswith((")", "）")):
        weekday = _WEEKDAY.search(old)
        return len(weekday[0]) if weekday and new.endswith(weekday[0]) else 0
    if not (_NOUN.match(old) or _NOUN.match(new)):
        return 0
    one, other = (old[::-1], new[::-1]) if from_end else (old, new)
    size = 0
    while size < min(len(one), len(other)) and one[size] == other[size] and _is_kanji(one[size]):
        size += 1
    left = (len(old) - size, len(new) - size)
    if from_end and any(map(_NUMERALS.fullmatch, (old[: left[0]], new[: left[1]]))):  # a number keeps its unit
        return 0
    if 0 not in left and old[len(old) - size :] in _ROLES:
        return size
    return size if size >= 2 and 1 not in left else 0


def _is_kanji(sign: str) -> bool:
    return "一" <= sign <= "鿿" or sign == "々"


def _merged(pieces: Iterator[Piece]) -> list[Piece]:
    """Return the pieces, with equal text that a reader would not notice between two changes made part of these."""
    every: list[Piece] = []
    for piece in pieces:
        if piece[2] and every and every[-1][2]:
            every[-1] = ([*every[-1][0], *piece[0]], [*every[-1][1], *piece[1]], True)
        elif piece[0] or piece[1]:
            every.append(piece)
    done: list[Piece] = []
    for at, piece in enumerate(every):
        is_island = piece[2] and 0 < at < len(every) - 1 and _is_island(every[at - 1], piece, every[at + 1])
        changed = not piece[2] or is_island
        if done and changed == (not done[-1][2]):
            before = done[-1]
            done[-1] = ([*before[0], *piece[0]], [*before[1], *piece[1]], not changed)
        else:
            done.append((piece[0], piece[1], not changed))
    return done if _is_worth(done) else [(_every(done, 0), _every(done, 1), False)]


def _is_island(before: Piece, equal: Piece, after: Piece) -> bool:
    """Return whether equal text between two changes reads as part of one change.

    Such is space inside a name, particles inside a phrase that was rewritten as a whole, a noun whose verb ending
    changed together with what precedes it, and one that is joined otherwise to what is before and after it.
    """
    text = "".join(equal[0])
    if not (after[0] and after[1]):
        return False
    if not (before[0] and before[1]):
        is_listed = (before[0] or before[1])[0] in _LISTING and text in _OF_LISTS
        return not is_listed and len(equal[0]) == 1 and _PARTICLES.fullmatch(text) is not None
    around = (before[0][-1], before[1][-1], after[0][0], after[1][0])
    if len(equal[0]) == 1 and _NOUN_END.search(text) and all(map(_PARTICLES.fullmatch, around)):
        return True
    if len(equal[0]) == 1 and _VERBAL_NOUN.fullmatch(text):
        endings = [_VERB_ENDING.match(side[0]) is not None for side in after[:2]]
        return any(endings) and all(has_kana(side[0]) for side in after[:2])
    if not is_function(text):
        return False
    if not text.strip():
        return not any(_NOT_NAME.search(token) for token in around)
    return any(has_kana("".join(side)) for piece in (before, after) for side in piece[:2])


def _is_worth(pieces: Sequence[Piece]) -> bool:
    """Return whether enough is equal for marks inside the sentence to be meaningful."""
    if sum(not piece[2] for piece in pieces) < 3:
        return True
    equal = sum(len(token) for piece in pieces if piece[2] for token in piece[0])
    longer = max(sum(map(len, _every(pieces, 0))), sum(map(len, _every(pieces, 1))))
    return equal >= longer * _LEAST_EQUAL


def _every(pieces: Sequence[Piece], side: int) -> list[str]:
    return [token for piece in pieces for token in (piece[0] if side == 0 else piece[1])]


def _with_nouns(pieces: list[Piece]) -> list[Piece]:
    """Mark a noun with the particle that replaced another: [-方も-]{+方は+}, not 方[-も-]{+は+}."""
    for at in range(1, len(pieces)):
        (equal, _, is_equal), (old, new, _) = pieces[at - 1], pieces[at]
        if not is_equal or not equal or not old or not new:
            continue
        if not len(old) == len(new) == 1 and "の" not in (old[0], new[0]):
            continue
        if _HONORIFIC.match(equal[-1]) and _AUXILIARY.match(old[0]) and _AUXILIARY.match(new[0]):
            pieces[at - 1] = (equal[:-1], equal[:-1], True)
            pieces[at] = ([equal[-1], *old], [equal[-1], *new], False)
            continue
        if _PARTICLES.fullmatch(old[0]) and _PARTICLES.fullmatch(new[0]) and _NOUN_END.search(equal[-1]):
            pieces[at - 1] = (equal[:-1], equal[:-1], True)
            pieces[at] = ([equal[-1], *old], [equal[-1], *new], False)
    return _coalesced(pieces)


def _coalesced(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces without empty ones, and changes that meet as one."""
    done: list[Piece] = []
    for old, new, is_equal in pieces:
        if done and not is_equal and not done[-1][2]:
            done[-1] = ([*done[-1][0], *old], [*done[-1][1], *new], False)
        elif old or new:
            done.append((old, new, is_equal))
    return done


def _with_final_particles(pieces: list[Piece]) -> list[Piece]:
    """Mark the particle that closes a clause with the predicate before it: [-治りますか-]{+消えますか+}？"""
    for at in range(1, len(pieces)):
        (old, new, was_equal), (equal, _, is_equal) = pieces[at - 1], pieces[at]
        if was_equal or not is_equal or len(equal) < 2 or not old or not new:
            continue
        if (
            _FINAL.fullmatch(equal[0])
            and equal[1][0] in "、。？?！!"
            and has_kana(old[-1][-1])
            and has_kana(new[-1][-1])
        ):
            pieces[at - 1] = ([*old, equal[0]], [*new, equal[0]], False)
            pieces[at] = (equal[1:], equal[1:], True)
    return pieces


def _slid(pieces: list[Piece]) -> list[Piece]:
    """Give a noun inserted into a list the comma before it: 現金{+、カード+}、振込, not 現金、{+カード、+}振込."""
    for at in range(1, len(pieces) - 1):
        before, (old, new, is_equal), after = pieces[at - 1 : at + 2]
        changed = new or old
        if is_equal or (old and new) or not (before[2] and after[2]) or len(changed) < 2 or len(before[0]) < 2:
            continue
        comma = changed[-1]
        after_noun = len(before[0]) > 1 and not has_kana(before[0][-2][-1])
        if comma in "、，・" and before[0][-1] == comma and after_noun and not has_kana(changed[-2][-1]):
            moved = [comma, *changed[:-1]]
            pieces[at - 1] = (before[0][:-1], before[1][:-1], True)
            pieces[at] = (moved, [], False) if old else ([], moved, False)
            pieces[at + 1] = ([comma, *after[0]], [comma, *after[1]], True)
    return pieces


def _with_words_alone(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Mark a word alone that came into a phrase or went: ご家族{+と+}一緒, and spaces."""
    for piece in pieces:
        old, new = ("".join(side) for side in piece[:2])
        if piece[2] or not old or not new:
            yield piece
        elif old.split() != new.split() and "".join(old.split()) == "".join(new.split()):
            yield from _searched(_SPACE.findall(old), _SPACE.findall(new))
        elif (cut := _inserted(*sorted((old, new), key=len))) is None:
            yield piece
        else:
            start, end = cut
            longer = max(old, new, key=len)
            word = [longer[start:end]]
            yield [longer[:start]] if start else [], [longer[:start]] if start else [], True
            yield (word, [], False) if len(old) > len(new) else ([], word, False)
            yield [longer[end:]] if end < len(longer) else [], [longer[end:]] if end < len(longer) else [], True


def _without_shared_start(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Leave out of a change the phrase that both sides begin with, where words in kana did not tell its end."""
    for old, new, is_equal in pieces:
        was, now = "".join(old), "".join(new)
        shared = 0 if is_equal else min(Prefix.similarity(was, now), _LONGEST_PHRASE)
        while shared and not (_is_phrase(was[:shared]) and _FURTHER.match(was, shared) and _FURTHER.match(now, shared)):
            shared -= 1
        if shared:
            yield [was[:shared]], [was[:shared]], True
            yield [was[shared:]], [now[shared:]], False
        else:
            yield old, new, is_equal


def _is_phrase(text: str) -> bool:
    """Whether a text is a word or more with the particle that ends a phrase."""
    return text.endswith("いった") or any(text.endswith(end) and len(text) >= 2 + len(end) for end in _PHRASE_ENDS)


def _inserted(shorter: str, longer: str) -> tuple[int, int] | None:
    """Return where the word stands that `longer` has more than `shorter`: a particle, a noun or a clause of its own."""
    start = Prefix.similarity(shorter, longer)
    rest = shorter[start:]
    end = len(longer) - len(rest)
    if not longer.endswith(rest) or _NOT_NAME.search(longer[start:end]) or start == end:
        return None
    word = longer[start:end]
    if not rest:
        return (start, end) if shorter[-1] in "、。" and longer[-1] in "、。" else None
    if len(rest) < 2 or not _BEGINS_NOUN.match(rest) or _NOT_NAME.search(shorter):
        return None
    is_own = _PARTICLES.fullmatch(word) if start else len(word) > 1 and has_kana(rest) and _NOUN_END.search(word)
    return (start, end) if is_own else None


def _spans(pieces: Iterable[Piece]) -> Iterator[Span]:
    for old, new, is_equal in pieces:
        if is_equal:
            yield Span("equal", "".join(old))
            continue
        if old:
            yield Span("delete", "".join(old))
        if new:
            yield Span("insert", "".join(new))
