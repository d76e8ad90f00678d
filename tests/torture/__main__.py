"""`./dev torture [FORMAT ...]`: 10,000 mutations of each format, and every byte of it flipped; minutes each.

`./dev torture R1 R2 ...`: the recipes of reliability in full; what was tried, lost and doubled is summed at
the end. R1, R2: a daemon killed at random moments and at every named crash point. R3, R4: full and failing
disks. R6, R7, R8: every shipped adapter over bad lines, against slow, endless and meaningless answers. R13:
daemons lost and frozen. R14: the soak. R15: overload. R17: damaged stores. R19: renewed secrets, certificates
and keys. R20: privacy. R21: a network that goes away. R22: ledger and flow against an oracle. R23: mutants of
what decides and of the ledger, run against the tests. Others run tests of `./dev test`, counted. All are
in docs/guide/reliability.md.

Ends with 1 if a mutation raised, or passed though what is signed had changed, or if a recipe lost or doubled
anything. `--write FORMAT:INDEX` writes one mutation to standard output instead.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from ebrvt_connect.testing.pki import SandboxPki
from tests.torture.recipes import RECIPES, play
from tests.torture.run import flips, mutation, torture
from tests.torture.samples import MAKERS, Verifier
from tests.unit.trust.samples import Desk

_KEYS = Path("var") / "torture" / "pki"


def main(arguments: list[str]) -> int:
    """Torture what is named, else everything."""
    parser = argparse.ArgumentParser(prog="./dev torture", description=__doc__)
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=", ".join((*MAKERS, *RECIPES)))
    parser.add_argument("--count", type=int, default=10_000, help="mutations of each format")
    parser.add_argument("--seed", default="1", help="another seed, other mutations")
    parser.add_argument("--every", type=int, default=1, help="flip every n-th byte; 0: none")
    parser.add_argument("--seeds", type=int, help="recipes: fewer (or more) seeds than in full")
    parser.add_argument("--keys", type=Path, default=_KEYS, help="folder of the sandbox's keys")
    parser.add_argument("--keep", type=Path, help="folder for mutations that passed and should not have")
    parser.add_argument("--write", metavar="FORMAT:INDEX", help="one mutation to standard output")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.formats) - {*MAKERS, *RECIPES}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    logging.disable(logging.CRITICAL)
    recipes = [name for name in RECIPES if name in asked.formats or not asked.formats]
    failed = bool(recipes and not asked.write and play(recipes, asked.seeds))
    formats = [name for name in MAKERS if name in asked.formats or not asked.formats]
    if not formats and not asked.write:
        return int(failed)
    pki = SandboxPki.open(asked.keys.absolute())
    desk = Desk(pki, pki.trust_store())
    judge = Verifier(desk.trust)
    if asked.write:
        name, _, index = asked.write.partition(":")
        sys.stdout.buffer.write(mutation(MAKERS[name](desk), asked.seed, int(index))[0])
        return 0
    for name in formats:
        sample = MAKERS[name](desk)
        outcomes = [("mutations", torture(sample, judge, asked.seed, range(asked.count)))]
        if asked.every:
            size = len(next(iter(sample.beside.values()), sample.data))
            outcomes.append(("flips", flips(sample, judge, range(0, size, asked.every))))
        for what, outcome in outcomes:
            print(f"{what:9} {outcome}", flush=True)
            for trouble in (*outcome.raw_exceptions[:9], *outcome.false_accepts[:99]):
                print(f"          {trouble}", flush=True)
            failed = failed or bool(outcome.raw_exceptions or outcome.false_accepts)
        if asked.keep:
            asked.keep.mkdir(parents=True, exist_ok=True)
            for index in outcomes[0][1].false_accepts:
                (asked.keep / f"{name}-{index}").write_bytes(mutation(sample, asked.seed, index)[0])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
