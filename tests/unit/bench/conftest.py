import os

import pytest


@pytest.fixture(scope="session")
def pki_folder(tmp_path_factory):
    """Where the sandbox's keys are kept while testing; under xdist the workers share them."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "sandbox-pki"
