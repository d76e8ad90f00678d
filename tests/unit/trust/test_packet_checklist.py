"""The rules of a packet told one by one: met only where they were asked and nothing speaks against them."""

import pytest

from ebrvt_connect.model.document import AttachmentRole
from ebrvt_connect.trust.packet_checklist import checklist
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.packet_samples import Clerk, edxml, sealed_edxml
from tests.unit.trust.samples import AGENCY, AT, OTHER_AGENCY, plain_pdf

APPENDIX = AttachmentRole.APPENDIX


@pytest.fixture(scope="module")
def clerk(desk):
    return Clerk(desk)


def told(report):
    return {rule.rule: rule.outcome for rule in checklist(report)}


def test_a_good_packet_meets_every_rule_that_applies(clerk, issued):
    report = clerk.judge(edxml({"cv.pdf": issued}))

    assert report.indication is Indication.TOTAL_PASSED
    assert told(report) == {
        "leader": "met",
        "seal": "met",
        "order": "met",
        "dates": "met",
        "copies": "not_applicable",
        "appendixes": "not_applicable",
        "files": "met",
        "envelope": "not_applicable",
    }


def test_nothing_that_rests_on_signatures_is_met_where_the_file_has_failed(clerk, issued):
    rules = told(clerk.judge(edxml({"cv.pdf": issued.replace(b"Van ban mau", b"Van ban xau", 1)})))

    assert {rules[name] for name in ("leader", "seal")} == {"failed"}
    assert {rules[name] for name in ("order", "dates")} == {"undecided"}


@pytest.mark.parametrize("cut", [b"\n% appended", b"\n%%EOF\nmore"])
def test_a_file_that_failed_as_a_whole_leaves_every_rule_about_it_open(clerk, issued, cut):
    rules = told(clerk.judge(edxml({"cv.pdf": issued + cut})))

    assert "met" not in {rules[name] for name in ("leader", "seal", "order", "dates")}


def test_a_seal_alone_is_no_leader_and_proves_no_order(clerk, desk):
    rules = told(clerk.judge(edxml({"cv.pdf": desk.signed(timestamper=desk.stamped())})))

    assert (rules["leader"], rules["seal"]) == ("unmet", "met")
    assert (rules["order"], rules["dates"]) == ("undecided", "undecided")


def test_the_seal_of_another_agency_is_told_at_the_seal(clerk, issued):
    rules = told(clerk.judge(edxml({"cv.pdf": issued}, issuer=OTHER_AGENCY)))

    assert rules["seal"] == "unmet"
    assert rules["order"] == "undecided"


def test_an_appendix_is_told_by_what_was_found_of_it(clerk, desk, issued):
    sealed = desk.signed(timestamper=desk.stamped())
    tampered = sealed.replace(b"Van ban mau", b"Van ban xau", 1)

    for appendix, outcome in ((sealed, "met"), (plain_pdf(), "unmet"), (tampered, "failed")):
        files = {"cv.pdf": issued, "pl.pdf": (appendix, APPENDIX)}
        assert told(clerk.judged(files))["appendixes"] == outcome


def test_changed_missing_and_added_files_are_told_at_the_files(clerk, issued):
    from tests.unit.trust.packet_samples import record_of

    record, files = record_of({"cv.pdf": issued})
    for given, outcome in (
        (files, "met"),
        ({"cv.pdf": issued + b"\n"}, "failed"),
        ({}, "unmet"),
        ({**files, "la.pdf": issued}, "unmet"),
    ):
        assert told(clerk.judge(record, given))["files"] == outcome


def test_a_signature_of_the_packet_is_told_with_what_it_covers(clerk, desk, issued):
    packet = edxml({"cv.pdf": issued})

    assert told(clerk.judge(sealed_edxml(packet, desk.pki.signer(AGENCY))))["envelope"] == "met"
    header = sealed_edxml(packet, desk.pki.signer(AGENCY), find="MessageHeader")
    assert told(clerk.judge(header))["envelope"] in ("noticed", "unmet")
    stranger = sealed_edxml(packet, desk.pki.signer(OTHER_AGENCY))
    assert told(clerk.judge(stranger))["envelope"] == "unmet"


def test_no_rule_is_met_of_a_packet_that_cannot_be_read(clerk):
    assert set(told(clerk.judge(b"<edXML")).values()) == {"undecided"}


def test_a_packet_passes_only_where_no_rule_speaks_against_it(clerk, desk, issued):
    packets = [
        edxml({"cv.pdf": issued}),
        edxml({"cv.pdf": issued, "pl.pdf": plain_pdf()}),
        edxml({"cv.pdf": desk.signed()}),
        edxml({"cv.pdf": issued}, issuer=OTHER_AGENCY),
        sealed_edxml(edxml({"cv.pdf": issued, "pl.pdf": plain_pdf()}), desk.pki.signer(AGENCY)),
    ]
    for packet in packets:
        report = clerk.judge(packet, at=AT)
        against = set(told(report).values()) & {"unmet", "failed", "undecided"}
        assert bool(against) != (report.indication is Indication.TOTAL_PASSED)
