"""Chromium, as a person uses it: with a passkey in the machine, in the dark, on a phone, without JavaScript."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
AXE = ROOT / "tests/browser/node_modules/axe-core/axe.min.js"
SCREENSHOTS = ROOT / ".screenshots"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's own Chromium, headless.

    While it is open its thread has a running event loop: `asyncio.run` belongs in other modules.
    """
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        raise RuntimeError("no Chromium on the PATH: on Debian, apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(
    browser: Browser, *, width: int = 1280, height: int = 900, dark: bool = False, javascript: bool = True, **more: Any
) -> Iterator[Page]:
    """A page in a profile of its own. `more` is what Playwright's `new_context` takes."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        java_script_enabled=javascript,
        **more,
    )
    context.set_default_timeout(10_000)
    try:
        yield context.new_page()
    finally:
        context.close()


class Authenticator:
    """A passkey provider built into the machine; it says yes at once."""

    def __init__(self, page: Page) -> None:
        self._cdp = page.context.new_cdp_session(page)
        self._cdp.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        self._id = self._cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def credentials(self) -> list[dict[str, Any]]:
        """The passkeys it holds."""
        found = self._cdp.send("WebAuthn.getCredentials", {"authenticatorId": self._id})["credentials"]
        return list(found)

    def recognise(self, yes: bool) -> None:
        """Whether the next touch is that of its owner."""
        self._cdp.send("WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": yes})

    def touch(self, yes: bool) -> None:
        """Whether anybody touches it when it asks; without one it waits."""
        options = {"authenticatorId": self._id, "enabled": yes}
        self._cdp.send("WebAuthn.setAutomaticPresenceSimulation", options)


def screenshot(page: Page, name: str) -> Path:
    """The whole page as .screenshots/NAME.png, to be looked at."""
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path


def axe(page: Page) -> list[str]:
    """What axe-core finds wrong on the page, a line for each element; [] when there is nothing."""
    cdp = page.context.new_cdp_session(page)
    # Over the debugging protocol: a script element would be stopped by the page's own Content-Security-Policy.
    cdp.send("Runtime.evaluate", {"expression": AXE.read_text()})
    found = cdp.send("Runtime.evaluate", {"expression": "axe.run()", "awaitPromise": True, "returnByValue": True})
    cdp.detach()
    return [
        f"{violation['id']}: {violation['help']}: {node['html']}"
        for violation in found["result"]["value"]["violations"]
        for node in violation["nodes"]
    ]
