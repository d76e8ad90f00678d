"""A packet as it came (gói tin nhận được): an edXML file, or a record with its files.

Pure: told who judges one file, it says how the packet is to be read and has it judged as a whole.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ebrvt_connect.codec.record_json import is_record, record_fields, record_of_fields
from ebrvt_connect.model.document import Document
from ebrvt_connect.trust import packet_findings
from ebrvt_connect.trust.packet import packet_of_findings
from ebrvt_connect.trust.packet_opening import judged_edxml, judged_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebrvt_connect.trust.packet_report import PacketReport
    from ebrvt_connect.trust.packet_rules import PacketGrounds
    from ebrvt_connect.trust.packet_siblings import FileVerifier, NamedFile


def judged_packet(
    source: bytes | Document,
    files: Sequence[NamedFile],
    judge: FileVerifier,
    grounds: PacketGrounds,
    *,
    name: str = "",
) -> PacketReport:
    """The verdict on a packet and its files.

    Raises `InvalidValue` for a JSON record that is none, `ValueError` for files beside an edXML file.
    """
    if isinstance(source, Document):
        return judged_record(source, files, judge, grounds, name=name)
    return _judged(source, files, judge, grounds, name).model_copy(
        update={"sha256": hashlib.sha256(source).hexdigest()}
    )


def _judged(
    data: bytes, files: Sequence[NamedFile], judge: FileVerifier, grounds: PacketGrounds, name: str
) -> PacketReport:
    if not is_record(data):
        if files:
            raise ValueError("an edXML packet brings its own files: expected no others beside it")
        return judged_edxml(data, judge, grounds, name=name)
    record = record_of_fields(record_fields(data, file=name), file=name)
    if isinstance(record, Document):
        return judged_record(record, files, judge, grounds, name=name)
    status = grounds.policy.notice(packet_findings.PACKET_WITHOUT_DOCUMENT)
    return packet_of_findings([status], grounds, name=name)


__all__ = ["judged_packet"]
