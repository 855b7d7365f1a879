"""What a column claims: effect, rank, patients' voices, pictures, figures, and who wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from columnarchive.observations.lexicon import find_words, pattern
from columnarchive.observations.readers import Span, about_others, explains_ban, named_clinic, on_jobs, speaks_as_clinic
from columnarchive.observations.sentences import Sentence

_OUTRO = re.compile(
    r"個人の感想|掲載(?:を|は)?(?:終了|して(?:い|お)(?:ません|りません))|お聞かせ|お寄せください|募集|ご紹介します|ご覧|掲示|読む"
)
_RATE = re.compile(
    r"\d{1,3}(?:\.\d{1,2})?\s?(?:%|パーセント)(?!オフ|引|OFF)|[一二三四五六七八九十]{1,4}パーセント|★{3,5}|★\s?\d(?:\.\d)?|\d\.\d\s?/\s?5|\d{1,3}(?:\.\d)?点?から(?:平均)?\d{1,3}(?:\.\d)?点?(?:に|へ)(?:改善|減|下|上|低)|(?:平均)\s?\d{1,3}(?:\.\d)?(?:点|mm|ミリ|本|回|歳)|(?<!\d)(?:\d|10|[一二三四五六七八九])\s?割(?:\d分)?(?:以上|前後|強|弱|近く)?(?!負担|引)"
    r"|\d{1,5}\s?(?:名|人|例)のうち[^。]{0,24}?\d{1,5}\s?(?:名|人|例)|\d{1,4}\s?(?:名|人|例)中\s?\d{1,4}\s?(?:名|人|例)|(?:約|ほぼ)?半数(?:以上)?|(?:[5-9五]|10)点(?:満点)?中?\s?\d(?:\.\d)?|\d(?:\.\d{1,2})?点|(?:平均|マイナス|-)\s?\d{1,3}(?:\.\d)?\s?(?:kg|キロ|cm|センチ)|\d人に\d人"
)
_RATE_SIGN = re.compile(r"[%★/割点名人例半平\-]|パーセント|から|マイナス")  # each rate has one
_NAMED_RATE = re.compile(
    r"満足(?:度|率)|(?:改善|奏効|有効|成功|治癒|完治|寛解|著効|コントロール|制御|妊娠|着床|出産|生着|定着|生存|残存|達成|発毛|合併症|副作用|再発|再手術|リピート|発生|発現|予防)(?:の)?(?:発生|効果)?(?:率|割合|確率|は)"
)
_OTHER_RATE = re.compile(
    r"有病率|罹患率?|発症率|受診率|離職|有給|合格|出席|普及|消費税|負担|の方で月|(?i:off)|オフ|濃度|配合"
)
_AUTHOR_BOX = re.compile(
    r"[■◆●【\[(]?(?:この|本)?(?:記事|コラム)?(?:を|の)?(?:監修|執筆|書いた|担当)(?:者|医師?|した|した人|した医師|人|医師|ドクター|者紹介|者情報|者プロフィール)?(?:の?(?:紹介|プロフィール))?[】\])]?:?"
)
_PATIENT = re.compile(r"方|患者|お客|ご?家族|利用者|皆さ|さん|さま|様|女性|男性|代")
_EVENT = re.compile(r"(?:ました|でした|た|[えけせてねべめれ]る(?:ように)?|なりそう)(?:[。!]|です|よ|ね|の|日|\(|$)")
_FELT = re.compile(r"(?:ました|でした|くなった|です!|うれし|嬉し|満足|びっくり|驚)")
_VOICE_LINE = re.compile(r"\s*(?:[・●★☆]+\s*)?(?:★{3,5}|[A-Z](?:\.[A-Z])?\.?\s?(?:様|さん)|[2-9]0代)")
_HEARSAY = re.compile(r"(?:方|さん|様|患者さ[まん]|ご夫婦|ご家族|男性|女性)[^。]{0,60}(?:た|る)(?:そうです|とのこと)")
_SHORTEST_VOICE = 5
_NAME = r"[一-龯々ヶ]{1,4}[\s　]?[一-龯々ぁ-んァ-ヶー]{1,5}"
_OTHER_TOP = re.compile(
    r"(?:学会|大会|企業|メーカー|大学|研究|山|都市|国民|寿命|雑誌|番組|師匠|恩師|に学び|に師事|選手|チーム(?!の一員)|映画|会場)"
)


def testimonial(s: Sentence) -> Iterator[Span]:
    """Read a patient's voice on the effect or content of a treatment."""
    if (
        not (s.quoted or s.has("good_effect"))
        or s.is_navigation
        or "staff" in s.topics
        or explains_ban(s)
        or _OUTRO.search(s.text)
        or about_others(s)
    ):
        return
    if s.kind == "heading" and "voice" not in s.topics:
        return
    retold = pattern("says").search(s.text)
    attributed = _attribution(s)
    voiced = "voice" in s.topics
    for start, end in s.quoted:
        words = s.text[start + 1 : end - 1]
        if (
            len(words) > _SHORTEST_VOICE
            and not words.endswith("まで")
            and (attributed or voiced or (retold and retold.start() >= end - 1))
            and _is_account(words, of_patient=bool(attributed or (retold and _PATIENT.search(s.text, end))))
        ):
            yield start, end
    if (
        voiced
        and s.kind in ("item", "paragraph", "row", "quote", "heading")
        and not s.quoted
        and _is_account(s.text)
        and (attributed or s.kind in ("item", "quote") or _FELT.search(s.text))
    ) and not re.search(r"当院|効果には|個人差|掲載|いただいた|ご紹介", s.text):
        yield 0, len(s.text.rstrip())
    first_person = (
        _VOICE_LINE.match(s.line_text) and _FELT.search(s.text) and not re.search(r"当院|症例|治療法|施術内容", s.text)
    )
    if not s.quoted and first_person and _is_account(s.text):
        yield 0, len(s.text.rstrip())
    if not s.quoted and (hearsay := _HEARSAY.search(s.text)) and _is_account(s.text):
        yield hearsay.span()
    if (
        retold
        and not s.quoted
        and re.search(r"方|患者さ[まん]|患者様|お客|ご?家族|利用者|皆さ", s.text)
        and _is_account(s.text[: retold.end()])
    ):
        yield retold.span()


def _attribution(s: Sentence) -> re.Match[str] | None:
    """Find who speaks: in the line itself, or alone in the line before or after it."""
    beside = (near for near in (s.before, s.after) if len(near) < 26 and "。" not in near)
    return next(filter(None, (pattern("speaker").search(text) for text in (s.line_text, *beside))), None)


def _is_account(words: str, of_patient: bool = False) -> bool:
    """Whether words tell of an effect, rather than of worries before or of the staff; a patient's may be any event."""
    if not pattern("good_effect").search(words) and not (of_patient and _EVENT.search(words)):
        return False
    if pattern("complaint").search(words) and not re.search(
        r"ました|た(?:です|気|。|$|!|ん)|ように|なくな|消え|減", words
    ):
        return False
    rest = pattern("not_effect_praise").sub("", words)
    return not (
        rest != words
        and not re.search(
            r"効|治|痛|消え|楽|なくな|生え|白く|歩|眠|減|きれい|ハリ|若|kg|見え|噛|ように|変わ|よく|良く|上が|伸び",
            rest,
        )
    )


def before_after(s: Sentence) -> Iterator[Span]:
    """Read that pictures before and after a treatment are published or announced."""
    if (
        s.is_navigation
        or explains_ban(s)
        or s.asks
        or (pattern("not_pictured").search(s.text) and not re.search(r"ご覧", s.text))
    ):
        return
    caption = pattern("caption").match(s.text.strip())
    if caption and len(s.text) < 40 and not re.search(r"注意|過ごし|流れ|検査|説明", s.text):
        yield 0, len(s.text.rstrip())
        return
    announced = re.search(r"症例(?:写真|画像)[^。|]{0,20}(?:ご覧|掲載|紹介|こちら|公開)", s.text)
    if announced:
        yield announced.span()
    for found in pattern("before_after").finditer(s.text):
        near = s.text[max(0, found.start() - 30) : found.end() + 30]
        if re.search(r"(?i)before|ビフォ", found[0]) or pattern("picture").search(near):
            yield found.span()


def superlative(s: Sentence) -> Iterator[Span]:
    """Read a claim of top rank for the clinic or its treatment."""
    if s.asks or s.is_navigation or explains_ban(s) or on_jobs(s) or "voice" in s.topics:
        return
    for found in find_words("superlative", s.text):
        around = s.text[max(0, found.start() - 4) : found.end() + 12]
        after = s.text[found.end() : found.end() + 30]
        if pattern("not_superlative").search(around) or s.is_quoted(found.start()):
            continue
        if pattern("take_back").search(after) or re.search(r"どれが|どちらが|何が", s.text[: found.start()]):
            continue
        if (
            (_OTHER_TOP.search(s.text) or about_others(s))
            and not speaks_as_clinic(s)
            and "一員" not in s.text
            and "他" not in found[0]
        ):
            continue
        yield found.span()


def absolute_claim(s: Sentence) -> Iterator[Span]:
    """Read an effect or a safety asserted without exception."""
    if s.asks or s.is_navigation or explains_ban(s) or on_jobs(s) or "voice" in s.topics or about_others(s):
        return
    if pattern("not_absolute").search(s.text):
        return
    for found in pattern("absolute").finditer(s.text):
        clause = s.text[max(0, found.start() - 30) : found.end() + 40]
        rest = s.text[found.end() : found.end() + 50]
        if s.is_quoted(found.start()) or (pattern("take_back").search(rest) and not _double_negative(found[0], rest)):
            continue
        if pattern("effect_or_safety").search(
            clause.replace(found[0], " ", 1) if not re.search(r"治|絶|全快|失敗|再発|リバウ", found[0]) else clause
        ):
            if not (
                re.search(r"治|絶", found[0])
                and re.search(
                    r"^(?:できない|を目|率|術|的|手術|切除|のため|が(?:難|望|期待)|治療|を(?:めざ|目)|に(?:近|向)|困難|した(?:方|人)|後|までの)",
                    rest,
                )
            ):
                yield found.span()


def _double_negative(word: str, rest: str) -> bool:
    """Whether a denial completes the absolute word (一切ありません) instead of taking it back."""
    return word in ("一切", "いっさい", "二度と", "2度と", "絶対に", "もう") and not re.search(
        r"とは|わけ|限|言え|保証|かもしれ|でしょうか|ますか", rest
    )


def effect_hedge(s: Sentence) -> Iterator[Span]:
    """Read that the effect may differ, be limited, not come or not last."""
    if (
        s.asks
        or (s.is_label and "個人差" not in s.text)
        or s.is_navigation
        or on_jobs(s)
        or (about_others(s) and not re.search(r"比べ|ほどの効果", s.text))
    ):
        return
    if re.search(r"放置|放って|治療せず|返金|返品", s.text) or (
        explains_ban(s) and not speaks_as_clinic(s) and not re.search(r"個人差", s.text)
    ):
        return
    asked_otherwise = s.question and s.topics & {"course", "cost", "flow"} and "効果" not in s.text
    for found in find_words("varies", "" if asked_otherwise else s.text):
        if _is_about_effect(s, found.start(), found[0]):
            yield found.span()
    for found in find_words("limited", s.text):
        if (
            not s.is_quoted(found.start())
            and not re.search(
                r"(?:費用|料金|予約|保険|駐車|検査(?:を|に)異常|病気(?:は|で)|原因(?:は|が))[^。]{0,12}$",
                s.text[: found.start()],
            )
            and _limits_effect(s, found.start(), found.end())
        ):
            yield found.span()


_VARYING = re.compile(r"([^。、]{2,16}?)(?:に)?[はも]、?(?:かなり|大きな|多少の|多少)?$")


def _is_about_effect(s: Sentence, start: int, word: str) -> bool:
    before = s.text[max(0, start - 40) : start] + s.text[start : start + len(word) + 16]
    if re.search(
        r"(?:費用|料金|価格|金額|負担額|時間|期間|回数|所要|通院|日数|間隔|量|方法|プラン|内容|本数|腫れ|痛みの感じ方|ダウンタイム|赤み|目標|原因|症状の出方|刺激の感じ方|値)(?:は|も|が|には|については)[^。]{0,24}$",
        s.text[: start + len(word)],
    ):
        return bool(re.search(r"効果|仕上|持続", before))
    subject = _VARYING.search(s.text[:start]) if word == "個人差" else None
    if subject and not pattern("effect_word").search(subject[1]):
        return False
    if word == "個人差" and ("risk" not in s.topics or len(s.text) < 24 or "効果" in s.text):
        return not re.search(r"痛み|腫れ|ダウンタイム|赤み|内出血|副作用", s.text) or "効" in s.text
    if re.search(r"症状(?:が|は|も)[^。]{0,6}(?:異な|違|変わ|さまざま|様々)", s.text[start:]) and "治療" not in s.text:
        return False
    if re.search(r"見積|費用|料金", s.text[start:]) and "効果" not in s.text:
        return False
    if re.match(r"(?:れ)?る?(?:こと)?(?:なく|ず|ません|ように)", s.text[start + len(word) :]):
        return False
    return pattern("effect_word").search(before) is not None


_TARGET = re.compile(
    r"の(?!割合|中|うち)|(?:方)?こそ|方[^。]{0,12}(?:からの|(?:の|に)(?:ため|向け))|方?、[^。]{0,40}(?:有効|選択肢|おすすめ|お勧め)|(?:方)?は?、?(?:ぜひ|一度ご)|(?:い|な|の)?(?:方|人|ケース|場合|患者さ[まん]|症例)?(?:に|へ|にも|には)、?(?:は、)?[^。]{0,20}(?:有効|選択|おすすめ|お勧め|適|いかが|対応|ご相談)|(?:な|の)?ケースです|(?:い|な)[^。]{0,20}(?:でした|変色|方へ)"
)
_PROMISES_NOTHING = re.compile(
    r"また(?:出て|生え|伸び|太く|濃く|浮)|(?:取り|消し|抑え)(?:きれ|切れ)|合わない|とは(?:お約束|申し上げ|断言|言い)|満足|後戻り|(?:すべて|全て|全員|誰|皆|どなた|万人)[^。]*(?:わけで|とは限)|とは限|だけでは|変わらない|治らない|完全に|(?:よく|良く|楽に|軽く)なら"
)
_RECOVERS = re.compile(r"落ち着|(?:可動域|機能|感覚|筋力|体力|食欲)(?:が|は|も)[^。、]{0,6}戻")
_LESSER_MEANS = re.compile(
    r"(?:だけ(?:を|で|に)?|のみ)[^。、]{0,14}(?<!効果)ても|どれだけ[^。]{0,30}ても|市販|湿布|痛み止め|セルフケア"
)
_CAUSE = re.compile(r"(?:だけ|のみ)(?:で|が)[^。、]{0,4}(?:決ま|悪い|原因|起こ|起き|生じ)|始めること")
_DISEASE_HEDGE = re.compile(
    r"(?:病気|疾患|症候群|がん)(?:は|が)[^。]{0,20}(?:治り|治ら|進行|再発)|(?:むし歯|歯周病|虫歯)(?:は|が)"
)


def _limits_effect(s: Sentence, start: int, end: int) -> bool:
    near = s.text[max(0, start - 40) : end + 16]
    if _RECOVERS.search(s.text, start, end + 2) or _LESSER_MEANS.search(s.text, 0, end):
        return False
    if _DISEASE_HEDGE.search(near) and not re.search(r"治療(?:後|して|を)|効果", near):
        return False
    if re.search(
        r"^(?:の(?:に|を)|ように|まで|、?もしくは|という)|病気(?:を|の|です)|難病|状態を指", s.text[end : end + 12]
    ) or _TARGET.match(s.text[end:]):
        return False
    if _CAUSE.search(s.text, max(0, start - 12), end + 4):
        return False
    if _PROMISES_NOTHING.search(s.text[start:end]):
        return True
    if re.match(r"(?:わけ|もの)で(?:は|も)", s.text[start:end]):
        if s.text[:start].endswith(("代わりになる", "代わる")):
            return False
        return pattern("effect_word").search(s.text[max(0, start - 28) : start].split("が、")[-1]) is not None
    return pattern("effect_word").search(s.question + near) is not None


def survey_figure(s: Sentence) -> Iterator[Span]:
    """Read a rate or score on effect, satisfaction, success or side effects."""
    rates = [*_RATE.finditer(s.text)] if _RATE_SIGN.search(s.text) else []
    if not rates or s.asks or s.is_navigation or on_jobs(s) or explains_ban(s) or (s.cells and "円" in s.text):
        return
    for found in rates:
        before, after = s.text[max(0, found.start() - 60) : found.start()], s.text[found.end() : found.end() + 40]
        if s.is_quoted(found.start()) or re.search(r"目指|めざ|保証", before + after):
            continue
        rated = _NAMED_RATE.search(before[-24:] + "\0" + after[:12])
        if rated or (pattern("rate_word").search(before + after) and not pattern("not_rate").search(s.text)):
            if not _OTHER_RATE.search(before[-24:] + "\0" + after[:12]):
                yield found.span()


def survey_source(s: Sentence) -> Iterator[Span]:
    """Read the source, the sample or the period of a figure. Only beside a figure: see `engine`."""
    yield from (found.span() for found in pattern("source_word").finditer(s.text))


def supervisor(s: Sentence) -> Iterator[Span]:
    """Read which physician or dentist wrote or supervised the column."""
    line = s.line_text
    if _AUTHOR_BOX.fullmatch(s.text.strip()) and pattern("physician").search(s.below) and re.search(_NAME, s.below):
        yield 0, len(s.text.rstrip())
        return
    for found in pattern("author").finditer(s.text):
        near = s.text[max(0, found.start() - 30) : found.end() + 40]
        rest = s.text[found.end() : found.end() + 40]
        if re.match(
            r"(?:の?もと|した(?:サプリ|化粧|商品|本|書籍)|の(?:サプリ|化粧|商品|本|書籍|食品|シャンプー|レシピ)|を(?:受け|依頼)|(?:サプリ|化粧品))",
            rest,
        ) or s.is_quoted(found.start()):
            continue
        if not pattern("physician").search(line) and not (
            pattern("physician").search(s.before + s.after) and re.search(_NAME, near)
        ):
            continue
        if pattern("not_physician").search(near) and not pattern("physician").search(near):
            continue
        if re.search(
            rf"{_NAME}",
            re.sub(r"監修|執筆|文責|記事|医師|院長|作成|更新|担当|歯科|専門医|著者|筆者|この|書いた人", " ", near),
        ) or re.search(r"本人が|院長が(?:書|執筆)", near):
            yield found.start(), len(s.text.rstrip())
            return


def own_treatment(s: Sentence) -> Iterator[Span]:
    """Read that the clinic offers a treatment: it is the actor of what is done."""
    if s.asks or s.is_navigation or "staff" in s.topics:
        return
    acts = pattern("act").search(s.text) is not None and pattern("body").search(s.text) is not None
    if (named := named_clinic(s)) and (acts or pattern("treatment").search(s.text)):
        yield named
    for found in pattern("own").finditer(s.text):
        if s.is_quoted(found.start()):
            continue
        rest = s.text[found.start() :]
        if re.match(r"(?:へ|まで)(?:ぜひ|どうぞ|お越し|お任せ|ご相談|ご予約|ご来院|$|。|!)", s.text[found.end() :]):
            yield found.start(), found.end()
            return
        offer = pattern("offer").search(rest, len(found[0]))
        if (acts or offer) and (
            acts
            or pattern("treatment").search(s.text)
            # 当院でも行っています: the treatment is named in the line before.
            or (rest.startswith(("でも", "も"), len(found[0])) and pattern("treatment").search(s.before))
            or re.search(
                r"(?:いずれ|すべて|どちら|両方|どれ)[^。]{0,6}(?:対応|行|扱)|実施施設|で(?:使って|使用して|扱って)いるもの",
                s.text,
            )
        ):
            if not re.search(
                r"(?:行|扱|実施|対応|提供|導入|処方|お?受け|診療)(?:って|し|して)?[^。、]{0,6}(?:ません|おりません|いません)|取り入れられるもの|予定は(?:あり|ござ)",
                s.text,
            ):
                yield found.start(), found.end()
                return
