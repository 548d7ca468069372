"""Makes the tests' runs in the sandbox importable by a name that other processes can import too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
