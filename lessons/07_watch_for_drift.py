# %% [markdown]
# # 07 · Watch for drift
#
# **The failure.** From April to July every dashboard is green: each request is answered, and quickly. Meanwhile version 1 becomes worse than the
# [naive guess](glossary.ipynb#naive-guess), and nobody is told.
#
# *What you'll do*: play that quarter, ask **Evidently** what moved, break a week on purpose, set the limit that finds it, send an alert, and schedule the monitor.
#
# *What you need*: 60 minutes, lessons 00-06, about 1 GB of memory.

# %%
from classroom import begin, show_map

ws = begin("07")
show_map("07")

# %% [markdown]
# ## A quarter in service
#
# Each month's [drop](glossary.ipynb#drop) lands, each morning gets its [state](glossary.ipynb#state), and every scheduled flight is sent to the service: three and a
# half months in about 30 seconds.

# %%
# about 30 s
from classroom import servers, watching
from firstflight import usecase as usecases

flights = usecases.get("flights")
service = servers.service()
dashboard = watching.play_quarter(service, flights)
service.stop()
dashboard.drop(columns="ms per flight")

# %% tags=["nbval-ignore-output"]
# Measured: milliseconds differ on every run.
dashboard[["ms per flight"]]

# %% [markdown]
# Green. Nothing failed, nothing went without state, and an answer takes a small part of a millisecond. Now it is 15 July, and the [labels](glossary.ipynb#label) of these months are in.

# %% [markdown] tags=["task"]
# At the gate in March version 1 beat the naive guess. **In how many of the four months, April to July, is its log loss the lower one?**

# %% id="07-guess1"
from classroom import guess

# BEGIN SOLUTION
guess("07-guess1", "months of four in which version 1 beats the naive guess", 3)
# END SOLUTION
# STUB: guess("07-guess1", "months of four in which version 1 beats the naive guess", ...)

# %%
from datetime import date

from classroom import today
from firstflight import metrics, operations, predictions, process

today("2013-07-15")
rules = process.load().usecase("flights")
drops = operations.landed(flights)
answered = predictions.joined(flights, drops, date(2013, 4, 1), date(2013, 7, 14))
answered["naive"] = flights.naive(drops, answered)
known = answered.dropna(subset="label")

# %% [markdown]
# Version 1 and the naive guess speak about the same flights, so compare them flight by flight: one [interval](glossary.ipynb#interval), at 90%, for the *difference*.
# Two intervals side by side would not do: a stormy day is bad for both, and only in the difference does that cancel.


# %%
def month(rows):
    ours, naive = (
        metrics.row_loss(rules.metric, rows["label"], rows[c]) for c in ("prediction", "naive")
    )
    gap = metrics.difference(ours, naive, rows["date"], **rules.alerts.how)
    says, late = rows["prediction"].mean(), rows["label"].mean()
    ranks = metrics.auc(rows["label"], rows["prediction"])
    return [ours.mean(), naive.mean(), str(gap), ranks, says, late]


# %%
import pandas as pd

from classroom import came

names = ["v1", "naive", "v1 minus naive", "AUC", "v1 says", "late"]
found = {n: month(part) for n, part in known.groupby(known["date"].dt.strftime("%m %B"))}
by_month = pd.DataFrame(found, index=names).T
came("07-guess1", (by_month["v1"] < by_month["naive"]).sum())
by_month.map(lambda value: value if isinstance(value, str) else round(value, 3))

# %% [markdown]
# Better in May alone, and there the interval holds zero, as in April: nothing is proven. In June version 1 loses by 0.1145 and in July by 0.2175, each with the whole interval.
#
# Its AUC *rises*, from 0.621 to 0.697: it still knows which flights are worse, and no longer how bad they are.

# %%
from classroom import check, figures

figures.said_and_came_by_week(known)

# %% [markdown]
# ## What moved?
#
# Labels came a day later here; elsewhere they take weeks, and at first there are only inputs. **Evidently** compares two tables of inputs: a *current* one, here a week of requests, with a
# *[reference](glossary.ipynb#reference)*, here a sample of what version 1 has learned from (about 8 seconds).

# %%
# about 8 s
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

from firstflight import registry

release = registry.load("flights", "1")
asked = watching.asked(flights, release, date(2013, 7, 1), date(2013, 7, 14))
previous, week = (part for _, part in asked.groupby(asked["date"] >= "2013-07-08"))
print(f"{len(week)} requests from 8 to 14 July; the reference has {len(release.reference)} rows")

# %%
columns = list(flights.features[1].columns)
categories = ["origin", "carrier"]
numbers = [name for name in columns if name not in categories]
kinds = DataDefinition(numerical_columns=numbers, categorical_columns=categories)

# %% [markdown] tags=["task"]
# Write `drift` with Evidently's own calls. `Dataset.from_pandas(table, data_definition=kinds)` wraps a table: give it the 14 `columns` of each side. `Report([DataDriftPreset()])` says what to ask, and its
# `.run(current, reference)` asks. Return what `run` returns.


# %% id="07-ex1"
def drift(current, reference):
    # BEGIN SOLUTION
    now = Dataset.from_pandas(current[columns], data_definition=kinds)
    then = Dataset.from_pandas(reference[columns], data_definition=kinds)
    return Report([DataDriftPreset()]).run(now, then)
    # END SOLUTION
    # STUB: return ...


# %%
check("07-ex1")

# %% [markdown]
# The result has a page, and it has numbers. First the page: save it, and let a small server of this machine hand it out (JupyterLab shows an HTML file blank until you trust it).

# %%
# about 5 s
from classroom import pages

july = drift(week, release.reference)
reports = pages.serve("reports", ws.reports)
july.save_html(str(ws.reports / "first-look.html"))
pages.embed(reports.at("first-look.html", "the page in a tab of its own"))

# %% [markdown] tags=["task"]
# Look at the page above. Which column stands **second** in the table, after the temperature? And by which test does it compare `carrier` (column *Stat Test*; use *Search*)? Copy both as texts.

# %% id="07-look1"
# BEGIN SOLUTION
by_name = {m["config"]["column"]: m for m in july.dict()["metrics"] if "column" in m["config"]}
second = sorted(by_name, key=lambda name: -by_name[name]["value"])[1]
carrier_test = by_name["carrier"]["config"]["method"]
# END SOLUTION
# STUB: second = ...
# STUB: carrier_test = ...

# %%
check("07-look1")

# %% [markdown]
# The same numbers for code. A number's distance is in standard deviations of the reference; from 0.1 on Evidently calls a column drifted. The control, one half of the reference against the other, must be quiet.


# %%
def scores(run):
    found = {m["config"].get("column"): m["value"] for m in run.dict()["metrics"]}
    return pd.Series({name: float(found[name]) for name in columns})


# %%
# about 3 s
halves = drift(release.reference[::2], release.reference[1::2])
print(f"temperature, 8-14 July: {scores(july)['temp']:.2f}")
print(f"control, the largest of 14: {scores(halves).max():.2f}")

# %% [markdown]
# The control is quiet, and the temperature has moved by 4.95 standard deviations: version 1 has learned in winter.
#
# ## Does drift tell when a model is wrong?
#
# To be fair to drift, watch two models over the same weeks: version 1, and boosted trees that learned from exactly its rows.

# %%
# about 8 s
from firstflight import contract

rows, reference = watching.two_models(flights, release, drops)
expected = contract.profile(release.reference, flights, 1)
weeks = watching.weeks_in_service(rows, reference, numbers, rules)
losing = weeks["v1 loses by"] > 0
print(f"version 1 lost to the naive guess in {losing.sum()} of {len(weeks)} weeks")

# %% [markdown] tags=["task"]
# Evidently's headline says that dataset drift *is detected* when half of the columns have drifted. **In how many of these 15 weeks has half of the 12 numbers drifted, at least six?**

# %% id="07-guess2"
# BEGIN SOLUTION
guess("07-guess2", "weeks of 15 with at least half of the numbers drifted", 9)
# END SOLUTION
# STUB: guess("07-guess2", "weeks of 15 with at least half of the numbers drifted", ...)

# %%
came("07-guess2", (weeks["drifted inputs"] >= 6).sum())
figures.one_drift_two_models(weeks)

# %% [markdown]
# In every week, so it says nothing. On the right, the temperature is the same for both models, and only version 1 falls off. How well does each number order the weeks by what version 1 lost?

# %%
columns_of = {
    "drifted inputs": "drifted inputs",
    "temperature": "temperature",
    "its predictions moved": "v1 moved",
    "number of the week": "number",
}
watching.what_orders(weeks, "v1 loses by", columns_of).round(2)

# %% [markdown]
# The temperature's 0.49 looks like a cause, and simply counting the weeks does better, 0.53. Weeks resemble the week before
# ([autocorrelation](glossary.ipynb#autocorrelation) 0.90): 15 tell as much as seven, and chance alone reaches 0.74 once in twenty times.
#
# Only how far the model's *own predictions* moved is beyond chance, 0.64 against 0.62: by a hair, and one of four may be by luck.

# %% [markdown]
# ## Promises first
#
# First ask whether what came is what was promised. Evidently has *tests* for that: a metric with a condition. `MissingValueCount(column="temp",
# share_tests=[lte(0.1)])` holds if at most a tenth is missing; `MaxValue(column=...)` and `DuplicatedRowCount()` take `tests=[...]`.

# %%
from evidently.metrics import DuplicatedRowCount, MaxValue, MissingValueCount
from evidently.tests import lte


def with_keys(rows):
    return Dataset.from_pandas(rows[["date", "flight", *columns]], data_definition=kinds)


# %% [markdown] tags=["task"]
# Write `promises`, a `Report` with three tests: at most 5% of `temp` is missing; `wind_speed` is at most 120 (mph); no flight stands there twice.

# %% id="07-ex2"
# BEGIN SOLUTION
promises = Report(
    [
        MissingValueCount(column="temp", share_tests=[lte(0.05)]),
        MaxValue(column="wind_speed", tests=[lte(120)]),
        DuplicatedRowCount(tests=[lte(0)]),
    ]
)
# END SOLUTION
# STUB: promises = ...

# %%
check("07-ex2")

# %% [markdown]
# Now eight accidents, each done to the week of 8-14 July; the clean week is the control.

# %%
import warnings

warnings.filterwarnings("ignore", "invalid value", RuntimeWarning)  # Evidently, on empty columns
accidents = watching.accidents(week, flights)
print(", ".join(accidents))

# %% [markdown] tags=["task"]
# **How many of the eight will your three tests find?**

# %% id="07-guess3"
# BEGIN SOLUTION
guess("07-guess3", "accidents of eight that three tests find", 5)
# END SOLUTION
# STUB: guess("07-guess3", "accidents of eight that three tests find", ...)


# %%
def broken_tests(rows):
    run = promises.run(with_keys(rows), None)
    return sum(test.status.value == "FAIL" for test in run.tests_results)


def broken_promises(now, before):
    found = contract.contract_checks(now, expected, before, rules.alerts, max_age_days=2)
    return ", ".join(dict.fromkeys(one.rule for one in found))


# %%
seen = {
    name: {"tests that fail": broken_tests(now), "contract": broken_promises(now, previous)}
    for name, now in accidents.items()
}
came("07-guess3", sum(one["tests that fail"] > 0 for one in seen.values()))
pd.DataFrame(seen).T

# %% [markdown]
# Half. Degrees that are Celsius are still plausible degrees. *contract* is the project's own list of promises (`firstflight.contract`): it knows the reference and the week before, and names each of the eight.
#
# And the drift report? Where a column is empty, it does not even start:

# %%
try:
    drift(accidents["no weather"], release.reference)
except ValueError as error:
    print("no weather:", str(error).split(" '")[0])

# %% [markdown]
# ## Compared with what?
#
# The reference was the training data. Where seasons change, many take recent weeks instead, a *rolling* reference. Try both.

# %% [markdown] tags=["task"]
# The clean week of July is 4.95 from the training reference. **Is the same week in Celsius `"nearer"` or `"farther"`?**

# %% id="07-guess4"
# BEGIN SOLUTION
guess("07-guess4", "July in Celsius, from the training data", "farther")
# END SOLUTION
# STUB: guess("07-guess4", "July in Celsius, from the training data", ...)

# %% [markdown] tags=["task"]
# Write `four_weeks_before`: of `rows`, those of the 28 days before `monday` (a pandas `Timestamp`). `rows["date"]` holds whole days.


# %% id="07-ex3"
def four_weeks_before(rows, monday):
    # BEGIN SOLUTION
    age = (monday - rows["date"]).dt.days
    return rows[(age >= 1) & (age <= 28)]
    # END SOLUTION
    # STUB: return ...


# %%
check("07-ex3")

# %%
from firstflight.drift import distance  # Evidently's distance for numbers, in milliseconds

rolling = four_weeks_before(rows, pd.Timestamp("2013-07-08"))
both = {"training": reference, "four weeks before": rolling}
cases = {"clean week": week, "in Celsius": accidents["temperature in Celsius"]}
far = {
    name: {case: distance(then["temp"], now["temp"]) for case, now in cases.items()}
    for name, then in both.items()
}
came(
    "07-guess4",
    "nearer" if far["training"]["in Celsius"] < far["training"]["clean week"] else "farther",
)
pd.DataFrame(far).round(2)

# %% [markdown]
# July in Celsius looks like winter in Fahrenheit: against the training data the broken week is the *better* one. Against the four weeks before, it is eleven times as far as the clean week.
# Is the rolling one better, then? Ask how far version 1's predictions have moved.


# %%
def moved_from(four_weeks, limit):
    said = {
        start: distance(four_weeks_before(rows, start)["v1"], part["v1"])
        for start, part in rows[rows["date"] >= "2013-04-01"].groupby("week")
    }
    return pd.Series(said if four_weeks else weeks["v1 moved"]) >= limit


allowed = rules.alerts.prediction_drift_max
alarms = {"training": moved_from(False, allowed), "four weeks before": moved_from(True, allowed)}
watching.fires_in(alarms, losing)

# %% [markdown]
# Against the training data, predictions that moved point at 8 of the 9 losing weeks, and at 2 of the 6 good ones. The rolling reference moves along with the failure and
# never fires.
#
# **A reference answers one question.** Recent weeks: did something *jump*, a unit, a clock? Training data: is this still the world the model knows?
#
# ## An accident of yours
#
# The contract asks the first by a limit: how far may the median temperature move in a week?

# %% [markdown] tags=["task"]
# Do your own accident to `temp`, one that somebody could really cause: return the rows with `temp` damaged, and nothing else.


# %% id="07-ex4"
def accident(rows):
    # BEGIN SOLUTION
    return rows.assign(temp=rows["temp"] + 20)  # a station calibrated wrongly
    # END SOLUTION
    # STUB: return ...


# %% [markdown]
# What does weather do on its own? `moves` has a week that ends on each day since January, beside the week before it.

# %%
moves = watching.moves_between_weeks(rows, "temp")

# %%
check("07-ex4")

# %%
damaged = accident(week)
moved = contract.shift_vs_previous(damaged["temp"], previous["temp"])
figures.moves_and_an_accident(moves, moved)
print(f"your accident moves the median by {moved:.2f}, the clean week by {moves.iloc[-1]:.2f}")

# %% [markdown] tags=["task"]
# Set `limit`, in the figure's unit. It must find your accident, and Celsius in every calendar week since January (lesson 09 relies on it); and at most one week in the figure may be a
# false alarm: count them by `(moves > limit).sum()`. It goes into `process.toml`.

# %% id="07-decide1"
# BEGIN SOLUTION
limit = 2.5
# END SOLUTION
# STUB: limit = ...

# %%
check("07-decide1")

# %%
rules = process.load().usecase("flights")
in_force = rules.alerts.shift_vs_previous_columns["temp"]
print(f"in process.toml: {in_force}; false alarms: {(moves > in_force).sum()} of {len(moves)}")
print("clean week:   ", broken_promises(week, previous) or "quiet")
print("your accident:", broken_promises(damaged, previous))

# %% [markdown]
# Neighbouring weeks share six days, so there are fewer trials than it seems; and you chose the limit on the weeks that you counted.
#
# ## How often does it cry wolf?
#
# Now all rules of the contract, on every calendar week.

# %%
# about 4 s
sentences, n = watching.findings_of_weeks(rows, expected, rules)
print("\n".join(sentences))
print(n, "weeks were asked")

# %% [markdown]
# One finding in 27 weeks, and it is true: a station at Newark had reported 1048 mph. None of the other 26 also fits a rate of one in ten, so it is not never.
#
# The last alarm waits for labels: over two weeks, is the loss above that of the naive guess with its whole interval, or the prediction far from what came?

# %% [markdown] tags=["task"]
# Version 1 was worse in April already. **On which Monday does this alarm go off first?** A text such as `"2013-04-15"`.

# %% id="07-guess5"
# BEGIN SOLUTION
guess("07-guess5", "the first Monday on which the labels page", "2013-06-10")
# END SOLUTION
# STUB: guess("07-guess5", "the first Monday on which the labels page", ...)

# %%
# about 3 s
pages_on = {name: watching.judged_by_labels(rows, name, rules) for name in ("v1", "trees")}
first = pages_on["v1"].idxmax() + pd.Timedelta(weeks=1)  # it is asked when the week is over
came("07-guess5", str(first.date()))


# %%
def alarms_of(name):
    return {
        "half of the numbers drifted": weeks["drifted inputs"] >= 6,
        "predictions moved": weeks[f"{name} moved"] >= allowed,
        "labels say so": pages_on[name],
    }


# %%
fires = {
    name: watching.fires_in(alarms_of(name), weeks[f"{name} loses by"] > 0)
    for name in ("v1", "trees")
}
pd.concat(fires)

# %% [markdown]
# - **Half of the numbers drifted**: always. It tells you the season.
# - **Predictions moved**: nearly all losing weeks of version 1, and a third of its good ones. A hint.
# - **Labels**: never in a good week, and in three of nine losing ones, the last. An alarm that never cries wolf comes late.
#
# **A [drift](glossary.ipynb#drift) alert is a question, not an action.** `process.toml` decides who is disturbed, under `alerts.severity`: labels and contract *page* (somebody, now); predictions are a
# *ticket* (today) while labels are late; inputs are a *diagnosis* (nobody).
#
# ## The monitor in use
#
# `firstflight.monitor` asks them all. Two weeks that are over (about 15 seconds):

# %%
# about 15 s
for day in (date(2013, 4, 14), date(2013, 6, 16)):
    then_known = operations.landed(flights, day + pd.Timedelta(days=1))
    print(f"week to {day}:")
    for alert in operations.monitor_week(flights, then_known, day).alerts:
        print(f"  {alert.level}: {alert.sentence}")

# %% [markdown] tags=["task"]
# Now the last week, by the command of the runbook: `firstflight monitor` with `--week` and the week's last day, 14 July. It takes about 10 seconds and writes its result and Evidently's pages to the reports.

# %% id="07-type1"
# BEGIN SOLUTION
# !firstflight monitor --week 2013-07-14
# END SOLUTION
# STUB: # !...

# %%
check("07-type1")

# %% [markdown]
# Two pages. The command ends with exit code 3, so a script notices without reading. Its result is a file:

# %%
from firstflight import monitor

text = (ws.reports / "flights-2013-07-14.json").read_text()
result = monitor.MonitorResult.model_validate_json(text)
[(alert.level, alert.rule) for alert in result.alerts]

# %% [markdown]
# Had the labels been late, what would be left? The same week, judged without them:

# %%
late = monitor.alerts(result.findings, result.drift, None, rules.alerts, labels_late=True)
[(alert.level, alert.rule) for alert in late]

# %% [markdown]
# ## Tell somebody
#
# A report that nobody opens is a green dashboard again. **Apprise** sends a message to whatever the team uses (mail, Slack, Teams, a pager): only the address changes. Here it is a *webhook* of this
# machine, an address that takes messages by HTTP.

# %%
import apprise

from classroom import receiver

on_call = receiver.start()
address = on_call.url.replace("http://", "json://")  # Apprise's word for "post JSON there"
on_call.at("", "what has arrived (it looks again every 5 s)")

# %% [markdown] tags=["task"]
# Write `tell`: for each alert whose `level` is `"page"` one message to `address`, its title the alert's `rule`, its body the `sentence`. `apprise.Apprise()` has `.add(address)` and `.notify(title=..., body=...)`, which returns
# whether it was delivered. Return whether all were.


# %% id="07-ex5"
def tell(alerts, address):
    # BEGIN SOLUTION
    post = apprise.Apprise()
    post.add(address)
    urgent = [alert for alert in alerts if alert.level == "page"]
    return all([post.notify(title=alert.rule, body=alert.sentence) for alert in urgent])
    # END SOLUTION
    # STUB: return ...


# %%
check("07-ex5")

# %%
print("delivered:", tell(result.alerts, address))
for message in receiver.messages():
    print(f"{message['title']}: {message['message'][:60]}...")

# %% [markdown]
# Open the link above: the messages are there. Somebody should notice, too, when the monitor itself falls silent.
#
# ## Every Monday
#
# In lesson 03 you gave the pipeline to Prefect; give it the monitor too. A deployed flow stands in a file, and so must what it
# calls: `tell_pages` is `tell` once more.

# %%
# about 4 s
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron

from classroom import code_of
from classroom.every_monday import every_monday

print(code_of(every_monday.fn))

# %% [markdown] tags=["task"]
# Write `monday`, a `RunnerDeployment.from_flow(flow, name, parameters={...}, schedule=...)` of `every_monday`: for the use case `"flights"` and your `address`, each Monday at six in the morning in New York. `Cron(line, timezone=...)` takes five fields:
# minute, hour, day of month, month, weekday.

# %% id="07-ex6"
# BEGIN SOLUTION
monday = RunnerDeployment.from_flow(
    every_monday,
    "flights",
    parameters={"usecase": "flights", "address": address},
    schedule=Cron("0 6 * * 1", timezone="America/New_York"),
)
# END SOLUTION
# STUB: monday = ...

# %%
check("07-ex6")

# %%
for run in watching.next_runs(monday, date(2013, 7, 15)):
    print(run)

# %% [markdown]
# Six in the morning there, in summer and in winter. `every_monday.serve(...)` takes the same arguments and starts each run, but keeps the notebook busy for ever. So play the first Monday by hand (about 10 seconds).

# %%
# about 10 s
before = len(receiver.messages())
delivered = every_monday.fn(**monday.parameters)
print("delivered:", delivered, "- messages:", len(receiver.messages()) - before)

# %% [markdown]
# ## At work tomorrow
#
# Evidently and Apprise alone: a test of your own table, and a message when it fails.

# %%
from evidently.metrics import MinValue
from evidently.tests import gt

table = pd.DataFrame({"price": [9.5, -2.0, 12.0]})  # yours: pd.read_parquet(...)
promise = Report([MinValue(column="price", tests=[gt(0)])])
run = promise.run(Dataset.from_pandas(table, data_definition=DataDefinition()), None)
failed = [test.name for test in run.tests_results if test.status.value == "FAIL"]

post = apprise.Apprise()
post.add(address)  # yours: "mailto://...", "slack://...", "msteams://..."
print(failed, "delivered:", bool(failed) and post.notify(title="prices", body=failed[0]))

# %% [markdown] tags=["task"]
# The limit on predictions that moved is 0.7. Suppose that a look costs 1 and a losing week in which nobody looks costs 3. Which limit is the cheapest on these 15 weeks, and how far would you trust it? There is no check.
# `solutions/` has one worked answer.

# %% id="07-further"
# BEGIN SOLUTION
costs = {}
for tried in (0.3, 0.5, 0.6, 0.7, 0.8, 1.0):
    looked = weeks["v1 moved"] >= tried
    costs[tried] = int(looked.sum() + 3 * (losing & ~looked).sum())
print(costs)
# 0.5 (13 looks, nothing missed) and 0.7 (10 looks, one week missed) both cost 13; looking every week costs 15. I would
# not trust the digit: it is one summer of one model, counted on the weeks that it is chosen on.
# END SOLUTION
# STUB: ...

# %% [markdown]
# ## What you did
#
# You watched a model lose under a green dashboard, wrote a drift report and tests, set a limit and counted its false alarms, sent an alert, and scheduled the monitor.

# %% tags=["nbval-ignore-output"]
# about 15 s. Measured: sizes and seconds differ between machines.
from classroom import ledger

held = watching.memory_of("evidently.presets")
_ = ledger.measure("07", "Evidently", resident_mb=held)
ledger.measure("07", "contract and labels")

# %%
from classroom import checklist

checklist("07")

# %% [markdown]
# ## In practice
#
# - **These false-alarm rates flatter.** Most limits were set on January to June, nearly the weeks that you counted (`docs/alarm-rates.md`).
# - The service refuses what breaks the contract of one request. The monitor is for what no single request shows: a unit, an outage, a clock, a recode.
# - A week has 6,000 flights and 7 days of weather. Tests with p-values count flights, and find everything significant.
# - Evidently 0.7 saves a page only if its name is a text, not a `Path`. A page has 4 MB: keep it out of git.
#
# **Next:** [lesson 08](08_roll_out_by_online_metrics.ipynb). The page says to decide on a rollback, and there is nothing to go back to.

# %%
from classroom import end, leaves

leaves("three and a half months of answers by version 1, monitor reports")
end("07")
