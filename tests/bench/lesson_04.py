"""Answers to the exercises of lesson 04.

Runs are logged for real, so the models here are fitted before: `plain` and `trees` are the
notebook's. A run's own model is fitted on one week.
"""

from classroom.bench import Answers

MINE = 'mine = fit("logistic_regression", "2013-03-10")\n'
PARAMS = '{"recipe": "logistic_regression", "first_day": "2013-03-10"}'
LOGGED = {
    "params": f"    mlflow.log_params({PARAMS})\n",
    "metric": '    mlflow.log_metric("log_loss", loss(mine))\n',
    "data": '    mlflow.log_input(data_from("2013-03-10"), context="training")\n',
    "model": '    third = mlflow.sklearn.log_model(mine, name="model", **how)\n',
}


def run(name="a week", **other):
    """Return the answer with some of its lines written otherwise, or left out."""
    return f'{MINE}with mlflow.start_run(run_name="{name}"):\n' + "".join(
        {**LOGGED, **other}.values()
    )


def move(alias="candidate", version="newest.version", register=""):
    register = register or (
        'newest = client.create_model_version("scratch", source=third.model_uri, '
        "run_id=third.run_id)"
    )
    return f'{register}\nclient.set_registered_model_alias("scratch", "{alias}", {version})'


def made(body):
    return f"def made_from(name, version):\n    {body}"


TRAIN = "!firstflight train logistic_regression --start 2013-01-01 --end 2013-03-17"

BENCH = {
    "04-ex1": Answers(
        wrong=(
            (run(metric=""), "no metric"),
            (
                run(model='    third = mlflow.sklearn.log_model(mine, name="model")\n'),
                "and **how",
            ),
            (run(metric='    mlflow.log_metric("loss", loss(mine))\n'), "others have log_loss"),
            (run(metric='    mlflow.log_metric("log_loss", loss(plain))\n'), "first run's"),
            (run(metric='    mlflow.log_metric("log_loss", 0.48)\n'), "its model has"),
            (
                run(
                    metric='    week = requests["date"] >= "2013-03-10"\n'
                    '    mlflow.log_metric("log_loss", log_loss('
                    "label[week], mine.predict_proba(features[week])[:, 1]))\n"
                ),
                "training rows",
            ),
            (run(params="    mlflow.log_params({'recipe': 'logistic_regression'})\n"), "first_day"),
            (
                run(params=LOGGED["params"].replace("2013-03-10", "2013-01-01")),
                "another pair",
            ),
            (run(params=LOGGED["params"].replace("2013-03-10", "10 March")), "write it as"),
            (run(params=LOGGED["params"].replace("logistic_regression", "plain")), "no recipe"),
            (
                run(
                    params=LOGGED["params"].replace("logistic_regression", "hist_gradient_boosting")
                ),
                "LogisticRegression",
            ),
            (run(data=""), "which data"),
            (run(data=LOGGED["data"].replace("03-10", "03-01")), "compare the two days"),
            (run(model=LOGGED["model"].replace("mine", "trees")), "HistGradientBoosting"),
            (
                run(model="    third = mlflow.active_run()\n"),
                "what mlflow.sklearn.log_model returns",
            ),
            (
                run(
                    metric='    mlflow.log_metric("log_loss", loss(fit("logistic_regression", '
                    '"2013-03-01")))\n'
                ),
                "its model has",
            ),
            (run(name="plain, from January"), "name of its own"),
            (
                MINE + 'mlflow.start_run(run_name="a week")\n'
                "third = mlflow.sklearn.log_model(mine, name='model', **how)",
                "still open",
            ),
            ("mine, third = plain, first", "earlier runs"),
            (run(model="    mlflow.sklearn.log_model(mine, name='model')\n"), "trust"),
        ),
        right=(
            run(),
            run(
                params='    mlflow.log_param("recipe", "logistic_regression")\n'
                '    mlflow.log_param("first_day", "2013-03-10")\n',
                metric='    mlflow.log_metrics({"log_loss": loss(mine)})\n',
            ),
            """first_day = "2013-03-09"
mine = fit("logistic_regression", first_day)
run = mlflow.start_run(run_name="by hand")
mlflow.log_params(dict(recipe="logistic_regression", first_day=first_day, weeks=1))
mlflow.log_metric("log_loss", log_loss(test_label, mine.predict_proba(test_features)))
mlflow.log_input(data_from(first_day))
third = mlflow.sklearn.log_model(mine, name="mine", **how)
mlflow.end_run()""",
        ),
    ),
    "04-look1": Answers(
        wrong=(
            ('lowest, lower_by = "trees, from January", -0.004', "without a sign"),
            ('lowest, lower_by = "trees, from January", 0.48', "own log loss"),
            ('lowest, lower_by = "trees, from January", 0.015', "worst"),
            ('lowest, lower_by = "trees, from January", 0.4', "percent"),
            ('lowest, lower_by = "trees, from January", "0.004"', "is a number"),
            ('lowest, lower_by = "trees, from January", 0.25', "not the difference"),
            ('lowest, lower_by = "trees, from February", 0.011', "highest"),
            ('lowest, lower_by = "plain, from January", 0.011', "Another run"),
            ('lowest, lower_by = "trees", 0.004', "copy the name"),
            ('lowest, lower_by = "Trees, from january ", 0.004', "letters"),
            ("lowest, lower_by = third.run_id, 0.004", "run's id"),
            ("lowest, lower_by = 3, 0.004", "name of a run"),
            ("lowest, lower_by = trees_from_january, 0.004", "NameError"),
        ),
        right=(
            'lowest, lower_by = "trees, from January", 0.004',
            'lowest = "trees, from January"\nlower_by = 0.4842 - 0.4803',
            """table = mlflow.search_runs(experiment_names=["scratch"])
ours = table[table["run_id"].isin([first.run_id, second.run_id, third.run_id])]
ours = ours.sort_values("metrics.log_loss")
lowest = ours["tags.mlflow.runName"].iloc[0]
lower_by = ours["metrics.log_loss"].diff().iloc[1]""",
        ),
    ),
    "04-ex2": Answers(
        wrong=(
            (
                'newest = client.create_model_version("scratch", source=third.model_uri, '
                "run_id=third.run_id)",
                "points at version",
            ),
            (move(version='"1"'), "points at version 1"),
            (move(version="newest"), "with newest.version"),
            (
                move(register=move().partition("\n")[0].replace("third.model_uri", "third")),
                "with third.model_uri",
            ),
            (move(alias="Candidate"), "it is candidate that moves"),
            (move(alias="live"), "it is candidate that moves"),
            (
                move(register=move().partition("\n")[0].replace("third", "first")),
                "the first run",
            ),
            (
                move(register=move().partition("\n")[0].replace("third", "second")),
                "the second run",
            ),
            (
                move(
                    register='newest = client.create_model_version("scratch", '
                    "source=first.model_uri, run_id=third.run_id)"
                ),
                "source",
            ),
            (
                'client.create_registered_model("flights")\n'
                + move().partition("\n")[0].replace('"scratch"', '"flights"'),
                "a version of 'scratch'",
            ),
            (move() + "\nnewest = newest.version", "keep what"),
            (move() + "\nnewest = None", "no value"),
            (
                move() + '\nclient.delete_registered_model_alias("scratch", "candidate")',
                "no alias candidate",
            ),
            (
                'newest = client.create_model_version(third.model_uri, "scratch")',
                "MlflowException",
            ),
        ),
        right=(
            move(),
            move(
                register='newest = client.create_model_version("scratch", source=third.model_uri)'
            ),
            'newest = mlflow.register_model(third.model_uri, "scratch")\n'
            'client.set_registered_model_alias("scratch", "candidate", newest.version)',
            'newest = mlflow.register_model(f"runs:/{third.run_id}/model", name="scratch")\n'
            'mlflow.MlflowClient().set_registered_model_alias(name="scratch", '
            'alias="candidate", version=str(newest.version))',
        ),
    ),
    "04-look2": Answers(
        wrong=(
            ('answered, ended_by = "1", "on_call"', "until the day before"),
            ('answered, ended_by = "3", "on_call"', "never live"),
            ('answered, ended_by = "live", "on_call"', "number of a version"),
            ('answered, ended_by = "2", "model_owner"', "made it live"),
            ('answered, ended_by = "2", "rollback"', "what was done"),
            ('answered, ended_by = "2", "far too high in the evening"', "reason"),
            ('answered, ended_by = "2", "On_call"', "written otherwise"),
            ('answered, ended_by = "2", "data_owner"', "no row"),
            ('answered, ended_by = "2", ["on_call"]', "one role"),
            ('answered = "2"\nended_by = None', "no value"),
            ('answered = "2"\nended_by = on_call', "NameError"),
        ),
        right=(
            'answered, ended_by = "2", "on_call"',
            'answered = 2\nended_by = "on_call"',
            """from firstflight import history
table = history.table("rehearsal").set_index("date")
answered, ended_by = table.loc["2013-03-25", "live"], table.loc["2013-03-27", "by"]""",
        ),
    ),
    # Of the commands that run, most end before they change something. Those below `if False` would
    # register a version, and are only read. The right ones find the version that is there.
    "04-type1": Answers(
        wrong=(
            (TRAIN[1:].join(("text = '", "'")), "exclamation mark"),
            ("!firstflight", "firstflight train"),
            ("!firstflight trian logistic_regression", "firstflight train"),
            ("!firstflight train --start 2013-01-01 --end 2013-03-17", "which recipe"),
            ("!firstflight train logistic_regression --start 2013-01-01", "--end"),
            ("!firstflight train logistic_regression 2013-01-01 2013-03-17", "--start"),
            ("!firstflight train plain --start 2013-01-01 --stop 2013-03-17", "no recipe"),
            (f"if False:\n    {TRAIN.replace('03-17', '03-16')}", "a day too early"),
            (f"if False:\n    {TRAIN.replace('03-17', '03-31')}", "too late"),
            (f"if False:\n    {TRAIN.replace('01-01', '02-01')}", "too late"),
            (f"if False:\n    {TRAIN.replace('2013-01-01', '01.01.2013')}", "year first"),
            (
                f"if False:\n    {TRAIN.replace('logistic_regression', 'hist_gradient_boosting')}",
                "plain",
            ),
            (f"if False:\n    {TRAIN} --usecase air_time", "train flights"),
            ("!course train", "whole command"),
        ),
        right=(
            "# typed in a terminal",
            TRAIN,
            "if False:\n    !firstflight train --end=2013-03-17 --start=2013-01-01 "
            "logistic_regression -u flights",
        ),
    ),
    "04-ex3": Answers(
        wrong=(
            (made("return 'e3907eea9d2e7a63'"), "this winter's"),
            (made("return winter.digest"), "this winter's"),
            (made("return tags['snapshot']"), "this winter's"),
            (made("return client.get_model_version('flights', '1').tags['snapshot']"), "winter"),
            (
                made("return client.get_model_version('flights', version).tags['snapshot']"),
                "winter",
            ),
            (
                made("return client.get_model_version(name, '1').tags['snapshot']"),
                "what made version 1",
            ),
            (
                made(
                    "return max(client.search_model_versions(f\"name = '{name}'\"), "
                    "key=lambda one: int(one.version)).tags['snapshot']"
                ),
                "what made version 3",
            ),
            (made("return client.get_model_version(name, version).run_id"), "run's id"),
            (
                made("return client.get_model_version(name, version).tags['release_digest']"),
                "another tag",
            ),
            (made("return client.get_model_version(name, version).tags"), "a dict"),
            (made("return client.get_model_version(name, version)"), "ModelVersion"),
            (made("client.get_model_version(name, version).tags['snapshot']"), "nothing"),
            (made("return client.get_model_version(version, name).tags['snapshot']"), "raises"),
            (made("return client.get_model_version(name, version).tags['digest']"), "raises"),
            (
                made("run = client.get_run(client.get_model_version(name, version).run_id)")
                + "\n    return run.inputs.dataset_inputs[0].dataset.name",
                "data's name",
            ),
            ("def made_from(version):\n    return winter.digest", "made_from(name, version)"),
            ("made_from = winter.digest", "is a function"),
        ),
        right=(
            made("return client.get_model_version(name, version).tags['snapshot']"),
            made("run = mlflow.get_run(client.get_model_version(name, version).run_id)")
            + "\n    return run.inputs.dataset_inputs[0].dataset.digest",
            "made_from = lambda name, version: mlflow.MlflowClient().get_model_version("
            "name=name, version=version).tags.get('snapshot')",
            "from firstflight import registry\n"
            + made("return registry.tags(name, version)['snapshot']"),
        ),
    ),
}
