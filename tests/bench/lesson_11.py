# ruff: noqa: E501
"""Answers to the exercises of lesson 11.

The commands change what is recorded, so right ones are tried only where they may be given again.
"""

from classroom.bench import Answers

READ = "flown = drops.read('flights', start, end, lookback=True)\n    "


def labels(body):
    return f"def labels(drops, start, end):\n    {body}"


def week(body):
    return f"import pandas as pd\n\n\ndef week_mean(flown, day):\n    {body}"


DAY = "day = pd.Timestamp(day)\n    "
WEEK = "week = flown[(flown['date'] < day) & (flown['date'] >= day - pd.Timedelta(days=7))]\n    "
TWO = "found = week.groupby('route')['air_time'].agg(['mean', 'size'])\n    "
KEPT = "return found.loc[found['size'] >= 2, 'mean']"

BENCH = {
    "11-ex1": Answers(
        wrong=(
            (
                labels(READ + "return flown.assign(label=flown['air_time'])[[*case.key, 'label']]"),
                "empty",
            ),
            (
                labels(
                    READ + "return flown.assign(label=flown['air_time'].fillna(0.0))"
                    "[[*case.key, 'label']]"
                ),
                "more rows",
            ),
            (
                labels(
                    READ + "flown = flown.dropna(subset='air_time')\n    "
                    "return flown.assign(label=flown['air_time'] / 60)[[*case.key, 'label']]"
                ),
                "hours",
            ),
            (
                labels(
                    READ + "flown = flown.dropna(subset='air_time')\n    "
                    "return flown.assign(label=flown['arr_delay'].astype(float))"
                    "[[*case.key, 'label']]"
                ),
                "minutes in the air",
            ),
            (
                labels(
                    READ + "flown = flown.dropna(subset='air_time')\n    "
                    "return flown.assign(label=flown['air_time'].astype(float))[['date', 'label']]"
                ),
                "key is not whole",
            ),
            (
                labels(
                    READ + "flown = flown.dropna(subset='air_time')\n    "
                    "return flown.assign(label=flown['air_time'].astype(float))"
                ),
                "more columns",
            ),
            (labels(READ + "return flown.dropna(subset='air_time')['air_time']"), "a table"),
            (labels(READ + "flown.dropna(subset='air_time')"), "nothing"),
            (
                labels(
                    "flown = drops.read('flights', start, start, lookback=True)"
                    ".dropna(subset='air_time')\n    "
                    "return flown.assign(label=flown['air_time'].astype(float))"
                    "[[*case.key, 'label']]"
                ),
                "fewer rows",
            ),
            (
                labels(
                    READ + "flown = flown.dropna(subset='air_time')\n    "
                    "flown = flown[flown['dep_delay'] < 60]\n    "
                    "return flown.assign(label=flown['air_time'].astype(float))"
                    "[[*case.key, 'label']]"
                ),
                "fewer rows",
            ),
            (
                labels(
                    "return january.assign(label=january['air_time'].astype(float))"
                    ".dropna(subset='label')[[*case.key, 'label']]"
                ),
                "flights that flew",
            ),
        ),
        right=(
            labels(
                READ + "flown = flown.dropna(subset='air_time')\n    "
                "return flown.assign(label=flown['air_time'].astype(float))[[*case.key, 'label']]"
            ),
            labels(
                READ + "flown = flown[flown['air_time'].notna()]\n    "
                "table = flown[list(case.key)].copy()\n    "
                "table['label'] = flown['air_time'].astype('float64')\n    "
                "return table.sort_values(list(case.key))"
            ),
            labels(
                READ
                + "kept = flown.rename(columns={'air_time': 'label'}).dropna(subset='label')\n    "
                "return kept[[*case.key, 'label']].astype({'label': float}).reset_index(drop=True)"
            ),
        ),
    ),
    "11-ex2": Answers(
        wrong=(
            (
                "from datetime import timedelta\n\n\n"
                "def week_mean(flown, day):\n    "
                "week = flown[(flown['date'] >= day - timedelta(days=7)) & (flown['date'] < day)]\n    "
                + TWO
                + KEPT,
                "pd.Timestamp(day)",
            ),
            (week(DAY + WEEK.replace("< day)", "<= day)") + TWO + KEPT), "the day itself"),
            (week(DAY + "week = flown\n    " + TWO + KEPT), "the day itself"),
            (
                week(DAY + WEEK.replace(">= day - pd", "> day - pd") + TWO + KEPT),
                "seven days ago",
            ),
            (week(DAY + WEEK.replace("days=7", "days=8") + TWO + KEPT), "eight days ago"),
            (week(DAY + WEEK + TWO + "return found['mean']"), "one flight"),
            (week(DAY + WEEK + TWO + KEPT.replace(">= 2", "> 2")), "two flights"),
            (
                week(
                    DAY + WEEK + "found = week.groupby(['route', 'date'])['air_time'].mean()"
                    ".groupby('route').agg(['mean', 'size'])\n    " + KEPT
                ),
                "It should say",
            ),
            (week(DAY + WEEK + TWO + KEPT.replace("'mean'", "['mean']")), "a table"),
            (week(DAY + WEEK + "return week['air_time'].mean()"), "one value"),
            (week(DAY + WEEK + TWO + "found.loc[found['size'] >= 2, 'mean']"), "nothing"),
            (
                week(
                    DAY
                    + "flown['date'] = flown['date'] + pd.Timedelta(days=1)\n    "
                    + WEEK
                    + TWO
                    + KEPT
                ),
                "in place",
            ),
            (week(DAY + WEEK.replace("< day)", "> day)") + TWO + KEPT), "It should say"),
        ),
        right=(
            week(DAY + WEEK + TWO + KEPT),
            week(
                DAY + "ago = (day - flown['date']).dt.days\n    "
                "week = flown[ago.between(1, 7)].groupby('route')['air_time']\n    "
                "return week.mean()[week.count() >= 2]"
            ),
            week(
                DAY + WEEK + "return week.groupby('route').filter(lambda g: len(g) >= 2)"
                ".groupby('route')['air_time'].mean()"
            ),
            week(
                DAY
                + WEEK
                + "return {r: g['air_time'].mean() for r, g in week.groupby('route') if len(g) > 1}"
            )
            .replace("return {", "return pd.Series({")
            .replace("len(g) > 1}", "len(g) > 1})"),
        ),
    ),
    "11-ex3": Answers(
        wrong=(
            ("proven = 0", "typed in"),
            (
                "proven = sum(v.check('beats_naive').interval.mean < 0 for v in verdicts['each quarter'])",
                "its mean",
            ),
            (
                "proven = sum(v.check('beats_naive').interval.low < 0 for v in verdicts['each quarter'])",
                "lower end",
            ),
            (
                "proven = sum(v.check('beats_naive').interval.low > 0 for v in verdicts['each quarter'])",
                "worse",
            ),
            ("proven = sum(v.verdict == 'hold' for v in verdicts['each quarter'])", "held"),
            (
                "proven = sum(v.check('beats_naive').interval.high < 0 for v in verdicts['left alone'])",
                "another",
            ),
            ("proven = len(verdicts)", "all fortnights"),
            (
                "proven = 1 - sum(v.check('beats_naive').interval.high < 0 for v in verdicts['each quarter'])",
                "worse",
            ),
            (
                "proven = [v for v in verdicts['each quarter'] if v.check('beats_naive').interval.high < 0]",
                "high",
            ),
            ("proven = '0'", "text"),
        ),
        right=(
            "proven = sum(v.check('beats_naive').interval.high < 0 for v in verdicts['each quarter'])",
            "proven = len([1 for v in verdicts['each quarter'] if v.check('beats_naive').outcome == 'pass'])".replace(
                ".outcome == 'pass'", ".interval.high < 0"
            ),
            "import numpy as np\nproven = int(np.sum([v.check('beats_naive').interval.high < 0 "
            "for v in verdicts['each quarter']]))",
        ),
    ),
    "11-type1": Answers(
        wrong=(
            ("!firstflight gate -u air_time", "Which version"),
            ("!firstflight gate 1 --help", "-u air_time"),
            ("!firstflight gat 1 -u air_time", "firstflight gate"),
            ("!firstflight status -u air_time", "firstflight gate"),
            ("print('gate 1')", "firstflight gate"),
            ("!firstflight --help", "firstflight gate"),
            ("verdict = 'hold'", "firstflight gate"),
            ("firstflight gate 1 -u air_time", "SyntaxError"),
            ("!gate 1 -u air_time", "firstflight gate"),
        ),
        right=("!firstflight gate 1 -u air_time", "!firstflight gate 1 --usecase air_time"),
    ),
    "11-type2": Answers(
        wrong=(
            (
                '!firstflight waive 1 -u air_time --by me --reason "a tie, we look on 22 November"',
                "by me does not count",
            ),
            (
                '!firstflight waive 1 -u air_time --by model_owner --reason "a tie, we look again soon" --help',
                "22 November",
            ),
            ("!firstflight waive 1 --by model_owner --help", "-u air_time"),
            ("!firstflight promote 1 -u air_time --help", "firstflight waive"),
            ("!firstflight gate --help", "firstflight waive"),
            ("waiver = 'model_owner'", "firstflight waive"),
            ("!firstflight --help", "firstflight waive"),
            ("!firstflight status -u air_time", "firstflight waive"),
            ("firstflight waive 1 -u air_time", "SyntaxError"),
            ("print('waived')", "firstflight waive"),
        ),
        right=("!firstflight waive 1 -u air_time --help",),
    ),
    "11-type3": Answers(
        wrong=(
            ("!firstflight abort -u air_time --help", "something else"),
            ("!firstflight rollback -u air_time --help", "something else"),
            ("!firstflight withdraw --help", "-u air_time"),
            ("!firstflight clean --help", "something else"),
            ("service.running", "takes every release out"),
            ("!firstflight status -u air_time", "takes every release out"),
            ("firstflight withdraw -u air_time", "SyntaxError"),
            ("print('withdraw')", "takes every release out"),
        ),
        right=("!firstflight withdraw -u air_time --help",),
    ),
}
