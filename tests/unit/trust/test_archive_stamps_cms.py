"""Archive timestamps of CMS signatures: what is so in CMS alone; the rest stands in `test_archive_stamps`."""

import hashlib
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from asn1crypto import cms, core
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from ebrvt_connect.testing.pki_issue import Request, issue
from ebrvt_connect.testing.revocation_authority import RevocationAuthority
from ebrvt_connect.testing.sample_archived_cms import HashIndex, with_archive_timestamp, with_validation_data
from ebrvt_connect.transport.signing_cms import run_steps
from ebrvt_connect.trust.archive_stamps import MOST_STAMPS
from ebrvt_connect.trust.archive_stamps_cms import archive_stamps_in_cms
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.signed_data import load_signed_data, signed_by_one
from ebrvt_connect.trust.verify import verify_bytes
from tests.unit.trust.archive_samples import (
    CONTENT,
    FAILED,
    HOUR,
    LAPSE,
    MIDWAY,
    PASSED,
    SOON,
    UNCLEAR,
    CmsPapers,
    codes,
    level,
    put,
    rewritten,
    told,
    unsigned,
)
from tests.unit.trust.samples import AGENCY, AT, EARLY
from tests.unit.trust.time_samples import lists_of, stamper_of

OCSP_SIGNING = ExtendedKeyUsageOID.OCSP_SIGNING


@pytest.fixture
def papers(desk):
    return CmsPapers(desk)


@pytest.fixture
def signed(papers):
    return papers.signed


@pytest.fixture
def archived(papers):
    return papers.archived


# --- levels --------------------------------------------------------------------------------------------


def test_the_archive_lies_over_a_content_beside_the_signature(desk, signed):
    data = with_archive_timestamp(signed(detached=True), desk.stamped(SOON), content=CONTENT)

    def verdict(content):
        return verify_bytes(data, policy=VN_2025, trust=desk.trust, at=AT, detached={"a": content})

    assert (verdict(CONTENT).indication, level(verdict(CONTENT))) == (PASSED, "B-LTA")
    assert verdict(CONTENT + b"x").indication is FAILED


def test_without_its_content_the_archive_is_not_judged(desk, signed):
    data = with_archive_timestamp(signed(detached=True), desk.stamped(SOON), content=CONTENT)

    assert told(desk.verdict(data)) == (UNCLEAR, {"SIGNED_DATA_NOT_FOUND"})


def test_each_signer_has_an_archive_of_its_own(desk, signed):
    signers = [desk.pki.signer(AGENCY, role="person"), desk.pki.signer(AGENCY)]
    data = with_archive_timestamp(signed(signers=signers), desk.stamped(SOON), signer=1)
    report = desk.verdict(data)

    assert report.indication is PASSED
    assert [s.level for s in report.signatures] == ["B-LT", "B-LTA"]


# --- what it proves ------------------------------------------------------------------------------------


def test_an_archive_older_than_the_signatures_timestamp_is_undecided(desk, archived):
    assert told(desk.verdict(archived(EARLY - HOUR))) == (UNCLEAR, {"TIMESTAMP_ORDER_FAILURE"})


def test_an_answer_of_a_responder_that_has_expired_counts_where_it_is_archived(desk, pki, signed):
    issuer = pki.identity("issuer")
    usage = Request(
        "Máy chủ OCSP", purpose=OCSP_SIGNING, no_check=True, valid_to=datetime(2016, 1, 1, tzinfo=UTC)
    )
    authority = RevocationAuthority(issuer, lambda: SOON)
    authority.responder = issue(usage, issuer, pki.identity("ocsp").key)
    answer = authority.answer_about(pki.identity(f"{AGENCY}-agency-good").certificate)
    data = signed(evidence=False)
    others = [c for c in desk.trust.revocation.crls if c.issuer != issuer.certificate.subject]
    lists = [c.public_bytes(Encoding.DER) for c in others]
    with_answer = with_validation_data(data, crls=lists, ocsps=[answer])
    bare = desk.without_revocation_lists()
    late = with_validation_data(
        with_archive_timestamp(with_validation_data(data, crls=lists), desk.stamped(SOON)), ocsps=[answer]
    )

    kept = bare.verdict(with_archive_timestamp(with_answer, desk.stamped(SOON)))
    assert (kept.indication, level(kept)) == (PASSED, "B-LTA"), codes(kept)
    assert told(bare.verdict(with_answer)) == (UNCLEAR, {"TRY_LATER"})
    assert told(bare.verdict(late)) == (UNCLEAR, {"TRY_LATER"})


# --- what it does not protect --------------------------------------------------------------------------


def drop(field, place=0):
    def change(index):
        del index[field][place]

    return change


def test_evidence_the_index_does_not_list_is_not_archived(desk, archived):
    def forget(index):
        index["crls"] = []

    report = desk.verdict(archived(change=forget))

    assert (report.indication, level(report)) == (PASSED, "B-LT")


def test_evidence_put_in_later_is_not_archived(desk, signed):
    bare = with_archive_timestamp(signed(evidence=False), desk.stamped(SOON))
    report = desk.verdict(with_validation_data(bare, crls=lists_of(desk.trust)))

    assert (report.indication, level(report)) == (PASSED, "B-LT")


def test_what_is_put_in_later_does_not_break_the_archive(desk, pki, archived):
    more = pki.identity("root").certificate.public_bytes(Encoding.DER)
    report = desk.verdict(with_validation_data(archived(), certificates=[more]))

    assert (report.indication, level(report)) == (PASSED, "B-LTA")


@pytest.mark.parametrize("when", ["before", "after", "unlisted"])
def test_a_backdated_timestamp_slipped_in_later_is_not_renewed(desk, pki, signed, when):
    """Whoever has the key of an authority that expired makes a token with any time in it."""
    backdated = stamper_of(pki, EARLY, valid_to=LAPSE)
    stamped, plain = (
        signed("revoked", stamper=backdated),
        signed("revoked", stamped=False),
    )
    if when == "before":
        data = with_archive_timestamp(stamped, desk.stamped(MIDWAY))
    elif when == "unlisted":
        data = with_archive_timestamp(
            stamped, desk.stamped(MIDWAY), change_index=lambda i: i.__setitem__("values", [])
        )
    else:
        token = unsigned(cms.ContentInfo.load(stamped)["content"])

        def slip_in(content):
            value = content["signer_infos"][0]["signature"].native
            digest = hashlib.sha256(value).digest()
            made = desk_token(backdated, digest)
            attribute = cms.CMSAttribute({"type": token[0]["type"].dotted, "values": [made]})
            put(content, [*unsigned(content), attribute])

        data = rewritten(with_archive_timestamp(plain, desk.stamped(MIDWAY)), slip_in)
    report = desk.verdict(data)

    if when == "before":
        assert report.indication is PASSED
    else:
        assert told(report) == (UNCLEAR, {"REVOKED_NO_POE"})
        assert "TIMESTAMP_NOT_TRUSTED" in codes(report)


def desk_token(stamper, digest):
    return run_steps(stamper.async_timestamp(digest, "sha256"))


# --- attacks -------------------------------------------------------------------------------------------


def test_a_timestamp_moved_to_another_signer_of_the_file_is_told_as_broken(desk, signed):
    signers = [desk.pki.signer(AGENCY, role="person"), desk.pki.signer(AGENCY)]
    data = with_archive_timestamp(signed(signers=signers), desk.stamped(SOON), signer=1)

    def move(content):
        first, second = content["signer_infos"]
        *kept, stamp = second["unsigned_attrs"]
        second["unsigned_attrs"] = cms.CMSAttributes(kept)
        first["unsigned_attrs"] = cms.CMSAttributes([*first["unsigned_attrs"], stamp])

    report = desk.verdict(rewritten(data, move))

    assert report.indication is UNCLEAR
    assert "TIMESTAMP_BROKEN" in codes(report)


def without_lists(content):
    content["crls"] = cms.RevocationInfoChoices(list(content["crls"])[1:])


def without_certificate(content):
    content["certificates"] = cms.CertificateSet(
        [c for c in content["certificates"] if c.chosen.ca is not True]
    )


def without_timestamp(content):
    put(content, unsigned(content)[1:])


@pytest.mark.parametrize("change", [without_lists, without_certificate, without_timestamp])
def test_what_was_archived_must_still_be_there(desk, archived, change):
    report = desk.verdict(rewritten(archived(), change))

    assert report.indication is UNCLEAR
    assert "TIMESTAMP_BROKEN" in codes(report)
    assert level(report) != "B-LTA"


def index_changed(data, change):
    """The index of the last archive timestamp changed in its place: nothing but the imprint holds it."""

    def rewrite(content):
        *kept, stamp = unsigned(content)
        token = cms.ContentInfo.load(stamp["values"][0].dump())
        info = token["content"]["signer_infos"][0]
        info["unsigned_attrs"] = cms.CMSAttributes(change(list(info["unsigned_attrs"])))
        put(content, [*kept, cms.CMSAttribute({"type": stamp["type"].dotted, "values": [token]})])

    return rewritten(data, rewrite)


def index_of(attributes, change):
    index = HashIndex.load(attributes[-1]["values"][0].dump())
    change(index)
    return [cms.CMSAttribute({"type": "0.4.0.19122.1.5", "values": [index]})]


def turned(index):
    index["crls"] = list(reversed(index["crls"]))


def emptied(index):
    index["values"] = []


def another_algorithm(index):
    index["algorithm"] = {"algorithm": "sha512"}


@pytest.mark.parametrize("change", [turned, emptied, drop("certificates"), another_algorithm])
def test_an_index_changed_afterwards_is_told_as_broken(desk, archived, change):
    report = desk.verdict(index_changed(archived(), lambda a: index_of(a, change)))

    assert report.indication is UNCLEAR
    assert "TIMESTAMP_BROKEN" in codes(report)
    assert level(report) == "B-LT"


@pytest.mark.parametrize("count", [0, 2])
def test_there_is_one_index(desk, archived, count):
    report = desk.verdict(index_changed(archived(), lambda a: a * count))

    assert "TIMESTAMP_BROKEN" in codes(report)


def test_an_index_of_another_digest_than_the_tokens_is_none(desk, archived):
    report = desk.verdict(archived(change=another_algorithm))

    assert report.indication is UNCLEAR
    assert "TIMESTAMP_BROKEN" in codes(report)


def test_attributes_in_another_order_are_the_same_set(desk, archived):
    def turn(content):
        attributes = unsigned(content)
        body = b"".join(a.dump() for a in reversed(attributes))
        content["signer_infos"][0]["unsigned_attrs"].contents = body

    assert level(desk.verdict(rewritten(archived(), turn))) == "B-LTA"


def test_more_archive_timestamps_than_are_judged_are_undecided(desk, archived):
    def many(content):
        attributes = unsigned(content)
        put(content, [*attributes, *attributes[-1:] * MOST_STAMPS])

    report = desk.verdict(rewritten(archived(), many))

    assert report.indication is UNCLEAR
    assert "TIMESTAMP_BROKEN" in codes(report)


@pytest.mark.parametrize(
    "value", [core.Null(), core.OctetString(b"x"), cms.ContentInfo({"content_type": "data", "content": b""})]
)
def test_an_archive_timestamp_that_does_not_read_is_told_as_broken(desk, signed, value):
    def add(content):
        more = cms.CMSAttribute({"type": "0.4.0.1733.2.4", "values": [value]})
        put(content, [*unsigned(content), more])

    report = desk.verdict(rewritten(signed(), add))

    assert report.indication is UNCLEAR
    assert "TIMESTAMP_BROKEN" in codes(report)


@pytest.mark.parametrize("oid", ["0.4.0.1733.2.5", "0.4.0.19122.1.4"])
def test_an_older_index_is_named_and_not_judged(desk, archived, oid):
    def older(attributes):
        return [cms.CMSAttribute({"type": oid, "values": list(attributes[-1]["values"])})]

    report = desk.verdict(index_changed(archived(), older))

    found = next(f for f in report.all_findings() if f.code == "ARCHIVE_TIMESTAMP_NOT_COUNTED")
    assert "ats-hash-index" in found.message_vi
    assert (report.indication, level(report)) == (PASSED, "B-LT")


# --- beside OpenSSL ------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_openssl_agrees_on_the_token_over_what_we_say_it_is_about(tmp_path, pki, archived, digest):
    content = load_signed_data(archived(digest=digest))
    signed = signed_by_one(content, content["signer_infos"][0])
    ((stamp,), _) = archive_stamps_in_cms(signed, lambda a: hashlib.new(a, CONTENT).digest())
    token = cms.ContentInfo({"content_type": "signed_data", "content": stamp.token})
    (tmp_path / "token").write_bytes(token.dump())
    how = ["-token_in", "-in", tmp_path / "token", "-CAfile", pki.trust_folder / "tsa" / "root.crt"]

    def agrees(imprint):
        command = ["openssl", "ts", "-verify", "-digest", imprint.hex(), *how]
        return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0

    right = stamp.imprint_of(digest)
    assert agrees(right)
    assert not agrees(right[:-1] + bytes([right[-1] ^ 1]))
