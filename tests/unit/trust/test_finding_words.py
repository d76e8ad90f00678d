"""What the findings say to people: Vietnam's time, and which signatures are meant."""

from datetime import UTC, datetime

import pytest

from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.testing.pki_issue import REVOKED_AT
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verdict import SignatureRole
from tests.unit.trust.samples import AGENCY, AT


def test_when_a_certificate_was_revoked_is_told_in_vietnams_time(desk):
    report = desk.verdict(desk.signed(flavour="revoked"))
    (finding,) = [f for f in report.all_findings() if f.code == "REVOKED_NO_PROOF"]
    assert datetime(2016, 1, 1, tzinfo=UTC) == REVOKED_AT
    assert "01/01/2016 07:00:00" in finding.message_vi
    assert "UTC" not in finding.message_vi
    assert "2016-01-01T07:00:00+07:00" in finding.message_en


@pytest.mark.parametrize(("strangers", "said"), [(1, "(chữ ký thứ 3)"), (2, "(chữ ký thứ 3 và 4)")])
def test_signatures_nobody_knows_are_named_by_their_place(desk, strangers, said):
    pdf = desk.issued()
    for nth in range(strangers):
        pdf = desk.signed(pdf, flavour="unlisted", field_name=f"Them{nth}", role="person")
    report = desk.verdict(pdf)
    assert {s.role for s in report.signatures} >= {SignatureRole.PERSON}
    decision = desk.trust.signers.signed_for(report, AgencyCode.parse(AGENCY), at=AT, policy=VN_2025)
    (finding,) = [f for f in decision.findings if f.code == "SIGNER_NOT_REGISTERED"]
    assert said in finding.message_vi
    assert "số 3" not in finding.message_vi
