# %% [markdown]
# # 03 · Orchestrate the pipeline
#
# **The failure.** Every month at 6 a.m. a script appends the new [drop](glossary.ipynb#drop) to the team's tables and trains. This month one file
# is late. The script dies halfway, somebody starts it again, and it ends well. Now its March has happened twice.

# %% [markdown]
# *What you'll do*: mend the step that does the harm, give the month to **Prefect**, kill a run in its middle, and make up for two missed months.
#
# *What you need*: 40 minutes, 0.8 GB of memory, and lesson 02.

# %%
from classroom import begin, show_map

ws = begin("03")
show_map("03")

# %% [markdown]
# ## A morning in April
#
# The upstream delivers two files per month, flights and weather. `classroom.upstream` plays it: you say which weather file of March it sends, such
# as `"right"` or `"late"`. And this is the script:

# %%
from classroom import code_of, six_am, today, upstream

today("2013-04-01")
print(code_of(six_am.run))

# %% [markdown]
# `append` puts the month behind the table. `train_and_score` joins the two tables and trains on all but the last two weeks of March; those give
# the log loss. First, both files come in time (about 4 seconds).

# %%
# about 4 s
six_am.as_after_february()
upstream.plays("right")
in_time = six_am.run(six_am.append)
in_time

# %% [markdown]
# Now the same month with weather that is late at six.

# %%
six_am.as_after_february()
upstream.plays("late", "right")  # at the first fetch, at the second
try:
    six_am.run(six_am.append)
except FileNotFoundError as error:
    print("6 a.m.:", type(error).__name__, "/".join(error.filename.split("/")[-2:]))

# %% [markdown]
# Nobody reads that log. At nine the file is there, and somebody starts the script again.

# %% [markdown] tags=["task"]
# **What will you see?** `"an error"`, `"a worse log loss"`, `"the same log loss"` or `"a better log loss"`.

# %% id="03-guess1"
from classroom import guess

# BEGIN SOLUTION
guess("03-guess1", "what the second run shows", "a worse log loss")
# END SOLUTION
# STUB: guess("03-guess1", "what the second run shows", ...)

# %%
import pandas as pd

at_nine = six_am.run(six_am.append)
pd.DataFrame([in_time, at_nine], index=["both files in time", "run again at nine"])

# %%
from classroom import came, check

change = at_nine["log loss"] - in_time["log loss"]
came("03-guess1", "a better log loss" if change < 0 else "a worse log loss")

# %% [markdown]
# No error, and the score is **better**: 0.5085 instead of 0.5102. But March now has 55,804 flights instead of 27,902: the first run had appended
# them before it died. They count twice, in training and in the score.

# %% [markdown]
# ## Mend the step
#
# The script cannot know whether it ran before. So each step must be one that may run twice: [idempotent](glossary.ipynb#idempotent).

# %% [markdown] tags=["task"]
# Write `append_once(table, month)`. It returns the table with this month in it exactly once, as the new file has it, whatever an earlier run left:
# nothing, a part, or an older version. Other months stay. It gets flights or weather; both have `time_hour`, in UTC. (A
# file's month is New York's, hours behind UTC.)


# %% id="03-ex1"
def append_once(table, month):
    # BEGIN SOLUTION
    first, last = month["time_hour"].min(), month["time_hour"].max()
    others = table[~table["time_hour"].between(first, last)]
    return pd.concat([others, month], ignore_index=True)
    # END SOLUTION
    # STUB: return ...


# %%
check("03-ex1")

# %% [markdown]
# The late morning again, with your step in the script.

# %%
six_am.as_after_february()
upstream.plays("late", "right")
try:
    six_am.run(append_once)
except FileNotFoundError as error:
    print("6 a.m.:", type(error).__name__)
pd.DataFrame([in_time, six_am.run(append_once)], index=["both files in time", "run again at nine"])

# %% [markdown]
# The second run does no harm now. But a file can also be wrong when it comes: half of it, or each row twice.

# %% [markdown] tags=["task"]
# **After which arrival does the script end without an
# error, on a wrong March?** `"late"`, `"half"`, `"doubled"` or `"none"`.

# %% id="03-guess2"
# BEGIN SOLUTION
guess("03-guess2", "which wrong file passes", "half")
# END SOLUTION
# STUB: guess("03-guess2", "which wrong file passes", ...)

# %%
ends = {}
for arrival in ("late", "half", "doubled", "right"):
    six_am.as_after_february()
    upstream.plays(arrival)
    try:
        ends[arrival] = six_am.run(append_once)["flights in March"]
    except (OSError, ValueError) as error:
        ends[arrival] = type(error).__name__
pd.Series(ends).to_frame("flights in March, or the error")

# %%
wrong = [a for a, n in ends.items() if isinstance(n, int) and n != in_time["flights in March"]]
came("03-guess2", wrong[0] if wrong else "none")

# %% [markdown]
# Late and half end in an error. If your `append_once` takes the month as it comes, the doubled weather gives every flight two partners: 55,804 once
# more. A step that may run twice does not know whether a file is right.

# %% [markdown]
# What is missing is around the step. Who tries again at seven? Who checks the file? Who knows why it failed? That is an orchestrator's work.

# %% [markdown]
# ## A step for Prefect
#
# Prefect's server keeps a record of all runs. Its address must be set before Prefect is imported. It listens on this machine only, and starts in
# about 10 seconds.

# %%
# about 10 s
import os

from classroom import servers

# The logs are on Prefect's own pages; here they would be in the way.
os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
server = servers.prefect()  # `prefect server start`, and PREFECT_API_URL set to it
server

# %% [markdown]
# `drops.land` of lesson 02 checks both files of a month and lands both or neither. It may run twice. Here you call it by hand, for a folder to
# play with. (Importing Prefect takes about 5 seconds.)
# %%
# about 5 s
import shutil

from prefect import flow, task

from firstflight import drops, usecase

sources = list(usecase.get("flights").sources.values())
rehearsal = ws.root / "rehearsal"
shutil.rmtree(rehearsal, ignore_errors=True)
upstream.plays("late")
try:
    drops.land(upstream.fetch("2013-03"), rehearsal, sources, "2013-03")
except drops.DropError as error:
    print(error)

# %% [markdown]
# It says what is wrong, once, and gives up.

# %% [markdown]
# Prefect's decorator `@task(...)` makes a step of a function. When it raises, Prefect tries it again: `retries` times, each `retry_delay_seconds`
# later. `task_run_name` is its name on Prefect's pages; `{month}` in it stands for the argument.

# %% [markdown] tags=["task"]
# Write the task `land(month)`: it fetches the month from the upstream and lands it in `rehearsal`. After a failure it is tried again, up to three
# times, each time half a second later (an hour, at work). Its runs are named `land 2013-01` and so on.


# %% id="03-ex2"
# BEGIN SOLUTION
@task(retries=3, retry_delay_seconds=0.5, task_run_name="land {month}")
def land(month):
    drops.land(upstream.fetch(month), rehearsal, sources, month)


# END SOLUTION
# STUB: def land(month):
# STUB:     return ...


# %%
check("03-ex2")

# %% [markdown]
# ## A flow of steps
#
# A flow calls tasks in order, and is what you start. Here is the last step: the [snapshot](glossary.ipynb#snapshot) of all days up to the 17th. The two weeks after it
# stay out, to judge the model on.

# %%
import datetime as dt

from firstflight import clock, snapshot


@task(task_run_name="snapshot {month}")
def take_snapshot(month):
    landed = drops.Drops(rehearsal, usecase.get("flights").sources, clock.today())
    last = dt.date.fromisoformat(f"{month}-17")
    return snapshot.take(usecase.get("flights"), landed, dt.date(2013, 1, 1), last, 1).digest


def months_until(month):
    return drops.months(dt.date(2013, 1, 1), dt.date.fromisoformat(f"{month}-01"))


# %% [markdown] tags=["task"]
# Write the flow `month_end(month)` with `@flow(...)`. It lands each of `months_until(month)`, the oldest first, then takes the snapshot, and returns its
# [digest](glossary.ipynb#digest). With `flow_run_name` its runs are named `month end 2013-03` and so on.


# %% id="03-ex3"
# BEGIN SOLUTION
@flow(flow_run_name="month end {month}")
def month_end(month):
    for each in months_until(month):
        land(each)
    return take_snapshot(month)


# END SOLUTION
# STUB: def month_end(month):
# STUB:     return ...


# %%
check("03-ex3")

# %% [markdown]
# First a morning on which the weather does not come at all. `return_state=True` returns how the run ended, instead of raising. It takes about 4 seconds.

# %%
# about 4 s
from classroom import prefect_runs

upstream.plays("late")
failed = month_end("2013-03", return_state=True)
print(failed.name)
print(failed.message)

# %%
tried = prefect_runs.task_runs(failed.state_details.flow_run_id, ended=3)
print("attempts:", {run.name: run.run_count for run in tried})
print("landed:  ", sorted(drops.read_sums(rehearsal)))

# %% [markdown]
# Four attempts failed: the first and three retries. January and February have landed. March's flights had come too, but a month lands whole or not
# at all. No snapshot was tried.

# %% [markdown]
# ## A bad morning
#
# At each fetch something else has arrived; the fourth is right. It takes about 4 seconds.

# %%
# about 4 s
upstream.plays_a_bad_morning()
ended = month_end("2013-03", return_state=True)
digest = await ended.result()  # in a script, without await
print(ended.name, digest)

# %%
runs = prefect_runs.task_runs(ended.state_details.flow_run_id, ended=4)
server.at(f"runs/flow-run/{ended.state_details.flow_run_id}", "this run on Prefect's page")

# %% [markdown] tags=["task"]
# Open the page. Under *Task Runs*, open `land 2013-03` and read its logs. One attempt found a file that can be read, with the right columns, and is still wrong. **Which `attempt` was it
# (1 is the first), and how many keys were `repeated`?**

# %% id="03-look1"
# BEGIN SOLUTION
# Without a browser: the same lines, asked of Prefect's server.
lines = prefect_runs.log_lines(runs[2])
attempt = next(n for n, line in enumerate(lines, start=1) if "repeated" in line)
repeated = int(lines[attempt - 1].split("found ")[1].split()[0])
# END SOLUTION
# STUB: attempt = ...
# STUB: repeated = ...

# %%
check("03-look1")

# %% [markdown]
# It is the file that the script took. Waiting and checking belong together: a retry is only as good as the check that asks for it.
#
# The same run, drawn from the states that Prefect has kept of each task:

# %%
from classroom import figures

figures.attempts_of_a_run(prefect_runs.states(runs))

# %% [markdown]
# ## Kill it
#
# A machine can also be switched off. The next cell empties the landing folder, starts your flow in a process of its own, lets the fetch of March
# hang, and ends the process there with `kill -9`, which no process can answer.

# %% [markdown] tags=["task"]
# **What does Prefect's server say of the run, a moment after the kill?** `"Running"`, `"Failed"`, `"Crashed"` or `"Cancelled"`.

# %% id="03-guess3"
# BEGIN SOLUTION
guess("03-guess3", "state of a killed run", "Crashed")
# END SOLUTION
# STUB: guess("03-guess3", "state of a killed run", ...)

# %%
# about 10 s
shutil.rmtree(rehearsal)
upstream.plays("hangs")
killed = prefect_runs.kill_in_third_step(month_end, "2013-03")
came("03-guess3", killed.state_name)
print("landed:", sorted(drops.read_sums(rehearsal)))

# %% [markdown]
# A kill tells nobody: Prefect still believes that the run goes on. The months that had landed are there.
#
# How do you resume? You start the same flow with the same parameter. The cell also counts which of the four landed files are written again.

# %%
upstream.plays("right")
before = {path: path.stat().st_mtime_ns for path in rehearsal.glob("*/*.parquet")}
print("same snapshot as before:", month_end("2013-03") == digest)
again = [path for path, written in before.items() if path.stat().st_mtime_ns != written]
print(f"written again: {len(again)} of {len(before)} files")

# %% [markdown]
# None. That is all that *resume* needs: no list of finished steps that could be wrong, only steps that look at what is there.

# %% [markdown]
# What stays to do is to tell Prefect the truth about the dead run.

# %%
from prefect import get_client
from prefect.states import Crashed

client = get_client(sync_client=True)
client.set_flow_run_state(killed.id, Crashed(message="Its process was killed."), force=True)
print(killed.name, "is now", client.read_flow_run(killed.id).state_name)

# %% [markdown]
# ## Every morning at six
#
# So far you start the flow. At work a schedule does. `every_morning` is a small flow in a file of its own: whoever starts it at night must find it
# there. (About 4 seconds.)

# %%
# about 4 s
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron

from classroom.every_morning import every_morning

print(code_of(every_morning.fn))

# %% [markdown]
# A *deployment* is a flow with a name, parameters and a schedule: `RunnerDeployment.from_flow(flow, name, schedule=...)`. `Cron("...")` makes a schedule of five fields, *minute, hour, day of
# month, month, day of week*, where `*` means each. It counts in UTC unless you give a `timezone`.

# %% [markdown] tags=["task"]
# Write `deployment`: `every_morning` each day at six in the morning, as the clocks in New York show it, in summer and in winter. (`America/New_York` is the name of that zone.)

# %% id="03-ex4"
# BEGIN SOLUTION
at_six = Cron("0 6 * * *", timezone="America/New_York")
deployment = RunnerDeployment.from_flow(every_morning, "at six", schedule=at_six)
# END SOLUTION
# STUB: deployment = ...

# %%
check("03-ex4")

# %% [markdown]
# In 2013 the clocks of New York went forward on 10 March. Here are four runs as they would have been, in both times.

# %%
schedule = deployment.schedules[0].schedule
for utc in prefect_runs.run_times(schedule, dt.datetime(2013, 3, 8, tzinfo=dt.UTC), n=4):
    there = pd.Timestamp(utc).tz_convert("America/New_York")
    print(f"{there:%d %B %H:%M} in New York, {utc:%H:%M} UTC")

# %% [markdown]
# From the 9th to the 10th only 23 hours pass. A schedule that counts in UTC would come an hour late all summer.
#
# `apply` registers the deployment. The server then plans its next runs; its page shows them under *Upcoming*, in your browser's time zone.

# %%
registered = await deployment.apply()  # as above
times = prefect_runs.planned(registered, n=3)
there = [pd.Timestamp(time).tz_convert("America/New_York") for time in times]
print("planned, New York:", [f"{time:%H:%M}" for time in there])
server.at(f"deployments/deployment/{registered}", "the deployment on Prefect's page")

# %% [markdown]
# Planned is not done: a process has to start the runs. `every_morning.serve(...)` takes the same arguments, registers, stays, and starts each run.
# It needs a machine that is awake at six.

# %% [markdown]
# Here nobody serves. So take the deployment away again, or its runs will pile up as *Late*.

# %%
client.delete_deployment(registered)

# %% [markdown]
# ## Make up for two months
#
# `every_morning` calls the team's own flow, `ingest` in `firstflight/flow.py`. It takes some days, lands their months, then publishes the
# [state](glossary.ipynb#state) of each day.

# %%
from firstflight import flow as flows

print(code_of(flows.may_still_come))
print(code_of(flows.ingest.fn).split(":\n", 1)[1])

# %% [markdown]
# Its land step asks `may_still_come` before each retry (`retry_condition_fn`). So it tries again after a `DropError` alone: waiting mends a late
# file, never a bug. `end_dead_runs` does what you just did by hand.

# %% [markdown]
# In February and March nobody ran it. To run a flow for days that are past is a *backfill*. It needs a flow that takes its days as parameters.

# %% [markdown] tags=["task"]
# Write `backfill`: a list with the parameters of each run, as a dict. One run per month, February first, for all days of the month. `ingest` takes `usecase` (`"flights"`), `start` and `end` (days such as `"2013-01-05"`, both
# included) and `feature_versions` (`[1]`).

# %% id="03-ex5"
# BEGIN SOLUTION
backfill = [
    {"usecase": "flights", "start": start, "end": end, "feature_versions": [1]}
    for start, end in (("2013-02-01", "2013-02-28"), ("2013-03-01", "2013-03-31"))
]
# END SOLUTION
# STUB: backfill = ...

# %%
check("03-ex5")

# %% [markdown]
# Now from the real upstream into the team's own landing folder (about 5 seconds).

# %%
# about 5 s
from firstflight import operations, state

for parameters in backfill:
    print(flows.ingest(**parameters))
march = dt.date(2013, 3, 1), dt.date(2013, 3, 31)
landed = operations.landed(usecase.get("flights"))
print("flights in March:", len(landed.read("flights", *march)))

# %% [markdown]
# 28,834 scheduled flights, each once. The 27,902 above are those that flew and arrived.
#
# Two controls: the same run again should change nothing. And an upstream that sends each row twice should be refused.

# %%
# about 5 s
from firstflight.release import folder_digest

before = folder_digest(ws.drops), folder_digest(ws.state)
print("again:  ", flows.ingest(**backfill[1]))
upstream.plays("doubled")
doubled = {"upstream": str(upstream.fetch("2013-03")), "retries": 1, "retry_seconds": 0.1}
try:
    flows.ingest(**backfill[1], **doubled)
except drops.DropError as error:
    print("doubled: refused,", str(error).partition(":")[0])
print("changed:", (folder_digest(ws.drops), folder_digest(ws.state)) != before)

# %% [markdown]
# The first is quiet, the second is loud, and neither changed a file. No request will ask about those mornings again: keep the state of the last
# one and remove the rest.

# %%
for day in pd.date_range("2013-02-01", "2013-03-30").date:
    state.state_file("flights", 1, day).unlink(missing_ok=True)

# %% [markdown]
# ## At work tomorrow
#
# Without this course: Prefect, a folder that is the result, and a step that looks there first. In a file, the last line (without the `#`) stays
# and starts a run each day.

# %%
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp())


@task(retries=2, retry_delay_seconds=[1, 10])  # seconds here; hours for a late file
def fetch_day(day):
    if not (folder / day).exists():
        (folder / day).write_text("rows")  # your download, checked


@flow
def nightly(day: str = ""):  # a day for a backfill; otherwise today
    fetch_day(day or str(dt.date.today()))


nightly("2013-04-01", return_state=True).name
# nightly.serve("nightly", interval=86_400)

# %% [markdown]
# When a flow fails for good, a person should hear of it. `phone` stands for a chat's webhook: it takes what is posted to its address.

# %%
from classroom.phone import Phone

phone = Phone()
phone

# %% [markdown]
# Prefect calls each function in a flow's `on_failure=[...]` with the flow, its run and the end state.

# %% [markdown] tags=["task"]
# Write a function that posts the run's name and the state's message to `phone.url`. Give it to `month_end` with `with_options`, and let the upstream be late. There is no check. `solutions/` has one worked
# answer.

# %% id="03-further"
# BEGIN SOLUTION
import httpx


def tell(flow, run, state):
    httpx.post(phone.url, content=f"{run.name}: {state.message}")


upstream.plays("late")
month_end.with_options(on_failure=[tell])("2013-03", return_state=True)
print(*phone.messages, sep="\n")
# END SOLUTION
# STUB: ...

# %% [markdown]
# ## What you did
#
# You wrote a step that may run twice, and a flow that waits, checks and says why. You killed it, resumed it, scheduled it, and made up for two months.

# %% tags=["nbval-ignore-output"]
# Measured: sizes and seconds differ between machines.
from classroom import ledger

ledger.measure("03")

# %%
from classroom import checklist

checklist("03")

# %% [markdown]
# ## In practice
#
# - **Idempotence is the step's work, not the orchestrator's.** Prefect can also remember a call that is done (`persist_result`): delete the file,
#   and it still says done.
# - **Write whole or not at all.** `drops.land` checks both files, writes each beside its place, moves it there, and lists them last.
# - A hook runs in the flow's own process, so a killed run calls nobody. Something outside must ask when the flow last succeeded.
# - Two runs at the same moment: each step writes under the workspace's lock, so the second waits and finds what the first has done. For several
#   machines, Prefect has `concurrency` limits.
#
# **Next:** [lesson 04](04_track_and_register.ipynb) trains on this month, and gives the model a place where it can be found.

# %%
from classroom import end, leaves

leaves("March landed by the flow, its state")
end("03")
