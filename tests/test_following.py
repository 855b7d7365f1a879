"""Following a new site: a first look, the entry in sites.toml, and how its columns read."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from subprocess import CompletedProcess

import command
import pytest
from deriving import spread
from servers.site import Reply, Site

from columnarchive import locale
from columnarchive.cli.crawl import contact_for
from columnarchive.config import SiteSettings, load
from columnarchive.errors import NotFound, UsageError
from columnarchive.pipeline import site_preview
from columnarchive.pipeline.demo import START, Clinic, dated_sites


@pytest.fixture
def start() -> Iterator[str]:
    with Clinic() as clinic:
        clinic.show(dated_sites()[0])
        yield clinic.url + START


def archive(folder: Path, *arguments: str) -> CompletedProcess[str]:
    return command.archive(*arguments, cwd=folder)


@pytest.mark.slow
def test_a_site_is_looked_at_followed_crawled_and_tested(start: str, tmp_path: Path) -> None:
    file = tmp_path / "data/sites.toml"
    file.parent.mkdir()
    file.write_text('# my sites\ncontact = "me@example.org"\n', encoding="utf-8")
    options = ("--allow-private", "--delay", "0", "--yes")
    looked = archive(tmp_path, "sites", "add", start, "--name", "あおぞら", *options)
    assert looked.returncode == 0, looked.stderr
    assert "robots.txt: allows this address" in looked.stdout
    assert "linked from a listing" in looked.stdout
    assert "`archive crawl あおぞら --allow-private` fetches it" in looked.stdout
    assert "supervisor" in looked.stdout
    assert file.read_text(encoding="utf-8").startswith("# my sites\n")
    (site,) = load(file).sites
    assert (site.name, site.start) == ("あおぞら", (start,))
    again = archive(tmp_path, "sites", "add", start, "--name", "あおぞら", *options)
    assert (again.returncode, "already" in again.stderr) == (1, True)

    early = archive(tmp_path, "sites", "test", "あおぞら")
    assert early.returncode == 1
    crawled = archive(tmp_path, "crawl", "あおぞら", "--allow-private", "--delay", "0")
    assert crawled.returncode == 0, crawled.stderr
    tested = archive(tmp_path, "sites", "test", "あおぞら")
    assert tested.stdout.count(" begins: ") == 5
    assert archive(tmp_path, "crawl").returncode == 0  # all that are due: none, and that is no fault


def test_any_name_is_written_so_that_it_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "sites.toml"
    for name in ("あおぞら", '"quoted" \\ 🏥', "a\tb"):
        site_preview.follow_site(file, SiteSettings(name, ("https://clinic.example/column/",)))
        assert load(file).sites[-1].name == name
    assert [path.name for path in tmp_path.iterdir()] == ["sites.toml"]


def test_an_address_that_does_not_answer_is_said_in_a_sentence(tmp_path: Path) -> None:
    done = archive(tmp_path, "sites", "add", "http://127.0.0.1:9/", "--allow-private", "--yes")
    assert done.returncode == 1
    assert "cannot be followed" in done.stderr
    assert not (tmp_path / "data/sites.toml").exists()


def test_beyond_this_machine_a_contact_is_needed(tmp_path: Path) -> None:
    """Nothing is fetched: the question comes before."""
    for words in (["crawl", "https://clinic.invalid/column/"], ["sites", "add", "https://clinic.invalid/column/"]):
        done = archive(tmp_path, *words)
        assert done.returncode == 1
        assert "how the sites can reach you" in done.stderr


@pytest.mark.parametrize(
    ("contact", "is_one"),
    [
        ("me@example.org", True), ("first.last+archive@mail.example.co.jp", True),
        ("https://example.org/about#us", True),
        ("http://研究所.example/", False), ("me", False), ("me@localhost", False),
        ("me@example.org\r\nX-Evil: 1", False),
        ("me example.org", False), ("javascript:alert(1)", False), ("", False),
    ],
)  # fmt: skip
def test_a_contact_is_an_address_that_sites_can_use(tmp_path: Path, contact: str, is_one: bool) -> None:
    def asked() -> str:
        return contact_for(["https://clinic.invalid/"], contact, tmp_path / "none.toml")

    if is_one:
        assert asked() == contact
    else:
        with pytest.raises(UsageError):
            asked()


@pytest.mark.parametrize("lang", spread(["ja", "en"], 1))
def test_the_end_of_a_crawl_and_the_status_say_what_was_not_seen(tmp_path: Path, lang: locale.Language) -> None:
    items = "".join(f"<li>2025年4月{n}日 <a href=/column/{n}.html>膝の話 第{n}回</a></li>" for n in range(1, 6))
    pages: dict[str, str | bytes | Reply] = {
        "/robots.txt": Reply(body=b"User-agent: *\nDisallow: /column/2.html", headers={"Content-Type": "text/plain"}),
        "/column/": f"<meta charset=utf-8><title>コラム</title><h1>コラム</h1><ul>{items}</ul>",
        "/sitemap.xml": "<urlset><url><loc>http://x",
    }
    for number in range(1, 6):
        text = "".join(f"<p>膝の話の{number}回目、その{line}です。体操は毎日続けます。</p>" for line in range(9))
        pages[f"/column/{number}.html"] = f"<meta charset=utf-8><title>膝の話 第{number}回</title><main>{text}</main>"
    pages["/column/5.html"] = Reply(500)
    with Site(pages) as site:
        options = ("--allow-private", "--delay", "0", "--lang", lang, "--db", "a.db")
        done = archive(tmp_path, "crawl", site.url + "/column/", *options)
        status = archive(tmp_path, "status", "--db", "a.db", "--lang", lang)
    name = site.url.removeprefix("http://")
    for printed in (done.stderr, status.stdout):
        lines = printed.splitlines()
        steps = locale.catalogue(lang)["next_step"]
        for outcome, path, reason in (
            ("refused_by_robots", "/column/2.html", locale.text(lang, "fault.robots")),
            ("http_error", "/column/5.html", ""),
            ("broken_list", "/sitemap.xml", locale.text(lang, "unread.broken_list")),
        ):
            shown = outcome if lang == "en" else locale.name(lang, "outcome", outcome)
            (at,) = (at for at, line in enumerate(lines) if f"{shown}  {site.url}{path}" in line)
            assert reason in lines[at]
            assert steps[outcome] in lines[at + 1]
        assert any(name in line and locale.text(lang, "cli.not_seen", site=name) in line for line in lines)


def test_the_played_day_is_in_the_header_lines() -> None:
    """An evidence sheet of the demo states one day, not the day on which it was made."""
    first = dated_sites()[0]
    with Clinic() as clinic:
        clinic.show(first)
        answer = urllib.request.urlopen(clinic.url)
    for name in ("Date", "Last-Modified"):
        assert parsedate_to_datetime(answer.headers[name]).date().isoformat() == first.day


def test_a_site_is_disabled_and_enabled_and_all_else_of_the_file_stays(tmp_path: Path) -> None:
    file = tmp_path / "sites.toml"
    text = (
        'contact = "me@example.org"  # me\n\n[[site]]  # first\nstart = "https://a.example/"\n'
        '\n[[ site ]]\nname = "b"\nenabled = true  # for now\nstart = ["https://b.example/"]\n\n[witness]\n'
    )
    file.write_text(text, "utf-8")
    site_preview.enable_site(file, "a.example", False)
    assert file.read_text("utf-8") == text.replace("# first\n", "# first\nenabled = false\n")
    site_preview.enable_site(file, "a.example", True)
    site_preview.enable_site(file, "b", False)
    assert [site.enabled for site in load(file).sites] == [True, False]
    assert 'name = "b"' in file.read_text("utf-8")
    with pytest.raises(NotFound, match="no site called 'c'"):
        site_preview.enable_site(file, "c", False)
    file.write_text('site = [{ start = "https://a.example/" }]\n', "utf-8")
    with pytest.raises(UsageError, match="cannot be edited"):
        site_preview.enable_site(file, "a.example", False)


def test_the_editor_opens_the_settings_and_a_mistake_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "sites.toml"
    editor = tmp_path / "editor.py"
    editor.write_text("import sys\nopen(sys.argv[1], 'a').write('[[site]]\\nspeed = 1\\n')\n", "utf-8")
    monkeypatch.setenv("VISUAL", f"{sys.executable} {editor}")
    done = archive(tmp_path, "sites", "edit", "--sites", str(file))
    assert done.returncode == 1
    assert "unknown setting `speed`" in done.stderr
    monkeypatch.setenv("VISUAL", "/no/such/editor")
    assert "cannot be started" in archive(tmp_path, "sites", "edit", "--sites", str(file)).stderr
