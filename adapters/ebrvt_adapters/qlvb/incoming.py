"""An incoming document as the document system takes it: the part `metadata` of `POST /api/incoming`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebrvt_adapters.qlvb import mapping
from ebrvt_connect.codec.jsonfields import written_moment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ebrvt_connect.model.document import Agency, Attachment, Business, Document, DocumentReference
    from ebrvt_connect.model.message import BlobRef


def incoming_metadata(
    document: Document,
    *,
    axis_doc_id: str,
    received_at: datetime,
    packet: BlobRef,
    verification: Mapping[str, Any],
) -> dict[str, Any]:
    """IncomingDocument: the part `metadata` of `POST /api/incoming`; what is absent is left out.

    So are a degree of secrecy and the files' roles: edXML has neither, and none is made up.
    """
    told: dict[str, Any] = {
        "axisDocId": axis_doc_id,
        "documentId": document.document_id,
        "codeNumber": document.number.number,
        "codeNotation": document.number.symbol,
        "type": _present({"code": mapping.type_code(document.kind), "name": document.kind.name}),
        "abstract": document.abstract,
        "content": document.content,
        "promulgation": _present(
            {
                "place": document.place,
                "date": document.promulgated_on.isoformat() if document.promulgated_on else "",
            }
        ),
        "sender": _party(document.issuer),
        "signatory": _present(
            {
                "competence": document.signatory.competence,
                "position": document.signatory.position,
                "fullName": document.signatory.full_name,
            }
        ),
        "urgency": document.urgency if document.urgency is None else int(document.urgency),
        "steering": mapping.steering_in(document.steering),
        "dueDate": document.due_on.isoformat() if document.due_on else "",
        "recipients": [_party(agency) for agency in document.recipients],
        "places": list(document.places),
        "responseFor": [_answered(reference) for reference in document.response_for],
        "taskCodes": list(document.task_codes),
        "pages": document.pages,
        "copies": document.copies,
        "appendixes": list(document.appendixes),
        "business": _written_business(document.business),
        "attachments": [_written_attachment(attachment) for attachment in document.attachments],
        "receivedAt": written_moment(received_at),
        "packet": {"sha256": packet.sha256, "size": packet.size_bytes},
        "verification": dict(verification),
        "warnings": [
            {"code": warning.code, "field": warning.field, "messageVi": warning.message_vi}
            for warning in document.warnings
        ],
    }
    return _present(told)


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value not in ("", [], {})}


def _party(agency: Agency) -> dict[str, Any]:
    return _present(
        {
            "code": str(agency.code),
            "name": agency.name,
            "inCharge": agency.parent_name,
            "address": agency.address,
            "email": agency.email,
            "phone": agency.telephone,
        }
    )


def _answered(reference: DocumentReference) -> dict[str, Any]:
    return _present(
        {
            "agencyCode": str(reference.agency_code),
            "code": reference.number,
            "date": reference.promulgated_on.isoformat() if reference.promulgated_on else "",
            "documentId": reference.document_id,
        }
    )


def _written_business(business: Business) -> dict[str, Any]:
    return _present(
        {
            "kind": business.kind.value.upper(),
            "reason": business.reason,
            "documentId": business.document_id,
            "paperFollows": business.paper_follows,
            "contentChanged": business.content_changed,
            "receiversChanged": business.receivers_changed,
            "receivers": [{"code": str(one.code), "added": one.added} for one in business.receivers],
            "staff": [mapping.actor(staff) for staff in business.staff],
            "replaces": [
                {"documentId": one.document_id, "agencyCodes": [str(code) for code in one.agency_codes]}
                for one in business.replacements
            ],
        }
    )


def _written_attachment(attachment: Attachment) -> dict[str, Any]:
    return {
        "seq": attachment.seq,
        "name": attachment.name,
        "mediaType": attachment.media_type,
        "size": attachment.size_bytes,
        "sha256": attachment.sha256,
    }
