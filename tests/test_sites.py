"""Settings per site: what the file may say, what it means, and one sentence for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from columnarchive.config import SiteSettings, load, parse
from columnarchive.errors import UsageError

TEXT = """
contact = "archive@example.org"

[[site]]
name = "clinic"
start = ["https://clinic.example/column/", "https://clinic.example/blog/"]
delay = 5
revisit_days = [2, 60]
drop_index = true
drop_parameters = ["from"]
under = ["/column/"]
kinds = { "/column/staff*" = "other", "/column/*" = "article" }

[[site]]
start = "https://other.example/"
enabled = false
"""


def test_what_a_file_says() -> None:
    sites = parse(TEXT)
    clinic, other = sites.sites
    assert sites.contact == "archive@example.org"
    assert (clinic.name, clinic.delay, clinic.revisit_days, clinic.enabled) == ("clinic", 5.0, (2.0, 60.0), True)
    assert (other.name, other.enabled, other.delay) == ("other.example", False, None)
    assert clinic.canonical("https://clinic.example/column/index.html?from=top") == "https://clinic.example/column/"
    assert clinic.kind_of("https://clinic.example/column/staff.html") == "other"
    assert clinic.kind_of("https://clinic.example/column/1.html") == "article"
    assert clinic.kind_of("https://clinic.example/access/") is None
    assert clinic.stored() == {"kinds": {"/column/staff*": "other", "/column/*": "article"}}


def test_whose_a_url_is() -> None:
    sites = parse(TEXT)
    assert sites.of_url("http://www.clinic.example/x").name == "clinic"
    assert sites.of_url("https://new.example:8443/x") == SiteSettings("new.example:8443")
    assert sites.named("clinic") is sites.sites[0]
    assert sites.named("nobody") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[site]]\nname = 'a'", "site 1, line 1: `start` is missing: each .* needs `start`"),
        ("[[site]]\nstart = 'column'", "not a web address"),
        ("[[site]]\nstart = 'https://a.example/'\nspeed = 3", "unknown setting 'speed'"),
        ("[[site]]\nstart = 'https://a.example/'\ndelay = 'fast'", "not of the right kind"),
        ("[[site]]\nstart = 'https://a.example/'\nrevisit_days = [30, 1]", "larger number first"),
        ("[[site]]\nstart = 'https://a.example/'\nkinds = { '/x' = 'column' }", "none of article"),
        ("[[site]]\nstart = 'https://a.example/'\nenabled = 'yes'", "neither true nor false"),
        ("[[site]]\nstart = 'https://a.example/1'\n[[site]]\nstart = 'https://a.example/2'", "two sites called"),
        ("sites = 3", "line 1: .* unknown setting 'sites'; did you mean `site`"),
        ("site = 3", r"\[\[site\]\]"),
        ("[[sites]]\nstart = 'https://a.example/'", "line 1: .*did you mean `site`"),
        ("\ncontcat = 'a'", "line 2: `contcat` is an unknown setting 'contcat'; did you mean `contact`"),
        ("contact = 3", "line 1: `contact` is 3, not a text"),
        ("delay = 3", r"line 1: `delay` stands in the wrong place: it belongs under the \[\[site\]\]"),
        ("[[site]]\nstart = 'https://a.example/'\n\ncontact = 'me'", "site 1, line 4: `contact` .* top of the file"),
        ("[[site]]\nstart = []", "site 1, line 2: `start` is missing"),
        ("[[site]]\nstart = 3", "site 1, line 2: `start` is not of the right kind: 3 is no list of texts"),
        ("[[site]]\nstart = ['https://a.example/', 3]", "line 2: `start`"),
        ("[[site]]\nname = 3\nstart = 'https://a.example/'", "line 2: `name` .* 3 is no text"),
        ("[[site]]\nname = ' '\nstart = 'https://a.example/'", "line 2: `name` is empty"),
        ("[[site]]\nstart = 'https://a.example/'\nDelay = 3", "unknown setting 'Delay'; did you mean `delay`"),
        ("[[site]]\nstart = 'https://a.example/'\ndelay = true", "line 3: `delay` .* true is no number"),
        ("[[site]]\nstart = 'https://a.example/'\ndelay = nan", "line 3: `delay` is out of range"),
        ("[[site]]\nstart = 'https://a.example/'\nmax_pages = 1.5", "`max_pages` is 1.5, not a whole number"),
        ("[[site]]\nstart = 'https://a.example/'\nmax_pages = 0", "`max_pages` is 0, not a whole number"),
        ("[[site]]\nstart = 'https://a.example/'\nrevisit_days = 3", "`revisit_days` .* 3 is no pair of days"),
        ("[[site]]\nstart = 'https://a.example/'\nunder = ['column/']", '`under` has "column/", which is no path'),
        ("[[site]]\nstart = 'https://a.example/'\nhosts = ['https://b/']", "`hosts` has .* which is no host"),
        ("[[site]]\nstart = 'https://a.example/'\nkinds = 'other'", "`kinds` .* it is written like"),
        ("[[site]]\nstart = 'https://a.example/'\n[site.kinds]\nvoice = 'other'", "line 3: `kinds` has the pattern"),
        (
            "[[site]]\nstart = 'https://a.example/'\n[[notify]]\nurl = 'x'\n[[site]]\nstart = 'https://b.example/'\n"
            "delay = 'no'",
            "site 2, line 7: `delay`",
        ),
        ("[site]\nstart = 'https://a.example/'\ndrop_index = 1", "line 3: `drop_index` is 1, neither true nor false"),
    ],
)
def test_mistakes_are_said_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse(text)


def test_files(tmp_path: Path) -> None:
    assert load(tmp_path / "none.toml").sites == ()
    (tmp_path / "bad.toml").write_text("[[site]\n")
    with pytest.raises(UsageError, match=r"bad.toml, line 1 is not valid TOML"):
        load(tmp_path / "bad.toml")
    (tmp_path / "mark.toml").write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert load(tmp_path / "mark.toml").sites == parse(TEXT).sites
    (tmp_path / "bytes.toml").write_bytes(b"contact = 'a'\n\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"bytes.toml, line 2: it cannot be read"):
        load(tmp_path / "bytes.toml")


def test_the_file_that_comes_with_the_project() -> None:
    found = load(Path(__file__).resolve().parent.parent / "data" / "sites.toml")
    assert [site.start for site in found.sites] == [("https://cellgrandclinic.com/column/",)]
    assert not any(site.enabled for site in found.sites)
