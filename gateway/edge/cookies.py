"""Names and attributes of the gateway's own cookies. On https they carry `__Host-`: no sub-domain can plant one."""

from __future__ import annotations

from dataclasses import dataclass

SESSION = "gateway_session"
BROWSER = "gateway_browser"
TICKET = "gateway_ticket_"
BOUND = "gateway_bound"


@dataclass(frozen=True, slots=True)
class Cookies:
    """The cookies of one app; `secure` when browsers reach it by https."""

    secure: bool

    def name(self, name: str) -> bytes:
        """As browsers send it."""
        return ("__Host-" + name if self.secure else name).encode()

    def set(self, name: str, value: str, *, strict: bool = False, max_age: int | None = None) -> tuple[bytes, bytes]:
        """A Set-Cookie field; gone with the browser unless `max_age` seconds are given."""
        attributes = ["Path=/", "HttpOnly", f"SameSite={'Strict' if strict else 'Lax'}"]
        if self.secure:
            attributes.append("Secure")
        if max_age is not None:
            attributes.append(f"Max-Age={max_age}")
        return b"set-cookie", self.name(name) + b"=" + "; ".join([value, *attributes]).encode()

    def clear(self, name: str) -> tuple[bytes, bytes]:
        """A Set-Cookie field that removes it."""
        return self.set(name, "", max_age=0)
