"""Where a frame ends is known after every byte, however the bytes come."""

from __future__ import annotations

import pytest

from gateway.edge.frames import Frames, close_frame
from tests.support.frames import CLOSE, PING, frame, masked

TEXT = 1
SIZES = (0, 1, 125, 126, 127, 65535, 65536)


@pytest.mark.parametrize("step", [1, 2, 3, 5, 7, 70, 1 << 20])
@pytest.mark.parametrize("write", [frame, masked])
def test_a_frame_is_whole_just_where_it_ends(write, step) -> None:
    sent, ends = b"", {0}
    for size in SIZES:
        for opcode in (TEXT, PING):
            sent += write(opcode, bytes(size))
            ends.add(len(sent))
    frames = Frames()
    for at in range(0, len(sent), step):
        frames.feed(sent[at : at + step])
        assert frames.whole is (min(at + step, len(sent)) in ends)
    assert (frames.passed, frames.closed) == (len(sent), False)


@pytest.mark.parametrize("step", [1, 3, 100])
@pytest.mark.parametrize("before", [b"", masked(TEXT, b"hello"), masked(TEXT, bytes(200))])
def test_a_close_frame_is_noticed_once_its_head_is_there(before, step) -> None:
    sent, frames = before + masked(CLOSE, b"\x03\xe8"), Frames()
    for at in range(0, len(sent), step):
        assert frames.closed is (at >= len(before) + 6)
        frames.feed(sent[at : at + step])
    assert frames.closed and frames.whole


@pytest.mark.parametrize("then", [b"", b"x" * 1000, b"\x88\x00"])
def test_nothing_follows_a_frame_of_absurd_length(then) -> None:
    frames = Frames()
    frames.feed(b"\x82\x7f" + b"\xff" * 8)
    frames.feed(then)
    assert not frames.whole and not frames.closed


def test_a_close_frame_is_masked_for_an_app_and_plain_for_a_client() -> None:
    assert close_frame(1008, "ended", masked=False) == frame(CLOSE, b"\x03\xf0ended")
    first, second, *rest = close_frame(1008, "ended", masked=True)
    assert (first, second) == (0x88, 0x87)
    assert bytes(byte ^ rest[at % 4] for at, byte in enumerate(rest[4:])) == b"\x03\xf0ended"
