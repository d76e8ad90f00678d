"""The benchmarks still run, each by its own name; what they measure at this size means nothing."""

import json
import subprocess
import sys

import pytest

from ebrvt_connect.testing.pki import SandboxPki
from tests.bench.__main__ import BENCHMARKS, ONLY_WHEN_NAMED


@pytest.fixture(scope="session")
def keys(pki_folder):
    """One sandbox PKI for all."""
    return SandboxPki.open(pki_folder).folder


def bench(*arguments):
    command = [sys.executable, "-m", "tests.bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)


ALL = [name for name in BENCHMARKS if name not in ONLY_WHEN_NAMED]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("names", [ALL[::2], ALL[1::2]], ids=["one half", "the other"])
def test_the_benchmarks_run_and_tell_ratios(names, keys):
    """Several in a process: starting one and taking its machine's measure costs more than most of them."""
    done = bench("--tiny", "--json", "--keys", str(keys), *names)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert list(told["benchmarks"]) == names
    for name, figures in told["benchmarks"].items():
        # Memory is a difference of two processes: on a crowded machine it may come out below nothing.
        assert all(figure["what"] and (figure["ours"] >= 0 or name == "memory") for figure in figures), name
        assert any(figure["peer"] and figure["ratio"] is not None for figure in figures), name
    assert {"python", "cores", "load_average", "noise_percent"} <= told["machine"].keys()


def test_for_people_each_figure_is_a_line_with_its_peer():
    done = bench("--tiny", "help")

    assert done.returncode == 0, done.stderr
    assert "ebrvt --help" in done.stdout
    assert "python -c pass" in done.stdout


def test_an_unknown_name_is_refused_with_the_known_ones():
    done = bench("nonsense")

    assert done.returncode == 2
    assert all(name in done.stderr for name in BENCHMARKS)
