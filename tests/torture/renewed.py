"""R19: passwords, secrets and certificates are renewed while documents go through.

By turns: with an overlap, while a remote takes the old and the new one, not a single call may fail; without
one, what is refused must pause, be told once, and go on by itself as soon as the new one is there. Renewed
pairs are not whole for some time. What a running daemon does not take up by itself needs a restart: no call
fails by that either.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from ebrvt_adapters.vxp.sandbox_entry import VxpAccount

from ebrvt_connect.codec.simulated_rest import RestAccount
from tests.torture.outcome import Tried
from tests.torture.province import AXIS, DMS, RECIPIENT, SENDER, SYSTEMID, Province
from tests.torture.tls_front import TlsFront

SEEDS = 12
ROUNDS = 10


class _Keyhole:
    """An account of the document system that notes which password came."""

    def __init__(self, password: str, came: list[str]) -> None:
        self._account = RestAccount(password=password)
        self._password = password
        self._came = came

    def lets_in(self, authorization: str) -> bool:
        """As `RestAccount`."""
        found = self._account.lets_in(authorization)
        if found:
            self._came.append(self._password)
        return found


@dataclass
class _Fronts:
    """TLS before both remotes; the axis' is whose certificates are renewed."""

    authority: trustme.CA
    ours: trustme.CA
    """Who has issued the client certificate in use."""
    dms: TlsFront
    axis: TlsFront

    def close(self) -> None:
        self.dms.close()
        self.axis.close()


class Renewal:
    """A province whose keys change; each method is one renewal, and waits until it has been taken up."""

    def __init__(self, province: Province, chance: random.Random, *, hasty: bool = False) -> None:
        """Documents are to be issued all the time meanwhile.

        `hasty`: what is refused is renewed before people have been told of it.
        """
        self.province = province
        self._hasty = hasty
        self.chance = chance
        self._number = 0
        self._came: list[str] = []
        authority, ours = trustme.CA(), trustme.CA()
        urls = province.host.url
        self.fronts = _Fronts(
            authority, ours, *(TlsFront(urls(name), authority, [ours]) for name in (DMS, AXIS))
        )
        authority.cert_pem.write_to_path(str(province.folder / "ca.pem"))
        for name in ("dms", "axis"):
            self._put_pair(name, ours)
        self._let_in("first")
        self.refused: set[str] = set()
        """Systems that were paused for what they were shown."""

    def tables(self) -> dict[str, str]:
        """The transport tables for `Province.configure`."""
        return {
            name: f'url = "{front.url}", ca = "ca.pem", client_certificate = "secrets/{name}.pem", '
            f'client_key = "secrets/{name}.key"'
            for name, front in (("dms", self.fronts.dms), ("axis", self.fronts.axis))
        }

    # With an overlap: no call may fail.

    def password(self) -> None:
        """The document system takes the old and the new password for a while."""
        old, new = self._names()
        self._let_in(old, new)
        self.province.secret("dms", new)
        self._until_used(new)
        self._let_in(new)

    def certificate(self) -> None:
        """Our certificate at the axis comes from another authority; both are known there for a while."""
        old, new = self.fronts.ours, trustme.CA()
        self.fronts.axis.admit([old, new])
        pair = self._put_pair("axis", new, whole=False)
        self.province.until(lambda: pair in self.fronts.axis.seen[-3:], "the new certificate is shown")
        self.province.until_more_is_there()
        self.fronts.ours = new
        self.fronts.axis.admit([new])

    def broken_certificate(self) -> None:
        """What is put there is no certificate; the old one goes on, and then comes a good one."""
        noticed = self._unusable()
        (self.province.folder / "secrets" / "axis.pem").write_text("-----BEGIN CERTIFICATE-----\n")
        self.province.until(lambda: self._unusable() > noticed, "the broken one is noticed")
        self.province.until_more_is_there()
        self.certificate()

    # Without: what is refused waits, and goes on by itself.

    def password_at_once(self) -> None:
        """The document system has a new password, and only later have we."""
        _, new = self._names()
        self._let_in(new)
        self._refused("dms")
        self.province.secret("dms", new)
        self._goes_on()

    def secret_at_once(self) -> None:
        """The axis has another secret, and only later have we."""
        _, new = self._names()
        account = VxpAccount(systemid=SYSTEMID, secret=new, agencies=[SENDER], recipients=[RECIPIENT])
        with self.province.host.held(AXIS) as axis:
            axis.accounts[SYSTEMID] = account
        self._refused("axis")
        self.province.secret("axis", new)
        self._goes_on()

    def certificate_at_once(self) -> None:
        """The axis knows a new authority only, and our certificate comes later."""
        new = trustme.CA()
        self.fronts.axis.admit([new])
        self._refused("axis")
        self._put_pair("axis", new, whole=False)
        self.fronts.ours = new
        self._goes_on()

    # What happens.

    def _unusable(self) -> int:
        return (self.province.folder / "daemon.log").read_text().count("the old goes on")

    def _names(self) -> tuple[str, str]:
        self._number += 1
        return self._password, f"secret number {self._number}"

    def _let_in(self, *passwords: str) -> None:
        with self.province.host.held(DMS) as system:
            system.accounts[:] = [_Keyhole(one, self._came) for one in passwords]
        self._password = passwords[-1]

    def _until_used(self, password: str) -> None:
        """Nobody uses the one before any more: calls that were begun with it have ended."""
        self.province.until(lambda: set(self._came[-8:]) == {password}, "the new password is used")
        self.province.until_more_is_there()

    def _refused(self, system: str) -> None:
        self.province.until(lambda: system in self.province.paused(), f"{system} pauses")
        self.refused.add(system)
        if not self._hasty:
            self.province.until(lambda: system in dict(self.province.opened()), f"people hear of {system}")

    def _goes_on(self) -> None:
        """Until all that was refused, or begun meanwhile, has arrived."""
        self.province.until(lambda: not self.province.paused(), "it goes on")
        self.province.until_all_is_there()

    def _put_pair(self, name: str, issuer: trustme.CA, *, whole: bool = True) -> int:
        """A new certificate with its key, renamed into their places one after the other; its number."""
        made = issuer.issue_cert("ebrvt@example.vn")
        folder = self.province.folder / "secrets"
        parts = [
            (folder / f"{name}.pem", made.cert_chain_pems[0].bytes()),
            (folder / f"{name}.key", made.private_key_pem.bytes()),
        ]
        if self.chance.random() < 0.5:
            parts.reverse()
        for place, content in parts:
            draft = place.with_suffix(".new")
            draft.touch(mode=0o600)
            draft.write_bytes(content)
            draft.replace(place)
            if not whole:
                time.sleep(self.chance.uniform(0.0, 0.3 if self._hasty else 1.5))
        return x509.load_pem_x509_certificate(made.cert_chain_pems[0].bytes()).serial_number


OVERLAPPING = ("password", "certificate", "broken_certificate")
AT_ONCE = ("password_at_once", "secret_at_once", "certificate_at_once")


def renewed(seeds: int = SEEDS) -> Tried:
    """R19: so many daemons, each with as many renewals in an order of its own, and a restart each."""
    outcome = Tried("R19", "secrets")
    for seed in range(seeds):
        folder = Path(tempfile.mkdtemp(prefix="ebrvt-torture-"))
        chance = random.Random(f"R19:{seed}")
        rounds = [chance.choice(OVERLAPPING + AT_ONCE) for _ in range(ROUNDS)]
        with outcome.case(f"seed {seed}"):
            through(folder, chance, [*rounds, "restart"], outcome)
        if not outcome.failed:
            shutil.rmtree(folder, ignore_errors=True)
    return outcome


def through(
    folder: Path, chance: random.Random, rounds: list[str], outcome: Tried, *, hasty: bool = False
) -> None:
    """One daemon through these renewals; raises `AssertionError` for what is not as it must be."""
    province = Province(folder)
    try:
        renewal = Renewal(province, chance, hasty=hasty)
        province.configure(**renewal.tables())
        daemon = province.start()
        with province.busy():
            province.until_more_is_there()
            for name in rounds:
                outcome.faults += 1
                if name == "restart":
                    daemon = _restarted(province, daemon)
                else:
                    _once(renewal, name)
        province.until_all_is_there()
        province.stop(daemon)
        province.reckon(outcome)
        _refuse_floods(renewal, all_told=not hasty)
    finally:
        province.close()


def _once(renewal: Renewal, name: str) -> None:
    failed, told = renewal.province.failed_calls(), renewal.province.opened()
    getattr(renewal, name)()
    if name in OVERLAPPING and renewal.province.failed_calls() != failed:
        raise AssertionError(f"calls failed by {name}: {_further(renewal.province, failed)}")
    if name in OVERLAPPING and renewal.province.opened() != told:
        raise AssertionError(f"people were told of {name}: {renewal.province.opened()}")


def _restarted(province: Province, daemon: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """As its service manager does it, for what is read at the start only; no call fails by it."""
    failed = province.failed_calls()
    province.stop(daemon)
    again = province.start()
    province.until_more_is_there()
    if province.failed_calls() != failed:
        raise AssertionError(f"calls failed by a restart: {_further(province, failed)}")
    return again


def _further(province: Province, before: list[tuple[Any, ...]]) -> str:
    return f"{province.failed_calls()[len(before) :][:3]} {province.last_words()}"


def _refuse_floods(renewal: Renewal, *, all_told: bool) -> None:
    """Of each system that refused us people are told once for each way it did so, and of no other."""
    opened = renewal.province.opened()
    systems = {system for system, _ in opened}
    if (
        len(opened) != len(set(opened))
        or systems - renewal.refused
        or (all_told and systems != renewal.refused)
    ):
        raise AssertionError(f"people were told {opened}, {renewal.refused} had refused us")
