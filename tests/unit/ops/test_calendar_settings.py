"""Closed hours and sizes in the configuration: what is refused, and what `doctor` says of calendars."""

import shutil
from datetime import UTC, datetime

import pytest

from ebrvt_connect.ops.calendars import load_calendars
from ebrvt_connect.ops.checks import Grade, examine
from ebrvt_connect.ops.config import ConfigInvalid, load_config
from ebrvt_connect.testing.clock import START, FakeClock

PROVINCE = '[province]\ncode = "H06"\n'
AXIS = '[systems.axis]\nadapter = "vxp"\n'


@pytest.fixture
def written(tmp_path):
    def write(more):
        (tmp_path / "ebrvt.toml").write_text(PROVINCE + more, "utf-8")
        return tmp_path / "ebrvt.toml"

    return write


@pytest.fixture
def examined(tmp_path, pki, written):
    shutil.copytree(pki.trust_folder, tmp_path / "trust")

    def run(more, at=START):
        results = examine(load_config(written(more)), FakeClock(at), reach=False)
        return {result.name: result for result in results}

    return run


@pytest.mark.parametrize(
    "words", ["Satt 22:00-Sun 06:00", "daily 25:00-26:00", "", "2026-12-02 08:00/2026-12-01 08:00", "lễ"]
)
def test_closed_hours_nobody_understands_are_refused_with_their_place_and_the_forms_there_are(words, written):
    with pytest.raises(ConfigInvalid) as refusal:
        load_config(written(f'{AXIS}closed = ["{words}"]\n'))
    said = f"{refusal.value.sentence_vi} {refusal.value.advice_vi}"
    assert refusal.value.facts["key"] == "systems.axis.closed.0"
    assert refusal.value.facts["place"].endswith("ebrvt.toml:5")
    assert f"không hiểu khoảng ngừng giao dịch “{words}”" in said
    assert "Sat 22:00-Sun 06:00" in said


@pytest.mark.parametrize("size", ['"2 gigs"', '"200"', "200", '"-1MB"', '""', '"0GB"'])
def test_a_size_without_its_unit_or_of_nothing_is_refused(size, written):
    with pytest.raises(ConfigInvalid) as refusal:
        load_config(written(f"{AXIS}limits = {{ bytes_per_day = {size} }}\n"))
    assert refusal.value.facts["key"] == "systems.axis.limits.bytes_per_day"
    assert refusal.value.facts["place"].endswith("ebrvt.toml:5")


def test_a_size_says_how_it_is_written(written):
    with pytest.raises(ConfigInvalid) as refusal:
        load_config(written(f'{AXIS}limits = {{ bytes_per_day = "nhiều" }}\n'))
    assert "dung lượng phải kèm đơn vị" in refusal.value.sentence_vi


@pytest.mark.parametrize(
    "closed",
    [
        '["daily 00:00-24:00"]',
        '["Mon-Fri 00:00-24:00", "Sat 00:00-Mon 00:00"]',
        '["2020-01-01 00:00/2999-01-01 00:00"]',
    ],
)
def test_a_system_that_never_opens_is_refused_with_its_place(closed, written, examined):
    more = f"{AXIS}closed = {closed}\n"
    with pytest.raises(ConfigInvalid) as refusal:
        load_calendars(load_config(written(more)), START)
    assert refusal.value.code == "CONFIG_NEVER_OPEN"
    assert "Hệ thống axis" in refusal.value.sentence_vi
    assert refusal.value.facts["place"].endswith("ebrvt.toml:5")
    check = examined(more)["calendars"]
    assert (check.grade, "không bao giờ mở" in check.cause_vi) == (Grade.FAIL, True)


def test_doctor_says_which_system_is_closed_now_until_when_and_by_which_words(examined):
    found = examined(f'{AXIS}closed = ["daily 00:00-23:00"]\n')
    warned = found["closed-axis"]
    assert warned.grade is Grade.WARN
    assert "axis đang ngừng giao dịch theo lịch “daily 00:00-23:00”, mở lại lúc 23/11/2026 23:00" in (
        warned.cause_vi
    )
    assert found["calendars"].grade is Grade.PASS
    assert "1 hệ thống có lịch ngừng giao dịch" in found["calendars"].cause_vi


def test_doctor_says_nothing_of_a_system_that_is_open_now(examined):
    found = examined(f'{AXIS}closed = ["Sun 00:00-24:00"]\n')
    assert "closed-axis" not in found
    assert examined(AXIS)["calendars"].cause_vi == "Không hệ thống nào có lịch ngừng giao dịch."


@pytest.mark.parametrize(
    ("at", "year"),
    [
        (datetime(2026, 11, 23, 1, tzinfo=UTC), None),
        (datetime(2026, 12, 15, 1, tzinfo=UTC), 2027),
        (datetime(2031, 5, 1, 1, tzinfo=UTC), 2031),
    ],
)
def test_doctor_warns_in_time_of_holidays_that_no_notice_has_fixed(at, year, examined):
    check = examined(f'{AXIS}closed = ["public holidays"]\n', at)["calendars"]
    if year is None:
        assert check.grade is Grade.PASS
    else:
        assert (check.grade, f"năm {year} chưa theo thông báo" in check.cause_vi) == (Grade.WARN, True)
        assert "province.holidays" in check.cure_vi


def test_holidays_nobody_counts_on_are_not_warned_of(examined):
    assert examined(AXIS, datetime(2031, 5, 1, tzinfo=UTC))["calendars"].grade is Grade.PASS


@pytest.mark.parametrize("content", [None, "junk = [", '[[year]]\nyear = 2027\ndays = [{ from = "x" }]\n'])
def test_a_table_of_holidays_that_does_not_read_fails(content, examined, tmp_path, written):
    if content is not None:
        (tmp_path / "holidays.toml").write_text(content)
    written("")
    more = f'holidays = "holidays.toml"\n{AXIS}closed = ["public holidays"]\n'
    check = examined(more)["calendars"]
    assert (check.grade, "province.holidays" in check.cause_vi) == (Grade.FAIL, True)
