# %% [markdown]
# # 04 · Track and register
#
# **The failure.** "Where is this model right now, and which data made it?" There is a folder with three files, from three weeks in which somebody
# tried something. The question has no answer.

# %% [markdown]
# *What you'll do*: fail to tell three models apart; log runs, register versions and move an alias with **MLflow**; find out who did what; make the
# team's version 1 and follow it back to its rows.
#
# *What you need*: 35 minutes, 1 GB of memory, and the workspace of lesson 03.

# %%
from classroom import begin, show_map

ws = begin("04")
show_map("04")

# %% [markdown]
# ## Three files
#
# Today is 1 April 2013. `winter` is the [snapshot](glossary.ipynb#snapshot) of lesson 03: the rows from 1 January to 17 March. The two weeks after
# it will say how good a model is. A *recipe* is a pipeline that is not fitted yet. (About 5 seconds.)

# %%
# about 5 s
import datetime as dt

from classroom import today
from firstflight import operations, snapshot, usecase

today("2013-04-01")
case = usecase.get("flights")
landed = operations.landed(case)
winter = snapshot.take(case, landed, dt.date(2013, 1, 1), dt.date(2013, 3, 17), feature_version=1)
later = snapshot.take(case, landed, dt.date(2013, 3, 18), dt.date(2013, 3, 31), feature_version=1)
features, label, requests = winter.training_rows(case)
test_features, test_label, _ = later.training_rows(case)


# %%
def fit(recipe, first_day, last_day="2013-03-17"):
    days = requests["date"].between(first_day, last_day)
    return case.recipes[recipe](case.features[1]).fit(features[days], label[days])


# %% [markdown]
# Three times somebody has fitted the logistic regression, each time up to another day, and saved it under the next free name. Here are the files:

# %%
import skops.io

from classroom import untraced

answers = {}
for path in untraced.three_files(ws.root / "models", fit):
    old = skops.io.load(path, trusted=["numpy.dtype"])
    answers[path.stem] = old.predict_proba(test_features)[:, 1]
    size, steps = path.stat().st_size // 1000, " > ".join(old.named_steps)
    print(f"{path.stem:22} {size} kB, {steps}, {old.n_features_in_} inputs")

# %% [markdown] tags=["task"]
# One of the three has learned from all days up to 17 March. **Which one?** `"model"`, `"model_final"` or `"model_final_v2_really"`.

# %% id="04-guess1"
from classroom import guess

# BEGIN SOLUTION
guess("04-guess1", "the file that learned from most days", "model_final_v2_really")
# END SOLUTION
# STUB: guess("04-guess1", "the file that learned from most days", ...)

# %%
import pandas as pd

from classroom import figures

figures.answers_of_three_files(answers, by="model_final")
said = pd.DataFrame(answers)
print(f"largest difference on one flight: {(said.max(axis=1) - said.min(axis=1)).max():.3f}")

# %% [markdown]
# Size, steps and inputs are the same, and on one flight the answers are up to 0.254 apart. Somebody who was there remembers the last day of each:

# %%
from classroom import came, check

print(untraced.LAST_DAY)
came("04-guess1", max(untraced.LAST_DAY, key=untraced.LAST_DAY.get))

# %% [markdown]
# The name that sounds newest stops five weeks early. The files could not have told you, and next year nobody remembers.

# %% [markdown]
# ## What is in a file
#
# These are `skops` files. A pickle is a program: loading one runs it, whoever wrote it. A skops file holds data and the *names* of types, and is
# loaded only if you trust these types.

# %%
plain = fit("logistic_regression", "2013-01-01")
trees = fit("hist_gradient_boosting", "2013-02-01")
for each in (plain, trees):
    print(type(each[-1]).__name__, skops.io.get_untrusted_types(data=skops.io.dumps(each)))

# %%
try:
    skops.io.loads(skops.io.dumps(trees), trusted=["numpy.dtype"])
except skops.io.exceptions.UntrustedTypesFoundException as error:
    print(type(error).__name__)

# %% [markdown]
# So a team lists the few types that its models need, in code that is reviewed (here `usecases/flights.py`). A file that asks for more is not
# loaded.

# %% [markdown]
# ## Track: MLflow's runs
#
# An MLflow **run** is one attempt: what went in, what came out. Runs of one question form an **experiment**. They go into a database in your
# workspace, without a server.

# %%
# about 3 s
import mlflow
from sklearn.metrics import log_loss

mlflow.set_experiment("scratch")
client = mlflow.MlflowClient()  # asks for what is there


def loss(model):
    return log_loss(test_label, model.predict_proba(test_features)[:, 1])


def data_from(first_day):
    rows = features.assign(label=label)[requests["date"] >= first_day]
    return mlflow.data.from_pandas(rows, name="winter", targets="label")


# %% [markdown]
# How to save a model is the same for all runs, so it is said once:
#
# - the types that loading may trust;
# - the package that it needs (otherwise MLflow looks for it, which takes seconds);
# - that its answer is the probability, not a yes or no;
# - its **signature**: the names and types of its inputs.

# %%
from importlib import metadata

from mlflow.models import infer_signature

how = {
    "skops_trusted_types": list(case.trusted_types),
    "pip_requirements": [f"scikit-learn=={metadata.version('scikit-learn')}"],
    "pyfunc_predict_fn": "predict_proba",
    "signature": infer_signature(test_features, plain.predict_proba(test_features)),
}

# %% [markdown]
# Now a run: **parameters** are what you chose, a **metric** is what came out, an **input** is the data. The model goes in last; what `log_model`
# returns knows its run, and where the model lies. (About 4 seconds each.)

# %%
# about 4 s
with mlflow.start_run(run_name="plain, from January"):
    mlflow.log_params({"recipe": "logistic_regression", "first_day": "2013-01-01"})
    mlflow.log_metric("log_loss", loss(plain))
    mlflow.log_input(data_from("2013-01-01"), context="training")
    first = mlflow.sklearn.log_model(plain, name="model", **how)

# %%
# about 4 s
with mlflow.start_run(run_name="trees, from February"):
    mlflow.log_params({"recipe": "hist_gradient_boosting", "first_day": "2013-02-01"})
    mlflow.log_metric("log_loss", loss(trees))
    mlflow.log_input(data_from("2013-02-01"), context="training")
    second = mlflow.sklearn.log_model(trees, name="model", **how)

# %% [markdown] tags=["task"]
# "What did we try, on which data, and how good was it?" is a query now. **Which of the two runs has the lower log loss?** Give its
# `run_name`.

# %% id="04-guess2"
# BEGIN SOLUTION
guess("04-guess2", "the run with the lower log loss", "trees, from February")
# END SOLUTION
# STUB: guess("04-guess2", "the run with the lower log loss", ...)

# %%
tried = mlflow.search_runs(experiment_names=["scratch"], order_by=["metrics.log_loss"])
came("04-guess2", tried["tags.mlflow.runName"].iloc[0])
fed = [mlflow.get_run(run_id).inputs.dataset_inputs[0].dataset for run_id in tried["run_id"]]
shown = ["tags.mlflow.runName", "params.recipe", "params.first_day", "metrics.log_loss"]
tried[shown].round(4).assign(data=[each.digest for each in fed])

# %% [markdown]
# The plain recipe on all weeks has the lower log loss, 0.4842 against 0.4952. `data` is a [digest](glossary.ipynb#digest) of the table that each
# was fitted on. But recipe and first day both differ: which of them made the difference?

# %% [markdown] tags=["task"]
# Log a third run that helps to find out: one of the two recipes, and a first day from 1 January to 10 March, as a pair that is new. Call your
# model `mine`, give the run its own name, log what the others have, and keep in `third` what `log_model` returns.

# %% id="04-ex1"
mlflow.end_run()  # closes a run that an earlier try has left open
# BEGIN SOLUTION
mine = fit("hist_gradient_boosting", "2013-01-01")
with mlflow.start_run(run_name="trees, from January"):
    mlflow.log_params({"recipe": "hist_gradient_boosting", "first_day": "2013-01-01"})
    mlflow.log_metric("log_loss", loss(mine))
    mlflow.log_input(data_from("2013-01-01"), "training")
    third = mlflow.sklearn.log_model(mine, name="model", **how)
# END SOLUTION
# STUB: mine = ...
# STUB: third = ...

# %%
check("04-ex1")

# %% [markdown]
# ## Compare on MLflow's page
#
# For people who do not write queries, a server shows the same database as pages. It takes about 8 seconds to start, and stays up after this
# lesson.

# %%
# about 8 s
from classroom import servers

ui = servers.mlflow()
number = mlflow.get_experiment_by_name("scratch").experiment_id
ui.at(f"#/experiments/{number}/runs?workflowType=machine_learning", "the runs of scratch")

# %% [markdown]
# Its switch, top left, belongs on *Model training*; *GenAI* has nothing for us. You can close the *Assistant* on the right.
#
# The next page is what you get when you tick your three runs and choose *Compare*. (Each wrong answer has left a run too.)

# %%
ui.at(untraced.beside(first, second, third), "the three runs side by side")

# %% [markdown] tags=["task"]
# Open the link and go down to *Metrics*. Which run has the lowest log loss, and by how much is it lower than that of the next one? Give
# `lowest` the run's name, and `lower_by` the difference of the numbers that the page shows.

# %% id="04-look1"
# BEGIN SOLUTION
three = [client.get_run(model.run_id) for model in (first, second, third)]
three.sort(key=lambda run: run.data.metrics["log_loss"])
lowest = three[0].info.run_name
lower_by = three[1].data.metrics["log_loss"] - three[0].data.metrics["log_loss"]
# END SOLUTION
# STUB: lowest = ...
# STUB: lower_by = ...

# %%
check("04-look1")

# %% [markdown]
# All of it comes from two weeks. Whether such a difference means anything is the question of lesson 05.
#
# The signature does its work when a model is asked. `pyfunc` is MLflow's way to load any model, whatever made it:

# %%
loaded = mlflow.pyfunc.load_model(first.model_uri)
print(loaded.predict(test_features.head(2))[:, 1].round(3))
try:
    loaded.predict(test_features.head(2).drop(columns="temp"))
except mlflow.exceptions.MlflowException as error:
    print(str(error).rpartition("Error: ")[2])

# %% [markdown]
# ## Register: versions and aliases
#
# Most runs are forgotten. A **registered model** is a list of numbered versions that may be used; what a number stands for does not change. An
# [alias](glossary.ipynb#alias) is a name for one of them, and can be moved.

# %%
scratch = client.create_registered_model("scratch")

# %%
for each in (first, second):
    client.create_model_version("scratch", source=each.model_uri, run_id=each.run_id)
client.set_registered_model_alias("scratch", "candidate", "1")

# %% [markdown]
# Code that asks for `models:/scratch@candidate` gets whatever the alias names, today and tomorrow:

# %%
type(mlflow.sklearn.load_model("models:/scratch@candidate")[-1]).__name__

# %% [markdown] tags=["task"]
# Register the model of your third run as a version of `scratch`, keep in `newest` what the call returns, and let `candidate` point at it.

# %% id="04-ex2"
# BEGIN SOLUTION
newest = client.create_model_version("scratch", source=third.model_uri, run_id=third.run_id)
client.set_registered_model_alias("scratch", "candidate", newest.version)
# END SOLUTION
# STUB: newest = ...

# %%
check("04-ex2")

# %%
type(mlflow.sklearn.load_model("models:/scratch@candidate")[-1]).__name__

# %% [markdown] tags=["task"]
# The same line gets your model now. On a bad night somebody wants to undo that: **does MLflow still know that `candidate` pointed at version 1
# before?** `True` or `False`.

# %% id="04-guess3"
# BEGIN SOLUTION
guess("04-guess3", "MLflow knows where the alias pointed before", True)
# END SOLUTION
# STUB: guess("04-guess3", "MLflow knows where the alias pointed before", ...)

# %%
left = client.get_model_version("scratch", "1")
print("version 1 has the aliases", left.aliases, "and the tags", left.tags)
came("04-guess3", bool(left.aliases or left.tags))
untraced.alias_rows("scratch").columns.tolist()

# %% [markdown]
# It does not. These columns are all that its database keeps: one row per alias, with the version of *now*. Who, when, why, and the version before
# have no place. The model's page shows no more:

# %%
ui.at("#/models/scratch?workflowType=machine_learning", "the model scratch")

# %% [markdown]
# ## Who did what
#
# So what serves needs a [deployment history](glossary.ipynb#deployment-history). `firstflight` writes each change as a numbered record, and never
# overwrites it. Another model, `rehearsal`, gets three changes of March:

# %%
untraced.rehearse(first, second)

# %% [markdown] tags=["task"]
# Ask for the history of `rehearsal`, here or in a terminal: the command is `firstflight history`, and its option `--usecase` names the
# model. Which version `answered` on 26 March, and which role ended that (`ended_by`)? Give both as texts.

# %% id="04-look2"
# BEGIN SOLUTION
# !firstflight history --usecase rehearsal
from firstflight import history

answered = history.at("rehearsal", dt.date(2013, 3, 26)).after["live"]
ended_by = history.entries("rehearsal")[-1].by
# END SOLUTION
# STUB: # !...
# STUB: answered = ...
# STUB: ended_by = ...

# %%
check("04-look2")

# %% [markdown]
# Each row says what, when, who and why. From lesson 06 on the newest record *is* what serves, and MLflow's aliases follow it, for people.

# %% [markdown]
# ## Version 1
#
# Now the team's own model, `flights`: the plain recipe on all rows of the winter.

# %% [markdown] tags=["task"]
# Make it with a command of the runbook: `firstflight train` wants a recipe, `--start` and `--end`. Recipe and days are those of the first run, all
# of `winter`. It takes about 12 seconds.

# %% id="04-type1"
# about 12 s
# BEGIN SOLUTION
# !firstflight train logistic_regression --start 2013-01-01 --end 2013-03-17
# END SOLUTION
# STUB: # !...

# %%
check("04-type1")

# %% [markdown]
# The command takes the snapshot, fits, and makes the calls that you made above. What it logs is a [release](glossary.ipynb#release). These are its
# files:

# %%
from pathlib import Path

where = Path(mlflow.artifacts.download_artifacts("models:/flights/1"))
for path in sorted(path.relative_to(where) for path in where.rglob("*") if path.is_file()):
    print(path)

# %% [markdown]
# The estimator, `model.skops`, is one file of ten. `release.json` names the feature version, the feature code's digest, the request's contract and
# the library versions; `golden.json` holds [frozen answers](glossary.ipynb#frozen-answers); drift will be measured against `reference.parquet`.
# What is rolled back together is saved together.

# %%
tags = client.get_model_version("flights", "1").tags
tags.pop("release_digest")  # of all its files, and these name the minute in which they were made
pd.Series(tags, name="flights, version 1").to_frame()

# %% [markdown]
# ## Which data made it?
#
# For version 1 you can read it above: `snapshot`. On a bad night, code must find it for any version of any model.

# %% [markdown] tags=["task"]
# Write `made_from(name, version)` with MLflow's client: the digest of the snapshot that made this version. The check asks about versions of its
# own. There are two ways: a tag, or the data of the version's run.


# %% id="04-ex3"
# BEGIN SOLUTION
def made_from(name, version):
    return client.get_model_version(name, version).tags["snapshot"]


# END SOLUTION
# STUB: def made_from(name, version):
# STUB:     return ...


# %%
check("04-ex3")

# %% [markdown]
# The digest leads to the rows. If so, a model that is made again from them gives the same answers, to the last digit.

# %%
# about 4 s
from firstflight import registry, train

its_rows = snapshot.load(made_from("flights", "1"))
again = train.fit(case, its_rows, "logistic_regression").estimator
ours = again.predict_proba(test_features)[:, 1]
version_1 = registry.load("flights", "1")
theirs = version_1.estimator.predict_proba(test_features)[:, 1]
print(f"{(ours == theirs).sum()} of {len(theirs)} answers are equal")

# %% [markdown]
# ## A file that was changed
#
# Somebody puts `model_final_v2_really.skops` in the place of version 1's file.

# %% [markdown] tags=["task"]
# MLflow is asked for version 1 after that. **Which share of its 12,836 answers will be another one**, from 0 to 1? Say 0 if you expect that
# it refuses to load.

# %% id="04-guess4"
# BEGIN SOLUTION
guess("04-guess4", "share of other answers after the swap", 0)
# END SOLUTION
# STUB: guess("04-guess4", "share of other answers after the swap", ...)

# %%
from firstflight.release import ReleaseError

other = ws.root / "models" / "model_final_v2_really.skops"
with untraced.swapped(where / "model.skops", other):
    loaded = mlflow.sklearn.load_model("models:/flights/1")
    changed = loaded.predict_proba(test_features)[:, 1] != theirs
    try:
        registry.load("flights", "1")
    except ReleaseError as error:
        print("firstflight: ReleaseError,", str(error).rpartition(": ")[2])
came("04-guess4", changed.mean())

# %%
print("put back, and loads:", registry.load("flights", "1").about["trained_to"])

# %% [markdown]
# Not one answer is the same, and MLflow said nothing: it loads what lies there. `registry.load` compares the digest of all files with the tag
# `release_digest`; then it checks library versions, feature code and types; last, it asks the frozen requests again.

# %% [markdown]
# ## At work tomorrow
#
# Without this course: a run, a version, an alias. For a team, start `mlflow server --backend-store-uri sqlite:///mlflow.db` on one machine and put
# its address into the first line, without its `#`.

# %%
# mlflow.set_tracking_uri("http://mlflow.example:5000")
mlflow.set_experiment("scratch")
save = {"skops_trusted_types": ["numpy.dtype"], "pip_requirements": ["scikit-learn"]}
with mlflow.start_run(run_name="tomorrow"):
    mlflow.log_params(plain[-1].get_params())
    mlflow.log_metric("log_loss", loss(plain))
    kept = mlflow.sklearn.log_model(plain, name="model", **save)
client = mlflow.MlflowClient()
client.create_registered_model("tomorrow")
made = client.create_model_version("tomorrow", source=kept.model_uri, run_id=kept.run_id)
client.set_registered_model_alias("tomorrow", "candidate", made.version)
mlflow.sklearn.load_model("models:/tomorrow@candidate").n_features_in_

# %% [markdown] tags=["task"]
# Try one thing three times, such as how many weeks the trees need, each in a run inside a run (`nested=True`). Then let `mlflow.search_runs` find
# all runs below some log loss, with a `filter_string`. There is no check. `solutions/` has one worked answer.

# %% id="04-further"
# about 5 s
# BEGIN SOLUTION
with mlflow.start_run(run_name="how many weeks"):
    for first_day in ("2013-01-15", "2013-02-15", "2013-03-01"):
        with mlflow.start_run(run_name=f"trees, from {first_day}", nested=True):
            mlflow.log_param("first_day", first_day)
            mlflow.log_metric("log_loss", loss(fit("hist_gradient_boosting", first_day)))
good = mlflow.search_runs(
    experiment_names=["scratch"],
    filter_string="metrics.log_loss < 0.494 AND attributes.run_name LIKE 'trees, from%'",
    order_by=["metrics.log_loss"],
)
print(good[["tags.mlflow.runName", "metrics.log_loss"]].round(4))
# END SOLUTION
# STUB: ...

# %% [markdown]
# ## What you did
#
# You logged and compared runs, moved an alias without a trace, read a history that keeps one, and made a version 1 that leads back to its rows and
# cannot be swapped unseen.

# %% tags=["nbval-ignore-output"]
# Measured: sizes and seconds differ between machines.
from classroom import ledger

ledger.measure("04")

# %%
from classroom import checklist

checklist("04")

# %% [markdown]
# ## In practice
#
# - **A digest finds a change, it does not forbid one.** Who can write both files and database can change both: let few write there.
# - **SQLite carries a team of a few.** For more, the same calls go to an MLflow server on PostgreSQL.
# - `mlflow.autolog()` logs by itself what the library shows, not why you tried it.
# - A registered version is not a good version. Nobody has judged version 1 yet, and nothing is live.
#
# **Next:** [lesson 05](05_gate_with_offline_metrics.ipynb) judges it, and four candidates that look better.

# %%
from classroom import end, leaves

leaves("version 1 of flights, registered")
end("04")
