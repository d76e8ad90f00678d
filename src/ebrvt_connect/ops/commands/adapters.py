"""`ebrvt adapters`: the catalogue, read from the manifests of every installed adapter."""

from __future__ import annotations

import click

from ebrvt_connect.ops.console import as_json, say, say_json


@click.command(epilog="Example: ebrvt adapters --json")
@as_json
def command(*, json_out: bool) -> None:
    """List the systems that can be linked (các hệ thống có thể kết nối)."""
    from ebrvt_connect.ops.catalogue import installed_manifests

    manifests = installed_manifests()
    if json_out:
        say_json({"adapters": manifests})
        return
    for manifest in manifests:
        say(f"{manifest['name']}: {manifest.get('title_vi', '')}")
        for dialect in manifest.get("dialects", ()):
            say(f"  dialect {dialect.get('name')}: provenance {dialect.get('provenance')}")
