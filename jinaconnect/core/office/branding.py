"""How an organisation looks: its pictures, colour and domain, and whom its letters come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.office.letters import COLOR, PRODUCT, Brand

PICTURES = ("favicon", "primary_logo", "secondary_logo")
PROOF = "_jinaconnect."
FILES = "/tenants/branding/files/"
RASTER = "image/png"


def branding_of(tenant: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is kept of how a tenant looks."""
    found: Mapping[str, Any] = tenant.get("branding") or {}
    return found


def picture_url(branding: Mapping[str, Any], name: str, base: str) -> str | None:
    """Return where a picture is: that which was uploaded, else the address that was given."""
    held = branding.get(name)
    if held:
        return f"{base}{FILES}{held['id']}/"
    given: str | None = branding.get(f"{name}_url")
    return given


def domain_records(domain: str | None, proof: str, host: str | None) -> list[dict[str, str]]:
    """Return the records that prove a domain and, with a `host`, lead it to us."""
    if domain is None:
        return []
    proven = [{"type": "TXT", "name": f"{PROOF}{domain}", "value": proof}]
    return proven + ([{"type": "CNAME", "name": domain, "value": host}] if host else [])


def mail_domain(branding: Mapping[str, Any]) -> str | None:
    """Return the domain that an organisation's letters shall come from."""
    sender = branding.get("email_sender")
    return sender["address"].rpartition("@")[2].lower() if sender else None


def render_branding(
    tenant: Mapping[str, Any], base: str, host: str | None, proofs: Mapping[str, str]
) -> dict[str, Any]:
    """Return how a tenant looks as REST and events show it; `proofs` has a TXT value for each domain."""
    held = branding_of(tenant)
    shown: dict[str, Any] = {"id": tenant["_id"]}
    for name in PICTURES:
        uploaded = held.get(name)
        shown[name] = f"{base}{FILES}{uploaded['id']}/" if uploaded else None
        shown[f"{name}_url"] = held.get(f"{name}_url")
        shown[f"effective_{name}_url"] = picture_url(held, name, base)
    domain, sender, sending = held.get("custom_domain"), held.get("email_sender"), mail_domain(held)
    return {
        **shown, "logo": shown["primary_logo"], "primary_color": held.get("primary_color"),
        "product_name": held.get("product_name"), "custom_domain": domain,
        "custom_domain_status": held.get("custom_domain_status") if domain else None,
        "custom_domain_records": domain_records(domain, proofs.get(domain or "", ""), host),
        "email_sender": sender and {
            "name": sender["name"], "address": sender["address"], "reply_to": sender["reply_to"],
            "status": sender["status"], "records": domain_records(sending, proofs.get(sending or "", ""), None),
        },
        "created_at": iso_or_none(tenant["created_at"]),
        "updated_at": iso_or_none(held.get("updated_at") or tenant["created_at"]),
    }  # fmt: skip


def brand_of(tenant: Mapping[str, Any] | None, base: str) -> Brand:
    """Return how a tenant's letters look; pictures of a kind that readers of mail do not show are left out."""
    if tenant is None:
        return Brand(PRODUCT, COLOR)
    held = branding_of(tenant)
    logo = held.get("primary_logo")
    shown = logo is None or logo["mime"] == RASTER
    return Brand(
        held.get("product_name") or tenant["name"], held.get("primary_color") or COLOR,
        picture_url(held, "primary_logo", base) if shown else None,
    )  # fmt: skip
