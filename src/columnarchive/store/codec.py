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

LEVEL = 11  # Level 9 takes 3 % more bytes for the same time; 16 and more cost several times as much.
FIRST_LEVEL = 10  # Level 16 saves 3 % more of a first body, for 6 ms: more than all else that is done with a page.
QUICK_LEVEL = 1  # For what is coded anew at once.
MAX_BASED_SIZE = 32 << 20  # Larger bodies stand alone, so that a frame's window stays within every decoder's default.
MAX_CHAIN = 64  # More bases than any body has, so that a damaged file cannot send a reader in circles.
_SMALLEST_WINDOW_LOG = 17
_SMALLEST_HASH_LOG = 6
_LARGEST_HASH_LOG = 20
_PAGE = 32 << 10  # bytes of the pages that a dictionary is made for
_HASH_LOG = 17  # of a dictionary of up to 2 ** _USUAL bytes: 18 doubles what it holds and saves half a percent
_USUAL = 18
_RAW_FRAME = b"\x28\xb5\x2f\xfd\xe0"
_RAW_BLOCK = 128 << 10


def compress(body: bytes, base: bytes | None = None, level: int = LEVEL) -> bytes:
    """One zstd frame of `body`, with `base` as raw dictionary if given."""
    parameters = _parameters(level, len(body), len(base or b""))
    return zstandard.ZstdCompressor(dict_data=_dictionary(base), compression_params=parameters).compress(body)


class Dictionary:
    """Bodies joined and made ready, so that each of many is coded against them in a third of the time.

    What comes out is a frame like those of `compress`, read in the same way.
    """

    def __init__(self, content: bytes) -> None:
        self._made = zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        bits = len(content).bit_length()
        hash_log = max(_SMALLEST_HASH_LOG, min(bits, _LARGEST_HASH_LOG) if bits > _USUAL else min(_HASH_LOG, bits + 1))
        parameters = _parameters(LEVEL, _PAGE, len(content), hash_log=hash_log)
        self._made.precompute_compress(compression_params=parameters)
        self.size = len(content) + (5 << hash_log)
        """Bytes held."""

    @property
    def content(self) -> bytes:
        """The bodies, joined."""
        return self._made.as_bytes()

    def compress(self, body: bytes) -> bytes:
        """One zstd frame of `body` against the dictionary."""
        parameters = _parameters(LEVEL, len(body), len(self._made))
        return zstandard.ZstdCompressor(dict_data=self._made, compression_params=parameters).compress(body)


def _parameters(level: int, size: int, dict_size: int, **more: int) -> zstandard.ZstdCompressionParameters:
    return zstandard.ZstdCompressionParameters.from_level(
        level,
        source_size=size,
        dict_size=dict_size,
        window_log=max(_SMALLEST_WINDOW_LOG, (size + dict_size).bit_length()),
        write_content_size=True,
        write_dict_id=False,
        write_checksum=False,  # The sha256 of body and frame are both kept beside the frame.
        **more,
    )


def decompress(data: bytes, raw_size: int, base: bytes | None = None) -> bytes:
    """The body of a frame; raise StoreError if it is damaged or not as long as `raw_size` says."""
    _check_size(data, raw_size)
    try:
        return zstandard.ZstdDecompressor(dict_data=_dictionary(base)).decompress(data)
    except zstandard.ZstdError as error:
        raise StoreError("damaged_frame", reason=error) from error


def decompress_all(frames: Sequence[Frame]) -> list[bytes]:
    """The bodies of a line of frames, the first of which stands alone and each other is coded against those before.

    Raises StoreError if one is damaged.
    """
    found: list[bytes] = []
    for data, raw_size, codec in frames:
        found.append(decompress(data, raw_size, dictionary(codec, found)))
    return found


def decompress_last(frames: Sequence[Frame]) -> bytes:
    """The last of these bodies alone, quicker: a line grows in one place, and bases above it are told as frames."""
    for data, raw_size, _ in frames:
        _check_size(data, raw_size)
    joined = 1 + max((place for place, (_, _, codec) in enumerate(frames) if codec == "zstd-line"), default=0)
    line = memoryview(bytearray(sum(raw_size for _, raw_size, _ in frames[:joined])))
    body, size = b"", 0
    try:
        for data, raw_size, codec in frames[:joined]:
            known = _dictionary(line[:size] if codec == "zstd-line" else body if codec == "zstd-base" else None)
            body = zstandard.ZstdDecompressor(dict_data=known).decompress(data)
            line[size : size + raw_size] = body
            size += raw_size
        if above := [data for data, _, _ in frames[joined:]]:
            return zstandard.ZstdDecompressor().decompress_content_dict_chain([_stored(body), *above])
        return body
    except (zstandard.ZstdError, ValueError) as error:
        raise StoreError("damaged_frame", reason=error) from error


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
        raise StoreError("damaged_frame", reason=error) from error
    if said != raw_size:
        raise StoreError("frame_size")


def _dictionary(base: bytes | memoryview | None) -> zstandard.ZstdCompressionDict | None:
    return zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if base else None
