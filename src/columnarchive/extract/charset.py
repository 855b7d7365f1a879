"""Bytes → text in any encoding Japanese pages come in, whatever they declare.

Order: byte order mark, header, `<meta>`; each is believed only if the bytes decode strictly under it, because pages
declare Shift_JIS and are UTF-8. Then a strict chain, ISO-2022-JP by its escapes, UTF-8, and cp932 or EUC-JP by which of
them gives the more plausible Japanese. Labels follow the WHATWG table (webencodings).
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

import webencodings

_META = re.compile(rb"""<meta[^>]{0,300}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.\-]{2,40})""", re.I)
_XML = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9_:.\-]{2,40})""", re.I)
_HEADER = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9_:.\-]{2,40})""", re.I)
_META_WINDOW = 4096  # browsers look at 1024 bytes; old pages put long comments first, and a strict decode guards us
_ESCAPE = re.compile(rb"\x1b(\$@|\$B|\(B|\(J|\(I|\$\(D)")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_KANA = re.compile(r"[\u3041-\u3093\u30a1-\u30f6\u30fc、。]")
_HALF_KANA = re.compile(r"[\uff61-\uff9f]")
_PYTHON_NAMES = {"shift_jis": "cp932", "euc-jp": "euc_jp", "iso-2022-jp": "iso2022_jp", "windows-31j": "cp932"}
_KANA_ENOUGH = 5
_TEXTS = re.compile(rb"(?=<)")


def decode(body: bytes, content_type: str = "") -> tuple[str, str]:
    """The text of a page and the name of the encoding that gave it; never raises, whatever the bytes."""
    for mark, name in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace"), name
    declared = _declared(body, content_type)
    for name in declared:
        text = _strict(body, name)
        if text is not None:
            return text, name
    found = _guess(body)
    if found is not None:
        return found
    return _least_damaged(body, declared)


def _declared(body: bytes, content_type: str) -> list[str]:
    """Python codec names the page claims, the most authoritative first."""
    labels: list[str] = []
    if content_type and (match := _HEADER.search(content_type)):
        labels.append(match[1])
    head = body[:_META_WINDOW]
    for found in (_XML.match(head.lstrip()), _META.search(head)):
        if found:
            labels.append(found[1].decode("ascii"))
    return list(dict.fromkeys(name for label in labels if (name := _codec(label))))


@lru_cache(maxsize=64)
def _codec(label: str) -> str:
    """Python's name for an encoding; empty for a label nobody knows."""
    encoding = webencodings.lookup(label)
    if encoding is None:
        return ""
    name = _PYTHON_NAMES.get(encoding.name, encoding.codec_info.name)
    return "utf-8" if name.startswith("utf-16") else name  # where an ASCII <meta> could be read is no UTF-16


def _strict(body: bytes, name: str) -> str | None:
    if name in ("iso2022_jp", "utf-8") and b"\x1b" in body and _ESCAPE.search(body):
        return _from_jis(body)
    if name == "iso2022_jp":
        return None  # no escape at all: the label lies
    try:
        text = body.decode(name)
    except (UnicodeDecodeError, LookupError):
        return _from_euc(body) if name == "euc_jp" else None
    if name not in ("utf-8", "cp932", "euc_jp") and not body.isascii() and _is_japanese(body):
        return None  # single-byte encodings accept anything
    if name == "cp932" and (half := len(_HALF_KANA.findall(text))) and half > len(_KANA.findall(text)):
        return None  # EUC-JP or UTF-8 read as Shift_JIS shows as half-width katakana
    return text


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_japanese(body: bytes) -> bool:
    """Whether the bytes are UTF-8, or Japanese in one of its own encodings."""
    found = _guess(body)
    return found is not None and (found[1] == "utf-8" or len(_KANA.findall(found[0])) >= _KANA_ENOUGH)


def _guess(body: bytes) -> tuple[str, str] | None:
    if b"\x1b" in body and _ESCAPE.search(body) and (text := _from_jis(body)) is not None:
        return text, "iso2022_jp"
    if _is_utf8(body):
        return body.decode("utf-8"), "utf-8"
    candidates: list[tuple[int, str, str]] = []
    for name in ("cp932", "euc_jp"):
        text = _strict(body, name)
        if text is not None:
            candidates.append((len(_KANA.findall(text)) - 2 * len(_HALF_KANA.findall(text)), text, name))
    if not candidates:
        return None
    _, text, name = max(candidates, key=lambda candidate: (candidate[0], candidate[2]))
    return text, name


def _least_damaged(body: bytes, declared: list[str]) -> tuple[str, str]:
    """No encoding fits the whole page: the one in which most of its texts are whole, the declared one on a tie.

    A text between two tags that is whole in another encoding only is read in that: a footer taken from another file.
    """
    names = list(dict.fromkeys([*declared, "utf-8", "cp932", "euc_jp"]))
    texts = _TEXTS.split(body)
    sizes = {name: sum(len(text) for text in texts if not text.isascii() and _fits(text, name)) for name in names}
    name = max(names, key=lambda one: sizes[one])
    others = [one for one in names if one != name]
    if sizes[name]:
        return "".join([_mended(text, name, others) for text in texts]), name
    return body.decode(declared[0] if declared else "utf-8", "replace"), declared[0] if declared else "utf-8"


def _fits(text: bytes, name: str) -> bool:
    try:
        found = text.decode(name)
    except (UnicodeDecodeError, LookupError):
        return False
    return len(_HALF_KANA.findall(found)) <= len(_KANA.findall(found))


def _mended(text: bytes, name: str, others: list[str]) -> str:
    try:
        return text.decode(name)
    except UnicodeDecodeError:
        fitting = next((one for one in others if _fits(text, one)), None)
        return text.decode(fitting or name, "replace")


def _from_euc(body: bytes) -> str | None:
    """EUC-JP with NEC row 13 (①, ㈱) and IBM extensions, which Python's codec refuses and browsers read."""
    try:
        return body.decode("euc_jp", "columnarchive.vendor_rows")
    except UnicodeDecodeError:
        return None


def _vendor_character(problem: UnicodeError) -> tuple[str, int]:
    """Decode a pair that only cp932 knows; an error handler for `bytes.decode`."""
    if isinstance(problem, UnicodeDecodeError):
        pair = problem.object[problem.start : problem.start + 2]
        char = _jis_pair(pair[0] & 0x7F, pair[1] & 0x7F) if len(pair) == 2 and min(pair) >= 0xA1 else None
        if char is not None:
            return char, problem.start + 2
    raise problem


codecs.register_error("columnarchive.vendor_rows", _vendor_character)


def _jis_pair(first: int, second: int) -> str | None:
    """One JIS X 0208 position (7-bit pair) through cp932, which knows the vendor rows."""
    if not (0x21 <= first <= 0x7E and 0x21 <= second <= 0x7E):
        return None
    high = (first + 1) // 2 + (0x70 if first < 0x5F else 0xB0)
    low = second + (0x7E if first % 2 == 0 else (0x20 if second > 0x5F else 0x1F))
    try:
        return bytes((high, low)).decode("cp932")
    except UnicodeDecodeError:
        return None


def _from_jis(body: bytes) -> str | None:
    """ISO-2022-JP, vendor rows included; None when a two-byte run is not one."""
    parts: list[str] = []
    mode = b"(B"
    position = 0
    for match in [*_ESCAPE.finditer(body), None]:
        run = body[position : match.start() if match else len(body)]
        if mode in (b"$@", b"$B"):
            decoded = _jis_run(run)
            if decoded is None:
                return None
            parts.append(decoded)
        elif mode == b"(I":
            parts.append(bytes(byte | 0x80 for byte in run).decode("cp932", "replace"))
        elif run.isascii():
            parts.append(run.decode("ascii"))
        else:
            return None
        if match:
            mode, position = match[1], match.end()
    return "".join(parts)


def _jis_run(run: bytes) -> str | None:
    chars: list[str] = []
    index = 0
    while index < len(run):
        if run[index] <= 0x20:  # a line break inside a run: tolerated by browsers
            chars.append(chr(run[index]))
            index += 1
            continue
        char = _jis_pair(run[index], run[index + 1]) if index + 1 < len(run) else None
        if char is None:
            return None
        chars.append(char)
        index += 2
    return "".join(chars)
