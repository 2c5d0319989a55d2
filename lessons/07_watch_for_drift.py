# %% [markdown]
# # 07 · Watch for drift
#
# **The failure.** From April to July every dashboard is green: each request is answered, and quickly. Meanwhile version 1 becomes worse than the naive guess, the late share of the last four weeks, and nobody is told.
#
# *What you'll do*: play three and a half months of real flights, meet their labels, ask Evidently what moved, and find out which alerts deserve to wake somebody: which fire on
# accidents, and which stay quiet on real weeks.
#
# *What you need*: 35 minutes, lessons 00-06, about 1 GB of memory.

# %%
from classroom import begin, check, checklist, end, leaves, ledger, servers, show, show_map, traffic

ws = begin("07")
show_map("07")

# %% [markdown]
# ## A quarter in service
#
# Each month the drop lands, each morning has its feature state, and every scheduled flight is sent to the service. The first of April was lesson 06's.

# %%
import datetime as dt
import re
from datetime import date

import httpx
import pandas as pd

from firstflight import clock, operations, state
from firstflight import usecase as usecases
from firstflight.drops import land
from firstflight.workspace import PROJECT

flights = usecases.get("flights")
service = servers.service()
spent = r'duration_seconds_sum\{endpoint="/predict_batch",http_response_code="200".*\} (\S+)'


def play(start, end):
    clock.set_today(end)
    land(PROJECT / "data", ws.drops, flights.sources.values(), f"{end:%Y-%m}")
    known = operations.landed(flights, end)
    state.publish(flights, known, 1, start, end)
    sent = traffic.play(service.url, flights, known, start, end)
    seconds = re.search(spent, httpx.get(f"{service.url}/metrics").text)[1]
    return {"month": f"{end:%B}", **vars(sent), "seconds": float(seconds)}


months = [
    play(date(2013, 4, 2), date(2013, 4, 30)),
    play(date(2013, 5, 1), date(2013, 5, 31)),
    play(date(2013, 6, 1), date(2013, 6, 30)),
    play(date(2013, 7, 1), date(2013, 7, 14)),
]
service.stop()
dashboard = pd.DataFrame(months).set_index("month")
dashboard.drop(columns="seconds")

# %% tags=["nbval-ignore-output"]
# Measured: milliseconds differ on every run.
busy = dashboard["seconds"].diff().fillna(dashboard["seconds"])
(1000 * busy / dashboard["n"]).rename("milliseconds per flight").round(2).to_frame()

# %% [markdown]
# The dashboard is green. No request failed, none went without state, and July is answered as fast as April.
#
# It is 15 July, and the labels are in. At the gate in March version 1 beat the naive guess, with its whole interval. *Before you run the next cell, write down what you expect of July.*

# %%
from firstflight import metrics, predictions, process, registry

rules = process.load().usecase("flights")
drops = operations.landed(flights)
answered = predictions.joined(flights, drops, date(2013, 4, 1), date(2013, 7, 14))
answered["naive"] = flights.naive(drops, answered)
known = answered.dropna(subset="label")


def loss(rows, column):
    return metrics.row_loss(rules.metric, rows["label"], rows[column])


def month_of(rows):
    found = metrics.interval(loss(rows, "prediction"), rows["date"])
    return {
        "loss of v1": found.mean, "low": found.low, "high": found.high,
        "naive": loss(rows, "naive").mean(),
        "AUC of v1": metrics.auc(rows["label"], rows["prediction"]),
        "v1 says": rows["prediction"].mean(), "late": rows["label"].mean(),
    }  # fmt: skip


by_month = known.groupby(known["date"].dt.month)
pd.DataFrame({f"{date(2013, n, 1):%B}": month_of(rows) for n, rows in by_month}).T.round(3)

# %% [markdown]
# In June 0.742 where the naive guess has 0.628, in July 0.867 against 0.649. The intervals are wide, since a month is thirty days that resemble each other; and an interval beside a number is no comparison yet (lesson 08
# makes the paired one). In July version 1 says 9.5% late where 34.8% are. Its AUC
# *rises*, from 0.621 to 0.697: it still knows which flights are worse than others, and no longer how bad they are.

# %%
import matplotlib.dates as mdates
import matplotlib.pyplot as plt

weekly = known.groupby(known["date"].dt.to_period("W-SUN").dt.start_time)
weekly = 100 * weekly[["prediction", "label", "naive"]].mean()

figure, axes = plt.subplots()
axes.plot(weekly["label"], color="#b35900", marker="o", label="were late")
axes.plot(weekly["naive"], color="grey", linestyle="--", label="naive guess")
axes.plot(weekly["prediction"], color="#1f5f8b", marker="s", label="version 1 said")
axes.xaxis.set(major_locator=mdates.MonthLocator(), major_formatter=mdates.DateFormatter("%b"))
axes.set(xlabel="week of 2013", ylabel="late flights, %", ylim=(0, 50))
axes.set_title("As summer comes, version 1 says less and more is late")
axes.legend(frameon=False, loc="upper center")
show(
    figure,
    "Share of late flights by week, April to mid July. What was late swings between 14 and 46 percent, the naive guess follows it slowly, "
    "and what version 1 said sinks from 17 to 9 percent.",
)

# %% [markdown]
# ## What moved?
#
# **Evidently** compares two tables, here a week of requests with the release's reference, a sample of what it learned from. Its own API has three steps: say what the columns are,
# wrap both tables, run a report.

# %%
import time

import psutil

mb_before, begun = psutil.Process().memory_info().rss / 1e6, time.perf_counter()

from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

import_s = time.perf_counter() - begun
numbers = ["temp", "wind_speed", "visib", "origin_late_7d"]
definition = DataDefinition(numerical_columns=numbers, categorical_columns=["carrier"])


def drift(current, reference):
    sides = [
        Dataset.from_pandas(side[[*numbers, "carrier"]], data_definition=definition)
        for side in (current, reference)
    ]
    return Report([DataDriftPreset()]).run(*sides)


def scores(run):
    values = {m["config"].get("column"): m["value"] for m in run.dict()["metrics"]}
    return pd.Series({name: values[name] for name in (*numbers, "carrier")}, dtype=float).round(2)


# %% [markdown]
# Take the week of 8-14 July from the prediction log. The control is one half of the reference against the other. Above 0.1 Evidently calls a column drifted; for numbers that is a tenth of a
# standard deviation.

# %%
from firstflight import contract, monitor
from firstflight.state import Store

release = registry.load("flights", "1")
logged = predictions.read(flights, date(2013, 7, 1), date(2013, 7, 14))
made = release.features(logged[list(flights.request.model_fields)], Store("flights", 1, 2))
fortnight = contract.inputs(logged, made)
previous, week = (part for _, part in fortnight.groupby(fortnight["date"] >= "2013-07-08"))

begun = time.perf_counter()
july = drift(week, release.reference)
report_s = time.perf_counter() - begun
halves = drift(release.reference[::2], release.reference[1::2])
ws.reports.mkdir(exist_ok=True)
july.save_html(str(ws.reports / "first-look.html"))
resident_mb = psutil.Process().memory_info().rss / 1e6 - mb_before

pd.DataFrame({"8-14 July": scores(july), "control": scores(halves)})

# %% [markdown]
# The control is quiet. The temperature has moved by 4.95 standard deviations: version 1 learned in winter. The whole page is `first-look.html` in the workspace's `reports`.
#
# ## Does drift tell when a model is wrong?
#
# The usual alarm counts drifted columns. *Do you expect more of them in the weeks in which version 1 is worse?* To be fair to drift, watch a second model: boosted trees, trained on
# exactly version 1's rows. Fifteen reports would take long, so compute Evidently's distance with scipy.

# %%
import numpy as np
from scipy.stats import spearmanr, wasserstein_distance

first, last = date(2013, 1, 1), date(2013, 7, 14)
columns = list(flights.features[1].columns)
requests = flights.requests(drops, first, last)
states = state.States(state.by_date(flights.features[1].compute_state(drops, first, last)))
rows = contract.inputs(requests, release.features(requests, states))
rows["naive"] = flights.naive(drops, requests)
rows = rows.merge(flights.labels(drops, first, last), on=list(flights.key), how="left")

learned = rows[(rows["date"] <= "2013-03-17") & rows["label"].notna()]
trees = flights.recipes["hist_gradient_boosting"](flights.features[1])
models = {"v1": release.estimator, "trees": trees.fit(learned[columns], learned["label"])}
reference = release.reference.copy()
for name, model in models.items():
    rows[name] = usecases.predict(flights, model, rows[columns])
    reference[name] = usecases.predict(flights, model, reference[columns])

# %%
rows["week"] = rows["date"].dt.to_period("W-SUN").dt.start_time
served = rows[rows["date"] >= "2013-04-01"]
expected = contract.profile(release.reference, flights, 1)


def distance(part, name):
    now, then = part[name].dropna(), reference[name].dropna()
    return wasserstein_distance(then, now) / np.std(then)


def look(part):
    far = [distance(part, name) for name in expected.numeric]
    flown = part.dropna(subset="label")
    seen = {"drifted inputs": int(np.sum(np.array(far) >= 0.1)), "temp": distance(part, "temp")}
    for name in models:
        seen[f"{name} moved"] = distance(part, name)
        seen[f"{name} loses by"] = (loss(flown, name) - loss(flown, "naive")).mean()
    return seen


looks = pd.DataFrame({f"{monday:%d %b}": look(part) for monday, part in served.groupby("week")}).T
looks.iloc[[1, 7, 9, 12, 13]].round(2)

# %%
figure, sides = plt.subplots(1, 2, figsize=(8, 3.8), sharey=True)
figure.suptitle("The same drift, two models: one breaks", x=0.5, weight="bold")
for axes, column in zip(sides, ("drifted inputs", "temp"), strict=True):
    axes.axhline(0, color="black", linewidth=1)
    apart = 0.08 if column == "drifted inputs" else 0  # or the squares would hide the circles
    axes.scatter(looks[column] - apart, looks["v1 loses by"], color="#b35900", label="version 1")
    axes.scatter(
        looks[column] + apart, looks["trees loses by"], color="#1f5f8b", marker="s", label="trees"
    )
sides[0].set(xlabel="drifted inputs of 14", xticks=[7, 8, 9], ylabel="log loss, model minus naive")
sides[1].set_xlabel("distance of the temperature, sd")
sides[1].legend(frameon=False, loc="upper center")
show(
    figure,
    "Two panels, 15 weeks, model minus naive log loss. Against the number of drifted inputs (7, 8 or 9) both models scatter without a trend. "
    "Against the distance of the temperature the trees stay near zero, while version 1 loses by up to 0.36 at the far right.",
)


# %%
def rank(column, name):
    return spearmanr(looks[column], looks[f"{name} loses by"]).statistic


pd.DataFrame(
    {
        name: {
            "drifted inputs": rank("drifted inputs", name),
            "temperature": rank("temp", name),
            "its own predictions": rank(f"{name} moved", name),
        }
        for name in models
    }
).round(2)

# %% [markdown]
# The number of drifted inputs orders the weeks of neither model. The temperature is the same for both; it hurts the one that draws a straight line through winter and on into July.
# How far a model's own predictions moved says most, and only for version 1. With 15 weeks, anything under about 0.5 can be chance.
#
# **A drift alert is a question, not an action.** In the week of 3 June nine inputs had drifted and both models were fine; in that of 24 June it was nine again, and version 1 lost by 0.36.
#
# ## Ask the contract first
#
# `firstflight.monitor` asks three questions, in this order: are the inputs what was promised, how far have they moved, and, where labels are in, is the model right? The first needs no
# statistics. Replay accidents on the week of 8-14 July; the clean week is the control. *Which will fire?*

# %%
from firstflight.usecases.flights import WEATHER_FIELDS

weather, rates = list(WEATHER_FIELDS), list(flights.features[1].state_columns)
two_days = week["date"].dt.day.isin([10, 11])
accidents = {
    "clean week": week,
    "temperature in Celsius": week.assign(temp=(week["temp"] - 32) * 5 / 9),
    "no weather": week.assign(**dict.fromkeys(weather, np.nan)),
    "no weather for two days": week.assign(**{c: week[c].mask(two_days) for c in weather}),
    "every flight twice": pd.concat([week, week]),
    "rates in percent": week.assign(**{c: 100 * week[c] for c in rates}),
    "no rates": week.assign(**dict.fromkeys([*rates, "state_age_days"], np.nan)),
    "clock four hours off": week.assign(sched_hour=(week["sched_hour"] + 4) % 24),
    "airlines recoded": week.assign(carrier=week["carrier"] + "_"),
}


def broken_promises(now, before):
    return contract.contract_checks(now, expected, before, rules.alerts, max_age_days=2)


for name, broken in accidents.items():
    made = monitor.alerts(broken_promises(broken, previous), None, None, rules.alerts)
    print(f"{name}:", ", ".join(f"{a.level} {a.rule} {list(a.columns)}" for a in made) or "quiet")

# %% [markdown]
# The clean week is quiet; every accident pages and says what, and in which columns if it is about columns. *What will Evidently's distance say of the week in Celsius, after 4.95 for the clean one? And of the week without
# weather?*

# %%
import warnings

celsius = scores(drift(accidents["temperature in Celsius"], release.reference))
print("temperature, clean:", scores(july)["temp"], "in Celsius:", celsius["temp"])

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "invalid value", RuntimeWarning)  # about the empty columns
    try:
        drift(accidents["no weather"], release.reference)
    except ValueError as error:
        print("no weather:", str(error).split(" for ")[0])

# %% [markdown]
# The broken week is *nearer*: July in Celsius looks like winter in Fahrenheit. And an empty column ends the report with an exception, on the day on which you need it. That is why the
# contract comes first, compares a unit with last week's instead of the winter's, and turns an outage into an alert.
#
# **Exercise 1.** The pressure lacked some of its hours already when version 1 learned. Write the rule: too many are missing if the missing share is above `null_share_max` and above
# `null_share_factor` times the share that was missing in training.

# %% id="07-ex1"
limits = rules.alerts


def too_many_missing(column, learned):
    # BEGIN SOLUTION
    allowed = max(limits.null_share_max, limits.null_share_factor * learned)
    return column.isna().mean() > allowed
    # END SOLUTION
    # STUB: return ...


# %%
def gaps(rule):
    cases = [(0.04, 0.0, False), (0.06, 0.0, True), (0.30, 0.11, False), (0.40, 0.11, True)]
    for share, learned_share, wanted in cases:
        column = pd.Series([np.nan] * round(100 * share) + [1.0] * round(100 - 100 * share))
        if bool(rule(column, learned_share)) is not wanted:
            return f"{share:.0%} missing where {learned_share:.0%} were missing in training: say {wanted}."
    return True


check("07-ex1", "too_many_missing", test=gaps, hint="The larger of the two limits counts.")

# %% [markdown]
# ## How often does it cry wolf?
#
# An alert that fires on accidents is half of one. Ask the contract about every week since January, and count how often each kind of alarm would have gone off, for both models.

# %%
from itertools import pairwise

weeks = [part for _, part in rows.groupby("week")]
for before, now in pairwise(weeks):
    for finding in broken_promises(now, before):
        print(f"week of {now['date'].min():%d %B}: {finding.sentence}")
print(len(weeks) - 1, "weeks checked")


# %% [markdown]
# One finding in 27 weeks, and it is true: a station at Newark reported 1048 mph. None of the other 26 weeks fires. Zero of 26 also fits a rate of one in ten, so do not take it for never.


# %%
def judge(name, monday):
    window = served[(served["date"] < monday) & served["label"].notna()]
    window = window.assign(prediction=window[name])
    return monitor.performance(window, window["naive"], rules.alerts, rules.metric)


mondays = pd.date_range("2013-04-15", "2013-07-15", freq="7D")
judged = pd.DataFrame(
    [
        {
            "monday": f"{monday:%d %B}",
            "model": name,
            "difference": str(found.excess),
            "page": found.worse_than_naive or found.miscalibrated,
        }
        for name in models
        for monday in mondays
        for found in [judge(name, monday)]
    ]
)
alarms = {
    name: {
        "half of the inputs drifted": (looks["drifted inputs"] >= 7).sum(),
        "predictions moved": (looks[f"{name} moved"] >= rules.alerts.prediction_drift_max).sum(),
        "labels say so": judged.loc[judged["model"] == name, "page"].sum(),
    }
    for name in models
}
print(len(looks), "weeks;", len(mondays), "Mondays on which labels are judged")
pd.DataFrame(alarms)

# %% [markdown]
# "Half of the inputs drifted", Evidently's default, goes off every week for both models: it tells you the season. Predictions that moved point at version 1 in 10 weeks of 15, and never at the
# trees. The labels page on 3 Mondays of 14 for version 1, and on none for the trees.

# %%
judged.loc[judged["page"], ["monday", "model", "difference"]]

# %% [markdown]
# **Exercise 2.** On which Monday is version 1 first called worse? Take it from `judged`, as a text.

# %% id="07-ex2"
# BEGIN SOLUTION
first_page = judged.loc[judged["page"] & (judged["model"] == "v1"), "monday"].iloc[0]
# END SOLUTION
# STUB: first_page = ...

# %%
check("07-ex2", "first_page", hint="Filter on page and model; the rows are in order.")

# %% [markdown]
# Only after June's last week. Version 1 lost in April too, and in June with 0.742 against 0.628: its mean was worse, and two weeks of days that resemble each other did not prove it. An alarm that never cries wolf comes late. What to do about a true alarm is still a decision.
#
# ## The monitor in use

# %%
results = {}
for day in (date(2013, 4, 14), date(2013, 6, 16), date(2013, 7, 14)):
    as_known = operations.landed(flights, day + dt.timedelta(days=1))
    results[day] = operations.monitor_week(flights, as_known, day)
    print(f"week to {day}:")
    for alert in results[day].alerts:
        print(f"  {alert.level}: {alert.sentence}")

# %% [markdown]
# April and June: drifted inputs, in June predictions that moved too, and nobody is disturbed, because the labels are there and do not complain. July pages twice. Had June's labels been late, its
# prediction drift would be the best hint there is:

# %%
june = results[date(2013, 6, 16)]
late = monitor.alerts(june.findings, june.drift, None, rules.alerts, labels_late=True)
[(alert.level, alert.rule) for alert in late]

# %% [markdown]
# A ticket: somebody looks today, nobody is woken. Who is disturbed by what is written in `process.toml`, under `alerts.severity`.

# %% tags=["nbval-ignore-output"]
# Measured: seconds, megabytes and milliseconds differ on every run.
ledger.record(
    "07",
    "Evidently",
    prevented="an alarm without a cause: it says which inputs moved, and how far",
    install_mb=ledger.install_mb(
        "evidently", beside=("mlflow", "scikit-learn", "jupyterlab", "bentoml", "prefect")
    ),
    start_s=import_s,
    resident_mb=resident_mb,
    latency_ms=1000 * report_s,
    glue_lines=ledger.glue_lines("firstflight.drift"),
)
ledger.record(
    "07",
    "contract and labels",
    prevented="a model worse than the naive guess, for weeks, under a green dashboard",
    glue_lines=ledger.glue_lines("firstflight.contract", "firstflight.monitor"),
)
ledger.table("07")

# %%
checklist("07")

# %% [markdown]
# **What you did.** You watched a model become worse than the naive guess under a green dashboard, and built an alarm for it: contract first, then what the labels say, drift as an explanation;
# each shown to fire, and each shown to be quiet.
#
# *In practice*
#
# - **These false-alarm rates flatter.** The limits of the temperature and of shifts in general were set on January to June, nearly the weeks you counted here. Those for the scheduled hour,
#   gaps, calibration, the two weeks of labels and prediction drift were set with the whole year in view. Another year would be the test.
# - The service already refuses what breaks the contract of one request. The monitor is for what no single request shows: a unit, an outage, a clock, a recode.
# - A week has 6,000 flights and 7 days of weather. Tests with p-values count flights, and find everything significant.
# - Evidently 0.7 saves a page only if its name is a text, not a `Path`. A page has 4 MB: keep it out of git.
#
# *Next*: the page says to decide on a rollback, and there is nothing to go back to. A new version has to come, and not by hope.

# %%
leaves("three and a half months of answers by version 1, monitor reports")
end("07")
