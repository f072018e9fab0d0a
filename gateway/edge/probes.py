"""`healthz`: this process runs. `readyz`: it can do its work, and is not about to end.

On any host name, so that a probe needs none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from gateway.edge.answers import Send, text
from gateway.errors import StoreError
from gateway.policy.facts import Request

Ping = Callable[[], Awaitable[None]]


class Probes:
    """`needed` are the stores by name; each `ping` raises StoreError when it does not answer. All are asked at once."""

    def __init__(self, needed: Mapping[str, Ping], draining: Callable[[], bool]) -> None:
        self._needed = needed
        self._draining = draining

    async def answered(self, request: Request, send: Send) -> bool:
        """Whether it was a probe, and has its answer."""
        if request.path == b"/.gateway/healthz":
            await text(send, 200, "ok")
        elif request.path == b"/.gateway/readyz" and self._draining():
            await text(send, 503, "draining")
        elif request.path == b"/.gateway/readyz":
            told = await asyncio.gather(*map(_answers, self._needed.values()))
            missing = [name for name, answers in zip(self._needed, told, strict=True) if not answers]
            await text(send, 503 if missing else 200, f"not ready: {', '.join(missing)}" if missing else "ready")
        else:
            return False
        return True


async def _answers(ping: Ping) -> bool:
    try:
        await ping()
    except StoreError:
        return False
    return True
