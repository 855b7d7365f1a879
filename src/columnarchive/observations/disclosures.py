"""What a column states about money, course, method and how to reach the clinic."""

from __future__ import annotations

import re
from collections.abc import Iterator

from columnarchive.observations.lexicon import pattern
from columnarchive.observations.readers import (
    COUNT,
    DURATION,
    Span,
    about_others,
    addresses,
    amounts,
    explains_ban,
    negated,
    on_disease,
    on_jobs,
    phones,
)
from columnarchive.observations.sentences import Sentence

_DEFINES = re.compile(
    r"^[^。]{0,12}(?:とは[、「]|とは(?:限らず)?[^言いえ限])|(?:違い|しくみ|仕組み)(?:は|を|について|とは)"
)
_PUBLIC = re.compile(r"(?:健康|公的(?:な)?(?:医療|健康)?|国民健康)保険")
_NO_CELL = re.compile(
    r"(?:使えない|使えません|きかない|きかず|×|✕|不可|なし|無し|適[用応]外|対象外|自費|自由診療|適用なし|保険外)"
)
_PRICE_UNIT = re.compile(r"^\s?(?:あたり|[:：)]?\s?¥?\d[\d,.]*(?:万|千)?\d*円)|^[^。、\t]{0,8}¥?\d[\d,]*(?:万|千)?円")
_ANSWERED_NO = re.compile(
    r"^[^。]{0,30}?(?:使え|お?使いいただけ|ご?利用いただけ|きき|効き|利き|適用され|なり|でき|対象外|適用外)[^。]{0,4}(?:ません|ない|です)"
)
_PAST = re.compile(r"(?:ました|でした)[。」]?$")
_OTHER_NUMBER = re.compile(
    r"(?:救急|急患|夜間|休日|当番医|保健所|保健センター|市役所|区役所|役場|消費(?:者|生活)|警察|厚生局|PMDA|機構|学会|いのちの|"
    r"相談ダイヤル|ホットライン|(?<!フリー)ダイヤル|税務署|国税|年金|\#\d{4}|119|110番|提携|他の医療機関|輸入元|製造元|メーカー|発行|出版|薬局|委員会|事務局)[^。]{0,40}$"
)
_NOT_CLINIC_ADDRESS = re.compile(r"(?:カーナビ|入力|目的地|会場|開催|生まれ|出身|在住|お住まい|産|集合)")


def self_pay(s: Sentence) -> Iterator[Span]:
    """Read that insurance does not pay for the treatment or for part of its uses."""
    if s.asks or s.is_navigation or "staff" in s.topics or about_others(s) or (explains_ban(s) and not s.has("own")):
        return
    if s.cells and "保険" in s.cells[0]:
        yield from ((found.start(), found.end()) for found in _NO_CELL.finditer(s.text, len(s.cells[0])))
    for found in pattern("self_pay").finditer(s.text):
        if not negated(s.text, found.end()) and not s.is_quoted(found.start()) and not _DEFINES.search(s.text):
            if not _is_other_insurance(s, found) or _PUBLIC.search(found[0]):
                yield found.span()
    if "保険" in s.text:
        yield from _unpaid(s)
    elif "insurance" in s.topics and s.question and (denial := _ANSWERED_NO.match(s.text)):
        yield denial.span()


def _is_other_insurance(s: Sentence, found: re.Match[str]) -> bool:
    other = pattern("other_insurance").search(s.text, max(0, found.start() - 6))
    return other is not None and other.start() < found.end()


def _unpaid(s: Sentence) -> Iterator[Span]:
    for found in pattern("insurance").finditer(s.text):
        if _is_other_insurance(s, found) or s.is_quoted(found.start()):
            continue
        denial = pattern("not_paid").match(s.text[found.end() : found.end() + 60])
        after = s.text[found.end() + denial.end() :][:12] if denial else ""
        if denial and not re.match(r"(?:わけ|とは|こと(?:は|も)(?:あり|な)|か(?:もしれ|どうか))", after):
            yield found.start(), found.end() + denial.end()


def cost(s: Sentence) -> Iterator[Span]:
    """Read amounts of money for the clinic's treatment."""
    if on_jobs(s) or _of_others(s) or (s.asks and s.kind != "row"):
        return
    for start, end in amounts(s.text):
        segment = _segment(s.text, start, end)
        saved = re.match(r"(?:ほど|分|も)?(?:お得|お?安くな)", s.text[end:])
        if not saved and not pattern("not_own_money").search(segment) and not _carried_over(s, start):
            yield start, end


def _segment(text: str, start: int, end: int) -> str:
    left = max(text.rfind(sign, max(0, start - 60), start) for sign in "、。(,\t)・;円")
    right = re.compile(r"[、。(\t);円]").search(text, end, end + 24)
    return text[left + 1 : right.start() if right else end + 24]


def _carried_over(s: Sentence, start: int) -> bool:
    """Whether the amount belongs to a label of other money earlier in the sentence, such as a car park."""
    before = s.text[:start]
    other = list(pattern("not_own_money").finditer(before[-80:]))
    if not other:
        return bool(
            re.search(r"駐車|パーキング|セミナー|月給|時給", s.line_text) and not pattern("cost_word").search(before)
        )
    since = before[-80:][other[-1].end() :]
    return not re.search(
        r"(?:費用|料金|治療費|代|初診料|診察料|検査料|送料|点滴|注射|施術|治療|薬|片|両|1回|税込|[)）、。].{0,20}(?:は|が|料|代))",
        since,
    )


def _of_others(s: Sentence) -> bool:
    return about_others(s) and not re.search(r"^(?:通常|一般)価格", s.text) and not s.cells


def cost_on_request(s: Sentence) -> Iterator[Span]:
    """Read that the price has to be asked for or looked up elsewhere."""
    if s.asks or s.is_navigation or on_jobs(s):
        return
    named = pattern("cost_word").search(s.text)
    if named is None and "cost" not in s.topics:
        return
    for found in pattern("ask_or_look").finditer(s.text, named.start() if named and "cost" not in s.topics else 0):
        if not negated(s.text, found.end()) and not re.search(r"保証|キャンセル|駐車|助成|控除", s.text):
            yield (named.start() if named and named.start() < found.start() else found.start()), found.end()
            return


def course(s: Sentence) -> Iterator[Span]:
    """Read how long the treatment takes in days or more, how often and how many times patients come."""
    if on_jobs(s) or about_others(s) or s.asks or s.is_navigation or (s.is_label and "円" in s.text):
        return
    if not re.search(r"[回度日週月年期泊ル]", s.text) or ("exclusion" in s.topics and s.has("excluded_group")):
        return
    certain = bool(s.topics & {"course"}) or bool(s.cells and re.search(r"期間|回数|通院|頻度|間隔", s.cells[0]))
    for reader in (DURATION, COUNT):
        for found in reader.finditer(s.text):
            if _is_course(s, *found.span(), certain):
                yield found.span()


# 施術後1〜2日は歯ぐきが白くなります: how long a state lasts, not the treatment.
_STATE_FOR = re.compile(
    r"(?:ほど|程度|間|くらい)?は(?![^。]*(?:通|来院|受診|服用|続け|必要|装着|固定|入院|安静|回))[^。]*(?:なり|なる|出|残)"
)


def _is_course(s: Sentence, start: int, end: int, certain: bool) -> bool:
    clause = s.clause(start, end)
    if (
        s.is_quoted(start)
        or _PRICE_UNIT.match(s.text[end : end + 20])
        or s.text[:start].endswith(("×", "x"))
        or re.match(
            r"(?:でも|健診|検診|児|以上(?:前|間隔が)|前(?!後)|以内に|未満|生存|目の?方|目以降|券|チケット|分(?!け))",
            s.text[end : end + 6],
        )
    ):
        return False
    if pattern("not_course").search(clause) and not (certain and not re.search(r"持続|効果|ダウンタイム|控え", clause)):
        return False
    if re.search(r"(?:ないで|お?控え|避け)[^。]{0,6}ください|ください。?$", s.text[end:]) and not re.search(
        r"通|来院|受診|受け|服用|内服|続け|お越し|いらし|ご?来", s.text[start:]
    ):
        return False
    if pattern("dosing").search(clause) and not re.search(r"週間?|か月|ヶ月|カ月|日間", s.text[start:end]):
        return False
    if (
        re.match(r"(?:1|一)(?:回|度)$", s.text[start:end])
        and not re.search(r"ごと|おき|週|月|年", clause)
        and not certain
    ):
        return False
    if re.match(r"日に?\d", s.text[start:end]) and s.text[:start].endswith("1"):
        return False
    if (
        (s.step or "flow" in s.topics)
        and DURATION.fullmatch(s.text[start:end])
        and re.match(r"(?:後|間|目|[:：、])", s.text[end : end + 2])
    ):
        return True
    if certain:
        return not (s.cells and "円" in clause)
    if s.cells and "円" in s.text:
        return False
    if DURATION.fullmatch(s.text[start:end]) and _STATE_FOR.match(s.text, end):
        return False
    if re.search(r"(?:大切|大事|重要|望ましい|理想)です", s.text) and not s.has("own"):
        return False
    near = s.text[max(0, start - 14) : end + 18]
    return pattern("period").search(near) is not None and not (_PAST.search(s.text) and not s.step)


def content(s: Sentence) -> Iterator[Span]:
    """Read what is done to the body, how or where, and steps that name an act."""
    if s.asks or s.is_navigation or (s.kind == "heading" and not s.step and "→" not in s.text) or on_jobs(s):
        return
    if (
        about_others(s)
        or explains_ban(s)
        or ((s.topics & {"risk", "exclusion"} and s.has("harm")) or ("voice" in s.topics and not s.step))
    ):
        return
    if (s.has("research") and not s.has("own")) or _REPORTED.search(s.text) or _AT_HOME.search(s.heading):
        return
    if re.search(r"→|⇒|->|➡|▶", s.text) or (s.text.count("、") > 1 and "flow" in s.topics and s.kind != "paragraph"):
        words = list(pattern("act_word").finditer(s.text))
        if len(words) >= 1 and not re.search(r"円", s.text):
            yield from (found.span() for found in words[:6])
            return
    if (
        ((s.step and s.kind != "row") or (s.cells and s.topics & {"flow", "pain"}))
        and (found := pattern("act_word").search(s.text))
        and not negated(s.text, found.end())
    ):
        yield found.span()
        return
    for found in pattern("act").finditer(s.text):
        if _is_done(s, *found.span()):
            yield found.span()
            return


_OBJECT = re.compile(r"(?:を|に|で|から|へ|より|下|ながら|も)[^。、]{0,24}$|、[^。、]{0,6}$")
_REPORTED = re.compile(r"(?:報告|研究)(?:も)?(?:され|が(?:進|あ)|で(?:は|、))|という報告|海外では")
_CELLS_ACT = re.compile(
    r"(?:幹細胞|因子|成分|サイトカイン|物質|酵素|菌|ウイルス|ホルモン|タンパク質|コラーゲン|免疫|抗体|エクソソーム)(?:が|は)[^。、]{0,24}$|(?:幹細胞|因子|成分|サイトカイン|物質)(?:[^。、]{0,20})が[^。]{0,60}$"
    r"|(?:システム|[赤白]血球|血小板|筋肉|リンパ|脳|身体|体|治療物|細菌|老廃物|新陳代謝|神経|こわばり|緊張|ストレス)(?:が|は)[^。]{0,60}$|血液は[^。]{0,60}(?:運|届け|巡|排出|作)"
)
_AT_HOME = re.compile("セルフケア|自宅|ご?自分で|今日から")
_CONDUCT = re.compile(
    r"(?:ください|下さい|ましょう|お願い|お勧めし|おすすめし|お控え|控えて|避けて|効果的|大切です|ことが大事|心がけ|"
    r"(?:食べ|飲み(?:過|す)|睡眠|運動)[^。]{0,12}(?:こと|よう)|悩|持参|ご用意|お持ち|予防(?:に|で)|自宅で|ご家庭で|自分で|セルフ|ストレッチ|深呼吸|寝る前)"
)
# To ask, to look and to sort out is a treatment in counselling only; 美容鍼に加え、 adds a treatment, not a substance.
_IN_TALK = re.compile(r"整理し|うかがい|伺い|聞き取|拝見し|話し合|見直し|記録し|書き出し|加え(?=て?、)")
_COUNSELLING = re.compile(r"カウンセリング|心理|面接|セッション|療法|認知|セラピー|相談")
_EARLIER = re.compile(
    r"(?:受けた|受けられた|していた|してきた|(?:治療|手術|施術|注射|矯正|抜歯|経験)(?:を)?した)(?:方|人|患者|とき|ところ|経験|ことが)|(?:以前|過去|昔|これまで)|学びました|感じました|思いました"
)


def _is_done(s: Sentence, start: int, end: int) -> bool:
    if (
        s.is_quoted(start)
        or negated(s.text, end)
        or _EARLIER.search(s.text)
        or (on_disease(s.text) and not s.has("own"))
    ):
        return False
    if re.match(r"[^。、]{0,4}?(?:力[をがで、]|ことは、|働き|作用|能力|性質|役割)", s.text[end:]):
        return False
    if _IN_TALK.match(s.text, start) and not (s.step or _COUNSELLING.search(s.text + s.title)):
        return False
    if re.match(
        r"て?も[、し]|(?:際|とき|時)の|(?:た|り|て)?(?:ら|ば|すぎ)|て?しま[っうい]|る?と(?:、|痛|つら|しび|違和)",
        s.text[end:],
    ):
        return False
    if _CONDUCT.search(s.text) and not re.search(
        r"お?(?:貸し|預かり|送り|届け)(?:出し)?(?:し|いた)|(?:打って|装着して|入れて|飲んで|内服して|服用して|続けて|受けて|貼って)(?:いただ)|処方",
        s.text,
    ):
        return bool(re.search(r"服用してください", s.text)) and "risk" not in s.topics
    before = s.text[max(0, start - 40) : start]
    if _CELLS_ACT.search(s.text[:start]):
        return False
    return bool(_OBJECT.search(before)) and bool(pattern("body").search(before))


def contact(s: Sentence) -> Iterator[Span]:
    """Read telephone numbers, mail addresses, LINE IDs and street addresses of the clinic."""
    for start, end in (*phones(s.text), *addresses(s.text)):
        before = s.text[:start][-60:]
        if re.match(r"\s*(?:例|記入例|\(例)", s.text):
            continue
        if _OTHER_NUMBER.search(before) and not re.search(r"当院|当クリニック|院内|または当", before):
            continue
        if _NOT_CLINIC_ADDRESS.search(s.text) and not re.search(r"〒|\d-\d{3,4}$", s.text[start:end]):
            continue
        yield start, end
