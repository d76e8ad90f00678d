"""A document with its files held against its record: who signed first, for whom, when, and which files."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from ebrvt_connect import AgencyCode, PacketReport
from ebrvt_connect.errors import HeldForPerson, InvalidValue, Rejected
from ebrvt_connect.model.ids import AgencyHistory, CodeSuccession
from ebrvt_connect.testing.sample_files import workbook_xlsx
from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.transport.signers import sign_pdf
from ebrvt_connect.trust.policy import VN_2025
from tests.unit.trust.packet_samples import (
    APPENDIX,
    MAIN,
    TODAY,
    Clerk,
    codes,
    document,
    errors,
    listed,
    record_of,
)
from tests.unit.trust.samples import AGENCY, AT, OTHER_AGENCY, plain_pdf

EARLIER, LATER = AT - timedelta(hours=2), AT - timedelta(hours=1)


@pytest.fixture(scope="module")
def good(desk):
    return desk.issued(timestamper=desk.stamped())


@pytest.fixture(scope="module")
def sealed(desk):
    """An appendix as it should be: the agency's seal alone."""
    return desk.signed(timestamper=desk.stamped())


@pytest.fixture
def clerk(desk):
    return Clerk(desk)


def tampered(pdf):
    return pdf.replace(b"Van ban mau", b"Van ban xau", 1)


# --- what passes --------------------------------------------------------------------------------------


def test_leader_then_seal_of_the_issuer_passes(clerk, good):
    report = clerk.judged({"cv.pdf": good})

    assert (report.indication, report.headline_vi, errors(report)) == ("TOTAL_PASSED", "HỢP LỆ", [])
    assert (report.number, report.agency) == ("125/BC-STTTT", AGENCY)
    assert [f.part for f in report.files] == ["main"]


def test_a_sealed_appendix_passes_with_it(clerk, good, sealed):
    report = clerk.judged({"cv.pdf": good, "pl.pdf": (sealed, APPENDIX)})

    assert (report.indication, [f.part for f in report.files]) == ("TOTAL_PASSED", ["main", "appendix"])


def test_a_recoded_agency_is_the_one_that_signed(desk, good):
    history = AgencyHistory.of([CodeSuccession("H06", "H29", date(2025, 7, 1), (("H06.15", "H29.90"),))])
    with_history = Clerk(desk, history=history)

    assert with_history.judged({"cv.pdf": good}, issuer="H29.90").indication == "TOTAL_PASSED"
    assert Clerk(desk).judged({"cv.pdf": good}, issuer="H29.90").indication == "INDETERMINATE"
    assert errors(with_history.judged({"cv.pdf": good}, issuer="H29.91"))[0] == "AGENCY_SEAL_FOREIGN"


def test_the_report_is_no_yes_and_says_all_in_json_and_vietnamese(clerk, good):
    report = clerk.judged({"cv.pdf": good, "pl.xlsx": (workbook_xlsx(), APPENDIX)})

    assert isinstance(report, PacketReport)
    with pytest.raises(TypeError, match="indication"):
        bool(report)
    told = json.loads(report.to_json())
    assert [d["file"] for d in told["documents"]] == ["cv.pdf", "pl.xlsx"]
    assert told["packet"]["indication"] == report.indication == "INDETERMINATE"
    assert [f["part"] for f in told["packet"]["files"]] == ["main", "appendix"]
    text = report.to_text_vi()
    assert "Kết luận chung: CHƯA ĐỦ CƠ SỞ KẾT LUẬN" in text
    assert "[APPENDIX_NOT_SIGNED] (NĐ 30/2020/NĐ-CP Phụ lục I)" in text
    assert "{" not in text


def test_the_rules_are_those_of_the_json(clerk, good):
    report = clerk.judged({"cv.pdf": good, "pl.xlsx": (workbook_xlsx(), APPENDIX)})

    outcomes = {rule.rule: rule.outcome for rule in report.rules}
    assert (outcomes["leader"], outcomes["appendixes"]) == ("met", "unmet")
    assert outcomes == {r["rule"]: r["outcome"] for r in report.to_dict()["packet"]["rules"]}


def test_a_packet_that_has_not_passed_is_raised_with_what_weighs_on_it(clerk, good):
    undecided = clerk.judged({"cv.pdf": good, "pl.xlsx": (workbook_xlsx(), APPENDIX)})
    failed = clerk.judged({"cv.pdf": tampered(good)})

    with pytest.raises(HeldForPerson, match="APPENDIX_NOT_SIGNED") as held:
        undecided.raise_for_status()
    with pytest.raises(Rejected, match="HASH_MISMATCH") as refused:
        failed.raise_for_status()
    assert (held.value.code, refused.value.code) == ("VERIFICATION_UNDECIDED", "VERIFICATION_FAILED")


def test_every_finding_of_the_packet_cites_its_law(clerk, desk):
    report = clerk.judged({"cv.pdf": desk.signed()}, issuer=OTHER_AGENCY, dated=date(2027, 1, 1))

    assert all(f.legal_ref for f in report.all_findings() if f.severity == "error")


# --- leader and seal ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(lambda d: d.signed(d.signed(), role="person"), "SEAL_BEFORE_LEADER", id="seal first"),
        pytest.param(lambda d: d.signed(), "LEADER_SIGNATURE_MISSING", id="seal only"),
        pytest.param(lambda d: d.signed(role="person"), "AGENCY_SEAL_MISSING", id="leader only"),
        pytest.param(lambda d: d.issued(agency=OTHER_AGENCY), "AGENCY_SEAL_FOREIGN", id="foreign seal"),
        pytest.param(
            lambda d: d.signed(d.signed(role="person"), agency=OTHER_AGENCY),
            "AGENCY_SEAL_FOREIGN",
            id="own leader, foreign seal",
        ),
        pytest.param(
            lambda d: d.signed(d.issued(), agency=OTHER_AGENCY, field_name="Ba"),
            "AGENCY_SEAL_FOREIGN",
            id="foreign seal over good ones",
        ),
        pytest.param(
            lambda d: d.signed(d.signed(role="person", agency=OTHER_AGENCY)),
            "LEADER_SIGNATURE_MISSING",
            id="leader of another agency",
        ),
        pytest.param(lambda d: d.issued(flavour="unlisted"), "AGENCY_SEAL_MISSING", id="same name, unlisted"),
        pytest.param(lambda d: d.issued(flavour="impostor"), "DOCUMENT_NOT_PASSED", id="same name, unpinned"),
        pytest.param(lambda _: plain_pdf(), "AGENCY_SEAL_MISSING", id="unsigned"),
    ],
)
def test_who_signed_and_in_which_order_decides(clerk, desk, make, expected):
    report = clerk.judged({"cv.pdf": make(desk)})

    assert report.indication == "INDETERMINATE"
    assert expected in errors(report)


def by_two(desk, first, then, *, stamped=True):
    """Leader's signature at one time, seal behind it at another."""
    signed = desk.signed(role="person", at=first, timestamper=desk.stamped(first) if stamped else None)
    return desk.signed(signed, at=then, timestamper=desk.stamped(then) if stamped else None)


def test_a_seal_stamped_before_the_leader_does_not_pass_though_it_stands_behind(clerk, desk):
    report = clerk.judged({"cv.pdf": by_two(desk, LATER, EARLIER)})

    assert (report.indication, errors(report)) == ("INDETERMINATE", ["SEAL_STAMPED_BEFORE_LEADER"])
    assert report.sub_indications == ("TIMESTAMP_ORDER_FAILURE",)


def test_times_only_claimed_are_told_of_where_the_file_proves_the_order(clerk, desk):
    report = clerk.judged({"cv.pdf": by_two(desk, LATER, EARLIER, stamped=False)})

    assert report.indication == "TOTAL_PASSED"
    assert "SEAL_CLAIMED_BEFORE_LEADER" in codes(report, "warning")


def test_clocks_may_differ_by_a_little(clerk, desk):
    report = clerk.judged({"cv.pdf": by_two(desk, LATER, LATER - timedelta(seconds=30))})

    assert (report.indication, errors(report)) == ("TOTAL_PASSED", [])


@pytest.mark.parametrize(
    ("leader_from", "leader_to", "passes"),
    [("2026-11-23", "2026-11-23", True), ("2026-11-24", "", False), ("2015-01-01", "2026-11-22", False)],
)
def test_the_leaders_line_must_hold_on_the_day_of_signing(clerk, pki, good, leader_from, leader_to, passes):
    leader, seal = pki.signer(AGENCY, role="person"), pki.signer(AGENCY)
    dated = clerk.registering((leader, AGENCY, "person", leader_from, leader_to), (seal, AGENCY, "agency"))
    report = dated.judged({"cv.pdf": good})

    assert (report.indication == "TOTAL_PASSED") is passes
    assert ("LEADER_SIGNATURE_MISSING" in errors(report)) is not passes


# --- copies -------------------------------------------------------------------------------------------


@pytest.fixture
def copying(clerk, pki):
    """The other agency copies what this one issued, with a seal registered for copies."""
    return clerk.registering(
        (pki.signer(AGENCY, role="person"), AGENCY, "person"),
        (pki.signer(AGENCY), AGENCY, "agency"),
        (pki.signer(OTHER_AGENCY), OTHER_AGENCY, "copy"),
    )


@pytest.fixture
def copy(desk, pki):
    def make(pdf):
        seal, stamp = pki.signer(OTHER_AGENCY), desk.stamped()
        return sign_pdf(pdf, seal, role="copy", signed_at=AT, timestamper=stamp, field_name="SaoY")

    return make


def test_a_registered_copy_seal_over_a_good_original_passes(copying, copy, good):
    report = copying.judged({"sao.pdf": copy(good)})

    assert (report.indication, errors(report)) == ("TOTAL_PASSED", [])
    (made,) = [f for f in report.files[0].findings if f.code == "COPY_MADE"]
    assert OTHER_AGENCY in made.message_vi


def test_a_copy_of_years_ago_is_no_matter_of_the_documents_date(copying, desk, pki):
    old = datetime(2020, 3, 2, 3, tzinfo=UTC)
    pdf = desk.issued(at=old, timestamper=desk.stamped(old))
    pdf = sign_pdf(
        pdf,
        pki.signer(OTHER_AGENCY),
        role="copy",
        signed_at=AT,
        timestamper=desk.stamped(),
        field_name="SaoY",
    )

    assert copying.judged({"sao.pdf": pdf}, dated=date(2020, 3, 2)).indication == "TOTAL_PASSED"


def test_a_seal_registered_for_both_copies_when_it_stands_on_anothers_document(clerk, copy, pki, good):
    both = clerk.registering(
        (pki.signer(AGENCY, role="person"), AGENCY, "person"),
        (pki.signer(AGENCY), AGENCY, "agency"),
        (pki.signer(OTHER_AGENCY), OTHER_AGENCY, "agency"),
        (pki.signer(OTHER_AGENCY), OTHER_AGENCY, "copy"),
    )

    assert both.judged({"sao.pdf": copy(good)}).indication == "TOTAL_PASSED"
    assert both.judged({"sao.pdf": copy(good)}, issuer=OTHER_AGENCY).indication == "INDETERMINATE"


def test_a_copy_seal_makes_no_broken_original_good(copying, copy, good):
    report = copying.judged({"sao.pdf": copy(tampered(good))})

    assert report.indication == "TOTAL_FAILED"
    assert "COPY_WITHOUT_ORIGINAL" in errors(report)


@pytest.mark.parametrize("original", ["plain", "sealed only", "seal first"])
def test_a_copy_seal_alone_is_no_original(original, copying, copy, desk):
    pdf = {
        "plain": plain_pdf,
        "sealed only": lambda: desk.signed(timestamper=desk.stamped()),
        "seal first": lambda: desk.signed(desk.signed(), role="person"),
    }[original]()
    report = copying.judged({"sao.pdf": copy(pdf)})

    assert report.indication == "INDETERMINATE"
    assert set(errors(report)) & {"COPY_WITHOUT_ORIGINAL", "SEAL_BEFORE_LEADER"}


def test_what_is_signed_over_a_copy_is_no_original(copying, copy, desk):
    pdf = desk.signed(copy(desk.signed(role="person")), field_name="Dau")
    report = copying.judged({"sao.pdf": pdf})

    assert (report.indication, errors(report)) == ("INDETERMINATE", ["COPY_BEFORE_ORIGINAL"])


def test_a_copy_seal_nobody_registered_is_a_stranger(clerk, copy, good):
    assert errors(clerk.judged({"sao.pdf": copy(good)})) == ["AGENCY_SEAL_FOREIGN", "SIGNER_NOT_REGISTERED"]


# --- dates --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dated", "expected"),
    [
        (TODAY, []),
        (TODAY - timedelta(days=30), []),
        (TODAY - timedelta(days=31), ["SIGNED_LONG_AFTER_DOCUMENT_DATE"] * 2),
        (TODAY + timedelta(days=1), ["SIGNED_BEFORE_DOCUMENT_DATE", "DOCUMENT_DATE_IN_FUTURE"]),
        (
            TODAY + timedelta(days=16),
            ["SIGNED_BEFORE_DOCUMENT_DATE", "SIGNED_BEFORE_DOCUMENT_DATE", "DOCUMENT_DATE_IN_FUTURE"],
        ),
    ],
)
def test_signing_days_are_held_against_the_documents_date(clerk, good, dated, expected):
    report = clerk.judged({"cv.pdf": good}, dated=dated)

    assert sorted(errors(report)) == sorted(expected)
    assert (report.indication == "TOTAL_PASSED") is (not expected)


def test_how_many_days_is_the_policys_word(desk, good):
    patient = VN_2025.model_copy(update={"signed_days_after": 400})

    dated = TODAY - timedelta(days=365)
    assert Clerk(desk, policy=patient).judged({"cv.pdf": good}, dated=dated).indication == "TOTAL_PASSED"
    assert Clerk(desk).judged({"cv.pdf": good}, dated=dated).indication == "INDETERMINATE"


def test_a_day_is_a_day_in_vietnam(desk):
    evening = datetime(2026, 11, 22, 17, 30, tzinfo=UTC)  # the 23rd already
    pdf = desk.issued(at=evening, timestamper=desk.stamped(evening))

    assert Clerk(desk).judged({"cv.pdf": pdf}).indication == "TOTAL_PASSED"


def test_a_record_without_a_date_says_so(clerk, good):
    report = clerk.judged({"cv.pdf": good}, dated=None)

    assert (report.indication, codes(report, "warning")) == ("TOTAL_PASSED", ["DOCUMENT_DATE_MISSING"])


# --- the files of the record --------------------------------------------------------------------------


def test_an_attachment_replaced_by_another_good_one_has_failed(clerk, good, sealed, desk):
    record, files = record_of({"cv.pdf": good, "pl.pdf": (sealed, APPENDIX)})
    files["pl.pdf"] = desk.signed(timestamper=desk.stamped())
    report = clerk.judge(record, files)

    assert (report.indication, errors(report)) == ("TOTAL_FAILED", ["PACKET_FILE_CHANGED"])


def test_a_wrong_digest_in_the_record_has_failed(clerk, good):
    record = document(listed(1, "cv.pdf", good, sha256="0" * 64))

    assert clerk.judge(record, {"cv.pdf": good}).sub_indications == ("HASH_FAILURE",)


@pytest.mark.parametrize("role", [MAIN, APPENDIX])
def test_a_file_of_the_record_that_is_missing_is_missed(clerk, good, sealed, role):
    record, files = record_of({"cv.pdf": good, "pl.pdf": (sealed, role)})
    report = clerk.judge(record, {"cv.pdf": files["cv.pdf"]})

    assert (report.indication, errors(report)) == ("INDETERMINATE", ["PACKET_FILE_MISSING"])


def test_the_missing_main_file_is_not_replaced_by_the_appendix(clerk, good):
    record, _ = record_of({"cv.pdf": good, "pl.pdf": (good, APPENDIX)})
    report = clerk.judge(record, {"pl.pdf": good})

    assert (report.indication, report.files[0].report) == ("INDETERMINATE", None)


def test_a_file_the_record_does_not_name_does_not_pass(clerk, good, sealed):
    record, files = record_of({"cv.pdf": good})
    report = clerk.judge(record, {**files, "them.pdf": sealed})

    assert (report.indication, errors(report)) == ("INDETERMINATE", ["PACKET_FILE_UNLISTED"])
    assert [f.part for f in report.files] == ["main", "unlisted"]


def test_one_name_for_two_files_is_unclear(clerk, good, sealed, tmp_path):
    record = document(listed(1, "cv.pdf", good), listed(2, "CV.pdf", sealed, APPENDIX))
    report = clerk.judge(record, {"cv.pdf": good, "CV.pdf": sealed})

    assert (report.indication, errors(report)) == ("INDETERMINATE", ["PACKET_NAME_REPEATED"])


def test_two_files_of_one_name_given_do_not_both_count(clerk, good, tmp_path):
    for folder, content in (("a", good), ("b", tampered(good))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "cv.pdf").write_bytes(content)
    record, _ = record_of({"cv.pdf": good})
    report = clerk.judge(record, [tmp_path / "b" / "cv.pdf", tmp_path / "a" / "cv.pdf"])

    assert report.indication == "TOTAL_FAILED"
    assert set(errors(report)) >= {"PACKET_FILE_CHANGED", "PACKET_FILE_UNLISTED"}


def test_names_swapped_in_the_record_are_found_out_by_digests(clerk, good, sealed):
    record = document(listed(1, "cv.pdf", sealed), listed(2, "pl.pdf", good, APPENDIX))
    report = clerk.judge(record, {"cv.pdf": good, "pl.pdf": sealed})

    assert errors(report) == ["PACKET_FILE_CHANGED", "PACKET_FILE_CHANGED"]
    assert report.indication == "TOTAL_FAILED"


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "C:\\cv.pdf", "\u202efdp.exe", ""])
def test_names_that_lie_are_shown_harmless_and_opened_nowhere(clerk, good, name):
    record = document(listed(1, name, good))
    report = clerk.judge(record, {name: good})

    assert errors(report) == (["FILE_NAME_OF_ANOTHER_KIND"] if name.endswith(".exe") else [])
    (shown,) = [d["file"] for d in report.to_dict()["documents"]]
    assert not set(shown) & set("/\\\u202e")
    assert shown


def test_a_record_without_files_does_not_pass(clerk):
    report = clerk.judge(document())

    assert (report.indication, errors(report)) == ("INDETERMINATE", ["PACKET_WITHOUT_MAIN_FILE"])


def test_a_record_of_appendixes_only_does_not_pass(clerk, sealed):
    report = clerk.judged({"pl.pdf": (sealed, APPENDIX)})

    assert (report.indication, errors(report)) == ("INDETERMINATE", ["PACKET_WITHOUT_MAIN_FILE"])


# --- appendixes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda _: plain_pdf(), "APPENDIX_NOT_SIGNED"),
        (lambda _: workbook_xlsx(), "APPENDIX_NOT_SIGNED"),
        (lambda _: b"So lieu\n", "APPENDIX_NOT_SIGNED"),
        (lambda d: d.signed(role="person"), "APPENDIX_NOT_SEALED"),
        (lambda d: d.signed(agency=OTHER_AGENCY), "APPENDIX_NOT_SEALED"),
        (lambda d: d.signed(flavour="unlisted"), "APPENDIX_NOT_SEALED"),
    ],
)
def test_an_appendix_in_a_file_of_its_own_needs_the_seal(clerk, desk, good, make, expected):
    report = clerk.judged({"cv.pdf": good, "pl.bin": (make(desk), APPENDIX)})

    assert report.indication == "INDETERMINATE"
    assert expected in errors(report)


def test_a_tampered_appendix_fails_the_packet(clerk, good, sealed):
    report = clerk.judged({"cv.pdf": good, "pl.pdf": (tampered(sealed), APPENDIX)})

    assert report.indication == "TOTAL_FAILED"


def test_where_the_record_tells_no_parts_the_first_file_is_the_document(clerk, good, sealed):
    """edXML knows no roles: all are called main."""
    assert clerk.judged({"cv.pdf": good, "pl.pdf": sealed}).indication == "TOTAL_PASSED"
    turned = clerk.judged({"pl.pdf": sealed, "cv.pdf": good})
    assert (turned.indication, "LEADER_SIGNATURE_MISSING" in errors(turned)) == ("INDETERMINATE", True)


def test_every_file_called_main_beside_an_appendix_needs_both_signatures(clerk, good, sealed):
    report = clerk.judged({"cv.pdf": good, "hai.pdf": sealed, "pl.pdf": (sealed, APPENDIX)})

    assert errors(report) == ["LEADER_SIGNATURE_MISSING"]


# --- detached signatures ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def beside(pki):
    def make(content, *roles, agency=AGENCY, times=(AT,)):
        signers = [pki.signer(agency, role=role) for role in roles]
        return signed_cms(content, signers, signed_at=times[0], detached=True)

    return make


def test_a_detached_signature_signs_the_file_it_stands_beside(clerk, beside):
    content = b"Noi dung van ban\n"
    report = clerk.judged({"cv.txt": content, "cv.txt.p7s": beside(content, "person", "agency")})

    assert (report.indication, errors(report)) == ("TOTAL_PASSED", [])
    assert [f.part for f in report.files] == ["main", "signature"]
    assert "SIGNED_BESIDE" in [f.code for f in report.files[0].report.findings]
    assert [d["indication"] for d in report.to_dict()["documents"]] == ["TOTAL_PASSED"] * 2


@pytest.mark.parametrize("name", ["cv.p7s", "cv.txt.p7s", "cv.txt.P7S"])
def test_a_signature_may_stand_first_and_be_called_after_the_stem(clerk, beside, name):
    content = b"Noi dung van ban\n"
    assert clerk.judged({name: beside(content, "person", "agency"), "cv.txt": content}).indication == (
        "TOTAL_PASSED"
    )


def test_content_replaced_beside_its_signature_has_failed(clerk, beside):
    signature = beside(b"Noi dung van ban\n", "person", "agency")
    report = clerk.judged({"cv.txt": b"Noi dung khac\n", "cv.txt.p7s": signature})

    assert report.indication == "TOTAL_FAILED"
    assert "HASH_FAILURE" in report.sub_indications


def test_a_signature_whose_content_is_missing_does_not_pass(clerk, beside, good):
    signature = beside(b"Noi dung\n", "person", "agency")
    record, files = record_of({"cv.pdf": good, "pl.txt": (b"Noi dung\n", APPENDIX), "pl.txt.p7s": signature})
    del files["pl.txt"]
    report = clerk.judge(record, files)

    assert report.indication == "INDETERMINATE"
    assert "DETACHED_CONTENT_MISSING" in [f.code for f in report.all_findings()]
    assert "PACKET_FILE_MISSING" in errors(report)


def test_two_files_a_signature_may_be_about_leave_it_unclear(clerk, beside, good):
    content = b"Noi dung\n"
    files = {"cv.pdf": good, "pl.txt": (content, APPENDIX), "pl.csv": (b"khac\n", APPENDIX)}
    report = clerk.judged({**files, "pl.p7s": (beside(content, "agency"), APPENDIX)})

    assert report.indication == "INDETERMINATE"


@pytest.mark.parametrize(
    ("roles", "agency", "expected"),
    [
        (("agency",), AGENCY, "LEADER_SIGNATURE_MISSING"),
        (("person", "agency"), OTHER_AGENCY, "AGENCY_SEAL_FOREIGN"),
    ],
)
def test_a_detached_signature_is_held_against_the_record_too(clerk, beside, roles, agency, expected):
    content = b"Noi dung\n"
    report = clerk.judged({"cv.txt": content, "cv.txt.p7s": beside(content, *roles, agency=agency)})

    assert report.indication == "INDETERMINATE"
    assert expected in errors(report)


def test_a_stranger_who_signs_a_good_document_beside_it_is_told(clerk, beside, good):
    report = clerk.judged({"cv.pdf": good, "cv.pdf.p7s": beside(good, "agency", agency=OTHER_AGENCY)})

    assert report.indication == "INDETERMINATE"
    assert "APPENDIX_NOT_SEALED" in errors(report)


def test_a_detached_signature_does_not_mend_a_broken_document(clerk, beside, good):
    broken = tampered(good)
    report = clerk.judged({"cv.pdf": broken, "cv.pdf.p7s": beside(broken, "person", "agency")})

    assert report.indication == "TOTAL_FAILED"


def test_a_detached_signature_does_not_tell_the_order_by_its_place(clerk, beside):
    """The signers of a CMS file stand in the order of their encoding."""
    content = plain_pdf()
    assert clerk.judged({"a.pdf": content, "a.pdf.p7s": beside(content, "person", "agency")}).indication == (
        "TOTAL_PASSED"
    )


# --- what it is asked with ----------------------------------------------------------------------------


def test_json_as_extract_writes_it_is_a_record(clerk, good, tmp_path):
    record, files = record_of({"cv.pdf": good})
    (tmp_path / "metadata.json").write_bytes(record.model_dump_json(indent=2).encode())
    (tmp_path / "01-cv.pdf").write_bytes(good)

    report = clerk.judge(tmp_path / "metadata.json", [tmp_path / "01-cv.pdf"])
    assert (report.file, report.indication) == ("metadata.json", "TOTAL_PASSED")
    shown = json.dumps({"signature": "none", "record": json.loads(record.model_dump_json())}).encode()
    assert clerk.judge(shown, files).indication == "TOTAL_PASSED"


@pytest.mark.parametrize("text", ["{", "{}", '{"record": 3}', '{"number": "1/a", "number": "2/a"}', "[1]"])
def test_json_that_is_no_record_is_refused(clerk, text):
    if text == "[1]":  # no object: taken for edXML, and unreadable as such
        assert clerk.judge(text.encode()).indication == "TOTAL_FAILED"
        return
    with pytest.raises(InvalidValue):
        clerk.judge(text.encode())


def test_a_naive_time_is_refused(clerk, good):
    with pytest.raises(ValueError, match="aware"):
        clerk.judge(*record_of({"cv.pdf": good}), at=datetime(2026, 11, 23))  # noqa: DTZ001


def test_a_file_past_the_limit_is_unclear_and_not_called_changed(desk, good):
    small = VN_2025.model_copy(update={"largest_bytes": 1000})
    report = Clerk(desk, policy=small).judged({"cv.pdf": good})

    assert report.indication == "INDETERMINATE"
    assert "PACKET_FILE_CHANGED" not in errors(report)


def test_agency_codes_are_told_as_the_record_has_them(clerk, good):
    assert clerk.judged({"cv.pdf": good}, issuer="H06.15").agency == str(AgencyCode.parse("H06.15"))
