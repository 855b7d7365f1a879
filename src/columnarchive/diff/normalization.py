"""Width, white space, punctuation and the notation of values normalized, so that only differences in content remain;
and sentences cut into the pieces that are never divided: numbers with their units, Latin words, URLs, words of one
script.

No dictionary: a kanji with the kana that inflects it is one word (受けられます), a noun and its する are two
(改善|します), particles stand alone. What kana alone cannot tell is listed here, once.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from itertools import pairwise

from columnarchive.text import nfkc


def _bounds(signs: str) -> list[int]:
    """The code points of signs in order, between those before and after all kanji."""
    return [0x4DFF, *sorted(ord(sign) for sign in signs if sign >= "一"), 0xA000]


_POWERS = {"十": 1, "百": 2, "千": 3, "万": 4, "億": 8, "兆": 12}
_SCALED = re.compile(r"(?<!\d)(\d+(?:\.\d+)?)([十百千]?[万億兆]|[百千])")
_CHAIN = re.compile(r"(?<!\d)(?:\d+(?:\.\d+)?(?:[十百千]?[万億兆]|[百千]))+\d*")
_KANJI_DIGITS = {sign: value for value, sign in enumerate("〇一二三四五六七八九")}
_DIGIT = re.compile(r"\d")
_KANJI_DIGIT = re.compile(r"[一二三四五六七八九十百千万億]")
_KANJI_COUNT = re.compile(
    r"(?<![一-鿿\d])([一二三四五六七八九])(?=[回つ名人年日週本個枚度割倍点例件歳]|[かヶカヵケ]月|時間|種類)"
)
_KANJI_AMOUNT = re.compile(
    r"(?<![一二三四五六七八九十百千万億\d])(?=[一二三四五六七八九十百千万億]*[十百千万億])([一二三四五六七八九十百千万億]+)(?=円)"
    r"|(?<![一-鿿\d])(?=[一二三四五六七八九十百千万億]*[十百千万億])([一二三四五六七八九十百千万億]+)(?=円|[回名人年日割倍例件歳]|[かヶカヵケ]月|時間|週間)"
)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_YEN = re.compile(r"[¥\\](\d[\d.]*)")
_DATE = re.compile(r"(?<![\d/.-])((?:19|20)\d\d)([/.-])(\d{1,2})\2(\d{1,2})(?![\d/.-])")
_CLOCK = re.compile(r"(?<![\d:])(\d{1,2}):(\d\d)(?![\d:])")
_POWER = re.compile(r"[百千万億兆]")
_DASH = re.compile(r"[~〜‐‑–—―−ー-]")
_DASHES = re.compile(r"(?<=[\d円時分日月年歳%])[~〜‐‑–—―−ー-](?=\d)")
_SIGNS = re.escape(",.、。・!?:;'\"()[]{}<>「」『』【】〔〕〈〉《》“”‘’…‥-‐‑–—―~〜/_*※★☆◆◇■□●○◎▲△▼▽♪→⇒|#&@•")
_PUNCTUATION = re.compile(rf"[{_SIGNS}]+")
# Kana and kanji that stay what they are however a text is set: without numerals and the units of `canonical_values`.
_SETTING = "一七万三九二五億八六円分四年日時月百千十兆〇"
_LETTERS = re.compile(
    "[ぁ-ゖ" + "".join(f"{chr(a + 1)}-{chr(b - 1)}" for a, b in pairwise(_bounds(_SETTING)) if b - a > 1) + "]+"
)
# The same and letters of any script, where the width is one already.
_LETTER_RUNS = re.compile(rf"[^\W\d_{_SETTING}{_SIGNS}]+")
# What becomes kana or kanji in one width, such as ㈱, ゟ and 🈚, and the voicing marks that join the kana before them.
_COMPATIBLE = re.compile(
    r"[\u3038-\u303a\u3099\u309a\u309f\u3190-\u319f\u3200-\u33ff\u2e80-\u2fdf\uf900-\ufaff\uff9e\uff9f\U0001f200-\U0001f2ff\U0002f800-\U0002fa1f]"
)
# White space, and what no reader sees: joiners, direction marks, soft hyphens, selectors of a glyph.
_INVISIBLE = re.compile(
    r"[\s\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]+"
)
_SELECTOR = re.compile(r"[\ufe00-\ufe0f\U000e0100-\U000e01ef]")


@lru_cache(maxsize=4096)
def nfkc_no_space(text: str) -> str:
    """Return the text in NFKC without white space and invisible characters: what word lists are matched against."""
    folded = text if unicodedata.is_normalized("NFKC", text) else nfkc(text)
    # Every kind of space but the plain one counts as not printable.
    if folded.isprintable() and " " not in folded and not _SELECTOR.search(folded):
        return folded
    return _INVISIBLE.sub("", folded)


@lru_cache(maxsize=4096)
def canonical_values(text: str) -> str:
    """Return `nfkc_no_space` with each value in one form: 9.8万円 → 98000円, 2025/10/8 → 2025年10月8日."""
    folded = nfkc_no_space(text)
    if _KANJI_DIGIT.search(folded):
        folded = _KANJI_COUNT.sub(lambda found: str(_KANJI_DIGITS[found[1]]), folded)
        folded = _KANJI_AMOUNT.sub(lambda found: str(_amount(found[0])), folded)
    if not _DIGIT.search(folded):
        return folded
    # Most sentences have none of these signs, and looking for one costs far less than a substitution.
    if "," in folded:
        folded = _THOUSANDS.sub("", folded)
    if _POWER.search(folded):
        folded = _CHAIN.sub(_plain, folded)
    if "¥" in folded or "\\" in folded:
        folded = _YEN.sub(r"\1円", folded)
    if "/" in folded or "-" in folded or "." in folded:
        folded = _DATE.sub(lambda found: f"{found[1]}年{int(found[3])}月{int(found[4])}日", folded)
    if ":" in folded:
        folded = _CLOCK.sub(lambda found: f"{int(found[1])}時" + ("" if found[2] == "00" else f"{found[2]}分"), folded)
    return _DASHES.sub("~", folded) if _DASH.search(folded) else folded


@lru_cache(maxsize=4096)
def comparison_key(text: str) -> str:
    """Return `canonical_values` without punctuation but for signs between digits: what no typography changes.

    >>> comparison_key("費用は、９８，０００円。") == comparison_key("費用は9.8万円")
    True
    """
    folded = canonical_values(text)
    return _PUNCTUATION.sub(_between_digits if _DIGIT.search(folded) else "", folded)


def letters_only(text: str) -> str:
    """Return the letters of a text in one width, without numerals and units: what no typography changes.

    >>> letters_only("費用は、９８，０００円。") == letters_only("費用は9.8万円")
    True
    """
    return "".join(_LETTER_RUNS.findall(nfkc(text)))


def values_without_punctuation(text: str) -> str:
    """Return `canonical_values` without any punctuation."""
    return _PUNCTUATION.sub("", canonical_values(text))


@lru_cache(maxsize=2048)
def differs_in_letters(old: str, new: str) -> bool:
    """Whether two texts surely have different skeletons, told without making them: their kana and kanji differ."""
    one, other = "".join(_LETTERS.findall(old)), "".join(_LETTERS.findall(new))
    return one != other and _COMPATIBLE.search(old) is None and _COMPATIBLE.search(new) is None


def _between_digits(found: re.Match[str]) -> str:
    text, start, end = found.string, found.start(), found.end()
    stays = start and end < len(text) and text[start - 1].isdecimal() and text[end].isdecimal()
    return found[0] if stays else ""


def _amount(kanji: str) -> int:
    """一万五千 → 15000."""
    total = thousands = digit = 0
    for sign in kanji:
        power = _POWERS.get(sign)
        if power is None:
            digit = _KANJI_DIGITS[sign]
        elif power < 4:
            thousands, digit = thousands + (digit or 1) * 10**power, 0
        else:
            total, thousands, digit = total + (thousands + digit or 1) * 10**power, 0, 0
    return total + thousands + digit


def _plain(found: re.Match[str]) -> str:
    """9万8千 → 98000, 1.5億 → 150000000; as it stands when it is no number."""
    total = Decimal(0)
    rest = _SCALED.sub("", found[0])
    try:
        for number, powers in _SCALED.findall(found[0]):
            total += Decimal(number) * 10 ** sum(_POWERS[power] for power in powers)
        total += Decimal(rest) if rest else 0
    except InvalidOperation:
        return found[0]
    return f"{total.normalize():f}"


_DIGITS = "0-9０-９"
_LATIN = "A-Za-zＡ-Ｚａ-ｚÀ-ÖØ-öø-ɏ"
# Hangul and what else stands between the two ranges of kanji is kept in words like these.
KANJI = r"一-鿿㐀-䶿\ua000-\ufaff々〆〇\U00020000-\U0003ffff"
_KATAKANA = "ァ-ヺーヽヾｦ-ﾟ"
KANA = "ぁ-ゖゝゞ"
_MARKS = r"\u0300-\u036f\u3099\u309a\ufe00-\ufe0f\u200d\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef"

_MONTHS = "[かヶカヵケ箇]月"
_COUNTERS = (
    rf"年間|年度|年目|年代|年前|年後|年|{_MONTHS}間|{_MONTHS}後|{_MONTHS}前|{_MONTHS}目|{_MONTHS}|[かヶカヵケ]所|[かヶカヵケ]国"
    "|月|週間後|週間前|週間|週|日間|日目|日後|日前|日|時間半|時間後|時間|分間|分後|分|秒間|秒|泊"
    "|円|ドル|ユーロ|元|名様|名|人目|人|歳代|歳|才|代|回目|回分|回|つ目|つ|件|例|度|倍|割|点|位|種類|種|個|本|枚|錠|滴|台|床|室|階|号室|号"
    "|番目|番|章|項|条|歩|社|店舗|院|校|疾患|症例|株|剤|群|クール|セット|コース|パーセント|ポイント|キロ|グラム|ミリ|センチ|メートル|リットル"
)
_SYMBOLS = r"A-Za-zＡ-Ｚａ-ｚμµ℃°%％‰㎎㎏㎝㎜㎡㏄㎖²³"
_PLAIN = (
    rf"[{_DIGITS}]+(?:(?:[,，.．/／'’]|[:：](?=[{_DIGITS}]{{2}}(?![{_DIGITS}千万億円])))[{_DIGITS}]+)*+"
    rf"(?:[十百千万億兆]+[{_DIGITS}]*+)*+"
)
# The rest of an address whose scheme was taken for a unit or a word: 3.5https://… and MRIhttps://… stay whole.
_ADDRESS_ON = r"(?:://[!-~]*[A-Za-z0-9/_=#-])?+"
_UNIT = rf"(?:[{_DIGITS}]*+\s?[{_SYMBOLS}][{_SYMBOLS}{_DIGITS}]*+(?:/[{_SYMBOLS}]+)?{_ADDRESS_ON}|{_COUNTERS})"
_CLOCK_TIME = rf"[{_DIGITS}]{{1,2}}時(?:[{_DIGITS}]{{1,2}}分|半)?(?!間)"
_WEEKDAY = r"[(（][月火水木金土日・祝]{1,3}[)）]"
_AMOUNT = rf"(?:{_CLOCK_TIME}|[{_DIGITS}]{{1,2}}日{_WEEKDAY}|{_PLAIN}{_UNIT}?+)"
_TO = "[〜～~\\-‐–—－−ー‑]"
_DAY = rf"[{_DIGITS}]{{1,2}}月[{_DIGITS}]{{1,2}}日(?:{_WEEKDAY})?"
_DAYS = rf"{_DAY}{_TO}(?:{_DAY}|[{_DIGITS}]{{1,2}}日(?:{_WEEKDAY})?)"
_NUMBER = (
    rf"(?:(?:明治|大正|昭和|平成|令和)(?=[{_DIGITS}]))?[第¥￥$＄€£±＋+−]?{_AMOUNT}"
    rf"(?:{_TO}{_AMOUNT})*+"
)
_MODAL_TAIL = "(?:が|も|は)(?:あります|ございます|ありますが|ありません|あるとされ|あるため|ある|なく|ない)"
# Words that begin with, or hold, what would otherwise pass for a particle.
_WORDS = (
    "よく|うえ|やわら(?:ぎ|ぐ|げ|い)(?:ます|ました|る|た|て)?|いつも|もちろん|もっと|もし|もう|もの|とても|とき|ところ|ともに|はじめて|はじめ|はっきり|はず|にくい|にくく|のち|のみ"
    "|がん|かゆみ|からだ|また|まだ|まず|まれに|やすい|やすく|さらに|すでに|すぐに|とくに|すべて|ほとんど|なかでも|とともに|によって|により|によると|によれば|において"
    "|について|として|とって|にとって|に対して|に対する|かもしれません|かもしれない|どなたでも|ぜひ"
    "|でしょう|でした|です(?!べて|ぐに|でに)|でき(?:ません|ます|ました|ませんでした|ない|なく|なかった|る|た|て|れば)|なので|なのに|なら|こと|ため(?:に)?"
    "|ように|ような|ようになる|わけ|ください(?:ませ)?|いただ(?:け(?:ます|ません|ました|る|ない)|き(?:ます|ました|ません)|く|いて|いた)|おります|おりません|ありません|あります|います|いません|する|します|しません"
    "|それぞれ|それ|これら|これ|この|その|あの|どの|かか(?:ります|りました|りません|る|らない|らず|って|った)"
)
_LONG_PARTICLES = (
    "には|では|とは|への|での|との|にも|でも|とも|のは|のが|のを|のも"
    "|のに|ので|から|まで|より|ほど|だけ|など|へと|をも|たり|しか"
)
_PARTICLES = "[はがをにでともへやのかねよ]"
# Where a run of kana that began as a word ends: before a particle that closes the run, or before a word of its own.
_STOP = (
    rf"(?:(?:{_LONG_PARTICLES}|{_PARTICLES})(?![{KANA}])|を"
    r"|[はがもに](?=いつも|もちろん|すべて|ほとんど|とても|すぐ|まず|また|まだ|あり|ない|なり|なる|いる|いま|でき|さらに|よく|おり|これ|それ|ほぼ|かなり|やや|ずっと|もっと|すっかり|やわら|きれい|おさま|なめらか|しっかり|だんだん|ゆる|みられ|あらわ|うす)"
    r"|(?:こと|もの|ため|うえ|ように|ような|ようで|とき|わけ|はず|ところ|つつ|ながら|かもしれ|でしょう|です|くださ|いただ"
    r"|という|といっ|とされ|といえ|とな[りる]|とし|とは|には|では|のは|のが|のを|のに|ので|のも|から|まで|より|だけ|ほど|など|おりま)|[おご][一-鿿])"
)
# After a kanji these kana are no ending but a particle, a copula, or する on its own.
_NO_ENDING = (
    r"(?:が(?![るりらっれろん])|と(?![すしさせ])|や(?![すしさせかわ])|[はをにでもへの]|から|まで|など|だけ|ほど|より|です|でき"
    rf"|なら|なの|な(?![{KANA}])|か(?![{KANA}]))"
)
_OF_NOUN = (
    r"(?:する|すれ|すべ|しま|した|して|しな|しつ|しや|しに|しう|しよ|し(?![ぁ-ゖ])|され"
    r"|させ|と(?<!落と)[すしさせ]|せず|せる|な|く(?:ださ)|いた|っ?て|だ|ご|お|い[るまたなす]|あ|う[るけ])"
)
_RUN = rf"[{KANA}](?:(?!{_STOP})[{KANA}])*+"
_ENDING = rf"(?!{_NO_ENDING}){_RUN}"
_SURU_LIKE = "目指|見直|見出|引き起こ|取り戻|繰り返|見込|促|示|治|減ら|増や"
# Digits belong to the Latin word before them, but not the first ones of 98,000 in MRI98,000円.
_WORD_ON = rf"(?:[{_LATIN}]++|[{_DIGITS}]++(?![,，．][{_DIGITS}]))"
# By script, so that at each place only what can begin there is tried.
_NOT_JAPANESE = (
    r"(?:https?|ftp)://[!-~]*[A-Za-z0-9/_=#-]|www\.[!-~]*[A-Za-z0-9/_=#-]"
    r"|[@＠][A-Za-z0-9_.-]{2,}"
    r"|[A-Za-z0-9_.+-]{1,64}+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
    rf"|{_DAYS}|{_NUMBER}"
    rf"|[{_LATIN}]{_WORD_ON}*+(?:[-－‐'’./&＆+_@]{_WORD_ON}++)*+{_ADDRESS_ON}"
)
_FROM_KANJI = (
    rf"(?=[第明大昭平令]){_NUMBER}|[数〇一二三四五六七八九十百千万]++(?:{_COUNTERS})"
    rf"|(?:可能性|場合|恐れ|危険性|危険){_MODAL_TAIL}"
    "|必ずしも|誰でも|誰にでも"
    rf"|[{KANJI}]++(?:さん|さま|たち|ちゃん)"
    rf"|(?:{_SURU_LIKE}){_ENDING}"
    rf"|[{KANJI}][きしちみりけげせめれぎびべえ][{KANJI}](?![{KANJI}]){_ENDING}"
    rf"|[{KANJI}](?![{KANJI}]){_ENDING}"
    rf"|[{KANJI}]{{2,}}(?!{_OF_NOUN}){_ENDING}"
    rf"|[{KANJI}]+[{_MARKS}]*"
)
_FROM_KANA = (
    rf"(?:おそれ|こと){_MODAL_TAIL}|{_WORDS}"
    rf"|[おご][{KANJI}]+(?:さん|さま|[いきちみりえけせてれ](?=くだ|いた|に|の|しま|でき))?"
    rf"|もたら{_ENDING}"
    rf"|{_LONG_PARTICLES}|{_PARTICLES}"
    rf"|{_RUN}[{_MARKS}]*"
)
_TOKEN = (
    rf"(?=[{KANJI}])(?:{_FROM_KANJI})|(?=[{KANA}])(?:{_FROM_KANA})|ケース{_MODAL_TAIL}|[{_KATAKANA}]+"
    rf"|(?![、。])(?:{_NOT_JAPANESE})"
    r"|[^\S\n]+|\n"
    rf"|[\ud800-\udbff][\udc00-\udfff]|.[{_MARKS}]*"
)
_FUNCTION = re.compile(
    rf"(?:{_LONG_PARTICLES}|{_PARTICLES}|な|た|て|です|ます|こと|もの|いる|する|します|ある|あります|\s)+"
)
_HAS_KANA = re.compile(f"[{KANA}]")


@cache
def _token() -> re.Pattern[str]:
    """Return the pattern, compiled on first use because that is slow."""
    return re.compile(_TOKEN, re.DOTALL)


@lru_cache(maxsize=4096)
def tokens(text: str) -> tuple[str, ...]:
    """Return the tokens of a text in order; joined, they are the text.

    >>> tokens("費用は98,000円です")
    ('費用', 'は', '98,000円', 'です')
    """
    return tuple(_token().findall(text))


def is_function(text: str) -> bool:
    """Particles, copulas and space alone: what two different phrases share without having anything in common."""
    return _FUNCTION.fullmatch(text) is not None


def has_kana(text: str) -> bool:
    """Return whether a text contains hiragana, as every Japanese predicate does."""
    return _HAS_KANA.search(text) is not None
