"""Makes what the tests share importable by names that Ray's workers can import too."""

import sys
from pathlib import Path

for folder in (Path(__file__).parent, Path(__file__).parents[1] / "judges"):
    sys.path.insert(0, str(folder))
