"""Anchors are pinned by SHA-256; a trust folder with anything else in it is refused."""

import shutil

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from ebrvt_connect.errors import HeldForPerson, InvalidValue, Scope
from ebrvt_connect.testing.pki_issue import revocation_list
from ebrvt_connect.transport.trust_folder import load_trust_folder
from ebrvt_connect.trust.anchors import Branch, sha256_of, store_of_anchors, store_of_files
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verdict import Indication, SignatureKind
from ebrvt_connect.trust.verify import verify_bytes
from tests.unit.trust.samples import AT


def pem(certificate):
    return certificate.public_bytes(Encoding.PEM)


@pytest.fixture
def folder(pki, tmp_path):
    return shutil.copytree(pki.trust_folder, tmp_path / "trust")


@pytest.fixture
def root(pki):
    return pki.identity("root").certificate


@pytest.fixture
def stranger(pki):
    return pki.identity("impostor-root").certificate


def test_a_folder_gives_anchors_hints_lists_and_signers(folder, root):
    store = load_trust_folder(folder)

    assert {(a.branch, sha256_of(a.certificate)) for a in store.anchors} == {
        (Branch.GOVERNMENT, sha256_of(root)),
        (Branch.TSA, sha256_of(root)),
    }
    assert (len(store.intermediates), len(store.revocation.crls)) == (2, 3)
    assert store.signers.signers


def test_an_anchor_without_pin_is_refused_and_its_fingerprint_told(folder, stranger):
    (folder / "national").mkdir()
    (folder / "national" / "stranger.crt").write_bytes(pem(stranger))

    with pytest.raises(HeldForPerson) as refusal:
        load_trust_folder(folder)

    assert (refusal.value.code, refusal.value.scope) == ("TRUST_PIN_MISSING", Scope.SYSTEM)
    assert sha256_of(stranger) in refusal.value.advice_vi


def test_a_pin_holds_for_one_branch_only(folder, root):
    (folder / "foreign").mkdir()
    (folder / "foreign" / "root.crt").write_bytes(pem(root))

    with pytest.raises(HeldForPerson, match="not pinned"):
        load_trust_folder(folder)


def test_an_intermediate_is_a_hint_and_never_an_anchor(folder, stranger):
    (folder / "intermediate" / "stranger.crt").write_bytes(pem(stranger))

    store = load_trust_folder(folder)

    assert sha256_of(stranger) not in {sha256_of(a.certificate) for a in store.anchors}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("government/bad.crt", b"not a certificate"),
        ("government/bad.p7b", b"not a bundle"),
        ("crl/bad.crl", b"not a list"),
        ("pins.toml", b"pin = 3"),
        ("pins.toml", b"[[pin]]\nbranch = 'government'\n"),
        ("pins.toml", b"[[pin]]\nbranch = 'nowhere'\nsha256 = '" + b"a" * 64 + b"'\n"),
        ("pins.toml", b"[[pin]]\nbranch = 'tsa'\nsha256 = 'ab'\n"),
        ("pins.toml", b"\xff"),
    ],
)
def test_a_file_that_does_not_read_is_refused_and_named(folder, path, content):
    (folder / path).write_bytes(content)

    with pytest.raises(HeldForPerson) as refusal:
        load_trust_folder(folder)

    assert refusal.value.code == "TRUST_FOLDER_INVALID"
    assert path.rpartition("/")[0] in refusal.value.explanation_vi


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(HeldForPerson) as refusal:
        load_trust_folder(tmp_path / "nowhere")

    assert refusal.value.code == "TRUST_FOLDER_MISSING"


def test_a_file_too_large_to_be_a_trust_file_is_refused(folder):
    with (folder / "crl" / "large.crl").open("wb") as stream:
        stream.truncate(65 * 1024 * 1024)

    with pytest.raises(HeldForPerson, match=r"large\.crl"):
        load_trust_folder(folder)


def test_other_files_are_left_alone(folder):
    (folder / "README").write_text("for people")
    (folder / "government" / "notes.txt").write_text("for people")

    assert len(load_trust_folder(folder).anchors) == 2


def test_bundles_and_pem_lists_are_read(root, pki):
    issuer = pki.identity("issuer").certificate
    pins = f'[[pin]]\nbranch = "national"\nsha256 = "{sha256_of(root).upper()}"\n'.encode()
    bundle = pkcs7.serialize_certificates([root], Encoding.DER)

    store = store_of_files(
        {"pins.toml": pins, "national/a.p7b": bundle, "intermediate/b.pem": pem(issuer) * 2}
    )

    assert (store.anchors[0].kind, len(store.intermediates)) == (SignatureKind.PUBLIC, 2)


def test_a_branch_vouches_for_its_own_kind_only(desk, pki, root):
    """An anchor for timestamps does not make a signer trusted, and the other way round."""
    sha256 = sha256_of(root)

    def report(branch, pdf):
        pins = f'[[pin]]\nbranch = "{branch}"\nsha256 = "{sha256}"\n'.encode()
        crls = {f"crl/{p.name}": p.read_bytes() for p in (pki.trust_folder / "crl").iterdir()}
        store = store_of_files({"pins.toml": pins, f"{branch}/root.crt": pem(root), **crls})
        return verify_bytes(pdf, policy=VN_2025, trust=store, at=AT)

    stamped = desk.signed(timestamper=desk.stamped())

    assert report("tsa", stamped).sub_indications == ("NO_CERTIFICATE_CHAIN_FOUND",)
    assert report("government", stamped).signatures[0].best_time.proof == "claimed"
    assert report("government", stamped).indication is Indication.TOTAL_PASSED
    assert report("foreign", desk.signed()).signatures[0].signature_kind == "foreign"


def test_anchors_named_for_one_call_vouch_for_everything(desk, pki, root):
    crls = [p.read_bytes() for p in (pki.trust_folder / "crl").iterdir()]
    store = store_of_anchors([pem(root)], crls=crls)

    report = verify_bytes(desk.signed(timestamper=desk.stamped()), policy=VN_2025, trust=store, at=AT)

    assert (report.indication, report.signatures[0].best_time.proof) == (Indication.TOTAL_PASSED, "timestamp")
    assert report.signatures[0].signature_kind == "other"


def test_further_lists_can_be_given_for_one_call(desk, pki):
    bare = desk.without_revocation_lists().trust
    crls = [p.read_bytes() for p in (pki.trust_folder / "crl").iterdir()]

    with_lists = verify_bytes(desk.signed(), policy=VN_2025, trust=bare.with_more(crls=crls), at=AT)

    assert with_lists.indication is Indication.TOTAL_PASSED


@pytest.mark.parametrize("given", [{"hints": [b"x"]}, {"crls": [b"x"]}])
def test_what_is_neither_certificate_nor_list_is_refused(given, desk):
    with pytest.raises(InvalidValue):
        desk.trust.with_more(**given)


def test_a_revoked_authority_leaves_it_undecided(desk, pki):
    root, issuer = pki.identity("root"), pki.identity("issuer")
    lists = [revocation_list(root, [issuer.certificate]), revocation_list(issuer, [])]
    store = desk.without_revocation_lists().trust.with_more(crls=lists)

    report = verify_bytes(desk.signed(), policy=VN_2025, trust=store, at=AT)

    assert report.sub_indications == ("REVOKED_CA_NO_POE",)
