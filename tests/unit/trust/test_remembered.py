"""What is remembered of certificates and lists: each answer belongs to the very bytes it was found for."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ebrvt_connect.testing.pki_issue import revocation_list
from ebrvt_connect.trust import remembered
from ebrvt_connect.trust.remembered import HeldList, bears_name_of, is_signed_by, read_certificate
from ebrvt_connect.trust.revocation import RevocationArchive
from tests.unit.trust.samples import AGENCY, AT

MADE, NEXT = datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def issuer(pki):
    return pki.identity("issuer")


@pytest.fixture(scope="module")
def impostor(pki):
    """An authority of the same name with a key of its own."""
    return pki.identity("impostor-issuer")


@pytest.fixture(scope="module")
def leaf(pki):
    return pki.identity(f"{AGENCY}-agency-good").certificate


def crl(issuer, *revoked):
    return revocation_list(issuer, list(revoked), issued_at=MADE, next_at=NEXT, revoked_at=MADE)


def state(archive, leaf, issuer):
    return archive.state_of(leaf, issuer.certificate, used_at=AT, known_at=AT).status


def test_another_key_of_the_same_name_has_not_signed_it(leaf, issuer, impostor):
    assert bears_name_of(leaf, impostor.certificate)
    assert is_signed_by(leaf, issuer.certificate)
    assert not is_signed_by(leaf, impostor.certificate)
    assert is_signed_by(leaf, issuer.certificate)


def test_another_certificate_of_the_same_key_is_another_question(pki, leaf, issuer):
    twin = pki.identity(f"{AGENCY}-agency-revoked").certificate
    forged = bytearray(twin.public_bytes(Encoding.DER))
    forged[-1] ^= 1

    assert twin.public_key() == leaf.public_key()
    assert is_signed_by(leaf, issuer.certificate)
    assert is_signed_by(twin, issuer.certificate)
    assert not is_signed_by(read_certificate(bytes(forged)), issuer.certificate)
    assert read_certificate(twin.public_bytes(Encoding.DER)) == twin != leaf


def test_a_list_by_another_key_of_the_same_name_says_nothing(leaf, issuer, impostor):
    honest, forged = RevocationArchive.of([crl(issuer)]), RevocationArchive.of([crl(impostor)])

    assert state(honest, leaf, issuer) == "good"
    assert state(forged, leaf, issuer) == "unknown"
    assert state(honest, leaf, impostor) == "unknown"
    assert state(honest + forged, leaf, issuer) == "good"


def test_what_was_found_of_a_list_is_not_said_of_the_one_that_replaces_it(leaf, issuer):
    archive = RevocationArchive.of([crl(issuer)])
    told = [state(archive, leaf, issuer) for _ in range(40)]
    replaced = replace(archive, crls=RevocationArchive.of([crl(issuer, leaf)]).crls)

    assert set(told) == {"good"}
    assert state(replaced, leaf, issuer) == "revoked"
    assert state(archive, leaf, issuer) == "good"


def test_a_list_asked_often_still_names_whom_it_names(pki, leaf, issuer):
    other = pki.identity(f"{AGENCY}-person-good").certificate
    archive = RevocationArchive.of([crl(issuer, leaf)])

    for _ in range(40):
        assert state(archive, leaf, issuer) == "revoked"
        assert state(archive, other, issuer) == "good"


@pytest.mark.parametrize("looks", [0, 14, 15, 16, 17, 1000])
def test_whatever_threads_have_counted_nobody_listed_is_overlooked(leaf, issuer, looks):
    held = HeldList(RevocationArchive.of([crl(issuer, leaf)]).crls[0])
    held._looks = looks

    assert all(held.may_name(leaf.serial_number) for _ in range(40))
    assert not held.may_name(leaf.serial_number + 1)
    assert held.may_name(-1)


def test_lists_keep_what_is_known_of_them_when_archives_are_put_together(leaf, issuer):
    archive = RevocationArchive.of([crl(issuer)])
    state(archive, leaf, issuer)
    together = archive + RevocationArchive.of([crl(issuer, leaf)])

    assert together.held[0] is archive.held[0]
    assert state(together, leaf, issuer) == "revoked"


def test_threads_are_told_the_same(pki, leaf, issuer):
    archive = RevocationArchive.of([crl(issuer, leaf)])
    other = pki.identity(f"{AGENCY}-person-good").certificate
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda n: state(archive, (leaf, other)[n % 2], issuer), range(200)))

    assert told == ["revoked", "good"] * 100


def test_memory_is_bounded(issuer):
    """However many questions come, only so many answers are kept."""
    held = HeldList(RevocationArchive.of([crl(issuer)]).crls[0])
    for question in range(1000):
        held.once(question, lambda _: True)

    assert len(held._answers) <= remembered._MOST_ANSWERS
    assert remembered._read.cache_info().maxsize == remembered._is_signed_by.cache_info().maxsize == 1024
