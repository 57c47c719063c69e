"""The packages that are tried: of this tree, and the same under the version before."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The package of this tree (or HAKARU_DEB), and the same under the version before."""
    folder = tmp_path_factory.mktemp("debs")
    if "HAKARU_DEB" in os.environ:
        new = Path(os.environ["HAKARU_DEB"])
    else:
        subprocess.run([ROOT / "scripts/build-deb", f"--out={folder}"], check=True, timeout=500)
        (new,) = folder.glob("hakaru-agent_*.deb")
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "-R", new, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*", "Version: 0.0.9", control.read_text()))
    (tree / "usr/share/hakaru/only-in-0.0.9").touch()
    old = folder / "old.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", tree, old],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    shutil.rmtree(tree)
    return {"old": old, "new": new}
