"""Addresses that a page gives of itself are taken in their one canonical form."""

from __future__ import annotations

import pytest

from columnarchive.extract.site_reader import read_site
from columnarchive.records import PageVersions, Version

PROSE = "この治療には個人差があり、効果を保証するものではありません。費用は院内でご確認ください。"
URL = "https://clinic.example/column/hiza/"


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("https://clinic.example/column/hiza/?utm_source=feed", URL),
        ("https://clinic.example/column/hiza/?utm_source=feed&fbclid=1&p=2", URL + "?p=2"),
        ("https://clinic.example:443/column/hiza/", URL),
        ("HTTPS://Clinic.EXAMPLE/column/hiza/#top", URL),
        ("//CLINIC.example/column/./x/../hiza/", URL),
        ("/column/膝/", "https://clinic.example/column/%E8%86%9D/"),
        (" ../hiza/ ", URL),
        ("javascript:void(0)", ""),
        ("https://[broken", ""),
        ("", ""),
    ],
)
def test_canonical_link(href: str, expected: str) -> None:
    body = f'<link rel=canonical href="{href}"><article><h1>膝の治療</h1><p>{PROSE * 4}</p></article>'.encode()
    version = Version("a" * 64, "2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z", "text/html")
    [page] = read_site([PageVersions(URL, (version,))], lambda _: body, {})
    assert page.readings[0].canonical == expected


def test_base_of_a_page_counts() -> None:
    body = f'<base href="/en/"><link rel=canonical href="knee?gclid=1"><article><h1>膝</h1><p>{PROSE * 4}</p>'.encode()
    version = Version("a" * 64, "2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z", "text/html")
    [page] = read_site([PageVersions(URL, (version,))], lambda _: body, {})
    assert page.readings[0].canonical == "https://clinic.example/en/knee"
