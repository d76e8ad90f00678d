"""Revocation asked over the network: OCSP first, then the list, for exactly the certificates in question.

Everything that comes is judged by `trust` before it is used or kept: an answer counts by its issuer's
signature, not by the server that sent it. What could not be had is told, and the status stays unknown.
"""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.revocation_cache import RevocationCache
from ebrvt_connect.transport.revocation_fetch import Deadline, Fetched, NotFetched, RevocationFetcher
from ebrvt_connect.transport.revocation_settings import OnlineSettings, is_host
from ebrvt_connect.trust.chain import chain_to_anchor
from ebrvt_connect.trust.ocsp import OcspAnswer, OcspRefused
from ebrvt_connect.trust.revocation import RevocationArchive, is_made_by, read_crl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.inquiry import Question

_MOST_ADDRESSES = 3
_MOST_QUESTIONS = 40
_OCSP_REQUEST = "application/ocsp-request"
_JUST_NOW = timedelta(seconds=60)
"""What was fetched this recently is not asked for again: nothing newer would come."""
_NONCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Brought:
    """What asking brought: lists and answers that are their issuers', and what could not be had."""

    archive: RevocationArchive = field(default_factory=RevocationArchive)
    missed: tuple[str, ...] = ()
    """Reasons in Vietnamese; hosts are named, paths and contents are not."""


class OnlineRevocation:
    """Asks responders and list servers, and keeps what they say (tra cứu thu hồi trực tuyến).

    Handed to `verify` in the place of an archive. May be shared by threads; `close` it at the end.
    """

    def __init__(
        self,
        settings: OnlineSettings,
        *,
        cache: Path | None = None,
        archive: RevocationArchive | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`archive` is what is at hand besides; without `cache` nothing is kept for the next time."""
        self.archive = archive or RevocationArchive()
        self.clock = clock or SystemClock()
        self.settings = settings
        self.fetcher = RevocationFetcher(settings, clock=self.clock)
        self._cache = None if cache is None else RevocationCache(cache, largest_bytes=settings.cache_bytes)

    def deadline(self) -> Deadline:
        """The time one verification may spend on asking; it begins now."""
        return Deadline(self.settings.total_seconds, self.clock)

    def ask(
        self,
        questions: Iterable[Question],
        *,
        known: RevocationArchive | None = None,
        deadline: Deadline | None = None,
    ) -> Brought:
        """What can be had about some certificates; never raises for what servers send or fail to.

        `known` is what is at hand: it may settle a question, or vouch for a responder's own certificate.
        """
        wanted = tuple(questions)
        until = deadline or self.deadline()
        if not wanted:
            return Brought()
        at_hand = self.archive + (known or RevocationArchive())
        with ThreadPoolExecutor(max_workers=self.settings.parallel) as workers:
            asking = [
                workers.submit(_Asking(self, question, at_hand, until).answered)
                for question in wanted[:_MOST_QUESTIONS]
            ]
            found = [one.result() for one in asking]
        archive = sum((f.archive for f in found), RevocationArchive())
        missed = [reason for f in found for reason in f.missed]
        if len(wanted) > _MOST_QUESTIONS:
            missed.append(f"chỉ tra cứu {_MOST_QUESTIONS} chứng thư đầu tiên")
        return Brought(archive, tuple(dict.fromkeys(missed)))

    def close(self) -> None:
        """Close all connections."""
        self.fetcher.close()

    def kept(self, *key: str) -> Fetched | None:
        """What the cache has for a question, not yet judged."""
        return None if self._cache is None else self._cache.get(*key)

    def keep(self, fetched: Fetched, *key: str) -> None:
        """Put into the cache what has proved true."""
        if self._cache is not None:
            self._cache.put(fetched, *key)


class _Asking:
    """One certificate being asked after: what is kept first, then OCSP, then the list."""

    def __init__(
        self, online: OnlineRevocation, question: Question, known: RevocationArchive, until: Deadline
    ) -> None:
        self._online = online
        self._question = question
        self._known = known
        self._until = until
        self._archive = RevocationArchive()
        self._missed: list[str] = []

    def answered(self) -> Brought:
        """What was found; what was missed only where that left the question open."""
        if any(self._settled_by(attempt) for attempt in self._attempts()):
            return Brought(self._archive)
        missed = self._missed or ["chứng thư không ghi địa chỉ tra cứu (OCSP, CRL)"]
        return Brought(self._archive, tuple(missed))

    def _attempts(self) -> Iterator[Callable[[], RevocationArchive | None]]:
        certificate = self._question.certificate
        answers, lists = _ocsp_addresses(certificate), crl_addresses(certificate)
        yield self._kept_answer
        yield from (partial(self._kept_list, url) for url in lists)
        yield from (partial(self._fetched_answer, url) for url in answers)
        yield from (partial(self._fetched_list, url) for url in lists)

    def _settled_by(self, attempt: Callable[[], RevocationArchive | None]) -> bool:
        try:
            found = attempt()
        except NotFetched as failure:
            self._missed.append(failure.reason_vi)
            return False
        if found is None:
            return False
        self._archive += found
        return self._is_settled()

    def _is_settled(self) -> bool:
        """Whether enough is known: not good any more, or good by what was fetched just now.

        Where the time of the use is proven, what was made after it is enough.
        """
        question, now = self._question, self._online.clock.now()
        state = (self._known + self._archive).state_of(
            question.certificate,
            question.issuer,
            used_at=question.used_at,
            known_at=now,
            proven=question.proven,
        )
        if state.status != "good":
            return state.status != "unknown"
        just_now = any(now - at < _JUST_NOW for _, at in self._archive.fetched)
        made = state.this_update
        return just_now or (question.proven and made is not None and made >= question.used_at)

    # --- OCSP --------------------------------------------------------------------------------------

    @property
    def _answer_key(self) -> tuple[str, str, str]:
        return "ocsp", _fingerprint(self._question.issuer), str(self._question.certificate.serial_number)

    def _kept_answer(self) -> RevocationArchive | None:
        kept = self._online.kept(*self._answer_key)
        return None if kept is None else self._proven_answer(kept, None)

    def _fetched_answer(self, url: str) -> RevocationArchive:
        request, nonce = _request(self._question, nonce=self._online.settings.nonce)
        fetched = self._online.fetcher.post(url, request, _OCSP_REQUEST, deadline=self._until)
        archive = self._proven_answer(fetched, nonce)
        self._online.keep(fetched, *self._answer_key)
        return archive

    def _proven_answer(self, fetched: Fetched, nonce: bytes | None) -> RevocationArchive:
        """The answer as an archive; raises `NotFetched` unless it is about this certificate and counts."""
        host = urlsplit(fetched.url).netloc
        try:
            answer = OcspAnswer.read(fetched.content)
            foreign = nonce is not None and answer.nonce not in {None, nonce}
        except OcspRefused as failure:
            raise NotFetched(f"máy chủ OCSP {host} từ chối trả lời ({failure.status})") from failure
        except ValueError as failure:
            raise NotFetched(f"{host} không trả về câu trả lời OCSP đọc được") from failure
        archive = RevocationArchive(ocsp=(answer,), fetched=((answer, fetched.fetched_at),))
        stated = (self._known + archive).statements(
            self._question.certificate, self._question.issuer, known_at=self._online.clock.now()
        )
        if foreign or not any(s.origin is answer for s in stated):
            raise NotFetched(f"câu trả lời OCSP của {host} không có giá trị cho chứng thư này")
        return archive

    # --- lists -------------------------------------------------------------------------------------

    def _kept_list(self, url: str) -> RevocationArchive | None:
        kept = self._online.kept("crl", _fingerprint(self._question.issuer), url)
        return None if kept is None else self._proven_list(kept)

    def _fetched_list(self, url: str) -> RevocationArchive:
        fetched = self._online.fetcher.get(url, deadline=self._until)
        archive = self._proven_list(fetched)
        self._online.keep(fetched, "crl", _fingerprint(self._question.issuer), url)
        return archive

    def _proven_list(self, fetched: Fetched) -> RevocationArchive:
        crl = proven_crl(fetched, self._question.issuer)
        return RevocationArchive((crl,), fetched=((crl, fetched.fetched_at),))


def proven_crl(fetched: Fetched, issuer: x509.Certificate) -> x509.CertificateRevocationList:
    """The list that was fetched; raises `NotFetched` when it is none, or not of that issuer."""
    host = urlsplit(fetched.url).netloc
    try:
        crl = read_crl(fetched.content)
        proven = is_made_by(crl, issuer)
    except ValueError as failure:
        raise NotFetched(f"{host} không trả về danh sách thu hồi đọc được") from failure
    if not proven:
        raise NotFetched(f"danh sách thu hồi của {host} không do cơ quan cấp chứng thư này ký")
    return crl


def crl_addresses(certificate: x509.Certificate) -> tuple[str, ...]:
    """Where a certificate says its issuer's list lies (http and https only)."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    names = (name for point in points for name in point.full_name or ())
    return _web(name.value for name in names if isinstance(name, x509.UniformResourceIdentifier))


def online_for(
    trust: TrustStore,
    settings: OnlineSettings,
    *,
    cache: Path | None = None,
    archive: RevocationArchive | None = None,
    clock: Clock | None = None,
) -> OnlineRevocation:
    """Online asking for a trust store: the hosts of the settings, and those its own authorities name.

    Authorities are the pinned ones and those of the store that one of them has issued; what a signer's
    certificate names is asked only if it is among these.
    """
    own = clock or SystemClock()
    anchors = [a.certificate for a in trust.anchors]
    proven = [
        c
        for c in trust.intermediates
        if chain_to_anchor(c, trust.intermediates, trust.anchors, own.now()) is not None
    ]
    wider = settings.with_hosts(named_hosts([*anchors, *proven]))
    return OnlineRevocation(wider, cache=cache, archive=archive, clock=own)


def named_hosts(certificates: Iterable[x509.Certificate]) -> tuple[str, ...]:
    """The hosts that certificates name for their own status: of those an operator pinned, a list to allow."""
    found = (
        urlsplit(url).netloc.lower() for c in certificates for url in (*_ocsp_addresses(c), *crl_addresses(c))
    )
    return tuple(dict.fromkeys(host for host in found if is_host(host)))


def _ocsp_addresses(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return _web(
        d.access_location.value
        for d in access
        if d.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(d.access_location, x509.UniformResourceIdentifier)
    )


def _web(addresses: Iterable[str]) -> tuple[str, ...]:
    """The first few web addresses; directories (ldap) are not asked."""
    web = (a for a in addresses if a.lower().startswith(("http://", "https://")) and a.isascii())
    return tuple(dict.fromkeys(web))[:_MOST_ADDRESSES]


def _request(question: Question, *, nonce: bool) -> tuple[bytes, bytes | None]:
    """An OCSP request (DER) and its nonce. Responders everywhere know issuers by SHA-1 (RFC 5019 2.1.1)."""
    builder = ocsp.OCSPRequestBuilder().add_certificate(
        question.certificate,
        question.issuer,
        hashes.SHA1(),  # noqa: S303 - a name for the issuer, not a proof
    )
    sent = secrets.token_bytes(_NONCE_BYTES) if nonce else None
    if sent is not None:
        builder = builder.add_extension(x509.OCSPNonce(sent), critical=False)
    return builder.build().public_bytes(Encoding.DER), sent


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()
