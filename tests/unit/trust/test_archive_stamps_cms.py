"""Archive timestamps of CMS signatures: what they prove, what they do not protect, and attacks on them."""

import hashlib
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import cms, core
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from ebrvt_connect.testing.pki_issue import Request, issue
from ebrvt_connect.testing.revocation_authority import RevocationAuthority
from ebrvt_connect.testing.sample_archived_cms import HashIndex, with_archive_timestamp, with_validation_data
from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.transport.signing_cms import run_steps
from ebrvt_connect.trust.archive_stamps import MOST_STAMPS
from ebrvt_connect.trust.archive_stamps_cms import archive_stamps_in_cms
from ebrvt_connect.trust.policy import POLICIES, VN_2025
from ebrvt_connect.trust.signed_data import load_signed_data, signed_by_one
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.verify import verify_bytes
from tests.unit.trust.samples import AGENCY, AT, EARLY, CopiedTimestamps
from tests.unit.trust.time_samples import lists_of, stamper_of

PASSED, UNCLEAR, FAILED = Indication
OCSP_SIGNING = ExtendedKeyUsageOID.OCSP_SIGNING
CONTENT = b"noi dung\n" * 20
HOUR = timedelta(hours=1)
SOON = datetime(2015, 9, 1, tzinfo=UTC)
"""Before the revoked certificates were revoked."""
MIDWAY = datetime(2016, 6, 1, tzinfo=UTC)
LAPSE = datetime(2017, 1, 1, tzinfo=UTC)
"""When the certificates of the older timestamp authorities expire."""


def codes(report):
    return {f.code for f in report.all_findings()}


def told(report):
    return report.indication, {str(s) for s in report.sub_indications}


def level(report):
    return report.signatures[0].level


def rewritten(data, change):
    content = cms.ContentInfo.load(data)["content"]
    change(content)
    return cms.ContentInfo({"content_type": "signed_data", "content": content}).dump()


def unsigned(content):
    return list(content["signer_infos"][0]["unsigned_attrs"])


def put(content, attributes):
    content["signer_infos"][0]["unsigned_attrs"] = cms.CMSAttributes(attributes)


@pytest.fixture
def signed(desk):
    """A signature of the early days, with a timestamp unless told otherwise, and evidence."""

    def make(flavour="good", *, stamper=None, stamped=True, evidence=True, detached=False, signers=None):
        made = signed_cms(
            CONTENT,
            signers or [desk.pki.signer(AGENCY, flavour=flavour)],
            signed_at=EARLY,
            timestamper=(stamper or desk.stamped(EARLY)) if stamped else None,
            detached=detached,
        )
        return with_validation_data(made, crls=lists_of(desk.trust)) if evidence else made

    return make


@pytest.fixture
def archived(desk, signed):
    """The same with an archive timestamp over all of it."""

    def make(at=SOON, *, digest="sha256", change=None, **more):
        return with_archive_timestamp(signed(**more), desk.stamped(at), digest=digest, change_index=change)

    return make


# --- levels --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_levels_are_told_as_far_as_they_hold(desk, signed, archived, digest):
    reports = [desk.verdict(d) for d in (signed(evidence=False), signed(), archived(digest=digest))]

    assert [level(r) for r in reports] == ["B-T", "B-LT", "B-LTA"]
    assert {r.indication for r in reports} == {PASSED}
    assert [t.kind for t in reports[2].signatures[0].timestamps] == ["signature", "archive"]
    assert "ARCHIVE_TIMESTAMP_NOT_COUNTED" not in codes(reports[2])


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


def test_evidence_in_the_archive_answers_where_the_folder_has_none(desk, archived):
    report = desk.without_revocation_lists().verdict(archived())

    assert (report.indication, level(report)) == (PASSED, "B-LTA"), codes(report)


# --- what it proves ------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", POLICIES.values(), ids=lambda p: p.id)
@pytest.mark.parametrize(
    ("flavour", "at", "expected"),
    [
        ("expired", SOON, (PASSED, set())),
        ("revoked", SOON, (PASSED, set())),
        ("expired", AT, (UNCLEAR, {"OUT_OF_BOUNDS_NO_POE"})),
        ("revoked", AT, (UNCLEAR, {"REVOKED_NO_POE"})),
        ("impostor", SOON, (UNCLEAR, {"NO_CERTIFICATE_CHAIN_FOUND"})),
    ],
)
def test_an_archive_alone_proves_when_it_was_signed(desk, archived, flavour, at, expected, policy):
    report = desk.verdict(archived(at, flavour=flavour, stamped=False), policy=policy)

    assert told(report) == expected
    assert report.signatures[0].best_time.value == at


def test_a_timestamp_that_has_lapsed_holds_by_the_archive(desk, pki, archived):
    old = stamper_of(pki, EARLY, valid_to=LAPSE)
    renewed = desk.verdict(archived(MIDWAY, flavour="revoked", stamper=old))

    assert renewed.indication is PASSED
    assert renewed.signatures[0].best_time.value == EARLY
    assert "TIMESTAMP_RENEWED" in codes(renewed)


def test_a_timestamp_archived_after_it_had_lapsed_proves_nothing(desk, pki, archived):
    old = stamper_of(pki, EARLY, valid_to=LAPSE)
    report = desk.verdict(archived(AT, flavour="revoked", stamper=old))

    assert told(report) == (UNCLEAR, {"REVOKED_NO_POE"})
    assert {"TIMESTAMP_NOT_TRUSTED"} <= codes(report)


def chain_of(desk, pki, data, *, gap=False):
    """Three archive timestamps, each made while the one before it still held; with `gap` one too late."""
    for at, until in (
        (SOON, datetime(2017, 1, 1, tzinfo=UTC)),
        (datetime(2017 if gap else 2016, 8, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)),
        (datetime(2019, 8, 1, tzinfo=UTC), datetime(2049, 1, 1, tzinfo=UTC)),
    ):
        data = with_archive_timestamp(data, stamper_of(pki, at, valid_to=until))
    return data


def test_archive_timestamps_in_a_row_carry_the_oldest_through(desk, pki, signed):
    data = signed("revoked", stamped=False)
    report = desk.verdict(chain_of(desk, pki, data))

    assert (report.indication, level(report)) == (PASSED, "B-LTA"), codes(report)
    assert report.signatures[0].best_time.value == SOON
    assert [t.valid for t in report.signatures[0].timestamps] == [True, True, True]


def test_a_row_with_a_gap_does_not(desk, pki, signed):
    report = desk.verdict(chain_of(desk, pki, signed("revoked", stamped=False), gap=True))

    assert told(report) == (UNCLEAR, {"REVOKED_NO_POE"})
    assert sorted(t.valid for t in report.signatures[0].timestamps) == [False, True, True]


def test_archive_timestamps_out_of_order_are_undecided(desk, archived):
    report = desk.verdict(with_archive_timestamp(archived(MIDWAY), desk.stamped(MIDWAY - HOUR)))

    assert told(report) == (UNCLEAR, {"TIMESTAMP_ORDER_FAILURE"})


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


def test_a_timestamp_over_other_bytes_is_told_as_broken(desk, signed):
    copied = CopiedTimestamps(desk.stamped(SOON))
    report = desk.verdict(with_archive_timestamp(signed("expired", stamped=False), copied))

    assert report.indication is UNCLEAR
    assert {"TIMESTAMP_BROKEN", "EXPIRED_SINCE_NO_PROOF"} <= codes(report)


def test_an_authority_nobody_pinned_archives_nothing(desk, signed):
    own = desk.stamped(SOON, impostor=True)
    report = desk.verdict(with_archive_timestamp(signed(), own))
    lapsed = desk.verdict(with_archive_timestamp(signed("expired", stamped=False), own))

    assert (report.indication, level(report)) == (PASSED, "B-LT")
    assert "TIMESTAMP_NOT_TRUSTED" in codes(report)
    assert told(lapsed) == (UNCLEAR, {"OUT_OF_BOUNDS_NO_POE"})


def stamp_of(data):
    return unsigned(cms.ContentInfo.load(data)["content"])[-1]


def test_a_timestamp_moved_to_another_signature_is_told_as_broken(desk, archived, signed):
    taken = stamp_of(archived())
    other = signed("expired", stamped=False)
    report = desk.verdict(rewritten(other, lambda c: put(c, [taken])))

    assert report.indication is UNCLEAR
    assert {"TIMESTAMP_BROKEN", "EXPIRED_SINCE_NO_PROOF"} <= codes(report)


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


@pytest.mark.parametrize("place", range(0, 100, 7))
def test_no_flipped_bit_of_what_is_archived_leaves_it_holding(desk, archived, place):
    data = archived(flavour="expired", stamped=False)
    at = data.index(core.ObjectIdentifier("0.4.0.1733.2.4").dump()) * place // 100
    changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    report = desk.verdict(changed)

    assert report.indication is not PASSED, (at, codes(report))


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
