"""What a column states about the approval, origin and supervision of products and plans."""

from __future__ import annotations

import re
from collections.abc import Iterator

from columnarchive.observations.lexicon import pattern
from columnarchive.observations.readers import Span, about_others, explains_ban, negated, speaks_as_clinic
from columnarchive.observations.sentences import Sentence

_WARNED_OF = re.compile(
    r"注意喚起|警告|自己判断|ご注意|危険|偽|リスクがあるため|(?:買|購入)(?:わ|し)?(?:ない|た)|トラブル"
)
_NOT_IMPORTED = re.compile(
    r"(?:個人輸入|輸入)[^。、]{0,12}(?:は|も)?(?:あり|おこな|行|し(?:て)?)(?:て)?(?:い|お)?(?:ません|りません|ない)|個人輸入品はあり"
    r"|(?:ネット|通販|代行|サイト|ご自身で|自分で|患者さ[まん]が)[^。]{0,16}(?:輸入|購入|入手)"
)
_SUPPLIED = re.compile(r"から|より|輸入|購入|委託|製造|国内|メーカー|社|調達|取り寄せ|当院|院内|自家|仕入|受け取")
_APPROVED_AT_HOME = re.compile(
    r"(?:(?:国内|日本)(?:で|に|では|には)[^。]{0,40}|(?:別|ほか|他)の(?:製剤|薬|製品|機器|機種|装置)[^。、]{0,6})"
    r"(?<!未)承認(?:され(?:て(?:い|お)(?:る|ま|り)(?!せん)|た)|済|薬|品|製剤|機器|を(?:受け|得|取得し)(?:た|て(?:い|お)(?:る|ま|り)(?!せん)))[^。]{0,20}"
)
_DUTY = re.compile(r"(?:なければ(?:なり|いけ)|必要があり|義務|求められ|ことになって|定められ|必要です|決まり)")
_NO_NOTICE = re.compile(
    r"(?:届け?出|提出|受理)[^。、]{0,10}(?:必要(?:は|が)?(?:あり|な)|不要|要りません|義務(?:は|が)(?:あり|な)|しなくて|していない|せず|対象外)"
)
_DENIED_APPROVAL = re.compile(
    r"意味(?:し|する)|(?:わけ|もの|こと)で(?:は|も)(?:あり|な)|とは(?:異な|違|別)|ではあり|ではな|ません(?!か)|いいえ|異なります"
)


def unapproved(s: Sentence) -> Iterator[Span]:
    """Read that the product, or this use of it, is not approved in Japan."""
    if s.asks or s.is_navigation or about_others(s) or (s.is_label and len(s.text) < 30 and not s.cells):
        return
    if re.search(r"申し?込|予約|投稿|友だち|ご?(?:家族|本人)|保護者", s.text):
        return
    if re.search(r"別の(?:治療|製品|薬|もの)|(?:ほか|他)の製品|使われ(?:て)?(?:い)?るもの", s.text):
        return
    for found in pattern("unapproved").finditer(s.text):
        if "適用外" in found[0] and "保険" in s.text[max(0, found.start() - 3) : found.start()]:
            continue
        if (
            s.is_quoted(found.start())
            or (
                re.search(r"(?:国|海外|米国|FDA|欧州|諸外国|韓国)[^。、]{0,4}$", s.text[: found.start()])
                and not re.search(r"国内[^。、]{0,4}$", s.text[: found.start()])
                and "国内" not in s.text[: found.start()]
            )
        ) and not re.search(r"国[^。、外]{0,3}$", s.text[: found.start()]):
            continue
        if "未" in found[0] and (
            negated(s.text, found.end())
            or (
                re.search(r"^[^。、]{0,14}(?:について|に関する|とは|の場合|等に関)", s.text[found.end() :])
                and not speaks_as_clinic(s)
            )
        ):
            continue
        if (_WARNED_OF.search(s.text) and not speaks_as_clinic(s)) or _is_explained(s):
            continue
        yield found.span()


def _is_explained(s: Sentence) -> bool:
    return (
        explains_ban(s)
        and not speaks_as_clinic(s)
        and not re.search(r"本(?:治療|製|剤)|使用(?:する|して)|用い", s.text)
    )


def import_source(s: Sentence) -> Iterator[Span]:
    """Read where the clinic's product comes from."""
    if s.asks or s.is_navigation or (s.is_label and not re.search(r"[:：].", s.text)):
        return
    if _NOT_IMPORTED.search(s.text) or _WARNED_OF.search(s.text):
        return
    if explains_ban(s) and not speaks_as_clinic(s) and "source" not in s.topics:
        return
    if re.search(r"輸入(?:した|する|された?)(?:お?薬|もの|製品|医薬品)", s.text) and not re.search(
        r"医師|当院|院長|使用|用い", s.text
    ):
        return
    for found in pattern("own_import").finditer(s.text):
        labelled = "source" in s.topics or re.match(r"入手|製造", found[0])
        beside = s.text[found.end() :] + s.text[: found.start()]
        bought = pattern("origin").search(s.text) and not negated(s.text, found.end())
        if (labelled and len(s.text) > found.end() + 2 and _SUPPLIED.search(beside)) or (
            bought and not re.search(r"お(?:水|茶)|家具|待合|書籍|マスク|備品", s.text)
        ):
            yield found.span()
            return


def approved_alternative(s: Sentence) -> Iterator[Span]:
    """Read whether an approved product of the same kind exists in Japan."""
    if "承認" not in s.text or s.asks or (s.is_label and not re.search(r"[:：].", s.text)) or about_others(s):
        return
    named = re.search(
        r"(?:同(?:じ|一|種|等)|代わる|類似|国産)[^。]{0,16}承認(?:され(?:て(?:い|お)(?:ま|り)|た)|済)", s.text
    )
    home = pattern("home").search(s.text) or named or ("alternative" in s.topics and re.search("", s.text))
    if not home or s.is_navigation:
        return
    approved = re.search(r"(?<!未)承認", s.text)
    if approved is None or re.search(
        r"(?:使用|取り扱|扱って|処方|採用|導入|用いて|使って|購入)(?:し|い|って)?[^。]{0,8}(?:い|お)(?:ま|り)",
        s.text[approved.end() :],
    ):
        return
    if re.search(
        r"(?:扱う|使う|用いる|使用する|処方する|採用する|使用している|使っている)(?:お?薬|製剤|機器|製品|機種|もの)",
        s.text[: approved.start()],
    ) and not re.search(r"同(?:一|種|等|様|じ)|ほか|別の", s.text):
        return
    labelled = re.search(r"国内(?:の|で)[^。、:]{0,8}承認[^。:]{0,14}:\s?\S", s.text) or (
        s.topics & {"alternative"} and s.text.strip()
    )
    if labelled or (pattern("same_product").search(s.text) and pattern("exists").search(s.text[approved.end() :])):
        if re.search(
            r"未承認(?:の)?(?:医薬品|薬|製剤|機器|医療機器|もの)?(?:です|であり|となります)。?$", s.text
        ) and not pattern("same_product").search(s.text.replace("未承認", "")):
            return
        yield approved.span()


def beside_unapproved(s: Sentence) -> Iterator[Span]:
    """Read what is approved at home in a column whose own product is not: there it names the alternative."""
    found = _APPROVED_AT_HOME.search(s.text)
    if found and not (s.asks or about_others(s) or s.is_navigation or (s.is_label and not s.cells)):
        yield found.span()


def safety_abroad(s: Sentence) -> Iterator[Span]:
    """Read what is known abroad about the safety or approval of the product."""
    if (
        s.asks
        or s.is_navigation
        or (s.is_label and not re.search(r"[:：].", s.text))
        or (s.has("research") and "abroad" not in s.topics)
    ):
        return
    found = pattern("abroad").search(s.text)
    if found is None and "abroad" not in s.topics:
        return
    if about_others(s) or (
        re.search(
            r"偽|留学|研修|学会|渡航|旅行|出張|(?:海外|米国|韓国)(?:から|より)[^。]{0,10}(?:輸入|購入|取り寄せ)|死亡例|論文|流行",
            s.text,
        )
        and not re.search(r"安全", s.text)
    ):
        return
    start = found.start() if found else 0
    word = pattern("safety_word").search(s.text, start)
    if word and not (
        word[0] == "承認"
        and s.text[word.start() - 1 : word.start()] == "未"
        and not pattern("safety_word").search(s.text, word.end())
    ):
        if word[0] in ("実績", "データ", "報告", "リスク", "認証") and not re.search(
            r"安全|使用|承認|副作用|CE|重", s.text
        ):
            return
        yield start, word.end()


def relief_excluded(s: Sentence) -> Iterator[Span]:
    """Read that the relief system for side effects does not pay."""
    if (
        "救済" not in s.text
        and "relief" in s.topics
        and not s.asks
        and (
            answer := re.match(
                r"[^。]{0,12}(?:対象外|対象(?:に|と)?は?なりません|適用外|なし|ありません|受けられません)", s.text
            )
        )
    ):
        yield answer.span()
        return
    if "救済" not in s.text or s.asks or about_others(s) or _WARNED_OF.search(s.text):
        return
    for found in pattern("relief").finditer(s.text):
        denial = pattern("relief_denied").match(s.text[found.end() : found.end() + 70])
        if denial and re.search(
            r"外|ませ|ない|なし|不可|ず|なりません",
            s.text[found.end() + denial.end() - 3 : found.end() + denial.end() + 20],
        ):
            yield found.start(), found.end() + denial.end()


def plan_number(s: Sentence) -> Iterator[Span]:
    """Read the number of the plan for regenerative medicine or of its committee."""
    if re.search(r"\d{2}", s.text) and not s.asks:
        for found in pattern("plan_number").finditer(s.text):
            if not re.search(r"整理番号|認定番号", found[0]) or re.search(r"再生|委員会|計画", s.text):
                yield found.span()


def notification(s: Sentence) -> Iterator[Span]:
    """Read that the clinic has submitted its plan for regenerative medicine."""
    if s.asks or s.is_navigation or _NO_NOTICE.search(s.text) or about_others(s) or not pattern("plan").search(s.text):
        return
    if (_DUTY.search(s.text) or (explains_ban(s) and not re.search(r"法律」?に基づ", s.text))) and not speaks_as_clinic(
        s
    ):
        return
    for found in pattern("filed").finditer(s.text):
        if not re.match(
            r"[^。、]{0,6}(?:ていない|していません|ておりません|をしていない|か(?:どうか)?を?確認)",
            s.text[found.end() :],
        ):
            yield found.span()


def approval_claim(s: Sentence) -> Iterator[Span]:
    """Read the claim that the ministry has approved the treatment, the clinic or its facility."""
    if s.asks or explains_ban(s) or about_others(s) or _DENIED_APPROVAL.search(s.text) or s.is_navigation:
        return
    for found in pattern("ministry").finditer(s.text):
        word = pattern("approved").search(s.text, found.end(), found.end() + 24)
        if word is None or s.is_quoted(found.start()):
            continue
        between, after = s.text[found.end() : word.start()], s.text[word.end() : word.end() + 16]
        if (
            "。" in between
            or re.search(r"受理|届|計画|学会|FDA", between)
            or pattern("approved_thing").search(between + after)
        ):
            continue
        subject = s.text[max(0, found.start() - 24) : found.start()]
        if not re.search(
            r"(?:薬|製剤|機器|装置|レーザー|製品|ワクチン|委員会)(?:は|が|も|で|を|、|として)[^。]{0,6}$", subject
        ):
            yield found.start(), word.end()


def guideline_compliance(s: Sentence) -> Iterator[Span]:
    """Read the claim to follow the guideline on medical advertising."""
    for found in pattern("guideline").finditer(s.text):
        word = pattern("complies").search(s.text, found.end(), found.end() + 30)
        if (
            word
            and not s.asks
            and not re.search(
                r"禁止|違反|していない|されていない|かどうか|ましょう|クリニックを選|なければ|求められ", s.text
            )
            and not negated(s.text, word.end())
        ):
            yield found.start(), word.end()
            return
