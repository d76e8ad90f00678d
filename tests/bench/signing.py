"""PDF signatures per second with the key held in memory, against pyHanko's SimpleSigner loaded once.

The last peer is the limit: the RSA signature alone, as cryptography makes it.
"""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter

from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.transport.signers import sign_pdf
from ebrvt_connect.trust.verdict import SignatureRole
from tests.bench import stock
from tests.bench.measure import Figure, Setup, aimed, rates
from tests.bench.packets import repeated

if TYPE_CHECKING:
    from pyhanko.sign.timestamps import TimeStamper

_FIELD = "ChuKyCoQuan"
_RATIO = 3.5
_KEY = f"{stock.OURS}-agency-good"


def measure(setup: Setup) -> list[Figure]:
    pki = SandboxPki.open(setup.keys)
    key = pki.signer(stock.OURS)
    simple = simple_signer(pki, setup)
    private = pki.identity(_KEY).key
    pdf = stock.letter()
    found: list[Figure] = []
    for name, stamper in (("B-B", None), ("B-T", pki.timestamp_authority().timestamper(stock.AT))):
        (figure,) = rates(
            name,
            repeated(lambda stamper=stamper: ours(pdf, key, stamper)),
            {"pyHanko SimpleSigner": repeated(lambda stamper=stamper: theirs(pdf, simple, stamper))},
            setup.sizes,
        )
        found.append(aimed(figure, _RATIO, ratio=True))
    found += rates(
        "B-B",
        repeated(lambda: ours(pdf, key, None)),
        {"the RSA signature alone": repeated(lambda: private.sign(pdf, padding.PKCS1v15(), hashes.SHA256()))},
        setup.sizes,
    )
    return found


def ours(pdf: bytes, key: object, stamper: TimeStamper | None) -> bytes:
    return sign_pdf(pdf, key, role=SignatureRole.AGENCY, signed_at=stock.AT, timestamper=stamper)


def theirs(pdf: bytes, key: SimpleSigner, stamper: TimeStamper | None) -> bytes:
    meta = PdfSignatureMetadata(field_name=_FIELD, md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES)
    signer = PdfSigner(meta, key, timestamper=stamper, new_field_spec=SigFieldSpec(_FIELD))
    return asyncio.run(signer.async_sign_pdf(IncrementalPdfFileWriter(BytesIO(pdf)))).getvalue()


def simple_signer(pki: SandboxPki, setup: Setup) -> SimpleSigner:
    """From PEM files, as its manual has it."""
    identity = pki.identity(_KEY)
    paths = {name: setup.folder / f"{name}.pem" for name in ("key", "cert", "chain")}
    paths["key"].write_bytes(identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    paths["cert"].write_bytes(identity.certificate.public_bytes(Encoding.PEM))
    paths["chain"].write_bytes(b"".join(c.public_bytes(Encoding.PEM) for c in identity.chain))
    signer = SimpleSigner.load(str(paths["key"]), str(paths["cert"]), ca_chain_files=(str(paths["chain"]),))
    assert signer is not None
    return signer
