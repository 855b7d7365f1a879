"""Sentences of errors as the pages say them: in Japanese, and without commands that a reader has no use for."""

from __future__ import annotations

import re

from columnarchive.browse import labels
from columnarchive.browse.asking import Language

_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        r"'' is not (?:a web|an http or https) address.*",
        "アドレスが指定されていません。",
        "No address was given.",
    ),
    (
        r"'(?P<text>.*)' is not (?:a web|an http or https) address.*",
        "「{text}」は Web のアドレスではありません。https://clinic.example/column/ のように書きます。",
        "",
    ),
    (
        r"The archive does not know (?P<text>.*)\.",
        "{text} はこのアーカイブにありません。",
        "",
    ),
    (
        r"(?P<text>.*) is a listing of columns, not a column; .*",
        "{text} はコラムの一覧で、コラムではありません。",
        "{text} is a listing of columns, not a column.",
    ),
    (
        r"(?P<text>.*) is known but has not been fetched yet\.",
        "{text} は、まだ取得していません。",
        "",
    ),
    (
        r"(?P<text>.*) holds no article \((?P<outcome>\w*)\); .*",
        "{text} に記事はありません（{outcome}）。",
        "{text} holds no article ({outcome}).",
    ),
    (
        r"(?P<text>.*) was withdrawn; .*",
        "{text} は取り下げられました。",
        "{text} was withdrawn.",
    ),
    (
        r"There is no revision (?P<text>\d+) of this article\.",
        "このコラムに第{text}版はありません。",
        "",
    ),
    (
        r"The archive first saw this article at (?P<text>.*)\.",
        "このコラムを初めて確認したのは {text} です。それより前の文面はありません。",
        "",
    ),
    (
        r"(?P<text>.*) has one revision: .*",
        "このコラムにはまだ一つの版しかありません。",
        "This column has one revision so far.",
    ),
    (
        r"The archive follows no site (?P<text>.*)\.",
        "「{text}」というサイトは追っていません。",
        "",
    ),
    (
        r"The archive holds no such passage; .*",
        "その文章は保存されていません。取り下げられたのかもしれません。",
        "",
    ),
    (
        r"The archive holds no such change; .*",
        "その変更は見つかりません。作り直しで番号が変わったのかもしれません。",
        "",
    ),
    (
        r"The archive holds no capture of (?P<text>.*?)(?: up to .*)?\.",
        "{text} の、その時までの保存の記録はありません。",
        "",
    ),
    (
        r"This capture is not a page; .*",
        "この応答はページではありません。本体はダウンロードできます。",
        "",
    ),
    (r"This capture has no body\.", "この応答に本体はありません。", ""),
    (
        r"'(?P<text>.*)' is no date; .*",
        "「{text}」は日付として読めません。2026-04-10 のように書きます。",
        "",
    ),
    (
        r"'(?P<text>.*)' is unknown here; it is one of (?P<known>.*)\.",
        "「{text}」という指定はありません。{known} のどちらかです。",
        "",
    ),
    (
        r"`scope` is one of (?P<text>.*)\.",
        "`scope` は {text} のどれかです。",
        "",
    ),
    (
        r"The query is empty; .*",
        "探すことばがありません。",
        "There is no word to look for.",
    ),
    (
        r"The stored body (?P<text>\w+) is damaged; .*",
        "保存した本体 {text} が壊れています。",
        "",
    ),
    (
        r"A row that this page needs cannot be read; .*",
        "このページに必要なデータが読み取れません。データベースが壊れている可能性があります。",
        "",
    ),
    (
        r"No archive is served here\.",
        "ここにはアーカイブがありません。",
        "",
    ),
)
"""A pattern for the sentence as it is raised, the Japanese one, and the English one where that differs."""


def sentence(said: str, lang: Language) -> str:
    """An error's sentence in the reader's language; as it was raised where it has no other yet."""
    for pattern, japanese, english in _KNOWN:
        found = re.fullmatch(pattern, said, re.S)
        if found:
            values = found.groupdict()
            if "outcome" in values:
                values["outcome"] = labels.name(labels.OUTCOMES, values["outcome"], lang)
            chosen = japanese if lang == "ja" else english
            return chosen.format(**values) if chosen else said
    return said


def is_known(said: str) -> bool:
    """Whether a sentence has its Japanese."""
    return any(re.fullmatch(pattern, said, re.S) for pattern, _, _ in _KNOWN)
