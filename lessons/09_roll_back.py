# %% [markdown]
# # 09 · Roll back
#
# **The failure**: it is 2 a.m., the live model is worse than the one before it, and somebody moves the alias back. That makes it worse still.
#
# *What you'll do*: ship a release that the gate held; see what it costs; move an alias and nothing else; then roll back properly: ask first,
# switch, prove.
#
# *What you need*: 40 minutes, lessons 00-08, about 1.3 GB of memory. Run this lesson once in a workspace: it moves the deployment history on by five entries.

# %%
from classroom import begin, check, checklist, end, leaves, ledger, servers, show, show_map, traffic

ws = begin("09")

# %%
show_map("09")

# %% [markdown]
# It is 15 August and version 2 is live. The pipeline of lesson 03 lands the drops and publishes feature state every day. Here are its two
# steps without the orchestrator, so that the weeks go by faster. Note the list `publish`: it says which feature versions get state.

# %%
from datetime import date

import pandas as pd

from firstflight import clock, deployments, history, operations, process, registry, state
from firstflight import drops as upstream
from firstflight import usecase as usecases
from firstflight.workspace import PROJECT

clock.set_today("2013-08-15")
flights = usecases.get("flights")
rules = process.load().usecase("flights")
service = servers.service()
publish = [1]


def play(start, end):
    for month in upstream.months(start, end):
        upstream.land(PROJECT / "data", ws.drops, flights.sources.values(), month)
    known = operations.landed(flights, end)
    for feature_version in publish:
        state.publish(flights, known, feature_version, start, end)
    sent = traffic.play(service.url, flights, known, start, end)
    print(f"{sent.n} requests, {sent.failed} failed, answered by {sent.by_release}")
    print(f"without feature state: {sent.without_state}")


play(date(2013, 8, 15), date(2013, 9, 30))

# %% [markdown]
# Six weeks, no trouble. But somebody reads the drift report.

# %%
seen = operations.monitor_week(flights, operations.landed(flights), date(2013, 9, 15))
for alert in seen.alerts:
    print(f"{alert.level}: {alert.sentence}")
print(f"log loss {seen.performance.loss:.3f}, naive guess {seen.performance.naive_loss:.3f}")

# %% [markdown]
# Half of the inputs have left the reference, and version 2 beats the guess with ease. By your own policy that is a diagnosis, not an action.
#
# ## The reaction
#
# "The model is stale. Train on the freshest 30 days." The last fortnight of September is kept for the gate, so they end on 16 September. The new version also brings feature version 2: its trailing rates end a day earlier,
# which mends a small leak. That means other columns, and **another state**.

# %%
from classroom import naive_gate
from firstflight import predictions, snapshot, train

drops = operations.landed(flights)
taken = snapshot.take(flights, drops, date(2013, 8, 18), date(2013, 9, 16), feature_version=2)
version = registry.register(train.fit(flights, taken, "hist_gradient_boosting"))

start, stop = operations.gate_window(flights, version)
rows = operations.window_rows(flights, drops, start, stop, registry.load("flights", "live"))
scored = predictions.replay(registry.load("flights", version), drops, start, stop)
scored = scored[[*flights.key, "prediction"]].rename(columns={"prediction": "candidate"})
rows = rows.merge(scored, on=list(flights.key))

by_mean = naive_gate.point_estimate_verdict(rows, rules.metric, rules.gate)
print(f"version {version} on {start} to {stop}, by the mean: {by_mean.verdict}")
print(f"  {by_mean.check('better_than_live').sentence}")

# %% [markdown]
# A gate that compares two means ships it. *What does yours say?*

# %%
verdict = operations.run_gate(flights, version, drops)
print(f"by the interval: {verdict.verdict}")
for rule in ("beats_naive", "better_than_live"):
    print(f"  {rule}: {verdict.check(rule).sentence}")

# %% [markdown]
# Better than version 2 by 0.0144, and anything from 0.0419 better to 0.0131 worse would look the same on 14 days. It is not even proven better than the naive guess. **Hold**: not proven.
#
# On 1 October the model's owner ships it all the same, as teams do: no shadow, no canary, a recorded waiver.

# %%
from firstflight.errors import RolloutError

try:
    operations.promote(flights, version, by="model_owner", reason="fresher data")
except RolloutError as error:
    print(error)

why = "the drift report is red every week and fresher data must be better"
operations.waive(flights, version, by="model_owner", reason=why)
operations.promote(flights, version, by="model_owner", reason="fresher data; gate held, waived")
traffic.wait_until(service.url, live="3")

for entry in history.entries("flights")[-2:]:
    print(f"{entry.date} {entry.action} by {entry.by}: {entry.reason}")

# %% [markdown]
# The same afternoon somebody tidies the pipeline: it shall publish what the live release needs, feature version 2. **The first line of the next cell
# is the failure of this lesson**, and nothing goes red.

# %%
publish = [2]
print("needed by every release that may serve:", operations.feature_versions(flights))

play(date(2013, 10, 1), date(2013, 10, 28))

# %% [markdown]
# ## October
#
# The alerts compare live with the naive guess on the last two weeks. *In which week do you expect the page?*

# %%
from firstflight import monitor

drops = operations.landed(flights)
october = predictions.joined(flights, drops, date(2013, 10, 1), date(2013, 10, 28))
october["naive"] = flights.naive(drops, october)
weeks = pd.date_range("2013-10-07", "2013-10-28", freq="7D")

against_naive = []
for day in weeks:
    known = october[october["date"] <= day]
    found = monitor.performance(known, known["naive"], rules.alerts, rules.metric)
    against_naive.append(found.excess)
    print(f"{found.last_day}: {found.excess} {'page' if found.worse_than_naive else 'quiet'}")

# %% [markdown]
# Four quiet weeks. The mean is worse than the guess in each of them, and two weeks of days that resemble each other never prove it. Nobody asks the better question: is it worse than *the release before it*?
# Its state is no longer published, so it cannot shadow. `predictions.replay` computes that state from the drops.
#
# **Exercise 1.** Write `behind`: the paired difference of version 3's loss and version 2's on the same flights, with `metrics.difference`
# and `metrics.row_loss`.

# %%
replayed = predictions.replay(
    registry.load("flights", "previous"), drops, date(2013, 10, 1), date(2013, 10, 28)
)
replayed = replayed[[*flights.key, "prediction"]].rename(columns={"prediction": "v2"})
pairs = october.rename(columns={"prediction": "v3"}).merge(replayed, on=list(flights.key))
pairs = pairs.dropna(subset="label")

# %% id="09-ex1"
from firstflight import metrics


def behind(pairs):
    # BEGIN SOLUTION
    ours = metrics.row_loss(rules.metric, pairs["label"], pairs["v3"])
    theirs = metrics.row_loss(rules.metric, pairs["label"], pairs["v2"])
    return metrics.difference(ours, theirs, pairs["date"])
    # END SOLUTION
    # STUB: return ...


# %%
def right_way_round(behind):
    found = behind(pairs)
    swapped = behind(pairs.rename(columns={"v2": "v3", "v3": "v2"}))
    if found.n_days != 28 or swapped.mean != -found.mean:
        return "Compare the columns v3 and v2 of all 28 days, with pairs['date'] as the dates."
    return found.mean > 0 or "It is version 3 minus version 2: worse is above zero."


check("09-ex1", "behind", test=right_way_round, hint="Two row_loss calls, then difference.")

against_v2 = [behind(pairs[pairs["date"] <= day]) for day in weeks]
for day, found in zip(weeks, against_v2, strict=True):
    print(f"1 October to {day.date()}: {found}")

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots()
series = (
    ("v3 minus v2, same flights, since 1 October", against_v2, "#b35900", "o", -0.6),
    ("v3 minus the naive guess, last two weeks", against_naive, "#1f5f8b", "s", 0.6),
)
for label, found, color, marker, shift in series:
    means = [gap.mean for gap in found]
    low, high = ([getattr(gap, side) for gap in found] for side in ("low", "high"))
    where = [day.day + shift for day in weeks]
    axes.vlines(where, low, high, color=color, linewidth=2)
    axes.plot(where, means, marker, color=color, label=label)
axes.axhline(0, color="black", linewidth=1)
axes.set_xticks([day.day for day in weeks])
axes.set(xlabel="labels up to this day of October 2013", ylabel="difference in log loss")
axes.set_title("Four weeks prove it worse than v2; against a guess they do not")
axes.legend(frameon=False)
show(
    figure,
    "Four weekly intervals. Version 3 minus version 2 narrows, and is wholly above zero after the fourth week. "
    "Version 3 minus the naive guess contains zero in all four.",
)

# %% [markdown]
# Worse from the first week on, and proven after four: +0.0800 [+0.0098, +0.1502]. The alert compares with a guess on two weeks, and never knows. Same flights, same weather: pairing takes out what
# both releases share, and the guess shares little with either.
#
# **Go on scoring the release you left.** It costs one replay a week.

# %% [markdown]
# ## 2 a.m. on 29 October
#
# The comparison is clear, the old version is good. Whoever is on call moves the alias. It works: the service follows within a second.
# (In MLflow alone it would change nothing, since the history says what serves. So this is the history's own entry, with none of the rollback's questions asked.)

# %%
deployments.change(
    "flights",
    "alias",
    after={"live": "2", "previous": "3"},
    by="on_call",
    reason="version 3 is worse than version 2; put version 2 back",
)
held = traffic.wait_until(service.url, live="2")
print(held["releases"]["live"])

play(date(2013, 10, 29), date(2013, 11, 11))

# %% [markdown]
# No request failed, every answer is by version 2, and every one was made without two of its features: the status says
# `state_age_days: None`. *What do you expect: nearer to version 3, or to version 2 as you know it?*

# %%
first, last = date(2013, 10, 29), date(2013, 11, 11)
drops = operations.landed(flights)
asked = flights.requests(drops, first, last)
answers = asked.merge(flights.labels(drops, first, last), on=list(flights.key))
served = predictions.read(flights, first, last)
v2, v3 = registry.load("flights", "2"), registry.load("flights", "3")
september = state.Store("flights", 1, max_age_days=0).at(date(2013, 9, 30))[1]
frozen = state.States({day.date(): september for day in pd.date_range(first, last)})

ways = {
    "v2, alias moved": served,
    "v3, which it replaced": predictions.replay(v3, drops, first, last),
    "v2 with its state": predictions.replay(v2, drops, first, last),
    "v2, state of 30 September": asked.assign(prediction=v2.predict(asked, frozen)),
    "naive guess": asked.assign(prediction=flights.naive(drops, asked)),
}
table = {}
for name, said in ways.items():
    scored = answers.merge(said[[*flights.key, "prediction"]], on=list(flights.key))
    loss = metrics.row_loss(rules.metric, scored["label"], scored["prediction"]).mean()
    table[name] = {"log loss": loss, "predicted": scored["prediction"].mean()}
print(f"{len(scored)} flights, late: {scored['label'].mean():.3f}")
pd.DataFrame(table).T.round(3)

# %% [markdown]
# 0.525: **worse than the release it replaced** (0.461) and than a guess. With its state the same version scores 0.438. Without it, it says
# 34% late where 17% are.
#
# Be fair to stale state: rates four to six weeks old would have done no harm here (0.435). `state.max_age_days` refuses what is old, and so turned
# *stale* into *missing*. It is still the right rule: in another month stale rates may describe another world. The monitor does see it:

# %%
seen = operations.monitor_week(flights, drops, last)
for alert in seen.alerts:
    if alert.level == "page":
        print(f"{alert.rule}: {alert.sentence}")

# %% [markdown]
# ## The real one
#
# It is 12 November. First undo the move. Then do what the runbook says, `firstflight rollback --reason ...`; here you call its function, in
# `src/firstflight/rollback.py`. When it says no, try to force it.

# %%
from firstflight import preflight, rollback
from firstflight.errors import PermissionRefused, RollbackRefused

deployments.change(
    "flights",
    "alias",
    after={"live": "3", "previous": "2"},
    by="on_call",
    reason="undone: version 2 has no state",
)
traffic.wait_until(service.url, live="3")
before = history.serving("flights").releases, len(history.entries("flights"))


def roll_back(force=False):
    today = operations.landed(flights)
    why = "version 3 is worse than version 2 since 1 October"
    return rollback.rollback(flights, today, reason=why, by="on_call", url=service.url, force=force)


for force in (False, True):
    try:
        roll_back(force)
    except (PermissionRefused, RollbackRefused) as error:
        print(error)
print(
    "unchanged:", before == (history.serving("flights").releases, len(history.entries("flights")))
)

# %% [markdown]
# The first refusal names the cause and the command that mends it. The second is a decision of lesson 00: to switch against a failed preflight is to bet,
# and the owner of the model bets, on the record.
#
# **Exercise 2.** Mend the pipeline. Which feature versions must it publish? Do not write the numbers down: ask for every release that may serve.

# %% id="09-ex2"
# BEGIN SOLUTION
publish = operations.feature_versions(flights)
# END SOLUTION
# STUB: publish = ...

# %%
check("09-ex2", "publish", hint="You have called the function that knows, on 1 October.")

known = operations.landed(flights)
for feature_version in publish:
    state.publish(flights, known, feature_version, date(2013, 10, 1), clock.today())


def ask(drops):
    for found in preflight.preflight(flights, "2", drops):
        print(f"{'ok' if found.ok else 'NO'}  {found.name}: {found.sentence}")


ask(operations.landed(flights))

# %% [markdown]
# It says yes. Does it also say no? Poison the upstream: from some day on, the temperature comes in Celsius, in a file with a correct checksum.

# %%
import hashlib
import shutil

import pyarrow as pa
import pyarrow.parquet as pq


def celsius_for(days):
    root = ws.root / "poisoned"
    shutil.copytree(ws.drops, root, dirs_exist_ok=True)
    path = root / "weather" / "2013-11.parquet"
    table = pq.read_table(ws.drops / "weather" / "2013-11.parquet")
    weather = table.to_pandas()
    local = weather["time_hour"].dt.tz_convert("America/New_York").dt.tz_localize(None)
    since = local >= pd.Timestamp("2013-11-13") - pd.Timedelta(days=days)
    celsius = (weather["temp"] - 32) / 1.8
    weather["temp"] = weather["temp"].mask(since, celsius).astype("float32")
    pq.write_table(pa.Table.from_pandas(weather, table.schema, preserve_index=False), path)
    sums = upstream.read_sums(root)
    sums["weather/2013-11.parquet"] = hashlib.sha256(path.read_bytes()).hexdigest()
    text = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
    (root / upstream.SUMS).write_text(text)
    return upstream.Drops(root, flights.sources, clock.today())


ask(celsius_for(7))
for days in (0, 1, 2, 4, 7, 8):
    found = {c.name: c.ok for c in preflight.preflight(flights, "2", celsius_for(days))}
    print(f"Celsius for {days} days: {'ok' if found['upstream'] else 'refused'}")
shutil.rmtree(ws.root / "poisoned")

# %% [markdown]
# Refused at two, four and seven days. One day does not move a median far enough here, and after a week both sides of the comparison are in Celsius:
# that is for the weekly monitor to have said. Now tamper with the release itself.

# %%
from pathlib import Path

import mlflow

folder = Path(mlflow.artifacts.download_artifacts("models:/flights/2"))
about = folder / "extra_files" / "release.json"
saved = about.read_bytes()
about.write_bytes(saved.replace(b'"feature_version": 1', b'"feature_version": 2'))
print({c.name: c.ok for c in preflight.preflight(flights, "2", operations.landed(flights))})

about.write_bytes(saved)
print({c.name: c.ok for c in preflight.preflight(flights, "2", operations.landed(flights))})

# %% [markdown]
# One changed digit, and the release is not the one that was saved. `upstream` says no as well: the release that it must fit does not load, so
# it cannot be asked. Restored, both say yes.
#
# ## Switch, and prove
#
# Somebody asks for predictions all the time, one after the other, while you roll back.

# %%
import time

from firstflight.release import as_json_rows

today = flights.requests(operations.landed(flights), clock.today(), clock.today())
with traffic.Steady(service.url, as_json_rows(today)) as caller:
    time.sleep(1)
    begun = time.perf_counter()
    done = roll_back()
    took = time.perf_counter() - begun
    time.sleep(1)

print(f"left version {done.left}, restored version {done.restored}")
print(f"asked meanwhile: {caller.failed} failed, answers by versions {sorted(caller.by_release)}")
print(
    f"proof: {done.proof.equal} of {done.proof.n} answers equal, {done.proof.by_release} by version 2"
)

# %% [markdown]
# The 200 requests are flights that version 2 answered as live in September. It was asked again, and each answer is the same to the last
# digit. That is the difference between "the alias points to 2" and "version 2 is back". What if a nervous hand presses the button again?

# %%
try:
    roll_back()
except RollbackRefused as error:
    print(error)

service.stop()
history.table("flights")[["date", "action", "live", "candidate", "previous", "by"]]

# %% [markdown]
# The bad release did not become `previous`, so there is nothing to go "back" to. And the history answers what people ask later:

# %%
import subprocess
import sys

cli = [sys.executable, "-m", "firstflight.cli", "history", "--at"]  # `firstflight history --at ...`
runs = [
    subprocess.Popen([*cli, day], stdout=subprocess.PIPE, text=True)
    for day in ("2013-08-03", "2013-11-01")
]
for run in runs:
    print(run.communicate()[0])

# %% [markdown]
# On 1 November version 2 was live, says the history, and it is right. That it ran without state is in the prediction log, beside each answer.
#
# ## What it cost

# %% tags=["nbval-ignore-output"]
# Measured: seconds differ on every run. "start" is from the command to the end of the proof.
print(f"{took:.1f} s for preflight, switch and proof; {done.proof.seconds:.1f} s until it served")
print(f"{caller.n} requests meanwhile; the slowest took {caller.slowest_ms:.0f} ms")
ledger.record(
    "09",
    "rollback",
    prevented="an old model without its features, worse than the bad release",
    start_s=took,
    glue_lines=ledger.glue_lines("firstflight.rollback")
    + ledger.glue_lines("firstflight.preflight"),
)
ledger.table("09")

# %%
checklist("09")

# %% [markdown]
# **What you did.** You shipped what the gate had held, found out late because the comparison was with a guess, made it worse by moving an alias,
# and went back with a preflight, a switch without a failed request, and a proof.
#
# *In practice*
#
# - **One year, one story.** It is an existence proof, not a law: a fresher model is often better. That is why you measure.
# - The preflight is cautious, and sometimes a holiday or odd weather is all that it has found; `docs/alarm-rates.md` counts the mornings. That is the price,
#   and what `--force` is for.
# - The proof replays the last week that version 2 served with its state, at the end of September. `retention.state_days` keeps that state for so
#   long; a team that tidies up sooner takes its own proof away.
# - If the inputs are poisoned, the old release gets them too. Rolling back mends a model, not a source.
#
# *Next*: all of this has worked on one machine, by hand.

# %%
leaves("version 2, rolled back to on 12 November, with proof")
end("09")
