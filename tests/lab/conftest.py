"""What every test in the laboratory needs: root, and a clear word where it is missing."""

import os
import shutil

import pytest


@pytest.fixture(autouse=True)
def laboratory(request: pytest.FixtureRequest) -> None:
    """Fail, rather than skip, where a test of the laboratory cannot run."""
    if request.node.get_closest_marker("lab") is None:
        return
    if os.geteuid() != 0:
        pytest.fail("network namespaces need root: run `sudo make test-lab`", pytrace=False)
    missing = [tool for tool in ("ip", "tc", "sysctl") if shutil.which(tool) is None]
    if missing:
        pytest.fail(
            f"missing: {' '.join(missing)}. Run: apt-get install iproute2 procps", pytrace=False
        )
