"""Show the code of a function in a notebook without what its docstring says to other readers."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any


def code_of(function: Callable[..., Any]) -> str:
    """Return a function's source without its docstring; comments stay.

    Examples
    --------
    >>> from firstflight.intervals import block_length
    >>> print(code_of(block_length))
    def block_length(n_days: int, block_days: int) -> int:
        return max(1, min(block_days, n_days // 2))
    """
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    (node,) = ast.parse("\n".join(lines)).body
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    if ast.get_docstring(node) is not None:
        said = node.body[0]
        assert said.end_lineno is not None
        del lines[said.lineno - 1 : said.end_lineno]
    return "\n".join(lines)
