"""Whether a page wants a person to solve something, by what such pages have in common."""

from __future__ import annotations

from gateway.identity.forms import Form
from gateway.identity.page import Page

CLASSES = frozenset({"g-recaptcha", "h-captcha", "cf-turnstile", "frc-captcha", "friendlycaptcha"})
SERVED_BY = (
    "google.com/recaptcha",
    "recaptcha.net/recaptcha",
    "gstatic.com/recaptcha",
    "hcaptcha.com/",
    "challenges.cloudflare.com/",
    "/cdn-cgi/challenge-platform/",
)


def asks_for_one(page: Page, form: Form | None) -> bool:
    """reCAPTCHA, hCaptcha, Turnstile and Friendly Captcha by scripts, frames and classes; others by a field that is
    called so."""
    if page.classes & CLASSES or any(place in frame.lower() for frame in page.frames for place in SERVED_BY):
        return True
    return form is not None and any("captcha" in field.name.lower() for field in form.fields)
