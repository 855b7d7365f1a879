"""The names of levels, labels, outcomes and states in Japanese and English."""

from __future__ import annotations

from columnarchive.browse.asking import Language

LABELS: dict[str, tuple[str, str]] = {
    "cosmetic": ("体裁", "cosmetic"),
    "wording": ("言い回し", "wording"),
    "moved": ("移動", "moved"),
    "split_or_merged": ("文の分割・統合", "split or merged"),
    "contact": ("連絡先", "contact"),
    "hours": ("診療時間", "hours"),
    "link": ("リンク", "link"),
    "number": ("数値", "number"),
    "date": ("日付", "date"),
    "section_added": ("節の追加", "section added"),
    "section_removed": ("節の削除", "section removed"),
    "faq_added": ("Q&Aの追加", "Q&A added"),
    "faq_removed": ("Q&Aの削除", "Q&A removed"),
    "faq_changed": ("Q&Aの変更", "Q&A changed"),
    "price": ("費用", "price"),
    "person": ("人物", "person"),
    "credential": ("資格・所属", "credential"),
    "claim_softened": ("表現が弱まった", "claim softened"),
    "claim_strengthened": ("表現が強まった", "claim strengthened"),
    "polarity": ("肯定と否定の反転", "polarity"),
    "risk_added": ("リスク説明の追加", "risk notice added"),
    "risk_removed": ("リスク説明の削除", "risk notice removed"),
    "risk_denial_added": ("リスク否定の追加", "denial of risk added"),
    "risk_denial_removed": ("リスク否定の削除", "denial of risk removed"),
    "disclosure_added": ("開示情報の追加", "disclosure added"),
    "disclosure_removed": ("開示情報の削除", "disclosure removed"),
    "testimonial_added": ("体験談の追加", "testimonial added"),
    "testimonial_removed": ("体験談の削除", "testimonial removed"),
    "rewritten": ("全面書き換え", "rewritten"),
    "replaced": ("差し替え", "replaced"),
    "restored": ("以前の文面に復帰", "restored"),
    "gone": ("ページ消滅", "gone"),
    "returned": ("ページ復活", "returned"),
}
LEVELS: tuple[tuple[str, str], ...] = (
    ("体裁のみ", "cosmetic"),
    ("小さな変更", "minor"),
    ("事実の変更", "facts"),
    ("主張・費用・リスク", "claims, prices, risks"),
)
STATES: dict[str, tuple[str, str]] = {
    "queued": ("取得待ち", "queued"),
    "live": ("公開中", "live"),
    "gone": ("消滅", "gone"),
    "refused": ("取得対象外", "refused"),
    "failed": ("取得失敗", "failed"),
    "suspect": ("要確認", "suspect"),
    "withdrawn": ("取り下げ", "withdrawn"),
}
OUTCOMES: dict[str, tuple[str, str]] = {
    "ok": ("取得", "fetched"),
    "unchanged": ("変化なし", "unchanged"),
    "redirected": ("転送", "redirected"),
    "refused_by_robots": ("robots.txt が拒否", "refused by robots.txt"),
    "gone": ("削除（410）", "gone (410)"),
    "missing": ("見つからない（404）", "missing (404)"),
    "unresolved": ("ドメインがない（DNS）", "no such host (DNS)"),
    "http_error": ("HTTP エラー", "HTTP error"),
    "timeout": ("時間切れ", "timeout"),
    "too_large": ("大きすぎる", "too large"),
    "truncated": ("途中で切断", "truncated"),
    "bad_encoding": ("符号化の誤り", "bad encoding"),
    "protocol_error": ("通信規約の誤り", "protocol error"),
    "not_html": ("HTML ではない", "not HTML"),
    "unreachable": ("接続できない", "unreachable"),
    "tls_error": ("TLS の誤り", "TLS error"),
    "private_address": ("私用アドレス", "private address"),
    "redirect_loop": ("転送の繰り返し", "redirect loop"),
    "too_deep": ("入れ子が深すぎる", "too deep"),
    "needs_javascript": ("JavaScript が必要", "needs JavaScript"),
    "unreadable": ("解析できないページ", "unreadable"),
    "no_article": ("記事なし", "no article"),
    "suspect": ("要確認", "suspect"),
}


def name(table: dict[str, tuple[str, str]], key: str, lang: Language) -> str:
    """The name of a label, state or outcome; the key itself where none is known."""
    return table.get(key, (key, key))[lang == "en"]


def level_name(level: int, lang: Language) -> str:
    """The name of a level from 0 to 3."""
    return LEVELS[min(max(level, 0), 3)][lang == "en"]
