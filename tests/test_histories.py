"""From readings to histories: revisions, moves, absences, and rows that say the same whatever the order."""

from __future__ import annotations

from columnarchive.history.article_identity import versions
from columnarchive.history.revisions import assemble
from columnarchive.records import Article, Block, PageReadings, PageVisits, Reading, Visit

HOST = "https://clinic.example"
OLD = "https://clinic.example/column/old/"
NEW = "https://clinic.example/column/new/"


def article(url: str, *lines: str, title: str = "膝の再生医療") -> Article:
    return Article(url, title, tuple(Block("paragraph", line) for line in lines))


def day(number: int, hour: int = 1) -> str:
    return f"2026-01-{number:02}T{hour:02}:00:00Z"


def visit(at: str, body: str = "", final_url: str = "", outcome: str = "ok", status: int = 200) -> Visit:
    return Visit(at, outcome, status, body, "text/html", final_url)  # type: ignore[arg-type]


def read(
    page: PageVisits, said: dict[str, Article], canonical: str = "", template_only: tuple[str, ...] = ()
) -> PageReadings:
    found: list[Reading] = []
    last = ""
    for version in versions(page).versions:
        text = said[version.body_sha256]
        is_revision = text.fingerprint != last and version.body_sha256 not in template_only
        found.append(Reading(version, "article", "ok", text, is_revision, canonical))
        last = text.fingerprint
    return PageReadings(page.url, tuple(found))


def test_a_page_that_changes_and_changes_back_has_three_revisions() -> None:
    page = PageVisits(1, OLD, (visit(day(1), "a"), visit(day(2), "a"), visit(day(3), "b"), visit(day(4), "a")))
    said = {"a": article(OLD, "費用は98,000円です。"), "b": article(OLD, "費用は128,000円です。")}
    _, (history,) = assemble([page], {OLD: read(page, said)}, "r")
    assert [(one.number, one.first_seen_at, one.last_seen_at) for one in history.revisions] == [
        (1, day(1), day(2)),
        (2, day(3), day(3)),
        (3, day(4), day(4)),
    ]
    assert history.changes[0].comparison.level >= 2
    assert "restored" in history.changes[1].comparison.labels
    assert [sentence.text for sentence in history.removed] == ["費用は128,000円です。"]
    assert history.removed[0].since_at == day(3)


def test_a_template_step_makes_no_revision_even_when_the_text_reads_otherwise() -> None:
    page = PageVisits(1, OLD, (visit(day(1), "a"), visit(day(2), "b")))
    said = {"a": article(OLD, "膝の痛みについて。"), "b": article(OLD, "膝の痛みについて。", "MENU")}
    _, (history,) = assemble([page], {OLD: read(page, said, template_only=("b",))}, "r")
    assert len(history.revisions) == 1
    assert history.revisions[0].last_seen_at == day(2)


def test_a_column_that_moved_is_one_article_with_one_history() -> None:
    before = PageVisits(1, OLD, (visit(day(1), "a", OLD), visit(day(3), "b", NEW, "redirected")))
    after = PageVisits(2, NEW, (visit(day(3, 2), "b", NEW),))
    said_old = {"a": article(OLD, "一文目。", "二文目。"), "b": article(OLD, "一文目。", "三文目。")}
    said_new = {"b": article(NEW, "一文目。", "三文目。")}
    readings = {OLD: read(before, said_old), NEW: read(after, said_new)}
    verdicts, (history,) = assemble([before, after], readings, "r")
    assert history.article.url == NEW
    assert history.page_ids == (1, 2)
    assert [one.first_seen_at for one in history.revisions] == [day(1), day(3)]
    assert {verdict.article_url for verdict in verdicts} == {NEW}


def test_a_redirect_to_another_page_is_not_an_edit() -> None:
    top = HOST + "/"
    page = PageVisits(1, OLD, (visit(day(1), "a", OLD), visit(day(3), "top", top, "redirected")))
    home = PageVisits(2, top, (visit(day(1), "top", top),))
    said = {"a": article(OLD, "膝の痛み。", "治療の流れ。"), "top": article(OLD, "当院へようこそ。", "お知らせ。")}
    readings = {OLD: read(page, said), top: read(home, {"top": article(top, "当院へようこそ。", "お知らせ。")})}
    _, histories = assemble([page, home], readings, "r")
    by_url = {history.article.url: history for history in histories}
    assert len(by_url[OLD].revisions) == 1
    assert by_url[OLD].article.text == "膝の痛み。\n治療の流れ。"
    assert by_url[OLD].state == "gone"
    assert [change.comparison.labels for change in by_url[OLD].changes] == [("gone",)]


def test_gone_is_told_when_confirmed_and_so_is_the_return() -> None:
    said = {"a": article(OLD, "膝の痛みについて。")}

    def labels(*visits: Visit) -> list[tuple[str, str]]:
        page = PageVisits(1, OLD, visits)
        _, (history,) = assemble([page], {OLD: read(page, said)}, "r")
        return [(change.seen_at, *change.comparison.labels) for change in history.changes]

    missing = {"outcome": "missing", "status": 404}
    assert labels(visit(day(1), "a"), visit(day(2), **missing)) == []  # once may be a slip
    assert labels(visit(day(1), "a"), visit(day(2), **missing), visit(day(2, 2), **missing)) == [(day(2), "gone")]
    assert labels(visit(day(1), "a"), visit(day(2), outcome="gone", status=410)) == [(day(2), "gone")]
    assert labels(visit(day(1), "a"), visit(day(2), **missing), visit(day(5), "a")) == [
        (day(2), "gone"),
        (day(5), "returned"),
    ]
    assert labels(visit(day(1), "a"), visit(day(2), **missing), visit(day(2, 3), "a")) == []


def test_pages_that_name_one_canonical_address_are_one_article() -> None:
    tracked = PageVisits(1, NEW + "?from=top", (visit(day(1), "a"),))
    plain = PageVisits(2, NEW, (visit(day(2), "b"),))
    text = article(NEW, "一文目。", "二文目。")
    readings = {
        tracked.url: read(tracked, {"a": text}, canonical=NEW),
        plain.url: read(plain, {"b": text}, canonical=NEW),
    }
    _, (history,) = assemble([tracked, plain], readings, "r")
    assert history.article.url == NEW
    assert len(history.revisions) == 1


def test_a_canonical_link_that_every_page_gives_is_not_believed() -> None:
    """Some sites name their home page as canonical on every page."""
    pages = [PageVisits(number, f"{HOST}/column/{number}/", (visit(day(1), str(number)),)) for number in (1, 2)]
    readings = {
        page.url: read(page, {str(page.page_id): article(page.url, f"本文{page.page_id}。")}, canonical=HOST + "/")
        for page in pages
    }
    _, histories = assemble(pages, readings, "r")
    assert [history.article.url for history in histories] == [page.url for page in pages]
