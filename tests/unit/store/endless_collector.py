"""A collector to be killed: run as a script with a ledger's URL and a folder of blobs, it never rests.

    python endless_collector.py URL FOLDER

It has hardly any patience: what is not named is set aside at once, and deleted at the next look.
"""

import sys
from datetime import UTC, datetime, timedelta

from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.collecting import CollectPatience, collect
from ebrvt_connect.store.ledger import Ledger

IMPATIENT = CollectPatience(unnamed=timedelta(days=-1), aside=timedelta(0))


def main(url: str, folder: str) -> None:
    """Collect until killed; says so before each round."""
    ledger = Ledger.open(url, datetime.now(UTC))
    while True:
        sys.stdout.write("a round\n")
        sys.stdout.flush()
        collect(ledger.database, LocalBlobs(folder), datetime.now(UTC), IMPATIENT)


if __name__ == "__main__":
    main(*sys.argv[1:])
