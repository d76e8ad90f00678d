"""Adding to the trust folder and taking out: what would weaken it is refused, and nothing is written."""

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from threading import Event

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.ops.trust_desk import TrustDesk
from ebrvt_connect.ops.trust_desk_rules import (
    chosen,
    fingerprint,
    in_groups,
    plain_name,
    read_candidates,
    refuse_unfit,
)
from ebrvt_connect.testing.pki_issue import Request, issue, new_key
from ebrvt_connect.transport import trust_folder
from ebrvt_connect.transport.trust_folder import load_trust_folder, write_trust_file
from ebrvt_connect.trust.anchors import sha256_of
from ebrvt_connect.trust.pins import USES_OF, Pin, Use, read_pins

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ROOT = Request("Gốc thử", authority=True)


@pytest.fixture(scope="module")
def key():
    return new_key()


@pytest.fixture(scope="module")
def root(key):
    return issue(ROOT, None, key)


@pytest.fixture(scope="module")
def middle(root, key):
    return issue(Request("Trung gian thử", authority=True), root, key)


@pytest.fixture
def desk(tmp_path):
    return TrustDesk(tmp_path / "trust")


def like(branch="government", **more) -> Pin:
    return replace(Pin("", branch, USES_OF[branch], source="thử", checked=date(2026, 11, 23)), **more)


def everything(folder) -> dict[str, bytes]:
    if not folder.exists():
        return {}
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def code_of(attempt, *arguments, **more) -> str:
    with pytest.raises(InvalidValue) as refusal:
        attempt(*arguments, **more)
    return refusal.value.code


# --- what may be added -------------------------------------------------------------------------------


def test_a_root_is_pinned_with_its_provenance_and_then_trusted(desk, root):
    (added,) = desk.add(
        [root.certificate], like(uses=frozenset(Use), valid_to=date(2030, 12, 31)), bound=True
    )

    (anchor,) = load_trust_folder(desk.folder).anchors
    assert anchor.certificate == root.certificate
    assert anchor.uses == {Use.SIGN, Use.TIMESTAMP}
    assert (anchor.pin.source, anchor.pin.checked) == ("thử", date(2026, 11, 23))
    assert (anchor.pin.valid_to, anchor.pin.file) == (date(2030, 12, 31), added.path)


def test_nobody_else_may_read_or_write_what_was_written(desk, root):
    desk.add([root.certificate], like(), bound=False)

    modes = {stat.S_IMODE(p.stat().st_mode) for p in desk.folder.rglob("*") if p.is_file()}
    assert modes == {0o600}
    assert stat.S_IMODE((desk.folder / "government").stat().st_mode) == 0o700


def test_a_file_others_could_write_loses_that_and_keeps_its_readers(desk, root):
    desk.folder.mkdir()
    pins = desk.folder / "pins.toml"
    pins.write_text("# của tỉnh\n")
    pins.chmod(0o666)
    desk.add([root.certificate], like(), bound=False)
    assert stat.S_IMODE(pins.stat().st_mode) == 0o644


def test_an_intermediate_is_a_hint_and_stays_one(desk, root, middle):
    desk.add([root.certificate], like(), bound=False)
    desk.add([middle.certificate], like("intermediate"), bound=False)

    store = load_trust_folder(desk.folder)
    assert [a.certificate for a in store.anchors] == [root.certificate]
    assert store.intermediates == (middle.certificate,)


@pytest.mark.parametrize("branch", ["government", "national", "foreign", "tsa"])
def test_what_is_no_root_is_no_anchor(branch, middle, root, key):
    assert code_of(refuse_unfit, middle.certificate, branch, NOW) == "ANCHOR_NOT_ROOT"
    leaf = issue(Request("Người ký"), root, key).certificate
    assert code_of(refuse_unfit, leaf, branch, NOW) == "ANCHOR_NOT_AUTHORITY"


def test_a_name_that_issues_itself_with_another_key_is_not_self_signed(root, key):
    other = issue(ROOT)
    builder = (
        x509.CertificateBuilder()
        .subject_name(root.certificate.subject)
        .issuer_name(root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    posing = builder.sign(other.key, hashes.SHA256())
    assert code_of(refuse_unfit, posing, "government", NOW) == "ANCHOR_NOT_ROOT"


def test_a_root_is_no_intermediate(root):
    assert code_of(refuse_unfit, root.certificate, "intermediate", NOW) == "ANCHOR_IS_ROOT"


def test_a_short_key_is_refused():
    short = issue(ROOT, None, rsa.generate_private_key(public_exponent=65537, key_size=1024))
    assert code_of(refuse_unfit, short.certificate, "government", NOW) == "ANCHOR_WEAK"


def test_a_root_that_may_not_issue_is_refused(key):
    usage = {"digital_signature": True, "key_cert_sign": False, "crl_sign": True}
    rest = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    flags = {**usage, **dict.fromkeys((*rest, "encipher_only", "decipher_only"), False)}
    name = ROOT.name
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(8)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**flags), critical=True)
        .sign(key, hashes.SHA256())
    )
    assert code_of(refuse_unfit, made, "government", NOW) == "ANCHOR_NOT_AUTHORITY"


@pytest.mark.parametrize("at", [datetime(2014, 12, 31, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)])
def test_what_is_not_valid_today_is_refused(at, root):
    assert code_of(refuse_unfit, root.certificate, "government", at) == "ANCHOR_OUT_OF_TIME"


def test_an_expired_root_may_be_kept_for_signatures_of_its_own_time(root):
    long_after, ends = datetime(2050, 1, 1, tzinfo=UTC), root.certificate.not_valid_after_utc.date()
    refuse_unfit(root.certificate, "government", long_after, valid_to=ends)
    with pytest.raises(InvalidValue):
        refuse_unfit(root.certificate, "government", long_after, valid_to=ends + timedelta(days=1))


def test_an_expired_intermediate_is_still_a_hint(middle):
    refuse_unfit(middle.certificate, "intermediate", datetime(2090, 1, 1, tzinfo=UTC))


def test_an_end_of_time_is_shown_and_does_not_overflow(key):
    forever = issue(replace(ROOT, valid_to=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)), None, key)
    refuse_unfit(forever.certificate, "government", NOW)


# --- same again, same name, other branch -------------------------------------------------------------


def test_adding_again_changes_nothing_and_says_so(desk, root):
    desk.add([root.certificate], like(), bound=False)
    before = everything(desk.folder)

    (again,) = desk.add([root.certificate], like(source="khác"), bound=False)

    assert again.already is True
    assert everything(desk.folder) == before


def test_a_lost_file_and_a_lost_pin_are_each_put_back(desk, root):
    (added,) = desk.add([root.certificate], like(), bound=False)
    whole = everything(desk.folder)
    (desk.folder / added.path).unlink()
    assert desk.add([root.certificate], like(), bound=False)[0].already is False
    assert everything(desk.folder) == whole

    (desk.folder / "pins.toml").unlink()
    desk.add([root.certificate], like(), bound=False)
    assert load_trust_folder(desk.folder).anchors[0].certificate == root.certificate


def test_other_bounds_for_what_is_pinned_are_refused_and_not_dropped(desk, root):
    desk.add([root.certificate], like(), bound=False)
    before = everything(desk.folder)
    bounded = like(valid_to=date(2027, 1, 1))
    assert code_of(desk.add, [root.certificate], bounded, bound=True) == "ANCHOR_PINNED_OTHERWISE"
    assert everything(desk.folder) == before


def test_one_root_does_not_vouch_for_two_kinds_of_signature(desk, root):
    desk.add([root.certificate], like(), bound=False)
    before = everything(desk.folder)
    assert code_of(desk.add, [root.certificate], like("national"), bound=False) == "ANCHOR_OTHER_BRANCH"
    assert everything(desk.folder) == before
    desk.add([root.certificate], like("tsa"), bound=False)
    assert len(load_trust_folder(desk.folder).anchors) == 2


def test_of_several_all_are_added_or_none(desk, root):
    other = issue(replace(ROOT, common_name="Gốc khác")).certificate
    desk.add([root.certificate], like(), bound=False)
    before = everything(desk.folder)
    assert code_of(desk.add, [other, root.certificate], like("foreign"), bound=False) == "ANCHOR_OTHER_BRANCH"
    assert everything(desk.folder) == before


@pytest.mark.parametrize("name", ["Gốc thử", "GỐC THỬ", "Gốc  thử"])
def test_a_same_name_with_another_key_is_noticed_however_it_is_spelled(name, desk, root):
    desk.add([root.certificate], like("tsa"), bound=False)
    posing = issue(replace(ROOT, common_name=name)).certificate
    assert [h.sha256 for h in desk.of_same_name(posing)] == [sha256_of(root.certificate)]
    assert code_of(desk.refuse_same_name, posing) == "ANCHOR_SAME_NAME"


def test_a_renewed_certificate_of_the_same_key_is_no_stranger(desk, root, key):
    desk.add([root.certificate], like(), bound=False)
    assert desk.of_same_name(issue(ROOT, None, key).certificate) == []


# --- files and fingerprints --------------------------------------------------------------------------


def test_every_usual_file_is_read_whatever_it_is_called(root, middle, tmp_path):
    both = [root.certificate, middle.certificate]
    contents = {
        "a.pem": b"".join(c.public_bytes(Encoding.PEM) for c in both),
        "b.p7b": pkcs7.serialize_certificates(both, Encoding.DER),
        "c.cer": pkcs7.serialize_certificates(both, Encoding.PEM),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        assert set(read_candidates(tmp_path / name)) == set(both)
    for name in ("d.crt", "e.p7b"):
        (tmp_path / name).write_bytes(root.certificate.public_bytes(Encoding.DER))
        assert read_candidates(tmp_path / name) == [root.certificate]


@pytest.mark.parametrize(
    "content", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\n", b"\0" * (1024 * 1024 + 1)]
)
def test_anything_else_is_no_certificate(content, tmp_path):
    (tmp_path / "x.crt").write_bytes(content)
    assert code_of(read_candidates, tmp_path / "x.crt") == "ANCHOR_FILE_UNREADABLE"


def test_a_fingerprint_is_taken_as_people_write_it(root):
    digits = sha256_of(root.certificate)
    colons = ":".join(digits[n : n + 2].upper() for n in range(0, 64, 2))
    for text in (digits, colons, in_groups(digits), f"SHA256 Fingerprint={colons}", f" sha-256: {digits}\n"):
        assert fingerprint(text) == digits


@pytest.mark.parametrize("text", ["", "ab", "g" * 64, "a" * 63, "a" * 40, "a" * 65, "sha256:"])
def test_part_of_a_fingerprint_confirms_nothing(text):
    assert code_of(fingerprint, text) == "ANCHOR_FINGERPRINT_UNREADABLE"


def test_every_fingerprint_named_must_be_in_the_file(root, middle):
    good = sha256_of(root.certificate)
    both = [root.certificate, middle.certificate]
    assert chosen(both, [good]) == [root.certificate]
    wrong = ("0" if good[-1] != "0" else "1").join([good[:-1], ""])
    assert code_of(chosen, both, [good, wrong]) == "ANCHOR_FINGERPRINT_DIFFERS"


@pytest.mark.parametrize(
    ("subject", "plain"),
    [("Đặng Gốc", "dang-goc"), ("../../etc/passwd", "etc-passwd"), ("机关", "khong-ten"), ("a\0b", "a-b")],
)
def test_a_stranger_does_not_choose_where_a_file_is_written(subject, plain):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    assert plain_name(name) == plain


# --- pins.toml ---------------------------------------------------------------------------------------

BY_HAND = """# ghi chú đầu tệp

[[pin]]   # gốc cũ
sha256 = "{old}"
branch = "national"
x_owner = "Phòng CNTT"  # người giữ

# một nhận xét ở giữa
[x_notes]
text = "giữ nguyên"
"""


def test_comments_order_and_everything_else_stay(desk, root):
    desk.folder.mkdir()
    by_hand = BY_HAND.format(old="b" * 64)
    (desk.folder / "pins.toml").write_text(by_hand, "utf-8")

    desk.add([root.certificate], like(), bound=False)
    text = (desk.folder / "pins.toml").read_text("utf-8")
    for line in by_hand.splitlines():
        assert line in text
    assert [p.branch for p in read_pins(text.encode())] == ["national", "government"]

    desk.remove(sha256_of(root.certificate), "government")
    assert [p.sha256 for p in read_pins((desk.folder / "pins.toml").read_bytes())] == ["b" * 64]
    assert "# người giữ" in (desk.folder / "pins.toml").read_text("utf-8")


def test_a_name_that_looks_like_a_row_stays_a_name(desk, key):
    trap = issue(replace(ROOT, common_name=f'x"\n[[pin]]\nsha256 = "{"c" * 20}"'), None, key).certificate
    desk.add([trap], like(source='"""\n[[pin]]\0'), bound=False)
    (pin,) = read_pins((desk.folder / "pins.toml").read_bytes())
    assert (pin.sha256, pin.source) == (sha256_of(trap), '"""\n[[pin]]\0')


def test_two_who_add_at_once_lose_nothing_of_each_other(desk, key):
    roots = [issue(replace(ROOT, common_name=f"Gốc {n}"), None, key).certificate for n in range(6)]
    with ThreadPoolExecutor(6) as people:
        list(people.map(lambda c: TrustDesk(desk.folder).add([c], like("foreign"), bound=False), roots))
    assert {a.certificate for a in load_trust_folder(desk.folder).anchors} == set(roots)


def test_whoever_loads_meanwhile_never_sees_half_of_a_change(desk, root, key):
    """A certificate read without its pin would stop every verdict."""
    desk.add([root.certificate], like(), bound=False)
    other = issue(replace(ROOT, common_name="Gốc khác"), None, key).certificate
    done = Event()

    def load_until_done() -> set[int]:
        seen = set()
        while not done.is_set():
            seen.add(len(load_trust_folder(desk.folder).anchors))
        return seen

    with ThreadPoolExecutor(2) as readers:
        reading = [readers.submit(load_until_done) for _ in range(2)]
        try:
            for _ in range(20):
                desk.add([other], like("foreign"), bound=False)
                desk.remove(sha256_of(other), "foreign")
        finally:
            done.set()
        assert {n for one in reading for n in one.result()} <= {1, 2}


def test_pins_written_in_one_line_are_kept_as_well(desk, root):
    desk.folder.mkdir()
    (desk.folder / "pins.toml").write_text(f'pin = [{{ sha256 = "{"b" * 64}", branch = "tsa" }}]\n')
    desk.add([root.certificate], like(), bound=False)
    assert [p.branch for p in read_pins((desk.folder / "pins.toml").read_bytes())] == ["tsa", "government"]


def test_a_file_of_pins_that_does_not_read_is_left_as_it_is(desk, root):
    desk.folder.mkdir()
    (desk.folder / "pins.toml").write_text("[[pin")
    assert code_of(desk.add, [root.certificate], like(), bound=False) == "TRUST_FOLDER_INVALID"
    assert everything(desk.folder) == {"pins.toml": b"[[pin"}


def test_a_write_that_breaks_off_leaves_the_folder_usable(desk, root, middle, monkeypatch):
    """The pin goes first: a certificate without its pin would stop every verdict."""
    desk.add([root.certificate], like(), bound=False)
    honest = trust_folder.os.fsync
    written = []

    def full_disk(handle):
        if len(written) == 2:  # the pins, and the folder they stand in, are on the disk by now
            raise OSError(28, "No space left on device")
        written.append(handle)
        return honest(handle)

    monkeypatch.setattr(trust_folder.os, "fsync", full_disk)
    other = issue(replace(ROOT, common_name="Gốc khác")).certificate
    with pytest.raises(OSError, match="No space"):
        desk.add([other], like("foreign"), bound=False)
    monkeypatch.undo()

    assert [a.certificate for a in load_trust_folder(desk.folder).anchors] == [root.certificate]
    assert not list(desk.folder.rglob(".*"))


def test_a_file_being_written_is_no_part_of_the_folder(desk, root):
    desk.add([root.certificate], like(), bound=False)
    write_trust_file(desk.folder, "government/.half.crt", b"half")
    assert len(load_trust_folder(desk.folder).anchors) == 1


# --- taking out --------------------------------------------------------------------------------------


def test_taking_out_leaves_neither_file_nor_pin(desk, root):
    sha256 = sha256_of(root.certificate)
    desk.add([root.certificate], like(), bound=False)
    place = desk.find(sha256[:8], None)
    assert place.certificate == root.certificate
    desk.remove(place.sha256, place.branch)
    assert load_trust_folder(desk.folder).anchors == ()
    assert set(everything(desk.folder)) == {"pins.toml"}
    assert code_of(desk.find, sha256, None) == "ANCHOR_UNKNOWN"
    desk.add([root.certificate], like(), bound=False)
    assert len(load_trust_folder(desk.folder).anchors) == 1


def test_taking_out_of_a_bundle_leaves_the_rest(desk, root, middle):
    desk.add([root.certificate], like(), bound=False)
    bundle = pkcs7.serialize_certificates([middle.certificate, root.certificate], Encoding.DER)
    write_trust_file(desk.folder, "intermediate/ca.p7b", bundle)
    desk.remove(sha256_of(root.certificate), "intermediate")
    assert load_trust_folder(desk.folder).intermediates == (middle.certificate,)


def test_where_several_fit_nothing_is_chosen(desk, root):
    sha256 = sha256_of(root.certificate)
    desk.add([root.certificate], like(), bound=False)
    desk.add([root.certificate], like("tsa"), bound=False)
    assert code_of(desk.find, sha256, None) == "ANCHOR_AMBIGUOUS"
    desk.remove(sha256, desk.find(sha256, "tsa").branch)
    assert [a.branch for a in load_trust_folder(desk.folder).anchors] == ["government"]


def test_a_pin_that_lost_its_file_can_be_taken_out(desk, root):
    (added,) = desk.add([root.certificate], like(), bound=False)
    (desk.folder / added.path).unlink()
    place = desk.find(sha256_of(root.certificate), None)
    assert place.certificate is None
    assert desk.remove(place.sha256, place.branch) == ["pins.toml"]
