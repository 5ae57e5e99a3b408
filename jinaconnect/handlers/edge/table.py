"""The table of contents: every module that declares operations."""

from __future__ import annotations

import importlib

MODULES = (
    "edge.system",
    "edge.events",
    "identity.auth",
    "identity.accounts",
    "identity.browser",
    "identity.users",
    "identity.tenants",
    "identity.members",
    "identity.roles",
    "identity.api_keys",
    "office.onboarding",
    "office.tags",
    "inbox.export",
    "office.branding",
    "office.notifications",
    "office.library",
    "inbox.inbox",
    "contacts.contacts",
    "inbox.sending",
    "inbox.trace",
    "messaging.whatsapp",
    "messaging.whatsapp_accounts",
    "messaging.whatsapp_templates",
    "messaging.whatsapp_hooks",
    "messaging.telegram",
    "messaging.telegram_bots",
    "messaging.telegram_hooks",
    "messaging.rcs",
    "messaging.rcs_apps",
    "messaging.rcs_hooks",
    "messaging.sms",
    "messaging.sms_apps",
    "messaging.sms_templates",
    "messaging.sms_hooks",
    "messaging.hooks",
    "messaging.sandbox",
    "webhooks.endpoints",
    "webhooks.deliveries",
    "trunks.trunks",
    "trunks.numbers",
    "trunks.devices",
    "broadcasts.broadcasts",
    "broadcasts.rows",
    "broadcasts.links",
    "broadcasts.templates",
    "broadcasts.estimates",
    "calls.rates",
    "calls.consents",
    "ivr.templates",
    "ivr.audio",
    "calls.recordings",
    "calls.calls",
    "calls.control",
    "calls.hooks",
    "trunks.health",
    "billing.wallet",
    "billing.ledger",
    "billing.recharges",
    "edge.console",
    "edge.description.docs",
)


def load_operations() -> None:
    """Import every module, so that the operation table is complete."""
    for name in MODULES:
        importlib.import_module(f"jinaconnect.handlers.{name}")
