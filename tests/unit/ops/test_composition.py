"""A province is put together from its file, or refused with the code that names what is wrong."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import BaseModel, SecretStr

from ebrvt_connect.errors import HeldForPerson
from ebrvt_connect.model.message import Kind
from ebrvt_connect.ops import built_in as built_in_systems
from ebrvt_connect.ops import composition
from ebrvt_connect.ops.composition import composed, open_with, refuse_wrong_links, system_settings
from ebrvt_connect.ops.config import ConfigInvalid, load_config
from ebrvt_connect.ops.dossier_gate import DossierGate
from ebrvt_connect.ops.gate import DocumentGate
from ebrvt_connect.ports.adapter import Sink, Source
from ebrvt_connect.store.seat import Seat
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs, MemorySystem

SYSTEMS = """\
[systems.qlvb]
adapter = "qlvb"
transport = { url = "https://qlvb.example" }
credentials = { username = "ebrvt", password = { file = "secret" } }
limits = { in_flight = 3, per_second = 7 }

[systems.axis]
adapter = "vxp"
transport = { url = "https://truc.example" }
credentials = { systemid = "sys", secret = { file = "secret" } }
settings = { agencies = ["H06.15"] }
"""
LINKS = """\
[[links]]
name = "van-ban-di"
carries = "document"
from = "qlvb"
to = "axis"
gates = ["not-secret", "signed-by-issuing-agency"]

[[links]]
name = "van-ban-den"
carries = "document"
from = "axis"
to = "qlvb"

[[links]]
name = "trang-thai-ve"
carries = "document-status"
from = "axis"
to = "qlvb"
verify = false
"""
ONE_STOP = """\
[systems.motcua]
adapter = "motcua"
transport = { url = "https://motcua.example" }
credentials = { token = { file = "secret" } }

[systems.cong]
adapter = "dvcqg"
transport = { url = "https://cong.example" }
credentials = { username = "ebrvt", password = { file = "secret" } }
settings = { unit = "000.00.00.H06", dstcode = "VN:GOV:x:dvcqg" }
"""
REPORTING = """\
[systems.so-cai]
adapter = "ledger"

[systems.so-cai.settings]
organization = "000.00.00.H06"
receiver = "000.00.00.G14"
dossier_links = []
document_links = []

[systems.bo]
adapter = "baocao"
transport = { url = "https://bo.example" }
credentials = { username = "ebrvt", password = { file = "secret" }, pkcs12 = "key.p12" }
"""
PRODUCTION = 'environment = "production"\n'


@pytest.fixture
def loaded(tmp_path, pki):
    """Loads a province of these parts."""

    def load(systems=SYSTEMS, links=LINKS, head="", more=""):
        (tmp_path / "secret").write_text("khoa-bi-mat\n")
        (tmp_path / "secret").chmod(0o600)
        for name in ("key.p12", "ca.pem"):
            (tmp_path / name).touch()
        path = tmp_path / "ebrvt.toml"
        trust = f'[trust]\nfolder = "{pki.trust_folder}"\n'
        path.write_text(f'{head}\n[province]\ncode = "H06"\n{trust}{more}\n{systems}\n{links}', "utf-8")
        return load_config(path)

    return load


def refusal(loaded) -> ConfigInvalid:
    with pytest.raises(ConfigInvalid) as refused, composed(loaded, FakeClock()):
        pass
    return refused.value


def opened(loaded, name):
    return open_with(system_settings(loaded, name), loaded, name, FakeClock(), MemoryBlobs())


def gate_of(province, link):
    """The gate that judges in its turn."""
    gate = province.engine._shared.steps._gates[link]
    return gate and gate._gate


# --- put together -----------------------------------------------------------------------------------


def test_a_renewed_secret_is_taken_up_by_the_engine_and_a_bad_one_watched_for(loaded, tmp_path):
    clock = FakeClock()
    with composed(loaded(), clock) as province:
        engine, former = province.engine, province.systems["axis"]
        (tmp_path / "secret").write_text("khoa-moi\n")
        for _ in range(2):
            engine._renewal.turn()
        assert engine._systems["axis"] is not former
        (tmp_path / "secret").write_text("")
        for _ in range(4):
            clock.advance(15)
            engine._renewal.turn()
        causes = engine._incidents._alerting.watches["renewals"](clock.now())
        assert {(cause.system, cause.code) for cause in causes} == {
            (system, "RENEWAL_UNUSABLE") for system in ("qlvb", "axis")
        }


def test_everything_named_is_opened_and_wired(loaded):
    with composed(loaded(), FakeClock()) as province:
        assert set(province.systems) == {"qlvb", "axis"}
        assert [link.name for link in province.engine._links] == [
            "van-ban-di",
            "van-ban-den",
            "trang-thai-ve",
        ]
        assert province.engine._settings.limits_of("qlvb").in_flight == 3
        assert province.engine._settings.limits_of("qlvb").per_second == 7
        leaving = gate_of(province, "van-ban-di")
        assert isinstance(leaving, DocumentGate)
        assert leaving._checks == {"not-secret", "signed-by-issuing-agency"}
        assert gate_of(province, "van-ban-den")._checks == frozenset()
        assert gate_of(province, "trang-thai-ve") is None
        assert province.warnings == ()


def of_one_stop(carries, more="", *, source="motcua", target="cong"):
    """A link that carries this from the one-stop shop to the national portal, unless told otherwise."""
    return f'[[links]]\nname = "ho-so"\ncarries = {carries}\nfrom = "{source}"\nto = "{target}"\n{more}\n'


def test_a_link_may_carry_several_kinds_of_which_the_first_is_fetched(loaded):
    with composed(loaded(ONE_STOP, of_one_stop('["dossier", "progress"]')), FakeClock()) as province:
        (link,) = province.engine._links
        assert link.kinds == (Kind.DOSSIER, Kind.PROGRESS)
        gate = gate_of(province, "ho-so")
        assert isinstance(gate, DossierGate)
        assert not gate._holds


def test_result_papers_are_gated_where_the_link_says_so(loaded):
    links = of_one_stop('["dossier", "progress"]', 'gates = ["results-signed"]')
    with composed(loaded(ONE_STOP, links), FakeClock()) as province:
        assert gate_of(province, "ho-so")._holds


def test_what_needs_no_judging_has_no_gate(loaded):
    links = of_one_stop('"report"', source="so-cai", target="bo")
    with composed(loaded(REPORTING, links), FakeClock()) as province:
        assert gate_of(province, "ho-so") is None


@pytest.mark.parametrize(
    ("carries", "gates"),
    [
        ('"document"', '["results-signed"]'),
        ('"dossier"', '["not-secret"]'),
        ('"report"', '["signed-by-issuing-agency"]'),
        ('"document-status"', '["not-secret"]'),
        ('["document", "dossier"]', "[]"),
    ],
)
def test_a_gate_that_would_never_hold_anything_is_refused(loaded, carries, gates):
    refused = refusal(loaded(ONE_STOP, of_one_stop(carries, f"gates = {gates}")))
    assert (refused.code, refused.facts["link"]) == ("CONFIG_LINK_INVALID", "ho-so")
    assert "judge" in refused.detail


def test_a_built_in_system_is_opened_with_the_ledger_the_engine_works_on(loaded, monkeypatch):
    given = []

    class Desk(MemorySystem):
        settings_type = _OneSetting

        @classmethod
        def open(cls, settings, surroundings, ledger=None):
            given.append((settings.number, surroundings.system, ledger))
            return super().open(settings, surroundings)

    monkeypatch.setattr(built_in_systems, "import_module", lambda _: SimpleNamespace(ReportDesk=Desk))
    systems = '[systems.so-lieu]\nadapter = "ledger"\nsettings = { number = 5 }\n'
    with composed(loaded(systems, ""), FakeClock()) as province:
        assert given == [(5, "so-lieu", province.ledger)]
        assert province.warnings == ()
    wrong = '[systems.so-lieu]\nadapter = "ledger"\nsettings = { number = "x" }\n'
    assert refusal(loaded(wrong, "")).facts["key"] == "systems.so-lieu.settings.number"
    with pytest.raises(ValueError, match="made from the ledger"):
        opened(loaded(systems, ""), "so-lieu")


def test_a_built_in_system_has_no_dialects(loaded):
    systems = '[systems.so-lieu]\nadapter = "ledger"\ndialect = "x"\n'
    assert refusal(loaded(systems, "")).code == "CONFIG_DIALECT_UNKNOWN"


def test_the_report_desk_is_built_in():
    desk = built_in_systems.built_in("ledger")
    assert issubclass(desk, Source)
    assert issubclass(desk, Sink)
    assert built_in_systems.built_in("qlvb") is None


def test_store_and_blobs_lie_beside_the_file(loaded, tmp_path):
    with composed(loaded(), FakeClock()):
        assert (tmp_path / "var" / "ebrvt.db").is_file()
        assert (tmp_path / "var" / "blobs").is_dir()


def test_what_was_opened_is_closed_even_when_a_later_part_fails(loaded, monkeypatch):
    closed = []
    monkeypatch.setattr(composition, "adapter_class", lambda _: MemorySystem)
    monkeypatch.setattr(composition, "provenance", lambda *_: "sandbox")
    monkeypatch.setattr(MemorySystem, "settings_type", _OneSetting)
    monkeypatch.setattr(MemorySystem, "close", lambda _: closed.append("system"))
    good = '[systems.one]\nadapter = "memory"\nsettings = { number = 1 }\n'
    bad = '[systems.two]\nadapter = "memory"\nsettings = { number = "x" }\n'
    assert refusal(loaded(good + bad, "")).facts["key"] == "systems.two.settings.number"
    assert closed == ["system"]


class _OneSetting(BaseModel):
    number: int


def test_half_written_blobs_are_cleaned_up_unless_somebody_is_at_work(loaded, tmp_path):
    half_written = tmp_path / "var" / "blobs" / ".tmp" / "half-written"
    half_written.parent.mkdir(parents=True)
    province = loaded()
    seat = Seat(province.store_url())
    half_written.write_bytes(b"half")
    seat.take()
    with pytest.raises(HeldForPerson) as refused, composed(province, FakeClock()):
        pass
    assert refused.value.code == "ALREADY_RUNNING"
    assert half_written.exists()
    seat.leave()
    with composed(province, FakeClock()):
        assert not half_written.exists()


def test_a_blob_folder_that_cannot_be_made_is_a_wrong_configuration(loaded, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert refusal(loaded(more='[store]\nblobs = "file/blobs"\n')).facts["key"] == "store.blobs"


def test_a_broken_trust_folder_keeps_the_province_closed(loaded):
    province = loaded(more="", head="")
    broken = province.config.model_copy(
        update={"trust": province.config.trust.model_copy(update={"folder": Path("nowhere")})}
    )
    with pytest.raises(HeldForPerson) as refused, composed(type(province)(broken, province.path, {})):
        pass
    assert refused.value.code == "TRUST_FOLDER_MISSING"


# --- links ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["from", "to"])
def test_a_link_to_an_unknown_system_is_refused_with_the_known_ones(end, loaded):
    old = {"from": 'from = "qlvb"', "to": 'to = "axis"'}[end]
    refused = refusal(loaded(links=LINKS.replace(old, f'{end} = "qlbv"', 1)))
    assert refused.code == "CONFIG_LINK_INVALID"
    assert "van-ban-di" in refused.sentence_vi
    assert "“qlbv” chưa được khai báo" in refused.sentence_vi
    assert "known: qlvb, axis" in refused.detail


def test_two_links_of_one_name_are_refused(loaded):
    refused = refusal(loaded(links=LINKS.replace("van-ban-den", "van-ban-di")))
    assert refused.code == "CONFIG_LINK_INVALID"
    assert "trùng tên" in refused.sentence_vi


def test_two_links_fetching_the_same_are_refused(loaded):
    again = LINKS.replace("trang-thai-ve", "van-ban-den-2").replace("document-status", "document")
    refused = refusal(loaded(links=again))
    assert refused.code == "CONFIG_LINKS_CONTRADICT"
    assert "van-ban-den-2" in refused.detail


@pytest.mark.parametrize(
    ("systems", "link", "said", "said_vi"),
    [
        (
            SYSTEMS,
            ('"report"', "qlvb", "axis"),
            "'qlvb' gives no report as source (it gives document, ",
            "không cung cấp báo",
        ),
        (ONE_STOP, ('"dossier"', "motcua", "motcua"), "'motcua' takes no dossier (it", "không nhận hồ sơ"),
        (
            ONE_STOP,
            ('"dossier"', "cong", "motcua"),
            "'cong' gives no dossier as source (it gives nothing)",
            "không cung cấp",
        ),
        (
            ONE_STOP,
            ('"progress"', "motcua", "cong"),
            "'motcua' gives no progress",
            "không cung cấp tiến độ hồ sơ",
        ),
        (
            ONE_STOP,
            ('["progress", "dossier"]', "motcua", "cong"),
            "'motcua' gives no progress as source",
            "tiến độ hồ sơ đi cùng hồ sơ: viết “dossier” đứng đầu",
        ),
        (
            SYSTEMS,
            ('["document", "document-status"]', "qlvb", "axis"),
            "'qlvb' gives no document-status as with document",
            "không cung cấp trạng thái",
        ),
        (REPORTING, ('"report-status"', "so-cai", "bo"), "'so-cai' gives no report-status", "không cung cấp"),
    ],
)
def test_a_link_with_what_its_systems_do_not_give_or_take_is_refused(systems, link, said, said_vi, loaded):
    carries, source, target = link
    refused = refusal(loaded(systems, of_one_stop(carries, source=source, target=target)))
    assert refused.code == "CONFIG_LINK_INVALID"
    assert said in refused.detail
    assert said_vi in refused.sentence_vi


def test_links_are_refused_before_anything_is_opened(loaded, tmp_path):
    refusal(loaded(links=LINKS.replace('to = "axis"', 'to = "nobody"', 1)))
    assert not (tmp_path / "var").exists()


def test_sound_links_are_let_pass(loaded):
    refuse_wrong_links(loaded())


# --- systems ----------------------------------------------------------------------------------------


def test_an_unknown_adapter_is_refused(loaded):
    refused = refusal(loaded(SYSTEMS.replace('"vxp"', '"vpx"')))
    assert refused.code == "CONFIG_ADAPTER_UNKNOWN"


def test_a_dialect_the_adapter_does_not_speak_is_refused_with_those_it_does(loaded):
    refused = refusal(loaded(SYSTEMS.replace('adapter = "vxp"', 'adapter = "vxp"\ndialect = "v9"')))
    assert refused.code == "CONFIG_DIALECT_UNKNOWN"
    assert "vxp" in refused.sentence_vi


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('{ file = "secret" }', '"khoa-ghi-thang"', "systems.qlvb.credentials.password"),
        ('secret = { file = "secret" }', 'secret = "khoa-ghi-thang"', "systems.axis.credentials.secret"),
        (
            'url = "https://qlvb.example"',
            'url = "https://qlvb.example", proxy_password = "khoa-ghi-thang"',
            "systems.qlvb.transport.proxy_password",
        ),
    ],
)
def test_a_secret_written_into_the_file_is_refused_without_repeating_it(old, new, where, loaded):
    refused = refusal(loaded(SYSTEMS.replace(old, new, 1)))
    assert (refused.code, refused.facts["key"]) == ("CONFIG_SECRET", where)
    assert "khoa-ghi-thang" not in str(refused) + refused.sentence_vi + refused.advice_vi


def test_a_secret_in_the_environment_itself_is_refused_as_well(loaded, monkeypatch):
    monkeypatch.setenv("EBRVT_SYSTEMS__AXIS__CREDENTIALS__SECRET", "khoa-trong-moi-truong")
    assert refusal(loaded()).code == "CONFIG_SECRET"


def test_an_optional_table_of_secrets_is_looked_into(loaded, monkeypatch):
    class Keys(BaseModel):
        pin: SecretStr

    class Settings(BaseModel):
        keys: Keys | None = None

    monkeypatch.setattr(composition, "adapter_class", lambda _: MemorySystem)
    monkeypatch.setattr(MemorySystem, "settings_type", Settings)
    monkeypatch.setattr(composition, "provenance", lambda *_: "sandbox")
    systems = '[systems.one]\nadapter = "m"\nsettings = { keys = { pin = "123456" } }\n'
    assert refusal(loaded(systems, "")).facts["key"] == "systems.one.keys.pin"


def test_a_wrong_setting_is_named_and_its_value_is_not_repeated(loaded):
    systems = SYSTEMS.replace('username = "ebrvt"', 'username = "khong:duoc"')
    refused = refusal(loaded(systems))
    assert (refused.code, refused.facts["key"]) == ("CONFIG_INVALID", "systems.qlvb.credentials.username")
    assert "khong:duoc" not in str(refused)


def test_a_missing_table_is_a_wrong_setting(loaded):
    systems = SYSTEMS.replace('transport = { url = "https://truc.example" }\n', "")
    assert refusal(loaded(systems)).facts["key"] == "systems.axis.transport"


def test_an_adapter_without_credentials_can_be_opened(loaded, monkeypatch):
    monkeypatch.setattr(composition, "adapter_class", lambda _: MemorySystem)
    monkeypatch.setattr(composition, "provenance", lambda *_: "sandbox")
    province = loaded('[systems.one]\nadapter = "memory"\n', "")
    assert isinstance(opened(province, "one"), MemorySystem)


def test_paths_of_the_transport_are_relative_to_the_file(loaded, tmp_path):
    systems = SYSTEMS.replace('"https://qlvb.example"', '"https://qlvb.example", ca = "ca.pem"')
    refused = refusal(loaded(systems))
    assert refused.code == "TLS_FILE_UNUSABLE"
    assert str(tmp_path / "ca.pem") in refused.detail


@pytest.mark.parametrize("ca", ["5", '["a.pem"]'])
def test_a_path_that_is_none_is_a_wrong_setting(ca, loaded):
    systems = SYSTEMS.replace('"https://qlvb.example"', f'"https://qlvb.example", ca = {ca}')
    assert refusal(loaded(systems)).facts["key"] == "systems.qlvb.transport.ca"


# --- production -------------------------------------------------------------------------------------


def test_a_sandbox_may_speak_plain_http_and_skip_verification_with_a_warning_at_every_start(loaded):
    systems = SYSTEMS.replace("https://qlvb.example", "http://10.1.2.3").replace(
        '"https://truc.example"', '"https://truc.example", verify = false'
    )
    with composed(loaded(systems), FakeClock()) as province:
        plain, unverified = province.warnings
    assert ("qlvb" in plain, "http://10.1.2.3" in plain) == (True, True)
    assert ("axis" in unverified, "verify = false" in unverified) == (True, True)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1", "http://[::1]:9", "http://localhost:9", "http://10.9.9.9"]
)
def test_plain_http_on_loopback_and_on_listed_networks_needs_no_warning(address, loaded):
    systems = SYSTEMS.replace("https://qlvb.example", address)
    for networks in ('["10.0.0.0/8"]', '["127.0.0.0/8", "::1/128", "10.0.0.0/8"]'):
        with composed(loaded(systems, head=f"plain_http_networks = {networks}\n"), FakeClock()) as province:
            assert province.warnings == ()


@pytest.mark.parametrize("spelled", ["false", '"false"', '"off"', "0", '"no"'])
def test_production_refuses_tls_without_verification_however_it_is_spelled(spelled, loaded):
    systems = SYSTEMS.replace('"https://truc.example"', f'"https://truc.example", verify = {spelled}')
    refused = refusal(loaded(systems, head=PRODUCTION))
    assert (refused.code, refused.facts["system"]) == ("CONFIG_INSECURE", "axis")
    assert "verify = false" in refused.sentence_vi


def test_production_refuses_a_switch_thrown_in_the_environment(loaded, monkeypatch):
    monkeypatch.setenv("EBRVT_SYSTEMS__AXIS__TRANSPORT__VERIFY", "false")
    assert refusal(loaded(head=PRODUCTION)).code == "CONFIG_INSECURE"


@pytest.mark.parametrize(
    "url",
    [
        "http://10.1.2.3",
        "http://qlvb.example",
        "HTTP://10.1.2.3:8280/a",
        "http://[2001:db8::1]",
        "http://127.1",
    ],
)
def test_production_refuses_plain_http_outside_of_listed_networks(url, loaded):
    refused = refusal(loaded(SYSTEMS.replace("https://qlvb.example", url), head=PRODUCTION))
    assert (refused.code, refused.facts["system"]) == ("CONFIG_INSECURE", "qlvb")


@pytest.mark.parametrize(
    ("url", "networks"),
    [
        ("http://127.0.0.1:8280", None),
        ("http://localhost:8280", None),
        ("http://[::1]:8280", None),
        ("http://10.1.2.3", '["10.0.0.0/8"]'),
        ("http://[2001:db8::1]", '["10.0.0.0/8", "2001:db8::/32"]'),
    ],
)
def test_production_speaks_plain_http_within_listed_networks(url, networks, loaded):
    head = PRODUCTION + (f"plain_http_networks = {networks}\n" if networks else "")
    with composed(loaded(SYSTEMS.replace("https://qlvb.example", url), head=head), FakeClock()) as province:
        assert province.systems


def test_a_list_of_networks_replaces_the_loopback(loaded):
    head = PRODUCTION + 'plain_http_networks = ["10.0.0.0/8"]\n'
    systems = SYSTEMS.replace("https://qlvb.example", "http://127.0.0.1")
    assert refusal(loaded(systems, head=head)).code == "CONFIG_INSECURE"


@pytest.mark.parametrize("network", ["10.0.0.5/8", "everything", "10.0.0.0/33"])
def test_a_network_that_is_none_is_a_wrong_configuration(network, loaded):
    with pytest.raises(ConfigInvalid) as refused:
        loaded(head=f'plain_http_networks = ["{network}"]\n')
    assert refused.value.facts["key"].startswith("plain_http_networks")


def test_production_warns_of_an_interface_that_was_made_up(loaded):
    with composed(loaded(head=PRODUCTION), FakeClock()) as province:
        (warning,) = province.warnings
    assert warning.startswith("Hệ thống qlvb dùng giao diện thử nghiệm")
