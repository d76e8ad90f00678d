"""The first example runs from a fresh clone, with no arguments, and says what it promises."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_example_judges_a_good_and_a_changed_document(tmp_path):
    answer = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "01_verify_a_document.py")],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        timeout=60,
    )

    assert "Kết luận: HỢP LỆ" in answer.stdout
    assert "Kết luận: KHÔNG HỢP LỆ (HASH_FAILURE)" in answer.stdout
    assert answer.stderr == ""
