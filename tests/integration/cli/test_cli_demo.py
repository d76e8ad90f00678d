"""`ebrvt demo` as a command; the demonstration itself is told in tests/integration/demo."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from ebrvt_connect.ops.commands import demo
from ebrvt_connect.ops.demo import story

SUMMARY = {
    "ok": True,
    "seconds": 12.5,
    "documents": {"sent": 42, "received": 30, "held": 1, "statuses_returned": 120},
    "dossiers": {"synchronised": 60, "progress_events": 233, "held": 4},
    "reports": {"submitted": 2, "returned": 1, "approved": 1},
    "faults_injected": 15,
    "retries": 9,
    "duplicates_recognised": 2,
    "duplicates_at_remote": 0,
    "lost": 0,
    "held": [{"title": "7803/TTr-UBND", "reason_vi": "Chưa ký số."}],
    "checks": [{"name_vi": "Văn bản phải gửi", "ok": True, "expected": 42, "found": 42}],
}
FAILED = {
    **SUMMARY,
    "ok": False,
    "lost": 1,
    "checks": [{"name_vi": "Văn bản phải gửi", "ok": False, "expected": 42, "found": 41}],
}


@pytest.fixture
def told(monkeypatch):
    """Replaces the story by its end; answers what it was asked for."""
    asked = {}

    def end(summary):
        def run_demo(root, **how):
            how["progress"]("đi 1, đến 0")
            asked.update(how, root=root)
            return summary

        monkeypatch.setattr(story, "run_demo", run_demo)
        return asked

    return end


def test_a_good_end_is_0_with_a_table_and_the_place_of_the_report(ebrvt, told):
    told(SUMMARY)
    answer = ebrvt("demo")
    assert answer.code == 0
    assert "✓ Không mất, không trùng. (12,5 giây)" in answer.out
    assert "Hồ sơ đã đồng bộ lên Cổng DVCQG" in answer.out
    assert "– 7803/TTr-UBND: Chưa ký số." in answer.out
    assert "report.html" in answer.err
    assert "đi 1, đến 0" in answer.err


def test_a_bad_end_is_1_and_names_the_check_that_failed(ebrvt, told):
    told(FAILED)
    answer = ebrvt("demo")
    assert answer.code == 1
    assert "✗ Văn bản phải gửi: mong đợi 42, có 41" in answer.out


def test_json_is_the_summary_and_nothing_else(ebrvt, told):
    told(SUMMARY)
    assert ebrvt("demo", "--json").data == SUMMARY


def test_the_options_reach_the_story(ebrvt, told, tmp_path, monkeypatch):
    asked = told(SUMMARY)

    def heard():
        return asked["root"], asked["fresh"], len(asked["plans"].documents.leaving)

    ebrvt("demo")
    assert heard() == (tmp_path, False, 42)
    monkeypatch.setenv("EBRVT_TEST_DEMO_DOCUMENTS", "6")
    ebrvt("demo", "--fresh", "--root", tmp_path / "elsewhere")
    assert heard() == (tmp_path / "elsewhere", True, 6)


def test_progress_is_told_now_and_then_where_nobody_watches(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(demo.time, "monotonic", lambda: now[0])
    progress = demo._Progress()
    for second, line in ((0.0, "a"), (0.2, "b"), (1.1, "b"), (2.3, "b"), (3.5, "c")):
        now[0] = second
        progress(line)
    assert capsys.readouterr().err == "  a\n  b\n  c\n"


def test_progress_rewrites_one_line_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(demo, "on_terminal", lambda: True)
    progress = demo._Progress()
    for line in ("a", "a", "b"):
        progress(line)
    # What erases the rest of the line is left out where this test's stderr is no terminal.
    assert capsys.readouterr().err == "\r  a\r  b"


def test_the_report_is_served_on_loopback_until_it_is_interrupted(tmp_path):
    (tmp_path / "report.html").write_text("<h1>Báo cáo</h1>", "utf-8")
    (tmp_path / "summary.json").write_text('{"ok": true}')
    (tmp_path / "secret.txt").write_text("not for anybody")
    program = (
        "import sys; from pathlib import Path; from ebrvt_connect.ops.demo.serving import serve_folder\n"
    )
    program += f"serve_folder(Path({str(tmp_path)!r}), lambda text: print(text, flush=True))"
    server = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().split()[4]
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(url, timeout=60) as page:
            assert page.read().decode("utf-8") == "<h1>Báo cáo</h1>"
            assert page.headers["content-security-policy"].startswith("default-src 'none'")
        with urllib.request.urlopen(url + "summary.json", timeout=60) as page:
            assert json.load(page) == {"ok": True}
        for path in ("secret.txt", "../secret.txt", "%2e%2e/secret.txt"):
            with pytest.raises(urllib.error.HTTPError) as refusal:
                urllib.request.urlopen(url + path, timeout=60)
            assert refusal.value.code == 404
            refusal.value.close()
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)
    assert server.returncode == 0
