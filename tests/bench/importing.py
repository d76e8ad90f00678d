"""Importing the library's rooms: seconds against bare Python, and which heavy packages come along.

What a user of one room pays before the first call. Target: `import ebrvt_connect` loads neither zeep nor
dbos nor pyHanko.
"""

from __future__ import annotations

import subprocess
import sys

from tests.bench.measure import Figure, Setup, against, noise, seconds_of

_HEAVY = ("zeep", "dbos", "pyhanko", "sqlalchemy", "reportlab", "signxml")
_LISTED = ("zeep", "dbos", "pyhanko")
_STATEMENTS = (
    "import ebrvt_connect",
    "import ebrvt_connect.api",
    "import ebrvt_connect.codec.edxml_read",
    "import ebrvt_adapters.vxp",
    "import ebrvt_connect.trust.pades",
)


def measure(setup: Setup) -> list[Figure]:
    found = []
    for statement in _STATEMENTS:
        times: dict[str, list[float]] = {"ours": [], "floor": []}
        heavy = loaded(statement)  # which also writes the bytecode, so that nobody is timed compiling
        for _ in range(setup.sizes.rounds):
            noise.listen()
            times["ours"].append(seconds_of(lambda _, code=statement: run(code), 1))
            times["floor"].append(seconds_of(lambda _: run("pass"), 1))
        found.append(against(statement, "s", times["ours"], "python -c pass", times["floor"]))
        named = f" ({', '.join(heavy)})" if heavy else ""
        wanted = statement == _STATEMENTS[0]
        found.append(
            Figure(
                f"  heavy packages it loads{named}",
                len(heavy),
                "",
                target=f"none of {', '.join(_LISTED)}" if wanted else "",
                met=not set(heavy) & set(_LISTED) if wanted else None,
            )
        )
    return found


def loaded(statement: str) -> list[str]:
    """The heavy packages in memory after a statement, in a Python of its own."""
    look = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    answer = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    return [name for name in _HEAVY if name in answer.stdout.split()]


def run(statement: str) -> None:
    subprocess.run([sys.executable, "-c", statement], check=True)
