"""Who may import whom: the contracts hold, and each of them notices when it is broken on purpose."""

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

IMPORT_ROOTS = ("src", "adapters", "schemas")
PURE_MODULES = [
    "ebrvt_connect.model",
    "ebrvt_connect.ports",
    "ebrvt_connect.codec",
    "ebrvt_connect.trust",
    "ebrvt_connect.resilience",
    "ebrvt_connect.engine.flow",
    "ebrvt_adapters.qlvb.wire",
    "ebrvt_adapters.qlvb.mapping",
]
IMPURE_MODULES = ["requests", "zeep", "sqlite3", "psycopg", "socket", "ssl", "threading", "time", "random"]
FLOORS = ["ops", "testing", "api", "engine", "transport", "trust", "codec", "ports", "model", "errors"]


def lint_imports(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    search_path = os.pathsep.join(str(root / folder) for folder in IMPORT_ROOTS)
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache", *arguments],
        cwd=root,
        env=os.environ | {"PYTHONPATH": search_path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_house_keeps_its_contracts():
    answer = lint_imports(ROOT)

    assert answer.returncode == 0, answer.stdout + answer.stderr


class Copy:
    """A copy of the import roots to break things in; modules not built yet are made as they are named."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in IMPORT_ROOTS:
            shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", root)

    def let(self, importer: str, *, use: str) -> None:
        """Make one module import another."""
        if use.startswith("ebrvt_"):
            self.find(use)
        path = self.find(importer)
        path.write_text(path.read_text(encoding="utf-8") + f"\nimport {use}\n", encoding="utf-8")

    def find(self, module: str) -> Path:
        first, *rest = module.split(".")
        path = self.root / ("src" if first == "ebrvt_connect" else "adapters") / first
        for name in rest:
            path = path / name
            if not path.with_suffix(".py").exists():
                path.mkdir(exist_ok=True)
                (path / "__init__.py").touch()
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")

    def breaks(self, contract: str) -> bool:
        answer = lint_imports(self.root, "--contract", contract)
        assert "Contracts: " in answer.stdout, answer.stdout + answer.stderr
        return answer.returncode != 0


@pytest.fixture
def house(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


@pytest.mark.parametrize(("upper", "lower"), list(itertools.pairwise(FLOORS)))
def test_a_floor_that_leans_on_the_one_above_is_noticed(house, upper, lower):
    house.let(f"ebrvt_connect.{lower}", use=f"ebrvt_connect.{upper}")

    assert house.breaks("layers")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ebrvt_connect.engine", "ebrvt_adapters.qlvb"),
        ("ebrvt_connect.transport", "ebrvt_connect.store"),
        ("ebrvt_connect.codec", "ebrvt_connect.resilience"),
    ],
)
def test_siblings_that_see_each_other_are_noticed(house, one, other):
    house.let(one, use=other)

    assert house.breaks("layers")


@pytest.mark.parametrize("module", PURE_MODULES)
def test_an_effect_in_a_pure_room_is_noticed(house, module):
    house.let(module, use="requests")

    assert house.breaks("pure")


@pytest.mark.parametrize("effect", IMPURE_MODULES)
def test_every_effect_is_noticed(house, effect):
    house.let("ebrvt_connect.model", use=effect)

    assert house.breaks("pure")


@pytest.mark.parametrize("room", ["store", "engine", "ops"])
def test_an_adapter_that_reaches_into_a_room_is_noticed(house, room):
    house.let("ebrvt_adapters.qlvb", use=f"ebrvt_connect.{room}")

    assert house.breaks("adapters-know-no-rooms")


def test_adapters_that_know_each_other_are_noticed(house):
    house.let("ebrvt_adapters.vxp", use="ebrvt_adapters.qlvb")

    assert house.breaks("adapters-are-strangers")
