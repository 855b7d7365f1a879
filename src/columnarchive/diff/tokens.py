"""A sentence to the pieces that are never cut: numbers with their units, Latin words, URLs, runs of one script."""

from __future__ import annotations

import re

_DIGITS = "0-9０-９"
_LATIN = "A-Za-zＡ-Ｚａ-ｚÀ-ÖØ-öø-ɏ"
_KANJI = "一-鿿㐀-䶿豈-﫿々〆〇\U00020000-\U0003ffff"
_KATAKANA = "ァ-ヺーヽヾｦ-ﾟ"
_MARKS = r"\u0300-\u036f\u3099\u309a\ufe00-\ufe0f\u200d\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef"

_COUNTERS = (
    "年間|年度|年目|年代|年前|年後|年|[かヶカヵケヵ箇]月間|[かヶカヵケヵ箇]月後|[かヶカヵケヵ箇]月|[かヶカヵケヵ箇]所|[かヶカヵケヵ箇]国"
    "|月|週間|週|日間|日目|日後|日前|日|時間半|時間|時半|時|分間|分|秒間|秒|泊"
    "|円|ドル|ユーロ|元|名様|名|人目|人|歳代|歳|才|代|回目|回分|回|件|例|度|倍|割|点|位|種類|種|個|本|枚|錠|滴|台|床|室|階|号室|号"
    "|番目|番|章|項|条|歩|社|店舗|院|校|疾患|症例|クール|セット|コース|パーセント|ポイント|キロ|グラム|ミリ|センチ|メートル|リットル"
    "|以上|以下|未満|超|前後|程度"
)
_ONE_NUMBER = rf"[{_DIGITS}]+(?:[,，.．:：/／'’][{_DIGITS}]+)*+(?:[十百千万億兆]+[{_DIGITS}]*)*+"
_NUMBER = (
    rf"[¥￥$＄€£±＋+−-]?{_ONE_NUMBER}(?:\s?[A-Za-zμµ℃°%％‰㎎㎏㎝㎜㎡㏄㎖]+[²³]?|(?:{_COUNTERS}))?+"
    rf"(?:[〜～~\-‐–—－−ー‑][{_DIGITS}]+(?:[,，.．:：/／-][{_DIGITS}]+)*+(?:[十百千万億兆]+)?+"
    rf"(?:\s?[A-Za-zμµ℃°%％‰㎎㎏㎝㎜㎡㏄㎖]+|(?:{_COUNTERS}))?+)*+"
)
_HIRAGANA_WORDS = (
    "ありません|できません|いたします|くださいませ|ください|ございます|でしょう|ました|ません|ましょう|でした|です|ます"
    "|これら|それら|これ|それ|この|その|ような|ように|ため|こと|もの|とき|ところ|ほど|だけ|など|まで|から|より|ので|のに|には|では|とは"
    "|への|での|との|にも|でも|とも|へ|は|が|を|に|で|と|も|の|や|か|て"
)
TOKEN = re.compile(
    r"(?:https?|ftp)://[!-~]*[A-Za-z0-9/_=#-]|www\.[!-~]*[A-Za-z0-9/_=#-]"
    r"|[A-Za-z0-9_.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
    rf"|{_NUMBER}"
    rf"|[{_LATIN}][{_LATIN}{_DIGITS}]*+(?:[-‐'’./&＆+_@][{_LATIN}{_DIGITS}]+)*+"
    rf"|[{_KANJI}]+[{_MARKS}]*"
    rf"|[{_KATAKANA}]+"
    rf"|{_HIRAGANA_WORDS}"
    rf"|[ぁ-ゖゝゞ](?:(?!{_HIRAGANA_WORDS})[ぁ-ゖゝゞ])*"
    r"|\s+"
    rf"|[\ud800-\udbff][\udc00-\udfff]|.[{_MARKS}]*",
    re.DOTALL,
)


def tokens(text: str) -> list[str]:
    """The pieces of a text, in order; joined they are the text.

    >>> tokens("費用は98,000円です")
    ['費用', 'は', '98,000円', 'です']
    """
    return TOKEN.findall(text)
