# %% [markdown]
# # 10 · Ship from CI
#
# **The failure.** It worked on one laptop. A pull request cleans up one feature, the model scores as before, two people approve. Nobody
# notices what it does to the release that is live.
#
# *What you'll do*: make that change and watch it do harm; let code refuse it; let **nbval** catch a number that no longer holds; then run
# a retrain the way CI runs it, with **papermill** and the Prefect flow, up to the point where a person decides.
#
# *What you need*: 30 minutes, lessons 00-09, 0.9 GB of memory. You may run the lesson twice.

# %%
from classroom import begin, check, checklist, end, leaves, ledger, servers, show, show_map

ws = begin("10")
show_map("10")

# %% [markdown]
# ## A clean-up
#
# It is 15 November. Version 2 is live again. A colleague works in degrees Celsius and brings the temperature into line with everything else the team has:

# %%
from dataclasses import replace
from datetime import date

from firstflight import clock, history, metrics, operations, process, registry
from firstflight import usecase as usecases

clock.set_today("2013-11-15")
flights = usecases.get("flights")
drops = operations.landed(flights)
main = flights.features[1]  # the feature code as it is on the main branch


def in_celsius(requests, lookup):
    features = main.build(requests, lookup)
    features["temp"] = (features["temp"] - 32) / 1.8
    return features


branch = replace(main, build=in_celsius, code=(*main.code, in_celsius))

# %% [markdown]
# On the laptop the colleague trains with both codes, on October, and scores 1 to 14 November. *Which of the two models is better?*

# %%
from firstflight.state import States, by_date


def rows_of(start, end):
    states = States(by_date(main.compute_state(drops, start, end)))
    requests = flights.requests(drops, start, end)
    return requests.merge(flights.labels(drops, start, end), on=list(flights.key)), states.lookup


october = rows_of(date(2013, 10, 1), date(2013, 10, 31))
november = rows_of(date(2013, 11, 1), date(2013, 11, 14))


def log_loss(model, features):
    said = usecases.predict(flights, model, features.build(*november))
    return metrics.row_loss("log_loss", november[0]["label"], said).mean()


for name, features in {"main": main, "branch": branch}.items():
    trees = flights.recipes["hist_gradient_boosting"](features)
    trees.fit(features.build(*october), october[0]["label"])
    print(f"{name}: {log_loss(trees, features):.6f}")

# %% [markdown]
# Equal to all six digits printed: trees only ask whether a number is larger than another. On the laptop the change is harmless.
#
# But nobody retrains on the day of a merge. The live release was fitted on Fahrenheit, and from the next deployment of the service on it meets the branch's features.

# %%
live = registry.load("flights", "live")
for name, features in {"main": main, "branch": branch}.items():
    print(
        f"live version {live.version} with the code of {name}: {log_loss(live.estimator, features):.3f}"
    )

# %% [markdown]
# From 0.438 to 0.486: the same columns, no error, every request answered, in every answer a freezing day. No test of the new model can see it, because the new model is
# not the one that is harmed.
#
# ## The question that CI should ask
#
# A release keeps the digest of the feature code that made it. Whoever loads it compares. So ask, for every release that may serve: *does the code of this branch still load it?*

# %%
from firstflight import release
from firstflight.errors import ReleaseError

serving = {
    alias: registry.load("flights", version)
    for alias, version in history.serving("flights").releases.items()
}


def ask(features):
    case = replace(flights, features={**flights.features, features.version: features})
    for alias, held in serving.items():
        try:
            release.check_code(f"models:/flights/{held.version}", held.about, case)
            print(f"{alias}: loads")
        except ReleaseError as error:
            print(f"{alias}: {error}")


ask(main)
ask(branch)
ask(replace(branch, version=3))

# %% [markdown]
# The main branch loads it, the pull request does not, and the same change under a **new version number** does: version 1 is still there for the release that needs it.
#
# **Exercise 1.** Which edits of feature code would the digest refuse? A comment is mended; the state covers eight days instead of seven; a median takes the place of a mean. Write `True` for refused.

# %% id="10-ex1"
# BEGIN SOLUTION
a_comment = False
eight_days = True
a_median = True
# END SOLUTION
# STUB: a_comment = ...
# STUB: eight_days = ...
# STUB: a_median = ...


# %%
def mean():
    def rate(late):  # of a week
        return late.mean()

    return replace(main, code=(rate,))


def mean_again():
    def rate(late):  # of the last seven days
        return late.mean()

    return replace(main, code=(rate,))


def median():
    def rate(late):  # of a week
        return late.median()

    return replace(main, code=(rate,))


eight = replace(mean(), settings={**main.settings, "state_days": 8})
edits = {"comment": mean_again(), "eight days": eight, "median": median()}
refused = {name: edit.code_digest != mean().code_digest for name, edit in edits.items()}
check(
    "10-ex1", "a_comment", "eight_days", "a_median",
    test=lambda *answers: list(answers) == list(refused.values()),
    hint="The digest should see whatever can change a number, and nothing else.",
)  # fmt: skip
print(refused)

# %% [markdown]
# The digest is taken of the parsed code and its constants. What cannot change a number does not count: comments, docstrings, layout, the names of local variables. Whatever can, counts, and a rewrite that
# gives the same numbers by another way counts too. A new version number costs a line; a wrong guess about what matters costs a night.
#
# `firstflight check` asks the same of every release that may serve, and ends with 3 if one does not load. Merged all the same, the change would not have answered wrongly: the service refuses the release, and nothing answers.
#
# ## What CI runs
#
# A machine that is nobody's laptop, on every pull request:

# %%
from firstflight.workspace import PROJECT

workflow = (PROJECT / ".github" / "workflows" / "ci.yml").read_text()
script = (PROJECT / ".ci" / "run").read_text()
print(workflow[: workflow.index("      - name: Keep")])
print("\n".join(line for line in script.splitlines() if line.startswith("make")))

# %% [markdown]
# Nothing in it belongs to CI: a fresh environment from the lock, then a command that you can type yourself. `make test` lets papermill run the course that you are in, its gate, service
# and rollback included, and nbval compare every output of `solutions/` with the committed one. You meet both below.
#
# ## A retrain without a laptop
#
# A retrain is not a notebook by hand either. It is a flow that a person, a timer or a CI job starts. Give Prefect its server, and retrain on all of January to October with feature version 2.
#
# *What do you expect of the gate?* It held version 3, which knew thirty days.

# %%
import os

# The logs are on Prefect's own pages.
os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
server = servers.prefect()
server

# %%
from firstflight import flow

wanted = {"usecase": "flights", "recipe": "hist_gradient_boosting", "feature_version": 2}
wanted |= {"start": date(2013, 1, 1), "end": date(2013, 10, 31)}
version, verdict = flow.retrain(**wanted)

print(f"version {version}, judged on {verdict.first_day} to {verdict.last_day}: {verdict.verdict}")
for rule in ("beats_naive", "better_than_live"):
    print(f"  {rule}: {verdict.check(rule).sentence}")

# %% [markdown]
# The mean is better than the naive guess by 0.0279 and than version 2 by 0.0081, and both intervals contain zero. Against version 2, day by day:

# %%
import matplotlib.pyplot as plt
import numpy as np

from firstflight import predictions

days = verdict.first_day, verdict.last_day
scored = flights.labels(drops, *days)
for name in (version, "2"):
    said = predictions.replay(registry.load("flights", name), drops, *days)
    scored = scored.merge(said[[*flights.key, "prediction"]].rename(columns={"prediction": name}))
mine, theirs = (
    metrics.row_loss("log_loss", scored["label"], scored[name]) for name in (version, "2")
)
gaps = scored.assign(gap=mine - theirs).groupby("date")["gap"].agg(["sum", "count"])
by_day, gap = gaps["sum"] / gaps["count"], verdict.check("better_than_live").interval

figure, axes = plt.subplots()
axes.bar(by_day.index.day, by_day, color=np.where(by_day < 0, "#1f5f8b", "#b35900"))
axes.axhspan(gap.low, gap.high, color="grey", alpha=0.35, label="mean of all flights, 90% interval")
axes.axhline(0, color="black", linewidth=1)
axes.set(xlabel="day of November 2013", ylabel="log loss, version 4 minus version 2")
axes.set_title(f"Better on {(by_day < 0).sum()} days of 14, but one day carries most of it")
axes.legend(frameon=False)
show(
    figure,
    f"Bars of the daily difference, below zero on {(by_day < 0).sum()} of 14 days, the lowest at {by_day.min():.3f} on 5 November; "
    f"a band shows the interval of the mean, from {gap.low:.3f} to {gap.high:+.3f}.",
)
print(f"of the whole gain, 5 November has {gaps['sum'].min() / gaps['sum'].sum():.0%}")

# %% [markdown]
# **A hold.** One day of fourteen has 65% of the gain, and the next fortnight need not have such a day. Drawing days instead of rows sees that.
#
# A timer may fire twice, and a runner may die halfway. *How many versions will there be when the same flow has run again?*

# %%
again, _ = flow.retrain(**wanted)
print("version", again, "of", registry.versions("flights"))

# %% [markdown]
# No new one: the snapshot is named by its content, and a version with this snapshot and this recipe is there.
#
# ## Where the machine stops
#
# The last line of a careless pipeline is `promote`. Try it, and the gentler step too.

# %%
from firstflight.errors import RolloutError

for step in (operations.promote, operations.start_shadow):
    try:
        step(flights, version, by="model_owner", reason="the nightly retrain")
    except RolloutError as error:
        print(error)
print("live:", history.serving("flights").releases["live"])

# %% [markdown]
# Refused, and nothing has changed. A person may waive a hold, by name and with a reason; a machine has neither. It brings the evidence and stops. Here the person waits too: version 2 does
# its work, and nothing is lost but patience.
#
# ## The page that the person reads
#
# **papermill** runs a notebook with other parameters than it was written with. The cell tagged `parameters` holds defaults; papermill puts yours in a cell behind it. This page has three cells.

# %%
import json
import time

import nbformat
import papermill
from nbformat.v4 import new_code_cell, new_notebook

desk = ws.root / "ci"
desk.mkdir(exist_ok=True)
gaps.to_csv(desk / f"days-{version}.csv")
how = process.load().usecase("flights").gate.how | {"critical": gap.critical}
(desk / f"how-{version}.json").write_text(json.dumps(how))
compare = """\
days, how = pd.read_csv(f"days-{candidate}.csv"), json.load(open(f"how-{candidate}.json"))
mean = days["sum"].sum() / days["count"].sum()
apart, rows = (days["sum"] - mean * days["count"]).to_numpy(), days["count"].to_numpy()
blocks = CircularBlockBootstrap(how["block_days"], apart, rows, seed=how["seed"])
drawn = blocks.apply(lambda apart, rows: apart.sum() / rows.sum(), reps=how["n"])
reach = how["critical"] * np.sqrt(np.mean(drawn**2))
print(f"{mean:+.4f} [{mean - reach:+.4f}, {mean + reach:+.4f}]")"""
cells = [
    new_code_cell('candidate = "3"', metadata={"tags": ["parameters"]}),
    new_code_cell(
        "import json\n\nimport numpy as np\nimport pandas as pd\n"
        "from arch.bootstrap import CircularBlockBootstrap"
    ),
    new_code_cell(compare),
]
kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
nbformat.write(new_notebook(cells=cells, metadata=kernel), desk / "template.ipynb")

# %%
begun = time.perf_counter()
papermill.execute_notebook(
    desk / "template.ipynb", desk / "report.ipynb", {"candidate": version},
    cwd=desk, progress_bar=False,
)  # fmt: skip
papermill_seconds = time.perf_counter() - begun
page = nbformat.read(desk / "report.ipynb", as_version=4)
[(cell.source.splitlines()[-1], *(o.text for o in cell.outputs)) for cell in page.cells]

# %% [markdown]
# The interval of the gate to the last digit, drawn anew from fourteen sums, by blocks of two days. The page goes into the repository with its output, and a number in a repository looks like a fact.
#
# ## A number that no longer holds
#
# So somebody mends it: the sign of the upper end changes, and the hold becomes a pass. **nbval** is a pytest plugin: it runs a notebook anew and compares each output with the committed one. Give it the page as
# papermill wrote it, and the mended copy. *Which line will it name?*

# %%
import subprocess
import sys

committed = (desk / "report.ipynb").read_text()
mended = committed.replace(f"{gap.high:+.4f}]", f"{-gap.high:+.4f}]")
(desk / "mended.ipynb").write_text(mended)
print("signs that differ:", sum(a != b for a, b in zip(committed, mended, strict=True)))

(desk / "pytest.ini").write_text("[pytest]\n")  # so that the project's own settings stay out
plain = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
pytest = [sys.executable, "-m", "pytest", "-p", "nbval.plugin", "-p", "no:cacheprovider"]
begun = time.perf_counter()
done = subprocess.run(
    [*pytest, "--color=no", "--nbval", "report.ipynb", "mended.ipynb"],
    cwd=desk, env=plain, capture_output=True, text=True,
)  # fmt: skip
nbval_seconds = time.perf_counter() - begun

print("exit code:", done.returncode)
lines = done.stdout.splitlines()
start = next(n for n, line in enumerate(lines) if line.startswith("report.ipynb"))
print(*(line for line in lines[start:-2] if line.strip()), sep="\n")

# %% [markdown]
# Green, a dot for each cell, and red: the cell, the line, and a mark under the sign. The run on a pull request would end here, and a reviewer would see why.
#
# It is how the course checks itself: each number in `solutions/` stands there because a fresh run printed it again, except in pictures and in cells marked as measured.
#
# ## What it cost


# %% tags=["nbval-ignore-output"]
# Measured: seconds differ on every run, megabytes and lines with each version.
def lines_of(text):
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") for line in text.splitlines()
    )


there = ("jupyterlab", "pandas", "scikit-learn")
ledger.record(
    "10",
    "papermill",
    prevented="a page that only its author can make again",
    install_mb=ledger.install_mb("papermill", beside=there),
    start_s=papermill_seconds,
)
ledger.record(
    "10",
    "nbval",
    prevented="a committed number that no longer holds",
    install_mb=ledger.install_mb("nbval", beside=there),
    start_s=nbval_seconds,
)
ledger.record(
    "10",
    "CI",
    prevented="feature code that changed under the live release",
    glue_lines=lines_of(workflow) + lines_of(script),
)
ledger.table("10")

# %%
checklist("10")

# %% [markdown]
# **What you did.** You made a change that is harmless on a laptop and raises the log loss of the live release from 0.438 to 0.486, and let a digest refuse it. A flow retrained, judged, and stopped before the step
# that is a person's. A page was made by papermill, and nbval found one wrong sign in it.
#
# *In practice*
#
# - **Green means: what was asked is as it was.** CI does not know that Celsius is wrong. The digest knows that the live release was made by other code, and CI asks it only where it can reach the registry; elsewhere it sees the change because committed outputs no longer hold.
# - A CI job talks by its exit code. `firstflight gate 4` ends with 3, and only a pass with 0.
# - CI needs the history and the registry to ask about the live release. On a hosted runner that means a shared place for both, and a password that reads and cannot promote.
# - Strict comparison needs determinism: seeds, sorted rows, rounded numbers, one thread, a lock. It found the same last digit here because nothing in the run is left to chance.
# - The course in CI runs on a laptop's data. Yours may be too large: run the path on a month, and the gate on all of it, at night.
# - This feature could have been mended with a version of its own, at the price of a retrain and a rollout. That price is the argument to have in the review.
#
# *Next*: the path exists. What does a second model cost on it?

# %%
leaves("version 4, on hold; a page about it")
end("10")
