"""Verdicts with the network's help, with embedded answers, and repeated years later from what was kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from asn1crypto import cms, core
from asn1crypto import ocsp as asn1_ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.signers.pdf_signer import PdfTimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore

from ebrvt_connect.api import VN_2025, verify
from ebrvt_connect.errors import HeldForPerson, InvalidValue
from ebrvt_connect.store.evidence import EvidenceFolder, Listed, Unlisted
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.pki import _asn1
from ebrvt_connect.testing.pki_issue import Request, issue, new_key, revocation_list
from ebrvt_connect.testing.revocation_authority import Misbehaviour, RevocationAuthority
from ebrvt_connect.transport.revocation_online import OnlineRevocation, online_for
from ebrvt_connect.transport.revocation_settings import OnlineSettings
from ebrvt_connect.transport.signers import KeySigner, sign_pdf
from ebrvt_connect.trust.anchors import Anchor, Branch, TrustStore
from ebrvt_connect.trust.revocation import RevocationArchive
from ebrvt_connect.trust.verdict import Indication, SignatureRole
from ebrvt_connect.trust.verify import verify_bytes
from tests.unit.trust.samples import AT, plain_pdf, with_signed_data

PASSED, UNDECIDED, FAILED = Indication.TOTAL_PASSED, Indication.INDETERMINATE, Indication.TOTAL_FAILED


class Office:
    """An authority of its own with a responder, and one signer whose certificate names both addresses."""

    def __init__(self, authority, root, signer):
        self.authority = authority
        self.root = root
        self.signer = signer

    @property
    def trust(self):
        """Only the root's own list is at hand: the issuing authority is known good, the signer is not."""
        listed = revocation_list(self.root, [], issued_at=AT, next_at=AT + timedelta(days=365))
        anchors = (Anchor(self.root.certificate, Branch.GOVERNMENT),)
        return TrustStore(anchors, (self.authority.issuer.certificate,), RevocationArchive.of([listed]))

    def signed(self, **more):
        leaf, *chain = (_asn1(c) for c in (self.signer.certificate, *self.signer.chain))
        key = KeySigner(leaf, self.signer.key, chain)
        return sign_pdf(plain_pdf(), key, role=SignatureRole.AGENCY, signed_at=AT, **more)


@pytest.fixture(scope="module")
def keys():
    return [new_key() for _ in range(4)]


@pytest.fixture(scope="module")
def clock():
    return FakeClock(AT)


@pytest.fixture(scope="module")
def office(keys, clock):
    root = issue(Request("Gốc", authority=True), None, keys[0])
    issuer = issue(Request("Cơ quan cấp", authority=True), root, keys[1])
    impostor = issue(Request("Cơ quan cấp", authority=True), None, keys[2])
    with RevocationAuthority(issuer, clock.now, impostor=impostor).serving() as authority:
        wanted = Request("Sở Mẫu", ocsp_url=authority.ocsp_url, crl_url=authority.crl_url)
        yield Office(authority, root, issue(wanted, issuer, keys[3]))


@pytest.fixture(autouse=True)
def quiet(office, clock):
    """Every test begins with an authority that behaves, and at the same time."""
    office.authority.revoked.clear()
    office.authority.asked.clear()
    office.authority.ocsp_fault = office.authority.crl_fault = None
    clock.jump(AT)


@pytest.fixture
def online(office, clock, tmp_path):
    host = office.authority.url.removeprefix("http://")
    settings = OnlineSettings(hosts=(host,), private_hosts=(host,), tries=1)
    made = online_for(office.trust, settings, cache=tmp_path / "cache", clock=clock)
    yield made
    made.close()


@pytest.fixture(scope="module")
def document(office):
    return office.signed()


def judged(office, document, clock, revocation=None, **more):
    return verify(document, policy=VN_2025, trust=office.trust, revocation=revocation, clock=clock, **more)


def codes(report):
    return [f.code for f in report.all_findings()]


# --- online ----------------------------------------------------------------------------------------


def test_offline_it_stays_unknown_and_nobody_is_asked(office, document, clock):
    report = judged(office, document, clock)

    assert (report.indication, office.authority.asked) == (UNDECIDED, [])
    assert "REVOCATION_UNKNOWN" in codes(report)


def test_online_settles_what_was_open(office, document, clock, online):
    report = judged(office, document, clock, online)
    facts = report.signatures[0].revocation

    assert (report.indication, facts.status, facts.source, facts.fetched_at) == (PASSED, "good", "ocsp", AT)
    assert office.authority.asked == ["ocsp"]


def test_online_finds_a_revocation(office, document, clock, online):
    office.authority.revoke(office.signer.certificate, AT - timedelta(days=1))

    report = judged(office, document, clock, online)

    assert report.indication is not PASSED
    assert report.signatures[0].revocation.status == "revoked"


def test_a_list_at_hand_that_is_older_than_the_signature_is_checked_anew(office, document, clock, online):
    old = RevocationArchive.of(
        [revocation_list(office.authority.issuer, [], issued_at=AT - timedelta(days=5))]
    )
    trust = replace(office.trust, revocation=office.trust.revocation + old)
    office.authority.revoke(office.signer.certificate, AT - timedelta(days=1))

    offline = verify(document, policy=VN_2025, trust=trust, clock=clock)
    report = verify(document, policy=VN_2025, trust=trust, revocation=online, clock=clock)

    assert (offline.indication, report.signatures[0].revocation.status) == (PASSED, "revoked")


@pytest.mark.parametrize(
    "fault", [Misbehaviour.HTML, Misbehaviour.WRONG_SIGNER, Misbehaviour.UNSIGNED, Misbehaviour.EXPIRED]
)
def test_servers_that_lie_or_fail_leave_it_undecided_and_it_is_said(office, document, clock, online, fault):
    office.authority.ocsp_fault = office.authority.crl_fault = fault

    report = judged(office, document, clock, online)

    assert report.indication is UNDECIDED
    assert {"REVOCATION_UNKNOWN", "REVOCATION_NOT_FETCHED"} <= set(codes(report))


def test_what_was_made_after_a_given_time_of_check_does_not_exist_for_it(office, document, clock, online):
    clock.advance(timedelta(days=2))

    assert judged(office, document, clock, online, at=AT).indication is UNDECIDED
    assert judged(office, document, clock, online).indication is PASSED


def test_hosts_nobody_allowed_are_not_asked(office, document, clock):
    online = OnlineRevocation(OnlineSettings(), clock=clock)

    report = judged(office, document, clock, online)
    online.close()

    assert (report.indication, office.authority.asked) == (UNDECIDED, [])
    assert "REVOCATION_NOT_FETCHED" in codes(report)


# --- answers that came along -----------------------------------------------------------------------


def with_dss(document, *answers):
    writer = IncrementalPdfFileWriter(BytesIO(document))
    read = [asn1_ocsp.OCSPResponse.load(a) for a in answers]
    DocumentSecurityStore.supply_dss_in_writer(writer, None, certs=(), ocsps=read, crls=())
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


def test_an_answer_in_the_files_own_store_counts(office, document, clock):
    answer = office.authority.answer_about(office.signer.certificate)

    report = judged(office, with_dss(document, answer), clock)

    assert (report.indication, report.signatures[0].revocation.source) == (PASSED, "ocsp")


@pytest.mark.parametrize(
    "fault",
    [Misbehaviour.WRONG_SERIAL, Misbehaviour.WRONG_SIGNER, Misbehaviour.UNSIGNED, Misbehaviour.EXPIRED],
)
def test_an_answer_in_the_file_must_prove_itself(office, document, clock, fault):
    office.authority.ocsp_fault = fault
    forged = office.authority.answer_about(office.signer.certificate)

    assert judged(office, with_dss(document, forged), clock).indication is UNDECIDED


def test_an_answer_in_the_file_that_tells_of_a_revocation_counts(office, document, clock):
    office.authority.revoke(office.signer.certificate, AT - timedelta(days=1))
    answer = office.authority.answer_about(office.signer.certificate)

    report = judged(office, with_dss(document, answer), clock)

    assert report.signatures[0].revocation.status == "revoked"


def test_an_answer_among_the_unsigned_attributes_counts(office, document, clock):
    """CAdES RevocationValues (1.2.840.113549.1.9.16.2.24) has the answer's inner part, under [1]."""
    answer = asn1_ocsp.OCSPResponse.load(office.authority.answer_about(office.signer.certificate))
    listed = _tlv(0x30, answer.basic_ocsp_response.dump())
    values = _tlv(0x30, _tlv(0xA1, listed))

    def put(content):
        kind, held = core.ObjectIdentifier("1.2.840.113549.1.9.16.2.24").dump(), _tlv(0x31, values)
        attribute = cms.CMSAttribute.load(_tlv(0x30, kind + held))
        content["signer_infos"][0]["unsigned_attrs"] = cms.CMSAttributes([attribute])

    report = judged(office, with_signed_data(document, put), clock)

    assert (report.indication, report.signatures[0].revocation.source) == (PASSED, "ocsp")


def _tlv(tag, content):
    size = len(content)
    raw = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
    return bytes([tag]) + (raw if size < 128 else bytes([0x80 | len(raw)]) + raw) + content


def archived(document, stamper, at):
    """The file with a document timestamp at its end."""
    writer = IncrementalPdfFileWriter(BytesIO(document))
    return PdfTimeStamper(stamper(at)).timestamp_pdf(writer, "sha256").getvalue()


def test_an_answer_under_a_document_timestamp_outlives_its_responder(office, clock, desk, keys):
    """Years later the responder's certificate is gone; the timestamp shows that the answer is older."""
    short = Request(
        "Máy chủ OCSP",
        purpose=ExtendedKeyUsageOID.OCSP_SIGNING,
        no_check=True,
        valid_to=AT + timedelta(days=30),
    )
    office.authority.responder = issue(short, office.authority.issuer, keys[2])
    signed = office.signed(timestamper=desk.stamped(AT))
    answer = office.authority.answer_about(office.signer.certificate)
    office.authority.responder = None
    stamps = [a for a in desk.trust.anchors if a.branch is Branch.TSA]
    lists = [revocation_list(desk.pki.identity(name), []) for name in ("root", "tsa-issuer")]
    trust = replace(
        office.trust,
        anchors=(*office.trust.anchors, *stamps),
        intermediates=(*office.trust.intermediates, *desk.trust.intermediates),
        revocation=office.trust.revocation + RevocationArchive.of(lists),
    )
    later = AT + timedelta(days=90)

    def judged_later(pdf):
        return verify(pdf, policy=VN_2025, trust=trust, at=later).signatures[0]

    bare, before = with_dss(signed, answer), archived(with_dss(signed, answer), desk.stamped, AT)
    backdated = with_dss(archived(signed, desk.stamped, AT), answer)
    too_late = archived(with_dss(signed, answer), desk.stamped, AT + timedelta(days=60))

    assert judged_later(before).indication is PASSED
    assert [judged_later(pdf).indication for pdf in (bare, backdated, too_late)] == [UNDECIDED] * 3


# --- kept and repeated -----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    return EvidenceFolder(tmp_path / "evidence")


@pytest.fixture
def kept(office, document, clock, online, folder):
    """A verdict that had to ask, with its evidence."""
    report = judged(office, document, clock, online, evidence=folder, name="cong-van.pdf")
    (name,) = folder.names()
    return report, name


def test_a_verdict_is_repeated_from_its_evidence_alone(office, document, clock, kept, folder):
    report, name = kept
    office.authority.revoke(office.signer.certificate, AT - timedelta(days=1))  # what is so by now

    again = folder.replay(name, document)

    assert (again.differences, again.rules_changed) == ((), False)
    assert again.report.model_copy(update={"evidence": report.evidence}) == report
    assert again.outcome_vi.endswith("giống lần trước.")


def test_what_is_kept_is_named_in_the_report_and_is_there(kept, folder, office):
    report, name = kept
    record = folder.record(name)

    assert report.evidence
    assert set(report.evidence) < record.digests()
    assert all(folder.content(sha256) for sha256 in record.digests())
    assert report.signatures[0].revocation.sha256 in record.ocsp
    assert record.fetched == {report.signatures[0].revocation.sha256: AT}
    assert (record.file, record.at, record.policy) == ("cong-van.pdf", AT, report.policy)
    assert (len(record.crls), len(record.anchors), len(record.hints)) == (1, 1, 1)


def test_timestamps_are_kept_too(desk, trust, folder, issued):
    report = verify(issued, policy=VN_2025, trust=trust, at=AT, evidence=folder)
    (name,) = folder.names()
    record = folder.record(name)

    assert {t.sha256 for s in report.signatures for t in s.timestamps} == set(record.timestamps)
    assert folder.replay(name, issued).differences == ()


@pytest.mark.parametrize("flavour", ["revoked", "expired", "impostor", "weak", "unlisted"])
def test_bad_verdicts_are_repeated_too(desk, trust, folder, flavour):
    document = desk.signed(flavour=flavour)
    report = verify(document, policy=VN_2025, trust=trust, at=AT, evidence=folder)
    (name,) = folder.names()

    again = folder.replay(name, document)

    assert (again.report.indication, again.differences) == (report.indication, ())


def test_verdicts_on_packets_are_repeated_with_what_is_attached(trust, folder):
    packets = sorted((Path(__file__).parents[2] / "vectors" / "edxml").rglob("*.*ml"))[:3]
    for packet in packets:
        before = set(folder.names())
        report = verify(packet, policy=VN_2025, trust=trust, at=AT, evidence=folder)
        (name,) = set(folder.names()) - before

        assert folder.replay(name, packet.read_bytes()).differences == ()
        assert folder.record(name).indication is report.indication
    assert packets


def test_another_outcome_is_told(document, kept, folder):
    """A record whose answer is left out: what was passed is undecided now."""
    _, name = kept
    record = folder.record(name)
    from ebrvt_connect.trust.evidence import replayed

    again = replayed(record.model_copy(update={"ocsp": ()}), folder.content, document)

    assert again.report.indication is UNDECIDED
    assert any("kết luận" in d for d in again.differences)
    with pytest.raises(TypeError):
        bool(again)


def test_another_file_is_refused(document, kept, folder):
    _, name = kept

    for data, beside, code in (
        (document + b" ", {}, "EVIDENCE_OTHER_FILE"),
        (document, {"a.txt": b"a"}, "EVIDENCE_OTHER_CONTENT"),
    ):
        with pytest.raises(InvalidValue) as refused:
            folder.replay(name, data, beside)
        assert refused.value.code == code


def test_changed_or_missing_evidence_is_found(document, kept, folder):
    _, name = kept
    (sha256,) = folder.record(name).ocsp
    path = next(folder.folder.glob(f"objects/*/*/{sha256}"))
    for change in (lambda: path.write_bytes(path.read_bytes() + b"\0"), path.unlink):
        change()
        with pytest.raises(InvalidValue) as refused:
            folder.replay(name, document)
        assert refused.value.code == "EVIDENCE_DAMAGED"


def test_a_changed_record_is_found(document, kept, folder):
    _, name = kept
    path = folder.folder / "records" / name
    path.write_bytes(path.read_bytes().replace(b"TOTAL_PASSED", b"TOTAL_FAILED"))

    for wrong in (name, "../" + name, "20260101T000000Z-nothing.json", ""):
        with pytest.raises(InvalidValue) as refused:
            folder.replay(wrong, document)
        assert refused.value.code == "EVIDENCE_DAMAGED"


def test_one_damaged_record_hides_none_of_the_others(office, document, clock, kept, folder):
    """`evidence list` stopped at the first that did not read."""
    for _ in range(3):
        clock.advance(timedelta(minutes=1))
        judged(office, document, clock, evidence=folder)
    _, second, third, last = folder.names()
    (folder.folder / "records" / second).write_bytes(b"{}")
    folder.folder.joinpath("objects", *_place(folder.record(third).report)).unlink()

    rows = list(folder.listing())

    assert [row.name for row in rows] == list(folder.names())
    assert [row.trouble.code for row in rows if isinstance(row, Unlisted)] == ["EVIDENCE_DAMAGED"] * 2
    assert [row.name for row in rows if isinstance(row, Unlisted)] == [second, third]
    with pytest.raises(InvalidValue) as refused:
        folder.delete(last)
    assert (refused.value.code, second in refused.value.sentence_vi) == ("EVIDENCE_DELETION_UNSAFE", True)
    folder.delete(second)
    folder.delete(last)
    assert [row.name for row in folder.listing() if isinstance(row, Listed)] == [kept[1]]


def test_a_piece_that_records_share_is_missed_in_each_of_them(office, document, clock, kept, folder):
    """A list or answer that was lost showed only years later, when a record was replayed."""
    clock.advance(timedelta(minutes=1))
    judged(office, document, clock, evidence=folder)
    shared = folder.record(kept[1]).rules
    folder.folder.joinpath("objects", *_place(shared)).unlink()

    rows = list(folder.listing())

    assert [(row.name, row.record) for row in rows] == [
        (name, folder.record(name)) for name in folder.names()
    ]
    assert all(shared in row.trouble.sentence_vi for row in rows)


def test_a_piece_that_was_damaged_is_made_whole_by_the_next_verdict_that_needs_it(
    office, document, clock, kept, folder
):
    """What lay there under the right name was taken for what it was called: new evidence was born damaged."""
    shared = folder.record(kept[1]).rules
    path = folder.folder.joinpath("objects", *_place(shared))
    path.write_bytes(b"x" + path.read_bytes()[1:])
    clock.advance(timedelta(minutes=1))

    judged(office, document, clock, evidence=EvidenceFolder(folder.folder))

    assert [type(row) for row in folder.listing()] == [Listed, Listed]


def _place(sha256):
    return sha256[:2], sha256[2:4], sha256


def test_whoever_only_looks_makes_no_folders(tmp_path):
    with pytest.raises(InvalidValue) as refused:
        EvidenceFolder.existing(tmp_path)
    assert refused.value.code == "EVIDENCE_FOLDER_UNKNOWN"
    assert list(tmp_path.iterdir()) == []


def lying_in(folder):
    """Every file with its number and bytes: one that is written anew has another number."""
    files = (p for p in folder.folder.rglob("*") if p.is_file() and p.name != ".lock")
    return {p: (p.stat().st_ino, p.read_bytes()) for p in files}


def test_the_same_verdict_twice_is_one_record_and_nothing_is_overwritten(office, document, clock, folder):
    for _ in range(2):
        judged(office, document, clock, evidence=folder)
    before = lying_in(folder)
    judged(office, document, clock, evidence=folder)

    assert len(folder.names()) == 1
    assert before == lying_in(folder)


def test_deleting_takes_what_no_other_verdict_rests_on(office, document, clock, kept, folder):
    _, name = kept
    clock.advance(timedelta(minutes=1))
    judged(office, document, clock, evidence=folder)
    (other,) = (n for n in folder.names() if n != name)

    assert folder.delete(name) >= 2  # its report and the answer; the certificates are the other's too
    assert folder.names() == (other,)
    assert folder.replay(other, document).differences == ()
    folder.delete(other)
    assert not [p for p in folder.folder.rglob("*") if p.is_file() and p.name != ".lock"]
    with pytest.raises(InvalidValue):
        folder.delete(other)


def test_nothing_is_told_before_it_is_kept(office, document, clock, folder):
    (folder.folder / "records").rmdir()
    (folder.folder / "records").write_text("in the way")

    with pytest.raises(HeldForPerson) as failure:
        judged(office, document, clock, evidence=folder)
    assert failure.value.code == "STORE_FULL"


def test_notes_change_no_verdict(office, document):
    from ebrvt_connect.trust.inquiry import Inquiry

    notes = Inquiry()
    told = verify_bytes(document, policy=VN_2025, trust=office.trust, at=AT, notes=notes)

    assert told == verify_bytes(document, policy=VN_2025, trust=office.trust, at=AT)
    assert [q.state.status for q in notes.questions] == ["unknown", "good"]
    assert datetime(2026, 11, 23, 1, 0, tzinfo=UTC) == AT
