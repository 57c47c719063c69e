"""The package deploy is in no wheel: it is found in the tree, after what is installed."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
