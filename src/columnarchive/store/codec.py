"""Compression of bodies: standard zstd frames, alone or with another body as raw dictionary. Pure functions.

A template's pages share most of their bytes, so a page costs least against a sibling, and a later version of it against
the version before. The frames carry their size but no dictionary id: `zstd -d --patch-from=BASE` reads them as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import zstandard

from columnarchive.errors import StoreError

Codec = Literal["zstd", "zstd-base"]

LEVEL = 9  # Levels 12 and 19 save 1–4 % on real histories and cost 3–20 times as much.
TRIAL_LEVEL = 1  # Enough to tell which of several bases is nearest, in two thirds of the time of level 3.
MAX_BASED_SIZE = 32 << 20  # Larger bodies stand alone, so that a frame's window stays within every decoder's default.
MAX_CHAIN = 64  # More bases than any body has, so that a damaged file cannot send a reader in circles.
_SMALLEST_WINDOW_LOG = 17


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


def decompress_line(frames: Sequence[tuple[bytes, int]]) -> bytes:
    """The last body of a line of (frame, raw size), each coded against the one before and the first alone.

    The same as `decompress` from frame to frame, in half the time.
    """
    for data, raw_size in frames:
        _check_size(data, raw_size)
    try:
        return zstandard.ZstdDecompressor().decompress_content_dict_chain([data for data, _ in frames])
    except (zstandard.ZstdError, ValueError) as error:
        raise StoreError(f"A stored body is damaged: {error}.") from error


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
