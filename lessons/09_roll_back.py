# %% [markdown]
# # 09 · Roll back
#
# **The failure.** It is 2 a.m., the [live](glossary.ipynb#live) model is worse than the one before it, and somebody moves the
# [alias](glossary.ipynb#alias) back. That makes it worse still.
#
# *What you'll do*: decide about a release that promises much, find out late what it does, and go back the wrong way. Then go back properly:
# ask first, switch, prove.
#
# *What you need*: 60 minutes, about 1 GB of memory, and the workspace of lesson 08.

# %%
from classroom import begin, show_map

ws = begin("09")
show_map("09")

# %% [markdown]
# ## A red report
#
# It is 15 August. Version 2 is live, and its service is up in about 10 seconds.

# %%
# about 10 s
from datetime import date

from classroom import servers, today
from firstflight import operations, usecase

today("2013-08-15")
case = usecase.get("flights")
service = servers.service()

# %% [markdown]
# Each morning the pipeline of lesson 03 lands what has come and publishes [state](glossary.ipynb#state). `busy.days` does that without
# Prefect, and sends every flight to the service. `publish` lists the feature versions that get state. About 30 seconds.

# %%
# about 30 s
from classroom import busy

publish = [1]
sent = busy.days(service.url, case, "2013-08-15", "2013-09-30", publish)
print(f"{sent.n} requests, {sent.failed} failed, {sent.without_state} without state")

# %%
# about 5 s
seen = operations.monitor_week(case, operations.landed(case), date(2013, 9, 15))
for alert in seen.alerts:
    print(f"{alert.level}: {alert.sentence}")
print(f"log loss {seen.performance.loss:.3f}, naive guess {seen.performance.naive_loss:.3f}")

# %% [markdown]
# Half of the inputs have left the [reference](glossary.ipynb#reference), and version 2 beats the guess with ease. By your team's rules that
# is a diagnosis, not an action.
#
# But somebody says: *the model is stale, train on the freshest 30 days.* So they do, and keep the last two weeks of September for the gate.
# The new version also brings feature version 2, whose trailing rates end a day earlier: other columns, and **another state**.

# %%
# about 10 s
drops = operations.landed(case)
first, last = date(2013, 8, 18), date(2013, 9, 16)
version = operations.train_release(case, drops, "hist_gradient_boosting", first, last, 2)

# %%
# about 10 s
verdict = operations.run_gate(case, version, drops)
gap = verdict.check("better_than_live").interval
print(f"version {version}, {verdict.first_day} to {verdict.last_day}")
print(f"its log loss minus that of live: {gap.mean:+.4f}")

# %% [markdown] tags=["task"]
# A gate that compares two means would ship it. **What does yours say: `"pass"`, `"hold"` or `"fail"`?**

# %% id="09-guess1"
from classroom import guess

# BEGIN SOLUTION
guess("09-guess1", "the verdict on version 3", "hold")
# END SOLUTION
# STUB: guess("09-guess1", "the verdict on version 3", ...)

# %%
from classroom import came

came("09-guess1", verdict.verdict)
for rule in ("beats_naive", "better_than_live"):
    print(f"{rule}: {verdict.check(rule).sentence}")

# %% [markdown]
# Better than version 2 by 0.0144, and anything from 0.0419 better to 0.0131 worse would look the same on 14 days. It is not even proven
# better than the [naive guess](glossary.ipynb#naive-guess). That is a [hold](glossary.ipynb#hold).
#
# ## Waive, or wait?
#
# It is 1 October, and you are the model's owner. A [waiver](glossary.ipynb#waiver) would let version 3 answer every flight at once, without
# shadow and canary. Before it is signed the runbook asks what would make you roll back, and on which day you look.

# %% [markdown] tags=["task"]
# Decide. `decision` is a dict of four texts: `"verdict"` is `"waive"` or `"wait"`; `"reason"` and `"roll_back_if"` are sentences for a bad
# night; `"look_on"` is a day of October, such as `"2013-10-31"`, on which a week of labels is in.

# %% id="09-decide1"
# BEGIN SOLUTION
decision = {
    "verdict": "wait",
    "reason": "a red drift report is a question; 14 days do not show that fresher is better",
    "roll_back_if": "it is proven worse than version 2 on the flights since it went live",
    "look_on": "2013-10-15",
}
# END SOLUTION
# STUB: decision = ...

# %%
from classroom import check

check("09-decide1")

# %%
import json

from mlflow import MlflowClient

client = MlflowClient()
client.set_registered_model_tag("flights", "decision.3", json.dumps(decision, sort_keys=True))
print("you:", decision["verdict"])
print("you look on", decision["look_on"], "and roll back if", decision["roll_back_if"])

# %% [markdown]
# It is recorded with the model, where MLflow shows it. In the story that all lessons share, the model's owner **signed**. If you said *wait*,
# you were overruled in a meeting. First somebody tries without a waiver.

# %%
from firstflight import history
from firstflight.errors import RolloutError

try:
    operations.promote(case, version, by="model_owner", reason="fresher data")
except RolloutError as error:
    print(error)

# %%
from classroom import traffic

why = "the drift report is red every week and fresher data must be better"
operations.waive(case, version, by="model_owner", reason=why)
operations.promote(case, version, by="model_owner", reason="fresher data; gate held, waived")
traffic.wait_until(service.url, live="3")
for entry in history.entries("flights")[-2:]:
    print(f"{entry.date} {entry.action} by {entry.by}: {entry.reason}")

# %% [markdown]
# The same afternoon somebody tidies the pipeline: it shall publish what the live release needs, feature version 2. **The first line of the
# next cell is the failure of this lesson**, and nothing goes red. About 20 seconds.

# %%
# about 20 s
publish = [2]
sent = busy.days(service.url, case, "2013-10-01", "2013-10-28", publish)
print(f"{sent.n} requests, {sent.failed} failed, {sent.without_state} without state")

# %% [markdown]
# ## October
#
# Each week the [monitor](glossary.ipynb#monitor) compares live with the naive guess, on the last two weeks with labels. It pages if the whole interval is above zero.

# %% [markdown] tags=["task"]
# Version 3 is bad, as you may suspect. **After which week, 1 to 4, does the first page come?** 0 for none.

# %% id="09-guess2"
# BEGIN SOLUTION
guess("09-guess2", "week of the first page", 2)
# END SOLUTION
# STUB: guess("09-guess2", "week of the first page", ...)

# %%
from firstflight import predictions, process, registry

rules = process.load().usecase("flights").alerts
drops = operations.landed(case)
first, last = date(2013, 10, 1), date(2013, 10, 28)
october = predictions.joined(case, drops, first, last)
october["naive"] = case.naive(drops, october)

# %%
import pandas as pd

from firstflight import monitor

pages, weeks = [], pd.date_range("2013-10-07", "2013-10-28", freq="7D")
for number, day in enumerate(weeks, start=1):
    known = october[october["date"] <= day]
    online = monitor.performance(known, known["naive"], rules, "log_loss")
    pages += [number] if online.worse_than_naive else []
    print(f"week {number}: {online.excess}")
came("09-guess2", pages[0] if pages else 0)

# %% [markdown]
# Four quiet weeks. The mean is worse than the guess in each, and two weeks of days never prove it. Nobody asked the better question: is it
# worse than *the release before it*?
#
# Version 2 has not answered anybody since, so [replay](glossary.ipynb#replay) its answers: `predictions.replay` computes from the drops the
# state that it would have had.

# %%
# about 10 s
version_2 = registry.load("flights", "previous")
replayed = predictions.replay(version_2, drops, first, last)
replayed = replayed[[*case.key, "prediction"]].rename(columns={"prediction": "v2"})
pairs = october.rename(columns={"prediction": "v3"}).merge(replayed, on=list(case.key))
pairs = pairs.dropna(subset="label")
pairs[["label", "v3", "v2", "naive"]].head(3).round(3)

# %% [markdown] tags=["task"]
# Write `behind(pairs, other)`: how much worse version 3 is than `other`, which is `"v2"` or `"naive"`, with the interval by the team's rules.
# `metrics.row_loss("log_loss", label, said)` gives the loss of each row; `metrics.difference(losses, losses, dates, **rules.how)` the mean and the interval. Worse is above zero.

# %% id="09-ex1"
from firstflight import metrics


def behind(pairs, other):
    # BEGIN SOLUTION
    ours = metrics.row_loss("log_loss", pairs["label"], pairs["v3"])
    theirs = metrics.row_loss("log_loss", pairs["label"], pairs[other])
    return metrics.difference(ours, theirs, pairs["date"], **rules.how)
    # END SOLUTION
    # STUB: return ...


# %%
check("09-ex1")

# %% [markdown]
# Ask it each week, with all days of October so far, against both.

# %%
from classroom import figures

against = {}
for other, name in (("v2", "version 2"), ("naive", "the naive guess")):
    looks = [behind(pairs[pairs["date"] <= day], other) for day in weeks]
    against[name] = pd.DataFrame([look.model_dump() for look in looks], index=weeks)
figures.worse_than_what(against)

# %%
from sklearn.metrics import log_loss

for name, table in against.items():
    print(f"version 3 minus {name}")
    print(table[["mean", "low", "high"]].round(4).to_string(), "\n")
print({name: round(log_loss(pairs["label"], pairs[name]), 3) for name in ("v3", "v2", "naive")})

# %% [markdown]
# After two weeks it is proven: worse than version 2 by 0.1236, from 0.0206 on. Against the guess even four weeks prove nothing. The guess is
# a low bar: 0.469 where version 2 has 0.436.
#
# **Go on scoring the release that you left.** It costs one replay a week. And what did *you* write on 1 October?

# %%
look_on = pd.Timestamp(decision["look_on"])
print(f"you roll back if {decision['roll_back_if']}")
print(f"known on {look_on:%d %B}: {behind(pairs[pairs['date'] < look_on], 'v2')} against version 2")

# %% [markdown]
# ## 2 a.m. on 29 October
#
# Tonight you are on call, and you want version 2 back. Every guide to MLflow says how: move the alias.

# %% [markdown] tags=["task"]
# With MLflow's own API, let the alias `live` of `flights` point at version 2: `client.set_registered_model_alias(name, alias, version)`. Then read into
# `in_mlflow` which version the alias names now, with `client.get_model_version_by_alias(name, alias).version`.

# %% id="09-ex2"
# BEGIN SOLUTION
client.set_registered_model_alias("flights", "live", "2")
in_mlflow = client.get_model_version_by_alias("flights", "live").version
# END SOLUTION
# STUB: in_mlflow = ...

# %%
check("09-ex2")

# %% [markdown] tags=["task"]
# `in_mlflow` says 2. **Which version answers the next caller: `"2"` or `"3"`?**

# %% id="09-guess3"
# BEGIN SOLUTION
guess("09-guess3", "the version that answers", "2")
# END SOLUTION
# STUB: guess("09-guess3", "the version that answers", ...)

# %%
# about 6 s
import httpx

status = httpx.post(f"{service.url}/status", json={}).json()
came("09-guess3", status["releases"]["live"]["version"])
# !firstflight status | grep "moved by hand"

# %% [markdown]
# Version 3. Here an alias is a label for people; the [deployment history](glossary.ipynb#deployment-history) says what serves. In many teams
# the service does follow the alias. So do what they would have done: write the entry, with none of a rollback's questions asked.

# %% [markdown] tags=["task"]
# Write the naive rollback into the history. `deployments.change` takes the use case's name, the action `"alias"`, `after=` (a dict from alias
# to version: `live` **and** `previous` change places), `by=` (your role, `on_call`) and `reason=`. Keep what it returns as `moved`. Run it
# once: each run is an entry.

# %% id="09-ex3"
from firstflight import deployments

# BEGIN SOLUTION
moved = deployments.change(
    "flights",
    "alias",
    after={"live": "2", "previous": "3"},
    by="on_call",
    reason="version 3 is worse than version 2; put version 2 back",
)
# END SOLUTION
# STUB: moved = ...

# %%
check("09-ex3")

# %% [markdown]
# The service follows within a second. Two weeks pass.

# %%
# about 15 s
traffic.wait_until(service.url, live="2")
sent = busy.days(service.url, case, "2013-10-29", "2013-11-11", publish)
print(f"{sent.n} requests, {sent.failed} failed, answered by {sent.by_release}")

# %% [markdown]
# Every flight got its answer, by version 2. What does the service's own page say, the one that dashboards read?

# %%
service.at("metrics", "what the service counts")

# %% [markdown] tags=["task"]
# Find the lines that begin with `bentoml_service_request_total`, and there the endpoint `/predict_batch`. Make `calls`: a dict from each
# `http_response_code` of this endpoint, a text, to the number of calls, such as `{"404": 7}`.

# %% id="09-look1"
# BEGIN SOLUTION
import re

calls = {
    re.search(r'http_response_code="(\d+)"', line)[1]: int(float(line.split()[-1]))
    for line in httpx.get(f"{service.url}/metrics").text.splitlines()
    if line.startswith("bentoml_service_request_total{") and '"/predict_batch"' in line
}
# END SOLUTION
# STUB: calls = ...

# %%
check("09-look1")

# %% [markdown]
# Code 200 means *answered*, 500 *failed*.

# %%
answered = {str(code): int(number) for code, number in calls.items()}
print(f"batches since 15 August: {answered['200']} answered, {answered.get('500', 0)} failed")

# %% [markdown]
# Nothing on this page is red, or ever will be: it counts calls. Now ask the service what it answers *with*.

# %%
status = httpx.post(f"{service.url}/status", json={}).json()
for key in ("version", "feature_version", "state_age_days"):
    print(f"{key}: {status['releases']['live'][key]}")
print(f"of {sent.n} requests, {sent.without_state} were answered without state")

# %% [markdown]
# `None`: no state at all. For two weeks version 2 answered without two of its features, the late rates of the last week: nobody publishes
# them for feature version 1 any more.

# %% [markdown] tags=["task"]
# In October version 3 had a log loss of 0.516, and version 2 with its state would have had 0.436. **What did version 2 have in these two
# weeks, without its state?**

# %% id="09-guess4"
# BEGIN SOLUTION
guess("09-guess4", "log loss of version 2 without its state", 0.47)
# END SOLUTION
# STUB: guess("09-guess4", "log loss of version 2 without its state", ...)

# %% [markdown]
# One more thing to compare: version 2 with *stale* state, the last one that was published, of 30 September.

# %%
from firstflight import state

last_published = state.Store("flights", 1, max_age_days=0).at(date(2013, 9, 30))[1]
first, last = date(2013, 10, 29), date(2013, 11, 11)
stale = state.States({day.date(): last_published for day in pd.date_range(first, last)})

# %%
# about 10 s
drops = operations.landed(case)
asked = case.requests(drops, first, last)
version_3 = registry.load("flights", "3")
said = {
    "v2, alias moved": predictions.read(case, first, last),
    "v3, which it replaced": predictions.replay(version_3, drops, first, last),
    "v2 with its state": predictions.replay(version_2, drops, first, last),
    "v2, state of 30 September": asked.assign(prediction=version_2.predict(asked, stale)),
    "naive guess": asked.assign(prediction=case.naive(drops, asked)),
}

# %%
labels, table = case.labels(drops, first, last), {}
for name, answers in said.items():
    rows = labels.merge(answers[[*case.key, "prediction"]], on=list(case.key))
    loss = log_loss(rows["label"], rows["prediction"])
    table[name] = {"log loss": loss, "predicted": rows["prediction"].mean()}
came("09-guess4", table["v2, alias moved"]["log loss"])
print(f"{len(rows)} flights, late: {rows['label'].mean():.3f}")
pd.DataFrame(table).T.round(3)

# %% [markdown]
# 0.525: **worse than the release it replaced**, 0.461, and than a guess. With its state the same version has 0.438. Without it, it says 34%
# late where 17% are.
#
# Be fair to stale state: rates of four to six weeks ago would have done no harm here, 0.435. The limit `state.max_age_days` turned *stale*
# into *missing*. It is still the right rule: next month old rates may describe another world.
#
# The monitor does see it, once somebody asks it:

# %%
# about 5 s
seen = operations.monitor_week(case, drops, last)
for alert in seen.alerts:
    if alert.level == "page":
        print(f"{alert.rule}: {alert.sentence}")

# %% [markdown]
# ## The real one: ask
#
# It is 12 November. First clean up.

# %% [markdown] tags=["task"]
# Undo your move, by the same call: version 3 is live again, version 2 is previous. Keep what it returns as `undone`.

# %% id="09-ex4"
# BEGIN SOLUTION
undone = deployments.change(
    "flights",
    "alias",
    after={"live": "3", "previous": "2"},
    by="on_call",
    reason="undone: version 2 has no state",
)
# END SOLUTION
# STUB: undone = ...

# %%
check("09-ex4")

# %% [markdown]
# Now do what the [runbook](../RUNBOOK.md) says. `firstflight rollback` begins with a [preflight](glossary.ipynb#preflight): the questions
# whose *no* means that going back may be worse than staying. One of its options asks them and changes nothing:

# %%
# about 4 s
# !firstflight rollback --help | grep -A 1 -e "--check" -e "--force"

# %% [markdown] tags=["task"]
# Ask the preflight alone, here or in a terminal. It takes about 5 seconds. Then put the word behind **NO** into `says_no`, as a text.

# %% id="09-type1"
# BEGIN SOLUTION
# !firstflight rollback --check
says_no = "state"
# END SOLUTION
# STUB: # !...
# STUB: says_no = ...

# %%
check("09-type1")

# %% [markdown]
# Whole, it reads:

# %%
from firstflight import preflight

refusals = [one for one in preflight.preflight(case, "2", drops) if not one.ok]
print(refusals[0].sentence)

# %% [markdown]
# It names the cause, and the command that mends it. Two weeks ago it would have said so, in 5 seconds.
#
# To switch all the same is `--force`. It asks for a permission of its own: the one that you decided in lesson 00.

# %%
from firstflight.errors import PermissionRefused

for role in process.load().owners:
    try:
        deployments.allow("force a rollback", role, "force_rollback")
        print(f"{role!r} may force a rollback, by the team's file.")
    except PermissionRefused as error:
        print(error)

# %% [markdown]
# To switch against a *no* is to bet, and the history keeps that it was forced. You do better, and mend it.

# %% [markdown] tags=["task"]
# Publish the state of feature version 1, for each day since the pipeline forgot it on 1 October: the command that the preflight named, with `--since` and a day. About 10 seconds.

# %% id="09-type2"
# BEGIN SOLUTION
# !firstflight state --feature-version 1 --since 2013-10-01
# END SOLUTION
# STUB: # !...

# %%
check("09-type2")

# %% [markdown]
# So that it is not forgotten again, the pipeline publishes what *every release that may serve* needs. From 12 November on:

# %%
publish = operations.feature_versions(case)
print("publish:", publish)
drops = operations.landed(case)
for feature_version in publish:
    state.publish(case, drops, feature_version, date(2013, 10, 1), drops.today)


# %%
def ask(drops):
    for answer in preflight.preflight(case, "2", drops):
        print(f"{'ok' if answer.ok else 'NO'}  {answer.name}: {answer.sentence}")


ask(drops)

# %% [markdown]
# ## Can it say no?
#
# Break something, to see whether it also says no: from some day on the temperature comes in Celsius, in a file with a correct checksum. The
# preflight compares the last week with the week before it, and the last two days with the seven before them.

# %% [markdown] tags=["task"]
# The unit changed 1, 2, 7 or 8 days ago. **For which of the four is the rollback refused?** Give a list, such as `[1, 8]`.

# %% id="09-guess5"
# BEGIN SOLUTION
guess("09-guess5", "days in Celsius that are refused", [2, 7, 8])
# END SOLUTION
# STUB: guess("09-guess5", "days in Celsius that are refused", ...)

# %%
# about 10 s
from classroom import poisoned

refused = []
for days in (1, 2, 7, 8):
    with poisoned.celsius(case, days) as drops_in_celsius:
        answers = {one.name: one for one in preflight.preflight(case, "2", drops_in_celsius)}
    refused += [] if answers["upstream"].ok else [days]
    print(f"{days} days: {answers['upstream'].sentence[:120]}")
came("09-guess5", refused)

# %% [markdown]
# One day does not move a median far enough here. After eight days both sides of each comparison are in Celsius; that was for the weekly
# monitor to say. Now change one digit in the files of version 2, as a hand that *mends* something would.

# %%
with poisoned.another_feature_version("2"):
    print({one.name: one.ok for one in preflight.preflight(case, "2", drops)})
print({one.name: one.ok for one in preflight.preflight(case, "2", drops)})

# %% [markdown]
# The release is not the one that was saved, so it does not load; then `upstream` cannot ask whether the data fit it. Mended, all say yes.
#
# ## A question of your own
#
# What do these questions *not* ask? Take their evidence about version 2, and about version 1, which has lost to a guess in summer:

# %%
# about 5 s
evidence = preflight.gather(case, "2", drops)
about_1 = preflight.gather(case, "1", drops)
for name, question in preflight.QUESTIONS[:4]:
    answer = preflight.answer(name, question, about_1)
    print(f"{'ok' if answer.ok else 'NO'}  {name}: {answer.sentence[:60]}")
print(
    "trained to", about_1.release.about["trained_to"], "and", evidence.release.about["trained_to"]
)

# %% [markdown]
# They ask whether a release *is what it was*, and not whether it is too old, has seen enough flights, or whether tomorrow is a holiday.
#
# A question is a function of the evidence. It returns a sentence, or raises `RollbackRefused` with one. `evidence` has `release` (its `about`
# is a dict: `trained_from` and `trained_to` as texts, `n_rows`, `recipe`), `target` (the version), `drops.today` (a date), `usecase`.

# %% [markdown] tags=["task"]
# Choose a failure that these four let through. Write `my_question`, and make `broken`: evidence in which it has happened. `about_1` is real
# evidence; `dataclasses.replace(evidence, drops=..., ...)` makes any other. Your question lets version 2 of today through, and refuses
# `broken`.

# %% id="09-ex5"
from firstflight.errors import RollbackRefused


# BEGIN SOLUTION
def my_question(evidence):
    learned = date.fromisoformat(evidence.release.about["trained_to"])
    age = (evidence.drops.today - learned).days
    if age > 180:
        raise RollbackRefused(f"it has learned nothing new for {age} days; we allow 180")
    return f"it has learned up to {learned}, {age} days ago"


broken = about_1
# END SOLUTION
# STUB: def my_question(evidence):
# STUB:     return ...
# STUB:
# STUB:
# STUB: broken = ...

# %%
check("09-ex5")

# %%
for name, asked_about in (("version 2", evidence), ("broken", broken)):
    answer = preflight.answer("mine", my_question, asked_about)
    print(f"{name}: {'ok' if answer.ok else 'NO'}, {answer.sentence}")

# %% [markdown]
# At work, first ask the mornings of a year how often it says no without a reason: a question that cries wolf gets forced. Then it goes into
# `preflight.QUESTIONS`.
#
# ## Switch, and prove
#
# From the next cell on somebody asks for predictions all the time, while you roll back.

# %%
caller = busy.Caller(service.url, case)

# %% [markdown] tags=["task"]
# Roll back, here or in a terminal: `firstflight rollback` with `--reason`, a sentence, and `--url`, the service's address. Behind the
# exclamation mark that is `{service.url}`; in a terminal it is the address of the page that you opened, without `/metrics`. About 8 seconds.

# %% id="09-type3" tags=["nbval-ignore-output"]
# The seconds in its output differ on every run.
# BEGIN SOLUTION
# !firstflight rollback --reason "version 3 is worse than version 2 since 1 October" --url {service.url}
# END SOLUTION
# STUB: # !...

# %%
check("09-type3")

# %%
from firstflight import records, rollback

caller.stop()
done = history.newest("flights")
proof = records.all_of("flights", rollback.PROOFS, rollback.Proven)[-1].proof
print(f"left version {done.details['left']}, live is version {done.after['live']}")
print(f"proof: {proof.equal} of {proof.n} answers equal, {proof.by_release} by version 2")
print(f"asked meanwhile: {caller.failed} failed, answered by versions {caller.versions}")

# %% [markdown]
# No caller noticed. The proof: 200 requests that version 2 answered as live in September were [frozen](glossary.ipynb#frozen-answers) before
# the switch, asked again, and compared to the last digit. That is the difference between *the alias points to 2* and *version 2 is back*.
#
# And if a nervous hand presses the button again?

# %%
# about 5 s
# !firstflight rollback --reason "once more, to be sure"

# %% [markdown]
# The bad release did not become `previous`, so there is nothing to go "back" to.
#
# The proof may be asked for again at any time, and changes nothing that serves: that is half of a drill.

# %% tags=["nbval-ignore-output"]
# about 5 s
# Seconds differ on every run.
# !firstflight rollback --prove --url {service.url}

# %% [markdown]
# ## Who did what, and when?
#
# In spring an airline disputes a prediction of 1 November: which version answered, since when, and who had decided it?

# %% [markdown] tags=["task"]
# Ask the history: `firstflight history` has an option for a day. Put what it says of 1 November into `on_that_day`: the version, the day since when it was live, and the role that decided, as three texts in `( )`.

# %% id="09-type4"
# BEGIN SOLUTION
# !firstflight history --at 2013-11-01
on_that_day = ("2", "2013-10-29", "on_call")
# END SOLUTION
# STUB: # !...
# STUB: on_that_day = ...

# %%
check("09-type4")

# %%
service.stop()
history.table("flights")[["date", "action", "live", "candidate", "previous", "by"]]

# %% [markdown]
# Version 2 was live, says the history, and it is right. That it ran without state stands in the prediction log, beside each answer. It takes
# both.
#
# ## At work tomorrow
#
# Without this course, where a service follows MLflow's alias: keep requests and answers with each model. After the switch, load what the
# alias names, and compare.

# %%
import mlflow
import numpy as np

client = mlflow.MlflowClient()
name, back_to = "flights", "2"
client.set_registered_model_alias(name, "live", back_to)  # the switch
folder = mlflow.artifacts.download_artifacts(f"models:/{name}@live")
kept = pd.read_parquet(f"{folder}/extra_files/reference.parquet").head(200)
model = mlflow.sklearn.load_model(f"models:/{name}@live")
again = model.predict_proba(kept)[:, 1]
print(np.isclose(again, kept["prediction"], rtol=0, atol=1e-9).sum(), "of", len(kept), "the same")

# %% [markdown] tags=["task"]
# Nobody asked version 3 to fly as a shadow first. Had `behind` been asked every morning from 7 October on, on which day would version 3 have
# been proven worse than version 2? `solutions/` has one worked answer. What is wrong with looking every morning?

# %% id="09-further"
# BEGIN SOLUTION
for day in pd.date_range("2013-10-07", "2013-10-28"):
    look = behind(pairs[pairs["date"] <= day], "v2")
    if look.low > 0:
        break
print(f"labels up to {day:%d %B}: {look}")
# Each look is wrong once in twenty times, so 22 looks are wrong more often. Lesson 08's rollout
# allows for it with a wider boundary, rules.rollout, and is decided later.
# END SOLUTION
# STUB: ...

# %% [markdown]
# ## What you did
#
# You decided about a release that was not proven, found the comparison that proves it bad, made things worse by moving an alias, and went
# back: preflight, switch, proof.

# %% tags=["nbval-ignore-output"]
# The count follows the modules: it changes whenever somebody edits them.
from classroom import ledger

ledger.measure("09")

# %%
from classroom import checklist

checklist("09")

# %% [markdown]
# ## In practice
#
# - **One year, one story.** It shows that this can happen, not that it must: a fresher model is often better.
# - The preflight is cautious: sometimes odd weather is all that it has found ([alarm rates](../docs/alarm-rates.md) counts the mornings).
#   That is what `--force` is for.
# - The proof needs answers that version 2 gave with its state, which `retention.state_days` keeps. A team that tidies up sooner takes its own
#   proof away.
# - If the inputs are poisoned, the old release gets them too. Going back mends a model, not a source.
#
# **Next:** all of this was by hand, on one machine. [Lesson 10](10_ship_from_ci.ipynb) lets a machine ask the questions.

# %%
from classroom import end, leaves

leaves("version 2, rolled back to on 12 November, with proof")
end("09")
