"""Compression of bodies: standard zstd frames, alone or with another body as raw dictionary. Pure functions.

A template's pages share most of their bytes, so a page costs least against siblings, and a later version of it against
the version before. The frames carry their size but no dictionary id: `zstd -d --patch-from=BASE` reads them as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import zstandard

from columnarchive.errors import StoreError

Codec = Literal["zstd", "zstd-base", "zstd-line"]
"""A frame alone, against the body it names, or against that one and all below it, joined, the lowest first."""

Frame = tuple[bytes, int, str]
"""Stored bytes, the body's size, the codec."""

LEVEL = 9  # Levels 12 and 19 save 1–4 % on real histories and cost 3–20 times as much.
FIRST_LEVEL = 10  # Level 16 saves 3 % more of a first body, for 6 ms: more than all else that is done with a page.
TRIAL_LEVEL = 1  # Enough to tell which of several bases is nearest, in two thirds of the time of level 3.
MAX_BASED_SIZE = 32 << 20  # Larger bodies stand alone, so that a frame's window stays within every decoder's default.
MAX_CHAIN = 64  # More bases than any body has, so that a damaged file cannot send a reader in circles.
_SMALLEST_WINDOW_LOG = 17
_RAW_FRAME = b"\x28\xb5\x2f\xfd\xe0"
_RAW_BLOCK = 128 << 10


def compress(body: bytes, base: bytes | None = None, level: int = LEVEL) -> bytes:
    """One zstd frame of `body`, with `base` as raw dictionary if given."""
    size = len(body) + len(base or b"")
    window = max(_SMALLEST_WINDOW_LOG, size.bit_length())
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level,
        source_size=len(body),
        dict_size=len(base or b""),
        window_log=window,
        write_content_size=True,
        write_dict_id=False,
        write_checksum=False,  # The sha256 of body and frame are both kept beside the frame.
    )
    return zstandard.ZstdCompressor(dict_data=_dictionary(base), compression_params=parameters).compress(body)


def decompress(data: bytes, raw_size: int, base: bytes | None = None) -> bytes:
    """The body of a frame; raise StoreError if it is damaged or not as long as `raw_size` says."""
    _check_size(data, raw_size)
    try:
        return zstandard.ZstdDecompressor(dict_data=_dictionary(base)).decompress(data)
    except zstandard.ZstdError as error:
        raise StoreError(f"A stored body is damaged: {error}.") from error


def decompress_all(frames: Sequence[Frame]) -> list[bytes]:
    """The bodies of a line of frames, the first of which stands alone and each other is coded against those before.

    Raises StoreError if one is damaged.
    """
    found: list[bytes] = []
    for data, raw_size, codec in frames:
        found.append(decompress(data, raw_size, dictionary(codec, found)))
    return found


def decompress_last(frames: Sequence[Frame]) -> bytes:
    """The last of these bodies alone, in two thirds of the time: one decoder for all, told each base as a frame."""
    for data, raw_size, _ in frames:
        _check_size(data, raw_size)
    joined = max((place for place, (_, _, codec) in enumerate(frames) if codec == "zstd-line"), default=0)
    decoder = zstandard.ZstdDecompressor()
    try:
        found = [decoder.decompress(frames[0][0])]
        for data, _, codec in frames[1 : joined + 1]:
            found.append(decoder.decompress_content_dict_chain([_stored(dictionary(codec, found) or b""), data]))
        above = [data for data, _, _ in frames[joined + 1 :]]
        return decoder.decompress_content_dict_chain([_stored(found[-1]), *above]) if above else found[-1]
    except (zstandard.ZstdError, ValueError) as error:
        raise StoreError(f"A stored body is damaged: {error}.") from error


def _stored(body: bytes) -> bytes:
    """A frame that holds `body` uncompressed: one segment, its size in eight bytes, raw blocks (RFC 8878, 3.1.1)."""
    parts = [_RAW_FRAME, len(body).to_bytes(8, "little")]
    for start in range(0, max(len(body), 1), _RAW_BLOCK):
        block = body[start : start + _RAW_BLOCK]
        is_last = start + _RAW_BLOCK >= len(body)
        parts += ((len(block) << 3 | is_last).to_bytes(3, "little"), block)
    return b"".join(parts)


def dictionary(codec: str, below: Sequence[bytes]) -> bytes | None:
    """What a frame of this codec is coded against, of the bodies below it, the lowest first."""
    if codec == "zstd" or not below:
        return None
    return b"".join(below) if codec == "zstd-line" else below[-1]


def _check_size(data: bytes, raw_size: int) -> None:
    """Asked before decoding, so that a damaged frame cannot make us allocate what it claims."""
    try:
        said = zstandard.frame_content_size(data)
    except (zstandard.ZstdError, TypeError) as error:
        raise StoreError(f"A stored body is damaged: {error}.") from error
    if said != raw_size:
        raise StoreError("A stored body is damaged: its frame gives another size than its row.")


def _dictionary(base: bytes | None) -> zstandard.ZstdCompressionDict | None:
    return zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if base else None
