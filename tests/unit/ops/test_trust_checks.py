"""The checks of a trust folder: each trouble is found by name, with its cause and its cure."""

import shutil
from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ebrvt_connect.ops.named_check import Grade
from ebrvt_connect.ops.trust_desk import TrustDesk
from ebrvt_connect.ops.trust_desk_checks import TITLES_VI, check_folder
from ebrvt_connect.ops.trust_desk_list import lines, listing
from ebrvt_connect.ops.trust_desk_rules import refuse_unfit
from ebrvt_connect.testing.pki_issue import Request, issue, new_key, revocation_list
from ebrvt_connect.transport.trust_folder import write_trust_file
from ebrvt_connect.trust.anchors import sha256_of
from ebrvt_connect.trust.pins import USES_OF, Pin
from tests.unit.trust.samples import list_signed_with_sha1, signed_with_sha1

NOW = datetime(2026, 11, 23, tzinfo=UTC)
END = datetime(2049, 12, 31, tzinfo=UTC)


@pytest.fixture
def folder(pki, tmp_path):
    return shutil.copytree(pki.trust_folder, tmp_path / "trust")


@pytest.fixture
def found(folder):
    """(grade, cause) of what does not pass, by check."""

    def run(at=NOW):
        told = {}
        for finding in check_folder(folder, at):
            told.setdefault(finding.name, [])
            if finding.grade is not Grade.PASS:
                assert finding.cure_vi
                told[finding.name].append((finding.grade, finding.cause_vi))
        return told

    return run


def put(folder, certificate, branch="government", pin=True, name="new.crt", more=""):
    (folder / branch).mkdir(exist_ok=True)
    (folder / branch / name).write_bytes(certificate.public_bytes(Encoding.PEM))
    if pin:
        with (folder / "pins.toml").open("a", encoding="utf-8") as pins:
            pins.write(f'\n[[pin]]\nsha256 = "{sha256_of(certificate)}"\nbranch = "{branch}"\n{more}')


def test_a_sound_folder_passes_every_check_once(folder):
    findings = list(check_folder(folder, NOW))
    assert [f.name for f in findings] == list(TITLES_VI)
    assert {f.grade for f in findings} == {Grade.PASS}


def test_a_folder_that_is_not_there_is_one_failure(tmp_path):
    (finding,) = check_folder(tmp_path / "nowhere", NOW)
    assert (finding.name, finding.grade) == ("trust", Grade.FAIL)


def test_a_file_without_pin_is_named_though_the_folder_no_longer_loads(found, folder, pki):
    stranger = pki.identity("impostor-root").certificate
    put(folder, stranger, pin=False)
    ((grade, said),) = found()["trust-pins"]
    assert grade is Grade.FAIL
    assert "government/new.crt" in said
    assert found()["trust"][0][0] is Grade.FAIL


def test_a_pin_without_file_is_a_warning(found, folder):
    (folder / "government" / "root.crt").unlink()
    ((grade, said),) = found()["trust-pins"]
    assert grade is Grade.WARN
    assert "không có tệp" in said


def test_a_file_that_was_exchanged_is_told_as_such(found, folder, pki):
    stranger = pki.identity("impostor-root").certificate
    pins = (folder / "pins.toml").read_text("utf-8")
    named = pins.replace('branch = "government"', 'branch = "government"\nfile = "government/root.crt"')
    (folder / "pins.toml").write_text(named, "utf-8")
    (folder / "government" / "root.crt").write_bytes(stranger.public_bytes(Encoding.PEM))
    said = [cause for _, cause in found()["trust-pins"]]
    assert any("không còn là chứng thư đã ghim" in cause for cause in said)


def test_a_certificate_outside_of_the_branches_is_told(found, folder, pki):
    put(folder, pki.identity("root").certificate, "vgca", pin=False)
    ((grade, said),) = found()["trust-pins"]
    assert (grade, "vgca/new.crt" in said) == (Grade.WARN, True)


@pytest.mark.parametrize("path", [".", "pins.toml", "crl", "government/root.crt"])
def test_what_anybody_may_change_is_a_failure(path, found, folder):
    (folder / path).chmod((folder / path).stat().st_mode | 0o002)
    ((grade, said),) = found()["trust-permissions"]
    assert grade is Grade.FAIL
    assert str(folder / path) in said


@pytest.mark.parametrize(
    ("left", "expected"),
    [(91, []), (89, [Grade.WARN]), (29, [Grade.WARN]), (-1, [Grade.FAIL])],
)
def test_an_anchor_near_its_end_is_told_in_time(left, expected, found, folder):
    ending = NOW + timedelta(days=left)
    put(folder, issue(Request("Gốc sắp hết", authority=True, valid_to=ending)).certificate, "foreign")
    told = found()["certificates"]
    assert [grade for grade, _ in told] == expected
    assert all(("chỉ còn 29 ngày" in said) is (left == 29) for _, said in told)


def test_an_expired_anchor_kept_for_old_signatures_is_in_order(found, folder):
    old = issue(Request("Gốc cũ", authority=True, valid_to=datetime(2020, 1, 1, tzinfo=UTC))).certificate
    put(folder, old, "foreign", more="valid_to = 2019-12-31\n")
    assert found()["certificates"] == []


def test_weak_anchors_are_told(found, folder):
    key = new_key(1024)
    short = issue(Request("Gốc ngắn", authority=True), None, key).certificate
    put(folder, short, "foreign")
    grades = {grade for grade, said in found()["trust-anchors"] if "rsa-1024" in said}
    assert grades == {Grade.FAIL}


def test_a_root_that_signed_itself_with_sha1_is_as_good_as_its_pin(found, folder):
    made = issue(Request("Gốc SHA-1", authority=True))
    old = signed_with_sha1(made.certificate, made.key)
    refuse_unfit(old, "foreign", NOW)
    put(folder, old, "foreign")
    assert found()["trust-anchors"] == []


def test_a_list_signed_with_sha1_is_told_to_count_for_old_papers_only(found, folder, pki):
    issuer = pki.identity("issuer")
    made = (folder / "crl" / "issuer.crl").read_bytes()
    (folder / "crl" / "old.crl").write_bytes(list_signed_with_sha1(made, issuer.key))
    (told,) = [(grade, said) for grade, said in found()["revocation-lists"] if "old.crl" in said]

    assert told[0] is Grade.WARN
    assert "SHA-1" in told[1]


def test_a_pinned_signer_and_a_pinned_issuing_authority_are_warned_of(found, folder, pki):
    put(folder, pki.identity("issuer").certificate, "foreign")
    put(folder, pki.identity("000.00.15.H06-agency-good").certificate, "foreign", name="leaf.crt")
    said = " ".join(cause for _, cause in found()["trust-anchors"])
    assert "không tự ký" in said
    assert "không phải chứng thư CA" in said


def test_two_roots_of_one_name_and_one_root_in_two_branches_are_warned_of(found, folder, pki):
    put(folder, pki.identity("impostor-root").certificate, "foreign")
    put(folder, pki.identity("root").certificate, "national")
    said = [cause for _, cause in found()["trust-anchors"]]
    assert any("khác khóa cùng tên" in cause for cause in said)
    assert any("vừa ở nhánh government vừa ở nhánh national" in cause for cause in said)


def test_a_hint_that_leads_nowhere_is_warned_of(found, folder, pki):
    put(folder, pki.identity("impostor-issuer").certificate, "intermediate", pin=False)
    ((grade, said),) = found()["trust-anchors"]
    assert (grade, "không dẫn tới" in said) == (Grade.WARN, True)


def test_signers_without_the_branch_that_vouches_for_them_are_told(found, folder, pki):
    root = sha256_of(pki.identity("root").certificate)
    shutil.rmtree(folder / "government")
    (folder / "pins.toml").write_text(f'[[pin]]\nsha256 = "{root}"\nbranch = "tsa"\n')
    ((grade, said),) = found()["trust-branches"]
    assert (grade, "chữ ký" in said) == (Grade.FAIL, True)
    put(folder, pki.identity("root").certificate, "national")
    ((grade, said),) = found()["trust-branches"]
    assert (grade, "68/2024" in said) == (Grade.WARN, True)


def test_no_anchor_for_timestamps_is_a_warning(found, folder, pki):
    root = sha256_of(pki.identity("root").certificate)
    shutil.rmtree(folder / "tsa")
    (folder / "pins.toml").write_text(f'[[pin]]\nsha256 = "{root}"\nbranch = "government"\n')
    assert [grade for grade, _ in found()["trust-branches"]] == [Grade.WARN]
    (folder / "pins.toml").write_text(
        f'[[pin]]\nsha256 = "{root}"\nbranch = "government"\nuses = ["sign", "timestamp"]\n'
    )
    assert found()["trust-branches"] == []


def test_an_authority_without_list_and_a_list_of_nobody_are_warned_of(found, folder, pki):
    (folder / "crl" / "issuer.crl").write_bytes(revocation_list(pki.identity("impostor-issuer"), ()))
    told = found()["revocation-lists"]
    assert {grade for grade, _ in told} == {Grade.WARN}
    assert any("không do cơ quan nào trong kho ký" in said for _, said in told)
    assert any("Chưa có danh sách thu hồi của CN=Cơ quan cấp chứng thư" in said for _, said in told)


def test_a_current_list_of_an_impostor_does_not_hide_that_the_real_one_is_overdue(found, folder, pki):
    stale = revocation_list(pki.identity("issuer"), (), next_at=datetime(2016, 3, 1, tzinfo=UTC))
    (folder / "crl" / "issuer.crl").write_bytes(stale)
    (folder / "crl" / "zz.crl").write_bytes(revocation_list(pki.identity("impostor-issuer"), ()))
    assert (Grade.FAIL, True) in [(g, "quá hạn" in said) for g, said in found()["revocation-lists"]]


# --- the listing -------------------------------------------------------------------------------------


def test_the_listing_says_all_of_an_anchor(folder, pki):
    desk = TrustDesk(folder)
    other = issue(Request("Gốc khác", authority=True)).certificate
    desk.add(
        [other],
        Pin(
            "",
            "foreign",
            USES_OF["foreign"],
            None,
            date(2030, 1, 1),
            source="công văn 12",
            checked=date(2026, 1, 2),
        ),
        bound=True,
    )
    told = listing(folder, NOW)
    (row,) = (a for a in told["anchors"] if a["branch"] == "foreign")
    assert (row["sha256"], row["pinned"], row["uses"]) == (sha256_of(other), True, ["sign"])
    assert (row["source"], row["checked"], row["valid_to"]) == (
        "công văn 12",
        date(2026, 1, 2),
        date(2030, 1, 1),
    )
    assert row["days_left"] == (END - NOW).days
    assert (len(told["intermediates"]), len(told["crls"]), told["unreadable"]) == (2, 3, [])
    text = "\n".join(lines(told))
    assert "nguồn: công văn 12; đối chiếu ngày 02/01/2026" in text
    assert "đến hết 01/01/2030" in text


def test_the_listing_names_what_is_stale_old_unpinned_and_unreadable(folder, pki):
    issuer = pki.identity("issuer")
    short = {"issued_at": datetime(2016, 3, 1, tzinfo=UTC), "next_at": datetime(2016, 4, 1, tzinfo=UTC)}
    write_trust_file(folder, "crl/newer.crl", revocation_list(issuer, (), **short))
    write_trust_file(folder, "crl/bad.crl", b"junk")
    put(folder, pki.identity("impostor-root").certificate, "foreign", pin=False)
    (folder / "signers.toml").write_text("[[signer")
    told = listing(folder, NOW)
    state = {row["file"]: (row["newest"], row["stale"]) for row in told["crls"]}
    assert state["crl/newer.crl"] == (True, True)
    assert state["crl/issuer.crl"] == (False, False)
    assert sorted(told["unreadable"]) == ["crl/bad.crl", "signers.toml"]
    text = "\n".join(lines(told))
    assert "CHƯA GHIM" in text
    assert "QUÁ HẠN" in text
