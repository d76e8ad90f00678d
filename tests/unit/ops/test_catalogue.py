"""Adapters are found through their entry points: ours, a vendor's, and what is wrong with a broken one."""

import sys

import pytest

from ebrvt_connect.ops.catalogue import adapter_class, installed_manifests, manifest_of, provenance
from ebrvt_connect.ops.config import ConfigInvalid

MANIFEST = """\
name = "vendor"
title_vi = "Phần mềm của nhà cung cấp"
[[dialects]]
name = "v2"
provenance = "captured"
[[dialects]]
name = "v1"
provenance = "seen-in-code"
"""
MODULE = "from ebrvt_connect.testing.memory import MemorySystem as Vendor\n"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a vendor's distribution the way pip leaves it behind."""

    def install(target="vendor_adapter:Vendor", module=MODULE, manifest=MANIFEST):
        package = tmp_path / "vendor_adapter"
        package.mkdir()
        (package / "__init__.py").write_text(module)
        if manifest is not None:
            (package / "adapter.toml").write_text(manifest, "utf-8")
        facts = tmp_path / "vendor-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: vendor\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(f"[ebrvt_connect.adapters]\nvendor = {target}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "vendor_adapter", raising=False)

    yield install
    sys.modules.pop("vendor_adapter", None)


def refused(call, *arguments) -> ConfigInvalid:
    with pytest.raises(ConfigInvalid) as refusal:
        call(*arguments)
    return refusal.value


def test_a_vendors_adapter_is_found_like_ours(installed):
    installed()
    assert adapter_class("vendor").system_kind == "memory"
    assert [manifest["name"] for manifest in installed_manifests()] == [
        "baocao",
        "dvcqg",
        "motcua",
        "qlvb",
        "vendor",
        "vxp",
    ]


@pytest.mark.parametrize(("dialect", "known"), [("", "captured"), ("v2", "captured"), ("v1", "seen-in-code")])
def test_a_dialect_says_how_it_is_known_and_the_first_is_the_default(dialect, known, installed):
    installed()
    assert provenance("vendor", dialect) == known


def test_a_dialect_it_does_not_speak_is_refused_with_those_it_does(installed):
    installed()
    refusal = refused(provenance, "vendor", "v3")
    assert refusal.code == "CONFIG_DIALECT_UNKNOWN"
    assert "v2, v1" in refusal.sentence_vi


def test_what_says_nothing_of_its_dialects_counts_as_made_up(installed):
    installed(manifest='name = "vendor"\n')
    assert provenance("vendor", "") == "sandbox"


@pytest.mark.parametrize("call", [adapter_class, manifest_of])
def test_an_adapter_that_is_not_installed_is_refused(call):
    refusal = refused(call, "nobody")
    assert refusal.code == "CONFIG_ADAPTER_UNKNOWN"
    assert "“nobody”" in refusal.sentence_vi


@pytest.mark.parametrize(
    "broken",
    [
        {"target": "vendor_adapter:NoSuchClass"},
        {"target": "vendor_adapter.nowhere:Vendor"},
        {"module": "import no_such_library\n"},
    ],
    ids=str,
)
def test_an_adapter_that_cannot_be_loaded_is_told_as_broken(broken, installed):
    installed(**broken)
    assert refused(adapter_class, "vendor").code == "CONFIG_ADAPTER_BROKEN"


@pytest.mark.parametrize("manifest", [None, "name = ", "\x00"])
def test_a_manifest_that_cannot_be_read_is_told_as_broken(manifest, installed):
    installed(manifest=manifest)
    refusal = refused(manifest_of, "vendor")
    assert refusal.code == "CONFIG_ADAPTER_BROKEN"
    assert "“vendor”" in refusal.sentence_vi
