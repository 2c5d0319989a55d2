"""Compare two answers as a teacher would, and name the mistake that explains the difference."""

from __future__ import annotations

import datetime as dt
import math
import numbers
import re
from collections import deque
from collections.abc import (
    Callable,
    Collection,
    Iterator,
    KeysView,
    Mapping,
    Sequence,
    Set,
    ValuesView,
)
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
    left, right = _unwrapped(left), _unwrapped(right)
    if is_bool(left) or is_bool(right):
        return is_bool(left) and is_bool(right) and bool(left) == bool(right)
    if _is_missing(left) or _is_missing(right):
        return _is_missing(left) and _is_missing(right)
    if isinstance(left, numbers.Number) and isinstance(right, numbers.Number):
        return _same_number(left, right, close)
    if isinstance(left, str) and isinstance(right, str):
        return str(left) == str(right)
    days = _day(left), _day(right)
    if days[0] is not None and days[1] is not None:
        return bool(days[0] == days[1])
    if isinstance(left, str) or isinstance(right, str):
        return False
    if _is_table(left) and _is_table(right):
        return _same_tables(left, right, close)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return _same_mappings(left, right, close)
    if isinstance(left, Set) and isinstance(right, Set):
        return left == right or (len(left) == len(right) and _same_bag(left, right))
    one, other = items(left), items(right)
    if one is not None and other is not None:
        quick = _same_arrays(left, right, close)
        if quick is not None:
            return quick
        return len(one) == len(other) and all(
            same(a, b, close=close) for a, b in zip(one, other, strict=True)
        )
    try:
        # Not of one type, yet equal to themselves: timedeltas of Python, numpy and pandas.
        if type(left) is not type(right) and not (_is_duration(left) and _is_duration(right)):
            return False
        return bool(left == right)
    except Exception:  # an object that cannot be compared
        return False


def is_bool(value: object) -> bool:
    """Tell whether a value is Python's or numpy's truth value."""
    return isinstance(value, bool) or type(value).__name__ in {"bool", "bool_"}


def items(value: Any) -> list[Any] | None:
    """Return the values of a list, a tuple, an array, a column or an index; None for others."""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, memoryview)):
        return list(value)
    if isinstance(value, (KeysView, ValuesView, deque)):
        return list(value)
    module = type(value).__module__.partition(".")[0]
    shape = getattr(value, "shape", ()) if module in {"numpy", "pandas"} else ()
    if len(shape) == 1 or (len(shape) > 1 and module == "numpy"):
        # Days as numpy's own: its list of them would hold integers.
        days = module == "numpy" and value.dtype.kind in "mM"
        return list(value.tolist() if module == "numpy" and not days else value)
    return None


def plain(value: Any) -> Any:
    """Return a value in JSON's types; what has none, as a text.

    Parameters
    ----------
    value : object
        A number, a text, a truth value, a day, or a list, a column or a set of them.

    Returns
    -------
    bool, int, float, str or list
        The same, of Python's own types; a set sorted.
    """
    value = _unwrapped(value)
    if is_bool(value):
        return bool(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    several = sorted(value, key=str) if isinstance(value, (set, frozenset)) else items(value)
    return str(value) if several is None else [plain(one) for one in several]


def _unwrapped(value: Any) -> Any:
    """Return the value of an array without dimensions; anything else as it is."""
    if type(value).__name__ == "ndarray" and value.shape == ():
        return value.item() if value.dtype.kind not in "mM" else value[()]
    return value


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in {"NaTType", "NAType"}:
        return True
    if type(value).__name__ in {"datetime64", "timedelta64"}:
        return str(value) == "NaT"
    return isinstance(value, float) and math.isnan(value)


def _is_duration(value: Any) -> bool:
    return isinstance(value, dt.timedelta) or type(value).__name__ == "timedelta64"


def _same_number(left: Any, right: Any, close: float) -> bool:
    whole = isinstance(left, numbers.Integral) or isinstance(right, numbers.Integral)
    try:
        if whole and left == int(left) and right == int(right):
            return bool(left == right)  # a count of a million is right or wrong by one
        return math.isclose(left, right, rel_tol=close, abs_tol=1e-12)
    except (TypeError, OverflowError, ValueError):
        return bool(left == right)


def _same_mappings(left: Mapping[Any, Any], right: Mapping[Any, Any], close: float) -> bool:
    if left.keys() == right.keys():
        return all(same(left[key], right[key], close=close) for key in left)
    if len(left) != len(right) or not _same_bag(list(left), list(right)):
        return False
    mine = {key: next(k for k in left if same(k, key)) for key in right}
    return all(same(left[mine[key]], right[key], close=close) for key in right)


def _same_arrays(left: Any, right: Any, close: float) -> bool | None:
    """Compare long rows of numbers at once; None where they are something else."""
    kinds = [getattr(getattr(one, "dtype", None), "kind", "") for one in (left, right)]
    if not all(kinds) or not set(kinds) <= set("iuf"):
        return None
    import numpy as np

    one, other = np.asarray(left), np.asarray(right)
    if one.shape != other.shape:
        return False
    if set(kinds) <= set("iu"):
        return bool((one == other).all())
    return bool(np.isclose(one, other, rtol=close, atol=1e-12, equal_nan=True).all())


def _day(value: Any) -> Any:
    """Return a day or a moment as pandas' Timestamp, or a text that is exactly a day; else None."""
    import pandas as pd

    try:
        if isinstance(value, str):
            written_so = re.fullmatch(r"\d{4}-\d\d-\d\d", value)
            return pd.Timestamp(dt.date.fromisoformat(value)) if written_so else None
        if isinstance(value, dt.date) or type(value).__name__ == "datetime64":
            stamp = pd.Timestamp(value)
            return None if stamp is pd.NaT else stamp
    except ValueError:  # no day, or one that pandas cannot hold
        return None
    return None


def _is_table(value: Any) -> bool:
    return len(getattr(value, "shape", ())) == 2


def _same_tables(left: Any, right: Any, close: float) -> bool:
    import numpy as np
    import pandas as pd

    try:
        if isinstance(left, pd.DataFrame) and isinstance(right, pd.DataFrame):
            pd.testing.assert_frame_equal(
                left,
                right,
                rtol=close,
                check_dtype=False,
                check_names=False,
                check_index_type=False,
                check_column_type=False,
                check_categorical=False,
                check_freq=False,
            )
        else:
            np.testing.assert_allclose(np.asarray(left), np.asarray(right), rtol=close)
    except Exception:  # what numpy and pandas raise where two tables differ, or cannot be compared
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
    answer, wanted = _unwrapped(answer), _unwrapped(wanted)
    if is_bool(answer) or is_bool(wanted):
        if is_bool(answer) and is_bool(wanted):
            return ""
        return "True or False is wanted." if is_bool(wanted) else "True or False is not wanted."
    if answer is None:
        return "There is no value."
    if isinstance(answer, Iterator):
        return "It gives its values only once: make a list of it."
    if callable(answer) and not callable(wanted):
        return "It is a function: call it, with round brackets behind it."
    if isinstance(answer, numbers.Real) and isinstance(wanted, numbers.Real):
        try:
            return _mistaken_number(float(answer), float(wanted))
        except OverflowError:
            return ""
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


MANY = 200  # up to here every value is compared with every other


def _mistaken_list(answer: Sequence[Any], wanted: Sequence[Any]) -> str:
    if len(answer) == len(wanted):
        wrong = [(a, w) for a, w in zip(answer, wanted, strict=True) if not same(a, w)]
        if _same_bag(answer, wanted):
            return "The right things, in another order." if wrong else ""
        reasons = {mistake(a, w) for a, w in wrong[:MANY]}
        if len(reasons) == 1 and len(wrong) > 1 and (why := reasons.pop()):
            return f"Each of them: {why[0].lower()}{why[1:]}"
        are = "is" if len(wrong) == 1 else "are"
        return f"{len(wrong)} of {len(wanted)} {are} not right."
    more = len(answer) > len(wanted)
    if abs(len(answer) - len(wanted)) == 1:
        return f"There is one too {'many' if more else 'few'}."
    return f"There are {len(answer)} values; that is too {'many' if more else 'few'}."


def _same_bag(left: Collection[Any], right: Collection[Any]) -> bool:
    """Tell whether two collections hold the same things, in whatever order."""
    if len(left) != len(right):
        return False
    if len(left) > MANY:
        try:
            return all(same(a, b) for a, b in zip(sorted(left), sorted(right), strict=True))
        except (TypeError, ValueError):
            return False
    rest = list(right)
    for one in left:
        place = next((n for n, other in enumerate(rest) if same(one, other)), None)
        if place is None:
            return False
        del rest[place]
    return True
