"""What the whole program holds in memory while nothing happens."""

from __future__ import annotations

from pathlib import Path

from benchmarks.load import Crowd
from benchmarks.processes import family, gateway, proportional_kb, settle
from benchmarks.rows import Row


def idle_memory(quick: bool) -> list[Row]:
    """Add up the processes of a gateway with its embedded database, one subscriber connected."""
    with gateway(pinned=False) as running:
        crowd = Crowd(running.port, 1, running.key)
        settle(running.pid)
        parts = {Path(f"/proc/{pid}/comm").read_text().strip(): proportional_kb(pid) / 1024
                 for pid in family(running.pid)}  # fmt: skip
        crowd.close()
    total = sum(parts.values())
    shown = " + ".join(f"{name} {size:.0f}" for name, size in parts.items())
    return [Row("memory of all processes, idle", total, " MB", f"{total:.0f} MB ({shown})", "", 350, 280)]
