# %% [markdown]
# # 00 · Agree on the process
#
# **The failure.** A model is ready. Three people are asked whether it is good enough to ship, and give three answers. All three
# have looked at the same predictions, and none of them has made a mistake.
#
# *What you'll do*: reproduce that disagreement on real flights, see what each yardstick pays for, and put the team's decisions into a
# file that code reads: `process.toml`.
#
# *What you need*: 20 minutes, half a GB of memory, and nothing from before: this is the first lesson.

# %%
from classroom import begin, check, checklist, end, leaves, ledger, show, show_map

ws = begin("00")
show_map("00")

# %% [markdown]
# ## Three people, one model
#
# Today is 1 April 2013. The question for the model: *two hours before departure, will this flight arrive 15 minutes late or more?* It
# learns from January and February. March has just come in, with what really happened.

# %%
import pandas as pd

from firstflight import clock
from firstflight.workspace import PROJECT

clock.set_today("2013-04-01")


def flown(month):
    flights = pd.read_parquet(PROJECT / "data" / "flights" / f"{month}.parquet")
    flights = flights.dropna(subset="arr_delay")  # cancelled and diverted flights have no outcome
    late = (flights["arr_delay"] >= 15).astype(int)
    return flights.assign(late=late, hour=flights["sched_dep_time"] // 100)


past, march = pd.concat([flown("2013-01"), flown("2013-02")]), flown("2013-03")
print(f"learned from {len(past)} flights, {past['late'].mean():.3f} of them late")
print(f"asked about  {len(march)} flights, {march['late'].mean():.3f} of them late")

# %% [markdown]
# A plain model on four columns of the timetable is enough to start a quarrel.

# %%
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def predict(class_weight=None):
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["origin", "carrier"]),
        (StandardScaler(), ["hour", "distance"]),
    )
    model = make_pipeline(columns, LogisticRegression(class_weight=class_weight))
    return model.fit(past, past["late"]).predict_proba(march)[:, 1]


plain = predict()

# %% [markdown]
# Each of the three scores these predictions with the yardstick of their own trade. *Before you run the cell: which of the three would
# you listen to?*

# %%
from sklearn.metrics import accuracy_score, log_loss, recall_score, roc_auc_score

late = march["late"]
print(f"the product owner:   {accuracy_score(late, plain >= 0.5):.3f} of the answers are right")
print(f"the data scientist:  {roc_auc_score(late, plain):.3f} is the area under the ROC curve")
print(f"the operations lead: {recall_score(late, plain >= 0.5):.3f} of the late flights are found")

# %% [markdown]
# - **The product owner: ship it.** Three answers in four are right.
# - **The data scientist: not yet.** An AUC of 0.639 ranks better than a coin, but more features are on the way.
# - **The operations lead: never.** It finds one late flight in a hundred; nobody can plan a crew with that.
#
# All three are right about what they measured. So somebody "mends" the model: `class_weight="balanced"` makes late flights count as
# much as punctual ones. *What do you expect of the three numbers?*

# %%
balanced = predict(class_weight="balanced")


def yardsticks(p):
    return {
        "accuracy": accuracy_score(late, p >= 0.5),
        "AUC": roc_auc_score(late, p),
        "late flights found": recall_score(late, p >= 0.5),
        "log loss": log_loss(late, p),
        "mean prediction": p.mean(),
    }


constant = pd.Series(past["late"].mean(), index=march.index)
models = {"plain": plain, "balanced": balanced, "always the past rate": constant}
pd.DataFrame({name: yardsticks(p) for name, p in models.items()}).T.round(3)

# %% [markdown]
# READ

# %%
import matplotlib.pyplot as plt
import numpy as np

figure, axes = plt.subplots(figsize=(5.4, 4.2))
for name, p, colour in (("plain", plain, "#1f5f8b"), ("balanced", balanced, "#c0392b")):
    tenth = pd.qcut(p, 10, labels=False)
    said, came = pd.Series(p).groupby(tenth).mean(), late.groupby(tenth).mean()
    axes.plot(said, came, "o-", color=colour, label=name)
axes.plot([0, 0.8], [0, 0.8], color="#999999", linestyle="--", label="what is said happens")
axes.set_title("The balanced model says twice what happens")
axes.set_xlabel("predicted share late (each point: a tenth of March)")
axes.set_ylabel("share that was late")
axes.legend()
show(figure, "ALT")
