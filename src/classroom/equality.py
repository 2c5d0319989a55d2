"""Compare two answers as a teacher would, and name the mistake that explains the difference."""

from __future__ import annotations

import datetime as dt
import math
import numbers
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

CLOSE = 1e-6  # relative, between two ways to compute one number


def same(left: Any, right: Any, *, close: float = CLOSE) -> bool:
    """Tell whether two answers are equal: by value, whatever type holds it.

    A list, a tuple, an array and a table's column are equal where their values and their order
    are; so are the texts, days and numbers of Python, numpy and pandas. True is not 1.

    Parameters
    ----------
    left, right : object
        The answers.
    close : float, default 1e-6
        The relative difference up to which two numbers are equal.

    Returns
    -------
    bool
        True where they are equal.

    Examples
    --------
    >>> import numpy as np
    >>> same((1, 2.0), np.array([1, 2]))
    True
    >>> same(True, 1)
    False
    """
    if is_bool(left) or is_bool(right):
        return is_bool(left) and is_bool(right) and bool(left) == bool(right)
    if isinstance(left, numbers.Number) and isinstance(right, numbers.Number):
        return _same_number(left, right, close)
    days = _day(left), _day(right)
    if days[0] is not None and days[1] is not None:
        return bool(days[0] == days[1])
    if isinstance(left, str) or isinstance(right, str):
        return isinstance(left, str) and isinstance(right, str) and str(left) == str(right)
    if _is_table(left) or _is_table(right):
        return _is_table(left) and _is_table(right) and _same_tables(left, right, close)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(
            same(left[key], right[key], close=close) for key in left
        )
    if isinstance(left, Set) or isinstance(right, Set):
        return isinstance(left, Set) and isinstance(right, Set) and left == right
    one, other = items(left), items(right)
    if one is not None and other is not None:
        return len(one) == len(other) and all(
            same(a, b, close=close) for a, b in zip(one, other, strict=True)
        )
    if type(left) is not type(right):
        return False
    try:
        return bool(left == right)
    except (TypeError, ValueError):
        return False


def is_bool(value: object) -> bool:
    """Tell whether a value is Python's or numpy's truth value."""
    return isinstance(value, bool) or type(value).__name__ in {"bool", "bool_"}


def items(value: Any) -> list[Any] | None:
    """Return the values of a list, a tuple, an array, a column or an index; None for others."""
    if isinstance(value, (list, tuple)):
        return list(value)
    module = type(value).__module__.partition(".")[0]
    if module in {"numpy", "pandas"} and len(getattr(value, "shape", ())) == 1:
        return list(value.tolist() if module == "numpy" else value)
    return None


def _same_number(left: Any, right: Any, close: float) -> bool:
    try:
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) and math.isnan(right)
        return math.isclose(left, right, rel_tol=close, abs_tol=1e-9)
    except TypeError:
        return bool(left == right)


def _day(value: Any) -> Any:
    """Return a day or a moment as pandas' Timestamp, or a text that is exactly a day; else None."""
    import pandas as pd

    if isinstance(value, str):
        try:
            return pd.Timestamp(dt.date.fromisoformat(value))
        except ValueError:
            return None
    if isinstance(value, (dt.date, dt.datetime)) or type(value).__name__ == "datetime64":
        stamp = pd.Timestamp(value)
        return None if stamp is pd.NaT else stamp
    return None


def _is_table(value: Any) -> bool:
    return len(getattr(value, "shape", ())) == 2


def _same_tables(left: Any, right: Any, close: float) -> bool:
    import numpy as np
    import pandas as pd

    try:
        if isinstance(left, pd.DataFrame) and isinstance(right, pd.DataFrame):
            pd.testing.assert_frame_equal(
                left, right, rtol=close, check_dtype=False, check_names=False
            )
        else:
            np.testing.assert_allclose(np.asarray(left), np.asarray(right), rtol=close)
    except (AssertionError, TypeError, ValueError):
        return False
    return True


# What a number can be instead of the right one, and what that says of how it was made.
_NUMBERS: tuple[tuple[str, Callable[[float], float]], ...] = (
    ("Its sign is turned round: which of the two is taken from which?", lambda x: -x),
    ("It is in percent: a share is a number from 0 to 1.", lambda x: 100 * x),
    ("It is a hundredth of what it should be: do not turn it into a share.", lambda x: x / 100),
    ("It is the share of the others: one minus what was asked for.", lambda x: 1 - x),
    ("It is off by one.", lambda x: x + 1),
    ("It is off by one.", lambda x: x - 1),
    ("It is its inverse: what is divided by what?", lambda x: 1 / x if x else math.inf),
    ("It is twice what it should be.", lambda x: 2 * x),
    ("It is half of what it should be.", lambda x: x / 2),
    ("It is its square.", lambda x: x * x),
    ("It is its root.", lambda x: math.sqrt(x) if x >= 0 else math.inf),
)


def mistake(answer: Any, wanted: Any) -> str:
    """Return the sentence for a well-known mistake that makes `answer` of `wanted`, or "".

    Sign, percent, the other share, off by one, order, rounding, one day aside, something missing
    or too much, a text for a number. The right answer is never in the sentence.

    Parameters
    ----------
    answer, wanted : object
        The learner's answer and the right one.

    Returns
    -------
    str
        One or two sentences, or "" where no known mistake explains the difference.

    Examples
    --------
    >>> mistake(-0.25, 0.25)
    'Its sign is turned round: which of the two is taken from which?'
    >>> mistake([3, 1], [1, 3])
    'The right things, in another order.'
    """
    if is_bool(answer) and is_bool(wanted):
        return ""
    if isinstance(answer, numbers.Real) and isinstance(wanted, numbers.Real):
        return _mistaken_number(float(answer), float(wanted))
    if isinstance(answer, str) and isinstance(wanted, numbers.Real):
        return "It is a text, and a number is wanted."
    if isinstance(wanted, str) and isinstance(answer, numbers.Real):
        return "It is a number, and a text is wanted."
    days = _day(answer), _day(wanted)
    if days[0] is not None and days[1] is not None:
        return _mistaken_day(*days)
    if isinstance(answer, str) and isinstance(wanted, str):
        if answer.strip().lower() == wanted.strip().lower():
            return "The right word, written otherwise: look at its letters and spaces."
        return ""
    if isinstance(answer, Mapping) and isinstance(wanted, Mapping):
        return _mistaken_mapping(answer, wanted)
    got, want = _as_list(answer), _as_list(wanted)
    if want is not None and got is None:
        if any(same(answer, one) for one in want):
            return f"It is one of {len(want)}: all of them are wanted."
        return "One value, where several are wanted."
    if got is not None and want is not None:
        return _mistaken_list(got, want)
    if got is not None and len(got) == 1 and same(got[0], wanted):
        return "The right value, but in a list or a column: take the value itself."
    return ""


def _as_list(value: Any) -> list[Any] | None:
    return sorted(value, key=repr) if isinstance(value, Set) else items(value)


def _mistaken_number(answer: float, wanted: float) -> str:
    if math.isnan(answer):
        return "It is not a number."
    for said, wrong in _NUMBERS:
        made = wrong(wanted)
        if made != wanted and math.isclose(answer, made, rel_tol=1e-4, abs_tol=1e-9):
            return said
    if wanted and abs(answer - wanted) <= 0.01 * abs(wanted):
        return "It is close and not the same: do not round, and take all rows that are asked for."
    return ""


def _mistaken_day(answer: Any, wanted: Any) -> str:
    apart = (answer - wanted).days if (answer.tz is None) == (wanted.tz is None) else 0
    if apart in (1, -1):
        return f"It is a day too {'late' if apart > 0 else 'early'}."
    return f"It is too {'late' if apart > 0 else 'early'}." if apart else ""


def _mistaken_mapping(answer: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> str:
    missing = [key for key in wanted if key not in answer]
    if missing:
        return f"{missing[0]!r} is missing."
    more = [key for key in answer if key not in wanted]
    if more:
        return f"{more[0]!r} is too much."
    wrong = [key for key in wanted if not same(answer[key], wanted[key])]
    if not wrong:
        return ""
    why = mistake(answer[wrong[0]], wanted[wrong[0]])
    return f"{wrong[0]!r} is not right. {why}".strip()


def _mistaken_list(answer: Sequence[Any], wanted: Sequence[Any]) -> str:
    if len(answer) == len(wanted):
        if same(list(reversed(answer)), list(wanted)) or _same_bag(answer, wanted):
            return "The right things, in another order."
        pairs = list(zip(answer, wanted, strict=True))
        reasons = {mistake(a, w) for a, w in pairs if not same(a, w)}
        wrong = sum(not same(a, w) for a, w in pairs)
        if len(reasons) == 1 and wrong > 1 and (why := reasons.pop()):
            return f"Each of them: {why[0].lower()}{why[1:]}"
        return f"{wrong} of {len(wanted)} are not right."
    more = len(answer) > len(wanted)
    if abs(len(answer) - len(wanted)) == 1:
        return f"There is one too {'many' if more else 'few'}."
    return f"There are {len(answer)} values; that is too {'many' if more else 'few'}."


def _same_bag(left: Sequence[Any], right: Sequence[Any]) -> bool:
    rest = list(right)
    for one in left:
        place = next((n for n, other in enumerate(rest) if same(one, other)), None)
        if place is None:
            return False
        del rest[place]
    return True
