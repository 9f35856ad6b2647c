"""``python -m comity``: the command line, for where the command ``comity`` isn't on the path."""

from __future__ import annotations

import sys

from comity.cli import main

if __name__ == "__main__":
    sys.exit(main())
