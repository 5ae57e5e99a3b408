"""What is measured, and `/metrics` in the Prometheus text format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from jinaconnect.actions.trunks.health import standing
from jinaconnect.core.calls.machine import TERMINAL_EVENT
from jinaconnect.telephony.ari.events import received

REQUESTS = Counter("jc_http_requests_total", "Requests by operation and status.", ["operation", "status"])
SECONDS = Histogram(
    "jc_http_request_seconds", "Time to answer.", ["operation"], buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)
)
SOCKETS = Gauge("jc_sockets", "Open WebSockets of this process.")
EVENTS = Counter("jc_events_total", "Events this process appended, by type.", ["type"])

ASTERISK_UP = Gauge("jc_asterisk_up", "Whether calls can be placed on a switch (1 or 0).", ["asterisk"])
ASTERISK_RECONNECTS = Gauge("jc_asterisk_reconnects_24h", "Breaks of the link in the last day.", ["asterisk"])
ASTERISK_CALLS = Gauge("jc_asterisk_calls", "Live calls.", ["asterisk"])
ASTERISK_P99 = Gauge("jc_asterisk_request_p99_ms", "Time of requests to the Asterisk, 99th percentile.", ["asterisk"])
TRUNKS = Gauge("jc_trunks", "Trunks of all organisations by status.", ["asterisk", "status"])
_SWITCHES = (ASTERISK_UP, ASTERISK_RECONNECTS, ASTERISK_CALLS, ASTERISK_P99, TRUNKS)


class _Telephony(Collector):
    """Counters kept elsewhere: calls that ended, out of the events, and what Asterisks told."""

    def describe(self) -> list[CounterMetricFamily]:
        return []

    def collect(self) -> Iterator[CounterMetricFamily]:
        calls = CounterMetricFamily("jc_calls", "Calls of this process that ended, by status.", labels=["status"])
        ended = {type: status for status, type in TERMINAL_EVENT.items()}
        for sample in next(iter(EVENTS.collect())).samples:
            if sample.name.endswith("_total") and sample.labels["type"] in ended:
                calls.add_metric([ended[sample.labels["type"]]], sample.value)
        events = CounterMetricFamily("jc_ari_events", "Events Asterisks told this process, by type.", labels=["type"])
        for type, count in received.items():
            events.add_metric([type], count)
        yield from (calls, events)


REGISTRY.register(_Telephony())


def observe_switches(rows: Iterable[Mapping[str, Any]], now: datetime) -> None:
    """Take what the switches' owners have reported last; a figure that was not reported is left out."""
    for gauge in _SWITCHES:
        gauge.clear()
    for row in rows:
        name = row["_id"]
        ASTERISK_UP.labels(name).set(standing(row, now))
        ASTERISK_CALLS.labels(name).set(row.get("calls", 0))
        if "link" in row:
            ASTERISK_RECONNECTS.labels(name).set(row["link"]["reconnects_24h"])
        if (p99 := (row.get("request_ms") or {}).get("p99")) is not None:
            ASTERISK_P99.labels(name).set(p99)
        for status, count in (row.get("trunks") or {}).items():
            TRUNKS.labels(name, status).set(count)


def observe_request(operation: str, status: int, seconds: float) -> None:
    """Count one answered request."""
    REQUESTS.labels(operation, str(status)).inc()
    SECONDS.labels(operation).observe(seconds)


def exposition() -> tuple[bytes, str]:
    """Return the present figures and their content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
