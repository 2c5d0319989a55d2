"""What lesson 01 asks: two splits, a detector of columns from the future, and a constant."""

from __future__ import annotations

from typing import Any

from classroom.equality import mistake, same
from classroom.exercises import Given, exercise

TWO_TABLES = "It should return two tables: return train, test."


def _two_tables(answer: Any) -> bool:
    return (
        isinstance(answer, (tuple, list))
        and len(answer) == 2
        and all(len(getattr(part, "shape", ())) == 2 for part in answer)
    )


@exercise(
    "01-ex1",
    "split_rows",
    hint="Put the rows in order by KEY first, then draw with test_size and random_state.",
)
def split_rows(split_rows: Any, given: Given) -> bool | str:
    key = given.KEY
    rows = given.table.iloc[:6000:3].reset_index(drop=True)
    first = split_rows(rows)
    if not _two_tables(first):
        return TWO_TABLES
    if not all(set(key) <= set(getattr(part, "columns", ())) for part in first):
        return "Both tables should keep all columns: the label is one of them."
    names = _names(rows, key)
    train, test = (_names(part, key) for part in first)
    if not set(train) | set(test) <= set(names):
        return "It returns flights that are not in the rows that it was given: split `rows`."
    if len(train) + len(test) != len(rows) or set(train) & set(test):
        return (
            f"Of {len(rows)} rows, {len(train)} are in train and {len(test)} in test: "
            "each row belongs in exactly one of them."
        )
    share = len(test) / len(rows)
    if abs(share - 0.75) < 0.01:
        return "Three quarters are in the test: train comes first, or test_size is the other part."
    if abs(share - 0.25) > 0.03:  # a draw by a digest of the key is a quarter only nearly
        return f"The test has {share:.2f} of the rows, and a quarter was asked for."
    if set(_names(split_rows(rows)[1], key)) != set(test):
        return "Called twice, it draws other rows: the draw needs a seed, random_state."
    in_order = rows.sort_values(key)
    places = sorted(names_at(in_order, key)[name] for name in test)
    if places[-1] - places[0] == len(places) - 1:
        return "It cuts one piece out of the rows: a random quarter was asked for."
    shuffled = rows.sample(frac=1, random_state=5).reset_index(drop=True)
    if set(_names(split_rows(shuffled)[1], key)) != set(test):
        return (
            "The same flights in another order get another split: the seed draws positions. Put "
            "the rows in order first, by what names a flight (not by their index)."
        )
    other = rows.iloc[:800]
    if set(_names(split_rows(other)[1], key)) - set(_names(other, key)):
        return "Given other rows it returns the old ones: split `rows`, not `table`."
    return True


def _names(rows: Any, key: list[str]) -> list[tuple[Any, ...]]:
    return list(rows[key].itertuples(index=False, name=None))


def names_at(rows: Any, key: list[str]) -> dict[tuple[Any, ...], int]:
    """Return the place of each flight in a table, by its key."""
    return {name: place for place, name in enumerate(_names(rows, key))}


@exercise(
    "01-ex2",
    "split_at",
    hint="Two conditions on rows['date'] for the test, one for train: which of them include cut?",
)
def split_at(split_at: Any) -> bool | str:
    import pandas as pd

    days = pd.date_range("2013-05-01", periods=60, freq="D").repeat(3)
    rows = pd.DataFrame({"date": days, "late": [0, 1, 0] * 60, "n": range(180)})
    rows = rows.sample(frac=1, random_state=2)  # in no order, as rows of a table are
    for cut, length in (("2013-05-20", 7), ("2013-06-03", 14), ("2013-05-11", 1)):
        first = pd.Timestamp(cut)
        last = first + pd.Timedelta(days=length - 1)
        answer = split_at(rows, first, length)
        if not _two_tables(answer):
            return TWO_TABLES
        train, test = answer
        said = _wrong_days(train, test, rows, first, last, length)
        if said:
            return said
    return True


def _wrong_days(train: Any, test: Any, rows: Any, first: Any, last: Any, length: int) -> str:
    """Return what is wrong with the days of a split, or ""."""
    import pandas as pd

    day = pd.Timedelta(days=1)
    wanted = rows[(rows["date"] >= first) & (rows["date"] <= last)]
    before = rows[rows["date"] < first]
    about = f"For cut {first.date()} and days={length}: "
    if "date" not in train or "date" not in test:
        return "Both tables should keep all columns, date among them."
    if sorted(train["n"]) == sorted(wanted["n"]) and sorted(test["n"]) == sorted(before["n"]):
        return "The two are exchanged: train comes first."
    if set(train["date"]) & set(test["date"]):
        both = sorted(set(train["date"]) & set(test["date"]))
        if len(both) == 1 and both[0] == first:
            return f"{about}the day of the cut is in both: a day is learned from, or asked about."
        return f"{about}{len(both)} days are in train and in test: the model has seen them."
    if not len(test):
        return f"{about}the test has no rows."
    if sorted(train["n"]) != sorted(before["n"]):
        if len(train) and train["date"].max() >= first:
            return f"{about}train reaches to {train['date'].max().date()}: end it before the cut."
        if len(train) and train["date"].max() < first - day:
            return f"{about}train ends on {train['date'].max().date()}, too early."
        return f"{about}train has {len(train)} rows; all {len(before)} of the days before belong."
    if test["date"].min() != first:
        return f"{about}the test begins on {test['date'].min().date()}, and cut is its first day."
    if test["date"].max() != last:
        n = test["date"].nunique()
        return f"{about}the test has {n} days, to {test['date'].max().date()}: count them."
    if sorted(test["n"]) != sorted(wanted["n"]):
        return f"{about}the test has {len(test)} rows; all {len(wanted)} of its days belong."
    return ""


@exercise(
    "01-ex3",
    "leaks",
    hint="Compare each column with asked_at, row by row (known_at.gt(asked_at, axis=0) does), "
    "then ask of each column whether any row is too late.",
)
def leaks(leaks: Any) -> bool | str:
    import pandas as pd

    asked = pd.Series(pd.to_datetime(["2013-05-01 10:00", "2013-05-01 15:00", "2013-05-02 09:00"]))
    shift = {
        "before": (-5, -1, -3),
        "just in time": (-1, 0, -2),
        "after": (1, 2, 3),
        "sometimes": (1, -3, -4),
        "once, by far": (-9, 30, -9),
    }
    hours = {name: pd.to_timedelta(list(by), unit="h") for name, by in shift.items()}
    known = pd.DataFrame({name: asked + by for name, by in hours.items()})
    try:
        found = leaks(known, asked)
    except ValueError as error:
        if "aligned" in str(error) or "identically" in str(error):
            return "A table and one column: compare each column with asked_at, row by row."
        raise
    wanted = {"after", "sometimes", "once, by far"}
    names = _as_names(found)
    if names is None:
        return (
            f"It returns a {type(found).__name__}: return the names of the columns, as a list."
            if found is not None
            else "It returns nothing: return the names of the columns."
        )
    if names == set(known.columns) - wanted:
        return "Those are the columns that are known in time: return the others."
    if names == {name for name, by in shift.items() if min(by) < 0}:
        return "Those have a value that is known before the question: turn the comparison round."
    if "just in time" in names:
        return "What is known at the moment of the question is known in time: after it, not at it."
    if not names <= set(known.columns):
        return "It returns names that are not columns of known_at: is a list typed in?"
    if missed := [name for name in shift if name in wanted - names]:
        return (
            f"It misses a column whose values are {missed[0]!r} known after the question: one "
            "flight is enough, so ask each row, and any of them, not all."
        )
    if names != wanted:
        return f"It returns {sorted(names - wanted)[0]!r}, which is known in time for every flight."
    # Rows in another order: the two belong together by their index.
    order = [2, 0, 1]
    if _as_names(leaks(known.iloc[order], asked.iloc[order])) != wanted:
        return "With the rows in another order it returns other columns: compare row by row."
    many = pd.Series(pd.date_range("2013-05-01", periods=400, freq="h"))
    early = pd.DataFrame({"rarely": many - pd.Timedelta(hours=1), "never": many})
    early.loc[150, "rarely"] = many[150] + pd.Timedelta(minutes=1)
    if _as_names(leaks(early, many)) != {"rarely"}:
        return (
            "It misses a column that is too late by a minute, for one flight of 400: any is enough."
        )
    if _as_names(leaks(known[["before", "just in time"]], asked)) != set():
        return "Where nothing leaks, it should return an empty list."
    return True


def _as_names(found: Any) -> set[str] | None:
    """Return the names that an answer holds, whatever holds them; None for anything else."""
    if isinstance(found, (str, dict)) or found is None or not hasattr(found, "__iter__"):
        return None
    if len(getattr(found, "shape", (0,))) != 1:
        return None
    values = list(found)
    return {str(one) for one in values} if all(isinstance(one, str) for one in values) else None


@exercise(
    "01-ex4",
    "constant_loss",
    hint="Make as many equal predictions as the test has rows, then log_loss(label, predictions).",
)
def constant_loss(constant_loss: Any) -> bool | str:
    import numpy as np
    import pandas as pd
    from sklearn.metrics import log_loss

    frames = []
    for late, n in ((3, 10), (9, 20)):
        frames.append(pd.DataFrame({"late": [1] * late + [0] * (n - late)}))
    both = [constant_loss(train.copy(), test.copy()) for train, test in (frames, frames[::-1])]
    if any(one is None for one in both):
        return "It returns nothing: return the log loss."
    if any(isinstance(one, dict) for one in both):
        return "It returns a dict of scores: return the log loss alone, a number."
    for found, (train, test) in zip(both, (frames, frames[::-1]), strict=True):
        known, own = train["late"].mean(), test["late"].mean()
        together = pd.concat([train, test])["late"].mean()

        def loss(share: float, rows: Any = test) -> float:
            return float(log_loss(rows["late"], np.full(len(rows), share)))

        if same(found, loss(known)):
            continue
        for share, why in (
            (own, "That is the test's own share: nobody knows it when the test begins."),
            (together, "That share is of all rows, the test's among them: take train alone."),
            (0.5, "It says 0.5 to everybody: say the share that was late in train."),
            (1 - known, "It says the share that came in time: say the share that was late."),
        ):
            if same(found, loss(share)):
                return why
        if same(found, loss(known, train)) or same(found, loss(own, train)):
            return "That is the loss on train: the score is asked of the test's rows."
        if same(found, known):
            return "That is the share itself: the log loss of saying it was asked for."
        if same(found, float(np.mean((test["late"] - known) ** 2))):
            return "That is the mean squared error (Brier): use log_loss."
        hard = [float(log_loss(test["late"], np.full(len(test), x))) for x in (0.0, 1.0)]
        if any(same(found, one) for one in hard):
            return "It says 0 or 1, a class: say the share, a probability."
        if same(*both):
            return "For other tables it gives the same number: compute it from train and test."
        return mistake(found, loss(known))
    return True
