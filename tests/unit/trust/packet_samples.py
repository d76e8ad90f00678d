"""Packets with one thing about each: a record with its files, or an edXML file around them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import date, datetime

from lxml import etree

from ebrvt_connect.api import verify_packet
from ebrvt_connect.codec.edxml_write import write_document
from ebrvt_connect.model.document import (
    Agency,
    Attachment,
    AttachmentRole,
    Document,
    DocumentType,
    Signatory,
)
from ebrvt_connect.model.ids import AgencyCode, DocumentNumber
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.signers import SignerRegister
from tests.unit.trust.samples import AGENCY, AT
from tests.unit.trust.xml_samples import ENVELOPED, EXCLUSIVE, reference, signature

MAIN, APPENDIX = AttachmentRole.MAIN, AttachmentRole.APPENDIX
TODAY = date(2026, 11, 23)


def listed(seq, name, content, role=MAIN, **changes):
    facts = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content), **changes}
    return Attachment(seq=seq, name=name, role=role, **facts)


def document(*attachments, issuer=AGENCY, dated=TODAY, **more):
    return Document(
        number=DocumentNumber.parse("125/BC-STTTT"),
        issuer=Agency(code=AgencyCode.parse(issuer), name="Sở (mẫu)"),
        recipients=(Agency(code=AgencyCode.parse("000.00.00.G22"), name="Nơi nhận (mẫu)"),),
        document_id=f"{issuer},2026/11/23,125/BC-STTTT",
        abstract="Báo cáo",
        kind=DocumentType(group=2, detail=18, name="Báo cáo"),
        place="Tỉnh Mẫu",
        signatory=Signatory(position="Giám đốc", full_name="Trần Thị Ví Dụ"),
        steering=0,
        promulgated_on=dated,
        attachments=attachments,
        **more,
    )


def record_of(files, **more):
    """The record of `{name: content}` or `{name: (content, role)}`, and the contents."""
    parts = {n: c if isinstance(c, tuple) else (c, MAIN) for n, c in files.items()}
    attachments = [listed(seq, n, c, role) for seq, (n, (c, role)) in enumerate(parts.items(), 1)]
    return document(*attachments, **more), {n: c for n, (c, _) in parts.items()}


class Clerk:
    """Verifies packets at a fixed time, by one trust store."""

    def __init__(self, desk, *, at: datetime = AT, policy=VN_2025, **more):
        self.desk, self.at, self.policy, self.more = desk, at, policy, more
        self.trust = desk.trust

    def registering(self, *lines):
        """The same clerk with a register of these lines: (signer, agency, role[, from, to])."""
        rows = []
        for signer, agency, role, *days in lines:
            since, until = (*days, "", "")[:2] if days else ("2015-01-01", "")
            ending = f"to={until}\n" if until else ""
            rows.append(
                f'[[signer]]\nsha256="{signer.certificate_sha256}"\nagency="{agency}"\nrole="{role}"\n'
                f"from={since}\n{ending}"
            )
        other = Clerk(self.desk, at=self.at, policy=self.policy, **self.more)
        other.trust = replace(self.trust, signers=SignerRegister.from_toml("".join(rows).encode()))
        return other

    def judge(self, packet, files=(), **more):
        facts = {"policy": self.policy, "trust": self.trust, "at": self.at, **self.more, **more}
        return verify_packet(packet, files, **facts)

    def judged(self, files, **more):
        return self.judge(*record_of(files, **more))


def edxml(files, **more):
    """An edXML packet of `{name: content}`, as the axis carries it: nothing is signed about it."""
    blobs = MemoryBlobs()
    attachments = [
        Attachment(seq=seq, name=name, **blobs.put([content], limit_bytes=10**8).model_dump())
        for seq, (name, content) in enumerate(files.items(), 1)
    ]
    return b"".join(write_document(document(*attachments, **more), blobs, passed_at=AT))


def sealed_edxml(packet, signer, *, uri="", find=None):
    """The packet with an XML signature in its header, over the whole or over the element `find` names."""
    root = etree.fromstring(packet)
    header = next(e for e in root.iter() if str(e.tag).endswith("}edXMLHeader"))
    target = root
    if find is not None:
        target = next(e for e in root.iter() if str(e.tag).endswith("}" + find))
        target.set("Id", "signed-part")
        uri = "#signed-part"
    made = signature([_reference(target, uri)], signer)
    header.append(etree.fromstring(made))
    return etree.tostring(root)


def _reference(target, uri):
    return reference(target, uri, transforms=(ENVELOPED, EXCLUSIVE))


def codes(report, severity=None):
    found = [*report.findings, *(n for f in report.files for n in f.findings)]
    return [f.code for f in found if severity is None or f.severity == severity]


def errors(report):
    return codes(report, "error")


def without_manifest_entry(packet, nth):
    """The packet's list of files without one of them."""
    entries = list(re.finditer(rb"<(?:\w+:)?Reference>.*?</(?:\w+:)?Reference>", packet, re.DOTALL))
    return packet[: entries[nth].start()] + packet[entries[nth].end() :]
