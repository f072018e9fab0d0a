"""Durations and sizes as they are written and said."""

import pytest

from gateway.config.units import duration, octets, seconds, size, spoken


@pytest.mark.parametrize(
    ("text", "expected"), [("0s", 0), ("30s", 30), ("5m", 300), ("90 m", 5400), ("24h", 86400), ("7d", 604800)]
)
def test_a_duration_is_a_number_and_a_unit(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "m", "5x", "5M", "-5m", "1.5h", "1h30m", " 5m", "5m ", "٥m", "5m\n"])
def test_nothing_else_is_a_duration(text):
    with pytest.raises(ValueError, match='such as "5m"'):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("0B", 0), ("64KiB", 65536), ("1MiB", 1 << 20), ("10MB", 10**7), ("1 GiB", 1 << 30)]
)
def test_a_size_is_a_number_and_a_unit(text, expected):
    assert octets(text) == expected


@pytest.mark.parametrize("text", ["", "1", "1M", "1Mib", "-1MB", "1.5MB", "MB"])
def test_nothing_else_is_a_size(text):
    with pytest.raises(ValueError, match='such as "1MiB"'):
        octets(text)


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (90, "90 seconds"),
        (60, "1 minute"),
        (300, "5 minutes"),
        (5400, "90 minutes"),
        (86400, "1 day"),
    ],
)
def test_a_duration_is_said_in_the_largest_unit_that_comes_out_even(duration, words):
    assert spoken(duration) == words


@pytest.mark.parametrize("written", ["0s", "1s", "90s", "5m", "90m", "36h", "7d", "366d"])
def test_a_duration_is_written_as_it_is_read(written):
    assert duration(seconds(written)) == written


@pytest.mark.parametrize("written", ["0B", "1500B", "64KiB", "3KB", "1MiB", "10MB", "1GB", "1GiB"])
def test_a_size_is_written_as_it_is_read(written):
    assert size(octets(written)) == written
