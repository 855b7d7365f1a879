"""The entry point: exit codes, Ctrl-C, and standard streams that are closed or full.

It imports little, so that Ctrl-C is handled while the rest is still being loaded.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import threading

from columnarchive import locale
from columnarchive.errors import ArchiveError, UsageError
from columnarchive.text import visible

INTERRUPTED = 130
GRACE_SECONDS = 2.0  # what a command may take to unwind after Ctrl-C


def main() -> None:
    """Run the command and exit: 1 with one sentence for an expected error, 2 for wrong usage, 130 after Ctrl-C."""
    _open_streams()  # first: the next descriptor opened would become a closed stdout
    interrupt = _Interrupt()
    try:
        code = _run()
    except KeyboardInterrupt:
        code = INTERRUPTED
    if interrupt.received.is_set() or code == INTERRUPTED:
        interrupt.exit()
    sys.exit(code)


def _run() -> int:
    try:
        if wrong := next((word for word in sys.argv[1:] if not _is_text(word) and not os.path.lexists(word)), ""):
            return _fail(locale.text("en", "cli.not_utf8_argument", word=wrong), 2)
        _choose_language(sys.argv[1:])
        import typer

        from columnarchive.cli.app import WRONG_USAGE, app, usage_sentence

        try:
            code = app(standalone_mode=False)
        except WRONG_USAGE as error:
            return _flush(_fail(usage_sentence(error), 2))
        except typer.Abort:
            return _flush(_fail(locale.text(locale.user_language(), "cli.stopped")))
        return _flush(code if isinstance(code, int) else 0)
    except ArchiveError as error:
        return _flush(_fail(error.message(locale.user_language())))
    except SystemExit as exit:
        return _flush(exit.code if isinstance(exit.code, int) else 1)
    except OSError as error:
        return _output_failed(error) if error.filename is None else _fail(f"{error.filename}: {error.strerror}.")


def _choose_language(words: list[str]) -> None:
    """Let `--lang`, wherever it stands, choose the language of this process and its workers."""
    for at, word in enumerate(words):
        name, _, value = word.partition("=")
        if name == "--lang":
            lang = value or next(iter(words[at + 1 :]), "")
            if lang not in ("en", "ja"):
                raise UsageError("unknown_choice", option="--lang", text=lang[:40], choices="en, ja")
            os.environ["LANGUAGE"] = lang


class _Interrupt:
    """Ends the process soon after Ctrl-C, even if the main thread is inside SQLite or waits for workers.

    Python runs signal handlers between two bytecodes of the main thread only. The wake-up descriptor is written to at
    once, and a thread waits on it.
    """

    def __init__(self) -> None:
        self.received = threading.Event()
        self._once = threading.Lock()
        reader, writer = os.pipe()
        if os.name != "nt":
            os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(reader,), daemon=True).start()

    def _watch(self, reader: int) -> None:
        while signal.SIGINT not in os.read(reader, 64):
            pass
        self.received.set()
        threading.Event().wait(GRACE_SECONDS)
        self.exit()

    def exit(self) -> None:
        """Say that the command was stopped, and exit without waiting for threads or worker processes."""
        if not self._once.acquire(blocking=False):
            threading.Event().wait()  # the other thread is about to exit
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        _fail(locale.text(locale.user_language(), "cli.stopped"))
        os._exit(INTERRUPTED)


def _open_streams() -> None:
    """Write UTF-8 whatever the locale says, as in cron, and open streams that the caller closed.

    A closed stdout is opened so that writing to it fails: the user learns that the output was lost.
    """
    for fd, name, flags in ((1, "stdout", os.O_RDONLY), (2, "stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, flags), fd)
            setattr(sys, name, open(fd, "w", closefd=False))  # noqa: SIM115 (open as long as the process)
        with contextlib.suppress(AttributeError, ValueError):
            getattr(sys, name).reconfigure(encoding="utf-8", errors="backslashreplace")


def _flush(code: int) -> int:
    """The exit code after all output was written."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return _output_failed(error)
    return code


def _output_failed(error: OSError) -> int:
    # Python would try to write the rest when it exits, and complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if error.errno in (errno.EPIPE, errno.ESHUTDOWN):
        return 1  # the reader, such as `head`, has all it wanted
    return _fail(locale.text(locale.user_language(), "cli.output_failed", reason=error.strerror))


def _fail(sentence: str, code: int = 1) -> int:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"archive: {visible(sentence)}\n")
        sys.stderr.flush()
    return code


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
