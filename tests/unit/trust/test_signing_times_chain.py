"""Suspended, an authority revoked or lapsed, permissions of a first signer: undecided or failed."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from cryptography import x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import (
    FieldMDPAction,
    FieldMDPSpec,
    MDPPerm,
    SigFieldSpec,
    SigSeedSubFilter,
    append_signature_field,
)
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner

from ebrvt_connect.testing.pki_issue import Request, issue, revocation_list
from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.transport.signing_cms import CmsSigner, run_steps
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.samples import AGENCY, EARLY, new_form_value, plain_pdf, updated
from tests.unit.trust.time_samples import content_stamped_cms, key_signer

PASSED, UNCLEAR, FAILED = Indication
DAY = timedelta(days=1)
HELD = datetime(2020, 1, 1, tzinfo=UTC)


def codes(report):
    return {f.code for f in report.all_findings()}


def told(report):
    return report.indication, {str(s) for s in report.sub_indications}


# --- suspended -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def suspended(desk, pki):
    """A desk whose seal is suspended since `HELD`."""
    seal = pki.identity(f"{AGENCY}-agency-good").certificate
    held = revocation_list(
        pki.identity("issuer"),
        [seal],
        issued_at=HELD + DAY,
        revoked_at=HELD,
        reason=x509.ReasonFlags.certificate_hold,
    )
    return type(desk)(pki, desk.trust.with_more(crls=[held]))


def test_a_suspension_leaves_it_undecided_unless_signed_after_is_proven(suspended):
    plain = suspended.signed(at=HELD + DAY)
    stamped = suspended.signed(at=HELD + DAY, timestamper=suspended.stamped(HELD + DAY))
    proven = content_stamped_cms(suspended, b"x", before=suspended.stamped(HELD + DAY), at=HELD + DAY)

    assert told(suspended.verdict(plain)) == told(suspended.verdict(stamped)) == (UNCLEAR, {"TRY_LATER"})
    assert "SUSPENDED_NO_PROOF" in codes(suspended.verdict(stamped))
    assert told(suspended.verdict(proven)) == (FAILED, {"REVOKED"})
    assert "SUSPENDED_AT_SIGNING" in codes(suspended.verdict(proven))


def test_signed_before_the_suspension_passes_with_proof_alone(suspended):
    stamped = suspended.signed(at=HELD - DAY, timestamper=suspended.stamped(HELD - DAY))

    assert suspended.verdict(stamped).indication is PASSED
    assert suspended.verdict(suspended.signed(at=HELD - DAY)).indication is UNCLEAR


# --- authorities ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def under(desk, pki):
    """A desk and a signer under an authority of its own: revoked, or valid for a short time."""

    def make(*, revoked=False, until=None):
        root = pki.identity("root")
        more = {} if until is None else {"valid_to": until}
        request = Request("Cơ quan cấp riêng", authority=True, path_length=0, **more)
        authority = issue(request, root, pki.identity("ocsp").key)
        leaf = issue(Request("Người ký"), authority, pki.identity("tsa").key)
        lists = [revocation_list(authority, ())]
        if revoked:
            lists.append(
                revocation_list(root, [authority.certificate], issued_at=HELD + DAY, revoked_at=HELD)
            )
        return type(desk)(pki, desk.trust.with_more(crls=lists)), key_signer(leaf)

    return make


@pytest.mark.parametrize(
    ("at", "stamp", "expected"),
    [
        (HELD + DAY, None, UNCLEAR),
        (HELD + DAY, HELD + DAY, UNCLEAR),
        (HELD - DAY, None, UNCLEAR),
        (HELD - DAY, HELD - DAY, PASSED),
    ],
)
def test_a_revoked_authority_counts_from_its_day(under, at, stamp, expected):
    desk, signer = under(revoked=True)
    stamper = None if stamp is None else desk.stamped(stamp)

    report = desk.verdict(signed_cms(b"x", [signer], signed_at=at, timestamper=stamper))

    assert report.indication is expected
    if expected is UNCLEAR:
        assert told(report)[1] == {"REVOKED_CA_NO_POE"}


def test_an_authority_that_has_lapsed_since_needs_proof(under):
    """Its certificate ended before those it issued: a claimed time within its period is anybody's word."""
    desk, signer = under(until=HELD)
    claimed = desk.verdict(signed_cms(b"x", [signer], signed_at=EARLY))
    proven = desk.verdict(signed_cms(b"x", [signer], signed_at=EARLY, timestamper=desk.stamped(EARLY)))

    assert told(claimed) == (UNCLEAR, {"OUT_OF_BOUNDS_NO_POE"})
    assert "CHAIN_LAPSED_NO_PROOF" in codes(claimed)
    assert proven.indication is PASSED


# --- permissions ---------------------------------------------------------------------------------------


class Stubborn(PdfSigner):
    """Signs where an earlier signer forbade it."""

    def _enforce_certification_constraints(self, reader):
        pass


def signed(desk, pdf, name, *, field=None, **more):
    meta = PdfSignatureMetadata(field_name=name, subfilter=SigSeedSubFilter.PADES, **more)
    signer = Stubborn(
        meta,
        CmsSigner(desk.pki.signer(AGENCY)),
        new_field_spec=field or SigFieldSpec(name),
        timestamper=desk.stamped(),
    )
    return run_steps(signer.async_sign_pdf(IncrementalPdfFileWriter(BytesIO(pdf)))).getvalue()


LATER = datetime.now(UTC) + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("allowed", "shown"),
    [
        (MDPPerm.NO_CHANGES, "no_changes"),
        (MDPPerm.FILL_FORMS, "form_filling"),
        (MDPPerm.ANNOTATE, "annotations"),
    ],
)
def test_what_a_first_signer_allows_is_shown_and_never_widens_our_rules(desk, allowed, shown):
    pdf = signed(desk, plain_pdf(), "A", certify=True, docmdp_permissions=allowed)
    report = desk.verdict(pdf, at=LATER)

    assert (report.indication, report.signatures[0].certification) == (PASSED, shown)
    changed = desk.verdict(updated(pdf, new_form_value), at=LATER)
    assert changed.indication is FAILED

    again = desk.verdict(signed(desk, pdf, "B"), at=LATER)
    assert again.indication is (FAILED if allowed is MDPPerm.NO_CHANGES else PASSED)
    assert ("PERMISSIONS_BREACHED" in codes(again)) is (allowed is MDPPerm.NO_CHANGES)


def test_a_field_the_signer_locked_may_not_be_filled(desk):
    writer = IncrementalPdfFileWriter(BytesIO(plain_pdf()))
    lock = FieldMDPSpec(FieldMDPAction.INCLUDE, fields=["B"])
    append_signature_field(writer, SigFieldSpec("B"))
    output = BytesIO()
    writer.write(output)
    pdf = signed(desk, output.getvalue(), "A", field=SigFieldSpec("A", field_mdp_spec=lock))

    assert desk.verdict(pdf, at=LATER).indication is PASSED
    report = desk.verdict(signed(desk, pdf, "B"), at=LATER)
    assert report.indication is FAILED, codes(report)
