"""The table of contents: every module that declares operations."""

from __future__ import annotations

import importlib

MODULES = (
    "system",
    "events",
    "auth",
    "users",
    "tenants",
    "members",
    "roles",
    "api_keys",
    "inbox",
    "contacts",
    "inbox_send",
    "whatsapp",
    "whatsapp_apps",
    "whatsapp_templates",
    "whatsapp_webhooks",
    "sandbox",
    "voice_trunks",
    "voice_numbers",
    "voice_devices",
    "voice_rates",
    "voice_consents",
    "voice_templates",
    "voice_audio",
    "voice_recordings",
    "voice_calls",
    "voice_control",
    "voice_health",
    "docs",
)


def load_operations() -> None:
    """Import every module, so that the operation table is complete."""
    for name in MODULES:
        importlib.import_module(f"jinaconnect.handlers.{name}")
