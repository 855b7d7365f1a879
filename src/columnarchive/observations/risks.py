"""What a column states about harms of its treatment: named, or denied and played down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from columnarchive.observations.lexicon import find_words, pattern
from columnarchive.observations.readers import Span, about_others, explains_ban, on_disease, on_jobs, speaks_as_clinic
from columnarchive.observations.sentences import Sentence, topics_of

_TREATMENT_SUBJECT = re.compile(
    r"(?:治療|施術|手術|注射|点滴|照射|投与|接種|服用|内服|麻酔|術|装置|装着|麻酔|抜歯|採取|移植|処置|検査|レーザー|薬(?!指)|剤|ワクチン|鍼|はり|灸|矯正|"
    r"採卵|生検|ICL|レーシック|注入|脱毛|マウスピース|マスク|CPAP|シーパップ|コイル|機器|機械|当院|インプラント|糸|プレート|レンズ|マスク|もみ|面接|セッション)(?:[^。、]{0,8})?(?:後|時|中|直後|部位?|では|には|により|による|によって|で|に|の|は|が|を|し)"
)
# What a sentence speaks of stands before its first は.
_TOPIC = re.compile(r"[^。、]{1,30}?(?:は|には|では|とは)")
_ILLNESS = re.compile(
    r"(?:病(?!院|棟|室)|症(?<!合併症)(?!例|状)|[一-龯]炎|がん|癌|けいれん|腫瘍|結石|ヘルニア|骨折|捻挫|麻痺|不全|不眠|うつ|肩|腰痛|頭痛|更年期|むし歯|虫歯|[一-龯]疹|じんましん|貧血|やけど|近視|老眼|難聴)"
    r"(?:の[^。、]{1,10})?(?:は|には|では|とは)$"
)
_CONDITION = re.compile(
    r"[^。、]{1,24}(?:に(?:なる|かかる)|が(?:続く|進む|不足する|足りない)|を治療(?:せず|しない)[^。、]{0,6})と、"
)
_NEAR_TOPIC = 10
_NOT_RELIEVED = re.compile(
    r"[^。]{0,20}(?:わけで(?:は|も)|とは限|きれ(?:ません|ない)|できません|ないこと|ないおそれ|ない場合)"
)
# Harms that share a denial: 腫れや赤みは / ほとんどありません.
_JOINED = re.compile(
    r"[一-龯ァ-ヶーぁ-ん]{1,10}?(?:や|、|・|と|および|または|も)(?:重篤な|大きな|強い)?(?:[一-龯ァ-ヶー]{1,8}(?:や|、|・|と))?"
)
# A harm that comes first and goes later: 赤みが出ますが、冷やすと改善します.
_OCCURS_FIRST = re.compile(
    r"(?:など|等)?(?:が|は|も)[^。、]{0,4}(?:出(?:ま|る|て|た)|生じ|起こ|起き|現れ|あらわれ)[^。、]{0,4}(?:が|ものの|ても)"
)
# Further harms of a list before what is said of all of them: だるさ(や関節のこわばり)が軽くなる.
_LISTED_BEHIND = re.compile(r"(?:(?:や|、|・|と|および|または)[^。、・やとが]{1,12}){1,4}(?:など)?")
# Side effects in a list that names itself one are harms, whatever they are.
_NAMED_LIST = re.compile(
    r"(?:副作用|副反応|合併症|有害事象)(?:として|に)は?[、:]?([^。]{2,80}?)(?:など|等|が(?:あ|報告|み|見|起|生))"
)
_FIRST_STAGE = re.compile(r"はじめ|まだ|初期|早期|進行する|気づ")
_NEVER = re.compile(
    r"(?:など|等)?(?:は|が|も|に)(?:(?:起き|起こ|出|生じ|残|な)ることは)?(?:まず|ほとんど|ほぼ|一切|まったく|全く|決して|絶対に|[一1][度例件人名]も)*"
    r"(?:(?:起き|起こり|出|生じ|残り|なり|みられ|あり|ござい|発生し|感じ|伴い)ません(?!か|でし)|(?:起き|起こり|出|生じ|残り|なり)にく[いく])"
)
_LIST = re.compile(r"[、,・/／]|や|と")
_THEN_CALL = re.compile(
    r"[^。]{0,14}(?:があれば|があったら|がある(?:場合|とき)|が?(?:出|続い|ひど|強)[^。]{0,6}(?:たら|場合|とき|際)(?:は|には)?)[^。]{0,24}(?:受診|連絡|知らせ|相談|中止|お電話|救急|伝え)"
)
_ALARM = re.compile(r"(?:場合|とき|際)(?:は|には)[^。]{0,40}(?:受診|救急|119|ご?相談|ご?連絡|医療機関|病院|専門医)")
_NO_ALARM = re.compile(r"。|こと|おそれ|恐れ|場合が|ますが")
_WAS = re.compile(r"(?:てい|でし|始め)た[。」]?$")
_COMPOUND = re.compile(r"[一-龯ァ-ヶー]{1,10}(?:症|の)?")
_OF_ILLNESS = re.compile(
    r"(?:で|のため|が(?:強|ひど|続)[^。、]{0,4})、?[^。、]{0,8}(?:眠れ|歩け|動け|悩|困|お困り|来院|受診|休ん)"
)
_ANSWERED_NONE = re.compile(
    r"(?:[^\t:。]{1,16}[\t:]\s?|A\d*[.:、\s]\s?)?(?:いいえ、?)?(?:ほとんど|まったく|全く|ほぼ|特に|とくに|基本的に|まず)?(?:なし|無し|ありません|ございません|感じません|感じない|ない(?:です|$|。)|心配(?:あり|いり)ません)"
)
_SUCH_AS = re.compile(
    r"([^。]{2,80}?)(?:といった|などといった|などの)(?:合併症|副作用|副反応|有害事象|トラブル)(?:が|も|を)"
)
_SUFFERERS = re.compile(r"悩|困|苦し|つらい|辛い|方へ|治らない|治りにくい|繰り返す|向き合う")
_ASKS_FOR_COMPLAINTS = re.compile(r"こんな|このような|お悩み|いませんか|ありませんか|症状")
_VOICE = re.compile(r"[^「。]{0,16}(?:声|感想|体験)")
_AFTERWARDS = re.compile(
    r"副作用|副反応|合併症|好転反応|(?:施術|治療|注射|手術|術|照射|接種|処置|鍼|灸)(?:の?あと|後|直後|当日|翌日)"
)
_NOT_MEDICAL = re.compile(
    r"(?:紹介状|予約|診断(?:の|書)|問診|同意|オンライン|ご家族以外|代理|現金|クレジット|初診の方|男性の|電話での|当日の(?:予約|受付|変更)|駐車|マスクを|ペット)"
)


def risks(s: Sentence) -> Iterator[Span]:
    """Read a named risk, side effect or treatment pain, or a group that is not treated."""
    if s.is_label or s.is_navigation or s.asks or on_jobs(s) or about_others(s):
        return
    if "voice" in s.topics or (explains_ban(s) and not _listed(s) and not speaks_as_clinic(s) and not s.label):
        return
    yield from _harms(s)
    yield from _excluded(s)


def _listed(s: Sentence) -> bool:
    return bool(s.topics & {"risk"}) or bool(
        s.cells and re.search(r"副作用|リスク|注意点|デメリット|合併症|欠点", s.cells[0])
    )


def _harms(s: Sentence) -> Iterator[Span]:
    listed = _listed(s)
    if s.cells and _ANSWERED_NONE.match(s.text):
        return
    usual = pattern("conventional").search(s.text)
    if usual and usual[0] not in s.title and not listed and not speaks_as_clinic(s):
        return
    if ("といった" in s.text or "などの" in s.text) and (such := _SUCH_AS.search(s.text)):
        yield such.span(1)
    for found in _NAMED_LIST.finditer(s.text):
        start = found.start(1)
        for item in _LIST.split(found[1]):
            if len(item) > 1 and not pattern("harm").search(item):
                yield start, start + len(item)
            start += len(item) + 1
    reported = s.has("research") and not speaks_as_clinic(s)
    if not listed and (reported or on_illness(s.text) or on_disease(s.text)) and not _treats(s.text):
        return
    for found in pattern("harm").finditer(s.text):
        start, end = found.span()
        after = s.text[end:]
        if (s.is_quoted(start) and (not listed or _VOICE.match(s.line_text))) or pattern("vague_harm").fullmatch(
            found[0]
        ):
            continue
        if _is_relieved(after) or _denied_here(s, start, end):
            continue
        if _THEN_CALL.match(after) or _is_alarm(after) or _OF_ILLNESS.match(after):
            continue
        if (
            re.match(
                r"から|外来|い方[はにので]|の(?:多く|大半|原因|種類)は|時(?:は|に|の)|(?:の|のある|がある)(?:方|体|お子|患者)|(?:の)?(?:検査|有無|ある方|の方|治療中|をお持ち|がある方|がある場合|が強い方|が?続く(?:とき|場合)は)",
                after,
            )
            and not listed
        ):
            continue
        if (listed and not _WAS.search(s.text)) or _is_stated(s, start, end):
            yield start, end


def on_illness(text: str) -> bool:
    """Whether an illness is what a text speaks of, rather than its treatment."""
    if _CONDITION.match(text):
        return not pattern("treatment").search(text)
    topic = _TOPIC.match(text)
    return (
        topic is not None
        and _ILLNESS.search(topic[0]) is not None
        and not pattern("treatment").search(topic[0][-_NEAR_TOPIC:])
    )


def _treats(text: str) -> bool:
    """Whether a treatment is what a text speaks of, or acts in it."""
    topic = _TOPIC.match(text)
    return bool(_TREATMENT_SUBJECT.search(text) or (topic and pattern("treatment").search(topic[0][-_NEAR_TOPIC:])))


def _is_relieved(after: str) -> bool:
    """Whether what follows a harm, or a list that begins with it, says that a treatment eases it."""
    if _NOT_RELIEVED.match(after) or _OCCURS_FIRST.match(after):
        return False
    listed = _LISTED_BEHIND.match(after)
    ends = (0, listed.end(), *(sign.end() for sign in _LIST.finditer(listed[0]))) if listed else (0,)
    return any(pattern("relieved").match(after[end:]) for end in ends)


def _is_alarm(after: str) -> bool:
    """Whether what follows a harm tells whom to see when it comes."""
    alarm = _ALARM.search(after[:240])
    return alarm is not None and not _NO_ALARM.search(after, 0, alarm.start())


def _is_stated(s: Sentence, start: int, end: int) -> bool:
    """Whether a predicate of occurrence follows, and the subject is a treatment rather than an illness."""
    rest = s.text[end : end + 80]
    if not (rest.startswith("ます") or pattern("occurs").search(rest)):
        return False
    before = s.text[:start]
    is_symptom = _is_about_complaint(s.title) or _ASKS_FOR_COMPLAINTS.search(s.heading)
    if is_symptom and not (_treats(before) or _AFTERWARDS.search(s.text)):
        return False
    treated = _treats(before) or re.search(
        r"副作用|副反応|合併症|まれに|稀に|こと(?:が|も)(?:あ[りる]|ござい)|場合(?:が|も)(?:あ[りる]|ござい)|(?:リスク|危険性?)(?:が|も)あ[りる]|例が(?:報告|知られ)|リスクは(?:ゼロ|皆無)では|(?:ような|ほどの|くらいの)(?:痛み|刺激)|(?:打った|受けた|飲んだ|貼った|塗った|入れた)(?:日|晩|夜|あと|後|翌)|(?:起こり|生じ|あり)(?:得|え)|おそれ|恐れ|方(?:も|が)(?:い|お|多)|(?:日|週間|時間)(?:ほど|程度|くらい|間)?(?:で|は|、)?[^。、]{0,6}(?:続|おさま|引|軽快|消)",
        s.text,
    )
    named = len(pattern("harm").findall(s.text))
    enumerated = (
        (named >= 3 and not re.search(r"症状|サイン|お?悩み|こんな|チェック|原因", s.heading))
        or (named == 2 and re.search(r"(?:など)?(?:が|も)(?:あり|ござい)ます。?$", s.text))
    ) and not on_disease(s.text)
    if re.search(r"(?:てい|でし|まし)た[。」]?$", s.text):
        return False
    return bool(treated or enumerated or "pain" in s.topics) and not re.search(
        r"(?:と|という)(?:訴え|悩み|症状|相談)|悩んで|でお困り|原因|臨床研究", s.text
    )


@lru_cache(maxsize=8)
def _is_about_complaint(title: str) -> bool:
    """Whether a column is for people with a complaint, so that pain and the like are what it treats, not what it risks."""
    suffers, harms, treats = _SUFFERERS.search(title), pattern("harm").search(title), pattern("treatment").search(title)
    return bool((suffers and harms) or ((suffers or harms) and not treats))


def _denied_here(s: Sentence, start: int, end: int) -> bool:
    return any(
        (start < b and a <= end + 1)
        or (start < a and (_JOINED.fullmatch(s.text[start:a]) or _COMPOUND.fullmatch(s.text[start:a])))
        for a, b in _denials(s.text, s.question)
    )


def _excluded(s: Sentence) -> Iterator[Span]:
    listed = "exclusion" in s.topics or bool(
        re.match(r"[^。]{0,30}[:：]", s.text) and topics_of(s.text.split(":")[0]) & {"exclusion"}
    )
    for found in pattern("excluded").finditer(s.text):
        before = s.text[: found.start()][-120:]
        if (
            "自己判断" not in before
            and pattern("excluded_group").search(before)
            and pattern("person").search(before)
            and not _NOT_MEDICAL.search(before[-40:])
        ) and (
            not re.search(
                r"(?:激しい運動|飲酒|入浴|お酒|サウナ|日焼け|メイク|運転|マッサージ|献血)(?:は|を|や|・)[^。方]{0,14}$",
                before,
            )
            or re.search(r"献血", before)
        ):
            yield found.span()
            return
    if listed and not s.is_label and (group := pattern("excluded_group").search(s.text)):
        yield group.span()


def risk_denial(s: Sentence) -> Iterator[Span]:
    """Read that a risk, pain or downtime is denied or played down, or the treatment called safe."""
    if s.asks or s.is_navigation or on_jobs(s) or about_others(s) or (explains_ban(s) and not speaks_as_clinic(s)):
        return
    if "voice" in s.topics or on_illness(s.text):
        return
    yield from ((a, b) for a, b in _denials(s.text, s.question) if not s.is_quoted(a))
    if s.topics & {"pain", "risk"} and (none := _ANSWERED_NONE.match(s.text)):
        yield none.span()
    if s.topics & {"pain"} and re.search(r"(?:程度|くらい|ぐらい)です", s.text) and not re.search(r"円|分|回", s.text):
        found = re.search(r"(?:程度|くらい|ぐらい)です", s.text)
        if found and re.search(r"痛|チク|腫れ|赤|違和感|刺激", s.text):
            yield found.span()


# Words and what follows them where they deny no harm.
_DENIES_NOTHING_BEFORE = tuple(
    (re.compile(words), re.compile(behind))
    for words, behind in (
        ("", r"範囲|ていません|ておりません|ていない|ておらず|ては|(?:が|けれど|けど|ものの)、.*皆無|治療はありません"),
        ("", r"の?(?:治療|手術|薬|施術|方法|もの|検査)?(?:は|も|など)?(?:あり|存在し)(?:ませ|え)"),
        (r"(?:にく|少な|低|軽|弱|小さ|短|目立たな)[いく]?$", r"く?な[りる]"),
        (
            "少|低|軽|ない|最小",
            r"い?(?:ほど|方(?:は|が)|人|ところ|範囲|うち|とき|か|場合|ように|わけ|こと(?:を|が重)|を(?:選|目指)|ため)",
        ),
        (
            "安心",
            r"[^。、]{0,6}(?:よう(?:に|、)|ため(?:に|の))|.{0,17}?(?:場所|環境|相談|お問い|お電話|来院|お越し|予約|お預け|過ご|暮ら)",
        ),
    )
)
# Words that deny harm only in a sentence or after a question about these, or about a harm.
_DENIES_ONLY_ABOUT = tuple(
    (re.compile(words), re.compile(about))
    for words, about in (
        ("大丈夫", "肌|痛|安全|副作用|医師|麻酔|針|弱|苦手|敏感|心配"),
        ("心配|問題", "副作用|安全|リスク|傷|体|被ばく|影響|治療|施術"),
        ("負担をかけ", pattern("treatment").pattern),
    )
)
_REASSURES_OF_ELSE = re.compile("料金|費用|個人情報|プライバシー|予約|通訳|案内|お伝え|説明|返金|保証")


@lru_cache(maxsize=8)
def _denials(text: str, question: str) -> tuple[Span, ...]:
    found_at = [
        (harm.start(), never.end())
        for harm in pattern("harm").finditer(text if "ません" in text or "にく" in text else "")
        if (never := _NEVER.match(text, harm.end())) and not _FIRST_STAGE.search(text, 0, harm.start())
    ]
    for found in find_words("denial", text):
        after, asked = text[found.end() : found.end() + 30], text + question
        if pattern("denial_undone").search(after.split("。")[0]) or _FIRST_STAGE.search(text, 0, found.start()):
            continue
        if any(words.search(found[0]) and behind.match(after) for words, behind in _DENIES_NOTHING_BEFORE):
            continue
        if any(words.search(found[0]) and not about.search(asked) for words, about in _DENIES_ONLY_ABOUT):
            if not pattern("harm").search(asked) and not ("心配" in found[0] and _treats(text)):
                continue
        if "問題" in found[0] and re.search(r"(?:後|当日|翌日|中)(?:の|に|から)?[^。、]{0,12}$", text[: found.start()]):
            continue
        if "安心" in found[0] and _REASSURES_OF_ELSE.search(text):
            continue
        found_at.append(found.span())
    return tuple(sorted({end: (start, end) for start, end in found_at}.values()))
