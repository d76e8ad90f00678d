"""The page of a run: numbers as a Vietnamese reader writes them, and rows that can be read on a telephone."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from ebrvt_connect.ops.demo.audit import Check
from ebrvt_connect.ops.demo.faults import FAULTS
from ebrvt_connect.ops.demo.report import Ending, Fired, summary, table, write_report

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.fixture
def ending():
    return Ending(
        started_at=START,
        finished_at=START + timedelta(seconds=42.7),
        in_time=True,
        ledger=[],
        links=[],
        ends={"van-ban-di": ("qlvb", "axis")},
        checks=[Check("Văn bản phải gửi đã tới đúng một lần", 2, 2)],
        fired=[Fired(fault.id, START + timedelta(seconds=1.5)) for fault in FAULTS],
    )


@pytest.fixture
def page(ending, tmp_path):
    write_report(ending, tmp_path)
    return (tmp_path / "report.html").read_text("utf-8")


def test_seconds_have_a_decimal_comma_for_readers_and_a_point_for_programs(ending, page):
    assert "42,7 giây" in page
    assert 'data-th="Giây thứ">1,5<' in page
    assert table(summary(ending)).endswith("(42,7 giây)")
    assert summary(ending)["seconds"] == 42.7


def test_bare_numbers_are_named_by_their_column_where_the_head_is_not_shown(page):
    numbers = re.findall(r'<td class="n"[^>]*>', page)
    assert numbers
    assert [cell for cell in numbers if "data-th=" not in cell] == []
