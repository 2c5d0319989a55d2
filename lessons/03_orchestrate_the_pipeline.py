# %% [markdown]
# # 03 · Orchestrate the pipeline
#
# **The failure.** Every month at 6 a.m. a script appends the new drop to the team's tables and trains. This month one of the two files is
# late. The script dies halfway; somebody runs it again when the file is there, it ends well, and from then on the model is made of a
# March that happened twice.
#
# *What you'll do*: let that happen to March, mend the step that does the harm, and give the month to an orchestrator, **Prefect**:
# retries, a failure that can be read, and a second run that finds what the first one did.
#
# *What you need*: 25 minutes, 0.8 GB of memory, and the workspace of lesson 02. You may run the lesson twice.

# %%
from classroom import begin, check, checklist, end, leaves, ledger, servers, show, show_map

ws = begin("03")
show_map("03")

# %% [markdown]
# ## A morning in April
#
# The upstream delivers two files a month: flights and weather. Here is an upstream that you can delay and damage. January and February
# are complete. Of March there are the flights; the weather is late.

# %%
import shutil

from firstflight import clock
from firstflight.workspace import PROJECT

clock.set_today("2013-04-01")
upstream, data = ws.root / "upstream", PROJECT / "data"
shutil.rmtree(upstream, ignore_errors=True)
upstream.mkdir()
shutil.copy(data / "SHA256SUMS", upstream)  # the checksum of each file, promised beforehand
for source, months in (("flights", (1, 2, 3)), ("weather", (1, 2))):
    (upstream / source).mkdir()
    for month in months:
        shutil.copy(data / source / f"2013-{month:02}.parquet", upstream / source)

# %% [markdown]
# And this is the script, as such scripts are: append the month to the two tables, join them, train, and score the last two weeks.

# %%
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def train_and_score(flights, weather):
    known = weather.assign(time_hour=weather["time_hour"] + pd.Timedelta(hours=3))
    flown = flights.dropna(subset="arr_delay")
    rows = flown.merge(known, on=["origin", "time_hour"], how="left")
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["origin", "carrier"]),
        (make_pipeline(SimpleImputer(), StandardScaler()), ["temp", "wind_speed", "visib"]),
    )
    late, test = rows["arr_delay"] >= 15, rows["time_hour"] >= pd.Timestamp("2013-03-18", tz="UTC")
    model = make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(rows[~test], late[~test])
    loss = log_loss(late[test], model.predict_proba(rows[test])[:, 1])
    in_march = rows["time_hour"] >= "2013-03-01T05Z"
    return {"flights in March": int(in_march.sum()), "log loss": round(loss, 4)}


def six_am(append):
    tables = []
    for source in ("flights", "weather"):
        month = pd.read_parquet(upstream / source / "2013-03.parquet")
        path = tables_of_the_team / f"{source}.parquet"
        tables.append(append(pd.read_parquet(path), month))
        tables[-1].to_parquet(path)
    return train_and_score(*tables)


# %%
tables_of_the_team = ws.root / "six_am"


def as_after_february():
    tables_of_the_team.mkdir(exist_ok=True)
    for source in ("flights", "weather"):
        january, february = (upstream / source / f"2013-{month}.parquet" for month in ("01", "02"))
        both = append(pd.read_parquet(january), pd.read_parquet(february))
        both.to_parquet(tables_of_the_team / f"{source}.parquet")


def append(table, month):
    return pd.concat([table, month], ignore_index=True)


as_after_february()
try:
    six_am(append)
except FileNotFoundError as error:
    print("6 a.m.:", type(error).__name__, "/".join(error.filename.split("/")[-2:]))

# %% [markdown]
# A trace in a log that nobody reads, and it is right: there is nothing to train without the weather. At nine the file is there, and
# somebody runs the script again.
#
# *Before you run the next cell: how would you notice that something is wrong?*

# %%
shutil.copy(data / "weather" / "2013-03.parquet", upstream / "weather")
at_nine = six_am(append)

as_after_february()  # for comparison: a month in which both files came in time
in_time = six_am(append)
pd.DataFrame([in_time, at_nine], index=["both files in time", "run again at nine"])

# %% [markdown]
# No error, and the score is even **better**: 0.5085 instead of 0.5102. But March has 55,804 flights and had 27,902. The first run had
# appended them before it died. Now they count twice in training, and the score, which is taken on the end of March, likes that.
#
# ## Mend the step
#
# The script cannot know whether it ran before, so each step must be one that may run twice: **idempotent**. *Write `append_once`*: the
# table with this month in it exactly once, whatever an earlier run left there.


# %% id="03-ex1"
# BEGIN SOLUTION
def append_once(table, month):
    older = table[~table["time_hour"].isin(month["time_hour"])]
    return pd.concat([older, month], ignore_index=True)


# END SOLUTION
# STUB: def append_once(table, month):
# STUB:     return ...


# %%
def twice_is_once(append_once):
    as_after_february()
    table = pd.read_parquet(tables_of_the_team / "flights.parquet")
    month = pd.read_parquet(upstream / "flights" / "2013-03.parquet")
    once = append_once(table, month)
    if len(once) != len(table) + len(month):
        return f"one run makes {len(once)} rows, and {len(table) + len(month)} are wanted."
    if len(append_once(once, month)) != len(once):
        return f"a second run makes {len(append_once(once, month))} rows of {len(once)}."
    return True


hint = "Before you append: take out of the table what the month brings."
check("03-ex1", "append_once", test=twice_is_once, hint=hint)

# %%
as_after_february()
(upstream / "weather" / "2013-03.parquet").unlink()
try:
    six_am(append_once)
except FileNotFoundError:
    shutil.copy(data / "weather" / "2013-03.parquet", upstream / "weather")
pd.DataFrame([in_time, six_am(append_once)], index=["both files in time", "run again, append_once"])

# %% [markdown]
# The harm is gone. What is left is everything around the step: who tries again at seven, who knows that it failed and why, what happens
# if the file is there but only half of it. That is an orchestrator's work.
#
# ## Prefect
#
# A server keeps the runs; flows report to it. It listens on this machine only. The address must be set before Prefect is imported.

# %%
import os

# The logs are on Prefect's own pages; here they would be in the way.
os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
server = servers.prefect()  # `prefect server start`, and PREFECT_API_URL set to it
server

# %% [markdown]
# A `task` is a step that is tried again by itself; a `flow` calls tasks and is what you start. `drops.land` of lesson 02 is idempotent,
# and takes both files of a month or neither.

# %%
from time import perf_counter

before = perf_counter()
from prefect import flow, task

import_seconds = perf_counter() - before
import datetime as dt

from firstflight import drops, snapshot, usecase

case = usecase.get("flights")
rehearsal = ws.root / "rehearsal"  # a landing folder to play with
shutil.rmtree(rehearsal, ignore_errors=True)


@task(task_run_name="land {month}", retries=3, retry_delay_seconds=0.5)
def land(month):
    drops.land(upstream, rehearsal, case.sources.values(), month)


@task(task_run_name="snapshot")
def take_snapshot(start, end):
    known = drops.Drops(rehearsal, case.sources, clock.today())
    return snapshot.take(case, known, start, end, feature_version=1).digest


@flow(name="month end", flow_run_name="month end {month}")
def month_end(month):
    for each in drops.months(dt.date(2013, 1, 1), dt.date.fromisoformat(f"{month}-01")):
        land(each)
    return take_snapshot(dt.date(2013, 1, 1), dt.date(2013, 3, 17))


# %% [markdown]
# First a morning on which the weather does not come at all. `return_state=True` returns how it ended instead of raising.

# %%
(upstream / "weather" / "2013-03.parquet").unlink()
began = dt.datetime.now(dt.UTC)
state = month_end("2013-03", return_state=True)
print(state.name)
print(state.message)
print("landed:", sorted(drops.read_sums(rehearsal)))

# %% [markdown]
# It failed, after the first attempt and the `retries=3` that the task allows, with one sentence: which file, what was expected, what to do. January and February have landed. March's
# flights were there, and have not: a month lands whole or not at all.
#
# Now a morning as mornings are: after each failed attempt something else arrives. First half a file, then a file in which every row
# stands twice, then the right one. Prefect asks a task's `retry_condition_fn` whether to try again; here the upstream uses the pause to
# deliver. *Which wrong file would even the mended script have accepted?*

# %%
import pyarrow as pa
import pyarrow.parquet as pq

march = "weather/2013-03.parquet"
pq.write_table(pa.concat_tables([pq.read_table(data / march)] * 2), ws.root / "doubled.parquet")
whole, doubled = (data / march).read_bytes(), (ws.root / "doubled.parquet").read_bytes()
arrivals, reasons = iter([whole[:20_000], doubled, whole]), []


def meanwhile(task, run, state):
    reasons.append(str(state.data))
    (upstream / march).write_bytes(next(arrivals))
    return True


land = land.with_options(retry_condition_fn=meanwhile)
digest = month_end("2013-03")
for attempt, reason in enumerate(reasons, start=1):
    print(f"attempt {attempt}: {reason}\n")
print("attempt 4: landed; snapshot", digest)

# %% [markdown]
# The doubled file: it can be read, its columns are right, and `append_once` would have taken it as it is. A retry is only as good as the
# check that asks for it. Waiting and checking belong together.
#
# ## What Prefect knows
#
# All of this is on the server, for its pages and for code. Ask for that last run, and for every state that its tasks went through.

# %%
import time

from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort

client = get_client(sync_client=True)


def flow_runs():
    ours = FlowRunFilter(start_time={"after_": began})
    return client.read_flow_runs(flow_run_filter=ours, sort=FlowRunSort.START_TIME_ASC, limit=50)


def task_runs(flow_run, n):
    only = FlowRunFilter(id={"any_": [flow_run.id]})
    newest = TaskRunSort.END_TIME_DESC
    for _ in range(200):  # task runs are written in the background: ask until all have ended
        found = client.read_task_runs(flow_run_filter=only, sort=newest, limit=50)
        if sum(run.state.is_final() for run in found) == n:
            return sorted(found, key=lambda run: run.start_time)
        time.sleep(0.1)


tasks = task_runs(flow_runs()[-1], n=4)
states = {
    run.name: sorted(client.read_task_run_states(run.id), key=lambda state: state.timestamp)
    for run in tasks
}
for run in tasks:
    through = [state.name for state in states[run.name]]
    print(f"{run.name}, attempts: {run.run_count}\n    {', '.join(through)}")

# %%
import matplotlib.pyplot as plt

zero = states["land 2013-01"][0].timestamp
figure, axes = plt.subplots(figsize=(8, 2.8))
for row, through in enumerate(states.values()):
    seconds = [(state.timestamp - zero).total_seconds() for state in through]
    for state, start, stop in zip(through, seconds, seconds[1:], strict=False):
        if state.name == "AwaitingRetry":
            axes.barh(row, stop - start, left=start, height=0.3, color="#f2c48d")
            axes.plot(start, row, "x", color="#b3341f", markersize=9, markeredgewidth=2)
        elif state.name in ("Running", "Retrying"):
            axes.barh(row, max(stop - start, 0.02), left=start, height=0.55, color="#2f6f9f")
    axes.plot(seconds[-1], row, "o", color="#2e7d4f", markersize=8)
axes.set_yticks(range(len(states)), states)
axes.invert_yaxis()
axes.set(xlabel="seconds since the run began", ylabel="task")
axes.set_title("Three attempts fail, the fourth lands March, and only then it goes on")
show(
    figure,
    "Timeline of the four tasks of one run. January and February land at once. March fails three times, marked by "
    "crosses, and waits after each; the fourth attempt lands it. The snapshot starts only after that.",
)

# %% [markdown]
# Crosses are failed attempts, light bars are pauses, dots are ends. Half a second here; an hour at work.
#
# And if the whole run is started again, by hand or by a nervous scheduler? *What do you expect to change in the landing folder?*

# %%
from firstflight.release import folder_digest

before = folder_digest(rehearsal)
print("same snapshot:", month_end("2013-03") == digest)
print("same files:   ", folder_digest(rehearsal) == before)
pd.DataFrame([{"run": run.name, "state": run.state_name} for run in flow_runs()])

# %% [markdown]
# Nothing. That is all that *resume* needs: no list of finished steps that could be wrong, only steps that look at what is there. One
# failed run, one that was retried to its end, one that found everything done, all under the name of the month.
#
# ## The flow that stays
#
# `firstflight/flow.py` holds the team's flows. `ingest` lands months and publishes the features' state for each day; its `land` is the
# task above with the retry rule that it needs.

# %%
from classroom import code_of
from firstflight import flow as flows

print(code_of(flows.may_still_come))
print(code_of(flows.ingest.fn).split(":\n", 1)[1])

# %% [markdown]
# It tries again for a `DropError` alone: waiting mends a late file, and never a bug. `end_dead_runs` tells Prefect which earlier runs were killed: a kill tells nobody. Now the real thing, from the real upstream into the
# team's landing folder: March, and the state as of its last day.

# %%
from firstflight import operations

first, last = dt.date(2013, 3, 1), dt.date(2013, 3, 31)
month_of_march = {"usecase": "flights", "start": last, "end": last, "feature_versions": [1]}
print(flows.ingest(**month_of_march))
print("landed:", sorted(name for name in drops.read_sums(ws.drops) if "2013-03" in name))
print("flights in March:", len(operations.landed(case).read("flights", first, last)))

# %% [markdown]
# 28,834 scheduled flights, each once. The 27,902 above were those that flew and arrived; the rest were cancelled or diverted, and are kept because a request can be made for them. Two controls: run it again, which should change nothing, and run it against an upstream that sends
# every row twice, which should be refused.

# %%
before = folder_digest(ws.drops), folder_digest(ws.state)
print("again:  ", flows.ingest(**month_of_march))
(upstream / march).write_bytes(doubled)
try:
    flows.ingest(**month_of_march, upstream=str(upstream), retries=1, retry_seconds=0.1)
except flows.DropError as error:
    print("doubled:", error)
print("changed:", (folder_digest(ws.drops), folder_digest(ws.state)) != before)

# %% [markdown]
# The first is quiet, the second is loud, and neither changed a file.
#
# ## What you did
#
# You saw a second run do more harm than the failure before it, wrote a step that may run twice, and gave a late, a halved and a doubled
# file to a flow that waits, checks and says why. The ledger's row: disk beside what was there, start (server and import), memory, and what
# Prefect adds to a run that does nothing.


# %% tags=["nbval-ignore-output"]
# Measurements of this machine: another run prints other figures.
@flow
def nothing():
    land_nothing()


@task
def land_nothing():
    pass


there_anyway = ("pandas", "scikit-learn", "pyarrow", "jupyterlab")
nothing()
before = perf_counter()
nothing()
ledger.record(
    "03",
    "Prefect",
    prevented="a month twice in the tables, after a script that died halfway",
    install_mb=ledger.install_mb("prefect", beside=there_anyway),
    start_s=server.start_seconds + import_seconds,
    resident_mb=server.memory_mb(),
    latency_ms=1000 * (perf_counter() - before),
    glue_lines=ledger.glue_lines("firstflight.flow"),
)
ledger.table("03")

# %%
checklist("03")

# %% [markdown]
# ## In practice
#
# - **Idempotence is the step's work, not the orchestrator's.** Prefect can also remember that a step was done (`cache_policy`,
#   `persist_result`). It then remembers the call, not the file: delete the file, and it still says done.
# - **Write whole or not at all.** `drops.land` checks both files, writes each beside its place and moves it there, and lists them last.
# - Here you start the flow. At work a schedule does: a small flow `daily` that calls `ingest` for today, and
#   `daily.serve(cron="0 6 * * *")` on a machine that is awake at six. `on_failure` hooks bring that one sentence to a person.
# - Prefect writes task runs in the background. Code that asks right after a run must be ready to ask again.
# - Two runs at the same moment: each step writes under the workspace's lock, so the second waits and finds what the first has done.
#   The lock holds on one machine; for runs on several, Prefect has `concurrency` limits.
#
# **Next:** the month has landed and its snapshot has a name. Lesson 04 trains on it and gives the model a place where it can be found.

# %%
leaves("March landed by the flow, its state")
end("03")
