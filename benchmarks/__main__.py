"""`python -m benchmarks [name …] [--quick] [--long] [--write]`: run the rows and print them as a table."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from benchmarks import (
    broadcasts,
    call_broadcasts,
    calls,
    console,
    cost,
    fanout,
    hooks_out,
    imports,
    inbound,
    listening,
    office,
    presence,
    reading,
    reports,
    resting,
    voice,
)
from benchmarks.processes import LOAD_CORE, pin
from benchmarks.report import write
from benchmarks.rows import Row, table

BENCHES: dict[str, Callable[[bool], list[Row]]] = {
    "fanout": fanout.fan_out,
    "subscribers": fanout.idle_subscribers,
    "stopped": fanout.stopped_client,
    "presence": presence.one_word_each,
    "latency": inbound.latency,
    "webhooks": inbound.sustained,
    "sizes": inbound.by_size,
    "deliveries": hooks_out.deliveries,
    "slow": hooks_out.slow_endpoints,
    "dead": hooks_out.beside_dead_ones,
    "cost": cost.webhook_costs,
    "contact": reading.one_contact,
    "lists": reading.first_page,
    "idle": resting.idle_memory,
    "tenants": resting.idle_tenants,
    "broadcasts": broadcasts.broadcast,
    "cancel": broadcasts.cancelled,
    "dashboard": broadcasts.dashboard,
    "memory": broadcasts.memory,
    "callcast": call_broadcasts.call_broadcast,
    "reports": reports.reports,
    "imports": imports.imports,
    "figures": office.figures,
    "paper": office.paper,
    "ivr": calls.ivr,
    "keys": calls.keys,
    "calls": calls.many,
    "console": console.large,
    "pouring": console.pouring,
    "revoked": console.revoked,
    "hosted": voice.calls,
    "slowdb": voice.slow,
    "transcripts": voice.transcripts,
    "listening": listening.late,
}

# What takes an hour or so by itself: run by name, or all of it with `--long`.
LONG: dict[str, Callable[[bool], list[Row]]] = {"million": broadcasts.memory_of_a_million}


def main() -> int:
    """Run what was asked for; 1 when a figure is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = {**BENCHES, **LONG}
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"any of {', '.join(known)}; all but the long ones when absent"
    )
    parser.add_argument("--long", action="store_true", help=f"with those that take long: {', '.join(LONG)}")
    parser.add_argument("--quick", action="store_true", help="shorter runs, one round, smaller lists")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    options = parser.parse_args()
    unknown = set(options.names) - set(known)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    pin(os.getpid(), LOAD_CORE)
    rows: dict[str, list[Row]] = {}
    for name in options.names or (known if options.long else BENCHES):
        rows[name] = known[name](options.quick)
        print(table(rows[name]), flush=True)
    told = [row for found in rows.values() for row in found]
    if len(rows) > 1:
        print("\n" + table(told))
    if options.write:
        write(rows)
    return 1 if any(row.verdict == "missed" for row in told) else 0


if __name__ == "__main__":
    sys.exit(main())
