"""The configuration is read once, strictly: unknown names, secrets and wrong values told with their place."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel, SecretStr

from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.ops.config import (
    ConfigInvalid,
    load_agencies,
    load_config,
    refuse_plain_secrets,
    with_secrets,
)
from ebrvt_connect.ops.redaction import redacted_text

if TYPE_CHECKING:
    from pathlib import Path

_MINIMAL = '[province]\ncode = "H06"\n'


def _file(folder: Path, text: str) -> Path:
    path = folder / "ebrvt.toml"
    path.write_text(text, "utf-8")
    return path


def _refusal(path: Path) -> ConfigInvalid:
    with pytest.raises(ConfigInvalid) as refusal:
        load_config(path)
    return refusal.value


def test_defaults_stand_where_the_file_is_silent(tmp_path: Path) -> None:
    loaded = load_config(_file(tmp_path, _MINIMAL))
    assert loaded.config.retry.ladder[0] == timedelta(minutes=1)
    assert loaded.store_url() == f"sqlite:///{tmp_path}/var/ebrvt.db"
    assert loaded.origins == {"province.code": "file"}


def test_an_unknown_key_names_the_nearest_one_the_file_and_the_line(tmp_path: Path) -> None:
    path = _file(tmp_path, _MINIMAL + '[store]\nulr = "x"\n')
    refusal = _refusal(path)
    assert refusal.code == "CONFIG_UNKNOWN_KEY"
    assert f"{path}:4" in refusal.detail
    assert "gần nhất là: url" in refusal.sentence_vi


def test_an_unknown_key_inside_a_link_is_found_too(tmp_path: Path) -> None:
    link = '[[links]]\nname = "a"\ncarries = "document"\nfrom = "x"\nto = "y"\nevry = "1s"\n'
    assert "nearest known: every" in _refusal(_file(tmp_path, _MINIMAL + link)).detail


def test_a_wrong_value_names_its_place(tmp_path: Path) -> None:
    refusal = _refusal(_file(tmp_path, '[province]\ncode = "Sở TT&TT"\n'))
    assert refusal.code == "CONFIG_INVALID"
    assert "ebrvt.toml:2" in refusal.detail


def test_no_file_and_broken_toml_are_told(tmp_path: Path) -> None:
    assert _refusal(tmp_path / "absent.toml").code == "CONFIG_NOT_FOUND"
    assert _refusal(_file(tmp_path, "[province\n")).code == "CONFIG_UNREADABLE"


def test_environment_wins_over_credentials_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "EBRVT_STORE__URL").write_text("sqlite:////c.db\n")
    (credentials / "EBRVT_STORE__BLOBS").write_text("/c/blobs\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    monkeypatch.setenv("EBRVT_STORE__URL", "sqlite:////e.db")
    loaded = load_config(_file(tmp_path, _MINIMAL), {"store": {}})
    assert loaded.config.store.url == "sqlite:////e.db"
    assert loaded.config.store.blobs == "/c/blobs"
    assert loaded.origins["store.url"] == "environment"
    assert loaded.origins["store.blobs"] == "credentials"


def test_the_command_line_wins_over_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBRVT_STORE__URL", "sqlite:////e.db")
    loaded = load_config(_file(tmp_path, _MINIMAL), {"store": {"url": "sqlite:////o.db"}})
    assert (loaded.config.store.url, loaded.origins["store.url"]) == ("sqlite:////o.db", "command line")


def test_an_unknown_environment_name_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBRVT_STROE__URL", "x")
    refusal = _refusal(_file(tmp_path, _MINIMAL))
    assert refusal.code == "CONFIG_UNKNOWN_KEY"
    assert "environment" in refusal.detail


def test_names_reserved_for_tests_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBRVT_TEST_SANDBOX_VXP_URL", "http://127.0.0.1:1")
    assert load_config(_file(tmp_path, _MINIMAL))


class _Credentials(BaseModel):
    user: str
    password: SecretStr | None = None


def test_a_secret_in_the_file_itself_is_refused_without_repeating_it() -> None:
    with pytest.raises(ConfigInvalid) as refusal:
        refuse_plain_secrets(_Credentials, {"user": "a", "password": "hunter2"}, "systems.x.credentials")
    assert refusal.value.code == "CONFIG_SECRET"
    assert "hunter2" not in str(refusal.value) + refusal.value.sentence_vi


def test_references_are_resolved_and_a_world_readable_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_config(_file(tmp_path, _MINIMAL))
    private, public = tmp_path / "private", tmp_path / "public"
    private.write_text("s1\n")
    private.chmod(0o600)
    public.write_text("s2")
    public.chmod(0o644)
    monkeypatch.setenv("THE_SECRET", "s3")
    values = {
        "a": {"file": "private"},
        "b": {"env": "THE_SECRET"},
        "c": {"command": ["echo", "s4"]},
        "d": "plain",
    }
    assert with_secrets(values, loaded, "k") == {"a": "s1", "b": "s3", "c": "s4", "d": "plain"}
    for reference in ({"file": "public"}, {"env": "NOT_SET"}, {"command": ["false"]}, {"credential": "x"}):
        with pytest.raises(ConfigInvalid) as refusal:
            with_secrets({"a": reference}, loaded, "k")
        assert refusal.value.code == "CONFIG_SECRET"


def test_successions_of_codes_come_from_their_data_file(tmp_path: Path) -> None:
    (tmp_path / "agencies.toml").write_text(
        '[[succession]]\nold = "H06"\nnew = "H29"\nsince = 2025-07-01\ncodes = { "H06.15" = "H29.90" }\n'
    )
    loaded = load_config(_file(tmp_path, _MINIMAL + 'agencies = "agencies.toml"\n'))
    found = load_agencies(loaded).code_on(AgencyCode.parse("000.00.15.H06"), date(2026, 1, 1))
    assert str(found) == "H29.90"


def test_a_broken_agencies_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "agencies.toml").write_text("[[succession]]\nold = 5\n")
    loaded = load_config(_file(tmp_path, _MINIMAL + 'agencies = "agencies.toml"\n'))
    with pytest.raises(ConfigInvalid):
        load_agencies(loaded)


def test_a_secret_file_its_group_can_read_is_refused(tmp_path: Path) -> None:
    loaded = load_config(_file(tmp_path, _MINIMAL))
    (tmp_path / "shared").write_text("s1")
    (tmp_path / "shared").chmod(0o640)
    with pytest.raises(ConfigInvalid) as refusal:
        with_secrets({"a": {"file": "shared"}}, loaded, "k")
    assert refusal.value.code == "CONFIG_SECRET"


def test_systemd_may_hand_a_credential_out_by_its_group_but_not_to_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_config(_file(tmp_path, _MINIMAL))
    credentials, beside = tmp_path / "credentials", tmp_path / "beside"
    credentials.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    for path in (credentials / "axis", beside):
        path.write_text("s1")
        path.chmod(0o440)
    assert with_secrets({"a": {"credential": "axis"}}, loaded, "k") == {"a": "s1"}
    assert with_secrets({"a": {"file": "credentials/axis"}}, loaded, "k") == {"a": "s1"}
    (credentials / "axis").chmod(0o444)
    for name in ("axis", "../beside"):
        with pytest.raises(ConfigInvalid):
            with_secrets({"a": {"credential": name}}, loaded, "k")


def test_the_stores_password_is_blotted_out_from_the_start(tmp_path: Path) -> None:
    load_config(_file(tmp_path, _MINIMAL + '[store]\nurl = "postgresql+psycopg://u:mat%2Fkhau@h/db"\n'))
    assert redacted_text("no entry with mat/khau or mat%2Fkhau") == "no entry with […] or […]"
