"""What the simulated document system checks of `POST /api/incoming`: the form, its metadata, its files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ebrvt_adapters.qlvb.client import METADATA
from ebrvt_connect.codec.jsonfields import parse_moment
from ebrvt_connect.codec.jsonwire import json_value
from ebrvt_connect.codec.multipart import boundary_of, parse_multipart
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.ids import AgencyCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ebrvt_connect.model.message import BlobRef
    from ebrvt_connect.ports.simulator import SimRequest, World

Issue = dict[str, str]

_LARGEST_METADATA_BYTES = 16 * 1024 * 1024
_INDICATIONS = frozenset({"TOTAL_PASSED", "INDETERMINATE", "TOTAL_FAILED", "NOT_VERIFIED"})
_TEXTS = ("axisDocId", "codeNumber", "codeNotation", "receivedAt")


@dataclass(slots=True)
class Form:
    """The form as it was received."""

    metadata: dict[str, Any] = field(default_factory=dict)
    metadata_sha256: str = ""
    files: dict[str, BlobRef] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)

    def digest(self) -> str:
        """Tells the same form sent again from another one under the same key."""
        parts = [
            self.metadata_sha256,
            *(f"{name}={blob.sha256}" for name, blob in sorted(self.files.items())),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read_form(request: SimRequest, world: World) -> Form:
    """Read the parts into the world; what is wrong stands in `issues`."""
    form = Form()
    try:
        boundary = boundary_of(request.header("content-type") or "")
        with world.open(request.body.sha256) as stream:
            for part in parse_multipart(stream, boundary):
                if part.name == METADATA:
                    _read_metadata(form, b"".join(part.content), part.media_type)
                elif part.name in form.files:
                    form.issues.append(_issue(part.name, "REPEATED"))
                else:
                    form.files[part.name] = world.keep(part.content)
    except InvalidValue as refusal:
        form.issues.append(_issue("", refusal.code))
        return form
    if not form.metadata_sha256:
        form.issues.append(_issue(METADATA, "REQUIRED"))
    if form.metadata:
        form.issues.extend(_wrong(form))
    return form


def _read_metadata(form: Form, content: bytes, media_type: str) -> None:
    form.metadata_sha256 = hashlib.sha256(content).hexdigest()
    if media_type.partition(";")[0].strip().lower() != "application/json":
        form.issues.append(_issue(METADATA, "NOT_JSON"))
        return
    if len(content) > _LARGEST_METADATA_BYTES:
        form.issues.append(_issue(METADATA, "TOO_LARGE"))
        return
    try:
        value = json_value(content)
    except InvalidValue as refusal:
        form.issues.append(_issue(METADATA, refusal.code))
        return
    if isinstance(value, dict) and value:
        form.metadata = value
    else:
        form.issues.append(_issue(METADATA, "NOT_AN_OBJECT"))


def _wrong(form: Form) -> Iterator[Issue]:
    """Everything wrong with the metadata and with the files it announces."""
    metadata = form.metadata
    for name in _TEXTS:
        if not _text(metadata.get(name)):
            yield _issue(name, "REQUIRED")
    try:
        parse_moment(metadata.get("receivedAt"))
    except ValueError:
        yield _issue("receivedAt", "NOT_A_TIME")
    yield from _wrong_party(metadata.get("sender"), "sender")
    yield from _wrong_lists(metadata)
    for place, recipient in enumerate(_objects(metadata.get("recipients"))):
        yield from _wrong_party(recipient, f"recipients.{place}")
    packet = metadata.get("packet")
    if not isinstance(packet, dict) or not _text(packet.get("sha256")):
        yield _issue("packet", "REQUIRED")
    verification = metadata.get("verification")
    if not isinstance(verification, dict) or verification.get("indication") not in _INDICATIONS:
        yield _issue("verification.indication", "NOT_KNOWN")
    elif not _text(verification.get("headlineVi")):
        yield _issue("verification.headlineVi", "REQUIRED")
    yield from _wrong_files(form)


def _wrong_party(party: object, name: str) -> Iterator[Issue]:
    if not isinstance(party, dict) or not _is_agency_code(party.get("code")):
        yield _issue(f"{name}.code", "NOT_AN_AGENCY_CODE")


def _is_agency_code(code: object) -> bool:
    try:
        AgencyCode.parse(code if isinstance(code, str) else "")
    except InvalidValue:
        return False
    return True


def _wrong_lists(metadata: Mapping[str, Any]) -> Iterator[Issue]:
    for name in ("recipients", "attachments"):
        value = metadata.get(name, [])
        if not isinstance(value, list) or len(_objects(value)) < len(value):
            yield _issue(name, "NOT_A_LIST_OF_OBJECTS")


def _wrong_files(form: Form) -> Iterator[Issue]:
    announced: set[str] = set()
    for place, attachment in enumerate(_objects(form.metadata.get("attachments"))):
        part = f"file-{attachment.get('seq')}"
        announced.add(part)
        blob = form.files.get(part)
        if blob is None:
            yield _issue(part, "REQUIRED")
        elif (attachment.get("sha256"), attachment.get("size")) != (blob.sha256, blob.size_bytes):
            yield _issue(f"attachments.{place}.sha256", "NOT_THE_FILE")
        if not _text(attachment.get("name")):
            yield _issue(f"attachments.{place}.name", "REQUIRED")
    for stray in sorted(set(form.files) - announced):
        yield _issue(stray, "NOT_ANNOUNCED")


def wrong_status(status: Mapping[str, Any], codes: frozenset[str]) -> Iterator[Issue]:
    """Everything wrong with the body of `PUT .../exchange-status`."""
    if not _is_agency_code(status.get("agencyCode")):
        yield _issue("agencyCode", "NOT_AN_AGENCY_CODE")
    if status.get("code") not in codes:
        yield _issue("code", "NOT_KNOWN")
    if not _text(status.get("messageId")):
        yield _issue("messageId", "REQUIRED")
    try:
        parse_moment(status.get("at"))
    except ValueError:
        yield _issue("at", "NOT_A_TIME")


def _issue(name: str, code: str) -> Issue:
    return {"field": name, "code": code, "message": f"{name}: {code}"}


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
