"""The benchmarks are scripts of the repository and are not installed, so its root must be on the
import path.
"""

import sys
from pathlib import Path

ROOT = str(Path(__file__).parents[2])
if ROOT not in sys.path:
    sys.path.append(ROOT)
