"""`/metrics/`: every figure is explained and named as the others, and nothing of a tenant is in them."""

from __future__ import annotations

from prometheus_client import Gauge
from prometheus_client.parser import text_string_to_metric_families

from jinaconnect.handlers.edge import metrics
from tests.client import Client
from tests.tenants import Tenant


async def shown(client: Client) -> str:
    """Return the figures as they are answered."""
    answer = await client.get("/metrics/")
    assert answer.headers["Content-Type"].startswith("text/plain")
    body = answer.ok()
    return body.decode() if isinstance(body, bytes) else str(body)


async def test_a_figure_that_is_declared_is_answered_with_its_meaning(tenant: Tenant) -> None:
    (await tenant().get("/contacts/")).ok()
    text = await shown(tenant.anonymous)
    families = {family.name: family for family in text_string_to_metric_families(text)}
    own = {name: family for name, family in families.items() if name.startswith("jc_")}
    assert {"jc_http_requests", "jc_http_request_seconds", "jc_sockets", "jc_events", "jc_calls"} <= own.keys()
    assert all(family.documentation.endswith(".") for family in own.values())
    declared = [each for each in vars(metrics).values() if isinstance(each, Gauge)]
    assert {each._name for each in declared} <= own.keys(), "a gauge that /metrics/ does not show"


async def test_what_happens_is_counted_by_operation_and_type(tenant: Tenant) -> None:
    await tenant.receives("+12025550143", "hello")
    await tenant().wait_for_events(lambda seen: any(event["type"] == "message.received" for event in seen))
    (await tenant().get("/contacts/no-such/")).refused(404, "not_found")
    text = await shown(tenant.anonymous)
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["jc_events_total", ("type", "message.received")] >= 1
    assert samples["jc_http_requests_total", ("operation", "contacts.read"), ("status", "404")] >= 1
    assert tenant.id not in text
