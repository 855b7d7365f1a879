"""The peer of revisit.py: changedetection.io checks every watch of a folder once, by its own workers.

python peer_changedetection.py FOLDER URL ...

The folder is made when it is new, with a watch for each address. No page of its interface is loaded and no clock runs:
the watches are queued, its workers fetch, compare and save, and the process ends with the last of them.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

os.environ["ALLOW_IANA_RESTRICTED_ADDRESSES"] = "true"  # the made-up clinics are on loopback

from changedetectionio import worker_pool
from changedetectionio.queue_handlers import NotificationQueue, RecheckPriorityQueue
from changedetectionio.queuedWatchMetaData import PrioritizedItem
from changedetectionio.store import ChangeDetectionStore
from loguru import logger

WORKERS = 10
"""As many as it starts by itself."""


def main() -> None:
    """Check all watches; fail when one could not be checked."""
    folder, *urls = sys.argv[1:]
    logger.remove()
    is_new = not Path(folder).exists()
    Path(folder).mkdir(exist_ok=True)
    store = ChangeDetectionStore(datastore_path=folder, include_default_watches=False)
    if is_new:
        for url in urls:
            store.add_watch(url)
    watches = store.data["watching"]
    before = {uuid: watch.get("check_count", 0) for uuid, watch in watches.items()}
    queue = RecheckPriorityQueue()
    for uuid in watches:
        queue.put(PrioritizedItem(1, {"uuid": uuid}))
    program = SimpleNamespace(config=SimpleNamespace(exit=threading.Event()))
    worker_pool.start_workers(WORKERS, queue, NotificationQueue(), program, store)
    deadline = time.monotonic() + 600
    while any(watch.get("check_count", 0) == before[uuid] for uuid, watch in watches.items()):
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    while worker_pool.get_running_uuids():
        time.sleep(0.1)
    program.config.exit.set()
    failed = [
        watch.get("url")
        for uuid, watch in watches.items()
        if watch.get("last_error") or watch.get("check_count", 0) != before[uuid] + 1 or watch.history_n != 1
    ]
    print(f"{len(before)} watches, {len(failed)} failed: {failed[:3]}", flush=True)
    os._exit(bool(failed) or len(before) != len(urls))


if __name__ == "__main__":
    main()
