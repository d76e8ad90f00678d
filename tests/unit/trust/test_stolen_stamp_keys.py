"""Whoever has the key of a revoked timestamp authority backdates, and has an honest one stamp over it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from ebrvt_connect.testing import sample_archived_cms, sample_archived_xml
from ebrvt_connect.testing.pki_issue import Request, issue, revocation_list
from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.testing.timestamp_authority import TimestampAuthority
from ebrvt_connect.trust.anchors import Anchor, Branch
from ebrvt_connect.trust.inquiry import Inquiry
from ebrvt_connect.trust.policy import ETSI_STRICT, POLICIES
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.verify import verify_bytes
from tests.unit.trust.samples import AGENCY, AT, EARLY
from tests.unit.trust.time_samples import document_stamped, key_signer, with_store
from tests.unit.trust.xades_samples import xades_signed

CLAIMED = datetime(2015, 9, 1, tzinfo=UTC)
"""What the forger writes: before the signer's certificate was revoked."""
STOLEN = datetime(2016, 6, 1, tzinfo=UTC)
RENEWED = datetime(2016, 10, 1, tzinfo=UTC)
DAYS = timedelta(days=1)
FORMS = ["xml", "cms", "pdf"]


class Theft:
    """A timestamp authority whose first key was stolen and revoked, and how files look that use it."""

    def __init__(self, desk):
        self.desk = desk
        self.ca = issue(Request("CA dấu thời gian", authority=True, organization="Cũ"))
        purpose = ExtendedKeyUsageOID.TIME_STAMPING
        until = datetime(2017, 1, 1, tzinfo=UTC)
        self.stolen = issue(Request("TSA 1", purpose=purpose, organization="Cũ", valid_to=until), self.ca)
        self.next = issue(Request("TSA 2", purpose=purpose, organization="Cũ"), self.ca)
        anchor = Anchor(self.ca.certificate, Branch("tsa"))
        # The stolen certificate has expired: today's list has dropped it.
        today = self.listing(AT - DAYS)
        self.trust = replace(desk.trust, anchors=(*desk.trust.anchors, anchor)).with_more(crls=[today])

    def listing(self, made, revoked_at=None):
        revoked = [self.stolen.certificate] if revoked_at else []
        more = {"revoked_at": revoked_at} if revoked_at else {}
        return revocation_list(self.ca, revoked, issued_at=made, next_at=made + 10 * DAYS, **more)

    def stamper(self, identity, at):
        return TimestampAuthority(key_signer(identity)).timestamper(at)

    def file(self, form, lists, *, archived_at=RENEWED):
        """Signed by a certificate since revoked, stamped by the first key, renewed by the second."""
        first, second = self.stamper(self.stolen, CLAIMED), self.stamper(self.next, archived_at)
        if form == "pdf":
            signed = self.desk.signed(flavour="revoked", at=EARLY, timestamper=first)
            return document_stamped(with_store(signed, crls=lists), second)
        signer = self.desk.pki.signer(AGENCY, flavour="revoked")
        if form == "xml":
            made = xades_signed(signer, b"<goi><a>1</a></goi>", at=EARLY, timestamper=first)
            made = sample_archived_xml.with_validation_data(made, crls=lists)
            return sample_archived_xml.with_archive_timestamp(made, second)
        made = signed_cms(b"van ban", [signer], signed_at=EARLY, timestamper=first)
        made = sample_archived_cms.with_validation_data(made, crls=lists)
        return sample_archived_cms.with_archive_timestamp(made, second)

    def verdict(self, data, policy=ETSI_STRICT, trust=None, notes=None):
        return verify_bytes(data, policy=policy, trust=trust or self.trust, at=AT, notes=notes)


@pytest.fixture(scope="module")
def theft(desk):
    return Theft(desk)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("policy", POLICIES.values(), ids=lambda p: p.id)
def test_a_list_of_the_time_a_forged_timestamp_claims_does_not_save_it(theft, form, policy):
    data = theft.file(form, [theft.listing(CLAIMED - DAYS), theft.listing(CLAIMED + DAYS)])

    report = theft.verdict(data, policy)

    assert report.indication is Indication.INDETERMINATE
    assert {str(s) for s in report.sub_indications} == {"REVOKED_NO_POE"}
    assert "TIMESTAMP_NOT_TRUSTED" in {f.code for f in report.all_findings()}


@pytest.mark.parametrize("form", FORMS)
def test_a_list_of_the_day_it_was_renewed_that_names_it_undoes_it(theft, form):
    data = theft.file(form, [theft.listing(CLAIMED), theft.listing(RENEWED - DAYS, STOLEN)])

    assert theft.verdict(data).indication is Indication.INDETERMINATE


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("made", [RENEWED - DAYS, RENEWED + 30 * DAYS], ids=["current", "later"])
def test_an_honest_renewal_holds_by_a_list_of_its_own_day(theft, form, made):
    """Renewed in time, the key stolen afterwards: as EN 319 102-1, 5.6.2.2 has it."""
    data = theft.file(form, [theft.listing(made)])

    report = theft.verdict(data)

    assert report.indication is Indication.TOTAL_PASSED
    assert report.signatures[0].best_time.value == CLAIMED


def test_a_theft_after_the_renewal_does_not_undo_it(theft):
    data = theft.file("xml", [theft.listing(RENEWED + 30 * DAYS, RENEWED + DAYS)])

    assert theft.verdict(data).indication is Indication.TOTAL_PASSED


def test_more_is_asked_about_the_authority_for_the_day_of_the_renewal(theft):
    """Online too: a list from after the time the forger wrote is not enough to ask no further."""
    notes = Inquiry()
    theft.verdict(theft.file("xml", [theft.listing(CLAIMED + DAYS)]), notes=notes)

    asked = [q.used_at for q in notes.wanted() if q.certificate == theft.stolen.certificate]
    assert asked == [RENEWED]
