"""A list chosen by a thief: what was current before the key was revoked must not vouch for it afterwards."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from asn1crypto import crl as asn1_crl
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.validation.dss import DocumentSecurityStore

from ebrvt_connect.testing.pki_issue import revocation_list
from ebrvt_connect.transport.revocation_online import Brought
from ebrvt_connect.transport.revocation_rounds import judged_online
from ebrvt_connect.trust.policy import ETSI_STRICT, VN_2025
from ebrvt_connect.trust.revocation import RevocationArchive
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.verify import verify_bytes
from tests.unit.trust.samples import AT

NOW = AT + timedelta(days=2)
STOLEN = AT + timedelta(days=1)
BEFORE = {"issued_at": AT + timedelta(hours=1), "next_at": AT + timedelta(days=7)}
AFTER = {"issued_at": NOW - timedelta(hours=1), "next_at": NOW + timedelta(days=7)}


def with_lists(pdf, *lists):
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    parsed = [asn1_crl.CertificateList.load(raw) for raw in lists]
    DocumentSecurityStore.supply_dss_in_writer(writer, None, certs=(), ocsps=(), crls=parsed)
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


@dataclass
class Network:
    """What the authorities answer today, and who was asked after."""

    archive: RevocationArchive = field(default_factory=RevocationArchive)
    answers: RevocationArchive = field(default_factory=RevocationArchive)
    asked: list[int] = field(default_factory=list)

    @property
    def clock(self):
        return self

    def now(self):
        return NOW

    def deadline(self):
        return None

    def ask(self, questions, **_known):
        self.asked += [question.certificate.serial_number for question in questions]
        return Brought(self.answers)


@pytest.fixture
def bare(desk):
    """Nothing but what the file and the network bring."""
    return desk.without_revocation_lists()


@pytest.fixture
def issuers(pki):
    return {name: pki.identity(name) for name in ("issuer", "root", "tsa-issuer", "tsa")}


def test_a_thief_who_embeds_the_last_good_list_does_not_spare_the_network(bare, pki, issuers):
    seal = pki.identity("000.00.15.H06-agency-good").certificate
    old = [revocation_list(issuers[name], (), **BEFORE) for name in ("issuer", "root")]
    new = [
        revocation_list(issuers["issuer"], [seal], revoked_at=STOLEN, **AFTER),
        revocation_list(issuers["root"], (), **AFTER),
    ]
    network = Network(answers=RevocationArchive.of(new))
    pdf = with_lists(bare.signed(), *old)

    def judge(revocation, at, notes):
        return verify_bytes(pdf, policy=VN_2025, trust=bare.trust, at=at, revocation=revocation, notes=notes)

    report = judged_online(judge, network, policy=VN_2025, known=RevocationArchive(), at=None).report

    assert seal.serial_number in network.asked
    assert report.indication is not Indication.TOTAL_PASSED


@pytest.mark.parametrize("policy", [VN_2025, ETSI_STRICT], ids=lambda p: p.id)
def test_an_old_list_of_the_timestamp_authority_does_not_vouch_for_its_key_years_later(bare, issuers, policy):
    later = datetime(2028, 6, 1, tzinfo=UTC)
    fresh = {"issued_at": later - timedelta(days=1), "next_at": later + timedelta(days=6)}
    lists = [revocation_list(issuers[name], (), **fresh) for name in ("issuer", "root")]
    stamped = bare.signed(timestamper=bare.stamped())

    def verdict(*of_authority):
        archive = RevocationArchive.of([*lists, *of_authority])
        return verify_bytes(stamped, policy=policy, trust=bare.trust, at=later, revocation=archive)

    stale = verdict(revocation_list(issuers["tsa-issuer"], (), **BEFORE))
    current = verdict(revocation_list(issuers["tsa-issuer"], (), **fresh))

    assert "TIMESTAMP_NOT_TRUSTED" in {f.code for f in stale.all_findings()}
    assert current.indication is Indication.TOTAL_PASSED
