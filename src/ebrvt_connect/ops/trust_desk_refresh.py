"""Fetching revocation lists into the trust folder (cập nhật danh sách thu hồi); older ones are kept.

A verdict on an old signature needs the list that was newest when it was made, so nothing is overwritten.
What is fetched counts only if an authority that leads to a pinned anchor signed it, and it is not older
than what is there: a server that hands out last year's list must not bring a revoked certificate back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography import x509

from ebrvt_connect.ops.trust_desk_list import read_lists
from ebrvt_connect.ops.trust_desk_rules import moment_vi, name_vi, plain_name
from ebrvt_connect.transport.revocation_fetch import NotFetched, RevocationFetcher
from ebrvt_connect.transport.revocation_online import crl_addresses, named_hosts
from ebrvt_connect.transport.revocation_settings import load_online_file
from ebrvt_connect.transport.trust_folder import changing, load_trust_folder, trust_files, write_trust_file
from ebrvt_connect.trust.chain import chain_to_anchor
from ebrvt_connect.trust.revocation import is_made_by, read_crl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.transport.revocation_settings import OnlineSettings

_CLOCKS_DIFFER = timedelta(minutes=5)
"""How far ahead of ours a list's clock may run and the list still be stored: wider than a verdict takes
(`trust.revocation`), for which it counts when its time has come."""


class Outcome(StrEnum):
    """What became of one address."""

    STORED = "stored"
    KNOWN = "known"
    """The folder has this very list."""
    REFUSED = "refused"
    """Something came that must not be used."""
    UNREACHED = "unreached"
    """Nothing came, or the address may not be asked."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """One address and what became of it."""

    url: str
    outcome: Outcome
    reason_vi: str = ""
    issuer: str = ""
    this_update: datetime | None = None
    next_update: datetime | None = None
    file: str = ""


class TrustRefresh:
    """Fetches the lists of one trust folder."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Raises `HeldForPerson` for a folder or an `online.toml` that does not read."""
        self._folder = folder
        self._clock = clock
        store = load_trust_folder(folder)
        anchors = [a.certificate for a in store.anchors]
        now = clock.now()
        self._authorities = [
            *anchors,
            *(c for c in store.intermediates if chain_to_anchor(c, store.intermediates, store.anchors, now)),
        ]
        online = load_online_file(folder)
        self._configured = online.refresh.crls
        self._settings = online.revocation

    @property
    def addresses(self) -> tuple[str, ...]:
        """The configured ones, then those the authorities' own certificates name."""
        named = (url for c in self._authorities for url in crl_addresses(c))
        return tuple(dict.fromkeys((*self._configured, *named)))

    @property
    def settings(self) -> OnlineSettings:
        """The operator's limits; whom the folder itself names may be asked, too."""
        settings = self._settings
        for host in (*(urlsplit(u).netloc for u in self._configured), *named_hosts(self._authorities)):
            try:
                settings = settings.with_hosts([host])
            except ValueError:
                continue  # the address will be refused with its reason
        return settings

    def run(self) -> Iterator[Refreshed]:
        """Ask every address once; each list that is good is in the folder before the next is asked for."""
        fetcher = RevocationFetcher(self.settings, clock=self._clock)
        try:
            for url in self.addresses:
                try:
                    content = fetcher.get(url).content
                except NotFetched as failure:
                    yield Refreshed(url, Outcome.UNREACHED, failure.reason_vi)
                else:
                    yield self.take(url, content)
        finally:
            fetcher.close()

    def take(self, url: str, content: bytes) -> Refreshed:
        """Judge what came from an address, and keep it if it is good."""
        try:
            crl = read_crl(content)
            scope = _scope(crl)
        except ValueError:
            return Refreshed(url, Outcome.REFUSED, "không phải danh sách thu hồi đọc được")
        with changing(self._folder):
            there = [(p, c) for p, c in read_lists(trust_files(self._folder)) if c is not None]
            same = next((p for p, c in there if c == crl), "")
            of_scope = [c for _, c in there if c.issuer == crl.issuer and _scope(c) == scope]
            reason = self._refusal(crl, of_scope)
            path = same or _place(crl, content)
            if not same and not reason:
                write_trust_file(self._folder, path, content)
        return Refreshed(
            url,
            Outcome.REFUSED if reason else Outcome.KNOWN if same else Outcome.STORED,
            reason,
            name_vi(crl.issuer),
            crl.last_update_utc,
            crl.next_update_utc,
            "" if reason else path,
        )

    def _refusal(
        self,
        crl: x509.CertificateRevocationList,
        there: list[x509.CertificateRevocationList],
    ) -> str:
        """Why a list must not be used, in Vietnamese; empty when it may."""
        makers = [a for a in self._authorities if is_made_by(crl, a)]
        if not makers:
            return "không do cơ quan chứng thực nào trong kho ký"
        if crl.last_update_utc > self._clock.now() + _CLOCKS_DIFFER:
            return f"ghi thời điểm lập {moment_vi(crl.last_update_utc)}, chưa tới"
        newest = max(
            (c.last_update_utc for c in there if any(is_made_by(c, maker) for maker in makers)), default=None
        )
        if newest is not None and crl.last_update_utc < newest:
            return f"cũ hơn bản đang có (lập {moment_vi(newest)})"
        return ""


def _scope(crl: x509.CertificateRevocationList) -> tuple[bytes | None, bool]:
    """What a list is about: an authority may make several side by side. Raises `ValueError`."""
    part: bytes | None = None
    delta = False
    for extension in crl.extensions:
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            part = extension.value.public_bytes()
        delta = delta or isinstance(extension.value, x509.DeltaCRLIndicator)
    return part, delta


def _place(crl: x509.CertificateRevocationList, content: bytes) -> str:
    made = crl.last_update_utc.strftime("%Y%m%dT%H%M%SZ")
    return f"crl/{plain_name(crl.issuer)}-{made}-{sha256(content).hexdigest()[:8]}.crl"
