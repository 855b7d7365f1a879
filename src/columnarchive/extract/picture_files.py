"""The bytes of pictures: what they are, whether two of them show the same, and the text in one, read by a machine.

The first two need Pillow, the extra `pictures`; the text needs rapidocr, the extra `ocr`, whose wheel holds its models.
Nothing is decoded before its dimensions are known. Callers run this in a worker process with limits of time and memory.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from PIL.Image import Image


ENGINE = "1"
"""Version of the comparison; it rises when two pictures may compare differently."""
MAX_PIXELS = 20_000_000
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP")
PictureOutcome = Literal["ok", "not_picture", "vector", "too_large", "truncated", "unreadable"]
_SQUARE = [min(255, round(value * value / 8)) for value in range(256)]
_WINDOW = 4  # pixels around one over which differences are averaged: some of a digit's strokes
_NOISE, _LEAST_NOISE = 14.0, 4.0  # the difference that recompression leaves at most; a digit of 12 pixels makes 24
_NOISE_SHARE = 0.1  # of the contrast around: pale digits make little difference
_SPREAD = 2  # times the noise of the rest: a digit stands out, recompression is everywhere
_TYPICAL = 0.99
_WEBP_STEPS = (16, 8, 4, 2, 1)


@dataclass(frozen=True, slots=True)
class PictureFile:
    """What the bytes of a picture are: `ok`, or why they cannot be compared or read; format and size if known."""

    outcome: PictureOutcome
    format: str = ""
    width: int = 0
    height: int = 0


def is_installed() -> bool:
    """Whether pictures can be opened here."""
    return find_spec("PIL") is not None


def _is_svg(body: bytes) -> bool:
    head = body[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<svg", b"<?xml", b"<!doctype svg", b"<!--")) and b"<svg" in head


def inspect(body: bytes) -> PictureFile:
    """Return what the bytes of a picture are; they are decoded once, so that damage is found."""
    if _is_svg(body):
        return PictureFile("vector", "SVG")
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(body), formats=FORMATS) as image:
                found = PictureFile("ok", image.format or "", *image.size)
                if image.width * image.height > MAX_PIXELS:
                    return PictureFile("too_large", found.format, *image.size)
                image.load()
        except Image.DecompressionBombError:
            return PictureFile("too_large")
        except UnidentifiedImageError:
            return PictureFile("not_picture")
        except (OSError, SyntaxError, ValueError, EOFError):
            return PictureFile("truncated" if _is_cut(body) else "unreadable")
    return found


def _is_cut(body: bytes) -> bool:
    """Whether a picture of a format that has an end mark lacks it."""
    marks = ((b"\xff\xd8", b"\xff\xd9"), (b"\x89PNG", b"IEND\xaeB`\x82"), (b"GIF8", b"\x3b"))
    return any(body.startswith(start) and end not in body[-4096:] for start, end in marks)


def decode(body: bytes) -> Image:
    """Return the pixels of a picture that `inspect` found ok, on white where it is transparent."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(body), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError("too large")
            if image.has_transparency_data:
                paper = Image.new("RGBA", image.size, "white")
                return Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")
            return image.convert("RGB")


def is_reencoded(old: bytes, new: bytes) -> bool:
    """Whether a picture is another one compressed anew, and shows the same.

    Either is compressed as the other was, and then they must be the same wherever one looks, but for the noise of a
    few coefficients. What is left over for any other reason is doubt, and counts as a change.
    """
    before, after = decode(old), decode(new)
    if before.size != after.size:
        return False
    return any(
        _are_same(again, target)
        for source, target, like in ((before, after, new), (after, before, old))
        for again in _compressed_like(source, target, like)
    )


def _compressed_like(source: Image, target: Image, like: bytes) -> Iterator[Image]:
    """Yield a picture as it reads after it was compressed the way that `like`, the bytes of `target`, were."""
    from PIL import Image, JpegImagePlugin

    with Image.open(io.BytesIO(like), formats=FORMATS) as model:
        if model.format in ("JPEG", "MPO"):
            sampling = JpegImagePlugin.get_sampling(model)
            tables = model.quantization
            yield _saved(source, "JPEG", qtables=tables, subsampling=sampling if sampling >= 0 else 2)
        elif model.format == "WEBP":
            yield _nearest_webp(source, target)
        else:
            yield source


def _nearest_webp(source: Image, target: Image) -> Image:
    """Return a picture at the quality, which WebP does not name, at which it comes nearest."""
    tried: dict[int, tuple[float, Image]] = {}

    def distance(quality: int) -> float:
        from PIL import ImageChops, ImageStat

        if quality not in tried:
            again = _saved(source, "WEBP", quality=quality)
            tried[quality] = (sum(ImageStat.Stat(ImageChops.difference(again, target)).sum2), again)
        return tried[quality][0]

    best = min(range(20, 101, _WEBP_STEPS[0]), key=distance)
    for step in _WEBP_STEPS[1:]:
        best = min((one for one in (best - step, best, best + step) if 0 <= one <= 100), key=distance)
    return tried[best][1]


def _saved(image: Image, kind: str, **options: object) -> Image:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return decode(buffer.getvalue())


def _are_same(one: Image, other: Image) -> bool:
    """Whether two pictures differ nowhere by more than the noise of compression.

    Differences are squared and averaged around each pixel. Where a stroke was added or taken away, that is a share of
    the contrast there; noise of compression is small, and about the same all over the picture.
    """
    from PIL import ImageChops, ImageFilter

    bands = ImageChops.difference(one, other).split()
    worst = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
    found = worst.point(_SQUARE).filter(ImageFilter.BoxBlur(_WINDOW))
    counts = found.histogram()
    total, seen, typical = sum(counts), 0, 0
    for value, count in enumerate(counts):
        seen += count
        if seen >= _TYPICAL * total:
            typical = value
            break
    most = max(value for value, count in enumerate(counts) if count)
    if (8 * most) ** 0.5 > 3 + _SPREAD * (8 * typical) ** 0.5:
        return False
    gray = other.convert("L")
    size = 2 * _WINDOW + 1
    bright, dark = gray, gray
    for _ in range(2):
        bright, dark = bright.filter(ImageFilter.MaxFilter(size)), dark.filter(ImageFilter.MinFilter(size))
    allowed = ImageChops.subtract(bright, dark).point(_ALLOWED)
    _, excess = ImageChops.subtract(found, allowed).getextrema()
    return not excess


_ALLOWED = [int(max(_LEAST_NOISE, min(_NOISE, _NOISE_SHARE * (contrast + 20))) ** 2 / 8) for contrast in range(256)]


MIN_SIDE = 24  # pixels; smaller pictures hold no text
_ROW = 0.6  # of a line's height by which the centres of two boxes may differ in one row
# A point before three digits is a comma that was read badly: yen have no decimals.
_THOUSANDS = re.compile(r"(?<=\d)[.．、，](?=\d{3}(?!\d))")


@dataclass(frozen=True, slots=True)
class TextBox:
    """A piece of text in a picture, how sure the reader is (0 to 1), and its corners: left, top, right, bottom."""

    text: str
    confidence: float
    box: tuple[int, int, int, int]


def engine() -> str:
    """Return the name and version of the reader and its models; empty where it is not installed."""
    if find_spec("rapidocr") is None or find_spec("onnxruntime") is None:
        return ""
    return f"rapidocr {version('rapidocr')}"


@cache
def _reader() -> Any:
    import logging

    from rapidocr import RapidOCR

    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
    settings: dict[str, object] = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    return RapidOCR(params={"Global.log_level": "critical", **settings})


def read(image: Image) -> tuple[TextBox, ...]:
    """Return the text of a picture piece by piece, row by row."""
    if min(image.size) < MIN_SIDE:
        return ()
    import numpy

    # Short lines of digits are taken for upside down, so the direction of lines is not guessed.
    found = _reader()(numpy.asarray(image)[:, :, ::-1], use_cls=False)
    boxes = []
    for corners, text, score in zip(
        found.boxes if found.boxes is not None else (), found.txts or (), found.scores or (), strict=False
    ):
        xs, ys = [point[0] for point in corners], [point[1] for point in corners]
        box = (int(min(xs)), int(min(ys)), int(max(xs)), int(max(ys)))
        boxes.append(TextBox(_THOUSANDS.sub(",", text), round(float(score), 3), box))
    return tuple(piece for row in _rows(boxes) for piece in row)


def in_lines(boxes: Iterable[TextBox]) -> str:
    """Return the text of a picture in lines; tabs separate the pieces of a row."""
    return "\n".join("\t".join(piece.text for piece in row) for row in _rows(list(boxes)))


def _rows(boxes: list[TextBox]) -> list[list[TextBox]]:
    rows: list[list[TextBox]] = []
    for one in sorted(boxes, key=lambda each: (each.box[1] + each.box[3], each.box[0])):
        first = rows[-1][0].box if rows else (0, 0, 0, 0)
        middle = (one.box[1] + one.box[3] - first[1] - first[3]) / 2
        if rows and abs(middle) <= _ROW * (first[3] - first[1]):
            rows[-1].append(one)
        else:
            rows.append([one])
    return [sorted(row, key=lambda each: each.box[0]) for row in rows]
