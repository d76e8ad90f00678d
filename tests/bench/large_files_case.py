"""A case of the memory benchmark in a process of its own.

    python -m tests.bench.large_files_case FOLDER CASE...

Reads what to work on as JSON from standard input, does it with the small file, then with the large one,
and prints by how many bytes the peak of its resident memory rose above where it stood between the two.
Only the first case of a process is told truly: a later one finds memory that was not given back.
"""

from __future__ import annotations

import base64
import gc
import hashlib
import json
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ebrvt_adapters.qlvb import Qlvb, QlvbCredentials, QlvbSettings
from ebrvt_adapters.vxp import Vxp, VxpSettings
from ebrvt_adapters.vxp.settings import VxpCredentials
from lxml import etree

from ebrvt_connect.api import VN_2025, sign_pdf, verify
from ebrvt_connect.codec.edxml_read import read_document
from ebrvt_connect.model.document import Document
from ebrvt_connect.model.ids import AgencyCode, AgencyHistory
from ebrvt_connect.model.message import BlobRef, Kind, Message, State
from ebrvt_connect.ops.gate import NOT_SECRET, SIGNED_BY_ISSUING_AGENCY, DocumentGate
from ebrvt_connect.ports.adapter import Surroundings, Work
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.http import HttpSettings
from ebrvt_connect.trust.verdict import Indication
from tests.bench import stock

if TYPE_CHECKING:
    from collections.abc import Callable

Stage = dict[str, Any]


class Cases:
    """What is done with each stage, small first."""

    def __init__(self, folder: Path, work: dict[str, Any]) -> None:
        self.folder = folder
        self.blobs = LocalBlobs(folder / "blobs")
        self.places = work["places"]
        self.pki = SandboxPki.open(Path(work["keys"]))

    def receive(self) -> Callable[[Stage], None]:
        """The axis' packet by its streaming download, then every attachment into the blobs."""
        axis = self._axis(self.blobs)

        def act(stage: Stage) -> None:
            packet = axis.client.fetch(stage["doc_id"], self.blobs)
            read = read_document(self.blobs.chunks(packet.sha256), self.blobs)
            assert isinstance(read.record, Document)
            assert self.blobs.has(read.record.attachments[0].sha256)

        return act

    def send(self) -> Callable[[Stage], None]:
        """Prepared once, sent as it lies in the blobs."""

        def act(stage: Stage) -> None:
            axis = self._axis(LocalBlobs(Path(stage["folder"]) / "blobs"))
            # Another number each time: the axis refuses what it has.
            number = f"{int.from_bytes(hashlib.sha256(str(self.folder).encode()).digest()[:4])}/BC-STTTT"
            document = Document.model_validate_json(stage["document"])
            changes = {
                "document_id": document.document_id.rpartition(",")[0] + "," + stage["name"] + number,
                "number": type(document.number).parse(number),
            }
            work = _work(document.model_copy(update=changes), stage)
            payload = axis.prepare(work)
            assert axis.submit(work, payload).external_id

        return act

    def verify(self) -> Callable[[Stage], None]:
        """A file on disk, by the library's own call."""
        trust = self.pki.trust_store()

        def act(stage: Stage) -> None:
            report = verify(Path(stage["folder"]) / "letter.pdf", policy=VN_2025, trust=trust, at=stock.AT)
            assert report.indication is Indication.TOTAL_PASSED, report.to_text_vi()

        return act

    def gate(self) -> Callable[[Stage], None]:
        """As a drain does before a document may leave."""
        checks = (NOT_SECRET, SIGNED_BY_ISSUING_AGENCY)
        clock = FakeClock(stock.AT)

        def act(stage: Stage) -> None:
            gate = DocumentGate(
                checks,
                policy=VN_2025,
                trust=self.pki.trust_store(),
                history=AgencyHistory(),
                blobs=LocalBlobs(Path(stage["folder"]) / "blobs"),
                clock=clock,
            )
            work = _work(Document.model_validate_json(stage["document"]), stage)
            judgement = gate.judge(work.message, work.record)
            assert "TOTAL_PASSED" in judgement.verdict, judgement

        return act

    def download(self) -> Callable[[Stage], None]:
        """An issued document's file into the blobs."""
        dms = self._dms(self.blobs)

        def act(stage: Stage) -> None:
            assert dms.client.download(stage["name"], 1, self.blobs).size_bytes

        return act

    def deliver(self) -> Callable[[Stage], None]:
        """An incoming document with its file, as the engine hands it over."""

        def act(stage: Stage) -> None:
            dms = self._dms(LocalBlobs(Path(stage["folder"]) / "blobs"))
            key = f"{self.folder.name}-{stage['name']}"
            work = _work(Document.model_validate_json(stage["incoming"]), stage, external_id=key)
            payload = dms.prepare(work)
            assert dms.submit(work, payload).external_id

        return act

    def sign(self) -> Callable[[Stage], None]:
        """By the agency, as a library user would."""
        key = self.pki.signer(stock.OURS)

        def act(stage: Stage) -> None:
            pdf = (Path(stage["folder"]) / "plain.pdf").read_bytes()
            assert len(sign_pdf(pdf, key, role="agency", signed_at=stock.AT)) > len(pdf)

        return act

    def tree(self) -> Callable[[Stage], None]:
        """The peer: the packet as a tree, its file decoded from there."""

        def act(stage: Stage) -> None:
            parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
            tree = etree.parse(str(Path(stage["folder"]) / "packet.edxml"), parser)
            leaf = max(tree.iter(etree.Element), key=lambda node: len(node.text or ""))
            (self.folder / "letter.pdf").write_bytes(base64.b64decode(leaf.text or ""))

        return act

    def _axis(self, blobs: LocalBlobs) -> Vxp:
        settings = VxpSettings(
            transport=HttpSettings(url=self.places["vxp"]),
            credentials=VxpCredentials(systemid=stock.SYSTEMID, secret=stock.SECRET),
            agencies=(AgencyCode(stock.OURS),),
        )
        return Vxp.open(settings, Surroundings("axis", SystemClock(), blobs))

    def _dms(self, blobs: LocalBlobs) -> Qlvb:
        settings = QlvbSettings(
            transport=HttpSettings(url=self.places["qlvb"]),
            credentials=QlvbCredentials(username="ebrvt", password=stock.SECRET),
        )
        return Qlvb.open(settings, Surroundings("qlvb", SystemClock(), blobs))


def _work(record: Document, stage: Stage, *, external_id: str = "") -> Work:
    now = datetime.now(UTC)
    message = Message(
        id=1,
        idem_key=f"bench:{stage['name']}:1",
        link="bench",
        source="one",
        target="other",
        kind=Kind.DOCUMENT,
        lane=record.document_id,
        shard=0,
        state=State.QUEUED,
        created_at=now,
        updated_at=now,
        external_id=external_id,
        record=record.model_dump_json(),
        title=str(record.number),
        original=BlobRef(sha256="a" * 64, size_bytes=1),
    )
    return Work(message, record, None, None)


def growth(act: Callable[[Stage], None], stages: list[Stage]) -> int:
    """Small first; then by how much the peak rises with the large one."""
    small, large = stages
    act(small)
    gc.collect()
    begun_at = _start_anew()
    act(large)
    return _peak() - begun_at


def _start_anew() -> int:
    """Bytes resident now, where the system can forget an earlier peak; else that peak."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _peak()
    return _status("VmRSS")


def _peak() -> int:
    if Path("/proc/self/status").exists():
        return _status("VmHWM")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {name}")


if __name__ == "__main__":
    given = json.load(sys.stdin)
    cases = Cases(Path(sys.argv[1]), given)
    print(json.dumps({case: growth(getattr(cases, case)(), given["stages"]) for case in sys.argv[2:]}))
