"""Bytes of any Japanese encoding, whatever they declare."""

from __future__ import annotations

from pathlib import Path

import pytest
import webencodings
from hypothesis import given
from hypothesis import strategies as st

from columnarchive.extract.charset import decode
from columnarchive.extract.outlines import Outline, Places
from columnarchive.extract.saved_pages import open_page

SAYS = (
    "骨盤矯正のご案内です。料金は①初回２，０００円、②二回目からは三千円です。㈱みどり、髙橋までお問い合わせください。"
)
PLAIN = "当院では、患者様の声を大切にしております。ｶﾀｶﾅもあります。"
PAGE = (
    "<html><head>"
    '<meta http-equiv="Content-Type" content="text/html; charset={}"><title>案内</title></head>'
    "<body><p>{}</p></body></html>"
)


@pytest.mark.parametrize(
    ("says", "codec", "declared", "expected"),
    [
        (SAYS, "cp932", "Shift_JIS", "cp932"),
        (SAYS, "cp932", "x-sjis", "cp932"),
        (SAYS, "utf-8", "utf-8", "utf-8"),
        (SAYS, "utf-8", "Shift_JIS", "utf-8"),
        (SAYS, "cp932", "utf-8", "cp932"),
        (SAYS, "cp932", "nonsense", "cp932"),
        (PLAIN, "euc_jp", "EUC-JP", "euc_jp"),
        (PLAIN, "euc_jp", "Shift_JIS", "euc_jp"),
        (PLAIN, "euc_jp", "iso-8859-1", "euc_jp"),
        (PLAIN.replace("ｶﾀｶﾅ", "カタカナ"), "iso2022_jp", "iso-2022-jp", "iso2022_jp"),
        (PLAIN.replace("ｶﾀｶﾅ", "カタカナ"), "iso2022_jp", "nonsense", "iso2022_jp"),
        (SAYS, "utf-8-sig", "Shift_JIS", "utf-8"),
        (SAYS, "utf-16", "utf-8", "utf-16-le"),
    ],
)
def test_decode(says: str, codec: str, declared: str, expected: str) -> None:
    text, name = decode(PAGE.format(declared, says).encode(codec), "text/html")
    assert says in text
    assert name == expected


def test_header_wins_over_meta_when_it_fits() -> None:
    assert decode(PAGE.format("utf-8", SAYS).encode("cp932"), "text/html; charset=Shift_JIS")[1] == "cp932"


def test_vendor_characters_in_euc_and_jis() -> None:
    euc = "番号".encode("euc_jp") + b"\xad\xa1" + "です。のでありました。".encode("euc_jp")
    assert decode(euc, "text/html; charset=EUC-JP") == ("番号①です。のでありました。", "euc_jp")
    jis = b"\x1b$B" + bytes(byte & 0x7F for byte in euc) + b"\x1b(B"
    assert decode(jis, "text/html; charset=iso-2022-jp") == ("番号①です。のでありました。", "iso2022_jp")


def test_a_part_in_another_encoding_is_read_in_that() -> None:
    main = "<main><p>費用は七万円です。</p></main>".encode() * 3
    footer = "<footer><p>受付は九時からです。水曜は休みます。</p></footer>".encode("cp932")
    text, encoding = decode(main + footer, "text/html; charset=utf-8")
    assert encoding == "utf-8"
    assert "費用は七万円です。" in text
    assert "受付は九時からです。水曜は休みます。" in text


def test_a_page_with_a_broken_part_is_read_and_one_of_noise_is_not() -> None:
    text = "<h1>膝の痛み</h1>" + "<p>費用は七万円です。詳しくは診察のときにお話しします。</p>" * 20
    noise = bytes([0xFF, 0x80, 0xFE, 0x81, 0xFF]) * 20
    page = open_page(text.encode() + b"<footer>" + noise + b"</footer>", "text/html", Places())
    assert isinstance(page, Outline)
    assert open_page(b"<p>" + noise * 20 + b"</p>", "text/html", Places()) == "bad_encoding"


def test_a_broken_character_does_not_change_the_encoding() -> None:
    body = (SAYS * 20).encode() + b"\xe3\x81" + "です。".encode()
    text, name = decode(body, "text/html; charset=utf-8")
    assert name == "utf-8"
    assert text.startswith(SAYS)


@given(st.binary(max_size=400), st.text(max_size=40))
def test_never_raises(body: bytes, content_type: str) -> None:
    text, name = decode(body, content_type)
    assert isinstance(text, str)
    assert name


@given(st.text(alphabet=st.characters(min_codepoint=0x3041, max_codepoint=0x30F6), min_size=20, max_size=200))
def test_kana_survive_every_encoding_without_a_label(text: str) -> None:
    text = (
        text.replace("\u3097", "あ")
        .replace("\u3098", "あ")
        .replace("\u3099", "")
        .replace("\u309a", "")
        .replace("\u309f", "")
        .replace("\u30a0", "")
        + "のです。"
    )
    for codec in ("utf-8", "cp932", "euc_jp"):
        try:
            body = text.encode(codec)
        except UnicodeEncodeError:
            continue
        assert decode(body, "text/html")[0] == text


# Where our text is not what html5lib's cases say, and why.
DIFFERENT = {
    b"Yahoo! JAPAN": "declares EUC-JP, and its bytes are UTF-8 and no EUC-JP: what fits strictly is believed",
    b"multi-script test": "the encoding is written by a script, which is not run here",
}


def test_sniffing_cases_of_html5lib_give_the_same_text(shared: Path) -> None:
    """By the text, not by the name: most cases are ASCII, which we call UTF-8 under any label."""
    count, different = 0, []
    for path in sorted((shared / "conformance/enc").glob("html5lib-*.dat")):
        for case in path.read_bytes().split(b"#data\n")[1:]:
            data, label = case.rsplit(b"\n#encoding\n", 1)
            encoding = webencodings.lookup(label.strip().decode())
            assert encoding is not None
            count += 1
            if decode(data)[0] != data.decode(encoding.codec_info.name, "replace").removeprefix("\ufeff"):
                different += [said for said in DIFFERENT if said in data] or [data]
    assert count == 82
    assert sorted(different) == sorted(DIFFERENT)
