"""Sites on several machines: shards that keep each server to one of them, and archives that merge to one."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import clinic
import clinic_archive
import pytest
from deriving import crawl, import_files
from fake_clock import FakeClock
from typer.testing import CliRunner

from columnarchive.cli.app import app
from columnarchive.config import Settings, SiteSettings
from columnarchive.crawl.transport import ResolutionError
from columnarchive.pipeline.crawl import CrawlOptions, targets
from columnarchive.pipeline.crawl_plan import Target, shard
from columnarchive.pipeline.demo import START, Clinic, dated_sites
from columnarchive.store.database import Database


def of(number: int) -> Target:
    start = (f"https://clinic{number}.example/column/",)
    return Target(SiteSettings(f"clinic{number}.example", start), start)


async def resolve(host: str, port: int) -> list[str]:  # noqa: ARG001
    """Five sites on each server, and some whose name is unknown."""
    number = int("".join(filter(str.isdigit, host)))
    if number % 17 == 0:
        raise ResolutionError(host)
    return [f"203.0.113.{number // 5}"]


def test_each_site_is_in_one_shard_with_its_servers_other_sites() -> None:
    every = [of(number) for number in range(200)]
    shards = [shard(every, number, 3, resolve) for number in (1, 2, 3)]
    assert sorted(one.settings.name for found in shards for one in found) == sorted(one.settings.name for one in every)
    place = {one.settings.name: at for at, found in enumerate(shards) for one in found}
    for server in range(40):
        members = [number for number in range(5 * server, 5 * server + 5) if number % 17]
        assert len({place[f"clinic{number}.example"] for number in members}) == 1
    assert all(40 < len(found) < 100 for found in shards)
    mixed = random.Random(1).sample(every, len(every))
    assert {one.settings.name for one in shard(mixed, 2, 3, resolve)} == {one.settings.name for one in shards[1]}


def test_sites_of_several_hosts_join_what_shares_any_of_them() -> None:
    both = Target(SiteSettings("both"), ("https://clinic3.example/", "https://clinic77.example/"))
    found = [
        {one.settings.name for one in shard([both, of(2), of(78), of(120)], number, 2, resolve)} for number in (1, 2)
    ]
    assert any({"both", "clinic2.example", "clinic78.example"} <= one for one in found)


@pytest.mark.slow
def test_two_shards_crawled_and_merged_equal_one_crawl(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        clinics = [stack.enter_context(Clinic()) for _ in range(2)]
        for version in dated_sites()[:2]:
            timer = FakeClock().timer()
            options = CrawlOptions(delay=0.0, allow_private=True, clock=version.clock, timer=timer)
            for site in clinics:
                site.show(version)
            for name, sites in (("one", clinics), ("a", clinics[:1]), ("b", clinics[1:])):
                with Database.open(tmp_path / f"{name}.db") as db:
                    crawl(db, targets(db, [site.url + START for site in sites], Settings()), options)
    states = []
    for first, second in ((None, None), ("a", "b"), ("b", "a")):
        with Database.open(tmp_path / f"{first or 'one'}.db" if not second else tmp_path / f"{first}{second}.db") as db:
            if first and second:
                paths = [tmp_path / f"{first}.db", tmp_path / f"{second}.db"]
                import_files(db, paths, None, lambda *_: None)
            clinic_archive.derive_here(db)
            states.append(clinic.as_text(clinic.state(db)))
    assert states[0] == states[1] == states[2]


@pytest.mark.parametrize(("part", "fails"), [("1/1", False), ("0/3", True), ("4/3", True), ("x", True), ("1/", True)])
def test_the_command(tmp_path: Path, part: str, fails: bool) -> None:
    (tmp_path / "sites.toml").write_text('[[site]]\nstart = "http://127.0.0.1/column/"\n')
    arguments = ["--db", str(tmp_path / "a.db"), "sites", "shard", part, "--sites", str(tmp_path / "sites.toml")]
    done = CliRunner().invoke(app, arguments)
    assert (done.exit_code != 0) == fails
    assert ("127.0.0.1" in done.output) != fails
