"""The wire does what its docstring says."""

from __future__ import annotations

import socket
import time

import pytest

from tests.support.cutoff import Cutoff
from tests.support.echo import Echo
from tests.support.raw import NoAnswer, Raw

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_whole_wire_is_as_if_it_were_not_there() -> None:
    with Echo() as app, Cutoff(app.port) as wire, Raw(wire.port) as raw:
        for _ in range(2):
            raw.send(GET)
            assert raw.answer().status == 200


def test_a_silent_wire_says_nothing_and_loses_nothing() -> None:
    with Echo() as app, Cutoff(app.port) as wire, Raw(wire.port, timeout=1) as raw:
        raw.send(GET)
        assert raw.answer().status == 200
        wire.silent()
        raw.send(GET)
        with Raw(wire.port, timeout=0.3) as other:
            other.send(GET)
            with pytest.raises(NoAnswer):
                other.answer()
        assert len(app.seen) == 1
        wire.whole()
        assert raw.answer().status == 200


def test_a_slow_wire_is_late() -> None:
    with Echo() as app, Cutoff(app.port) as wire, Raw(wire.port) as raw:
        wire.slow(0.2)
        started = time.monotonic()
        raw.send(GET)
        assert raw.answer().status == 200
        assert time.monotonic() - started >= 0.4


@pytest.mark.parametrize("cut", ["reset", "refused"])
def test_a_broken_wire_breaks_what_is_there_and_what_comes_until_it_is_whole(cut: str) -> None:
    with Echo() as app, Cutoff(app.port) as wire, Raw(wire.port) as raw:
        raw.send(GET)
        assert raw.answer().status == 200
        getattr(wire, cut)()
        with pytest.raises((NoAnswer, OSError)):
            raw.send(GET)
            raw.answer()
        with pytest.raises((NoAnswer, OSError)), Raw(wire.port) as other:
            other.send(GET)
            other.answer()
        if cut == "refused":
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", wire.port))
        wire.whole()
        with Raw(wire.port) as again:
            again.send(GET)
            assert again.answer().status == 200
