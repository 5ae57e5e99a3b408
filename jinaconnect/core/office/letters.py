"""Letters to people: what each says, and how it looks as text and as HTML in the organisation's colours."""

from __future__ import annotations

import html
from dataclasses import dataclass

import css_inline

COLOR = "#0b6e4f"
PRODUCT = "JinaConnect"

_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{subject}</title>
<style>
body {{ margin: 0; background: #f6f8fa; }}
.card {{ max-width: 560px; margin: 0 auto; padding: 32px; background: #ffffff; color: #17202a;
  font: 16px/1.5 Arial, sans-serif; }}
.brand {{ color: {color}; font-size: 18px; font-weight: bold; margin: 0 0 24px; }}
.brand img {{ max-height: 48px; border: 0; }}
p {{ margin: 0 0 16px; }}
.button {{ display: inline-block; padding: 12px 20px; border-radius: 8px; background: {color}; color: #ffffff;
  text-decoration: none; font-weight: bold; }}
.soft {{ color: #5b6673; font-size: 13px; }}
</style>
</head>
<body>
<div class="card">
<div class="brand">{brand}</div>
{body}
</div>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Brand:
    """Whose letter it is, and how it looks."""

    name: str = PRODUCT
    color: str = COLOR
    logo_url: str | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """What a letter says; `quoted` are somebody else's words, `link` what to do and where."""

    subject: str
    greeting: str
    lines: tuple[str, ...]
    link: tuple[str, str] | None = None
    quoted: str = ""
    ending: tuple[str, ...] = ()


def hello(first_name: str) -> str:
    """Return how a person is greeted."""
    return f"Hello {first_name}," if first_name else "Hello,"


def verification(first_name: str, organisation: str, url: str) -> Letter:
    """Return the letter that proves an address."""
    return Letter(
        f"Confirm your address for {organisation}", hello(first_name),
        (f"{organisation} was registered with this address. Confirm it to log in.",), ("Confirm the address", url),
        ending=("The link works for 24 hours. If you have not registered, do nothing: nobody can log in without it.",),
    )  # fmt: skip


def invitation(first_name: str, organisation: str, inviter: str, message: str, url: str) -> Letter:
    """Return the letter that asks somebody to join."""
    return Letter(
        f"{inviter} invites you to {organisation}", hello(first_name),
        (f"{inviter} invites you to join {organisation}. You choose a password and are in.",), ("Accept", url), message,
        ("The link works once, for seven days.",),
    )  # fmt: skip


def reset(first_name: str, organisation: str, url: str) -> Letter:
    """Return the letter that lets somebody choose another password."""
    return Letter(
        f"Choose a new password for {organisation}", hello(first_name),
        (f"Somebody asked for a new password for your account at {organisation}.",), ("Choose a new password", url),
        ending=("The link works once, for one hour. If it was not you, do nothing: your password stays as it is.",),
    )  # fmt: skip


def changed(first_name: str, organisation: str) -> Letter:
    """Return the letter that tells somebody that their password is another one now."""
    return Letter(
        f"Your password for {organisation} was changed", hello(first_name),
        (f"The password of your account at {organisation} was changed, and every session has ended.",),
        ending=("If it was not you, ask for a new password at once and tell your administrator.",),
    )  # fmt: skip


def moving(first_name: str, organisation: str, url: str) -> Letter:
    """Return the letter that proves another address that somebody wants to log in by."""
    return Letter(
        f"Confirm your new address for {organisation}", hello(first_name),
        (f"You asked to log in at {organisation} with this address. Confirm it, and it takes the place of yours.",),
        ("Confirm the address", url),
        ending=("The link works once, for 24 hours. If it was not you, do nothing: nobody can log in with it.",),
    )  # fmt: skip


def moved(first_name: str, organisation: str, shown: str) -> Letter:
    """Return the letter that tells somebody's former address that they log in by another one, `shown` in part."""
    return Letter(
        f"Your address for {organisation} was changed", hello(first_name),
        (f"You log in at {organisation} with {shown} now, and letters come there. This address opens nothing there.",),
        ending=("If it was not you, tell your administrator at once.",),
    )  # fmt: skip


def as_text(letter: Letter, brand: Brand) -> str:
    """Return a letter as plain text; every link stands in a line of its own."""
    parts = [letter.greeting, *letter.lines]
    if letter.quoted:
        parts.append("\n".join(f"> {line}" for line in letter.quoted.splitlines()))
    if letter.link:
        parts.append(f"{letter.link[0]}:\n{letter.link[1]}")
    return "\n\n".join([*parts, *letter.ending, f"-- \n{brand.name}"]) + "\n"


def as_html(letter: Letter, brand: Brand) -> str:
    """Return a letter as HTML with its styles on the elements: many readers of mail drop style sheets."""

    def said(text: str, kind: str = "") -> str:
        return f"<p{kind}>{html.escape(text)}</p>"

    parts = [said(letter.greeting), *(said(line) for line in letter.lines)]
    if letter.quoted:
        lines = "<br>".join(html.escape(line) for line in letter.quoted.splitlines())
        parts.append(f"<blockquote>{lines}</blockquote>")
    if letter.link:
        label, url = map(html.escape, letter.link)
        parts.append(f'<p><a class="button" href="{url}">{label}</a></p>')
        parts.append(f'<p class="soft">{url}</p>')
    parts += [said(line, ' class="soft"') for line in letter.ending]
    name = html.escape(brand.name)
    shown = f'<img src="{html.escape(brand.logo_url)}" alt="{name}">' if brand.logo_url else name
    page = _PAGE.format(
        subject=html.escape(letter.subject), color=html.escape(brand.color), brand=shown, body="\n".join(parts)
    )
    return _INLINER.inline(page)
