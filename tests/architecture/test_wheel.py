"""What `pip install` brings is what the checkout has: three roots, entry points, schemas, type markers."""

import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.architecture.sources import ADAPTERS, CORE, ROOT, SCHEMAS, pyproject

NOT_SHIPPED = {"__pycache__"}
IMPORT_ROOTS = (CORE, ADAPTERS, SCHEMAS)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built by the backend that is installed, so nothing is fetched."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory) -> Path:
    """The wheel installed away from the checkout, without the network."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip"] if find_spec("pip") else [Path(sys.executable).with_name("uv"), "pip"]
    install = [*pip, "install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel]
    subprocess.run(install, check=True, capture_output=True)
    return target


def run_installed(installed: Path, program: str) -> str:
    """Run a program that finds the wheel's files before those of the checkout."""
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=installed,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.parametrize("root", IMPORT_ROOTS, ids=lambda root: root.name)
def test_every_file_of_the_root_ships(wheel, root):
    expected = {
        path.relative_to(root.parent).as_posix()
        for path in root.rglob("*")
        if path.is_file() and not NOT_SHIPPED & set(path.parts)
    }

    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith(root.name + "/")}

    assert f"{root.name}/py.typed" in shipped
    assert shipped == expected


def test_the_licence_ships(wheel):
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in zipfile.ZipFile(wheel).namelist())


def test_imports_come_from_the_wheel(installed):
    names = [root.name for root in IMPORT_ROOTS]
    program = f"import {', '.join(names)}\nfor root in [{', '.join(names)}]: print(root.__file__)"

    assert run_installed(installed, program).split() == [
        str(installed / name / "__init__.py") for name in names
    ]


GROUPS = ["ebrvt_connect.adapters", "ebrvt_connect.simulators", "console_scripts"]


@pytest.mark.parametrize("group", GROUPS)
def test_every_entry_point_loads(installed, group):
    program = (
        "from importlib.metadata import distribution\n"
        f"for point in distribution('ebrvt-connect').entry_points.select(group={group!r}):\n"
        "    point.load()\n"
        "    print(point.name)\n"
    )
    project = pyproject()["project"]
    expected = project["scripts"] if group == "console_scripts" else project["entry-points"][group]

    assert set(run_installed(installed, program).split()) == set(expected)


def test_every_schema_opens(installed):
    shipped = [
        path.relative_to(installed / "ebrvt_schemas").as_posix()
        for path in (installed / "ebrvt_schemas").rglob("*")
        if path.is_file()
    ]
    program = f"from ebrvt_schemas import open_schema\nfor name in {shipped!r}: open_schema(name)"

    run_installed(installed, program)


@pytest.mark.parametrize("name", ["/etc/hostname", "../ebrvt_connect/__init__.py", "edxml\\..\\x", ""])
def test_a_schema_name_cannot_leave_the_folder(installed, name):
    program = (
        "from ebrvt_schemas import open_schema\n"
        f"try: open_schema({name!r})\n"
        "except ValueError as refusal: print('refused', refusal)\n"
    )

    assert run_installed(installed, program).startswith("refused")
