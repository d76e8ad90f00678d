"""OCSP answers: which ones count for a certificate, and which somebody only wishes to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import algos, core
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from ebrvt_connect.testing.pki_issue import Identity, Request, issue, new_key, revocation_list
from ebrvt_connect.testing.revocation_authority import Misbehaviour, RevocationAuthority
from ebrvt_connect.trust.ocsp import LARGEST_BYTES, OcspAnswer, OcspRefused
from ebrvt_connect.trust.revocation import RevocationArchive
from tests.unit.trust.samples import signed_with_sha1

NOON = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
OCSP_SIGNING = ExtendedKeyUsageOID.OCSP_SIGNING
HOLD = x509.ReasonFlags.certificate_hold


@pytest.fixture(scope="module")
def issuer(pki):
    return pki.identity("issuer")


@pytest.fixture(scope="module")
def leaf(pki):
    return pki.identity("000.00.15.H06-agency-good").certificate


@pytest.fixture(scope="module")
def key():
    return new_key()


@pytest.fixture
def authority(pki, issuer):
    return RevocationAuthority(issuer, lambda: NOON, impostor=pki.identity("impostor-issuer"))


@pytest.fixture
def state(leaf, issuer):
    """What the answers (and lists) say of the leaf at a time."""

    def judge(*answers, crls=(), used=NOON, known=None, proven=True, certificate=leaf, brought=False):
        read = tuple(OcspAnswer.read(a, brought=brought) for a in answers)
        archive = RevocationArchive.of(crls) + RevocationArchive(ocsp=read)
        return archive.state_of(
            certificate, issuer.certificate, used_at=used, known_at=known or used, proven=proven
        )

    return judge


def responder(issuer, key, *, no_check=True, **wanted):
    return issue(Request("Máy chủ OCSP", purpose=OCSP_SIGNING, no_check=no_check, **wanted), issuer, key)


def basic_of(der):
    return asn1_ocsp.OCSPResponse.load(der).basic_ocsp_response


def resigned(der, key, *, digest="sha256", change=None, pss=False):
    """The answer with its content changed and signed again; SHA-1 and PSS are what no builder offers."""
    basic = basic_of(der)
    content = asn1_ocsp.ResponseData.load(basic["tbs_response_data"].dump())
    if change is not None:
        change(content)
    algorithm = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}[digest]
    if pss:
        scheme = padding.PSS(padding.MGF1(algorithm), 32)
        named = algos.SignedDigestAlgorithm(
            {
                "algorithm": "rsassa_pss",
                "parameters": {
                    "hash_algorithm": {"algorithm": digest},
                    "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": digest}},
                    "salt_length": 32,
                },
            }
        )
    else:
        scheme, named = padding.PKCS1v15(), algos.SignedDigestAlgorithm({"algorithm": f"{digest}_rsa"})
    fields = {
        "tbs_response_data": content,
        "signature_algorithm": named,
        "signature": key.sign(content.dump(force=True), scheme, algorithm),
    }
    if not isinstance(basic["certs"], core.Void):
        fields["certs"] = basic["certs"]
    made = {"response_type": "basic_ocsp_response", "response": asn1_ocsp.BasicOCSPResponse(fields)}
    return asn1_ocsp.OCSPResponse({"response_status": "successful", "response_bytes": made}).dump()


# --- what counts -----------------------------------------------------------------------------------


def test_the_issuers_own_answer_counts(authority, state, leaf):
    told = state(authority.answer_about(leaf))

    assert (told.status, told.source, told.this_update, told.next_update) == (
        "good",
        "ocsp",
        NOON,
        NOON + timedelta(hours=1),
    )
    assert len(told.sha256) == 64


def test_a_responder_that_nobody_need_check_counts(authority, state, leaf, issuer, key):
    authority.responder = responder(issuer, key)

    assert state(authority.answer_about(leaf)).status == "good"


def test_a_responder_that_a_list_vouches_for_counts(authority, state, leaf, issuer, key):
    authority.responder = responder(issuer, key, no_check=False)
    answer = authority.answer_about(leaf)
    old = revocation_list(issuer, [], issued_at=datetime(2016, 1, 1, tzinfo=UTC))

    assert state(answer).status == "unknown"
    assert state(answer, crls=[old]).source == "ocsp"


def test_a_pss_signature_counts(authority, state, leaf, issuer):
    assert state(resigned(authority.answer_about(leaf), issuer.key, pss=True)).status == "good"


@pytest.mark.parametrize(
    ("reason", "expected"), [(x509.ReasonFlags.key_compromise, "revoked"), (HOLD, "suspended")]
)
def test_revoked_is_revoked(authority, state, leaf, reason, expected):
    authority.revoke(leaf, NOON - timedelta(days=1), reason)

    assert state(authority.answer_about(leaf)).status == expected


def test_revoked_afterwards_is_good_and_remembered(authority, state, leaf):
    authority.revoke(leaf, NOON - timedelta(days=1))
    answer = authority.answer_about(leaf)

    told = state(answer, used=NOON - timedelta(days=2), known=NOON)

    assert (told.status, told.revoked_at) == ("good", NOON - timedelta(days=1))


def test_a_suspension_is_lifted_by_a_later_answer(authority, state, leaf, issuer):
    held = revocation_list(
        issuer,
        [leaf],
        issued_at=NOON - timedelta(days=2),
        next_at=NOON + timedelta(days=5),
        revoked_at=NOON - timedelta(days=3),
        reason=HOLD,
    )

    assert state(crls=[held]).status == "suspended"
    assert state(authority.answer_about(leaf), crls=[held]).status == "good"


def test_the_worse_of_list_and_answer_counts(authority, state, leaf, issuer):
    revoked = revocation_list(
        issuer,
        [leaf],
        issued_at=NOON - timedelta(days=2),
        next_at=NOON + timedelta(days=5),
        revoked_at=NOON - timedelta(days=3),
    )

    assert state(authority.answer_about(leaf), crls=[revoked]).status == "revoked"


def test_a_current_list_serves_where_the_answer_has_run_out(authority, state, leaf, issuer):
    current = revocation_list(
        issuer, [], issued_at=NOON - timedelta(days=2), next_at=NOON + timedelta(days=5)
    )

    told = state(authority.answer_about(leaf), crls=[current], used=NOON + timedelta(days=1))

    assert (told.status, told.source) == ("good", "crl")


# --- time ------------------------------------------------------------------------------------------


def test_an_answer_that_has_run_out_says_nothing_of_now(authority, state, leaf):
    answer = authority.answer_about(leaf)

    assert state(answer, used=NOON + timedelta(hours=2)).status == "unknown"
    assert state(answer, used=NOON - timedelta(days=1), known=NOON + timedelta(days=9)).status == "good"


def test_a_claimed_date_does_not_freshen_an_old_answer(authority, state, leaf):
    told = state(
        authority.answer_about(leaf),
        used=NOON - timedelta(minutes=1),
        known=NOON + timedelta(days=9),
        proven=False,
    )

    assert told.status == "unknown"


def test_without_next_update_an_answer_is_current_but_for_asking(authority, state, leaf, issuer):
    def without(data):
        del data["responses"][0]["next_update"]

    answer = resigned(authority.answer_about(leaf), issuer.key, change=without)

    assert state(answer, used=NOON + timedelta(minutes=4)).status == "good"
    assert state(answer, used=NOON + timedelta(minutes=6)).status == "unknown"


def test_answers_made_after_the_time_of_the_check_do_not_exist_for_it(authority, state, leaf):
    answer = authority.answer_about(leaf)

    assert state(answer, used=NOON - timedelta(minutes=2)).status == "unknown"
    assert state(answer, used=NOON - timedelta(seconds=30)).status == "good"  # clocks differ


def test_an_answer_produced_before_what_it_tells_is_none(authority, state, leaf, issuer):
    def earlier(data):
        data["produced_at"] = NOON - timedelta(hours=5)

    assert state(resigned(authority.answer_about(leaf), issuer.key, change=earlier)).status == "unknown"


@pytest.mark.parametrize(("cutoff", "expected"), [(None, "unknown"), (-400, "good"), (-1, "unknown")])
def test_good_after_expiry_says_nothing_unless_kept(authority, state, issuer, cutoff, expected):
    """Responders forget expired certificates, and then know of no revocation."""
    expired = issue(Request("Hết hạn", valid_to=NOON - timedelta(days=30)), issuer).certificate

    def kept(data):
        if cutoff is not None:
            since = core.GeneralizedTime(NOON + timedelta(days=cutoff)).dump()
            data["responses"][0]["single_extensions"] = [
                {"extn_id": "1.3.6.1.5.5.7.48.1.6", "extn_value": core.ParsableOctetString(since)}
            ]

    answer = resigned(authority.answer_about(expired), issuer.key, change=kept)

    told = state(answer, certificate=expired, used=NOON - timedelta(days=60), known=NOON)
    assert told.status == expected


# --- attacks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [Misbehaviour.WRONG_SERIAL, Misbehaviour.UNSIGNED, Misbehaviour.WRONG_SIGNER, Misbehaviour.UNKNOWN],
)
def test_an_answer_that_is_not_the_issuers_word_on_it_is_none(authority, state, leaf, fault):
    authority.ocsp_fault = fault

    assert state(authority.answer_about(leaf)).status == "unknown"


def test_an_answer_signed_with_sha1_says_nothing_good(authority, state, leaf, issuer):
    answer = authority.answer_about(leaf)

    assert state(resigned(answer, issuer.key)).status == "good"
    assert state(resigned(answer, issuer.key, digest="sha1")).status == "unknown"


def test_a_revocation_told_by_an_answer_signed_with_sha1_counts(authority, state, leaf, issuer):
    """Once thrown away for its digest, and the list of the day before said good."""
    good = revocation_list(issuer, [], issued_at=NOON - timedelta(days=1))
    authority.revoke(leaf, NOON - timedelta(days=1))
    revoked = resigned(authority.answer_about(leaf), issuer.key, digest="sha1")

    assert state(crls=[good]).status == "good"
    assert state(revoked, crls=[good]).status == "revoked"


def test_a_responder_certified_with_sha1_says_nothing_good(authority, state, leaf, issuer, key):
    made = responder(issuer, key)
    authority.responder = replace(made, certificate=signed_with_sha1(made.certificate, issuer.key))

    assert state(authority.answer_about(leaf)).status == "unknown"
    authority.revoke(leaf, NOON - timedelta(days=1))
    assert state(authority.answer_about(leaf)).status == "revoked"


@pytest.mark.parametrize(
    "changed",
    ["expired", "not yet", "another purpose", "any purpose", "an authority's word", "self-signed"],
)
def test_a_responder_the_issuer_did_not_make_for_this_is_none(
    authority, state, leaf, issuer, pki, key, changed
):
    wanted = Request("Máy chủ OCSP", purpose=OCSP_SIGNING, no_check=True)
    made = {
        "expired": (replace(wanted, valid_to=NOON - timedelta(days=1)), issuer),
        "not yet": (replace(wanted, valid_from=NOON + timedelta(days=1)), issuer),
        "another purpose": (replace(wanted, purpose=ExtendedKeyUsageOID.CLIENT_AUTH), issuer),
        "any purpose": (replace(wanted, purpose=ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE), issuer),
        "an authority's word": (wanted, pki.identity("root")),  # the issuer's issuer is not the issuer
        "self-signed": (wanted, None),
    }[changed]
    authority.responder = issue(*made, key)

    assert state(authority.answer_about(leaf)).status == "unknown"


def test_an_end_user_certificate_of_the_issuer_does_not_answer_for_it(authority, state, leaf, pki):
    authority.responder = pki.identity("000.00.08.H06-agency-good")

    assert state(authority.answer_about(leaf)).status == "unknown"


@pytest.mark.parametrize("no_check", [True, False])
def test_a_revoked_responder_is_none_whenever_it_was_revoked(authority, state, leaf, issuer, key, no_check):
    """Whoever holds its key now can make answers of any date."""
    authority.responder = responder(issuer, key, no_check=no_check)
    answer = authority.answer_about(leaf)
    listed = revocation_list(
        issuer,
        [authority.responder.certificate],
        issued_at=NOON + timedelta(days=3),
        next_at=NOON + timedelta(days=30),
        revoked_at=NOON + timedelta(days=2),
    )

    told = state(answer, crls=[listed], known=NOON + timedelta(days=4))

    assert told.source == "crl"


def test_a_weak_key_of_a_responder_is_none(authority, state, leaf, issuer):
    authority.responder = responder(issuer, new_key(1024))

    assert state(authority.answer_about(leaf)).status == "unknown"


def test_an_answer_brought_along_counts_only_while_its_responder_lives(authority, state, leaf, issuer, key):
    """The key of a responder that has expired is guarded no longer: it may have made this yesterday."""
    authority.responder = responder(issuer, key, valid_to=NOON + timedelta(days=30))
    answer = authority.answer_about(leaf)
    before, later = NOON - timedelta(days=1), NOON + timedelta(days=60)

    assert state(answer, used=before, known=later).status == "good"
    assert state(answer, used=before, known=NOON, brought=True).status == "good"
    assert state(answer, used=before, known=later, brought=True).status == "unknown"


def test_the_same_serial_of_another_issuer_of_the_same_name_is_none(authority, state, leaf, pki):
    other = RevocationAuthority(pki.identity("impostor-issuer"), lambda: NOON)

    assert state(other.answer_about(leaf)).status == "unknown"
    authority.issuer, signing = pki.identity("impostor-issuer"), authority.issuer.key
    assert state(resigned(authority.answer_about(leaf), signing)).status == "unknown"


def test_a_critical_extension_nobody_knows_makes_it_none(authority, state, leaf, issuer):
    def strange(data):
        data["response_extensions"] = [
            {"extn_id": "1.2.3.4", "critical": True, "extn_value": core.ParsableOctetString(b"\5\0")}
        ]

    assert state(resigned(authority.answer_about(leaf), issuer.key, change=strange)).status == "unknown"


def test_of_two_words_in_one_answer_the_worse_counts(authority, state, leaf, issuer):
    def both(data):
        good = data["responses"][0]
        revoked = asn1_ocsp.SingleResponse.load(good.dump())
        revoked["cert_status"] = asn1_ocsp.CertStatus(
            name="revoked", value={"revocation_time": NOON - timedelta(days=1)}
        )
        data["responses"] = asn1_ocsp.Responses([good, revoked])

    assert state(resigned(authority.answer_about(leaf), issuer.key, change=both)).status == "revoked"


# --- reading ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"", b"<html></html>", b"0" * (LARGEST_BYTES + 1), b"\x30\x03\x0a\x01\x00"]
)
def test_what_is_no_answer_is_refused(content):
    with pytest.raises(ValueError, match=r".+"):
        OcspAnswer.read(content).response.produced_at_utc  # noqa: B018 - some break only here


def test_a_refusal_is_told_by_its_word(authority, leaf):
    authority.ocsp_fault = Misbehaviour.TRY_LATER

    with pytest.raises(OcspRefused) as refused:
        OcspAnswer.read(authority.answer_about(leaf))
    assert refused.value.status == "TRY_LATER"


def test_signatures_carry_the_inner_part_alone(authority, state, leaf, issuer):
    answer = authority.answer_about(leaf)
    inner = OcspAnswer.read_brought(basic_of(answer).dump())

    told = RevocationArchive(ocsp=(inner,)).state_of(leaf, issuer.certificate, used_at=NOON, known_at=NOON)

    assert (told.status, inner.brought, OcspAnswer.read_brought(answer).brought) == ("good", True, True)


def test_no_flipped_bit_makes_an_answer_say_something_else(authority, leaf, issuer):
    authority.revoke(leaf, NOON - timedelta(days=1))
    answer = authority.answer_about(leaf)

    for place in range(0, len(answer), 3):
        changed = answer[:place] + bytes([answer[place] ^ (1 << place % 8)]) + answer[place + 1 :]
        try:
            archive = RevocationArchive.of([], [changed])
        except ValueError:
            continue
        told = archive.state_of(leaf, issuer.certificate, used_at=NOON, known_at=NOON)
        assert told.status in {"unknown", "revoked"}, place


def test_names_are_hashed_as_the_standard_says(authority, leaf, issuer):
    """The key hash is of the bit string alone: OpenSSL's and every authority's reading."""
    info = asn1_x509.Certificate.load(issuer.certificate.public_bytes(Encoding.DER)).public_key
    single = next(iter(ocsp.load_der_ocsp_response(authority.answer_about(leaf)).responses))

    assert single.issuer_key_hash == info.sha1
    assert isinstance(authority.issuer, Identity)
