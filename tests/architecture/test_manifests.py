"""Folder, adapter.toml and entry points of an adapter say the same, and every adapter has the same files."""

import tomllib
from pathlib import Path

import pytest

from tests.architecture.sources import ADAPTERS, named, pyproject

ADAPTER_FILES = {
    "adapter.toml",
    "README.md",
    "settings.py",
    "wire.py",
    "mapping.py",
    "client.py",
    "faults.py",
    "adapter.py",
    "sandbox.py",
}
# What `ebrvt new-adapter` copies: complete, but not a system anybody can link to.
TEMPLATE = "_template"

FOLDERS = sorted(path.parent for path in ADAPTERS.glob("*/adapter.toml") if path.parent.name != TEMPLATE)


def entry_points(group: str) -> dict[str, str]:
    return pyproject()["project"]["entry-points"][group]


@pytest.mark.parametrize("group", ["ebrvt_connect.adapters", "ebrvt_connect.simulators"])
def test_every_adapter_is_an_entry_point_and_every_entry_point_an_adapter(group):
    assert set(entry_points(group)) == {folder.name for folder in FOLDERS}


@pytest.mark.parametrize("group", ["ebrvt_connect.adapters", "ebrvt_connect.simulators"])
def test_entry_points_lead_into_their_own_folder(group):
    strays = {
        name: target
        for name, target in entry_points(group).items()
        if target.partition(":")[0].split(".")[:2] != ["ebrvt_adapters", name]
    }

    assert strays == {}


def test_every_adapter_folder_has_a_manifest():
    packages = {path.parent for path in ADAPTERS.glob("*/__init__.py") if path.parent.name != TEMPLATE}

    assert [named(folder) for folder in sorted(packages - set(FOLDERS))] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_adapter_has_the_same_files_as_all(folder: Path):
    assert ADAPTER_FILES - {path.name for path in folder.iterdir()} == set()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_manifest_carries_the_name_of_its_folder(folder: Path):
    manifest = tomllib.loads((folder / "adapter.toml").read_text(encoding="utf-8"))

    assert manifest.get("name", manifest.get("adapter", {}).get("name")) == folder.name
