"""R20: a whole demonstration, with its faults, and then nobody's name or secret in what it said or noted.

Looked for: names, identity numbers, telephones, addresses and e-mail of all applicants in the ledger's
records, and all secrets of the province. Looked through: both streams of the command, its summary and report,
and of the ledger all that the program itself writes: attempts, evidence, reasons, pauses, checkpoints.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.torture.outcome import Tried

DOCUMENTS, LEAST_DOCUMENTS = 100, 20
_LONGEST_SECONDS = 1200
_LEAST_LETTERS = 6
_PEOPLE = ("name", "email", "phone", "address", "technical_id")
_NOTED = (
    "SELECT code || ' ' || detail || ' ' || step FROM attempt",
    "SELECT body FROM proof_entry",
    "SELECT code || ' ' || reason_vi || ' ' || advice_vi FROM message",
    "SELECT paused_why || ' ' || paused_code || ' ' || breaker FROM system",
    "SELECT code || ' ' || reason_vi FROM checkpoint",
)


def canaries(documents: int = DOCUMENTS) -> Tried:
    """Each place where a canary might be is a fault tried; each canary found is a trouble.

    A demonstration of fewer documents than a few would not show everything there is, and say so.
    """
    documents = max(documents, LEAST_DOCUMENTS)
    outcome = Tried("R20", "demo")
    with tempfile.TemporaryDirectory(prefix="ebrvt-torture-") as root, outcome.case("demonstration"):
        folder = Path(root)
        _demonstrated(folder, documents)
        wanted = {*_people(folder), *_secrets(folder)}
        outcome.messages = _count(folder)
        for place, text in _said(folder):
            outcome.faults += len(wanted)
            outcome.troubles += [f"{place} tells {_hidden(one)}" for one in wanted if one in text]
        outcome.told = f"{len(wanted)} names, numbers and secrets looked for"
        if len(wanted) < documents / 10:
            raise AssertionError(f"only {len(wanted)} canaries in {documents} documents")
    return outcome


def _demonstrated(folder: Path, documents: int) -> None:
    command = [sys.executable, "-m", "ebrvt_connect.ops.cli", "demo", "--root", str(folder)]
    environment = os.environ | {"EBRVT_TEST_DEMO_DOCUMENTS": str(documents)}
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        done = subprocess.run(
            command, stdout=out, stderr=err, env=environment, timeout=_LONGEST_SECONDS, check=False
        )
    if done.returncode != 0:
        raise AssertionError((folder / "err").read_text()[-1000:])


def _ledger(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(folder / "var" / "demo" / "ebrvt.db")


def _count(folder: Path) -> int:
    with closing(_ledger(folder)) as ledger:
        return int(ledger.execute("SELECT count(*) FROM message").fetchone()[0])


def _people(folder: Path) -> Iterator[str]:
    """Of every applicant what tells who it is."""
    with closing(_ledger(folder)) as ledger:
        records = [row[0] for row in ledger.execute("SELECT record FROM message WHERE kind = 'dossier'")]
    for record in records:
        applicant: dict[str, Any] = (json.loads(record) if record else {}).get("applicant") or {}
        values = [applicant.get(name) or "" for name in _PEOPLE]
        values += [identity.get("number") or "" for identity in applicant.get("identities", ())]
        yield from (value for value in values if len(value) >= _LEAST_LETTERS)


def _secrets(folder: Path) -> Iterator[str]:
    for place in (folder / "var" / "demo" / "secrets").iterdir():
        if place.suffix != ".p12":
            yield place.read_text().strip()


def _said(folder: Path) -> Iterator[tuple[str, str]]:
    for name in ("out", "err", "var/run/summary.json", "var/run/report.html"):
        yield name, (folder / name).read_text("utf-8")
    with closing(_ledger(folder)) as ledger:
        for query in _NOTED:
            yield query.rpartition(" ")[2], "\n".join(str(row[0]) for row in ledger.execute(query))


def _hidden(canary: str) -> str:
    """As much of it as finds it, and no more."""
    return f"{canary[:2]}… ({len(canary)} letters)"
