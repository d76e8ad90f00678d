"""R23: every mutant of what decides and of the ledger, run against the tests that reach it.

One process collects a module's tests once. A child of it is forked for each mutant, gets the mistaken code
put into the functions that are there already, and plays the tests that have called them, the quickest first,
until one fails. A mistake outside functions (a table, a default) needs its module made anew: its child is
forked before anything of ours is imported. A mutant that no test notices must be explained in
`equivalent_mutants.toml`.

Run for itself (`python -m tests.torture.mutant_runs [SEEDS [MODULE ...]]`) it prints a line of JSON for each
module: `./dev torture` has imported what is to be mutated, and so must not fork its own children.
"""

from __future__ import annotations

import ast
import gc
import importlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import CodeType, FrameType, FunctionType

import hypothesis
import pytest
from _pytest.runner import runtestprotocol

from tests.torture.mutants import Mutant, mutants_of
from tests.torture.outcome import Tried

_ROOT = Path(__file__).parents[2]
_SRC = _ROOT / "src" / "ebrvt_connect"
_EXPLAINED = Path(__file__).parent / "equivalent_mutants.toml"
# Ten seconds for what its neighbours show of ten.
_TEN_THOUSAND = "test_ten_thousand_go_on_in_few_transactions_and_each_shard_is_activated_once"
_STORE = (
    "tests/unit/store/test_ledger.py",
    "tests/unit/store/test_stored_facts.py",
    "tests/integration/engine/test_steps.py",
    "tests/integration/engine/test_dead_letters.py",
    "tests/integration/engine/test_intake.py",
    f"--deselect=tests/integration/engine/test_dead_letters.py::{_TEN_THOUSAND}",
)
SUBJECTS: dict[str, tuple[str, ...]] = {
    **{
        f"resilience/{name}.py": (f"tests/unit/resilience/test_{name}.py",)
        for name in ("breaker", "calendar", "limiter", "retry")
    },
    "resilience/sharing.py": ("tests/unit/resilience/test_sharing.py", "tests/unit/engine/test_pressure.py"),
    "engine/flow.py": ("tests/unit/engine/test_flow.py",),
    **{
        f"store/{name}.py": _STORE
        for name in ("ledger", "delivery", "shards", "intake_rows", "steering", "rows")
    },
}
"""What is mutated, and the tests that are to notice."""

Numbered = tuple[str, int]
"""A mutant by its module and its place in it."""

_HEAVY = ("sqlalchemy", "pydantic", "hypothesis.stateful", "lxml.etree", "structlog", "cryptography.x509")
_MOST_BYTES = 2 << 30
_PYTEST = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout=0", "-m", "not postgres"]


def unnoticed(seeds: int | None = None) -> Iterator[Tried]:
    """R23: the mutants of each module (of all, a seeded sample of so many); unnoticed ones are troubles."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.torture.mutant_runs", str(seeds or 0)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT, env=_environment()) as runs:
        for line in runs.stdout or ():
            played = json.loads(line)
            survivors, explained = played["survivors"], played["explained"]
            killed = played["tried"] - len(survivors) - explained
            told = f"noticed {killed} ({played['late']} by their time), explained {explained}"
            troubles = [*survivors, *played["gone"]]
            yield Tried("R23", played["module"], played["tried"], troubles=troubles, told=told)
    if runs.returncode:
        yield Tried("R23", "mutants", troubles=[f"ended with {runs.returncode}: see above"])


def _environment() -> dict[str, str]:
    """Ours comes from this checkout, wherever the installed one lies."""
    paths = os.pathsep.join(str(_ROOT / name) for name in ("src", "adapters", "schemas"))
    return {**os.environ, "PYTHONPATH": paths}


def main(arguments: list[str]) -> None:
    """Play a seeded sample of so many mutants (0: all of them), of the modules named or of all."""
    seeds = int(arguments[0]) if arguments else 0
    found = {name: _mutants(name) for name in arguments[1:] or SUBJECTS}
    every = [(name, number) for name, mutants in found.items() for number in range(len(mutants))]
    chosen = sorted(random.Random("R23").sample(every, min(seeds, len(every))) if seeds else every)
    for name in _HEAVY:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory(prefix="ebrvt-mutants-") as folder:
        for tests in dict.fromkeys(SUBJECTS[name] for name, _ in chosen):
            group = [(name, number) for name, number in chosen if SUBJECTS[name] == tests]
            pytest_arguments = [*_PYTEST, f"--basetemp={folder}/tests", *tests]
            for played in _played(found, group, pytest_arguments, Path(folder)):
                print(json.dumps(played), flush=True)


def _mutants(name: str) -> list[Mutant]:
    return mutants_of(ast.parse((_SRC / name).read_text()))


def _played(
    found: dict[str, list[Mutant]], group: list[Numbered], pytest_arguments: list[str], folder: Path
) -> Iterator[dict[str, object]]:
    """The mutants of modules that the same tests are to notice; what came of each module."""
    begun = time.perf_counter()
    called = [(name, number) for name, number in group if found[name][number].when_called]
    report = folder / "report"
    names = sorted({name for name, _ in group})
    if _in_a_child(lambda: pytest.main(pytest_arguments, [_Player(names, called, report)]), 36_000):
        raise AssertionError(f"{', '.join(names)}: the tests fail without any mutant, or none was found")
    of_called = json.loads(report.read_text())
    ends = {(name, number): code for name, number, code in of_called["ends"]}
    for name, number in set(group) - set(called):
        put = partial(_with_module, name, number, pytest_arguments)
        ends[name, number] = _in_a_child(put, _patience(of_called["seconds"]))
    for name in names:
        yield _reckoned(name, found[name], {number: ends[of, number] for of, number in group if of == name})
    print(f"{', '.join(names)}: {time.perf_counter() - begun:.0f} s", file=sys.stderr)


def _reckoned(name: str, found: list[Mutant], ends: dict[int, int]) -> dict[str, object]:
    explained = {(one["place"], one["becomes"]) for one in _explained() if one["module"] == name}
    survivors = [found[number] for number, code in sorted(ends.items()) if code == 0]
    unexplained = [one for one in survivors if (one.place, one.becomes) not in explained]
    gone = explained - {(one.place, one.becomes) for one in found}
    return {
        "module": name,
        "tried": len(ends),
        "survivors": [f"{name}:{one.line} {one.place}: {one.becomes}" for one in unexplained],
        "explained": len(survivors) - len(unexplained),
        "late": sum(code == -signal.SIGALRM for code in ends.values()),
        "gone": [f"explained, but not there: {name} {place}: {becomes}" for place, becomes in gone],
    }


def _patience(seconds: float) -> int:
    """How long a mutant may take whose tests take so long without it: longer, it has lost its way."""
    return int(20 + 10 * seconds)


def _explained() -> list[dict[str, str]]:
    return tomllib.loads(_EXPLAINED.read_text()).get("equivalent", []) if _EXPLAINED.exists() else []


def _in_a_child(play: Callable[[], object], seconds: int) -> int:
    """How it ends: 0 well, else with a failure, a signal, or (SIGALRM) not within its time."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(seconds)
        resource.setrlimit(resource.RLIMIT_DATA, (_MOST_BYTES, _MOST_BYTES))
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        if not os.environ.get("EBRVT_MUTANTS_LOUD"):
            os.dup2(silence, 2)
        code = int(play() or 0)
    except BaseException:  # noqa: BLE001 - whatever it is, the mutant was noticed
        traceback.print_exc()
    finally:
        os._exit(code)


def _with_module(name: str, number: int, pytest_arguments: list[str]) -> int:
    """Put a module with this mutant in the place of the sound one, before anybody has imported it."""
    file = _SRC / name
    tree = ast.parse(file.read_text())
    mutants_of(tree)[number].make()
    dotted = f"ebrvt_connect.{name.removesuffix('.py').replace('/', '.')}"
    parent, _, leaf = dotted.rpartition(".")
    spec = importlib.util.find_spec(dotted)
    module = importlib.util.module_from_spec(spec)
    sys.modules[dotted] = module
    exec(compile(tree, str(file), "exec"), vars(module))
    setattr(importlib.import_module(parent), leaf, module)
    return int(pytest.main(pytest_arguments, [_Quick()]))


class _Quick:
    """Hypothesis draws the same each time, keeps nothing, and does not shrink what it finds."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        quick = {"deadline": None, "derandomize": True, "database": None, "phases": phases}
        hypothesis.settings.register_profile("mutants", **quick)
        hypothesis.settings.load_profile("mutants")


class _Player(_Quick):
    """Instead of running the tests that pytest has collected, plays mutants against them."""

    def __init__(self, names: list[str], mutants: list[Numbered], report: Path) -> None:
        self.files = {str(_SRC / name) for name in names}
        self.mutants, self.report = mutants, report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Once without a mutant, to see who calls what; then each mutant."""
        self.functions = [
            one
            for one in gc.get_objects()
            if type(one) is FunctionType and one.__code__.co_filename in self.files
        ]
        calls = self.report.with_name("calls")
        if _in_a_child(lambda: self._watched(session.items, calls), 3600):
            raise session.Failed("the tests fail without any mutant")
        seen = [(seconds, nth, set(called)) for seconds, nth, called in json.loads(calls.read_text())]
        ends = []
        for name, number in self.mutants:
            changed = _changed(_SRC / name, number)
            chosen = sorted((seconds, nth) for seconds, nth, called in seen if called & set(changed))
            play = partial(self._noticed, changed, [session.items[nth] for _, nth in chosen])
            seconds = _patience(sum(seconds for seconds, _ in chosen))
            ends.append((name, number, _in_a_child(play, seconds)))
            print(f"{name} {number}: {ends[-1][-1]}", file=sys.stderr)
        self.report.write_text(json.dumps({"ends": ends, "seconds": sum(seconds for seconds, _, _ in seen)}))
        return True

    def _watched(self, items: list[pytest.Item], calls: Path) -> int:
        """Each test's time and the functions of the modules it calls, from whatever thread."""
        found: list[tuple[float, int, list[str]]] = []
        called: set[str] = set()

        def watch(frame: FrameType, event: str, _argument: object) -> None:
            if event == "call" and frame.f_code.co_filename in self.files:
                called.add(_name(frame.f_code))

        threading.setprofile(watch)
        for nth, (item, after) in enumerate(zip(items, [*items[1:], None], strict=True)):
            called.clear()
            begun = time.perf_counter()
            sys.setprofile(watch)
            failed = any(one.failed for one in runtestprotocol(item, log=False, nextitem=after))
            sys.setprofile(None)
            if failed:
                return 1
            found.append((time.perf_counter() - begun, nth, sorted(called)))
        calls.write_text(json.dumps(found))
        return 0

    def _noticed(self, changed: dict[str, CodeType], items: list[pytest.Item]) -> int:
        for function in self.functions:
            if code := changed.get(_name(function.__code__)):
                function.__code__ = code
        for item, after in zip(items, [*items[1:], None], strict=True):
            if any(one.failed for one in runtestprotocol(item, log=False, nextitem=after)):
                return 1
        return 0


def _changed(file: Path, number: int) -> dict[str, CodeType]:
    """The functions that this mutant makes differ from the sound ones, with what is nested in them."""
    tree = ast.parse(file.read_text())
    mutants_of(tree)[number].make()
    sound = {_name(code): code for code in _codes(compile(file.read_text(), str(file), "exec"))}
    new = {_name(code): code for code in _codes(compile(tree, str(file), "exec"))}
    return {name: code for name, code in new.items() if code != sound.get(name)}


def _name(code: CodeType) -> str:
    return f"{code.co_filename}:{code.co_firstlineno}:{code.co_qualname}"


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _codes(one)


if __name__ == "__main__":
    main(sys.argv[1:])
