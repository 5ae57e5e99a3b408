"""What is measured, and `/metrics` in the Prometheus text format."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest

REQUESTS = Counter("jc_http_requests_total", "Requests by operation and status.", ["operation", "status"])
SECONDS = Histogram(
    "jc_http_request_seconds", "Time to answer.", ["operation"], buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)
)
SOCKETS = Gauge("jc_sockets", "Open WebSockets of this process.")
EVENTS = Counter("jc_events_total", "Events this process appended, by type.", ["type"])


def observe_request(operation: str, status: int, seconds: float) -> None:
    """Count one answered request."""
    REQUESTS.labels(operation, str(status)).inc()
    SECONDS.labels(operation).observe(seconds)


def exposition() -> tuple[bytes, str]:
    """Return the present figures and their content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
