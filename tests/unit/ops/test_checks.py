"""What `doctor` makes of certificates near their end, lists past it, a full disk, a broken store."""

import shutil
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ebrvt_connect.errors import HeldForPerson, RetryLater, explain
from ebrvt_connect.ops import built_in, checks, trust_desk_checks
from ebrvt_connect.ops.checks import Grade, examine
from ebrvt_connect.ops.config import load_config
from ebrvt_connect.testing.clock import START, FakeClock
from ebrvt_connect.testing.memory import NoSettings
from ebrvt_connect.testing.pki_issue import revocation_list

TROUBLE = explain("TEST_CHECK_TROUBLE", "Kiểm tra thử nghiệm gặp sự cố.", "Không cần làm gì.")
GIB = 1024**3
NAMES_OF_TRUST = ("trust-pins", "trust-permissions", "trust-anchors", "trust-branches")


@pytest.fixture
def trust(pki, tmp_path):
    """A trust folder of our own to change."""
    shutil.copytree(pki.trust_folder, tmp_path / "trust")
    return tmp_path / "trust"


@pytest.fixture
def examined(tmp_path, trust):
    """Findings by check for a province of these parts at this time, offline."""

    def run(more: str = "", at: datetime = START):
        (tmp_path / "ebrvt.toml").write_text(f'{more}\n[province]\ncode = "H06"\n', "utf-8")
        found: dict[str, list] = {}
        for finding in examine(load_config(tmp_path / "ebrvt.toml"), FakeClock(at), reach=False):
            found.setdefault(finding.name, []).append(finding)
        return found

    return run


def grades(findings) -> list[Grade]:
    return [finding.grade for finding in findings]


def test_a_sound_folder_passes_with_one_finding_each(examined):
    found = examined()
    for name in ("trust", *NAMES_OF_TRUST, "certificates", "revocation-lists", "schemas", "disk"):
        assert grades(found[name]) == [Grade.PASS]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2049, 10, 1, tzinfo=UTC), {Grade.PASS}),
        (datetime(2049, 12, 1, tzinfo=UTC), {Grade.WARN}),
        (datetime(2050, 2, 1, tzinfo=UTC), {Grade.FAIL, Grade.WARN}),  # hints stay for old signatures
    ],
)
def test_certificates_warn_before_they_end_and_fail_afterwards(at, expected, examined):
    found = examined(at=at)["certificates"]
    assert set(grades(found)) == expected
    assert all(f.cure_vi for f in found if f.grade is not Grade.PASS)


def test_our_own_certificate_for_tls_is_looked_at(examined, pki, tmp_path):
    expired = pki.identity("000.00.15.H06-agency-expired").certificate
    (tmp_path / "client.pem").write_bytes(expired.public_bytes(Encoding.PEM))
    system = '[systems.axis]\nadapter = "vxp"\ntransport = { client_certificate = "client.pem" }\n'
    (failed,) = examined(system)["certificates"]
    assert failed.grade is Grade.FAIL
    assert "đã hết hạn" in failed.cause_vi


@pytest.mark.parametrize("content", [None, b"junk"])
def test_a_certificate_for_tls_that_does_not_read_fails(content, examined, tmp_path):
    if content is not None:
        (tmp_path / "client.pem").write_bytes(content)
    system = '[systems.axis]\nadapter = "vxp"\ntransport = { client_certificate = "client.pem" }\n'
    (failed,) = examined(system)["certificates"]
    assert failed.grade is Grade.FAIL
    assert "client.pem" in failed.cause_vi


def test_a_list_past_its_time_fails(examined):
    found = examined(at=datetime(2050, 2, 1, tzinfo=UTC))["revocation-lists"]
    assert set(grades(found)) == {Grade.FAIL}
    assert "quá hạn" in found[0].cause_vi
    assert "bị giữ lại" in found[0].cure_vi


def test_an_old_list_beside_a_newer_one_of_its_authority_does_no_harm(examined, trust, pki):
    def old_list(name: str) -> bytes:
        issued, following = datetime(2015, 1, 1, tzinfo=UTC), datetime(2015, 2, 1, tzinfo=UTC)
        return revocation_list(pki.identity(name), (), issued_at=issued, next_at=following)

    (trust / "crl" / "issuer-2015.crl").write_bytes(old_list("issuer"))
    (trust / "crl" / "zz-last-by-name.crl").write_bytes(old_list("issuer"))
    assert grades(examined()["revocation-lists"]) == [Grade.PASS]
    (trust / "crl" / "tsa-issuer.crl").write_bytes(old_list("tsa-issuer"))
    (failed,) = examined()["revocation-lists"]
    assert failed.grade is Grade.FAIL
    assert "cấp dấu thời gian" in failed.cause_vi


def test_no_list_at_all_fails(examined, trust):
    shutil.rmtree(trust / "crl")
    (failed,) = examined()["revocation-lists"]
    assert (failed.grade, failed.cause_vi) == (Grade.FAIL, "Chưa có danh sách thu hồi (CRL) nào.")


def test_a_trust_folder_without_anchors_or_signers_fails(examined, trust):
    (trust / "signers.toml").write_text("")
    assert "signers.toml" in examined()["trust"][0].cause_vi
    shutil.rmtree(trust / "government")
    shutil.rmtree(trust / "tsa")
    (failed,) = examined()["trust"]
    assert failed.grade is Grade.FAIL
    assert "chứng thư gốc" in failed.cause_vi


def test_a_register_that_does_not_read_fails_in_its_own_words(examined, trust):
    (trust / "signers.toml").write_text("[[signer]]\nsha256 = 5\n")
    (failed,) = examined()["trust"]
    assert "SIGNER_REGISTER_INVALID" in failed.cause_vi


def test_a_clock_before_our_time_fails(examined):
    assert grades(examined(at=datetime(2020, 1, 1, tzinfo=UTC))["clock"]) == [Grade.FAIL]


@pytest.mark.parametrize(("free", "grade"), [(5 * GIB, "pass"), (GIB, "warn"), (GIB // 10, "fail")])
def test_a_disk_that_fills_up_is_told_in_time(free, grade, examined, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    (found,) = examined()["disk"]
    assert found.grade == grade
    assert bool(found.cure_vi) is (grade != "pass")


def test_codes_of_agencies_are_read_and_broken_ones_fail(examined, tmp_path):
    codes = tmp_path / "agencies.toml"
    named = '[province]\ncode = "H06"\nagencies = "agencies.toml"\n'
    path = tmp_path / "ebrvt.toml"

    def grade():
        path.write_text(named)
        found = examine(load_config(path), FakeClock(), reach=False)
        return next(f.grade for f in found if f.name == "agencies")

    assert grades(examined()["agencies"]) == [Grade.WARN]
    codes.write_text('[[succession]]\nold = "H06"\nnew = "H29"\nsince = 2025-07-01\n')
    assert grade() is Grade.PASS
    codes.write_text("[[succession]]\nold = 5\n")
    assert grade() is Grade.FAIL


def test_a_shipped_schema_that_was_changed_fails(examined, monkeypatch):
    honest = checks.open_schema
    monkeypatch.setattr(
        checks, "open_schema", lambda name: honest(name) + (b"" if name == "SOURCES.toml" else b" ")
    )
    (failed,) = examined()["schemas"]
    assert failed.grade is Grade.FAIL
    assert "edxml" in failed.cause_vi


def test_what_is_part_of_the_program_needs_no_more_than_its_settings(examined, monkeypatch):
    desk = SimpleNamespace(settings_type=NoSettings)
    monkeypatch.setattr(built_in, "import_module", lambda _: SimpleNamespace(ReportDesk=desk))
    found = examined(more='[systems.so-lieu]\nadapter = "ledger"\n')
    assert grades(found["system-so-lieu"]) == [Grade.PASS]


def test_a_damaged_ledger_fails(examined, tmp_path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "ebrvt.db").write_bytes(b"no database" * 200)
    (failed,) = examined()["store"]
    assert failed.grade is Grade.FAIL
    assert "STORE_DAMAGED" in failed.cause_vi


def test_a_file_that_cannot_be_read_is_a_failed_check_and_no_crash(examined, monkeypatch):
    def unreadable(_):
        raise PermissionError(13, "Permission denied", "/etc/trust/pins.toml")

    monkeypatch.setattr(trust_desk_checks, "load_trust_folder", unreadable)
    (failed,) = examined()["trust"]
    assert failed.grade is Grade.FAIL
    assert "/etc/trust/pins.toml" in failed.cause_vi


@pytest.mark.parametrize(("effect", "remote"), [(RetryLater, True), (HeldForPerson, False)])
def test_only_a_remote_that_is_away_counts_as_remote(effect, remote):
    def ping():
        raise effect(TROUBLE, "no", system="axis")

    finding = checks._reached(SimpleNamespace(ping=ping), "axis")
    assert (finding.name, finding.grade, finding.remote) == ("reach-axis", Grade.FAIL, remote)
