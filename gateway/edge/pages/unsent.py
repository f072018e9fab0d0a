"""A held request that did not get through: kept for another try, or nobody knows."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.edge.answers import Send
from gateway.edge.gate import Visit
from gateway.edge.pages.reply import common, send_page
from gateway.edge.views import Unsent
from gateway.policy.facts import Confirmation
from gateway.policy.returns import here


async def unsent(
    visit: Visit,
    confirmation: Confirmation,
    fate: str,
    status: int,
    send: Send,
    fields: Iterable[tuple[bytes, bytes]],
) -> None:
    """Tell its owner. `fate` is "kept", "lost", "unknown" or "unanswered"."""
    route = visit.gate.routes.get(confirmation.routes[0])
    view = Unsent(
        **common(visit),
        action=route.action if route else "",
        fate=fate,
        post=f"/.gateway/confirm/{confirmation.id}",
        method=confirmation.method,
        target=confirmation.target,
        retry=here(confirmation.target),
        kept_until=confirmation.expires_at,
    )
    await send_page(visit, view, status, send, fields)
