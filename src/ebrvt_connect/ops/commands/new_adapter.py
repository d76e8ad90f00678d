"""`ebrvt new-adapter`: a complete small adapter under a name of its own, ready to be changed."""

from __future__ import annotations

from pathlib import Path

import click

from ebrvt_connect.ops.console import as_json, say, say_json, shown_path


@click.command("new-adapter", epilog="Example: ebrvt new-adapter so_theo_doi --into ~/src")
@click.argument("name")
@click.option(
    "--into",
    "into",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="this folder",
    help="Where the new folder ebrvt-NAME goes.",
)
@as_json
def command(*, name: str, into: Path, json_out: bool) -> None:
    """Make an adapter for a system that cannot be linked yet (tạo bộ kết nối mới).

    NAME is what the configuration will call it: lower-case letters, digits and underscores. The new folder
    is a distribution of its own, whose tests pass at once; docs/guide/writing-an-adapter.md says how to go
    on.
    """
    from ebrvt_connect.ops.scaffold import NewAdapter

    made = NewAdapter(name)
    folder = made.write(into)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    if json_out:
        say_json({"folder": shown_path(folder), "package": made.package, "files": files})
        return
    say(f"Đã tạo bộ kết nối “{name}” trong {shown_path(folder)} ({len(files)} tệp).")
    say("Chạy thử ngay (các phép thử đều đạt), rồi sửa dần theo hệ thống thật:")
    say(f"  cd {shown_path(folder)}")
    say("  ebrvt conformance")
    say("Cài đặt để chương trình thấy bộ kết nối:")
    say("  pip install -e .")
