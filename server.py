"""The JinaConnect gateway: `python server.py [run|check-config|seed-demo|verify|wallet|import-jinaconnect|openapi]`."""

from __future__ import annotations

import sys

from jinaconnect.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
