# ruff: noqa: E501
"""Answers to the exercises of lesson 09.

What moves an alias or rolls back changes the history, and what comes after it depends on that. So wrong
answers are those that their program refuses, or that do not reach it; right ones look up what was done.
"""

from classroom.bench import Answers

DECISION = {
    "verdict": "waive",
    "reason": "fresher data may help and the risk is small",
    "roll_back_if": "it is proven worse than version 2",
    "look_on": "2013-10-15",
}


def decided(**other):
    return f"decision = {DECISION | other!r}"


def without(key):
    return f"decision = { ({k: v for k, v in DECISION.items() if k != key})!r}"


def behind(body):
    return f"from firstflight import metrics\n\n\ndef behind(pairs, other):\n    {body}"


OURS = "a = metrics.row_loss('log_loss', pairs['label'], pairs['v3'])\n    "
THEIRS = "b = metrics.row_loss('log_loss', pairs['label'], pairs[other])\n    "
BOTH = OURS + THEIRS
READ = "client.get_model_version_by_alias('flights', 'live')"
MOVE = "client.set_registered_model_alias('flights', 'live', "
SAID = "\nsays_no = "
HISTORY = "\non_that_day = "


def change(name, **other):
    given = {
        "action": "'alias'",
        "after": "{'live': '2', 'previous': '3'}",
        "by": "'on_call'",
        "reason": "'version 3 is worse'",
    } | other
    action = given.pop("action")
    rest = ", ".join(f"{key}={value}" for key, value in given.items())
    return f"{name} = deployments.change('flights', {action}, {rest})"


def question(body, broken="about_1"):
    return (
        "import dataclasses\nfrom firstflight.errors import RollbackRefused\n\n\n"
        f"def my_question(evidence):\n    {body}\n\n\nbroken = {broken}"
    )


AGE = "age = (evidence.drops.today - date.fromisoformat(evidence.release.about['trained_to'])).days\n    "
REFUSE = "raise RollbackRefused(f'too old: {age} days')\n    "
FINE = "return f'it has learned {age} days ago'"


def moves(name):
    """Wrong answers to the two moves, none of which reaches the history."""
    return (
        (change(name, by="'data_owner'"), "may not"),
        (change(name, by="'nobody'"), "no role"),
        (change(name, reason="''"), "needs a reason"),
        (change(name, action="'move'"), "no change"),
        (change(name, after="{'live': '9'}"), "no version"),
        (change(name, after="{'champion': '2'}"), "no alias"),
        (f"{name} = {{'live': '2', 'previous': '3'}}", "a dict"),
        (f"{name} = deployments.change", "the entry"),
        (f"{name} = history.entries('flights')[-3]", "write one of your own"),
        (f"{name} = deployments.change('flights', 'alias')", "TypeError"),
        (f"{name} = None", "no value"),
    )


BENCH = {
    "09-decide1": Answers(
        wrong=(
            (without("look_on"), "'look_on' is missing"),
            (without("roll_back_if"), "'roll_back_if' is missing"),
            (decided(by="model_owner"), "too much"),
            (decided(verdict="ship"), "two ways"),
            (decided(verdict=True), "a bool"),
            (decided(reason="trust me"), "bad night"),
            (decided(roll_back_if="worse"), "bad night"),
            (decided(roll_back_if=DECISION["reason"]), "two different"),
            (decided(look_on="15 October"), "no day"),
            (decided(look_on="2013-09-30"), "not answered"),
            (decided(look_on="2013-10-03"), "week of labels"),
            (decided(look_on="2013-12-24"), "day of October"),
            ("decision = 'wait'", "a dict"),
        ),
        right=(
            decided(),
            decided(verdict="wait", look_on="2013-10-31"),
            "decision = dict(verdict='wait', reason='14 days prove nothing', roll_back_if='worse than v2 by 0.05', look_on='2013-10-08')",
        ),
    ),
    "09-ex1": Answers(
        wrong=(
            (
                behind(
                    "a = metrics.row_loss('log_loss', pairs['v3'], pairs['label'])\n    "
                    "b = metrics.row_loss('log_loss', pairs[other], pairs['label'])\n    "
                    "return metrics.difference(a, b, pairs['date'], **rules.how)"
                ),
                "the label first",
            ),
            (
                behind(
                    "return metrics.difference(pairs['v3'], pairs[other], pairs['date'], **rules.how)"
                ),
                "of the predictions",
            ),
            (
                behind(BOTH + "return metrics.difference(b, a, pairs['date'], **rules.how)"),
                "turned round",
            ),
            (behind(BOTH + "return metrics.difference(a, b, pairs['date'])"), "the team's is"),
            (
                behind(
                    BOTH + "return metrics.difference(a, b, pairs['date'], **rules.how | {'n': 20})"
                ),
                "the number of draws",
            ),
            (
                behind(
                    BOTH.replace("[other]", "['v2']")
                    + "return metrics.difference(a, b, pairs['date'], **rules.how)"
                ),
                "what comes in as other",
            ),
            (behind(BOTH + "return (a - b).mean()"), "Interval"),
            (behind(BOTH + "metrics.difference(a, b, pairs['date'], **rules.how)"), "nothing"),
            (behind(OURS + "return metrics.interval(a, pairs['date'], **rules.how)"), "one alone"),
            (
                behind(
                    BOTH.replace("'v3'", "'v2'")
                    + "return metrics.difference(a, b, pairs['date'], **rules.how)"
                ),
                "pairs['v3']",
            ),
            (
                behind(
                    "pairs = pairs[pairs['date'] > '2013-10-14']\n    "
                    + BOTH
                    + "return metrics.difference(a, b, pairs['date'], **rules.how)"
                ),
                "take all",
            ),
            (
                behind(
                    "pairs['date'] = pairs['date'].dt.normalize()\n    pairs['a'] = 1\n    "
                    + BOTH
                    + "return metrics.difference(a, b, pairs['date'], **rules.how)"
                ),
                "in place",
            ),
            (
                behind(
                    BOTH.replace("log_loss", "mae")
                    + "return metrics.difference(a, b, pairs['date'], **rules.how)"
                ),
                "are both losses",
            ),
        ),
        right=(
            behind(BOTH + "return metrics.difference(a, b, pairs['date'], **rules.how)"),
            behind(BOTH + "return metrics.interval(a - b, pairs['date'], **rules.how)"),
            behind(
                "loss = {n: metrics.row_loss('log_loss', pairs.label, pairs[n]) for n in ('v3', other)}\n    "
                "return metrics.difference(loss['v3'], loss[other], pairs.date, **rules.how)"
            ),
        ),
    ),
    "09-ex2": Answers(
        wrong=(
            (f"in_mlflow = {READ}", "in .version"),
            (f"{MOVE}'1')\nin_mlflow = {READ}.version", "You read version 1"),
            (f"{MOVE}'3')\nin_mlflow = '2'", "still is 3"),
            (
                f"client.set_registered_model_alias('flights', 'champion', '2')\nin_mlflow = {READ}.version",
                "You read version 3",
            ),
            (
                f"client.set_registered_model_alias('flight', 'live', '2')\nin_mlflow = {READ}.version",
                "MlflowException",
            ),
            (f"{MOVE}'77')\nin_mlflow = {READ}.version", "MlflowException"),
            ("in_mlflow = client.get_registered_model('flights').aliases", "the number"),
            ("in_mlflow = 'live'", "You read"),
            ("in_mlflow = True", "a bool"),
            ("in_mlflow = [2]", "a list"),
            ("in_mlflow = None", "no value"),
        ),
        right=(
            f"{MOVE}'2')\nin_mlflow = {READ}.version",
            f"import mlflow\nmlflow.MlflowClient().set_registered_model_alias('flights', 'live', 2)\nin_mlflow = int({READ}.version)",
            f"{MOVE}version=version_2.version)\nin_mlflow = client.get_registered_model('flights').aliases['live']".replace(
                "version=", ""
            ),
        ),
    ),
    "09-ex3": Answers(
        wrong=moves("moved"),
        right=(
            "moved = history.newest('flights')",
            "moved = history.entries('flights')[-1]",
            "moved = [one for one in history.entries('flights') if one.action == 'alias'][-1]",
        ),
    ),
    "09-look1": Answers(
        wrong=(
            ("calls = {}", "no call at all"),
            ("calls = {'200': 12925}", "a batch"),
            ("calls = {'200': 12}", "read it again"),
            ("calls = {'404': 7}", "code 404"),
            ("calls = {'200': 89, '500': 1}", "code 500"),
            ("calls = 89", "a dict"),
            ("calls = '200'", "a dict"),
            ("calls = {'200': '89'}", "a number"),
            ("calls = {'200': True}", "a number"),
            ("calls = ['200', 89]", "a dict"),
        ),
        right=(
            "calls = {'200': 89, '500': 0}",
            "calls = {200: 89.0}",
            "calls = dict([('500', 0), ('200', 89)])",
        ),
    ),
    "09-ex4": Answers(
        wrong=(
            *moves("undone"),
            (
                "undone = [one for one in history.entries('flights') if one.action == 'alias'][0]",
                "to be version 3",
            ),
        ),
        right=(
            "undone = history.newest('flights')",
            "undone = history.entries('flights')[-1]",
            "undone = [one for one in history.entries('flights') if one.after['live'] == '3'][-1]",
        ),
    ),
    "09-type1": Answers(
        wrong=(
            ("!firstflight rollback --dry-run\nsays_no = 'upstream'", "no option of it"),
            ("says_no = 'release'", "begins with ok"),
            ("says_no = 'upstream'", "begins with ok"),
            ("says_no = 'NO'", "which question"),
            ("says_no = 'state feature version 1'", "what follows"),
            ("says_no = ['state']", "a list"),
            ("says_no = 3", "an int"),
            ("'firstflight rollback --check'" + SAID + "'state'", "exclamation"),
            ("# checked\n!true firstflight rollback --check" + SAID + "'state'", "comes first"),
            ("!firstflight rolback --check" + SAID + "'state'", "here it is rollback"),
            ("says_no = 'age'", "no question"),
            ("says_no = state", "a module"),
        ),
        right=(
            "says_no = 'state'",
            "# in a terminal\nsays_no = 'STATE '",
            "!firstflight rollback --check" + SAID + "'state'",
        ),
    ),
    "09-type2": Answers(
        wrong=(
            ("firstflight = 'state'", "exclamation"),
            ("!true firstflight state --feature-version 1", "comes first"),
            ("!firstflight states --feature-version 1", "here it is state"),
            ("!firstflight state", "Whose state"),
            ("!firstflight state --feature-version 9 --since 2013-10-01", "feature version 1"),
            ("!firstflight state --feature-version 1 --since October", "no day"),
            ("!firstflight state --feature-version 1 --since 2013-11-30", "you begin on"),
            ("state.publish", "Type the command"),
            ("!true", "Type the command"),
        ),
        right=(
            "# in a terminal",
            "! firstflight state --since=2013-10-01 --feature-version=1",
            "# done there\npass",
        ),
    ),
    "09-ex5": Answers(
        wrong=(
            (
                question(
                    "age = (evidence.drops.today - evidence.release.about['trained_to']).days\n    "
                    "if age > 180:\n        " + REFUSE + FINE
                ),
                "are texts",
            ),
            (question(AGE + "if age > 100:\n        " + REFUSE + FINE), "refuses version 2"),
            (question(AGE + "if age > 400:\n        " + REFUSE + FINE), "lets broken through"),
            (question("return evidence.target != '1'"), "number of a version"),
            (
                question(
                    "if evidence.target == '1':\n        raise RollbackRefused('it is version 1')\n    return 'it is a good one'"
                ),
                "number of a version",
            ),
            (question(AGE + "return age < 180"), "a sentence is wanted"),
            (question(AGE + "return False if age > 180 else 'young enough for us'"), "is raised"),
            (question(AGE + "if age > 180:\n        " + REFUSE + "return 'ok'"), "sentence"),
            (question(AGE + "if age > 180:\n        raise ValueError('old')\n    " + FINE), "old"),
            (
                question(AGE + "if age > 180:\n        raise RollbackRefused('old')\n    " + FINE),
                "needs a sentence",
            ),
            (question(AGE + "if age > 180:\n        " + REFUSE + FINE, "'1'"), "a str"),
            (
                question(
                    "if isinstance(evidence.release, Exception):\n        raise RollbackRefused('it does not load')\n    return 'it does load well'",
                    "dataclasses.replace(evidence, release=RollbackRefused('damaged'))",
                ),
                "refuses broken already",
            ),
            (question(AGE + "if age > 180:\n        " + REFUSE + FINE, "evidence"), "lets broken"),
        ),
        right=(
            question(AGE + "if age > 180:\n        " + REFUSE + FINE),
            question(
                "n = evidence.release.about['n_rows']\n    "
                "if n < 100_000:\n        raise RollbackRefused(f'it has seen {n} flights only')\n    "
                "return f'it has seen {n} flights'"
            ),
            question(
                "recipe = evidence.release.about['recipe']\n    "
                "if recipe != 'hist_gradient_boosting':\n        raise RollbackRefused(f'nobody here knows {recipe}')\n    "
                "return f'we know how to mend {recipe}'"
            ),
            question(
                "if evidence.url is not None and 'test' in evidence.url:\n        raise RollbackRefused('this is the test service')\n    "
                "return 'it is not the test service'",
                "dataclasses.replace(evidence, url='http://test.example')",
            ),
        ),
    ),
    "09-type3": Answers(
        wrong=(
            ("firstflight = 'rollback'", "exclamation"),
            ("!true firstflight rollback", "comes first"),
            ("!firstflight roll-back --reason 'it is worse'", "here it is rollback"),
            ("!firstflight rollback --url {service.url} --why x", "--reason"),
            ("!firstflight rollback --reason 'it is worse' --to 2", "--url"),
            ("!firstflight rollback --check --to 2", "changes nothing"),
            ("!firstflight rollback --force --to 2", "nothing need be forced"),
            ("!firstflight rollback --prove --to 2", "nothing to prove yet"),
            ("!firstflight rollback --to 2 --reason '' --url {service.url}", "is empty"),
            ("!firstflight rollback --to 2 --reason worse --url {service.url}", "no sentence"),
            ("!firstflight rollback --to 2 --reason 'it is worse' --url here", "http://"),
            ("!true", "Type the command"),
        ),
        # It is done by now, and there is nothing to go back to: refused, and nothing is changed.
        right=(
            "# in a terminal",
            "# done there\npass",
            "! firstflight rollback --url={service.url} --by=model_owner --reason='worse in October'",
        ),
    ),
    "09-type4": Answers(
        wrong=(
            (
                "!firstflight history --on 2013-11-01\non_that_day = ('2', '2013-11-12', 'on_call')",
                "--on is no option",
            ),
            ("on_that_day = ('3', '2013-10-01', 'model_owner')", "Version 3 was left"),
            ("on_that_day = ('2', '2013-11-01', 'on_call')", "since when"),
            ("on_that_day = ('2', '2013-08-15', 'model_owner')", "first time"),
            ("on_that_day = ('2', '29 October', 'on_call')", "write it as"),
            ("on_that_day = ('2', '2013-10-29', 'model_owner')", "Not the owner"),
            ("on_that_day = ('2', '2013-10-29', 'me')", "no role"),
            ("on_that_day = '2'", "Three texts"),
            ("on_that_day = ('2', '2013-10-29')", "Three texts"),
            ("on_that_day = ('1', '2013-04-01', 'model_owner')", "not the version"),
            ("'firstflight history --at 2013-11-01'" + HISTORY + "('2',)", "exclamation"),
            ("!firstflight histories" + HISTORY + "('2',)", "here it is history"),
        ),
        right=(
            "on_that_day = ('2', '2013-10-29', 'on_call')",
            "on_that_day = [2, date(2013, 10, 29), 'on_call']",
            "!firstflight history --at=2013-11-01" + HISTORY + "('2', '2013-10-29', 'on_call')",
        ),
    ),
}
