"""CMS signatures (.p7m, .p7s) with any `Signer`, and the one place where pyHanko meets that port.

pyHanko builds the signed attributes and the structure; what signs is the port. The signing certificate is
always bound (ESS signing-certificate-v2), times are written in Vietnam's offset.
"""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from asn1crypto import algos, cms, x509
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes, Signer
from pyhanko_certvalidator.registry import SimpleCertificateStore

from ebrvt_connect.errors import RetryLater
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.transport.signing_proof import pss_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from pyhanko.sign.timestamps import TimeStamper

    from ebrvt_connect.ports import signer as port

_Result = TypeVar("_Result")


class CmsSigner(Signer):
    """A `Signer` of ours as pyHanko wants one; made anew for each signature, it costs next to nothing."""

    def __init__(self, key: port.Signer, *, on_unstamped: Callable[[RetryLater], None] | None = None) -> None:
        """`on_unstamped`: sign without a timestamp when none can be had just now, and tell why."""
        leaf, issuers = _loaded(key.certificates_der)
        super().__init__(
            signing_cert=leaf,
            cert_registry=issuers,
            prefer_pss=key.prefers_pss,
            embed_roots=False,
        )
        self._key = key
        self._on_unstamped = on_unstamped

    def get_signature_mechanism_for_digest(self, digest_algorithm: str | None) -> algos.SignedDigestAlgorithm:
        """As pyHanko has it, but PSS with a salt as long as the digest, which every backend can make."""
        if not (self.prefer_pss and digest_algorithm):
            return super().get_signature_mechanism_for_digest(digest_algorithm)
        parameters = pss_parameters(digest_algorithm)
        return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": parameters})

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:  # noqa: FBT001, FBT002 - pyHanko's signature
        """Sign `data`; a rehearsal gets zeros, so that no token or service signs for nothing."""
        if dry_run:
            assert self.signing_cert is not None  # noqa: S101 - set in the constructor, optional only upstream
            return bytes((self.signing_cert.public_key.bit_size + 7) // 4 + 16)
        digest = hashlib.new(digest_algorithm, data).digest()
        return self._key.sign_digest(digest, digest_algorithm, pss=self.prefer_pss)

    async def unsigned_attrs(self, *given: Any, **more: Any) -> cms.CMSAttributes | None:  # noqa: ANN401 - passed through
        """The timestamp, where one can be had."""
        try:
            return await super().unsigned_attrs(*given, **more)
        except RetryLater as failure:
            if self._on_unstamped is None:
                raise
            self._on_unstamped(failure)
            return None


@lru_cache(maxsize=64)
def _loaded(certificates: tuple[bytes, ...]) -> tuple[x509.Certificate, SimpleCertificateStore]:
    """A signer's certificate and issuers, read once: doing it for each signature costs a tenth of it."""
    leaf, *issuers = (x509.Certificate.load(der) for der in certificates)
    return leaf, SimpleCertificateStore.from_certs(issuers)


def sign_cms(
    content: bytes,
    signers: Sequence[port.Signer],
    *,
    signed_at: datetime,
    detached: bool = False,
    timestamper: TimeStamper | None = None,
    on_unstamped: Callable[[RetryLater], None] | None = None,
    digest: str = "sha256",
    cades: bool = True,
) -> bytes:
    """A CMS file (DER): with the content inside (.p7m), or beside it (.p7s, `detached`).

    `signed_at` (aware) is the claimed time. `cades` makes it CAdES-BES. `on_unstamped` as in `sign_pdf`.
    Raises `ValueError` without signers or for a naive time, and whatever signers and timestamper raise.
    """
    if signed_at.tzinfo is None:
        raise ValueError(f"signed_at must be aware, got {signed_at!r}")
    attributes = PdfCMSSignedAttributes(signing_time=signed_at.astimezone(VIETNAM))
    made = [
        run_steps(
            CmsSigner(signer, on_unstamped=on_unstamped).async_sign_general_data(
                content,
                digest,
                detached=detached,
                use_cades=cades,
                timestamper=timestamper,
                signed_attr_settings=attributes,
            )
        )["content"]
        for signer in signers
    ]
    if not made:
        raise ValueError("signers: got none, expected at least one")
    whole = made[0]
    whole["signer_infos"] = cms.SignerInfos([data["signer_infos"][0] for data in made])
    certificates = {c.dump(): c for data in made for c in data["certificates"]}
    whole["certificates"] = cms.CertificateSet(list(certificates.values()))
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": whole}).dump())


def run_steps(steps: Coroutine[Any, Any, _Result]) -> _Result:
    """Run pyHanko's signing steps to their end, also when called from somebody's running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        with ThreadPoolExecutor(max_workers=1) as aside:
            return aside.submit(_run, steps).result()
    return _run(steps)


def _run(steps: Coroutine[Any, Any, _Result]) -> _Result:
    """Not `asyncio.run`: that turns Ctrl-C into a cancellation, and these steps wait within themselves.

    A person would wait for a silent authority to the end of its minutes. It also writes out the result
    (`repr`) as it puts the signal handler back, and of an ASN.1 structure that encodes all of it anew.
    """
    loop = asyncio.new_event_loop()
    # What matters is raised here; of steps that were left behind nothing is to be said on stderr.
    loop.set_exception_handler(lambda _loop, _context: None)
    try:
        return loop.run_until_complete(steps)
    finally:
        if left := asyncio.all_tasks(loop):
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()
