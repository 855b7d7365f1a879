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


START = "[[site]]\nstart = 'https://a.example/'\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[site]]\nname = 'a'", "number 1 needs `start`"),
        ("[[site]]\nstart = 'column'", "not a web address"),
        (START + "speed = 3", "unknown setting `speed`"),
        (
            START + "delay = 'fast'",
            r"Expected `float \| null`, got `str` - at `\$.site\[0\].delay`",
        ),
        (START + "revisit_days = [30, 1]", "larger number"),
        (START + "kinds = { '/x' = 'column' }", "Invalid enum value 'column'"),
        (START + "enabled = 'yes'", "Expected `bool`"),
        ("[[site]]\nstart = 'https://a.example/1'\n[[site]]\nstart = 'https://a.example/2'", "two sites are called"),
        ("sites = 3", "unknown setting `sites`.*did you mean `site`"),
        ("site = 3", r"\[\[site\]\]"),
        ("[[sites]]\nstart = 'https://a.example/'", "did you mean `site`"),
        ("\ncontcat = 'a'", "unknown setting `contcat`.*did you mean `contact`"),
        ("contact = 3", r"Expected `str`, got `int` - at `\$.contact`"),
        ("delay = 3", "unknown setting `delay` at the top"),
        (
            START + "\ncontact = 'me'",
            r"unknown setting `contact` in \[\[site\]\] number 1",
        ),
        ("[[site]]\nstart = []", "needs `start`"),
        ("[[site]]\nstart = 3", r"at `\$.site\[0\]"),
        ("[[site]]\nstart = ['https://a.example/', 3]", r"Expected `str`, got `int` - at `\$.site\[0\].start\[1\]`"),
        ("[[site]]\nname = 3\nstart = 'https://a.example/'", r"at `\$.site\[0\].name`"),
        ("[[site]]\nname = ' '\nstart = 'https://a.example/'", r"at `\$.site\[0\].name`"),
        (START + "Delay = 3", "unknown setting `Delay`.*did you mean `delay`"),
        (START + "delay = true", r"got `bool` - at `\$.site\[0\].delay`"),
        (START + "delay = nan", r"\$.site\[0\].delay`"),
        (START + "max_pages = 1.5", r"at `\$.site\[0\].max_pages`"),
        (START + "max_pages = 0", r"`int` >= 1 - at `\$.site\[0\].max_pages`"),
        (START + "revisit_days = 3", r"at `\$.site\[0\].revisit_days`"),
        (START + "under = ['column/']", r"at `\$.site\[0\].under\[0\]`"),
        (START + "hosts = ['https://b/']", r"at `\$.site\[0\].hosts\[0\]`"),
        (START + "kinds = 'other'", r"at `\$.site\[0\].kinds`"),
        (START + "[site.kinds]\nvoice = 'other'", r"at `key` in `\$.site\[0\].kinds`"),
        (
            START + "[[notify]]\nurl = 'https://x.example/'\n[[site]]\nstart = 'https://b.example/'\ndelay = 'no'",
            r"\$.site\[1\].delay",
        ),
        (
            "[site]\nstart = 'https://a.example/'\ndrop_index = 1",
            r"Expected `bool`, got `int` - at `\$.site\[0\].drop_index`",
        ),
    ],
)
def test_mistakes_are_said_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse(text)


def test_files(tmp_path: Path) -> None:
    assert load(tmp_path / "none.toml").sites == ()
    (tmp_path / "bad.toml").write_text("[[site]\n")
    with pytest.raises(UsageError, match=r"bad.toml is not valid TOML: .*line 1"):
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
