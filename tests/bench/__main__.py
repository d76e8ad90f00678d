"""`./dev bench [--json] [NAME ...]`: what things cost, against a peer or a limit measured in the same run.

Without names everything but `demo` and `growth` is measured, which takes some minutes. Nothing here passes or
fails: a target that is missed is said so, and the exit code stays 0.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.measure import FULL, TINY, Figure, Setup, as_json, machine

if TYPE_CHECKING:
    from types import ModuleType

BENCHMARKS = {
    "help": "answering_help",
    "import": "importing",
    "memory": "large_files",
    "edxml": "packets",
    "http": "calls",
    "verify": "verifying",
    "formats": "formats",
    "sign": "signing",
    "soap": "soap_calls",
    "dossiers": "dossiers",
    "engine": "messages",
    "backlog": "backlog",
    "workers": "workers",
    "growth": "growing",
    "demo": "demonstration",
}
ONLY_WHEN_NAMED = {"demo", "growth"}
_KEYS = Path("var") / "bench" / "pki"


def main(arguments: list[str]) -> int:
    """Measure what is named and tell it."""
    asked = parsed(arguments)
    names = asked.names or [name for name in BENCHMARKS if name not in ONLY_WHEN_NAMED]
    sizes = TINY if asked.tiny else FULL
    told: dict[str, list[Figure]] = {}
    for name in names:
        module = benchmark(name)
        if not asked.json:
            print(f"\n{name}: {summary(module)}", flush=True)
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            told[name] = module.measure(Setup(sizes, Path(folder), asked.keys.absolute()))
        if not asked.json:
            print("\n".join(line(figure) for figure in told[name]), flush=True)
    on = machine()
    if asked.json:
        figures = {name: [as_json(figure) for figure in found] for name, found in told.items()}
        print(json.dumps({"machine": on, "benchmarks": figures}, ensure_ascii=False, indent=2))
    else:
        load = " ".join(str(one) for one in on["load_average"])
        swing = on["noise_percent"] / 2
        print(f"\nPython {on['python']}, {on['cores']} cores, load {load}, noise ±{swing:.0f} %")
    return 0


def parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dev bench",
        description=(__doc__ or "").partition("\n")[0],
        epilog="\n".join(f"  {name:8}{summary(benchmark(name))}" for name in BENCHMARKS)
        if {"-h", "--help"} & set(arguments)
        else "",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--tiny", action="store_true", help="see that it runs; the figures mean nothing")
    parser.add_argument("--keys", type=Path, default=_KEYS, help="where the sandbox's keys are kept")
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    return asked


def benchmark(name: str) -> ModuleType:
    """A benchmark's module, imported only when it is wanted: one must not pay for another's imports."""
    return importlib.import_module(f"tests.bench.{BENCHMARKS[name]}")


def summary(module: ModuleType) -> str:
    return (module.__doc__ or "").partition("\n")[0]


def line(figure: Figure) -> str:
    """A figure for people."""
    text = f"  {figure.what:44} {number(figure.ours):>8} {figure.unit:6}"
    if figure.ratio is not None:
        text += f" {figure.ratio:7.2f}x (±{figure.spread_percent / 2:.0f} %)"
    if figure.theirs is not None:
        text += f" of {number(figure.theirs)}: {figure.peer}"
    if figure.target:
        word = "" if figure.met is None else "reached" if figure.met else "MISSED"
        text += f" [target {figure.target}: {word}]"
    return text


def number(value: float) -> str:
    """Three digits that matter."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
