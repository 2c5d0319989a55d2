# %% [markdown]
# # 04 · Track and register
#
# **The failure.** "Where is this model right now, and which data made it?" There is a folder with three files, each from a week in which
# somebody tried something. The question has no answer, and nothing says that it has none.
#
# *What you'll do*: fail to tell three real models apart, then track runs and register versions with **MLflow**, see what its aliases keep
# and what they forget, and register the real version 1, which nobody can change unnoticed.
#
# *What you need*: 30 minutes, 1 GB of memory, and the workspace of lesson 03. You may run the lesson twice.

# %%
from classroom import begin, check, checklist, end, leaves, ledger, servers, show, show_map

ws = begin("04")
show_map("04")

# %% [markdown]
# ## Three files
#
# The snapshot of lesson 03, from 1 January to 17 March, and the two weeks after it. Three times somebody fits the same recipe on a different span of days, and saves it under the next free name. The files are `skops` files; why, you will see below.

# %%
import datetime as dt

import pandas as pd
import skops.io

from firstflight import clock, operations, snapshot, usecase

clock.set_today("2013-04-01")
case = usecase.get("flights")
landed = operations.landed(case)
winter = snapshot.take(case, landed, dt.date(2013, 1, 1), dt.date(2013, 3, 17), feature_version=1)
features, label, requests = winter.training_rows(case)
test_features, test_label, _ = snapshot.take(
    case, landed, dt.date(2013, 3, 18), dt.date(2013, 3, 31), feature_version=1
).training_rows(case)

files = ws.root / "models"
files.mkdir(exist_ok=True)
for name, last_day in (
    ("model", "2013-01-31"),
    ("model_final", "2013-03-17"),
    ("model_final_v2_really", "2013-02-10"),
):
    days = requests["date"] <= last_day
    model = case.recipes["logistic_regression"](case.features[1]).fit(features[days], label[days])
    skops.io.dump(model, files / f"{name}.skops")

# %% [markdown]
# A month later, from the files alone: which one is live? Which days made it? *Before you run the cell: which one would you take?*

# %%
answers = {}
for path in sorted(files.glob("*.skops")):
    model = skops.io.load(path, trusted=["numpy.dtype"])
    answers[path.stem] = model.predict_proba(test_features)[:, 1]
    steps = " > ".join(step for step, _ in model.steps)
    size = f"{path.stat().st_size / 1000:.0f} kB"
    print(f"{path.stem:22} {size}, {steps}, {model.n_features_in_} inputs")

# %%
import matplotlib.pyplot as plt

table = pd.DataFrame(answers).sort_values("model_final", ignore_index=True)
gap = (table.max(axis=1) - table.min(axis=1)).max()
figure, axes = plt.subplots()
for name, color in zip(table, ("#b3341f", "#2f6f9f", "#c9a227"), strict=True):
    axes.plot(table.index / 1000, table[name].rolling(100).mean(), label=name, color=color)
axes.set(xlabel="flights of 18-31 March, sorted by the answer of model_final (thousands)")
axes.set_ylabel("probability of being late\n(mean of 100 flights)")
axes.legend()
axes.set_title("Three files that look alike give three answers")
show(
    figure,
    "Probability of being late for 12,836 flights from three model files. The curves have one shape and differ in height "
    "nearly everywhere.",
)
print(f"largest difference on one flight: {gap:.3f}")

# %% [markdown]
# Size, steps, inputs: all the same, and on one flight the answers are up to 0.254 apart. The name helps least: `model_final_v2_really` sounds newest, and it stops five weeks before `model_final`. You know it because you have just read the code that made it. In a month nobody has.
#
# ## Track: MLflow's runs
#
# A run is one attempt with what went in and what came out: parameters, metrics, the data set, the model. MLflow writes it into a database
# in the workspace; no server is needed for that.

# %%
import time
from importlib.metadata import version

import mlflow
from mlflow import MlflowClient
from mlflow.models import infer_signature

from firstflight import metrics

began = int(1000 * time.time())
mlflow.set_experiment("scratch")


def try_recipe(recipe, first_day):
    rows = requests["date"] >= first_day
    with mlflow.start_run(run_name=f"{recipe} from {first_day}"):
        mlflow.log_params({"recipe": recipe, "first_day": first_day, "rows": int(rows.sum())})
        fitted_on = features[rows].assign(label=label[rows])
        data = mlflow.data.from_pandas(fitted_on, name="winter", targets="label")
        mlflow.log_input(data, context="training")
        model = case.recipes[recipe](case.features[1]).fit(features[rows], label[rows])
        answers = model.predict_proba(test_features)[:, 1]
        mlflow.log_metric("log_loss", metrics.row_loss("log_loss", test_label, answers).mean())
        return mlflow.sklearn.log_model(
            model,
            name="model",
            serialization_format="skops",
            skops_trusted_types=list(case.trusted_types),
            signature=infer_signature(test_features, answers),
            pip_requirements=[f"scikit-learn=={version('scikit-learn')}"],
            pyfunc_predict_fn="predict_proba",
        )


first = try_recipe("logistic_regression", "2013-01-01")
second = try_recipe("hist_gradient_boosting", "2013-02-01")

# %% [markdown]
# Now the question "what did we try, on which data, and how good was it?" is a query.

# %%
runs = mlflow.search_runs(
    experiment_names=["scratch"],
    filter_string=f"attributes.start_time >= {began}",
    order_by=["metrics.log_loss"],
)
shown = runs[["params.recipe", "params.first_day", "params.rows", "metrics.log_loss"]].round(4)
inputs = [mlflow.get_run(run_id).inputs.dataset_inputs[0] for run_id in runs["run_id"]]
shown.assign(data=[each.dataset.digest for each in inputs])

# %% [markdown]
# One line a run: the plain recipe on all weeks has 0.4842, the trees on the last weeks 0.4952, and `data` is MLflow's digest of the table
# that each was fitted on. Two runs, two tables.
#
# ## What is in the file
#
# A pickle is a program: loading one runs it, whoever wrote it. A skops file holds data and the *names* of types, and loading names each
# type that may be built. Each of these two models needs one type that skops does not trust by itself.

# %%
for name, info in (("logistic regression", first), ("boosted trees", second)):
    file = mlflow.artifacts.download_artifacts(info.model_uri) + "/model.skops"
    print(f"{name:20} {skops.io.get_untrusted_types(file=file)}")
try:
    skops.io.load(file, trusted=["numpy.dtype"])
except skops.io.exceptions.UntrustedTypesFoundException as error:
    print(type(error).__name__)

# %% [markdown]
# That list is in `usecases/flights.py`, and a file that asks for more is not loaded. The **signature** guards the other side, the inputs:

# %%
scratch = mlflow.pyfunc.load_model(first.model_uri)
print(scratch.predict(test_features.head(2))[:, 1].round(3))
try:
    scratch.predict(test_features.head(2).drop(columns="temp"))
except mlflow.exceptions.MlflowException as error:
    print(str(error).rpartition("Error: ")[2])

# %% [markdown]
# ## Register: versions and aliases
#
# A registered model is a list of numbered versions, and a version never changes. An **alias** is a name that points at one of them, and
# moves: code that asks for `models:/scratch@live` gets another model tomorrow, without being changed.

# %%
client = MlflowClient()
if not client.search_registered_models("name = 'scratch'"):
    client.create_registered_model("scratch")
made = []
for info in (first, second):
    source, run, model_id = info.model_uri, info.run_id, info.model_id
    made.append(client.create_model_version("scratch", source, run, model_id=model_id))
    client.set_registered_model_alias("scratch", "live", made[-1].version)
    model = mlflow.sklearn.load_model("models:/scratch@live")
    print("live:", type(model[-1]).__name__)

# %% [markdown]
# *Before you run the next cell: on a bad night you want to know what was live before. What does MLflow say?*

# %%
for each in made:
    found = client.get_model_version("scratch", each.version)
    print(type(mlflow.sklearn.load_model(found.source)[-1]).__name__, found.aliases, found.tags)

# %% [markdown]
# That the second is live, and nothing else. An alias is overwritten silently: that it named the first, who moved it, when and why was
# never written. MLflow's aliases are no deployment history. From lesson 06 on, each change of `live` is a numbered record, written once and in one step: the newest one is what serves, and MLflow's alias follows it for people.
#
# ## Version 1
#
# Now the real one. `firstflight.registry.register` makes the calls that you have just made, and logs a **release**: the estimator together
# with all that it must be served with.

# %%
from pathlib import Path

from firstflight import registry, release, train

if not registry.versions("flights"):  # the lesson may have run here before
    registry.register(train.fit(case, winter, "logistic_regression"))
where = Path(mlflow.artifacts.download_artifacts("models:/flights/1"))
for path in sorted(path.relative_to(where) for path in where.rglob("*") if path.is_file()):
    print(path)

# %% [markdown]
# The estimator is one file of ten. `release.json` names the feature version, the digest of the feature code, the request's contract and
# the library versions; `golden.json` holds frozen requests with the answers given when it was made; `reference.parquet` is what drift will
# be measured against. What is rolled back together is saved together. The version's tags are the way back:

# %%
tags = registry.tags("flights", "1")
tags.pop("release_digest")  # of all its files, and these name the minute in which they were made
pd.Series(tags, name="flights, version 1").to_frame()

# %% [markdown]
# *Write `made_from`* with MLflow's own client: from a version number to the exact training rows, as the digest of their snapshot.


# %% id="04-ex1"
# BEGIN SOLUTION
def made_from(version):
    return client.get_model_version("flights", version).tags["snapshot"]


# END SOLUTION
# STUB: def made_from(version):
# STUB:     return ...


# %%
def leads_to_the_rows(made_from):
    found = made_from("1")
    if found != winter.digest:
        return f"it returns {found!r}, and the snapshot's digest has 16 hexadecimal digits."
    return snapshot.load(found).manifest["end"] == "2013-03-17"


hint = "client.get_model_version(...) has the tags shown above."
check("04-ex1", "made_from", test=leads_to_the_rows, hint=hint)

# %% [markdown]
# The digest leads to the rows, and the rows to the model. If the lineage is true, a model made again from them gives the same answers, to
# the last digit:

# %%
version_1 = registry.load("flights", "1")
again = train.fit(case, snapshot.load(made_from("1")), version_1.about["recipe"])
answers = version_1.estimator.predict_proba(test_features)[:, 1]
same = again.estimator.predict_proba(test_features)[:, 1] == answers
print(f"{same.sum()} of {len(same)} answers are equal")

# %% [markdown]
# ## A file that was changed
#
# Somebody puts `model_final_v2_really.skops` in the place of version 1's file, as it has been done in many places. *What will MLflow say,
# and what `registry.load`?*

# %%
import shutil

kept = ws.root / "kept.skops"
shutil.copy(where / "model.skops", kept)
shutil.copy(files / "model_final_v2_really.skops", where / "model.skops")

model = mlflow.sklearn.load_model("models:/flights/1")
wrong = model.predict_proba(test_features)[:, 1] != answers
print(f"MLflow: loaded, {wrong.mean():.0%} of the answers are others")
try:
    registry.load("flights", "1")
except release.ReleaseError as error:
    print("firstflight: ReleaseError,", str(error).rpartition(": ")[2])

shutil.copy(kept, where / "model.skops")
print("restored, and loads:", registry.load("flights", "1").about["trained_to"])

# %% [markdown]
# MLflow loads what lies there. `registry.load` first computes the digest of all files and compares it with the one that the version was registered with;
# then the library versions, the feature code and the types; and last it asks the frozen requests again. Restored, it loads.
#
# ## What you did
#
# You failed to tell three files apart, tracked runs, moved an alias without a trace, and registered a version 1 that leads back to its rows
# and cannot be swapped unseen. All of it is in a database that MLflow's server shows; the ledger counts what that costs.

# %%
ui = servers.mlflow()
ui

# %% tags=["nbval-ignore-output"]
# Measurements of this machine: another run prints other figures.
there_anyway = ("pandas", "scikit-learn", "pyarrow", "jupyterlab", "prefect")
ledger.record(
    "04",
    "MLflow",
    prevented="a model that nobody can trace, and one that was swapped unseen",
    install_mb=ledger.install_mb("mlflow", beside=there_anyway),
    start_s=ui.start_seconds,
    resident_mb=ui.memory_mb(),
    glue_lines=ledger.glue_lines(
        "firstflight.registry", "firstflight.release", "firstflight.fingerprint"
    ),
)
ledger.table("04")

# %%
checklist("04")

# %% [markdown]
# ## In practice
#
# - **Give `log_model` a signature and requirements.** Without a signature nothing guards the inputs. Requirements that are left out MLflow
#   finds by loading the model in a fresh process, which takes longer than training.
# - **A digest finds a change, it does not forbid one.** Who can write the files and the database can change both. Keep the store where few
#   can write.
# - SQLite carries a team of a few. With more people at once, the same calls go to an MLflow server on PostgreSQL.
# - A registered version is not a good version. Nobody has judged version 1 yet, and nothing is live: `history.serving("flights").releases` is empty.
#
# **Next:** lesson 05 judges it, and four candidates that look better.

# %%
ui.stop()
leaves("version 1 of flights, registered")
end("04")
