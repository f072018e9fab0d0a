"""A browser without a screen: cookies, Fetch Metadata, forms. For stories that need no JavaScript."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Mapping
from typing import Any

import httpx
import pyotp

HIDDEN = re.compile(r'<input[^>]*type="hidden"[^>]*>')
ATTRIBUTE = re.compile(r'\b(name|value)="([^"]*)"')

TLS = httpx.create_ssl_context()
"""Made once: it reads every certificate authority that there is, which takes 20 ms."""


class Visitor:
    """One browser profile, as browsers behave: redirects are followed as navigations, with the Origin of the page."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, verify=TLS, follow_redirects=False, timeout=30, transport=transport)
        self.page: httpx.Response

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def request(self, method: str, target: str, *, site: str = "same-origin", **options: Any) -> httpx.Response:
        """One navigation, its answer as it comes."""
        headers = {
            "accept": "text/html,application/xhtml+xml",
            "sec-fetch-mode": "navigate",
            "sec-fetch-dest": "document",
            "sec-fetch-site": site,
            "referer": self.url + "/account" if site == "same-origin" else "https://evil.test/",
        }
        if method != "GET":
            headers["origin"] = self.url if site == "same-origin" else "https://evil.test"
        headers |= options.pop("headers", {})
        self.page = self.http.request(method, target, headers=headers, **options)
        return self.page

    def go(self, method: str, target: str, **options: Any) -> httpx.Response:
        """A navigation to its end, redirects followed."""
        self.request(method, target, **options)
        for _ in range(10):
            location = self.page.headers.get("location")
            if location is None or not self.page.is_redirect:
                return self.page
            self.request("GET", location, site=options.get("site", "same-origin"))
        raise AssertionError(f"redirects without end: {self.page.headers}")

    def get(self, target: str, **options: Any) -> httpx.Response:
        return self.go("GET", target, **options)

    def submit(self, target: str, data: Mapping[str, str], **options: Any) -> httpx.Response:
        """A form of the page at hand, with its hidden fields."""
        return self.go("POST", target, data={**self.hidden(), **data}, **options)

    def hidden(self) -> dict[str, str]:
        """The hidden fields of the page at hand."""
        found: dict[str, str] = {}
        for field in HIDDEN.findall(self.page.text):
            attributes = dict(ATTRIBUTE.findall(field))
            found[html.unescape(attributes["name"])] = html.unescape(attributes.get("value", ""))
        return found

    def fetch(self, method: str, target: str, **options: Any) -> httpx.Response:
        """A script's call."""
        headers = {
            "accept": "*/*",
            "sec-fetch-mode": "cors",
            "sec-fetch-dest": "empty",
            "sec-fetch-site": "same-origin",
            "origin": self.url,
        } | options.pop("headers", {})
        return self.http.request(method, target, headers=headers, **options)

    def sign_in(self, name: str, password: str, target: str = "/") -> httpx.Response:
        self.get(f"/.gateway/signin?next={target}")
        return self.submit("/.gateway/signin", {"username": name, "password": password})

    def confirm(self, password: str) -> httpx.Response:
        """Answer the confirm page at hand with a password."""
        return self.submit(self.page.url.path, {"way": "password", "password": password})

    def code(self, secret: str, after: str = "") -> str:
        """The authenticator's code of now; waits for the next one if it is the one used before."""
        code = pyotp.TOTP(secret).now()
        while code == after:
            time.sleep(0.5)
            code = pyotp.TOTP(secret).now()
        return code
