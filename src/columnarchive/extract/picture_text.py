"""The text in a picture, read by a machine. Needs rapidocr, the extra `ocr`, whose wheel holds its models.

Callers run this in a worker process with limits of time and memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

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
