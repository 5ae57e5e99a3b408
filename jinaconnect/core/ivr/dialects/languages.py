"""The languages that carriers speak, by the tags they publish, and which of them one that a graph names means."""

from __future__ import annotations

from collections.abc import Collection

from jinaconnect.core.ivr.dialects.shape import EMULATED, REFUSED, Remark

_VONAGE = """
    ar bn-IN ca-ES cmn-CN cmn-TW cs-CZ cy-GB da-DK de-DE el-GR en-AU en-GB en-GB-WLS en-IN en-US en-ZA es-ES es-MX es-US
    eu-ES fi-FI fil-PH fr-CA fr-FR he-IL hi-IN hu-HU id-ID is-IS it-IT ja-JP ko-KR ml-IN nb-NO nl-NL no-NO pl-PL pt-BR
    pt-PT ro-RO ru-RU sk-SK sv-SE ta-IN te-IN th-TH tr-TR uk-UA vi-VN yue-CN
"""
_TELNYX = """
    arb cmn-CN cy-GB da-DK de-DE en-AU en-GB en-GB-WLS en-IN en-US es-ES es-MX es-US fr-CA fr-FR hi-IN is-IS it-IT ja-JP
    ko-KR nb-NO nl-NL pl-PL pt-BR pt-PT ro-RO ru-RU sv-SE tr-TR
"""
VONAGE, TELNYX = frozenset(_VONAGE.split()), frozenset(_TELNYX.split())
# Which is meant where no region is named, or one that is not spoken (likely subtags of the Unicode CLDR).
_USUAL = {
    "ar": "arb", "cmn": "cmn-CN", "en": "en-US", "es": "es-ES", "fr": "fr-FR", "no": "nb-NO", "pt": "pt-BR",
}  # fmt: skip


def spoken(named: str, languages: Collection[str]) -> str | None:
    """Return which of a carrier's languages is meant by a tag (RFC 5646), None where it speaks none such.

    For a region that it does not speak it is the usual one of that language, or its only one.
    """
    tag = _tag(named)
    first = tag.partition("-")[0]
    same = {each.lower(): each for each in languages if each.lower().partition("-")[0] == first}
    if tag in same:
        return same[tag]
    if _USUAL.get(first) in languages:
        return _USUAL[first]
    return next(iter(same.values())) if len(same) == 1 else None


def remarks(named: str | None, languages: Collection[str]) -> list[Remark]:
    """Return what is to be said of the language of a text."""
    if named is None:
        return []
    meant = spoken(named, languages)
    if meant is None:
        return [Remark(REFUSED, f"it does not speak {named}")]
    return [] if meant.lower() == _tag(named) else [Remark(EMULATED, f"{named} is spoken as {meant}")]


def _tag(named: str) -> str:
    tag = named.replace("_", "-").lower()
    return f"cmn{tag[2:]}" if tag.partition("-")[0] == "zh" else tag
