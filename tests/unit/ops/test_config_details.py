"""The corners of the configuration: encodings, durations, contradictions, secrets that are none."""

import os
from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel

from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.ops.config import ConfigInvalid, load_agencies, load_config, with_paths, with_secrets

MINIMAL = '[province]\ncode = "H06"\n'


@pytest.fixture
def load(tmp_path):
    def write_and_load(more: str = "", head: str = ""):
        path = tmp_path / "ebrvt.toml"
        path.write_text(f"{head}{MINIMAL}{more}", "utf-8")
        return load_config(path)

    return write_and_load


def refused(call, *arguments) -> ConfigInvalid:
    with pytest.raises(ConfigInvalid) as refusal:
        call(*arguments)
    return refusal.value


# --- the file itself --------------------------------------------------------------------------------


def test_a_byte_order_mark_does_no_harm(tmp_path):
    (tmp_path / "ebrvt.toml").write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert str(load_config(tmp_path / "ebrvt.toml").config.province.code) == "H06"


@pytest.mark.parametrize(
    "content", [b"\xff\xfe[\0", "[province]\ncode = 'Đ'".encode("cp1258", "replace"), b"\0"]
)
def test_another_encoding_is_told_and_no_internal_error(content, tmp_path):
    (tmp_path / "ebrvt.toml").write_bytes(content)
    assert refused(load_config, tmp_path / "ebrvt.toml").code == "CONFIG_UNREADABLE"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_nobody_may_read_is_told(tmp_path):
    (tmp_path / "ebrvt.toml").write_text(MINIMAL)
    (tmp_path / "ebrvt.toml").chmod(0)
    assert refused(load_config, tmp_path / "ebrvt.toml").code == "CONFIG_UNREADABLE"


def test_a_folder_is_no_file(tmp_path):
    assert refused(load_config, tmp_path).code == "CONFIG_NOT_FOUND"


def test_an_unknown_key_is_told_before_the_required_one_it_was_meant_to_be(tmp_path):
    (tmp_path / "ebrvt.toml").write_text('[provinces]\ncode = "H06"\n')
    refusal = refused(load_config, tmp_path / "ebrvt.toml")
    assert refusal.code == "CONFIG_UNKNOWN_KEY"
    assert "gần nhất là: province" in refusal.sentence_vi
    assert "ebrvt.toml:1" in refusal.detail


def test_an_unknown_key_in_a_line_of_several_is_found_in_its_line(load):
    system = '[systems.axis]\nadapter = "vxp"\nlimits = { in_flight = 4, per_secnd = 10 }\n'
    refusal = refused(load, system)
    assert "ebrvt.toml:5" in refusal.detail
    assert "gần nhất là: per_second" in refusal.sentence_vi


def test_the_value_of_a_wrong_setting_is_not_repeated(load):
    refusal = refused(load, '[store]\nurl = "mysql://root:hunter22@db"\n')
    assert refusal.code == "CONFIG_INVALID"
    assert "hunter22" not in str(refusal) + refusal.sentence_vi


# --- values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("10s", timedelta(seconds=10)),
        ("1.5 m", timedelta(seconds=90)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
    ],
)
def test_durations_have_their_unit(written, meant, load):
    assert load(f'[engine]\npoll = "{written}"\n').config.engine.poll == meant


@pytest.mark.parametrize(
    "written", ['"0s"', '"-1s"', "10", '"10"', '"soon"', '"P1D"', '"99999999d"', "true", '""']
)
def test_a_duration_that_is_none_or_not_in_the_future_is_refused(written, load):
    refusal = refused(load, f"[engine]\npoll = {written}\n")
    assert (refusal.code, refusal.facts["key"]) == ("CONFIG_INVALID", "engine.poll")


S3 = '[store]\nblobs = "s3://bucket"\n[store.s3]\nendpoint = "https://a"\naccess_key = { env = "A" }\n'


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("[retry]\nladder = []\n", "retry.ladder"),
        ('[retry]\nladder = ["1m", "0s"]\n', "retry.ladder.1"),
        ('[retry]\nbreaker_rest = "1h"\n', "retry"),
        ("[engine]\nshards = 0\n", "engine.shards"),
        ("[engine]\ndrains = 100\n", "engine.drains"),
        ('[store]\nurl = "oracle://x"\n', "store.url"),
        ('[store]\nurl = ""\n', "store.url"),
        ('[store]\nblobs = "s3://bucket/prefix"\n', "store.blobs"),
        ('[store]\nblobs = ""\n', "store.blobs"),
        ('[store]\nblobs = "http://server/bucket"\n', "store.blobs"),
        ('[store]\nreserve = "8"\n', "store.reserve"),
        (S3 + 'secret_key = "in the file itself"\n', "store.s3.secret_key"),
        (S3.replace("https", "ftp") + 'secret_key = { env = "B" }\n', "store.s3.endpoint"),
        (
            '[store.s3]\nendpoint = "https://a"\naccess_key = { env = "A" }\nsecret_key = { env = "B" }\n',
            "store.blobs",
        ),
        ('[retention]\nattempts = "29d"\n', "retention.attempts"),
        ('[retention]\nevidence = "365d"\n', "retention.evidence"),
        ('[retention]\nblobs = "12h"\n', "retention.blobs"),
        ('[retention]\nblobs = "forever"\n', "retention.blobs"),
        ('[trust]\npolicy = "VN_1999"\n', "trust.policy"),
        ('[trust]\nrevocation = "online"\n', "trust.revocation"),
        ('[systems.a]\nadapter = "x"\nlimits = { per_second = 0 }\n', "systems.a.limits.per_second"),
        ('[[links]]\nname = "Văn bản"\ncarries = "document"\nfrom = "a"\nto = "b"\n', "links.0.name"),
        ('[[links]]\nname = "a"\ncarries = "letters"\nfrom = "a"\nto = "b"\n', "links.0.carries"),
        (
            '[[links]]\nname = "a"\ncarries = "document"\nfrom = "a"\nto = "b"\ngates = ["x"]\n',
            "links.0.gates.0",
        ),
    ],
)
def test_values_that_could_not_work_are_refused_at_once(table, key, load):
    refusal = refused(load, table)
    assert (refusal.code, refusal.facts["key"]) == ("CONFIG_INVALID", key)


def test_an_absolute_store_stays_where_it_is_and_a_password_is_not_shown(load):
    assert load('[store]\nurl = "sqlite:////srv/e.db"\n').store_url() == "sqlite:////srv/e.db"
    assert load('[store]\nurl = "sqlite:////srv/e.db"\n').store_place() == "/srv/e.db"
    remote = load('[store]\nurl = "postgresql+psycopg://ebrvt:hunter22@db.example:5433/ebrvt"\n')
    assert remote.store_url().endswith("@db.example:5433/ebrvt")
    assert remote.store_place() == "db.example/ebrvt"


# --- environment and credentials --------------------------------------------------------------------


@pytest.mark.parametrize(
    "names", [("EBRVT_STORE", "EBRVT_STORE__URL"), ("EBRVT_STORE__URL", "EBRVT_STORE__URL__X")]
)
def test_a_value_and_a_table_of_one_name_contradict_each_other(names, load, monkeypatch):
    for name in names:
        monkeypatch.setenv(name, "x")
    refusal = refused(load)
    assert (refusal.code, refusal.facts["place"]) == ("CONFIG_INVALID", "environment")


@pytest.mark.parametrize(
    "name", ["EBRVT_", "EBRVT___", "EBRVT_CONFIGURATION", "EBRVT_TESTS", "EBRVT_PROVINCE__COED"]
)
def test_a_name_that_only_resembles_a_known_one_is_an_error(name, load, monkeypatch):
    monkeypatch.setenv(name, "x")
    assert refused(load).code in {"CONFIG_UNKNOWN_KEY", "CONFIG_INVALID"}


def test_numbers_and_switches_of_the_environment_are_read_as_such(load, monkeypatch):
    monkeypatch.setenv("EBRVT_ENGINE__DRAINS", "8")
    monkeypatch.setenv("EBRVT_SYSTEMS__AXIS__LIMITS__PER_SECOND", "2.5")
    loaded = load('[systems.axis]\nadapter = "vxp"\n')
    assert loaded.config.engine.drains == 8
    assert loaded.config.systems["axis"].limits.per_second == 2.5
    assert loaded.origins["systems.axis.limits.per_second"] == "environment"


def test_a_wrong_value_of_the_environment_says_where_it_came_from(load, monkeypatch):
    monkeypatch.setenv("EBRVT_ENGINE__DRAINS", "many")
    refusal = refused(load)
    assert refusal.facts["place"] == "environment"


def test_a_credentials_folder_that_is_not_there_gives_nothing(load, monkeypatch, tmp_path):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "nowhere"))
    assert load().config


def test_a_credential_that_does_not_read_is_told(load, monkeypatch, tmp_path):
    (tmp_path / "c" / "EBRVT_STORE__URL").mkdir(parents=True)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "c"))
    assert refused(load).code == "CONFIG_UNREADABLE"


# --- secrets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reference",
    [
        {"file": "empty"},
        {"file": "binary"},
        {"file": 5},
        {"env": "EMPTY_SECRET"},
        {"env": "NOT_THERE"},
        {"credential": "no-folder-named"},
        {"command": ["true"]},
        {"command": ["false"]},
        {"command": ["no-such-program-here"]},
        {"command": []},
        {"command": 5},
    ],
    ids=str,
)
def test_a_secret_that_is_none_is_refused(reference, load, tmp_path, monkeypatch):
    monkeypatch.setenv("EMPTY_SECRET", "")
    for name, content in (("empty", b"\n"), ("binary", b"\xff\xfe\x00")):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    refusal = refused(with_secrets, {"password": reference}, load(), "systems.axis.credentials")
    assert (refusal.code, refusal.facts["key"]) == ("CONFIG_SECRET", "systems.axis.credentials.password")


def test_what_a_failing_command_printed_is_nowhere_in_the_refusal(load):
    command = ["sh", "-c", "echo khoa-bi-mat; echo khoa-bi-mat >&2; exit 1"]
    refusal = refused(with_secrets, {"p": {"command": command}}, load(), "k")
    assert "khoa-bi-mat" not in f"{refusal!r} {refusal.__cause__!r}"


def test_a_table_that_is_no_reference_stays_a_table(load):
    values = {"steering": {"1": 2}, "both": {"file": "a", "env": "b"}}
    assert with_secrets(values, load(), "k") == values


# --- agency codes -----------------------------------------------------------------------------------


def agencies(tmp_path, load, text: str):
    (tmp_path / "agencies.toml").write_text(text, "utf-8")
    return load_agencies(load('agencies = "agencies.toml"\n'))


def test_recoded_agencies_may_be_listed_in_either_spelling(tmp_path, load):
    codes = 'codes = { "000.00.15.H06" = "000.00.90.H29" }\n'
    row = '[[succession]]\nold = "H06"\nnew = "H29"\nsince = 2025-07-01\n'
    history = agencies(tmp_path, load, row + codes)
    assert history.code_on(AgencyCode.parse("H06.15"), date(2026, 1, 1)).qd20 == "H29.90"
    assert history.code_on(AgencyCode.parse("H06.15"), date(2025, 6, 30)).qd20 == "H06.15"


@pytest.mark.parametrize(
    "text",
    [
        '[[succession]]\nold = "H06"\nnew = "H29"\nsince = 2025-07-01\ncodes = { "H06.15" = "Sở TT&TT" }\n',
        '[[succession]]\nold = "H06"\nnew = "H29"\nsince = 2025-07-01\ncodes = { "H06 15" = "H29.90" }\n',
        '[[succession]]\nold = "H06"\nnew = "H29"\nsince = "soon"\n',
        "[[succession]",
        "[succession]\n",
        "[[successions]]\n",
    ],
)
def test_a_code_that_is_none_is_refused_at_the_start_and_not_while_judging(text, tmp_path, load):
    refusal = refused(agencies, tmp_path, load, text)
    assert (refusal.code, refusal.facts["key"]) == ("CONFIG_INVALID", "province.agencies")


# --- paths ------------------------------------------------------------------------------------------


class Keys(BaseModel):
    key: Path | None = None
    name: str = ""


class Files(BaseModel):
    keys: Keys
    cover: Path


def test_paths_of_a_system_stand_beside_the_file_also_in_inner_tables(load, tmp_path):
    values = {"keys": {"key": "a.p12", "name": "a.p12"}, "cover": "/etc/b.pem", "other": "c"}

    made = with_paths(Files, values, load())

    assert made == {
        "keys": {"key": tmp_path / "a.p12", "name": "a.p12"},
        "cover": Path("/etc/b.pem"),
        "other": "c",
    }
    assert values["keys"] == {"key": "a.p12", "name": "a.p12"}


def test_retention_is_told_in_days_or_for_ever(load):
    retention = load('[retention]\nattempts = "forever"\ncontents = "90d"\n').config.retention
    assert (retention.attempts, retention.contents) == (None, timedelta(days=90))
    assert load('[store]\nreserve = "none"\n').config.store.reserve is None
