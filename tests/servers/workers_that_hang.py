"""Functions for worker processes that never return, each in another way."""

from __future__ import annotations

import os
import re
import time

from columnarchive.pipeline.worker_pool import PageLimits


def _say() -> None:
    os.write(2, b"hanging\n")  # at once, since several processes write


def in_c(_limits: PageLimits) -> None:
    """Hold the interpreter in a C function."""
    _say()
    re.match(r"(a+)+$", "a" * 60 + "b")


def in_python(_limits: PageLimits) -> None:
    """Run Python code."""
    _say()
    while True:
        pass


def asleep(_limits: PageLimits) -> None:
    """Wait."""
    _say()
    time.sleep(600)
