# %% [markdown]
# # 01 · Start from a notebook model
#
# **The failure.** A notebook is passed round with an AUC of 0.77 in its last cell. Run its cells in another order and the score changes.
# Split the rows another way and it falls. Part of it is knowledge of the future. And nobody can say which data made the model.
#
# *What you'll do*: make each of these happen on real flights, then build a baseline with one score that you can defend.
#
# *What you need*: 25 minutes, half a GB of memory, lesson 00.

# %%
from classroom import begin, check, checklist, end, leaves, ledger, show, show_map

ws = begin("01")
show_map("01")

# %% [markdown]
# ## The table
#
# Today is 1 April 2013. The flights and the weather of January to March are on disk; a notebook reads them with pandas and joins them.
# The question is asked two hours before departure.

# %%
import pandas as pd

from firstflight import clock
from firstflight.workspace import PROJECT

clock.set_today("2013-04-01")
months = ["2013-01", "2013-02", "2013-03"]
flights, weather = (
    pd.concat([pd.read_parquet(PROJECT / "data" / name / f"{m}.parquet") for m in months])
    for name in ("flights", "weather")
)
local = flights["time_hour"].dt.tz_convert("America/New_York")
flights["date"] = local.dt.tz_localize(None).dt.normalize()
flights["dow"] = local.dt.dayofweek
flights["hour"] = flights["sched_dep_time"] // 100
flights["n_hour"] = flights.groupby(["origin", "time_hour"])["flight"].transform("size")
flights = flights.dropna(subset="arr_delay")
flights["late"] = (flights["arr_delay"] >= 15).astype(int)

WEATHER = ["temp", "humid", "wind_speed", "precip", "visib", "pressure"]


def with_weather(hours_before):
    shifted = weather.assign(time_hour=weather["time_hour"] + pd.Timedelta(hours=hours_before))
    shifted = shifted[["origin", "time_hour", *WEATHER]]
    return flights.merge(shifted, on=["origin", "time_hour"], how="left")


table = with_weather(hours_before=3)
print(len(table), "flights that flew,", table["date"].nunique(), "days,", f"{table['late'].mean():.3f} late")

# %% [markdown]
# The model for now is a logistic regression on the timetable and the weather.

# %%
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = ["distance", "hour", "dow", "n_hour", *WEATHER]


def plain_model(numbers=NUMBERS):
    numeric = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["origin", "carrier"]), (numeric, numbers)
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000))


def score(model, train, test):
    p = model.fit(train, train["late"]).predict_proba(test)[:, 1]
    return {"AUC": roc_auc_score(test["late"], p), "log loss": log_loss(test["late"], p)}


# %% [markdown]
# ## First wrong reason: the order of the cells
#
# A kernel is one set of names, and each cell changes it. Here are the cells of a small notebook as texts, so that we can run them as
# a person does: forward, a cell twice, one step back.

# %%
cells = {
    "load": "rows = table.copy()",
    "clean": "rows = rows[rows.dep_delay < rows.dep_delay.quantile(0.98)]  # outliers",
    "split": "train, test = train_test_split(rows, test_size=0.25)",
    "fit": "result = score(plain_model(), train, test)",
}
orders = {
    "top to bottom": ["load", "clean", "split", "fit"],
    "top to bottom, again": ["load", "clean", "split", "fit"],
    "clean ran twice": ["load", "clean", "clean", "split", "fit"],
    "split before clean": ["load", "split", "clean", "fit"],
}

# %% [markdown]
# *Before you run it: how many of the four scores will be the same?*

# %%
from sklearn.model_selection import train_test_split

found = {}
for name, order in orders.items():
    kernel = {"table": table, "score": score, "plain_model": plain_model}
    kernel["train_test_split"] = train_test_split
    for cell in order:
        exec(cells[cell], kernel)
    found[name] = kernel["result"] | {"rows": len(kernel["train"]) + len(kernel["test"])}
pd.DataFrame(found).T.round(3).astype({"rows": int})

# %% [markdown]
# READ

# %% [markdown]
# ## Second wrong reason: the split
# expects

# %%
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.preprocessing import OrdinalEncoder


def big_model():
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    columns = make_column_transformer(
        (encoder, ["origin", "carrier", "dest"]), ("passthrough", NUMBERS)
    )
    trees = HistGradientBoostingClassifier(
        max_iter=200, max_leaf_nodes=63, early_stopping=False, random_state=0
    )
    return make_pipeline(columns, trees)


CUT = pd.Timestamp("2013-03-18")
by_time = table[table["date"] < CUT], table[table["date"] >= CUT]
at_random = train_test_split(table, test_size=len(by_time[1]), random_state=0)

splits = {"at random": at_random, "by time": by_time}
models = {"plain": plain_model, "big": big_model}
scores = {(split, m): score(models[m](), *splits[split]) for split in splits for m in models}
pd.DataFrame(scores).T.round(3)

# %%
for name, (train, test) in splits.items():
    hours = set(zip(train["origin"], train["time_hour"]))
    twin = [key in hours for key in zip(test["origin"], test["time_hour"])]
    print(f"{name}: {np.mean(twin):.3f} of the test flights leave in an hour that the model was shown")

# %%
weather_score = score(plain_model(), *[x for x in by_time])
leak = [x for x in (table.assign(dep_delay=table["dep_delay"]),)]
d = {}
d["honest"] = score(plain_model(), *by_time)
d["+ dep_delay"] = score(plain_model([*NUMBERS, "dep_delay"]), *by_time)
now = with_weather(0)
m = plain_model()
d["weather at dep"] = score(m, now[now["date"] < CUT], now[now["date"] >= CUT])
p = m.predict_proba(by_time[1])[:, 1]
d["the same model served"] = {"AUC": roc_auc_score(by_time[1]["late"], p), "log loss": log_loss(by_time[1]["late"], p)}
print(pd.DataFrame(d).T.round(3))
# effect on day basis
a=-np.log(np.where(by_time[1].late==1,p,1-p)); 
q=plain_model().fit(by_time[0],by_time[0].late).predict_proba(by_time[1])[:,1]
b=-np.log(np.where(by_time[1].late==1,q,1-q))
from firstflight.metrics import difference
print(difference(a,b,by_time[1].date))
r=now[now["date"] >= CUT]; r=-np.log(np.where(r.late==1,m.predict_proba(r)[:,1],1-m.predict_proba(r)[:,1]))
print("offline promise vs served",difference(r,a,by_time[1].date), "promise vs honest",difference(r,b,by_time[1].date))

# %%
a = plain_model().fit(by_time[0], by_time[0]["late"])
b = plain_model().fit(at_random[0], at_random[0]["late"])
print(repr(a) == repr(b), (a.predict_proba(by_time[1]) == b.predict_proba(by_time[1])).all())
print(by_time[1].groupby("date").late.mean(), pd.Series(q,index=by_time[1].date).groupby(level=0).mean())
print(list(table.columns))
