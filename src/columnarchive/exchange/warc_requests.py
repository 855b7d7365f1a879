"""Requests beside their answers: WARC keeps both in records of their own that name each other, in either order."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace

from columnarchive.exchange.warc_records import Record
from columnarchive.records import Capture, Headers

KEPT = 64  # requests remembered for an answer to come: writers put the two next to each other
_ID, _WITH = "WARC-Record-ID", "WARC-Concurrent-To"


@dataclass(slots=True)
class Requests:
    """The last requests of a file, by the ids that their answers may know them by."""

    _lines: OrderedDict[str, Headers] = field(default_factory=OrderedDict)

    def add(self, record: Record) -> None:
        """Remember a request record."""
        lines = tuple((str(name), str(value)) for name, value in record.http.headers) if record.http else ()
        for name in (_ID, _WITH):
            if lines and (known_by := record.field(name)):
                self._lines[known_by] = lines
        while len(self._lines) > 2 * KEPT:
            self._lines.popitem(last=False)

    def beside(self, answer: Record, capture: Capture) -> Capture:
        """The capture of an answer with the lines it was asked with, where the file has them and it has none."""
        if capture.wire.request_headers:
            return capture
        for name in (_ID, _WITH):
            if lines := self._lines.get(answer.field(name)):
                return replace(capture, wire=replace(capture.wire, request_headers=lines))
        return capture
