"""Answers to the exercises of lesson 01."""

from classroom.bench import Answers


def split_rows(*lines):
    return "def split_rows(rows):\n    " + "\n    ".join(lines)


def split_at(*lines):
    return "def split_at(rows, cut, days):\n    " + "\n    ".join(lines)


def leaks(*lines):
    return "def leaks(known_at, asked_at):\n    " + "\n    ".join(lines)


def constant(*lines):
    return "def constant_loss(train, test):\n    " + "\n    ".join(lines)


END = "end = cut + pd.Timedelta(days=days)"
BENCH = {
    "01-ex1": Answers(
        wrong=(
            (split_rows("return train_test_split(rows, test_size=0.25)"), "seed"),
            (split_rows("return train_test_split(rows.sort_values(KEY), test_size=0.25)"), "seed"),
            (
                split_rows("return train_test_split(rows, test_size=0.25, random_state=0)"),
                "another order",
            ),
            (
                split_rows(
                    "return train_test_split(rows.sort_values('date'), test_size=0.25, "
                    "random_state=0)"
                ),
                "another order",
            ),
            (
                split_rows(
                    "return train_test_split(rows.sort_index(), test_size=0.25, random_state=0)"
                ),
                "index",
            ),
            (
                split_rows(
                    "return train_test_split(rows.sort_values(KEY), test_size=0.75, random_state=0)"
                ),
                "test_size",
            ),
            (
                split_rows("return train_test_split(rows.sort_values(KEY), random_state=0)[::-1]"),
                "train comes first",
            ),
            (
                split_rows(
                    "return train_test_split(rows.sort_values(KEY), test_size=0.2, random_state=0)"
                ),
                "a quarter",
            ),
            (
                split_rows(
                    "rows.sort_values(KEY, inplace=True)",
                    "return train_test_split(rows, test_size=0.25, random_state=0)",
                ),
                "in place",
            ),
            (
                split_rows(
                    "return train_test_split(table.sort_values(KEY), test_size=0.25, "
                    "random_state=0)"
                ),
                "split `rows`",
            ),
            (
                split_rows(
                    "rows = rows.sort_values(KEY)",
                    "n = len(rows) * 3 // 4",
                    "return rows[:n], rows[n:]",
                ),
                "random quarter",
            ),
            (
                split_rows(
                    "train, test = train_test_split(rows.sort_values(KEY), test_size=0.25, "
                    "random_state=0)"
                ),
                "two tables",
            ),
            (split_rows("return rows, rows"), "exactly one"),
            (
                split_rows(
                    "rows = rows.sort_values(KEY)",
                    "return train_test_split(rows[NUMBERS], rows['late'], test_size=0.25, "
                    "random_state=0)",
                ),
                "two tables",
            ),
            (
                split_rows("return train_test_split(rows.sort_values(key), random_state=0)"),
                "NameError",
            ),
        ),
        right=(
            split_rows(
                "return train_test_split(rows.sort_values(KEY), test_size=0.25, random_state=0)"
            ),
            split_rows(
                "ordered = rows.sort_values(['carrier', 'flight', 'date', 'origin'])",
                "train, test = train_test_split(ordered, train_size=0.75, random_state=42)",
                "return train, test",
            ),
            split_rows(
                "quarter = pd.util.hash_pandas_object(rows[KEY], index=False) % 4",
                "return rows[quarter > 0], rows[quarter == 0]",
            ),
            split_rows(
                "rows = rows.set_index(KEY).sort_index().reset_index()",
                "test = rows.sample(frac=0.25, random_state=7)",
                "return rows.drop(test.index), test",
            ),
            split_rows(
                "rows = rows.sort_values(KEY, ignore_index=True)",
                "return list(train_test_split(rows, random_state=np_state()))",
            )
            + "\ndef np_state():\n    import numpy as np\n    return np.random.RandomState(3)",
        ),
    ),
    "01-ex2": Answers(
        wrong=(
            (
                split_at(
                    END,
                    "return rows[rows['date'] <= cut], "
                    "rows[(rows['date'] >= cut) & (rows['date'] < end)]",
                ),
                "in both",
            ),
            (
                split_at("return rows[rows['date'] < cut], rows[rows['date'] >= cut]"),
                "count them",
            ),
            (
                split_at(
                    END,
                    "return rows[rows['date'] < cut], "
                    "rows[(rows['date'] >= cut) & (rows['date'] <= end)]",
                ),
                "8 days",
            ),
            (
                split_at(
                    END,
                    "return rows[rows['date'] <= cut], "
                    "rows[(rows['date'] > cut) & (rows['date'] < end)]",
                ),
                "end it before the cut",
            ),
            (
                split_at(
                    END,
                    "return rows[rows['date'] < cut], "
                    "rows[(rows['date'] > cut) & (rows['date'] <= end)]",
                ),
                "first day",
            ),
            (
                split_at(
                    END,
                    "return rows[(rows['date'] >= cut) & (rows['date'] < end)], "
                    "rows[rows['date'] < cut]",
                ),
                "exchanged",
            ),
            (split_at("return train_test_split(rows, random_state=0)"), "has seen them"),
            (split_at("return rows, rows[rows['date'] >= cut]"), "has seen them"),
            (
                split_at(
                    "cut = pd.Timestamp('2013-03-18')",
                    "return rows[rows['date'] < cut], rows[rows['date'] >= cut]",
                ),
                "train has 0 rows",
            ),
            (
                split_at(
                    END,
                    "start = cut - pd.Timedelta(days=days)",
                    "return rows[(rows['date'] >= start) & (rows['date'] < cut)], "
                    "rows[(rows['date'] >= cut) & (rows['date'] < end)]",
                ),
                "all 57",
            ),
            (
                split_at(
                    "end = cut + pd.Timedelta(days=7)",
                    "return rows[rows['date'] < cut], "
                    "rows[(rows['date'] >= cut) & (rows['date'] < end)]",
                ),
                "days=14",
            ),
            (
                split_at(
                    "return rows[rows['date'] < cut], "
                    "rows[(rows['date'] >= cut) & (rows['date'] < cut + days)]"
                ),
                "raised",
            ),
            (split_at(END, "train = rows[rows['date'] < cut]"), "two tables"),
            (split_at(END, "return rows[rows['date'] < cut]"), "two tables"),
            (
                split_at(
                    "ordered = rows.sort_values('date')",
                    "return ordered.iloc[:-days], ordered.iloc[-days:]",
                ),
                "has seen",
            ),
        ),
        right=(
            split_at(
                END,
                "return rows[rows['date'] < cut], "
                "rows[(rows['date'] >= cut) & (rows['date'] < end)]",
            ),
            split_at(
                "last = cut + pd.Timedelta(days - 1, unit='D')",
                "return rows.loc[rows['date'] < cut], rows.loc[rows['date'].between(cut, last)]",
            ),
            split_at(
                "age = (rows['date'] - cut).dt.days",
                "return [rows[age < 0], rows[(age >= 0) & (age < days)]]",
            ),
            split_at(
                "end = cut + pd.DateOffset(days=days)",
                "train = rows.query('date < @cut').copy()",
                "test = rows.query('@cut <= date < @end').copy()",
                "return train, test",
            ),
        ),
    ),
    "01-ex3": Answers(
        wrong=(
            (
                leaks(
                    "late = known_at.gt(asked_at, axis=0)", "return list(late.columns[late.all()])"
                ),
                "not all",
            ),
            (
                leaks(
                    "late = known_at.ge(asked_at, axis=0)", "return list(late.columns[late.any()])"
                ),
                "after it, not at it",
            ),
            (
                leaks(
                    "late = known_at.gt(asked_at, axis=0)",
                    "return list(late.columns[late.mean() > 0.5])",
                ),
                "not all",
            ),
            (
                leaks(
                    "late = known_at.gt(asked_at, axis=0)",
                    "return list(late.columns[~late.any()])",
                ),
                "return the others",
            ),
            (
                leaks("return [c for c in known_at if (known_at[c] < asked_at).any()]"),
                "turn the comparison round",
            ),
            (
                leaks("return [c for c in known_at if (known_at[c] > asked_at).mean() > 0.05]"),
                "one flight of 400",
            ),
            (leaks("return known_at.gt(asked_at, axis=0).any()"), "names"),
            (leaks("return known_at.gt(asked_at, axis=0)"), "names"),
            (
                leaks("return ['dep_delay', 'air_time', 'temp_same_hour', 'late_yesterday']"),
                "typed in",
            ),
            (
                leaks(
                    "first = known_at.iloc[0] > asked_at.iloc[0]",
                    "return list(known_at.columns[first])",
                ),
                "not all",
            ),
            (
                leaks("return list(known_at.columns[known_at.max() > asked_at.max()])"),
                "ask each row",
            ),
            (leaks("return list(known_at.columns[(known_at > asked_at).any()])"), "row by row"),
            (leaks("late = known_at.gt(asked_at, axis=0)"), "nothing"),
            (leaks("return 'late_yesterday'"), "as a list"),
            (leaks("return list(known_at.columns)"), "not at it"),
            (leaks("return []"), "misses"),
        ),
        right=(
            leaks("late = known_at.gt(asked_at, axis=0)", "return list(late.columns[late.any()])"),
            leaks("return [c for c in known_at if (known_at[c] > asked_at).any()]"),
            leaks("return {c for c in known_at.columns if not (known_at[c] <= asked_at).all()}"),
            leaks(
                "late = known_at.apply(lambda column: (column > asked_at).any())",
                "return late[late].index",
            ),
            leaks(
                "apart = known_at.sub(asked_at, axis=0).max()",
                "return apart.index[apart > pd.Timedelta(0)].to_numpy()",
            ),
        ),
    ),
    "01-ex4": Answers(
        wrong=(
            (
                constant("return log_loss(test['late'], [1 - train['late'].mean()] * len(test))"),
                "came in time",
            ),
            (
                constant(
                    "from sklearn.dummy import DummyClassifier",
                    "return score(DummyClassifier(), train, test)",
                ),
                "a dict",
            ),
            (constant("return log_loss(test['late'], [test['late'].mean()] * len(test))"), "own"),
            (
                constant(
                    "train = pd.concat([train, test])",
                    "return log_loss(test['late'], [train['late'].mean()] * len(test))",
                ),
                "take train alone",
            ),
            (constant("return log_loss(test['late'], [0.5] * len(test))"), "0.5"),
            (constant("return 0.5296"), "same number"),
            (
                constant("return log_loss(train['late'], [train['late'].mean()] * len(train))"),
                "loss on train",
            ),
            (constant("return train['late'].mean()"), "share itself"),
            (
                constant("return ((test['late'] - train['late'].mean()) ** 2).mean()"),
                "Brier",
            ),
            (constant("return log_loss(test['late'], [0] * len(test))"), "0 or 1"),
            (
                constant("return -log_loss(test['late'], [train['late'].mean()] * len(test))"),
                "sign",
            ),
            (
                constant("return log_loss(test['late'], [train['late'].mean()] * len(train))"),
                "raised",
            ),
            (
                constant(
                    "return round(log_loss(test['late'], [train['late'].mean()] * len(test)), 3)"
                ),
                "do not round",
            ),
            (
                constant("return log_loss([train['late'].mean()] * len(test), test['late'])"),
                "raised",
            ),
            (
                constant(
                    "train, test = train_test_split(pd.concat([train, test]), random_state=0)",
                    "return log_loss(test['late'], [train['late'].mean()] * len(test))",
                ),
                "not the same",
            ),
            (constant("log_loss(test['late'], [train['late'].mean()] * len(test))"), "nothing"),
        ),
        right=(
            constant("return log_loss(test['late'], [train['late'].mean()] * len(test))"),
            constant(
                "import numpy as np",
                "return log_loss(test['late'], np.full(len(test), train['late'].mean()))",
            ),
            constant(
                "from sklearn.dummy import DummyClassifier",
                "dummy = DummyClassifier(strategy='prior').fit(train[['late']], train['late'])",
                "return log_loss(test['late'], dummy.predict_proba(test[['late']])[:, 1])",
            ),
            constant(
                "import math",
                "p, q = train['late'].mean(), test['late'].mean()",
                "return -(q * math.log(p) + (1 - q) * math.log(1 - p))",
            ),
        ),
    ),
}
