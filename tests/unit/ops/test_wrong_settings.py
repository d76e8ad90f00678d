"""A wrong setting says where it stands and what would be right, and is found before anything starts."""

import pytest

from ebrvt_connect.ops.checks import examine, title_vi
from ebrvt_connect.ops.composition import composed, refuse_wrong_links, system_settings
from ebrvt_connect.ops.config import ConfigInvalid, load_config
from ebrvt_connect.testing.clock import FakeClock

HEAD = """\
[province]
code = "H06"

[trust]
folder = "TRUST"
"""
SYSTEMS = """
[systems.motcua]
adapter = "motcua"
transport = { url = "https://motcua.example" }
credentials = { token = { file = "secret" } }

[systems.cong]
adapter = "dvcqg"
transport = { url = "https://cong.example" }
credentials = { username = "ebrvt", password = { file = "secret" } }

[systems.cong.settings]
unit = "000.00.00.H06"
dstcode = "VN:GOV:x:dvcqg"

[systems.so-lieu]
adapter = "ledger"
settings = { organization = "H06", receiver = "G14", dossier_links = ["ho-so"] }

[systems.bo]
adapter = "baocao"
transport = { url = "https://bo.example" }
credentials = { username = "ebrvt", password = { file = "secret" }, pkcs12 = "key.p12" }
settings = { poll_seconds = 60 }

[[links]]
name = "bao-cao"
carries = "report"
from = "so-lieu"
to = "bo"

[[links]]
name = "ho-so"
carries = ["dossier", "progress"]
from = "motcua"
to = "cong"
gates = ["results-signed"]
"""


@pytest.fixture
def province(tmp_path, pki):
    """Loads a province with changes to its file."""

    def load(*changes):
        for name in ("secret", "key.p12"):
            (tmp_path / name).write_text("khoa\n")
            (tmp_path / name).chmod(0o600)
        text = HEAD.replace("TRUST", str(pki.trust_folder)) + SYSTEMS
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "ebrvt.toml"
        path.write_text(text, "utf-8")
        return load_config(path)

    return load


def line(province, wanted: str) -> str:
    """`ebrvt.toml:N` of the first line that holds this."""
    lines = province.path.read_text("utf-8").splitlines()
    return f"ebrvt.toml:{next(n for n, one in enumerate(lines, start=1) if wanted in one)}"


def refused(call, *arguments) -> ConfigInvalid:
    with pytest.raises(ConfigInvalid) as refusal:
        call(*arguments)
    return refusal.value


def failed(loaded) -> dict[str, str]:
    return {f.name: f.cause_vi for f in examine(loaded, FakeClock(), reach=False) if f.grade == "fail"}


def test_the_file_these_tests_change_is_right(province):
    assert failed(province()) == {}


# --- settings of an adapter -------------------------------------------------------------------------


def test_a_misspelt_setting_of_an_adapter_names_the_nearest_key_and_its_line(province):
    loaded = province(("poll_seconds", "pol_seconds"))
    refusal = refused(system_settings, loaded, "bo")
    assert refusal.code == "CONFIG_UNKNOWN_KEY"
    assert refusal.facts["key"] == "systems.bo.settings.pol_seconds"
    assert refusal.facts["nearest"] == "poll_seconds"
    assert refusal.facts["place"].endswith(line(loaded, "pol_seconds"))
    assert "gần nhất là: poll_seconds" in refusal.sentence_vi


def test_a_misspelt_key_of_the_transport_is_looked_for_there(province):
    loaded = province(('{ url = "https://bo.example" }', '{ url = "https://bo.example", verfy = true }'))
    refusal = refused(system_settings, loaded, "bo")
    assert (refusal.facts["key"], refusal.facts["nearest"]) == ("systems.bo.transport.verfy", "verify")
    assert refusal.facts["place"].endswith(line(loaded, "verfy"))


def test_a_wrong_value_of_an_adapter_says_what_would_be_right_in_the_sentence_itself(province):
    loaded = province(('receiver = "G14"', 'receiver = "Bo TTTT"'))
    refusal = refused(system_settings, loaded, "so-lieu")
    assert refusal.facts["key"] == "systems.so-lieu.settings.receiver"
    assert "“Bo TTTT” không phải là mã định danh cơ quan hợp lệ" in refusal.sentence_vi
    assert "H06.15" in refusal.sentence_vi
    assert line(loaded, "Bo TTTT") in refusal.sentence_vi


def test_a_setting_of_the_environment_says_so(province, monkeypatch):
    monkeypatch.setenv("EBRVT_SYSTEMS__BO__SETTINGS__POLL_SECONDS", "soon")
    refusal = refused(system_settings, province(), "bo")
    assert (refusal.facts["place"], refusal.facts["what"]) == ("environment", "phải là số")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'carries = ["dossier", "progress"]',
            'carries = ["dossiers"]',
            "document, document-status, dossier,",
        ),
        ('carries = ["dossier", "progress"]', 'carries = ["dossiers"]', "có lẽ là “dossier”"),
        ('gates = ["results-signed"]', 'gates = ["result-signed"]', "có lẽ là “results-signed”"),
        ('gates = ["results-signed"]', 'gates = ["result-signed"]', "chỉ nhận 'not-secret', "),
        ('carries = "report"', 'carries = "report"\nevery = "10"', "“500ms”"),
    ],
)
def test_a_wrong_value_of_a_link_lists_what_is_allowed_in_vietnamese(old, new, said, province):
    refusal = refused(province, (old, new))
    assert refusal.code == "CONFIG_INVALID"
    assert said in refusal.sentence_vi
    # The second link's line, not the first that has such a key.
    where = new.splitlines()[-1]
    assert refusal.facts["place"].endswith(
        f":{next(n for n, one in enumerate(text_of(refusal), 1) if where in one)}"
    )


def text_of(refusal) -> list[str]:
    path, _, _ = refusal.facts["place"].rpartition(":")
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - the path as it was told
        return file.read().splitlines()


# --- links ------------------------------------------------------------------------------------------


def test_a_link_the_wrong_way_round_is_told_that_it_may_be(province):
    loaded = province(('from = "motcua"\nto = "cong"', 'from = "cong"\nto = "motcua"'))
    refusal = refused(refuse_wrong_links, loaded)
    assert "“cong” không cung cấp hồ sơ; có lẽ from và to bị đảo" in refusal.sentence_vi
    assert line(loaded, 'name = "ho-so"').rpartition(":")[2] in refusal.facts["place"]


def test_a_link_that_is_wrong_either_way_is_not_told_so(province):
    loaded = province(
        ('carries = ["dossier", "progress"]', 'carries = "document"'), ('gates = ["results-signed"]', "")
    )
    refusal = refused(refuse_wrong_links, loaded)
    assert "không cung cấp văn bản" in refusal.sentence_vi
    assert "đảo" not in refusal.sentence_vi


def test_a_gate_for_another_kind_says_what_it_is_for(province):
    loaded = province(('gates = ["results-signed"]', 'gates = ["not-secret"]'))
    said = refused(refuse_wrong_links, loaded).sentence_vi
    assert "“not-secret” chỉ áp dụng cho văn bản, liên kết này chuyển hồ sơ, tiến độ hồ sơ" in said


def test_a_misspelt_system_of_a_link_is_guessed(province):
    said = refused(refuse_wrong_links, province(('to = "cong"', 'to = "cogn"'))).sentence_vi
    assert "hệ thống “cogn” chưa được khai báo; có lẽ là “cong”" in said


@pytest.mark.parametrize("setting", ["dossier_links", "document_links"])
def test_a_report_desk_that_counts_a_link_that_is_none_is_found_before_anything_starts(
    setting, province, tmp_path
):
    loaded = province(('dossier_links = ["ho-so"]', f'{setting} = ["hoso"]'))
    assert failed(loaded)["links"].startswith("Bàn báo cáo so-lieu lấy số liệu từ liên kết “hoso”")
    with pytest.raises(ConfigInvalid) as refusal, composed(loaded, FakeClock()):
        pass
    assert refusal.value.code == "CONFIG_REPORT_LINK_UNKNOWN"
    assert "có lẽ là “ho-so”" in refusal.value.sentence_vi
    assert not (tmp_path / "var").exists()


# --- files and secrets ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("key.p12", "none.p12"), "systems.bo.credentials.pkcs12"),
        (
            ('dstcode = "VN', 'procedures_file = "none.toml"\ndstcode = "VN'),
            "systems.cong.settings.procedures_file",
        ),
        (('https://bo.example"', 'https://bo.example", ca = "none.pem"'), "systems.bo.transport.ca"),
    ],
    ids=["key", "procedures", "authorities"],
)
def test_a_local_file_that_is_not_there_is_found_offline_and_at_the_start(change, key, province):
    loaded = province(change)
    (told,) = failed(loaded).values()
    assert f"Mục {key} (" in told
    assert "không có tệp này. [CONFIG_FILE_UNUSABLE]" in told
    with pytest.raises(ConfigInvalid) as refusal, composed(loaded, FakeClock()):
        pass
    assert "none." in refusal.value.facts["file"]


def test_a_local_file_that_cannot_be_used_keeps_the_daemon_from_starting_as_a_wrong_configuration(
    province, tmp_path
):
    (tmp_path / "list.toml").write_text("procedures = {")
    loaded = province(('dstcode = "VN', 'procedures_file = "list.toml"\ndstcode = "VN'))
    with pytest.raises(ConfigInvalid) as refusal, composed(loaded, FakeClock()):
        pass
    assert refusal.value.code == "DVCQG_PROCEDURES_FILE_WRONG"
    assert "list.toml" in refusal.value.sentence_vi


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('"abc-ghi-thang"', "khóa được ghi thẳng trong cấu hình"),
        ('{ file = "none" }', "tệp none: không có tệp này"),
        ('{ file = "open" }', "tệp open cho người khác đọc (quyền 0644); cần chmod 600"),
        ('{ file = "empty" }', "tệp rỗng"),
        ('{ env = "NO_SUCH_SECRET" }', "không có biến môi trường NO_SUCH_SECRET"),
        ('{ credential = "bo" }', "không có thư mục $CREDENTIALS_DIRECTORY"),
        ('{ command = ["false"] }', "lệnh lấy khóa không chạy được hoặc báo lỗi"),
    ],
)
def test_why_a_secret_cannot_be_used_is_in_the_sentence(written, said, province, tmp_path):
    for name, mode, content in (("open", 0o644, "abc"), ("empty", 0o600, "")):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(mode)
    loaded = province(
        (
            'username = "ebrvt", password = { file = "secret" }, pkcs12',
            f'username = "e", password = {written}, pkcs12',
        )
    )
    refusal = refused(system_settings, loaded, "bo")
    assert (refusal.code, refusal.facts["key"]) == ("CONFIG_SECRET", "systems.bo.credentials.password")
    assert said in refusal.sentence_vi
    assert "abc-ghi-thang" not in refusal.sentence_vi + refusal.detail


# --- words of the checks ----------------------------------------------------------------------------


def test_checks_have_vietnamese_titles_and_dialects_are_told_in_words(province):
    findings = list(examine(province(), FakeClock(), reach=False))
    assert not any(title_vi(f.name).isascii() and "-" in title_vi(f.name) for f in findings)
    assert title_vi("reach-bo") == "Kết nối tới bo"
    assert title_vi("revocation-lists") == "Danh sách thu hồi"
    told = {f.name: f.cause_vi for f in findings}
    assert told["system-cong"].endswith("giao diện dvcqg theo mã nguồn và tài liệu đã công bố.")
    for word in ("seen-in-code", "captured", "sandbox"):
        assert not any(word in cause for name, cause in told.items() if name.startswith("system-"))
