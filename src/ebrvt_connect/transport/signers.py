"""Signing PDF documents with a key held in memory (ký số): the leader first, then the agency's seal.

Each signature is one incremental update, so an earlier signature stays whole. The key object is made
once: loading an RSA key checks it for consistency, and doing so at every signature would take four
fifths of the time. Hardware tokens and remote signing are other subclasses of pyHanko's `Signer`;
`sign_pdf` takes any of them.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from asn1crypto import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter, enumerate_sig_fields
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes, Signer
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore
from pyhanko_certvalidator.util import process_pss_params

from ebrvt_connect.errors import HeldForPerson, Scope, explain
from ebrvt_connect.trust.verdict import SignatureRole

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from pyhanko.sign.timestamps import TimeStamper

SIGNING_KEY_UNUSABLE = explain(
    "SIGNING_KEY_UNUSABLE",
    "Không mở được khóa ký số ({reason}).",
    "Kiểm tra tệp khóa, mật khẩu và chứng thư số đi kèm, rồi khởi động lại chương trình.",
)
DOCUMENT_CANNOT_BE_SIGNED = explain(
    "DOCUMENT_CANNOT_BE_SIGNED",
    "Không ký được tệp PDF này ({reason}).",
    "Xuất lại văn bản ra PDF từ phần mềm soạn thảo (không đặt mật khẩu, không sửa tay) rồi ký lại.",
)

VIETNAM_TIME = timezone(timedelta(hours=7))
_ROOM_DIGITS = 32 * 1024
_ROOM_WITH_TIMESTAMP_DIGITS = 64 * 1024
"""Hex digits kept for a signature with its certificates; a fixed size spares pyHanko's rehearsal."""
_Result = TypeVar("_Result")
_DEFAULT_FIELDS = {SignatureRole.PERSON: "ChuKyLanhDao", SignatureRole.AGENCY: "ChuKyCoQuan"}


class KeySigner(Signer):
    """A certificate and its private key, held in memory; may be used by several threads."""

    def __init__(
        self,
        certificate: x509.Certificate,
        key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
        chain: Iterable[x509.Certificate] = (),
        *,
        prefer_pss: bool = False,
    ) -> None:
        """`chain` are the issuers to embed; `prefer_pss` asks for RSASSA-PSS (TT 15/2025 Phụ lục I)."""
        self._key = key
        chain = tuple(chain)
        self._issuers = tuple(c.dump() for c in chain if c.subject != c.issuer)
        super().__init__(
            signing_cert=certificate,
            cert_registry=SimpleCertificateStore.from_certs(chain),
            prefer_pss=prefer_pss,
            embed_roots=False,
        )

    @classmethod
    def from_pkcs12(cls, content: bytes, password: bytes | None, *, prefer_pss: bool = False) -> Self:
        """Open a PKCS#12 file (.p12, .pfx).

        Raises `HeldForPerson` `SIGNING_KEY_UNUSABLE` (scope system) for a wrong password, a file
        without key or certificate, or a kind of key we do not sign with.
        """
        try:
            key, certificate, others = pkcs12.load_key_and_certificates(content, password)
        except ValueError as failure:
            raise _unusable("sai mật khẩu hoặc tệp hỏng") from failure
        if certificate is None or not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
            raise _unusable("tệp không có khóa RSA/ECDSA kèm chứng thư")
        leaf, *chain = (
            x509.Certificate.load(c.public_bytes(serialization.Encoding.DER)) for c in (certificate, *others)
        )
        return cls(leaf, key, chain, prefer_pss=prefer_pss)

    @property
    def certificate(self) -> x509.Certificate:
        """The signing certificate (chứng thư số)."""
        assert self.signing_cert is not None  # noqa: S101 - set in the constructor, optional only upstream
        return self.signing_cert

    @property
    def certificate_sha256(self) -> str:
        """What `signers.toml` knows the certificate by (hex)."""
        return bytes(self.certificate.sha256).hex()

    @property
    def certificates_der(self) -> tuple[bytes, ...]:
        """The certificate and then its issuers, as a packet's signature carries them."""
        return (self.certificate.dump(), *self._issuers)

    @property
    def key_kind(self) -> Literal["rsa", "ec"]:
        """What kind of key signs."""
        return "ec" if isinstance(self._key, ec.EllipticCurvePrivateKey) else "rsa"

    def sign_raw(self, data: bytes, digest: str) -> bytes:
        """Sign `data` by PKCS#1 v1.5 or ECDSA; raises `ValueError` for a digest that is not known."""
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(data, ec.ECDSA(_digest(digest)))
        return self._key.sign(data, padding.PKCS1v15(), _digest(digest))

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:  # noqa: FBT001, FBT002, ARG002 - pyHanko's signature
        """Sign `data`; raises `ValueError` for a digest that is not known."""
        digest = _digest(digest_algorithm)
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(data, ec.ECDSA(digest))
        mechanism = self.get_signature_mechanism_for_digest(digest_algorithm)
        if mechanism["algorithm"].native == "rsassa_pss":
            # The parameters stand in the signature, so they are taken from there.
            pss, hashed = process_pss_params(mechanism["parameters"])
            return self._key.sign(data, pss, hashed)
        return self._key.sign(data, padding.PKCS1v15(), digest)


def sign_pdf(  # noqa: PLR0913 - a signature has as many sides
    pdf: bytes,
    signer: Signer,
    *,
    role: SignatureRole,
    signed_at: datetime,
    timestamper: TimeStamper | None = None,
    field_name: str | None = None,
    reason: str | None = None,
    pades: bool = True,
    digest: str = "sha256",
) -> bytes:
    """Add one signature to a PDF and give back the whole file.

    `signed_at` (aware) is the claimed time, written in Vietnam's offset; with a `timestamper` a
    timestamp authority proves it. `pades` chooses ETSI.CAdES.detached over adbe.pkcs7.detached.
    The signature field is created, or taken when it is there and empty.

    Raises `HeldForPerson` `DOCUMENT_CANNOT_BE_SIGNED` for a file that is not a sound PDF, and
    whatever the timestamper raises. Raises `ValueError` for a naive `signed_at`.
    """
    if signed_at.tzinfo is None:
        raise ValueError(f"signed_at must be aware, got {signed_at!r}")
    buffer = BytesIO(pdf)
    try:
        writer = IncrementalPdfFileWriter(buffer, strict=True)
        name = field_name or _free_field(writer, role)
    except Exception as failure:
        raise _cannot_sign(failure) from failure
    meta = PdfSignatureMetadata(
        field_name=name,
        md_algorithm=digest,
        reason=reason,
        subfilter=SigSeedSubFilter.PADES if pades else SigSeedSubFilter.ADOBE_PKCS7_DETACHED,
    )
    pdf_signer = PdfSigner(
        meta, signer, timestamper=timestamper, new_field_spec=SigFieldSpec(sig_field_name=name)
    )
    run_steps(_sign(pdf_signer, writer, signed_at.astimezone(VIETNAM_TIME)))
    return buffer.getvalue()


async def _sign(pdf_signer: PdfSigner, writer: IncrementalPdfFileWriter, signed_at: datetime) -> None:
    """PyHanko's own steps one by one, since its one-call form reads the machine's clock."""
    try:
        session = pdf_signer.init_signing_session(writer)
        session.system_time = signed_at
        room = _ROOM_DIGITS if pdf_signer.default_timestamper is None else _ROOM_WITH_TIMESTAMP_DIGITS
        prepared = session.prepare_tbs_document(validation_info=None, bytes_reserved=room)
        digest, _ = prepared.digest_tbs_document(in_place=True)
    except Exception as failure:
        raise _cannot_sign(failure) from failure
    attributes = PdfCMSSignedAttributes(signing_time=signed_at)
    try:
        await prepared.perform_signature(digest.document_digest, attributes)
    except SigningError as failure:
        raise _cannot_sign(failure) from failure


def run_steps(steps: Coroutine[Any, Any, _Result]) -> _Result:
    """Run pyHanko's signing steps to their end, also when called from somebody's running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(steps)
    with ThreadPoolExecutor(max_workers=1) as aside:
        return aside.submit(asyncio.run, steps).result()


def _free_field(writer: IncrementalPdfFileWriter, role: SignatureRole) -> str:
    """The role's usual field name, numbered when the document has it already."""
    taken = {name for name, _, _ in enumerate_sig_fields(writer.prev, filled_status=True)}
    wanted = _DEFAULT_FIELDS.get(role, f"ChuKy_{role}")
    numbered = (wanted if n == 1 else f"{wanted}{n}" for n in range(1, len(taken) + 2))
    return next(name for name in numbered if name not in taken)


def _digest(name: str) -> hashes.HashAlgorithm:
    known: dict[str, hashes.HashAlgorithm] = {
        "sha1": hashes.SHA1(),  # noqa: S303 - signs samples that a verifier must refuse
        "sha256": hashes.SHA256(),
        "sha384": hashes.SHA384(),
        "sha512": hashes.SHA512(),
    }
    if name not in known:
        raise ValueError(f"digest: got {name!r}, expected one of {sorted(known)}")
    return known[name]


def _unusable(reason_vi: str) -> HeldForPerson:
    return HeldForPerson(
        SIGNING_KEY_UNUSABLE, "the signing key cannot be used", scope=Scope.SYSTEM, reason=reason_vi
    )


def _cannot_sign(failure: Exception) -> HeldForPerson:
    """Only the class is told: a parser's message may quote the document."""
    kind = type(failure).__name__
    return HeldForPerson(
        DOCUMENT_CANNOT_BE_SIGNED, f"cannot add a signature to this PDF: {kind}", reason=kind
    )
