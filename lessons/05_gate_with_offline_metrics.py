# %% [markdown]
# # 05 · Gate with offline metrics
#
# **The failure.** Four candidates have a better AUC than the model of lesson 04. One knows the future, one is wrong about how much, one is
# worse for everybody who flies with one airline, and one is no better at all. Whoever sorts by AUC ships one of them.
#
# *What you'll do*: build the four from real data, see why two weeks of 12,836 flights are fourteen observations, and let a **gate** judge
# by the rules of `process.toml`: pass, hold or fail, written on the model's version.
#
# *What you need*: 35 minutes, 1 GB of memory, and the workspace of lesson 04. You may run the lesson twice.

# %%
from classroom import begin, check, checklist, end, leaves, ledger, show, show_map

ws = begin("05")
show_map("05")

# %% [markdown]
# ## Four candidates
#
# All are fitted on the rows of version 1, 1 January to 17 March, and scored on the two weeks after it. `rows` holds the flights of these
# weeks with what happened (`label`), what version 1 says (`live`: nothing is live yet, so it stands in), and what one would say without a
# model (`naive`: the share late of the last 28 days).

# %%
import datetime as dt

from firstflight import clock, operations, registry, snapshot, usecase
from firstflight.state import States, by_date

clock.set_today("2013-04-01")
case = usecase.get("flights")
landed = operations.landed(case)
version_1 = registry.load("flights", "1")
start, end_day = operations.gate_window(case, "1")
rows = operations.window_rows(case, landed, start, end_day, live=version_1)
print(f"{start} to {end_day}: {len(rows)} flights, {rows['label'].mean():.3f} late")

features, label, requests = snapshot.load(version_1.about["snapshot"]).training_rows(case)
states = States(by_date(case.features[1].compute_state(landed, start, end_day)))
window = version_1.features(rows, states)

# %% [markdown]
# - **trees**: boosted trees instead of version 1's logistic regression.
# - **balanced**: the trees, with `class_weight="balanced"`, so that late flights count as much as punctual ones.
# - **no EV**: the trees, after a join that lost the flights of one airline, ExpressJet (EV).
# - **with delay**: the trees, with one more column of the same table: `dep_delay`, the minutes of delay at departure.

# %%
trees = case.recipes["hist_gradient_boosting"]
candidates = {"trees": trees(case.features[1]).fit(features, label)}
balanced = trees(case.features[1]).set_params(histgradientboostingclassifier__class_weight="balanced")
candidates["balanced"] = balanced.fit(features, label)
kept = features["carrier"] != "EV"
candidates["no EV"] = trees(case.features[1]).fit(features[kept], label[kept])
predictions = {name: model.predict_proba(window)[:, 1] for name, model in candidates.items()}

# %%
import dataclasses


def with_delay(features, requests):
    key = list(case.key)
    first, last = requests["date"].min().date(), requests["date"].max().date()
    known = landed.read("flights", first, last)[[*key, "dep_delay"]]
    delay = requests[key].merge(known, on=key, how="left", validate="1:1")["dep_delay"]
    return features.assign(dep_delay=delay.to_numpy())


columns = (*case.features[1].columns, "dep_delay")
leaking = trees(dataclasses.replace(case.features[1], columns=columns)).fit(with_delay(features, requests), label)
predictions["with delay"] = leaking.predict_proba(with_delay(window, rows))[:, 1]

# %% [markdown]
# *Before you run the next cell: order the four, and version 1, by AUC.*

# %%
import pandas as pd

from firstflight import metrics

table = pd.DataFrame(
    {
        name: {
            "AUC": metrics.auc(rows["label"], answers),
            "log loss": metrics.row_loss("log_loss", rows["label"], answers).mean(),
        }
        for name, answers in {"version 1": rows["live"], **predictions}.items()
    }
).T
table.sort_values("AUC", ascending=False).round(4)

# %% [markdown]
# PLACEHOLDER1

# %%
asked = with_delay(window, rows).assign(dep_delay=float("nan"))  # two hours before, nobody has left
answers = leaking.predict_proba(asked)[:, 1]
print(f"AUC {metrics.auc(rows['label'], answers):.3f}, log loss {metrics.row_loss('log_loss', rows['label'], answers).mean():.3f}")
print(f"it says {answers.mean():.3f} late, and {rows['label'].mean():.3f} are; naive has {metrics.row_loss('log_loss', rows['label'], rows['naive']).mean():.3f}")

# %% [markdown]
# PLACEHOLDER2
#
# ## Wrong about how much
#
# **balanced** ranks best of the honest ones. Log loss disagrees loudly; this is why.

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(6, 4))
for name, answers, color in (("version 1", rows["live"], "#2f6f9f"), ("balanced", predictions["balanced"], "#b3341f")):
    tenths = pd.DataFrame({"said": answers, "label": rows["label"]}).groupby(pd.qcut(answers, 10)).mean()
    axes.plot(tenths["said"], tenths["label"], "o-", label=name, color=color)
axes.plot([0, 0.8], [0, 0.8], color="#888888", linestyle="dashed", linewidth=1)
axes.set(xlabel="probability said (mean of a tenth of the flights)", ylabel="share of them that were late")
axes.legend()
axes.set_title("The balanced model says far too much")
show(
    figure,
    "Share late against probability said, for ten groups of flights. Version 1 lies near the diagonal; the balanced model "
    "lies far below it in every group but the lowest.",
)
print({name: round(metrics.calibration(rows["label"], answers), 3) for name, answers in predictions.items()})

# %% [markdown]
# PLACEHOLDER3
#
# ## Fourteen days, not 12,836 rows
#
# **trees** is left: a better AUC, a better log loss, honest features, well calibrated. The difference in log loss is -0.0039. Is that a
# better model, or a better fortnight? Look at it day by day; then draw the same data again a thousand times, once as if each flight were
# independent of all others, once by whole days.

# %%
loss = {name: metrics.row_loss("log_loss", rows["label"], answers) for name, answers in predictions.items()}
live = metrics.row_loss("log_loss", rows["label"], rows["live"])
gap = loss["trees"] - live
own_day = pd.Timestamp("2000-01-01") + pd.to_timedelta(range(len(rows)), unit="D")
by_row = metrics.interval(gap, own_day, seed=0)  # each flight is a day of its own
by_day = metrics.interval(gap, rows["date"], seed=0)
print("by flight:", by_row)
print("by day:   ", by_day)
print(f"{(by_day.high - by_day.low) / (by_row.high - by_row.low):.1f} times as wide")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), width_ratios=(3, 1), sharey=True)
daily = pd.Series(gap).groupby(rows["date"].dt.strftime("%d")).mean()
left.bar(daily.index, daily, color=["#2e7d4f" if value < 0 else "#b3341f" for value in daily])
left.set(xlabel="day of March", ylabel="log loss, trees minus version 1")
for x, (name, found) in enumerate((("by flight", by_row), ("by day", by_day))):
    right.errorbar(x, found.mean, [[found.mean - found.low], [found.high - found.mean]], fmt="o", capsize=6, color="#333333")
right.set(xlim=(-0.6, 1.6), xlabel="95% interval, resampled")
right.set_xticks([0, 1], ["by flight", "by day"])
for axes in (left, right):
    axes.axhline(0, color="#888888", linewidth=1)
left.set_title("The trees win on some days and lose on others")
show(
    figure,
    "Left: the daily difference in log loss between trees and version 1, below zero on some days and above on others. Right: "
    "two intervals of the mean; resampled by flight it is short, resampled by day it is much longer and contains zero.",
)
print(f"trees are better on {(daily < 0).sum()} of {len(daily)} days")

# %%
