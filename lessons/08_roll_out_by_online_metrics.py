# %% [markdown]
# # 08 · Roll out by online metrics
#
# **The failure.** Version 2 has passed the offline gate. So had version 1, and look what became of it. To give a release all traffic
# because it passed is a bet.
#
# *What you'll do*: let version 2 predict where nobody hears it, then answer some flights, then all; write the rule that decides each
# step; check that the split is fair.
#
# *What you need*: 60 minutes, lessons 00-07, about 1.1 GB of memory.

# %%
from classroom import begin, show_map

ws = begin("08")
show_map("08")

# %% [markdown]
# It is 15 July. Version 1 has been live since April. The [gate](glossary.ipynb#gate) said this about it in March:

# %%
from classroom import today
from firstflight import operations, process
from firstflight import usecase as usecases

today("2013-07-15")
flights = usecases.get("flights")
rules = process.load().usecase("flights")

march = operations.verdict_of("flights", "1")
print(f"{march.first_day} to {march.last_day}: {march.verdict}")
print(march.check("beats_naive").sentence)

# %% [markdown]
# Better than the [naive guess](glossary.ipynb#naive-guess), with the whole [interval](glossary.ipynb#interval). Since then the log has kept
# what version 1 answered, and the labels have come.

# %% [markdown] tags=["task"]
# April, May, June and the first half of July: **in how many of these four was version 1 better than the naive guess, with its whole interval?**

# %% id="08-guess1"
from classroom import guess

# BEGIN SOLUTION
guess("08-guess1", "months with proof that version 1 is better", 2)
# END SOLUTION
# STUB: guess("08-guess1", "months with proof that version 1 is better", ...)

# %% [markdown]
# The next cell takes about 5 seconds.

# %%
# about 5 s
from datetime import date

from firstflight import metrics, predictions

drops = operations.landed(flights)
answered = predictions.joined(flights, drops, date(2013, 4, 1), date(2013, 7, 14))
answered["naive"] = flights.naive(drops, answered)
answered = answered.dropna(subset="label")

# %%
proven = 0
for month, rows in answered.groupby(answered["date"].dt.strftime("%Y-%m")):
    ours = metrics.row_loss(rules.metric, rows["label"], rows["prediction"])
    theirs = metrics.row_loss(rules.metric, rows["label"], rows["naive"])
    gap = metrics.difference(ours, theirs, rows["date"])
    proven += gap.high < 0
    print(month, gap)

# %%
from classroom import came

came("08-guess1", proven)

# %% [markdown]
# In none. April and May prove nothing either way. June loses by 0.1145, with its whole interval. July loses by 0.2175, and its interval just holds zero: it is at 95%, where the alerts of lesson 07 asked at 90%.
#
# **A gate looks back.** It knew nothing of summer.
#
# ## The next one that passes
#
# Retrain on January to June with the boosted trees of lesson 05, and ask the gate (about 15 seconds).

# %%
# about 15 s
version = operations.train_release(
    flights, drops, "hist_gradient_boosting", date(2013, 1, 1), date(2013, 6, 30)
)
verdict = operations.run_gate(flights, version, drops)

# %%
print(f"version {version}, {verdict.first_day} to {verdict.last_day}: {verdict.verdict}")
for rule in ("beats_naive", "better_than_live", "slices"):
    print(f"  {rule}: {verdict.check(rule).sentence}")

# %% [markdown]
# A strong verdict: better than live by 0.2947, with the whole interval. You read such a sentence in March too. Try to give it
# everything, with the runbook's command (about 5 seconds).

# %%
# about 5 s
# !firstflight promote 2 --by model_owner --reason "it passed the gate"

# %% [markdown]
# Refused. The gate decides what may *start* a rollout; what the rollout shows decides the rest.
#
# ## Shadow: predict, and answer nobody
#
# In the [shadow](glossary.ipynb#shadow) a candidate gets every request too, but its predictions go only into the log. Start the service of
# lesson 06 (about 10 seconds); it holds version 1 alone.

# %%
# about 10 s
from classroom import check, servers

service = servers.service()
service

# %% [markdown] tags=["task"]
# Start the shadow of the new version by command, as a role that may (`[permissions]` in `process.toml`), with the reason
# `v1 is worse than the naive guess since June`. `firstflight shadow --help` says how it is typed; it takes about 5 seconds.

# %% id="08-type1"
# BEGIN SOLUTION
# !firstflight shadow 2 --by model_owner --reason "v1 is worse than the naive guess since June"
# END SOLUTION
# STUB: # !...

# %%
check("08-type1")

# %% [markdown]
# The service sees the new record of the history within a second, loads the version, and asks it its
# [frozen answers](glossary.ipynb#frozen-answers) first. Then three days of real flights come (about 10 seconds).

# %%
# about 10 s
from classroom import traffic
from classroom.rollout_days import fly

traffic.wait_until(service.url, live="1", candidate=version, mode="shadow")
sent = fly(service.url, flights, "2013-07-15", "2013-07-17")
print(f"{sent.n} requests, {sent.failed} failed, answered by {sent.by_release}")

# %%
logged = predictions.read(flights, date(2013, 7, 15), date(2013, 7, 17))
logged.groupby(["version", "role"]).size().to_frame("in the log")

# %% [markdown]
# The callers have heard from version 1 only. The log has as many predictions of version 2, for the same flights.
#
# A shadow that breaks disturbs nobody, and so nobody notices. Where would you see it? (About 3 seconds.)

# %%
# about 3 s
from classroom import own_service

docs = own_service.docs_of(service)
docs.at("", "the service's page")

# %% [markdown] tags=["task"]
# Open the service's page. Under `POST /status` press *Try it out*, then *Execute*. Give `seen` two numbers in ( ): how many predictions of the shadow have failed, and how
# many requests the service has answered.

# %% id="08-look1"
# BEGIN SOLUTION
import httpx

status = httpx.post(f"{service.url}/status", json={}).json()
seen = (status["shadow_failures"], status["answered"])
# END SOLUTION
# STUB: seen = ...

# %%
check("08-look1")
print("failed in the shadow:", seen[0], "- answered:", seen[1])

# %% [markdown]
# ## The rule of a stage
#
# It is 18 July, and the labels of three days are in. Ask the rule, and then for the next step (10 seconds together).

# %%
# about 10 s
# !firstflight decide
# !firstflight canary --by model_owner --reason "three days look good"

# %% [markdown]
# `continue` means: stay in the shadow and wait. The next step is refused until the rule says `promote`. What it goes by stands in `process.toml`:

# %%
import pandas as pd

stages = {"shadow": rules.rollout.shadow, "canary": rules.rollout.canary}
how = {"block_days", "autocorrelation"}  # of the interval
pd.DataFrame({name: stage.model_dump(exclude=how) for name, stage in stages.items()})

# %% [markdown]
# [Coverage](glossary.ipynb#coverage) is the share of predictions with a label; a cancelled flight never gets one. The team has agreed:
#
# - With fewer days, fewer labels or less coverage than the minimum, wait.
# - Of candidate minus live the whole interval counts: below `promote_below` is proof, above `abort_above` is harm.
# - Shown harm is harm, however small, even where the interval would do as proof.
# - A stage with enough labels that after `max_days` has shown neither does what `undecided` says.

# %% [markdown] tags=["task"]
# Write `step`: it returns `"promote"`, `"abort"` or `"continue"`. `gap` has `gap.low` and `gap.high` (it is None while there is one day only); `stage` is a
# column of the table as an object, with `stage.min_days` and so on.


# %% id="08-ex1"
def step(gap, n_days, n_labels, coverage, stage):
    # BEGIN SOLUTION
    if n_days < stage.min_days or n_labels < stage.min_labels or coverage < stage.min_coverage:
        return "continue"
    if gap.low > stage.abort_above:
        return "abort"
    if gap.high < stage.promote_below:
        return "promote"
    return stage.undecided if n_days >= stage.max_days else "continue"
    # END SOLUTION
    # STUB: return ...


# %%
check("08-ex1")

# %% [markdown]
# In the shadow waiting is free. Let the rest of the week pass, and look; then another week (about 20 seconds).

# %%
# about 20 s
fly(service.url, flights, "2013-07-18", "2013-07-21")
# !firstflight decide
sent = fly(service.url, flights, "2013-07-22", "2013-07-28")

# %% [markdown] tags=["task"]
# It is 29 July, and the shadow has had fourteen days. Ask the rule by command.

# %% id="08-type2"
# BEGIN SOLUTION
# !firstflight decide
# END SOLUTION
# STUB: # !...

# %%
check("08-type2")

# %% [markdown]
# Now your own rule, on the same rows. The library's `rollout.decide` computes the interval and the counts.

# %%
from firstflight import rollout

who = {"live": "1", "candidate": version, "key": flights.key}
shadow = predictions.joined(
    flights, operations.landed(flights), date(2013, 7, 15), date(2013, 7, 28)
)
found = rollout.decide(shadow, "shadow", rules.rollout, rules.metric, **who)
mine = step(found.interval, found.n_days, found.n_labels, found.coverage, rules.rollout.shadow)
print(f"yours: {mine}. The library: {found.decision}. {found.reason}")

# %% [markdown]
# By a hair: the interval ends at -0.0011. In the shadow `promote` means *on to the canary*.
#
# ## Why so wide?
#
# After one week the mean was good too, and the interval held zero. Somebody will say: "Take an ordinary test, look daily, and stop at the first
# p-value below 0.05. That errs once in twenty."

# %% [markdown] tags=["task"]
# Take rollouts in which both models are **equally good**, and days as alike as here ([autocorrelation](glossary.ipynb#autocorrelation) 0.4). Somebody looks daily, from day 7 to
# day 28. **Which share of these candidates will be called better on some day?**

# %% id="08-guess2"
# BEGIN SOLUTION
guess("08-guess2", "share of equal models that daily looks promote", 0.05)
# END SOLUTION
# STUB: guess("08-guess2", "share of equal models that daily looks promote", ...)

# %% [markdown] tags=["task"]
# `series` is a NumPy array with a row per rollout and a column per day: candidate minus live, so better is below zero. Write `peeked`: for each rollout True if
# on *any* of `days` the one-sided t-test of the days so far has a p-value below 0.05 (on day 7, of the first 7 columns). SciPy's `ttest_1samp` has the options `axis` and
# `alternative`.

# %% id="08-ex2"
import numpy as np
from scipy.stats import ttest_1samp


def peeked(series, days):
    # BEGIN SOLUTION
    tests = [ttest_1samp(series[:, :day], 0, axis=1, alternative="less") for day in days]
    return np.any([test.pvalue < 0.05 for test in tests], axis=0)
    # END SOLUTION
    # STUB: return ...


# %%
check("08-ex2")

# %% [markdown]
# 4,000 rollouts of equal models, with independent days and with days that are alike; beside the test, the team's rule, looking daily too (about 5 seconds).

# %%
# about 5 s
import numpy as np

from firstflight import error_rates, intervals

rates = {}
for name, memory in (("independent days", 0.0), ("days that are alike", 0.4)):
    equal = intervals.autoregression(4000, 28, memory, np.random.default_rng(0))
    ours, _ = error_rates.decision_days(equal, rules.rollout, "shadow")
    looks = {"once": [28], "weekly": [7, 14, 21, 28], "daily": range(7, 29)}
    shares = {f"t-test, {often}": peeked(equal, days).mean() for often, days in looks.items()}
    rates[name] = shares | {"our rule, daily": (ours > 0).mean()}
pd.DataFrame(rates).round(3)

# %%
came("08-guess2", round(rates["days that are alike"]["t-test, daily"], 3))

# %% [markdown]
# The t-test keeps its word for one look at independent days: 0.049. With days that are alike, daily looks promote
# 0.335: every third candidate that is no better. The team's rule gives 0.052, which is 5% up to the chance of a simulation.
#
# In the picture, the yellow limit is made for one look.

# %%
from classroom import figures

figures.equal_models_looked_at_daily(equal, rules.rollout)

# %% [markdown]
# The rule spends its error (`error_max`, 5%) over the days, little on day 7 and all of it by day 28, so it may be asked daily: an *alpha-spending* boundary.
# Where the promise breaks is measured in [`docs/error-rates.md`](../docs/error-rates.md).
#
# ## Does the rule also say no?
#
# Feed it cases whose answer you know. The twin is version 1 against itself, on two weeks and on four.

# %%
one = shadow[shadow["version"] == "1"]
four_weeks = predictions.joined(flights, drops, date(2013, 6, 17), date(2013, 7, 14))


def twin(rows):
    return pd.concat([rows, rows.assign(version="twin")])


cases = {
    "version 1 as the candidate": (shadow, version, "1"),
    "equal models, 14 days": (twin(one), "1", "twin"),
    "equal models, 28 days": (twin(four_weeks), "1", "twin"),
    "no labels of United": (
        shadow.assign(label=shadow["label"].mask(shadow["carrier"] == "UA")), "1", version
    ),
}  # fmt: skip

# %%
for name, (rows, live, candidate) in cases.items():
    said = rollout.decide(
        rows, "shadow", rules.rollout, rules.metric, live=live, candidate=candidate, key=flights.key
    )
    print(f"{name}: {said.decision}. {said.reason}")

# %% [markdown]
# With the roles swapped it aborts. Equal models wait until day 28; then `undecided = "abort"` takes the candidate out: what is not proven
# is not worth the switch. With United's labels lost, it asks for them.
#
# ## Canary: answer some of the flights
#
# In the [canary](glossary.ipynb#canary) some flights hear from the candidate. How many? The shadow knows both answers to
# each flight, so it tells what each share would have shown (about 5 seconds).

# %%
# about 5 s
from classroom.rollout_days import what_a_share_buys

shares = (0.02, 0.05, 0.1, 0.2, 0.25, 0.5)
what_a_share_buys(shadow, flights.key, shares, rules.rollout, rules.metric, "1", version).round(3)

# %% [markdown]
# With half of the flights the standard error is no smaller than with a tenth: days are rare, not flights. But the smaller *arm* (the flights of one release) must have its `min_labels` within 28 days.

# %% [markdown] tags=["task"]
# Decide the `share`: **0.1, 0.2 or 0.25**. With a small one fewer people hear from a candidate that may harm; with a large one the labels are together sooner.
# It goes into your `process.toml`. Other values were not measured on these weeks.

# %% id="08-decide1"
# BEGIN SOLUTION
share = 0.2
# END SOLUTION
# STUB: share = ...

# %%
check("08-decide1")

# %% [markdown] tags=["task"]
# Start the canary by command, with the reason `better in the shadow, on two weeks`. It needs no version: there is one candidate.

# %% id="08-type3"
# BEGIN SOLUTION
# !firstflight canary --by model_owner --reason "better in the shadow, on two weeks"
# END SOLUTION
# STUB: # !...

# %%
check("08-type3")

# %% [markdown]
# ## Who hears from the candidate?
#
# The service draws no lots. `share_of` hashes a flight's key (date, airline, number, airport) to a number from 0 to below 1 that looks random and never changes.

# %%
from firstflight.service import share_of

for number in (1, 2, 3):
    print(number, round(share_of(("2013-07-29", "UA", number, "EWR")), 3))

# %% [markdown] tags=["task"]
# Write the service's rule: does the flight with this key go to the candidate, when that is to get this `share` of the flights?


# %% id="08-ex3"
def to_candidate(key, share):
    # BEGIN SOLUTION
    return share_of(key) < share
    # END SOLUTION
    # STUB: return ...


# %%
check("08-ex3")

# %% [markdown]
# Ask the real service about all flights of 29 July, twice, as callers do. (The header marks a [replay](glossary.ipynb#replay), which is not counted as traffic.)

# %%
import httpx

from firstflight.release import as_json_rows

traffic.wait_until(service.url, live="1", candidate=version, mode="canary")
today_flights = flights.requests(operations.landed(flights), date(2013, 7, 29), date(2013, 7, 29))


def sent_to_candidate():
    reply = httpx.post(
        f"{service.url}/predict_batch",
        json={"requests": as_json_rows(today_flights)},
        headers={"x-firstflight-replay": "lesson 08"},
    )
    return pd.DataFrame(reply.raise_for_status().json())["release"] == version


# %%
asked = today_flights[["date", *flights.key[1:], "sched_dep_time"]].reset_index(drop=True)
asked = asked.assign(first=sent_to_candidate(), again=sent_to_candidate())
print(len(asked), "flights")

# %%
keys = asked[list(flights.key)].assign(date="2013-07-29").itertuples(index=False, name=None)
mine = pd.Series([to_candidate(key, share) for key in keys])
print("your rule agrees with the service on", int((mine == asked["first"]).sum()), "flights")

# %% [markdown]
# Is the split *fair*? Before any loss is compared:
#
# - Does each flight get the **same side** when it is asked again? Else no label knows whose answer it judges.
# - Does the candidate get the **share** that was decided, up to chance?
# - Do both arms hold the **same kind** of flights? Else airlines are compared, not releases.

# %% [markdown] tags=["task"]
# Write `fair`: a dict with True or False for `"same side"`, `"share"` and `"same kind"`. `asked["first"]` and `asked["again"]` say who went to the candidate. For the share take SciPy's
# `binomtest`, for the kind `chi2_contingency` on `pd.crosstab(...)` of side and `"carrier"`. Unfair is a p-value below 0.001: you will ask often, and a false alarm costs.

# %% id="08-ex4"
from scipy.stats import binomtest, chi2_contingency


def fair(asked, share):
    # BEGIN SOLUTION
    table = pd.crosstab(asked["first"], asked["carrier"])
    return {
        "same side": bool((asked["first"] == asked["again"]).all()),
        "share": bool(binomtest(int(asked["first"].sum()), len(asked), share).pvalue >= 0.001),
        "same kind": bool(chi2_contingency(table).pvalue >= 0.001),
    }
    # END SOLUTION
    # STUB: return ...


# %%
check("08-ex4")

# %% [markdown]
# A check that cannot fail is no check. So try two other splits beside the service: lots drawn for each request, and "give it United".

# %%
rng = np.random.default_rng(0)
lots = [pd.Series(rng.random(len(asked)) < share) for _ in range(2)]
united = asked["carrier"] == "UA"
splits = {
    "the service": (asked, share),
    "lots": (asked.assign(first=lots[0], again=lots[1]), share),
    "United": (asked.assign(first=united, again=united), 0.2),
}
pd.DataFrame({name: fair(*split) for name, split in splits.items()}).T

# %% [markdown]
# United flies about a fifth, so the share alone would not have told you. With lots, who asks again changes sides.
#
# ## Let it fly
#
# Ten days first, and a look (about 25 seconds).

# %%
# about 25 s
sent = fly(service.url, flights, "2013-07-29", "2013-08-07")
print(f"{sent.n} requests, {sent.failed} failed")
# !firstflight decide

# %% [markdown] tags=["task"]
# In the shadow the candidate had to be better; here it must do no harm, with a margin of 0.01, but each arm has its own flights. The shadow took 14 days.
# Looked at once a week from now on, **how many will the canary have taken when the rule decides?**

# %% id="08-guess3"
# BEGIN SOLUTION
guess("08-guess3", "days of the canary", 24)
# END SOLUTION
# STUB: guess("08-guess3", "days of the canary", ...)

# %% [markdown]
# This cell plays a week, looks, and goes on until the rule decides: about 15 seconds per week.

# %%
# about 15 s
from classroom.rollout_days import until_decided

weeks = until_decided(service.url, flights)
weeks[["day", "failed", "days", "decision"]]

# %%
came("08-guess3", weeks["days"].iloc[-1])

# %% [markdown]
# `promote`. Before you believe it, look at the arms.

# %%
canary = predictions.joined(
    flights,
    operations.landed(flights),
    date(2013, 7, 29),
    date.fromisoformat(weeks["day"].iloc[-1]),
)
canary.groupby("version").agg(
    flights=("label", "size"),
    no_label=("label", lambda label: label.isna().mean()),
    late=("label", "mean"),
    predicted=("prediction", "mean"),
).round(2)

# %% [markdown]
# The arms differ little in what happened (`late`), and much in what was said. Now both stages as the rule would have seen them on each day (about 5 seconds).

# %%
# about 5 s
from classroom.rollout_days import daily_looks

looks = pd.concat(
    daily_looks(rows, mode, rules.rollout, rules.metric, **who)
    for mode, rows in (("shadow", shadow), ("canary", canary))
)
figures.rollout_day_by_day(looks)

# %%
columns = ["days", "labels", "coverage"]
agree = 0
for look in looks.itertuples():
    agree += step(look, look.days, look.labels, look.coverage, stages[look.mode]) == look.decision
print(f"your rule and the library agree on {agree} of {len(looks)} looks")
looks[["mode", "labels up to", "low", "high", "decision"]].iloc[[0, 5, 12]].round(3)

# %% [markdown]
# After two days the truth could be anything from -1.3 to +1.3. That is what `min_days` is for.
#
# Fourteen days and seventeen: version 1 went on answering for a month. A team that finds this too long may allow more errors, in `process.toml`, with its reason. It may
# not look more often and call it the same.
#
# ## Promote

# %% [markdown] tags=["task"]
# The canary is decided. Make the new version live by command, with the reason `better online, in shadow and canary`.

# %% id="08-type4"
# BEGIN SOLUTION
# !firstflight promote 2 --by model_owner --reason "better online, in shadow and canary"
# END SOLUTION
# STUB: # !...

# %%
check("08-type4")

# %%
from firstflight import history

held = traffic.wait_until(service.url, live=version, mode="off")
print({alias: about["version"] for alias, about in held["releases"].items()})
history.table("flights")[["date", "action", "live", "candidate", "previous", "rollout"]]

# %% [markdown]
# Version 1 is now `previous`, still in memory. Version 2 reads the same feature state, so going back would be easy. Remember that.
#
# ## At work tomorrow
#
# Without a spending rule, fix the number of looks beforehand and divide the error by it: honest where days are independent.
# Where they are alike, compare weeks.

# %%
import hashlib

from scipy.stats import binomtest


def side(customer, share, experiment):
    digest = hashlib.sha256(f"{experiment}|{customer}".encode()).hexdigest()
    return int(digest[:8], 16) / 2**32 < share


sides = [side(customer, 0.1, "release-2") for customer in range(20_000)]
print("fair share:", binomtest(sum(sides), len(sides), 0.1).pvalue >= 0.001)
looks_planned, error = 4, 0.05
print("stop at a p-value below", error / looks_planned)

# %% [markdown] tags=["task"]
# Find a split that your `fair` passes in all three questions, and that is unfair all the same. Then add the question that finds it. There is no check; `solutions/` has one worked answer.

# %% id="08-further"
# BEGIN SOLUTION
early = asked["sched_dep_time"] < asked["sched_dep_time"].quantile(0.2)  # morning flights
morning = asked.assign(first=early, again=early)
print(fair(morning, 0.2))


def same_hours(asked):
    hour = asked["sched_dep_time"] // 100 // 4  # six parts of the day
    return bool(chi2_contingency(pd.crosstab(asked["first"], hour)).pvalue >= 0.001)


print("same hours, the morning:", same_hours(morning), "- the service:", same_hours(asked))
# END SOLUTION
# STUB: ...

# %% [markdown]
# ## What you did
#
# You saw that a passed gate speaks about the past, wrote the rule that decides a stage, measured what impatience costs, checked a split, and let labels decide each step.

# %% tags=["nbval-ignore-output"]
# Measured: counts of lines change with the code.
from classroom import ledger

ledger.measure("08")

# %%
from classroom import checklist

checklist("08")

# %% [markdown]
# ## In practice
#
# - A shadow cannot show what goes wrong when people act on an answer. **And a canary's arms must not touch**: where an answer changes the next case (prices, rankings), one arm leaks into the other.
# - The hash takes the date too, so no flight number is bound to one side for ever. If a person must see one release all week, hash the person.
# - Labels come a day late here. Where they take a month, so does the canary; a proxy that comes sooner must be shown to agree with the label.
# - The intervals assume that a day resembles the day before as in the year that was measured. Storms come in runs.
# - `firstflight abort` takes a bad candidate out; live answers everything again within a second.
#
# **Next:** [lesson 09](09_roll_back.ipynb). Version 2 does well, until somebody reacts to a red drift report.

# %%
from classroom import end, leaves

leaves("version 2, live since 15 August by shadow and canary")
end("08")
