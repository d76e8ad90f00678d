"""The `[alerts]` table: which sinks it opens, what it refuses, and what of this machine is watched."""

import shutil
from contextlib import ExitStack
from datetime import timedelta
from types import SimpleNamespace

import pytest

from ebrvt_connect.ops import alerting
from ebrvt_connect.ops.alerting import alerting_of
from ebrvt_connect.ops.config import ConfigInvalid, load_config
from ebrvt_connect.ops.redaction import redacted_text
from ebrvt_connect.testing.clock import START, FakeClock

TOKEN = "khoa-webhook-3f7a9c"
MAIL = 'host = "127.0.0.1"\nfrom = "ebrvt@tinh.gov.vn"\nto = ["truc@tinh.gov.vn"]\n'


@pytest.fixture
def opened(tmp_path, pki):
    shutil.copytree(pki.trust_folder, tmp_path / "trust")
    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets" / "token").touch(mode=0o600)
    (tmp_path / "secrets" / "token").write_text(TOKEN)
    (tmp_path / "var" / "blobs").mkdir(parents=True)

    with ExitStack() as closing:

        def load(more, environment="sandbox"):
            text = f'environment = "{environment}"\n[province]\ncode = "H06"\n{more}'
            (tmp_path / "ebrvt.toml").write_text(text, "utf-8")
            loaded = load_config(tmp_path / "ebrvt.toml")
            return loaded, alerting_of(loaded, FakeClock(), closing)

        yield load


def test_without_a_table_only_the_log_is_told(opened):
    _, made = opened("")
    assert made.sinks == ()
    assert (made.damp, made.remind_every) == (timedelta(minutes=10), timedelta(days=1))
    assert set(made.watches) == {"disk", "certificates"}


def test_all_sinks_are_opened_and_their_secrets_are_blotted_out_from_then_on(opened):
    _, made = opened(
        '[alerts.command]\nargv = ["/bin/true"]\n'
        '[alerts.webhook]\nurl = "https://chat.example/a"\ntoken = { file = "secrets/token" }\n'
        f"[alerts.smtp]\n{MAIL}"
    )
    assert [sink.name for sink in made.sinks] == ["command", "webhook", "smtp"]
    assert redacted_text(f"it said {TOKEN}") == "it said […]"


def test_times_may_be_set_or_switched_off(opened):
    _, made = opened(
        '[alerts]\ndamp = "1m"\nremind_every = "forever"\nheld_long = "forever"\ndisk_free = "none"\n'
    )
    assert (made.damp, made.remind_every, made.held_long) == (timedelta(minutes=1), None, None)
    assert set(made.watches) == {"certificates"}


@pytest.mark.parametrize(
    "table",
    [
        "[alerts.command]\nargv = []\n",
        '[alerts.webhook]\nurl = "https://user:pw@chat.example/a"\n',
        '[alerts.webhook]\nurl = "https://chat.example/a"\ntoken = "in-the-file"\n',
        '[alerts.smtp]\nhost = "127.0.0.1"\nfrom = "x"\nto = ["truc@tinh.gov.vn"]\n',
        f'[alerts.smtp]\n{MAIL}security = "ssl"\n',
        '[alerts.smtp]\nhost = "127.0.0.1"\nfrom = "a@b.vn"\nto = []\n',
        '[alerts.telegram]\nurl = "https://x"\n',
        '[alerts.webhook]\nurl = "https://chat.example/a"\ntoken = { file = "secrets/none" }\n',
    ],
)
def test_a_wrong_table_is_refused(table, opened):
    with pytest.raises(ConfigInvalid):
        opened(table)


@pytest.mark.parametrize(
    "table",
    [
        '[alerts.webhook]\nurl = "http://chat.example/a"\n',
        f'[alerts.smtp]\n{MAIL.replace("127.0.0.1", "mail.example")}security = "none"\n',
    ],
)
def test_production_tells_nobody_over_a_line_that_others_can_listen_to(table, opened):
    assert opened(table)[1].sinks
    with pytest.raises(ConfigInvalid) as refusal:
        opened(table, "production")
    assert refusal.value.code == "CONFIG_INSECURE"


def test_a_disk_that_is_nearly_full_is_a_trouble_of_this_machine(opened, monkeypatch):
    _, made = opened('[alerts]\ndisk_free = "1GB"\n')
    for free, found in ((10**9, []), (10**9 - 1, ["DISK_LOW"])):
        usage = SimpleNamespace(free=free)
        monkeypatch.setattr(alerting.shutil, "disk_usage", lambda _folder, usage=usage: usage)
        assert [cause.code for cause in made.watches["disk"](START)] == found


def test_certificates_that_end_are_one_trouble_looked_for_once_an_hour(opened, monkeypatch):
    _, made = opened("")
    watch = made.watches["certificates"]
    assert watch(START) == ()
    from ebrvt_connect.ops import checks
    from ebrvt_connect.ops.named_check import CheckResult, Grade

    ending = [CheckResult("certificates", Grade.WARN, f"Gốc {n} sắp hết hạn.", "Thay.") for n in range(7)]
    monkeypatch.setattr(checks, "certificates", lambda *_: iter(ending))
    assert watch(START + timedelta(minutes=59)) == ()
    (cause,) = watch(START + timedelta(hours=1))
    assert (cause.code, cause.count) == ("CERTIFICATES_ENDING", 7)
    assert cause.reason_vi.endswith("Gốc 4 sắp hết hạn. …")


def test_a_certificate_that_is_just_being_renewed_is_no_failure_of_the_watch(opened, monkeypatch):
    """What stays unreadable is told as a renewal that cannot be used."""
    _, made = opened("")
    watch = made.watches["certificates"]
    from ebrvt_connect.ops import checks

    def half_written(*_):
        raise OSError(0, "không phải tệp PEM", "ours.pem")

    monkeypatch.setattr(checks, "certificates", half_written)
    assert watch(START) == ()
    monkeypatch.undo()
    assert watch(START + timedelta(minutes=1)) == ()
