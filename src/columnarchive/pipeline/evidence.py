"""Evidence files of an article: a sheet of HTML, the WARC records of its captures, and all that verifies them."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from columnarchive.exchange.atomic_files import atomic_files
from columnarchive.pipeline.export import export_captures
from columnarchive.reader import Reader
from columnarchive.store import hash_chain
from columnarchive.store.database import Database


@dataclass(frozen=True, slots=True)
class EvidenceFiles:
    """The files that were written."""

    sheet: Path
    records: Path


def write_evidence(db: Database, url: str, revisions: tuple[str, str], folder: Path) -> EvidenceFiles:
    """Write the sheet for two revisions, each named by number, day or time; the last two where both are empty."""
    found = Reader(db.conn).evidence_sheet(url, *revisions)
    page = folder / found.name
    records = page.with_suffix(".warc.gz")
    with atomic_files() as claim:
        claim(page).write_text(found.html, encoding="utf-8")
        export_captures(db, records, found.captures)
    return EvidenceFiles(page, records)


def write_evidence_zip(db: Database, url: str, revisions: tuple[str, str], out: Path) -> None:
    """Write one zip file with the sheet, the captures, their part of the chain, its timestamps, and `verify.py`.

    `verify.py` needs nothing but Python and openssl.
    """
    found = Reader(db.conn).evidence_sheet(url, *revisions)
    with tempfile.TemporaryDirectory() as folder:
        records = Path(folder) / "captures.warc.gz"
        export_captures(db, records, found.captures)
        files = {
            "captures.warc.gz": records.read_bytes(),
            "evidence.html": found.html.encode(),
            "verify.py": (resources.files("columnarchive.exchange") / "verify.py.txt").read_bytes(),
        }
    files |= _chain_files(db, found.captures)
    sums = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    with atomic_files() as claim, zipfile.ZipFile(claim(out), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted((files | {"SHA256SUMS": sums.encode()}).items()):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)


def _chain_files(db: Database, capture_ids: Sequence[int]) -> dict[str, bytes]:
    """The chain from the first link over these captures to the head, and the timestamps of these links."""
    conn = db.conn
    covering = {hash_chain.link_id_of(conn, capture_id) for capture_id in capture_ids}
    links = list(hash_chain.links_from(conn, min(covering), covering))
    files: dict[str, bytes] = {}
    stamps: list[dict[str, str]] = []
    for one in hash_chain.all_timestamps(conn):
        if one.link_sha256 in {link.link for link in links}:
            name = f"timestamps/{len(stamps) + 1}"
            files[f"{name}.tsr"] = one.token
            if one.certificates:
                files[f"{name}.pem"] = one.certificates.encode()
            ca = f"{name}.pem" if one.certificates else ""
            stamps.append({"link": one.link_sha256, "authority": one.authority, "token": f"{name}.tsr", "ca": ca})
    chain = {
        "evidence": [hash_chain.capture_evidence(conn, capture_id) for capture_id in capture_ids],
        "before": hash_chain.link_before(conn, min(covering)),
        "links": [
            {"at": link.at, "kind": link.kind, "entries": link.entries, "content": link.content, "link": link.link}
            | ({"digests": link.digests} if link.digests else {})
            for link in links
        ],
        "head": links[-1].link,
        "timestamps": stamps,
    }
    return files | {"chain.json": json.dumps(chain, indent=1).encode()}
