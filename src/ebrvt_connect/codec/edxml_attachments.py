"""How a file travels in a packet (tệp đính kèm trong gói tin), both ways.

The vendor's library writes pdf, doc, docx and zip as they are and wraps every other file into a ZIP of one
entry; its list of extensions has two misspellings (xsl, xslx), so real .xls and .xlsx are wrapped too.
Labels lie in the field: a PDF marked as ZIP, a ZIP marked as PDF. So the bytes decide what is unwrapped,
and a label that says otherwise leaves a warning. A file is unwrapped when it is a ZIP of exactly one entry,
is not called .zip, and the entry is none that an office file would have: real office files have several.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ebrvt_connect.codec.base64_stream import encode_base64
from ebrvt_connect.codec.edxml_findings import Findings
from ebrvt_connect.codec.edxml_words import (
    ATTACHMENT_NAME_CHANGED,
    ATTACHMENT_NAMED_OTHERWISE,
    ATTACHMENT_NOT_UNPACKED,
    ATTACHMENT_TYPE_MISMATCH,
    EDXML_LIMITS,
    EdxmlLimits,
    attachment_too_large,
)
from ebrvt_connect.codec.media import (
    HEAD_BYTES,
    JPEG,
    PDF,
    PNG,
    ZIP,
    ZIP_FAMILY,
    archive_type,
    identify,
    sniff,
)
from ebrvt_connect.codec.zip import (
    ZIP_DAMAGED,
    ZIP_ENCRYPTED,
    ZIP_METHOD_UNSUPPORTED,
    ZIP_TOO_MANY_ENTRIES,
    Archive,
    ZipLimits,
    pack_single,
)
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.document import Attachment
from ebrvt_connect.model.message import BlobRef
from ebrvt_connect.model.text import nfc
from ebrvt_connect.ports.blobs import Blobs

SENT_PLAIN = frozenset({"pdf", "doc", "docx", "xsl", "xslx", "zip"})
"""Extensions the vendor's library does not wrap, misspellings included: receivers expect its form."""

_FIELD = "AttachmentEncoded/Attachment"
_LONGEST_NAME_CHARS = 200
_LONGEST_EXTENSION_CHARS = 12
# Control characters, and the marks that make "fdp.exe" read as "exe.pdf".
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_EXTENSION = re.compile(r"\.([0-9A-Za-z]{1,12})")
_LABELS = {
    "application/zip": ZIP_FAMILY,
    "application/x-zip-compressed": ZIP_FAMILY,
    "application/docx": ZIP_FAMILY,
    "application/xlsx": ZIP_FAMILY,
    "application/pptx": ZIP_FAMILY,
    "application/pdf": frozenset({PDF}),
    "image/png": frozenset({PNG}),
    "image/jpeg": frozenset({JPEG}),
}
_KEPT_PACKED = frozenset(
    code.code for code in (ZIP_DAMAGED, ZIP_ENCRYPTED, ZIP_METHOD_UNSUPPORTED, ZIP_TOO_MANY_ENTRIES)
)
"""Why a ZIP stays as it came; every other refusal (a bomb, a dangerous name) refuses the packet."""
_NEVER_WRAPPED = frozenset({"[Content_Types].xml", "mimetype"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An attachment as the packet carried it, decoded from base64 and nothing else."""

    content_id: str
    name: str
    description: str
    label: str
    """The media type the packet claims."""
    blob: BlobRef


def extension(name: str) -> str:
    """The extension in lower case without its dot; empty where a name has none of a usual form."""
    dot = name.rfind(".")
    found = _EXTENSION.fullmatch(name, dot) if dot >= 0 else None
    return found[1].lower() if found else ""


def wire_label(name: str) -> str:
    """The `ContentType` the vendor's library gives a file of this name."""
    suffix = extension(name)
    return f"application/{suffix}" if suffix in SENT_PLAIN else "application/zip"


def wire_content(attachment: Attachment, entry_name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The base64 text of a file in the form its name asks for; `entry_name` is its name when wrapped."""
    plain = extension(attachment.name) in SENT_PLAIN
    return encode_base64(chunks if plain else pack_single(entry_name, chunks))


def settle(
    received: Iterable[Received], blobs: Blobs, findings: Findings, limits: EdxmlLimits = EDXML_LIMITS
) -> tuple[Attachment, ...]:
    """The files of a document, unwrapped where they were wrapped for the journey.

    Raises `InvalidValue` `ZIP_…` for an archive that is dangerous to unpack; one that merely cannot be
    unpacked is kept as it came, with a warning.
    """
    return tuple(_settled(seq, one, blobs, findings, limits) for seq, one in enumerate(received, start=1))


def _settled(
    seq: int, received: Received, blobs: Blobs, findings: Findings, limits: EdxmlLimits
) -> Attachment:
    name = safe_name(received.name)
    if name != nfc(received.name):
        findings.warn(ATTACHMENT_NAME_CHANGED, f"{_FIELD}/AttachmentName", received.name, name=name)
    blob, carried, media_type = _unwrapped(received.blob, name, blobs, findings, limits)
    if blob.size_bytes > limits.attachment_bytes:
        raise attachment_too_large(seq, limits)
    _compare_with_labels(received.label, name, carried, media_type, findings)
    return Attachment(
        seq=seq,
        name=name,
        media_type=media_type,
        size_bytes=blob.size_bytes,
        sha256=blob.sha256,
        description=received.description,
        content_id=received.content_id,
    )


def safe_name(name: str) -> str:
    """A name to show and to save under: no folders, no control or direction marks, of bounded length."""
    last = re.split(r"[\\/]", nfc(name))[-1]
    bare = _UNSAFE.sub("", last).strip()
    if bare in (".", ".."):
        return ""
    if len(bare) <= _LONGEST_NAME_CHARS:
        return bare
    suffix = extension(bare)
    kept = bare[: _LONGEST_NAME_CHARS - _LONGEST_EXTENSION_CHARS - 1].rstrip(". ")
    return f"{kept}.{suffix}" if suffix else kept


def _unwrapped(
    raw: BlobRef, name: str, blobs: Blobs, findings: Findings, limits: EdxmlLimits
) -> tuple[BlobRef, str, str]:
    """The file itself, the type of what was carried, and the type of the file."""
    with blobs.open(raw.sha256) as stream:
        carried = sniff(stream.read(HEAD_BYTES))
        if carried != ZIP:
            return raw, carried, carried
        bounds = ZipLimits(total_bytes=limits.attachment_bytes, archives_inside=True)
        try:
            archive = Archive(stream, bounds)
            if not _is_wrapper(archive, name):
                office = archive_type(entry.name for entry in archive.entries)
                return raw, office, office
            archive.check()
            archive.check_alone()
            _compare_names(name, archive.entries[0].name, findings)
            blob = blobs.put(archive.unpack_only(), limit_bytes=limits.attachment_bytes)
        except InvalidValue as refusal:
            if refusal.code not in _KEPT_PACKED:
                raise
            reason = refusal.explanation.sentence_vi.format_map(refusal.facts).rstrip(".")
            findings.warn(ATTACHMENT_NOT_UNPACKED, _FIELD, refusal.code, name=name, reason=reason)
            return raw, carried, carried
    with blobs.open(blob.sha256) as content:
        return blob, carried, identify(content)


def _is_wrapper(archive: Archive, name: str) -> bool:
    if len(archive.entries) != 1 or extension(name) == "zip":
        return False
    entry = archive.entries[0]
    return entry.name not in _NEVER_WRAPPED and not entry.name.endswith("/")


def _compare_names(name: str, entry: str, findings: Findings) -> None:
    """Software that unpacks a file under the name in the archive opens it by that name's extension."""
    packed = extension(entry)
    if extension(name) and packed not in ("", "zip", extension(name)):
        findings.warn(ATTACHMENT_NAMED_OTHERWISE, _FIELD, entry, name=name)


def _compare_with_labels(label: str, name: str, carried: str, media_type: str, findings: Findings) -> None:
    expected = _LABELS.get(label.partition(";")[0].strip().lower())
    field = f"{_FIELD}/ContentType"
    if expected is not None and carried not in expected:
        findings.warn(ATTACHMENT_TYPE_MISMATCH, field, label, name=name, label=label, sniffed=carried)
    elif extension(name) == "pdf" and media_type != PDF:
        findings.warn(ATTACHMENT_TYPE_MISMATCH, field, label, name=name, label=PDF, sniffed=media_type)
