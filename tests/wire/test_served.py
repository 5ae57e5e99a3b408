"""The paths that clients of the published API count on: each is served, in that exact form."""

from __future__ import annotations

import re

import pytest

from jinaconnect.handlers.edge.operation import OPERATIONS
from tests.wire.test_described import OPERATIONS_DESCRIBED

TEMPLATES = (
    "GET,POST templates/", "GET,PATCH,DELETE templates/{id}/", "POST templates/{id}/preview/",
    "GET templates/categories/", "GET templates/types/", "GET templates/button-types/",
)  # fmt: skip
BROADCAST = ("GET,POST broadcast/", "GET,PATCH broadcast/{id}/", "POST broadcast/{id}/cancel/")
PATHS = {
    "/broadcast/": (
        "GET,POST", "GET,PATCH {id}/", "POST {id}/cancel/", "POST {id}/pause/", "POST {id}/resume/",
        "GET reserve-keyword/", "GET min-schedule-time/", "GET messages/", "GET messages/{id}/", "GET messages/stats/",
        "GET url-tracking/",
        "GET url-tracking/{id}/", "GET url-tracking/{id}/clicks/", "GET url-tracking/broadcast/{id}/",
        "GET url-tracking/message/{id}/", "GET dashboard/", "GET dashboard/stats/",
    ),
    "/r/": ("GET {id}/",),
    "/wa/v1/": (
        *BROADCAST, "POST broadcast/get_sending_quota/", "POST broadcast/preflight-check/",
        "POST broadcast/get_charge_breakdown/", "POST broadcast/charge-breakdown-status/", *TEMPLATES,
        "POST templates/sync-from-bsp/", "POST templates/{id}/sync/", "GET templates/{id}/meta-payload/",
        "GET,POST messages/", "GET webhook-events/",
        "GET webhook-events/{id}/", "POST webhook-events/{id}/retry/", "GET,POST webhooks/{id}/", "GET rate-card/",
    ),
    "/sms/v1/": (
        "GET,POST apps/", "GET,PATCH,DELETE apps/{id}/", "GET,POST messages/", "GET messages/{id}/",
        "POST messages/send/", *TEMPLATES, *BROADCAST, "GET,POST webhooks/{id}/inbound/", "GET,POST webhooks/{id}/dlr/",
        "GET contacts/",
    ),
    "/telegram/v1/": (
        "GET,POST bots/", "GET,PATCH,DELETE bots/{id}/", "POST bots/{id}/register_webhook/",
        "POST bots/{id}/test_auth/", "POST bots/{id}/deactivate/", "GET,POST messages/", "GET messages/{id}/",
        "POST messages/send/", *BROADCAST, *TEMPLATES, "GET,POST webhooks/{id}/", "GET webhook-events/",
        "GET webhook-events/{id}/", "POST webhook-events/{id}/retry/", "GET contacts/",
    ),
    "/rcs/v1/": (
        "GET,POST apps/", "GET,PATCH,DELETE apps/{id}/", "GET,POST messages/", "GET messages/{id}/",
        "POST messages/send/", "POST messages/{id}/revoke/", "POST capability-check/", *BROADCAST, *TEMPLATES,
        "GET,POST webhooks/{id}/", "GET contacts/",
    ),
    "/transaction/tenant-transactions/": ("GET", "GET {id}/", "GET transaction-status-options/"),
    "/wallet/transactions/": ("GET",),
    "/tenants/host-wallet/": (
        "GET", "GET alerts/", "GET balance/", "GET latest-recharges/", "GET,POST margins/", "GET dashboard/",
        "GET message-stats/",
    ),
    "/razorpay/": (
        "GET,POST razor-pay/", "GET razor-pay/{id}/", "POST razor-pay/verify-payment/",
        "GET razor-pay/payment-status/{id}/", "POST razor-webhook/webhook/",
    ),
    "/webhooks/": (
        "GET,POST endpoints/", "GET,PATCH,DELETE endpoints/{id}/", "POST endpoints/{id}/rotate-secret/",
        "POST endpoints/{id}/test/", "GET deliveries/", "POST deliveries/{id}/redeliver/",
    ),
    "/messages/": ("GET {id}/trace/",),
    "/tenants/waba-info/": ("GET", "GET {id}/", "GET,POST {id}/sync-waba-info/"),
}  # fmt: skip
WANTED = [
    (method, base + path.strip())
    for base, paths in PATHS.items()
    for methods, _, path in (each.partition(" ") for each in paths)
    for method in methods.split(",")
]


def plain(path: str) -> str:
    """Return a path whose places are all called alike."""
    return re.sub(r"\{\w+\}", "{id}", path)


SERVED = {(item.method, plain(item.path)) for item in OPERATIONS.values()}
DESCRIBED = {(method, plain(path)) for method, path, _ in OPERATIONS_DESCRIBED.values()} | {
    (method, plain(alias)) for method, _, told in OPERATIONS_DESCRIBED.values() for alias in told.get("x-aliases", ())
}


@pytest.mark.parametrize(("method", "path"), WANTED, ids=lambda part: str(part))
def test_what_clients_count_on_is_served_and_described(method: str, path: str) -> None:
    assert (method, path) in SERVED
    assert (method, path) in DESCRIBED


def test_the_table_says_nothing_twice() -> None:
    assert len(WANTED) == len(set(WANTED)) > 150
