"""A record made up by somebody who may write to the folder: what replaying it must not claim."""

from dataclasses import replace

import pytest
from click.testing import CliRunner

from ebrvt_connect import verify
from ebrvt_connect.ops.commands.evidence import command
from ebrvt_connect.store.evidence import EvidenceFolder
from ebrvt_connect.trust.anchors import TrustStore
from ebrvt_connect.trust.evidence import anchors_not_pinned
from ebrvt_connect.trust.findings import CATALOGUE
from ebrvt_connect.trust.policy import VN_2025, Override
from ebrvt_connect.trust.verdict import Indication, Severity
from tests.unit.trust.samples import AT

SOFTENED = VN_2025.model_copy(
    update={"overrides": tuple(Override(code=code, severity=Severity.INFO) for code in CATALOGUE)}
)


@pytest.fixture
def kept(tmp_path, desk, issued):
    """Keep a verdict; the folder, the record's name and the file."""

    def keep(*, policy=VN_2025, tampered=False):
        data = issued.replace(b"Van ban mau", b"Van ban xau", 1) if tampered else issued
        folder = EvidenceFolder(tmp_path / "kept")
        verify(data, policy=policy, trust=desk.trust, at=AT, evidence=folder, name="qd.pdf")
        (tmp_path / "qd.pdf").write_bytes(data)
        return folder, folder.names()[0], tmp_path / "qd.pdf"

    return keep


def told(folder, name, file, *more):
    return CliRunner().invoke(command, ["replay", str(folder.folder), name, str(file), *map(str, more)])


def test_softened_rules_called_by_a_known_name_decide_nothing(kept):
    folder, name, file = kept(policy=SOFTENED, tampered=True)
    again = folder.replay(name, file.read_bytes())
    assert (again.report.indication, again.differences) == (Indication.TOTAL_PASSED, ())
    assert not again.rules_known

    answer = told(folder, name, file)
    assert answer.exit_code == 2
    assert "KHÔNG PHẢI chính sách đó" in answer.output
    assert '"rules_known": false' in told(folder, name, file, "--json").output


def test_rules_of_a_name_this_program_does_not_have_are_not_known(kept):
    folder, name, file = kept(policy=VN_2025.model_copy(update={"id": "TINH_2027"}))
    assert not folder.replay(name, file.read_bytes()).rules_known


def test_a_sound_record_is_repeated_and_says_whose_trust_it_was(kept, pki):
    folder, name, file = kept()
    answer = told(folder, name, file, "--trust", pki.trust_folder)
    assert answer.exit_code == 0
    assert "đều lấy từ chính hồ sơ này" in answer.output
    assert "CẢNH BÁO" not in answer.output


def test_anchors_the_operator_does_not_pin_are_named(kept, desk, tmp_path):
    folder, name, file = kept()
    (tmp_path / "trust").mkdir()
    answer = told(folder, name, file, "--trust", tmp_path / "trust")
    record = folder.record(name)
    assert answer.exit_code == 2
    assert all(anchor.certificate in answer.output for anchor in record.anchors)
    assert anchors_not_pinned(record, TrustStore()) == record.anchors
    assert anchors_not_pinned(record, desk.trust) == ()


def test_an_anchor_pinned_for_less_is_named(kept, desk):
    folder, name, _ = kept()
    fewer = tuple(replace(a, pin=replace(a.pin, uses=frozenset())) for a in desk.trust.anchors)
    assert anchors_not_pinned(folder.record(name), replace(desk.trust, anchors=fewer))
