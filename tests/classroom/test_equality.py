"""Equal as a teacher sees it, and the names of well-known mistakes."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict, deque
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from classroom.equality import mistake, plain, same

DAY = dt.date(2013, 4, 1)
TABLE = pd.DataFrame({"a": [1, 2], "b": [0.3, 0.5]})


class Odd:
    def __eq__(self, other):
        raise KeyError("no comparing")

    __hash__ = None


EQUAL = [
    (1, 1.0000000001),
    (1, np.int64(1)),
    (0.5, Fraction(1, 2)),
    (0.5, Decimal("0.5")),
    (5, np.array(5)),
    (True, np.True_),
    (True, np.array(True)),
    ("a", np.str_("a")),
    (["a", "b"], np.array(["a", "b"])),
    (["a"], pd.Series(["a"], dtype="category")),
    ([1, 2.0], (1, 2)),
    ([1, 2], np.array([1.0, 2.0])),
    ([1, 2], pd.Series([1, 2], index=[7, 8])),
    ([1, 2], pd.Index([1, 2])),
    ([0, 1], range(2)),
    ([0, 1], deque([0, 1])),
    (["a"], {"a": 1}.keys()),
    ([[1, 2], [3, 4]], np.array([[1, 2], [3, 4]])),
    ([1, None], pd.Series([1, np.nan])),
    (float("nan"), pd.NA),
    (DAY, pd.Timestamp("2013-04-01")),
    (DAY, np.datetime64("2013-04-01")),
    (DAY, dt.datetime(2013, 4, 1)),
    (DAY, "2013-04-01"),
    ([DAY], np.array(["2013-04-01"], dtype="datetime64[ns]")),
    ([DAY], pd.DatetimeIndex(["2013-04-01"])),
    (dt.timedelta(days=1), pd.Timedelta("1D")),
    (dt.timedelta(days=1), np.timedelta64(1, "D")),
    ({"a": 0.3}, {"a": 0.1 + 0.2}),
    ({"a": 1, "b": 2}, OrderedDict(b=2, a=1)),
    ({DAY: 1}, {pd.Timestamp(DAY): 1.0}),
    ({1, 2}, frozenset([2, 1])),
    ({0.3}, {0.1 + 0.2}),
    ({DAY}, {pd.Timestamp(DAY)}),
    (TABLE, TABLE + 1e-12),
    (TABLE, TABLE.astype({"a": float}).set_axis([0.0, 1.0])),
    (np.array([np.nan, 1]), np.array([np.nan, 1])),
    (float("inf"), np.inf),
    (10**400, 10**400),
]
DIFFERENT = [
    (1, 1.1),
    (1, True),
    (0.0, np.False_),
    (1, "1"),
    (1_000_000, 1_000_001),
    (1_000_000, 1_000_001.0),
    (np.array([1_000_000]), np.array([1_000_001])),
    (3e-10, 5e-12),
    (10**400, 1.5),
    ("a", "b"),
    ("20130401", "2013-04-01"),
    ("2013-W14-1", DAY),
    ("20130401", DAY),
    (DAY, pd.Timestamp("2013-04-02")),
    (dt.date(1, 1, 1), DAY),
    (pd.Timestamp("2013-04-01", tz="UTC"), DAY),
    ([1], [1, 2]),
    ([1, 2], [2, 1]),
    ([1], 1),
    (["ab"], "ab"),
    ("ab", ["a", "b"]),
    (np.array([1, 2]), np.array([1, 2, 3])),
    (np.array([1, 2]), pd.Series([1, 3])),
    ({"a": 1}, {"b": 1}),
    ({"a": 1}, {"a": 1, "b": 1}),
    ({1, 2}, [1, 2]),
    ({1}, {2}),
    (None, 0),
    (float("nan"), 0.0),
    (TABLE, TABLE.assign(b=1)),
    (TABLE, TABLE[["b", "a"]]),
    (TABLE, TABLE.rename(columns={"a": "c"})),
    (TABLE, TABLE.iloc[::-1]),
    (TABLE, [1, 2]),
    (TABLE, TABLE.to_dict()),
    (Odd(), Odd()),
    (len, max),
]


@pytest.mark.parametrize(("left", "right"), EQUAL, ids=repr)
def test_equal_by_value_whatever_holds_it(left, right):
    assert same(left, right) is True and same(right, left) is True


@pytest.mark.parametrize(("left", "right"), DIFFERENT, ids=repr)
def test_what_is_not_equal(left, right):
    assert same(left, right) is False and same(right, left) is False


@pytest.mark.parametrize(
    ("answer", "wanted", "said"),
    [
        (-0.25, 0.25, "sign"),
        (25, 0.25, "percent"),
        (0.25, 25, "hundredth"),
        (0.75, 0.25, "one minus"),
        (7, 6, "off by one"),
        (5, 6, "off by one"),
        (4.0, 0.25, "inverse"),
        (0.6, 0.3, "twice"),
        (0.15, 0.3, "half"),
        (0.09, 0.3, "square"),
        (0.3, 0.09, "root"),
        (0.2512, 0.251234, "do not round"),
        (float("nan"), 1.0, "not a number"),
        (17, 0.3, ""),
        (1e400, 0.3, ""),
        (10**400, 0.3, ""),
        (1, True, "True or False is wanted"),
        ("True", True, "True or False is wanted"),
        (True, 1, "True or False is not wanted"),
        (False, True, ""),
        ("0.25", 0.25, "a text"),
        (3, "three", "a number"),
        ("Late ", "late", "written otherwise"),
        ("early", "late", ""),
        (None, 3, "no value"),
        (len, 3, "call it"),
        ((n for n in [1]), [1], "list of it"),
        (dt.date(2013, 4, 2), DAY, "a day too late"),
        (dt.date(2013, 3, 31), pd.Timestamp(DAY), "a day too early"),
        (dt.date(2013, 5, 1), DAY, "too late"),
        ([3, 1], [1, 3], "another order"),
        (np.array([3, 1, 2]), [1, 2, 3], "another order"),
        ([1, 2], [1, 2, 3], "one too few"),
        ([1, 2, 3, 4], [1, 2, 3], "one too many"),
        ([1], [1, 2, 3], "There are 1 values; that is too few"),
        ([1, 2, 9], [1, 2, 3], "1 of 3 is not right"),
        ([-1, -2], [1, 2], "Each of them: its sign"),
        (1, [1, 2], "It is one of 2"),
        (9, [1, 2], "several are wanted"),
        ([0.5], 0.5, "take the value itself"),
        (pd.Series([0.5]), 0.5, "take the value itself"),
        ({1, 2}, {1, 2, 3}, "one too few"),
        ({"a": 1}, {"a": 1, "b": 2}, "'b' is missing"),
        ({"a": 1, "c": 1}, {"a": 1}, "'c' is too much"),
        ({"a": -1}, {"a": 1}, "'a' is not right. Its sign"),
        (Odd(), 3, ""),
    ],
    ids=repr,
)
def test_a_well_known_mistake_has_a_name(answer, wanted, said):
    found = mistake(answer, wanted)
    assert (said in found) if said else found == ""
    if isinstance(wanted, float):
        assert str(wanted) not in found


@pytest.mark.parametrize(("left", "right"), [pair for pair in EQUAL if pair[0] is not None])
def test_what_is_right_is_no_mistake_of_order(left, right):
    assert "order" not in mistake(left, right)


@pytest.mark.parametrize("make", [list, np.array, lambda x: pd.Series([str(n) for n in x])])
def test_long_rows_are_compared_in_a_moment(make):
    # Pair by pair this would take hours.
    wanted = make(np.arange(100_000))
    assert same(wanted, make(np.arange(100_000)))
    assert "another order" in mistake(make(np.arange(100_000)[::-1]), wanted)
    assert mistake(make(np.arange(7, 100_007)), wanted)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (np.int64(3), 3),
        (np.float64(0.5), 0.5),
        (np.True_, True),
        (np.str_("a"), "a"),
        (np.array([1, 2]), [1, 2]),
        (np.array(3), 3),
        (("a", np.int64(1)), ["a", 1]),
        ({"b", "a"}, ["a", "b"]),
        (DAY, "2013-04-01"),
    ],
    ids=repr,
)
def test_plain_is_of_pythons_own_types(value, wanted):
    assert plain(value) == wanted and type(plain(value)) is type(wanted)
    assert type(plain([value])[0]) is type(wanted)
