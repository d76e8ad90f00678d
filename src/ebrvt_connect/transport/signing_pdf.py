"""Signing PDF documents (ký số văn bản): the leader first, then the agency's seal.

Each signature is one incremental update, so an earlier signature stays whole. Any `Signer` signs. Without
an appearance the signature is in the document and not on the page.
"""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import TYPE_CHECKING

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.metadata.model import DocumentMetadata
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter, enumerate_sig_fields
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner

from ebrvt_connect.errors import ConnectError, HeldForPerson, explain
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.transport.signing_cms import CmsSigner, run_steps
from ebrvt_connect.trust.pdf_hybrid import join_companions
from ebrvt_connect.trust.revisions import sections_of
from ebrvt_connect.trust.verdict import SignatureRole

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pyhanko.sign.signers.pdf_cms import Signer as PyHankoSigner
    from pyhanko.sign.timestamps import TimeStamper

    from ebrvt_connect.errors import RetryLater
    from ebrvt_connect.ports.signer import Signer
    from ebrvt_connect.transport.signing_appearance import Appearance

DOCUMENT_CANNOT_BE_SIGNED = explain(
    "DOCUMENT_CANNOT_BE_SIGNED",
    "Không ký được tệp PDF này ({reason}).",
    "Xuất lại văn bản ra PDF từ phần mềm soạn thảo (không đặt mật khẩu, không chứng thực cấm thay đổi, không "
    "sửa tay) rồi ký lại.",
)
SIGNATURE_ROOM_TOO_SMALL = explain(
    "SIGNATURE_ROOM_TOO_SMALL",
    "Chữ ký kèm chứng thư và dấu thời gian dài {needed} byte, lớn hơn chỗ dành sẵn trong tệp PDF ({kept} "
    "byte); không ghi tệp nào.",
    "Bớt chứng thư đi kèm khóa, hoặc dùng tổ chức cấp dấu thời gian trả về ít chứng thư hơn; có thể ký thành "
    "tệp riêng bên cạnh bằng --detached.",
)

_ROOM_BYTES = 16 * 1024
_ROOM_WITH_TIMESTAMP_BYTES = 32 * 1024
"""Kept for a signature at least. A size known beforehand spares a rehearsal, which would ask for a token."""
_BESIDE_CERTIFICATES_BYTES = 4 * 1024
_TIMESTAMP_BYTES = 16 * 1024
"""What a signature takes besides the signer's certificates, and a timestamp with those of its authority."""
_NO_CHANGES = 1
_FILLING_IN = 2
DEFAULT_FIELDS = {SignatureRole.PERSON: "ChuKyLanhDao", SignatureRole.AGENCY: "ChuKyCoQuan"}
"""What a role's signature field is called unless somebody says otherwise."""


def sign_pdf(  # noqa: PLR0913 - a signature has as many sides
    pdf: bytes,
    signer: Signer | CmsSigner,
    *,
    role: SignatureRole | str,
    signed_at: datetime,
    timestamper: TimeStamper | None = None,
    on_unstamped: Callable[[RetryLater], None] | None = None,
    field_name: str | None = None,
    reason: str | None = None,
    pades: bool = True,
    digest: str = "sha256",
    appearance: Appearance | None = None,
) -> bytes:
    """Add one signature to a PDF and give back the whole file.

    `signed_at` (aware) is the claimed time, written in Vietnam's offset; with a `timestamper` a
    timestamp authority proves it. When no timestamp can be had just now, nothing is signed, unless
    `on_unstamped` asks for a signature without one (B-B): it is called with the reason.
    `pades` chooses ETSI.CAdES.detached over adbe.pkcs7.detached. `appearance` is what is seen on the page
    (`signing_appearance`). The signature field is created, or taken when it is there and empty; it then is
    seen where that field stands.

    Raises `HeldForPerson` `DOCUMENT_CANNOT_BE_SIGNED` for a file that is not a sound PDF, encrypted or
    certified against changes, `SIGNATURE_ROOM_TOO_SMALL` for a timestamp of extraordinary length, what the
    appearance raises when there is no place for it, and whatever signer and timestamper raise. Raises
    `ValueError` for a naive `signed_at`.
    """
    if signed_at.tzinfo is None:
        raise ValueError(f"signed_at must be aware, got {signed_at!r}")
    at = signed_at.astimezone(VIETNAM)
    # Word ends its files without a line end, and what is added would then begin within a comment.
    buffer = BytesIO(pdf if pdf.endswith((b"\n", b"\r")) else pdf + b"\n")
    try:
        writer = IncrementalPdfFileWriter(buffer, strict=True)
        _take_two_tables(writer, pdf)
        _refuse_closed(writer)
        name = field_name or _free_field(writer, SignatureRole(role), seen=appearance is not None)
        _name_revision(writer, pdf, name, at)
        drawn = appearance.on(writer, at) if appearance is not None else None
        if drawn is not None:
            _check_seen(writer, name)
    except (ConnectError, ImportError):
        raise
    except Exception as failure:
        raise _cannot_sign(failure) from failure
    meta = PdfSignatureMetadata(
        field_name=name,
        md_algorithm=digest,
        reason=reason,
        subfilter=SigSeedSubFilter.PADES if pades else SigSeedSubFilter.ADOBE_PKCS7_DETACHED,
    )
    field = SigFieldSpec(name) if drawn is None else SigFieldSpec(name, on_page=drawn.page, box=drawn.box)
    pdf_signer = PdfSigner(
        meta,
        signer if isinstance(signer, CmsSigner) else CmsSigner(signer, on_unstamped=on_unstamped),
        timestamper=timestamper,
        new_field_spec=field,
        stamp_style=None if drawn is None else drawn.style,
    )
    run_steps(_sign(pdf_signer, writer, at))
    return buffer.getvalue()


def _take_two_tables(writer: IncrementalPdfFileWriter, pdf: bytes) -> None:
    """Every PDF of Word has cross-references of two kinds; pyHanko signs over none of them unless told to.

    Raises `LayoutRefused` where the two tell different things.
    """
    if writer.prev.xrefs.hybrid_xrefs_present:
        join_companions(sections_of(pdf))
        writer.prev.strict = False


async def _sign(pdf_signer: PdfSigner, writer: IncrementalPdfFileWriter, signed_at: datetime) -> None:
    """PyHanko's own steps one by one, since its one-call form reads the machine's clock."""
    try:
        session = pdf_signer.init_signing_session(writer)
        session.system_time = signed_at
        room = _room(pdf_signer.signer, stamped=pdf_signer.default_timestamper is not None)
        # PyHanko counts the hex digits they are written in.
        prepared = session.prepare_tbs_document(validation_info=None, bytes_reserved=2 * room)
        digest, _ = prepared.digest_tbs_document(in_place=True)
    except Exception as failure:
        raise _cannot_sign(failure) from failure
    attributes = PdfCMSSignedAttributes(signing_time=signed_at)
    try:
        made = await prepared.signer.async_sign(
            digest.document_digest,
            prepared.md_algorithm,
            use_pades=prepared.use_pades,
            timestamper=prepared.timestamper,
            signed_attr_settings=attributes,
        )
    except SigningError as failure:
        raise _cannot_sign(failure) from failure
    needed = len(made.dump())
    if needed > room:
        detail = f"the signature takes {needed} bytes, {room} were kept"
        raise HeldForPerson(SIGNATURE_ROOM_TOO_SMALL, detail, needed=needed, kept=room)
    prepared.cms_writer.send(made)


def _room(signer: PyHankoSigner, *, stamped: bool) -> int:
    """Bytes to keep for a signature: its certificates are known, the rest is known nearly."""
    known = sum(len(c.dump()) for c in (signer.signing_cert, *signer.cert_registry) if c is not None)
    least = _ROOM_WITH_TIMESTAMP_BYTES if stamped else _ROOM_BYTES
    return max(least, known + _BESIDE_CERTIFICATES_BYTES + (_TIMESTAMP_BYTES if stamped else 0))


def _refuse_closed(writer: IncrementalPdfFileWriter) -> None:
    """Raises `HeldForPerson` for a file that says nothing may be added to it."""
    if writer.prev.encrypted:
        raise _closed("tệp bị đặt mật khẩu (mã hóa)")
    if _permitted(writer) == _NO_CHANGES:
        raise _closed("tệp đã được chứng thực ở mức không cho thay đổi, DocMDP 1")


def _permitted(writer: IncrementalPdfFileWriter) -> int | None:
    """What the certification of a document permits (ISO 32000-2, 12.8.2.2); None without one."""
    if "/Perms" not in writer.root or "/DocMDP" not in writer.root["/Perms"]:
        return None
    references = [reference.get_object() for reference in writer.root["/Perms"]["/DocMDP"]["/Reference"]]
    said = [r["/TransformParams"] for r in references if r["/TransformMethod"] == "/DocMDP"]
    return next((int(one["/P"]) for one in said if "/P" in one), _FILLING_IN)


def _closed(reason: str) -> HeldForPerson:
    return HeldForPerson(DOCUMENT_CANNOT_BE_SIGNED, "the PDF says that nothing may be added", reason=reason)


class _ChangedAt(DocumentMetadata):
    """Says that the document was changed at a given time, where pyHanko asks the machine's clock."""

    def __init__(self, at: datetime) -> None:
        object.__setattr__(self, "_at", at)
        super().__init__()

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, vars(self)["_at"] if name == "last_modified" else value)


def _name_revision(writer: IncrementalPdfFileWriter, pdf: bytes, field: str, at: datetime) -> None:
    """File identifier and time of change from what is signed, where pyHanko takes chance and the clock.

    The same document signed at the same claimed time then has the same digest, so a remote service whose
    reply was lost recognises what it has signed already.
    """
    writer._meta = _ChangedAt(at)  # noqa: SLF001 - no public way
    seed = hashlib.sha256(f"{field}|{at.isoformat()}|".encode() + hashlib.sha256(pdf).digest()).digest()
    ours = generic.ByteStringObject(seed[:16])
    # Its own first half was read with care for files that spell it as text.
    original = writer._document_id[0] if "/ID" in writer.prev.trailer else ours  # noqa: SLF001 - no public way
    writer._document_id = generic.ArrayObject([original, ours])  # noqa: SLF001 - no public way


def _free_field(writer: IncrementalPdfFileWriter, role: SignatureRole, *, seen: bool) -> str:
    """The role's usual field name, numbered when the document has it already.

    An empty field of that name, which a template may have, is taken; but not one without a place on the page
    where the signature shall be `seen`.
    """
    taken = {
        name
        for name, value, reference in enumerate_sig_fields(writer.prev)
        if value is not None or (seen and not _has_area(reference.get_object()))
    }
    wanted = DEFAULT_FIELDS.get(role, f"ChuKy_{role}")
    numbered = (wanted if n == 1 else f"{wanted}{n}" for n in range(1, len(taken) + 2))
    return next(name for name in numbered if name not in taken)


def _check_seen(writer: IncrementalPdfFileWriter, name: str) -> None:
    """Raises `HeldForPerson` where a field that is there already would hide what shall be seen."""
    fields = (reference for found, _, reference in enumerate_sig_fields(writer.prev) if found == name)
    if not all(_has_area(reference.get_object()) for reference in fields):
        from ebrvt_connect.transport.signing_appearance import no_place

        raise no_place("trường chữ ký có sẵn không có chỗ hiển thị")


def _has_area(field: generic.DictionaryObject) -> bool:
    left, bottom, right, top = (float(n) for n in field.get("/Rect", (0, 0, 0, 0)))
    return left != right and bottom != top


def _cannot_sign(failure: Exception) -> HeldForPerson:
    """Only the class is told: a parser's message may quote the document."""
    kind = type(failure).__name__
    return HeldForPerson(
        DOCUMENT_CANNOT_BE_SIGNED, f"cannot add a signature to this PDF: {kind}", reason=kind
    )
