"""Saved searches tell what is new since the last look, once."""

from __future__ import annotations

from pathlib import Path

import clinic
import deriving
import pytest

from columnarchive.errors import NotFound, UsageError
from columnarchive.pipeline import notifications
from columnarchive.store import saved_searches as store_saved_searches
from columnarchive.store.database import Database

CLAIM = clinic.HOST + "/column/nanbyo-kansaibou/"


def test_what_is_new_is_told_once(tmp_path: Path) -> None:
    found = list(clinic.captured())
    first = [one for one in found if one.fetched_at < "2026"]
    with Database.open(tmp_path / "a.db") as db:
        clinic.add(db, first)
        deriving.derive(db)
        assert notifications.save_search(db, "claims", "必ず治ります", "2025-10-21T00:00:00Z") == 1
        notifications.save_search(db, "price", '"128,000円"', "2025-10-21T00:00:00Z")
        notifications.save_search(db, "notice", "認知症と幹細胞研究", "2025-10-21T00:00:00Z")
        assert notifications.new_findings(db, "2025-10-22T00:00:00Z") == []
        clinic.add(db, found[len(first) :])
        deriving.derive(db)
        peeked = notifications.new_findings(db, "2026-05-01T00:00:00Z", keep=True)
        told = {(one.watch, one.news, one.hit.url) for one in notifications.new_findings(db, "2026-05-01T00:00:00Z")}
        assert {(one.watch, one.news, one.hit.url) for one in peeked} == told
        assert ("claims", "newly_removed", CLAIM) in told
        assert ("price", "newly_said", clinic.HOST + "/column/hiza-saisei/") in told
        assert ("notice", "new_article", clinic.HOST + "/column/ninchishou-kenkyuu/") in told
        assert notifications.new_findings(db, "2026-05-02T00:00:00Z") == []
        with db.transaction():
            store_saved_searches.remove(db.conn, "claims")
        assert [one.name for one in store_saved_searches.all_watches(db.conn)] == ["notice", "price"]


def test_what_cannot_be_saved_is_said_in_a_sentence(tmp_path: Path) -> None:
    with Database.open(tmp_path / "a.db") as db:
        notifications.save_search(db, "one", "難病", "2026-01-01T00:00:00Z")
        for name, query, said in (("one", "免疫", "already"), ("two", " ", "empty"), (" ", "免疫", "name")):
            with pytest.raises(UsageError, match=said):
                notifications.save_search(db, name, query, "2026-01-01T00:00:00Z")
        with pytest.raises(NotFound, match="no watch"):
            notifications.new_findings(db, "2026-01-01T00:00:00Z", "other")
