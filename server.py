"""The JinaConnect gateway: `python server.py COMMAND`, by `--help` all of them; without one it runs."""

from __future__ import annotations

import sys

from jinaconnect.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
