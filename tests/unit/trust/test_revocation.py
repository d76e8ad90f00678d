"""What revocation lists say of a certificate at a time, as a table."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ebrvt_connect.testing.pki_issue import Request, issue, revocation_list
from ebrvt_connect.trust.embedded import Embedded
from ebrvt_connect.trust.revocation import RevocationArchive
from tests.unit.trust.samples import list_signed_with_sha1

HOLD = x509.ReasonFlags.certificate_hold


def day(number):
    return datetime(2026, 1, number, tzinfo=UTC)


@pytest.fixture(scope="module")
def issuer(pki):
    return pki.identity("issuer")


@pytest.fixture(scope="module")
def leaf(pki):
    return pki.identity("000.00.15.H06-agency-good").certificate


@pytest.fixture
def state(issuer, leaf):
    """Judge the leaf; each list is (made, current until, revoked at or None, reason)."""

    def judge(*lists, used, known=31):
        ders = [
            revocation_list(
                issuer,
                [leaf] if revoked else [],
                issued_at=day(made),
                next_at=day(until),
                revoked_at=day(revoked or 1),
                reason=reason,
            )
            for made, until, revoked, reason in (
                (*entry, x509.ReasonFlags.unspecified) if len(entry) == 3 else entry for entry in lists
            )
        ]
        archive = RevocationArchive.of(ders)
        return archive.state_of(leaf, issuer.certificate, used_at=day(used), known_at=day(known))

    return judge


@pytest.mark.parametrize(
    ("lists", "used", "expected"),
    [
        pytest.param([(1, 20, None)], 10, "good", id="the newest list before it is current"),
        pytest.param([(15, 20, None)], 10, "good", id="a list made afterwards"),
        pytest.param([(1, 5, None)], 10, "unknown", id="the newest list had run out"),
        pytest.param([(1, 5, None), (8, 20, None)], 10, "good", id="an older one had run out, the newer not"),
        pytest.param([], 10, "unknown", id="no list at all"),
        pytest.param([(12, 20, 8)], 10, "revoked", id="revoked before"),
        pytest.param([(12, 20, 10)], 10, "revoked", id="revoked at that very time"),
        pytest.param([(12, 20, 11)], 10, "good", id="revoked afterwards"),
        pytest.param(
            [(5, 7, 4), (9, 20, None)], 10, "revoked", id="dropped from a later list is still revoked"
        ),
        pytest.param([(9, 20, 8, HOLD)], 10, "suspended", id="suspended"),
        pytest.param([(5, 7, 4, HOLD), (9, 20, None)], 10, "good", id="suspension lifted before"),
        pytest.param(
            [(9, 12, 8, HOLD), (15, 20, None)], 10, "suspended", id="suspension lifted only afterwards"
        ),
        pytest.param([(15, 20, 12, HOLD), (21, 30, None)], 10, "good", id="suspended for a while afterwards"),
    ],
)
def test_status_at_signing_time(state, lists, used, expected):
    assert state(*lists, used=used).status == expected


def test_a_later_revocation_is_remembered(state):
    assert state((12, 20, 11), used=10).revoked_at == day(11)
    assert state((15, 20, 12, HOLD), (21, 30, None), used=10).revoked_at is None


def test_lists_made_after_the_time_of_the_check_are_not_looked_at(state):
    assert state((1, 20, None), (12, 20, 8), used=10, known=11).status == "good"


def test_the_list_that_speaks_is_named(state):
    told = state((1, 20, None), (15, 25, None), used=10)

    assert (told.source, told.this_update, told.next_update) == ("crl", day(15), day(25))


def test_a_list_of_the_same_name_by_another_key_says_nothing(pki, issuer, leaf):
    forged = revocation_list(pki.identity("impostor-issuer"), [], issued_at=day(1), next_at=day(20))

    state = RevocationArchive.of([forged]).state_of(
        leaf, issuer.certificate, used_at=day(10), known_at=day(31)
    )

    assert state.status == "unknown"


@pytest.mark.parametrize(
    "extension",
    [
        x509.DeltaCRLIndicator(1),
        x509.IssuingDistributionPoint(
            full_name=None,
            relative_name=None,
            only_contains_user_certs=False,
            only_contains_ca_certs=True,
            only_some_reasons=None,
            indirect_crl=False,
            only_contains_attribute_certs=False,
        ),
    ],
    ids=["delta", "authorities only"],
)
def test_a_list_with_a_scope_of_its_own_says_nothing(issuer, leaf, extension):
    scoped = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(day(1))
        .next_update(day(20))
        .add_extension(extension, critical=True)
        .sign(issuer.key, hashes.SHA256())
    )
    archive = RevocationArchive.of([scoped.public_bytes(Encoding.DER)])

    state = archive.state_of(leaf, issuer.certificate, used_at=day(10), known_at=day(31))

    assert (state.status, state.reason != "") == ("unknown", True)


def test_lists_are_read_from_pem_too(issuer):
    der = revocation_list(issuer, [])
    pem = x509.load_der_x509_crl(der).public_bytes(Encoding.PEM)

    assert RevocationArchive.of([pem]) == RevocationArchive.of([der])


def test_what_is_no_list_is_refused():
    with pytest.raises(ValueError, match=r".+"):
        RevocationArchive.of([b"not a list"])


# --- attacks that once passed --------------------------------------------------------------------------


def partial(
    issuer, leaf, extension, *, made=12, revoked=5, reason=x509.ReasonFlags.key_compromise, listed=True
):
    """A list with a scope of its own."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(day(made))
        .next_update(day(30))
        .add_extension(extension, critical=True)
    )
    if listed:
        entry = (
            x509.RevokedCertificateBuilder().serial_number(leaf.serial_number).revocation_date(day(revoked))
        )
        entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


USERS_ONLY = x509.IssuingDistributionPoint(
    full_name=None,
    relative_name=None,
    only_contains_user_certs=True,
    only_contains_ca_certs=False,
    only_some_reasons=None,
    indirect_crl=False,
    only_contains_attribute_certs=False,
)


@pytest.mark.parametrize("extension", [x509.DeltaCRLIndicator(6), USERS_ONLY], ids=["delta", "users only"])
@pytest.mark.parametrize("alone", [True, False])
def test_a_revocation_told_by_a_partial_list_counts(issuer, leaf, extension, alone):
    complete = revocation_list(issuer, [], issued_at=day(1), next_at=day(30))
    told = partial(issuer, leaf, extension)

    state = RevocationArchive.of([told] if alone else [complete, told]).state_of(
        leaf, issuer.certificate, used_at=day(20), known_at=day(21)
    )

    assert (state.status, state.revoked_at) == ("revoked", day(5))


def test_a_delta_may_lift_a_suspension(issuer, leaf):
    held = revocation_list(issuer, [leaf], issued_at=day(6), next_at=day(30), revoked_at=day(5), reason=HOLD)
    lifted = partial(issuer, leaf, x509.DeltaCRLIndicator(6), reason=x509.ReasonFlags.remove_from_crl)
    archive = RevocationArchive.of([held, lifted])

    def status(used):
        return archive.state_of(leaf, issuer.certificate, used_at=day(used), known_at=day(21)).status

    assert (status(10), status(20)) == ("suspended", "good")


@pytest.fixture(scope="module")
def expired(issuer):
    return issue(Request("Hết hạn", valid_to=day(10)), issuer).certificate


def kept_since(made):
    return x509.UnrecognizedExtension(
        x509.ObjectIdentifier("2.5.29.60"), core.GeneralizedTime(day(made)).dump()
    )


@pytest.mark.parametrize(
    ("kept", "expected"),
    [(None, "unknown"), (1, "good"), (15, "unknown")],
    ids=["drops", "keeps", "keeps later"],
)
def test_a_list_made_after_expiry_says_nothing_by_absence(issuer, expired, kept, expected):
    """Authorities drop expired certificates: one revoked before is not on a later list."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(day(20))
        .next_update(day(30))
    )
    if kept:
        builder = builder.add_extension(kept_since(kept), critical=False)
    crl = builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)

    state = RevocationArchive.of([crl]).state_of(
        expired, issuer.certificate, used_at=day(5), known_at=day(25)
    )

    assert state.status == expected


def test_a_claimed_date_does_not_freshen_an_old_list(issuer, leaf):
    old = RevocationArchive.of([revocation_list(issuer, [], issued_at=day(1), next_at=day(5))])

    def status(*, proven):
        return old.state_of(leaf, issuer.certificate, used_at=day(3), known_at=day(20), proven=proven).status

    assert (status(proven=True), status(proven=False)) == ("good", "unknown")


@pytest.mark.parametrize(
    ("until", "revoked", "expected"),
    [
        (None, False, "unknown"),
        (None, True, "revoked"),
        (day(1), False, "unknown"),
        (day(1), True, "revoked"),
        (day(2), False, "good"),
        (day(2), True, "revoked"),
    ],
    ids=["never", "never, revoked", "made later", "made later, revoked", "made before", "before, revoked"],
)
def test_a_list_signed_with_sha1_counts_where_sha1_does(issuer, leaf, until, revoked, expected):
    made = revocation_list(issuer, [leaf] if revoked else [], issued_at=day(1), revoked_at=day(1))
    archive = RevocationArchive.of([list_signed_with_sha1(made, issuer.key)])

    state = archive.state_of(leaf, issuer.certificate, used_at=day(1), known_at=day(31), sha1_until=until)

    assert state.status == expected


def test_a_list_signed_with_sha1_by_another_key_says_nothing(issuer, leaf, pki):
    made = revocation_list(issuer, [], issued_at=day(1))
    archive = RevocationArchive.of([list_signed_with_sha1(made, pki.identity("impostor-root").key)])

    state = archive.state_of(leaf, issuer.certificate, used_at=day(1), known_at=day(31), sha1_until=day(31))

    assert state.status == "unknown"


def test_a_newer_list_signed_with_sha1_that_tells_of_a_revocation_outweighs_an_older_good_one(issuer, leaf):
    """Once thrown away for its digest, and the certificate was good."""
    good = revocation_list(issuer, [], issued_at=day(1), next_at=day(5))
    later = revocation_list(issuer, [leaf], issued_at=day(10), revoked_at=day(1))
    archive = RevocationArchive.of([good, list_signed_with_sha1(later, issuer.key)])

    for until in (None, day(5)):
        state = archive.state_of(leaf, issuer.certificate, used_at=day(3), known_at=day(31), sha1_until=until)
        assert (state.status, state.revoked_at) == ("revoked", day(1))


@pytest.mark.parametrize(
    ("there_at", "expected"),
    [(None, "unknown"), (day(20), "unknown"), (day(5), "good")],
    ids=["no timestamp", "timestamp too late", "timestamp of then"],
)
def test_a_list_signed_with_sha1_that_a_file_brought_needs_a_timestamp_of_then(
    issuer, leaf, there_at, expected
):
    """Its thisUpdate says an early day as well if it was made up today."""
    der = list_signed_with_sha1(revocation_list(issuer, [], issued_at=day(1)), issuer.key)
    found = Embedded.of(crls=[der], there_at=there_at).revocation

    state = found.state_of(leaf, issuer.certificate, used_at=day(1), known_at=day(31), sha1_until=day(10))

    assert state.status == expected


def test_only_lists_signed_with_sha1_are_read_again_under_a_timestamp(issuer):
    der = revocation_list(issuer, [], issued_at=day(1))

    assert Embedded.of(crls=[der], there_at=day(5)).revocation is None


def test_threads_that_ask_together_all_hear_of_a_revocation(issuer, leaf):
    """A table of serial numbers that is still being filled would call a revoked certificate good."""
    others = [issue(Request("Khác"), issuer, issuer.key).certificate for _ in range(200)]
    archive = RevocationArchive.of([revocation_list(issuer, [*others, leaf], revoked_at=day(1))])

    def status(_):
        return archive.state_of(leaf, issuer.certificate, used_at=day(5), known_at=day(31)).status

    with ThreadPoolExecutor(8) as workers:
        assert set(workers.map(status, range(64))) == {"revoked"}


# --- lists in parts, and digests nobody may use ------------------------------------------------------

ADDRESS = x509.UniformResourceIdentifier("http://crl.mau.vn/p1.crl")


def scope(**said):
    nothing = dict.fromkeys(("full_name", "relative_name", "only_some_reasons"))
    flags = (
        "only_contains_user_certs",
        "only_contains_ca_certs",
        "indirect_crl",
        "only_contains_attribute_certs",
    )
    return x509.IssuingDistributionPoint(**{**nothing, **dict.fromkeys(flags, False), **said})


@pytest.fixture(scope="module")
def addressed(issuer):
    return issue(Request("Người ký", crl_url=ADDRESS.value), issuer).certificate


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"only_contains_user_certs": True}, "good"),
        ({"full_name": [ADDRESS]}, "good"),
        ({"full_name": [x509.UniformResourceIdentifier("http://crl.mau.vn/p2.crl")]}, "unknown"),
        ({"full_name": [ADDRESS], "only_contains_ca_certs": True}, "unknown"),
        ({"full_name": [ADDRESS], "indirect_crl": True}, "unknown"),
        ({"only_some_reasons": frozenset([x509.ReasonFlags.key_compromise])}, "unknown"),
        ({"only_contains_attribute_certs": True}, "unknown"),
    ],
)
def test_a_part_of_a_list_speaks_for_its_own_certificates(issuer, addressed, said, expected):
    archive = RevocationArchive.of([partial(issuer, addressed, scope(**said), listed=False)])

    state = archive.state_of(addressed, issuer.certificate, used_at=day(20), known_at=day(21))

    assert state.status == expected


def test_a_part_of_a_list_for_one_address_says_nothing_of_certificates_without(issuer, leaf):
    archive = RevocationArchive.of([partial(issuer, leaf, scope(full_name=[ADDRESS]), listed=False)])

    assert archive.state_of(leaf, issuer.certificate, used_at=day(20), known_at=day(21)).status == "unknown"


def test_a_part_about_others_lifts_no_suspension(issuer, leaf):
    held = revocation_list(
        issuer,
        [leaf],
        issued_at=day(1),
        next_at=day(30),
        revoked_at=day(1),
        reason=x509.ReasonFlags.certificate_hold,
    )
    others = partial(issuer, leaf, scope(only_contains_ca_certs=True), made=5, listed=False)

    state = RevocationArchive.of([held, others]).state_of(
        leaf, issuer.certificate, used_at=day(10), known_at=day(21)
    )

    assert state.status == "suspended"


@pytest.mark.parametrize("revoked", [True, False])
def test_a_list_signed_with_a_digest_nobody_may_use_tells_of_revocations_alone(issuer, leaf, revoked):
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    builder = builder.last_update(day(1)).next_update(day(30))
    if revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(leaf.serial_number).revocation_date(day(1))
        builder = builder.add_revoked_certificate(entry.build())
    made = builder.sign(issuer.key, hashes.SHA224()).public_bytes(Encoding.DER)

    state = RevocationArchive.of([made]).state_of(leaf, issuer.certificate, used_at=day(9), known_at=day(21))

    assert state.status == ("revoked" if revoked else "unknown")
