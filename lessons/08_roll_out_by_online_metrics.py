# %% [markdown]
# # 08 · Roll out by online metrics
#
# **The failure**: version 2 has passed the offline gate. So had version 1. To give it all traffic at once is a bet.
#
# *What you'll do*: look at what became of the last release that passed; retrain; let the new version predict in the shadow, then answer
# a fifth of the flights, then all of them, and decide each step by what happened online.
#
# *What you need*: 30 minutes, lessons 00-07, about 1.1 GB of memory. Run this lesson once in a workspace: it registers version 2 and makes it live.

# %%
from classroom import begin, check, checklist, end, leaves, ledger, servers, show, show_map, traffic

ws = begin("08")

# %%
show_map("08")

# %% [markdown]
# It is 15 July. Version 1 has been live since April. This is what the gate said about it in March.

# %%
from datetime import date

import pandas as pd

from firstflight import (
    clock,
    history,
    metrics,
    operations,
    predictions,
    process,
    registry,
    rollout,
)
from firstflight import usecase as usecases

clock.set_today("2013-07-15")
flights = usecases.get("flights")
rules = process.load().usecase("flights")

march = operations.verdict_of("flights", "1")
print(f"{march.first_day} to {march.last_day}: {march.verdict}")
print(march.check("beats_naive").sentence)

# %% [markdown]
# Better than the naive guess, and the whole interval says so. *What do you expect* of the same comparison on the flights that version 1
# then answered, month by month?

# %%
drops = operations.landed(flights)
answered = predictions.joined(flights, drops, date(2013, 4, 1), date(2013, 7, 14))
answered = answered.dropna(subset="label")
answered["naive"] = flights.naive(drops, answered)

for month, rows in answered.groupby(answered["date"].dt.strftime("%Y-%m")):
    ours = metrics.row_loss(rules.metric, rows["label"], rows["prediction"])
    theirs = metrics.row_loss(rules.metric, rows["label"], rows["naive"])
    print(month, metrics.difference(ours, theirs, rows["date"]))

# %% [markdown]
# April and May prove nothing in either direction. June loses by 0.1145 with its whole interval. The first half of July loses by 0.2175, nearly twice as much, and fourteen days are too few to prove even that at 95%.
#
# **A gate looks back.** It was right about a fortnight in March and knew nothing of summer. No threshold mends that.
#
# ## The next one that passes
#
# Retrain on all of January to June, with the boosted trees of lesson 05, and ask the gate.

# %%
from firstflight import snapshot, train

taken = snapshot.take(flights, drops, date(2013, 1, 1), date(2013, 6, 30), feature_version=1)
version = registry.register(train.fit(flights, taken, "hist_gradient_boosting"))
verdict = operations.run_gate(flights, version, drops)

print(f"version {version}, {verdict.first_day} to {verdict.last_day}: {verdict.verdict}")
for rule in ("beats_naive", "better_than_live", "slices"):
    print(f"  {rule}: {verdict.check(rule).sentence}")

# %% [markdown]
# A strong verdict: 0.2947 better than what is live, with the whole interval. Against the naive guess nothing is proven, and nothing need be: beside a live release that is what must be beaten. It is also the kind of sentence that you read in March. So try to give it everything.

# %%
from firstflight.errors import RolloutError

try:
    operations.promote(flights, version, by="model_owner", reason="it passed the gate")
except RolloutError as error:
    print(error)

# %% [markdown]
# Refused, and nothing has changed. The gate decides what may *start* a rollout. What the rollout shows decides the rest.
#
# ## Shadow: predict, and answer nobody
#
# Start the service of lesson 06. While it holds version 1 alone, time one request: later you will know what a second release costs.

# %%
import statistics
import time

import httpx

from firstflight import state
from firstflight.release import as_json_rows

service = servers.service()
state.publish(flights, drops, 1, date(2013, 7, 15), date(2013, 7, 15))
some = as_json_rows(flights.requests(drops, date(2013, 7, 15), date(2013, 7, 15)).head(500))


def ask(rows):
    reply = httpx.post(
        f"{service.url}/predict_batch",
        json={"requests": rows},
        headers={"x-firstflight-replay": "lesson 08"},  # logged as a replay, not as traffic
    )
    return pd.DataFrame(reply.raise_for_status().json())


def one_row_ms():
    took = []
    for row in some[:20]:
        begun = time.perf_counter()
        ask([row])
        took.append(1000 * (time.perf_counter() - begun))
    return statistics.median(took)


alone_ms, alone_mb = one_row_ms(), service.memory_mb()

# %% [markdown]
# Now the shadow. It is one more record of the history; the service sees it within a second, loads version 2 and proves it before it holds it.

# %%
reason = "v1 is worse than the naive guess since June"
operations.start_shadow(flights, version, by="model_owner", reason=reason)
held = traffic.wait_until(service.url, live="1", candidate="2", mode="shadow")
shadow_ms, shadow_mb = one_row_ms(), service.memory_mb()

{alias: about["version"] for alias, about in held["releases"].items()}

# %% [markdown]
# Three days of real flights. *Which release do the callers hear from?*


# %%
def play(start, end):
    known = operations.landed(flights, end)
    state.publish(flights, known, 1, start, end)
    return traffic.play(service.url, flights, known, start, end)


sent = play(date(2013, 7, 15), date(2013, 7, 17))
logged = predictions.read(flights, date(2013, 7, 15), date(2013, 7, 17))

print(f"{sent.n} requests, {sent.failed} failed, answered by {sent.by_release}")
print(logged.groupby(["version", "role"]).size().to_string())

# %% [markdown]
# Each of the 2996 answers came from version 1. The log has as many predictions of version 2, for the same flights, that nobody has seen.
#
# It is now 18 July, and the labels of these three days are in. Decide.

# %%
decision = operations.decide(flights, operations.landed(flights))
print(f"{clock.today()}: {decision.decision}. {decision.reason}")
print(f"so far: {decision.interval}")

try:
    operations.start_canary(flights, by="model_owner", reason="three days look good")
except RolloutError as error:
    print(error)

# %% [markdown]
# `continue`: the mean looks good, and three days cannot carry it; the interval reaches from -0.5718 to +0.4130. The impatient next step is
# refused too. In the shadow waiting is free, so wait for one of each weekday, and look again a week later.

# %%
for start, stop in ((date(2013, 7, 18), date(2013, 7, 21)), (date(2013, 7, 22), date(2013, 7, 28))):
    play(start, stop)
    decision = operations.decide(flights, operations.landed(flights))
    print(f"{clock.today()}: {decision.decision}. {decision.reason}")

print(f"{decision.n_labels} pairs on {decision.n_days} days, coverage {decision.coverage:.3f}")

# %% [markdown]
# After a week the mean is better still, and not proven. After two the whole interval is below zero, by a hair: `promote`, which here means *on to the canary*.
#
# The interval is wider than the gate's, and on purpose. Who looks every day, and stops at the first good look, promotes by luck: with the interval of a single look, equal models
# would be promoted far more often than once in twenty rollouts. So each day has a boundary of its own, made such that all looks from day 7 to day 28 *together* are wrong at most once
# in twenty times (`error_max`). You may look as often as you like. `docs/error-rates.md` has what was measured, and where it falls short.
#
# Coverage is the share of predictions with a label. The rest were cancelled or diverted and will never have one. If a tenth were
# missing, something else would be wrong, and the rule would wait.
#
# ## Does the rule also say no?
#
# `rollout.decide` is a pure function: predictions in, decision out. Feed it cases whose answer you know.


# %%
def decide(rows, mode, live, candidate, due=None):
    return rollout.decide(
        rows, mode, rules.rollout, rules.metric,
        live=live, candidate=candidate, key=flights.key, due=due,
    )  # fmt: skip


week = predictions.joined(flights, operations.landed(flights), date(2013, 7, 15), date(2013, 7, 28))
one = week[week["version"] == "1"]
cases = {
    "version 1 as the candidate": decide(week, "shadow", live="2", candidate="1"),
    "version 1 against itself": decide(
        pd.concat([one, one.assign(version="twin")]), "shadow", live="1", candidate="twin"
    ),
    "no labels from one airline": decide(
        week.assign(label=week["label"].mask(week["carrier"] == "UA")), "shadow", "1", "2"
    ),
}
for name, found in cases.items():
    print(f"{name}: {found.decision}. {found.reason}")

# %% [markdown]
# With the roles swapped it aborts. A model against itself is not proven, and after `max_days`, 28, the team takes a candidate that is neither better nor worse out again
# (`undecided = "abort"`). With the labels of United lost on the way, it asks for them instead of deciding on the others.
#
# ## Canary: answer a fifth of the flights
#
# A shadow cannot show what goes wrong when people act on an answer. Ask the service about the same 500 flights twice.

# %%
operations.start_canary(flights, by="model_owner", reason="better in the shadow, on two weeks")
traffic.wait_until(service.url, live="1", candidate="2", mode="canary")

first, second = ask(some), ask(some)
print("the same side both times:", first["release"].equals(second["release"]))
print("answers by release:", first["release"].value_counts().to_dict())

# %% [markdown]
# 98 of 500 went to version 2, and the same 98 again. The service draws no lots: `share_of` hashes the flight's key to a number from 0 to 1.
#
# **Exercise 1.** Write the rule: does this flight go to the candidate? The share is a decision of `process.toml`: `rules.rollout.canary_share`.

# %% id="08-ex1"
from firstflight.service import share_of


def to_candidate(key):
    # BEGIN SOLUTION
    return share_of(key) < rules.rollout.canary_share
    # END SOLUTION
    # STUB: return ...


# %%
keys = [tuple(row[name] for name in flights.key) for row in some]
served = (first["release"] == "2").tolist()


def same_sides(rule):
    if [bool(rule(key)) for key in keys] == served:
        return True
    return "The service sends another set of flights to version 2: compare share_of(key) with the share."


check("08-ex1", "to_candidate", test=same_sides, hint="share_of(key) is below the share.")

# %% [markdown]
# What would lots do? Draw twice for each flight of the two weeks, as for a caller who asks again.

# %%
import numpy as np

pairs = week[week["role"] == "live"].merge(
    week[week["role"] == "shadow"][[*flights.key, "prediction"]],
    on=list(flights.key),
    suffixes=("_1", "_2"),
)
rng = np.random.default_rng(0)
asked, again = (rng.random(len(pairs)) < rules.rollout.canary_share for _ in range(2))
apart = (pairs["prediction_1"] - pairs["prediction_2"]).abs().mean()

print(f"drawn at random, {(asked != again).mean():.1%} of the flights change sides")
print(f"the two releases' answers to one flight are {apart:.2f} apart on average")

# %% [markdown]
# Nearly a third of the flights would get two answers, 27 percentage points apart on average, and no label could say which one it judges.
#
# Now real traffic, and two looks: after ten days, and a week later.

# %%
from firstflight import drops as upstream
from firstflight.workspace import PROJECT

upstream.land(PROJECT / "data", ws.drops, flights.sources.values(), "2013-08")
for start, stop in ((date(2013, 7, 29), date(2013, 8, 7)), (date(2013, 8, 8), date(2013, 8, 14))):
    sent = play(start, stop)
    decision = operations.decide(flights, operations.landed(flights))
    print(f"{sent.n} requests, {sent.failed} failed, answered by {sent.by_release}")
    print(f"{clock.today()}: {decision.decision}. {decision.reason}")

# %% [markdown]
# The rule is another one than in the shadow: the candidate was proven better there; here it must show that it does no harm. Each arm has
# its own flights, so the arms are compared within each day. First see that both arms are the same kind of flights.

# %%
canary = predictions.joined(
    flights, operations.landed(flights), date(2013, 7, 29), date(2013, 8, 14)
)
canary.groupby("version").agg(
    flights=("label", "size"),
    no_label=("label", lambda label: label.isna().mean()),
    late=("label", "mean"),
    predicted=("prediction", "mean"),
).round(3)

# %% [markdown]
# The arms differ little in what happened and much in what was said. Now read both stages as they would have looked on each day.

# %%
stages = (
    ("shadow", week, pd.date_range("2013-07-16", "2013-07-28")),
    ("canary", canary, pd.date_range("2013-07-30", "2013-08-14")),
)
looks = []
for mode, rows, days in stages:
    for day in days:
        seen = decide(rows, mode, "1", "2", due=day.date())
        said = seen.model_dump(include={"decision", "n_days", "n_labels"})
        gap = seen.interval.model_dump(include={"mean", "low", "high"})
        looks.append({"labels up to": str(day.date()), "mode": mode} | said | gap)
looks = pd.DataFrame(looks)
looks.iloc[[0, 1, 5, 12, 13, 14, 18, 28]].round(3)

# %%
import matplotlib.dates as mdates
import matplotlib.pyplot as plt

figure, axes = plt.subplots()
for (mode, said), rows in looks.groupby(["mode", "decision"]):
    axes.errorbar(
        pd.to_datetime(rows["labels up to"]), rows["mean"],
        yerr=[rows["mean"] - rows["low"], rows["high"] - rows["mean"]],
        fmt="o" if mode == "shadow" else "s", capsize=3,
        color="#1f5f8b" if mode == "shadow" else "#b35900",
        mfc=None if said == "promote" else "white", label=f"{mode}: {said}",
    )  # fmt: skip
axes.axhline(0, color="black", linewidth=1)
axes.xaxis.set(
    major_locator=mdates.DayLocator(interval=3), major_formatter=mdates.DateFormatter("%d %b")
)
axes.set(xlabel="labels up to this day of 2013", ylabel="log loss, v2 minus v1")
axes.set_title("The mean is good early; the proofs take 14 and 17 days")
axes.legend(frameon=False, ncols=2, fontsize=8)
show(
    figure,
    "Interval of version 2 minus version 1 by day. Shadow: very wide around zero on 16 July, narrowing to wholly below zero on 28 July. "
    "Canary: above and below zero at first, and wholly below the margin of 0.01 on 14 August.",
)

# %% [markdown]
# Look at the first points. On two days the shadow sees no difference, and says that it could be anything from -1.3 to +1.3: two days cannot show how much days differ. That is what `min_days` is for.
#
# **Exercise 2.** What is the first day whose labels let the canary be promoted? Take it from `looks`, as a text like `"2013-07-23"`.

# %% id="08-ex2"
# BEGIN SOLUTION
allowed = looks[(looks["mode"] == "canary") & (looks["decision"] == "promote")]
first_day = allowed["labels up to"].min()
# END SOLUTION
# STUB: first_day = ...

# %%
check("08-ex2", "first_day", hint="Filter mode and decision, then take the smallest day.")
print(first_day)

# %% [markdown]
# The canary took 17 days, and the shadow 14. That is the price of being wrong at most once in twenty times on days that resemble each other: version 1 went on answering for a month.
# A team that finds this too long may allow more errors, in `process.toml`, with its reason. It may not look more often and call it the same.
#
# ## Promote
#
# The canary is decided; the call that was refused at the top is allowed now.

# %%
operations.promote(flights, "2", by="model_owner", reason="better online, in shadow and canary")
held = traffic.wait_until(service.url, live="2", mode="off")
print({alias: about["version"] for alias, about in held["releases"].items()})

history.table("flights")[["date", "action", "live", "candidate", "previous", "rollout"]]

# %% [markdown]
# Version 1 is now `previous`, still in memory and ready. Its feature state is version 2's too, so going back would be easy. Remember that in the next lesson.
#
# ## What it cost

# %% tags=["nbval-ignore-output"]
# Measured: memory and milliseconds differ on every run.
ledger.record(
    "08",
    "shadow and canary",
    prevented="a bet: all traffic at once on a release that passed offline",
    resident_mb=shadow_mb - alone_mb,
    latency_ms=shadow_ms - alone_ms,
    glue_lines=ledger.glue_lines("firstflight.rollout"),
)
service.stop()
ledger.table("08")

# %% [markdown]
# Memory is that of holding a second release, latency that of a batch of one while the shadow predicts too: a batch waits for its shadow, a single request is answered first. Small trees cost little memory;
# a large network would cost its size again, and its shadow would be a process of its own.

# %%
checklist("08")

# %% [markdown]
# **What you did.** You saw that a passed gate is a statement about the past, put version 2 beside version 1 on real flights, and let labels decide five times: wait, wait, on to the canary, wait, promote.
#
# *In practice*
#
# - **A canary's arms must not touch.** Here an answer changes nothing for the next flight. Where it does (prices, rankings), one arm leaks into the other.
# - The hash takes the date too, so a flight number is not bound to one side for ever. If a person must see one release all week, hash the person.
# - Labels come a day late here. Where they take a month, so does the canary; a proxy that comes sooner must be shown to agree with the label.
# - The intervals assume that a day resembles the day before as it did in the year that was measured. Storms come in runs, and `docs/error-rates.md` says where that breaks the promise.
# - A bad candidate is taken out by `firstflight abort`; live answers everything again within a second.
#
# *Next*: version 2 does well, until somebody reacts to a red drift report.

# %%
leaves("version 2, live since 15 August by shadow and canary")
end("08")
