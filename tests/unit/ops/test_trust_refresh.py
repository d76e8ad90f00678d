"""A fetched list is kept only if it is an authority's of the folder and not older than what is there."""

import shutil
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ebrvt_connect.errors import HeldForPerson
from ebrvt_connect.ops.trust_desk_refresh import Outcome, TrustRefresh
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.pki_issue import CRL_ISSUED_AT, revocation_list
from ebrvt_connect.transport.trust_folder import load_trust_folder

NOW = datetime(2026, 11, 23, tzinfo=UTC)
URL = "http://crl.example.vn/a.crl"
TODAY = {"issued_at": datetime(2026, 11, 22, tzinfo=UTC), "next_at": datetime(2026, 12, 1, tzinfo=UTC)}


@pytest.fixture
def folder(pki, tmp_path):
    return shutil.copytree(pki.trust_folder, tmp_path / "trust")


@pytest.fixture
def refresh(folder):
    return TrustRefresh(folder, FakeClock(NOW))


def lists(folder) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (folder / "crl").iterdir()}


def test_a_newer_list_is_kept_beside_the_old_one(refresh, folder, pki):
    content = revocation_list(pki.identity("issuer"), (), **TODAY)
    before = lists(folder)

    told = refresh.take(URL, content)

    assert (told.outcome, told.this_update) == (Outcome.STORED, TODAY["issued_at"])
    assert lists(folder) == {**before, told.file.removeprefix("crl/"): content}
    assert "20261122T000000Z" in told.file
    assert (folder / told.file).stat().st_mode & 0o777 == folder.stat().st_mode & 0o644
    assert len(load_trust_folder(folder).revocation.crls) == 4


def test_the_same_list_again_is_known_in_either_spelling(refresh, folder, pki):
    content = revocation_list(pki.identity("issuer"), (), **TODAY)
    refresh.take(URL, content)
    before = lists(folder)
    pem = x509.load_der_x509_crl(content).public_bytes(Encoding.PEM)
    assert [refresh.take(URL, c).outcome for c in (content, pem)] == [Outcome.KNOWN] * 2
    assert lists(folder) == before


@pytest.mark.parametrize(
    ("who", "made", "why"),
    [
        ("impostor-issuer", {}, "không do cơ quan"),
        ("impostor-root", TODAY, "không do cơ quan"),
        ("000.00.15.H06-agency-good", TODAY, "không do cơ quan"),
        ("issuer", {"issued_at": datetime(2015, 6, 1, tzinfo=UTC)}, "cũ hơn"),
        ("issuer", {"issued_at": datetime(2027, 1, 1, tzinfo=UTC)}, "chưa tới"),
    ],
)
def test_a_bad_list_changes_nothing(who, made, why, refresh, folder, pki):
    before = lists(folder)
    told = refresh.take(URL, revocation_list(pki.identity(who), (), **made))
    assert (told.outcome, told.file) == (Outcome.REFUSED, "")
    assert why in told.reason_vi
    assert lists(folder) == before


def test_a_list_with_one_bit_changed_changes_nothing(refresh, folder, pki):
    content = bytearray(revocation_list(pki.identity("issuer"), (), **TODAY))
    content[-1] ^= 1
    before = lists(folder)
    assert refresh.take(URL, bytes(content)).outcome is Outcome.REFUSED
    assert lists(folder) == before


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"-----BEGIN X509 CRL-----\n", b"0\x82"])
def test_what_is_no_list_changes_nothing(content, refresh, folder):
    before = lists(folder)
    assert refresh.take(URL, content).outcome is Outcome.REFUSED
    assert lists(folder) == before


def test_a_list_of_one_part_is_no_older_version_of_the_whole(refresh, pki):
    """An authority may make several lists side by side; each has its own age."""
    issuer = pki.identity("issuer")
    refresh.take(URL, revocation_list(issuer, (), **TODAY))
    part = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(CRL_ISSUED_AT)
        .next_update(TODAY["next_at"])
        .add_extension(
            x509.IssuingDistributionPoint(None, None, True, False, None, False, False), critical=True
        )
        .sign(issuer.key, hashes.SHA256())
    )
    assert refresh.take(URL, part.public_bytes(Encoding.DER)).outcome is Outcome.STORED


def test_only_authorities_that_lead_to_an_anchor_are_asked_for(folder, pki):
    hint = pki.identity("impostor-issuer").certificate.public_bytes(Encoding.PEM)
    (folder / "intermediate" / "impostor.crt").write_bytes(hint)
    refresh = TrustRefresh(folder, FakeClock(NOW))
    told = refresh.take(URL, revocation_list(pki.identity("impostor-issuer"), (), **TODAY))
    assert told.outcome is Outcome.REFUSED


def test_the_operators_addresses_may_be_asked_and_no_others(folder):
    (folder / "online.toml").write_text(
        '[refresh]\ncrls = ["http://crl.example.vn/a.crl", "http://crl.example.vn:8080/b.crl"]\n'
        '[revocation]\nhosts = ["ocsp.example.vn"]\n'
    )
    refresh = TrustRefresh(folder, FakeClock(NOW))
    assert refresh.addresses == ("http://crl.example.vn/a.crl", "http://crl.example.vn:8080/b.crl")
    assert refresh.settings.hosts == ("ocsp.example.vn", "crl.example.vn", "crl.example.vn:8080")
    assert refresh.settings.private_hosts == ()


@pytest.mark.parametrize(
    "text",
    ['[refresh]\ncrls = "http://a"', "[refresh]\ncrls = [1]", "[refresh]\nurls = []", "refresh = 1", "[["],
)
def test_settings_that_cannot_be_meant_are_refused(text, folder):
    (folder / "online.toml").write_text(text)
    with pytest.raises(HeldForPerson) as refusal:
        TrustRefresh(folder, FakeClock(NOW))
    assert refusal.value.code == "ONLINE_SETTINGS_INVALID"
