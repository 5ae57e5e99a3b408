"""What a password must be."""

from __future__ import annotations

MIN, MAX = 8, 256


def password_faults(password: str, *, strict: bool = False) -> list[str]:
    """Return what is wrong with a new password; `strict` for those an administrator sets for others."""
    faults = [] if MIN <= len(password) <= MAX else [f"must have {MIN} to {MAX} characters"]
    if strict:
        if not any(letter.isupper() for letter in password):
            faults.append("must have an upper-case letter")
        if not any(letter.isdigit() for letter in password):
            faults.append("must have a digit")
        if all(letter.isalnum() for letter in password):
            faults.append("must have a special character")
    return faults
