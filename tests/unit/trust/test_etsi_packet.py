"""A packet as one ETSI TS 119 102-2 report: every signature of every file, none better than the packet."""

from datetime import date

import pytest

from ebrvt_connect.testing.sample_files import workbook_xlsx
from ebrvt_connect.trust.verdict import Indication, worst
from tests.unit.trust.packet_samples import Clerk, edxml, record_of, sealed_edxml
from tests.unit.trust.samples import AGENCY, OTHER_AGENCY, plain_pdf
from tests.unit.trust.test_etsi_report import MAIN, WORDS, read


@pytest.fixture(scope="module")
def clerk(desk):
    return Clerk(desk)


def verdicts(report):
    by_word = {MAIN + word: indication for indication, word in WORDS.items()}
    told = read(report).signature_validation_report
    return [by_word[e.signature_validation_status.main_indication] for e in told]


@pytest.fixture(scope="module")
def packets(clerk, desk, issued):
    sealed = desk.signed(timestamper=desk.stamped())
    tampered = issued.replace(b"Van ban mau", b"Van ban xau", 1)
    record, _ = record_of({"cv.pdf": issued, "pl.pdf": sealed})
    seal = desk.pki.signer(AGENCY)
    return {
        "good": clerk.judge(edxml({"cv.pdf": issued, "pl.pdf": sealed})),
        "tampered": clerk.judge(edxml({"cv.pdf": tampered, "pl.pdf": sealed})),
        "unsigned appendix": clerk.judge(edxml({"cv.pdf": issued, "pl.xlsx": workbook_xlsx()})),
        "other agency": clerk.judge(edxml({"cv.pdf": issued}, issuer=OTHER_AGENCY)),
        "missing file": clerk.judge(record, {"cv.pdf": issued}),
        "added file": clerk.judge(record, {"cv.pdf": issued, "pl.pdf": sealed, "la.pdf": sealed}),
        "future date": clerk.judge(edxml({"cv.pdf": issued}, dated=date(2027, 1, 1))),
        "no file": clerk.judge(record, {}),
        "sealed whole": clerk.judge(sealed_edxml(edxml({"cv.pdf": issued, "pl.pdf": plain_pdf()}), seal)),
        "sealed header": clerk.judge(sealed_edxml(edxml({"cv.pdf": issued}), seal, find="MessageHeader")),
        "unreadable": clerk.judge(b"<edXML"),
        "same file twice": clerk.judge(edxml({"cv.pdf": issued, "lai.pdf": issued})),
    }


NAMES = [
    *("good", "tampered", "unsigned appendix", "other agency", "missing file", "added file", "future date"),
    *("no file", "sealed whole", "sealed header", "unreadable", "same file twice"),
]


@pytest.mark.parametrize("name", NAMES)
def test_the_worst_entry_is_the_verdict_on_the_packet(name, packets):
    """Whoever looks at all entries comes to the packet's own verdict; the schema's classes read it."""
    assert worst(verdicts(packets[name])) is packets[name].indication


def test_what_is_wrong_with_the_packet_weighs_on_every_signature(packets):
    assert verdicts(packets["future date"]) == [Indication.INDETERMINATE] * 2


def test_a_fault_of_one_file_leaves_the_signatures_of_the_others(packets):
    assert verdicts(packets["tampered"]) == [Indication.TOTAL_FAILED] * 2 + [Indication.TOTAL_PASSED]


def test_every_signature_of_every_file_has_an_entry_with_its_document(packets):
    report = packets["good"]
    entries = read(report).signature_validation_report

    assert len(entries) == sum(len(f.report.signatures) for f in report.files) == 3
    assert len({e.signature_identifier.id for e in entries}) == 3
    documents = {e.signers_document.signers_document_ref.voreference[0] for e in entries}
    assert documents == {f"D-{f.report.sha256}" for f in report.files}
