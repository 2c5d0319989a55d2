"""A notebook shows code without its docstring, and nothing else is left out."""

from __future__ import annotations

import doctest

from classroom import source


def plain(value: int) -> int:
    # A comment says why.
    return value + 1


def decorated(value: int) -> int:
    """Add two.

    Over several lines.
    """
    # A comment says why.
    return value + 2


def test_only_the_docstring_goes():
    assert source.code_of(plain).splitlines()[-2:] == [
        "    # A comment says why.",
        "    return value + 1",
    ]
    assert source.code_of(decorated).splitlines() == [
        "def decorated(value: int) -> int:",
        "    # A comment says why.",
        "    return value + 2",
    ]


def test_the_example():
    assert doctest.testmod(source).failed == 0
