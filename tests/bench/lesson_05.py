"""Answers to the exercises of lesson 05."""

from classroom.bench import Answers


def blocks(length="rules.block_days", kind="CircularBlockBootstrap", size="rules.confidence"):
    return (
        f"from arch.bootstrap import {kind}\n"
        "def by_blocks(numbers):\n"
        f"    bootstrap = {kind}({length}, numbers, seed=1)\n"
        "    low, high = bootstrap.conf_int(np.mean, 1000, method='percentile', "
        f"size={size})\n"
        "    return float(low[0]), float(high[0])"
    )


def by_blocks(body):
    return f"def by_blocks(numbers):\n    {body}"


def decide(body):
    return f"def decide(found):\n    {body}"


def gap(call, rows='(rows["carrier"] == carrier).to_numpy()'):
    return f"def gap_of(carrier):\n    its = {rows}\n    return {call}"


MINE = 'loss["no EV"][its], live[its], rows["date"][its]'


def rule(
    worst="bias.abs().idxmax()",
    outcome='"fail" if abs(bias[worst]) > rules.calibration_max else "pass"',
    value="bias[worst]",
    threshold="rules.calibration_max",
    sentence='f"{worst} is off by {bias[worst]:+.3f}"',
    name='"carrier_calibration"',
    keep=" >= rules.slice_min_rows",
):
    return (
        "def carrier_calibration(rows, rules):\n"
        '    off = (rows["candidate"] - rows["label"]).groupby(rows["carrier"])\n'
        f"    bias = off.mean()[off.size(){keep}]\n"
        f"    worst = {worst}\n"
        f"    outcome = {outcome}\n"
        f"    return gate.Check(rule={name}, outcome=outcome, value={value},\n"
        f"                      threshold={threshold}, sentence={sentence})"
    )


def decision(verdict='"wait"', by='"model_owner"', reason='"not proven by this fortnight"', **more):
    keys = {"verdict": verdict, "by": by, "reason": reason, "look_again": '"2013-04-15"'} | more
    return f"decision = {{{', '.join(f'{key!r}: {value}' for key, value in keys.items())}}}"


BENCH = {
    "05-ex1": Answers(
        wrong=(
            ("asked = seen", "nobody knows"),
            ("asked = seen.assign(dep_delay=0)", "in time"),
            ("asked = seen.fillna(0).assign(dep_delay=0.0)", "in time"),
            ("asked = seen.assign(dep_delay=seen['dep_delay'].mean())", "11.07 claims the same"),
            ("asked = seen.drop(columns='dep_delay')", "wants it"),
            ("asked = window", "wants it"),
            ("asked = seen.dropna()", "every row"),
            ("asked = seen.assign(dep_delay=None)", "float('nan')"),
            ("asked = seen.assign(dep_delay='nan')", "missing"),
            ("seen['dep_delay'] = float('nan')\nasked = seen", "changes seen"),
            ("asked = seen.assign(dep_delay=float('nan')).round(1)", "other columns"),
            ("asked = seen['dep_delay'] * float('nan')", "no value"),
            ("asked = seen.assign(dep_delay=nan)", "NameError"),
        ),
        right=(
            "asked = seen.assign(dep_delay=float('nan'))",
            "import numpy as np\nasked = seen.copy()\nasked['dep_delay'] = np.nan",
            "import numpy as np\nasked = window.assign(dep_delay=np.nan)",
            "asked = seen.assign(dep_delay=seen['dep_delay'].where(seen['dep_delay'].isna()))",
        ),
    ),
    "05-ex2": Answers(
        wrong=(
            (blocks("1"), "blocks of"),
            (blocks("7"), "longer blocks"),
            (
                by_blocks(
                    "return CircularBlockBootstrap(rules.block_days, numbers, seed=1)"
                    ".conf_int(np.mean, 1000, method='percentile', size=rules.confidence)"
                ),
                "[:, 0]",
            ),
            (blocks(size="0.95"), "95%"),
            (blocks(size="0.5"), "times as wide"),
            (blocks("2", size="0.9"), "typed in"),
            (blocks(size="0.9"), "typed in"),
            (
                by_blocks(
                    "from arch.bootstrap import IIDBootstrap\n    return IIDBootstrap(numbers, "
                    "seed=1).conf_int(np.mean, 1000, method='percentile', size=0.9).ravel()"
                ),
                "blocks of",
            ),
            (
                by_blocks(
                    "return CircularBlockBootstrap(rules.block_days, numbers, seed=1)"
                    ".conf_int(np.mean, 1000)[:, 0]"
                ),
                "95%",
            ),
            (
                by_blocks(
                    "return CircularBlockBootstrap(rules.block_days, numbers, seed=1)"
                    ".conf_int(np.mean, 1000, size=rules.confidence)[0]"
                ),
                "two numbers",
            ),
            (by_blocks("return CircularBlockBootstrap(2, numbers, seed=1)"), "two numbers"),
            (by_blocks("return np.quantile(numbers, [0.05, 0.95])"), "single days"),
            (
                blocks().replace("float(low[0]), float(high[0])", "float(high[0]), float(low[0])"),
                "low comes first",
            ),
            (
                blocks().replace("kind", "kind").replace(", numbers, seed", ", daily, seed"),
                "mean of the numbers",
            ),
            (by_blocks("return -0.012, 0.005"), "mean of the numbers"),
            (by_blocks("CircularBlockBootstrap(rules.block_days, numbers, seed=1)"), "nothing"),
            (blocks(size="confidence"), "NameError"),
        ),
        right=(
            blocks(),
            blocks().replace("seed=1", "seed=20130401").replace("1000", "2000"),
            by_blocks(
                "return CircularBlockBootstrap(rules.block_days, numbers, seed=7)"
                ".conf_int(np.mean, 1000, size=rules.confidence).ravel()"
            ),
            by_blocks(
                "b = CircularBlockBootstrap(rules.block_days, np.asarray(numbers), seed=3)\n"
                "    means = b.apply(np.mean, 1000)\n"
                "    tail = (1 - rules.confidence) / 2\n"
                "    return list(np.quantile(means, [tail, 1 - tail]))"
            ),
        ),
    ),
    "05-ex3": Answers(
        wrong=(
            (decide("return 'pass'"), "says 'pass'"),
            (decide("return 'hold'"), "says 'hold'"),
            (decide("return 'pass' if found.mean < 0 else 'fail'"), "holds 0"),
            (
                decide("return 'pass' if found.low > 0 else 'fail' if found.high < 0 else 'hold'"),
                "lower loss",
            ),
            (
                decide("return 'pass' if found.low < 0 else 'fail' if found.high > 0 else 'hold'"),
                "holds 0",
            ),
            (decide("return 'pass' if found.high < 0 else 'fail'"), "holds 0"),
            (decide("return 'pass' if found.high < 0 else 'hold'"), "above 0"),
            (
                decide(
                    "return 'pass' if found.high <= 0 else 'fail' if found.low >= 0 else 'hold'"
                ),
                "0 itself",
            ),
            (
                decide(
                    "return 'better' if found.high < 0 else 'worse' if found.low > 0 else 'hold'"
                ),
                "says 'better'",
            ),
            (decide("return found.high < 0"), "words"),
            (decide("print('pass')"), "nothing"),
            (decide("return 'pass' if found['high'] < 0 else 'hold'"), "TypeError"),
        ),
        right=(
            decide("return 'pass' if found.high < 0 else 'fail' if found.low > 0 else 'hold'"),
            decide(
                "if found.low <= 0 <= found.high:\n        return 'hold'\n"
                "    return 'pass' if found.mean < 0 else 'fail'"
            ),
            "decide = lambda found: {-2: 'pass', 2: 'fail'}.get("
            "int(np.sign(found.low) + np.sign(found.high)), 'hold')",
        ),
    ),
    "05-ex4": Answers(
        wrong=(
            (
                gap('metrics.difference(loss["no EV"], live, rows["date"], **rules.how)'),
                "only the carrier's",
            ),
            (gap(f"metrics.difference({MINE}, **rules.how)", 'rows["carrier"] == "EV"'), "EV's"),
            (gap(f"metrics.difference({MINE}, rules.how)"), "and **rules.how"),
            (
                gap(f"metrics.difference({MINE}, **rules.how)", 'rows["carrier"] != carrier'),
                "all the others",
            ),
            (
                gap(
                    'metrics.difference(live[its], loss["no EV"][its], rows["date"][its],'
                    " **rules.how)"
                ),
                "sign",
            ),
            (
                gap(f"metrics.difference({MINE}, **rules.how)").replace('"no EV"', '"trees"'),
                "'trees'",
            ),
            (gap(f"metrics.difference({MINE})"), "confidence"),
            (gap(f"metrics.difference({MINE}, confidence=0.9, block_days=1)"), "block_days"),
            (
                gap(f"metrics.difference({MINE}, **rules.how | {{'autocorrelation': 0.0}})"),
                "autocorrelation",
            ),
            (gap('(loss["no EV"][its] - live[its]).mean()'), "an Interval"),
            (gap(f"str(metrics.difference({MINE}, **rules.how))"), "a str"),
            (
                gap('metrics.difference(loss["no EV"][its], live[its], rows["date"], **rules.how)'),
                "MetricError",
            ),
            (gap(f"metrics.difference({MINE}, **rules)"), "TypeError"),
            (gap(f"metrics.interval({MINE}, **rules.how)"), "TypeError"),
        ),
        right=(
            gap(f"metrics.difference({MINE}, **rules.how)"),
            # Another seed draws other blocks, and is no mistake.
            gap(f"metrics.difference({MINE}, **rules.how | {{'seed': 1}})"),
            gap('metrics.interval((loss["no EV"] - live)[its], rows["date"][its], **rules.how)'),
            gap(
                f"metrics.difference({MINE}, n=1000, confidence=0.9, block_days=2, "
                "autocorrelation=0.35, seed=5)"
            ),
            gap(f"metrics.difference({MINE}, **rules.how)", 'rows["carrier"].eq(carrier)'),
        ),
    ),
    "05-ex5": Answers(
        wrong=(
            ('choice = {"block_days": 2, "autocorrelation": 0.35}', "holds 0"),
            ('choice = {"block_days": 1, "autocorrelation": 0.35}', "holds 0"),
            ('choice = {"block_days": 2, "autocorrelation": 0}', "holds 0"),
            ('choice = {"block_days": 14, "autocorrelation": 0.9}', "half of the days"),
            ('choice = {"block_days": 0, "autocorrelation": 0.0}', "1 or more"),
            ('choice = {"block_days": 1.5, "autocorrelation": 0.0}', "whole number"),
            ('choice = {"block_days": "1", "autocorrelation": 0.0}', "whole number"),
            ('choice = {"block_days": 1, "autocorrelation": -0.5}', "from 0 to 0.9"),
            ('choice = {"block_days": 1, "autocorrelation": 1}', "from 0 to 0.9"),
            ('choice = {"block_days": 1}', "autocorrelation is missing"),
            ('choice = {"confidence": 0.5, "block_days": 2, "autocorrelation": 0.35}', "Leave"),
            ("choice = (1, 0.0)", "a tuple"),
            ('choice = "fail"', "a str"),
            ('choice = {block_days: 1, "autocorrelation": 0.0}', "NameError"),
        ),
        right=(
            'choice = {"block_days": 1, "autocorrelation": 0.0}',
            "choice = dict(autocorrelation=0, block_days=1)",
            'choice = {"block_days": np.int64(1), "autocorrelation": np.float64(0.0)}',
        ),
    ),
    "05-ex6": Answers(
        wrong=(
            (rule(worst="bias.idxmax()"), "says 'pass'"),
            (rule(worst="bias.idxmin()"), "too high"),
            (rule(outcome='"fail" if bias[worst] > rules.calibration_max else "pass"'), "off by"),
            (rule(outcome='"fail" if abs(bias[worst]) > 0.1 else "pass"'), "limit is rules'"),
            (
                rule(outcome='"fail" if abs(bias[worst]) >= rules.calibration_max else "pass"'),
                "at the limit",
            ),
            (
                rule(outcome='"pass" if abs(bias[worst]) > rules.calibration_max else "fail"'),
                "off by",
            ),
            (rule(outcome='"pass"'), "says 'pass'"),
            (rule(value="abs(bias[worst])"), "lost the sign"),
            (rule(value="bias.mean()"), "furthest off"),
            (rule(value="None"), "furthest off"),
            (rule(threshold="0.1"), "threshold"),
            (rule(threshold="None"), "threshold"),
            (rule(sentence='"the bias is too large"'), "does not name"),
            (rule(sentence='f"{worst} is off"'), "no number"),
            (rule(name='"calibration"'), "already"),
            (rule(keep=" > 0"), "few flights"),
            (rule(outcome="abs(bias[worst]) <= rules.calibration_max"), "ValidationError"),
            (
                "def carrier_calibration(rows, rules):\n"
                '    off = (rows["candidate"] - rows["label"]).groupby(rows["carrier"])\n'
                "    return off.mean().abs().max() <= rules.calibration_max",
                "a gate.Check",
            ),
            (
                rule().replace(
                    "    off =", '    rows["candidate"] = rows["candidate"].round(3)\n    off ='
                ),
                "in place",
            ),
        ),
        right=(
            rule(),
            rule(name='"by_carrier"', sentence='f"{bias[worst]:+.0%} for {worst}"'),
            rule(worst="max(bias.index, key=lambda name: abs(bias[name]))"),
            rule(
                outcome='"pass" if bias.abs().max() <= rules.calibration_max else "fail"',
                value="float(bias[worst])",
            ),
        ),
    ),
    "05-ex7": Answers(
        wrong=(
            ('broken = rows.assign(candidate=rows["live"])', "lets it pass"),
            ("broken = rows", "no column candidate"),
            ('broken = rows.assign(candidate=(rows["live"] + 0.3).clip(upper=1))', "everybody"),
            (
                'broken = rows.assign(candidate=rows["live"] + 0.3 * (rows["carrier"] == "EV"))',
                "between 0 and 1",
            ),
            (
                'broken = rows.assign(candidate=rows["live"].where(rows["carrier"] != "YV", 1))',
                "few flights",
            ),
            ('broken = rows[rows["carrier"] == "EV"].assign(candidate=1.0)', "all"),
            (
                'broken = rows.assign(candidate=rows["live"].where(rows["carrier"] != "EV"))',
                "missing",
            ),
            (
                'broken = rows.assign(candidate=rows["live"], '
                'label=rows["label"].where(rows["carrier"] != "EV", 0))',
                "label",
            ),
            ('broken = rows["live"] + 0.15', "a Series"),
            (
                'broken = rows.assign(candidate=rows["live"].where(rows["carrier"] != "EV", '
                'rows["live"] + 0.05))',
                "lets it pass",
            ),
            (
                'rows["candidate"] = rows["live"].where(rows["carrier"] != "EV", 0.9)\n'
                "broken = rows",
                "changes rows",
            ),
            ('broken = predictions["no EV"]', "a ndarray"),
            ("broken = rows.assign(candidate=live)", "from"),
        ),
        right=(
            'broken = rows.assign(candidate=rows["live"].where(rows["carrier"] != "EV", 0.6))',
            'broken = rows.assign(candidate=predictions["no EV"])',
            'broken = rows.copy()\nbroken["candidate"] = rows["live"]\n'
            'broken.loc[broken["carrier"] == "UA", "candidate"] = 0.0',
            'push = rows["carrier"].map({"EV": 0.15, "B6": -0.15}).fillna(0)\n'
            'broken = rows.assign(candidate=(rows["live"] + push).clip(0, 1))',
        ),
    ),
    # Judging again makes one more record of the same verdict, so few right answers are tried.
    "05-type1": Answers(
        wrong=(
            ("!firstflight gate 1 --by model_owner\ncode = _exit_code", "no --by"),
            ("# a role?\n!true firstflight gate 1 -b me\ncode = 0", "exclamation"),
            ("!firstflight gate\ncode = _exit_code", "which version"),
            ("!firstflight gates 1\ncode = _exit_code", "another one"),
            ("print('firstflight status')\ncode = 0", "another one"),
            ("'firstflight gate 1'\ncode = 0", "exclamation"),
            ("code = 1", "28 March"),
            ("code = 3", "a hold or a fail"),
            ("code = '0'", "is a number"),
            ("code = 'pass'", "is a number"),
            ("code = 127", "no such command"),
            ("code = True", "is a number"),
            ("code = exit_code", "NameError"),
        ),
        right=(
            "!firstflight gate 1\ncode = _exit_code",
            "# in a terminal\ncode = 0",
            "code = int('0')",
        ),
    ),
    "05-look1": Answers(
        wrong=(
            ('judged_by = "gate.rules_digest"', "name of a tag"),
            (
                "from mlflow import MlflowClient\njudged_by = MlflowClient().get_model_version("
                '"flights", "1").tags["snapshot"]',
                "snapshot",
            ),
            (
                "from mlflow import MlflowClient\njudged_by = MlflowClient().get_model_version("
                '"flights", "1").tags["release_digest"]',
                "release_digest",
            ),
            (
                "from mlflow import MlflowClient\njudged_by = MlflowClient().get_model_version("
                '"flights", "1").tags["gate.window"]',
                "gate.window",
            ),
            ("judged_by = process.digest(rules)[:6]", "beginning"),
            ("judged_by = process.digest(rules) + ' '", "without spaces"),
            ("judged_by = process.digest(rules).upper()", "small letters"),
            ("judged_by = process.digest(process.load())", "no tag"),
            ("judged_by = 1", "in quotes"),
            ("judged_by = ''", "empty"),
            ("judged_by = 'pass'", "value of"),
            ("judged_by = gate.rules_digest", "AttributeError"),
        ),
        right=(
            "from mlflow import MlflowClient\njudged_by = MlflowClient().get_model_version("
            '"flights", "1").tags["gate.rules_digest"]',
            "judged_by = process.digest(rules)",
            'judged_by = registry.tags("flights", "1")["gate.rules_digest"]',
        ),
    ),
    "05-decide1": Answers(
        wrong=(
            ('decision = "wait"', "a dict"),
            ('decision = {"verdict": "wait"}', "'by' is missing"),
            (decision(verdict='"hold"'), "two ways"),
            (decision(verdict="True"), "write a text"),
            (decision(verdict='"ship"', by='"on_call"'), "waiver"),
            (decision(by='"me"'), "no role"),
            (decision(by='"model owner"'), "no role"),
            (decision(reason='"trust me"'), "bad night"),
            (decision(reason='"becausebecause"'), "bad night"),
            (decision(look_again='"2013-03-31"'), "is over"),
            (decision(look_again='"2013-04-08"'), "fortnight"),
            (decision(look_again='"2013-04-14"'), "fortnight"),
            (decision(look_again='"in two weeks"'), "no day"),
            (decision(look_again='"15 April 2013"'), "no day"),
            (decision(look_again='"2014-04-01"'), "three months"),
            (decision(who='"me"'), "too much"),
            ("decision = wait", "NameError"),
        ),
        right=(
            decision(),
            decision(verdict='"ship"', reason='"we lose little, and learn what it costs to run"'),
            decision(by='"on_call"', look_again='"2013-05-01"'),
            "decision = dict(verdict='wait', by='data_owner', reason='one fortnight is too few', "
            "look_again='2013-06-30')",
        ),
    ),
}
