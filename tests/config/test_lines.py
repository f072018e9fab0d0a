"""On which line does each key stand? The line numbers are written into the text itself."""

import re

import pytest

from gateway.config.lines import lines, nearest

TEXT = '''# 1
[gateway] # 2
listen = "[x]" # 3
public = [ # 4
  "a", # ]
  "b",
]
"odd key" = 1 # 8
a.b.c = 1 # 9
[[app]] # 10
name = "a" # 11
story = """ # 12
[gateway]
listen = 5
"""
  [app.headers] # 16
  user = "q" # 17

  [[app.route]] # 19
  name = "r" # 20
  query = { a = 1, b = ["x"] } # 21
  [[app.route]] # 22
  name = "r2" # 23
[app.stepup] # 24
max = 1 # 25
[session] # 26
idle = 1 # 27
[[app]] # 28
name = "b" # 29
[[app.route]] # 30
name = "c" # 31'''

PLACES = [
    (("gateway",), 2),
    (("gateway", "listen"), 3),
    (("gateway", "public"), 4),
    (("gateway", "public", 1), 4),
    (("gateway", "odd key"), 8),
    (("gateway", "a", "b", "c"), 9),
    (("app",), 10),
    (("app", 0), 10),
    (("app", 0, "story"), 12),
    (("app", 0, "headers"), 16),
    (("app", 0, "headers", "user"), 17),
    (("app", 0, "route", 0), 19),
    (("app", 0, "route", 0, "query", "b", 0), 21),
    (("app", 0, "route", 1, "name"), 23),
    (("app", 0, "route", 1, "missing"), 22),
    (("app", 0, "stepup", "max"), 25),
    (("session", "idle"), 27),
    (("app", 1), 28),
    (("app", 1, "route"), 30),
    (("app", 1, "route", 0, "name"), 31),
    (("nowhere",), 1),
]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(("place", "line"), PLACES)
def test_a_key_is_found_on_its_line_or_on_that_of_what_it_would_stand_in(place, line, newline):
    assert nearest(lines(TEXT.replace("\n", newline)), place) == line


def test_the_numbers_in_the_text_are_right():
    for number, line in enumerate(TEXT.split("\n"), start=1):
        assert re.search(r"# (\d+)$", line) is None or line.endswith(f"# {number}")
