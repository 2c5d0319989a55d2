# %% [markdown]
# # 03 · Orchestrate the pipeline
#
# **The failure.** Every month at 6 a.m. a script appends the new drop to the team's tables and trains. This month one of the two files is
# late. The script dies halfway; somebody runs it again when the file is there, it ends well, and from then on the model is made of
# flights that never happened.
#
# *What you'll do*: let that happen to March, mend the step that does the harm, and then give the month to an orchestrator, **Prefect**:
# retries, a failure that can be read, and a second run that finds what the first one did.
#
# *What you need*: 25 minutes, 0.8 GB of memory, and the workspace of lesson 02. You may run the lesson twice.

# %%
from classroom import begin, check, checklist, end, leaves, ledger, servers, show, show_map

ws = begin("03")
show_map("03")

# %% [markdown]
# ## A morning in April
#
# An upstream delivers two files a month: flights and weather. Here is one that you can delay and damage, in the workspace. January and
# February are there, and so are March's flights. March's weather is late.

# %%
import shutil

from firstflight import clock
from firstflight.workspace import PROJECT

clock.set_today("2013-04-01")
upstream = ws.root / "upstream"
shutil.rmtree(upstream, ignore_errors=True)
for name in ("flights/2013-01", "flights/2013-02", "flights/2013-03", "weather/2013-01", "weather/2013-02"):
    (upstream / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(PROJECT / "data" / f"{name}.parquet", upstream / f"{name}.parquet")
shutil.copy(PROJECT / "data" / "SHA256SUMS", upstream)  # what the upstream promises to deliver

# %% [markdown]
# And here is the script, as such scripts are: append the month to the two tables, join them, train a model, score it on the last two
# weeks.

# %%
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def train_and_score(flights, weather):
    flown = flights.dropna(subset="arr_delay").assign(hour=flights["sched_dep_time"] // 100)
    known = weather.assign(time_hour=weather["time_hour"] + pd.Timedelta(hours=3))
    rows = flown.merge(known, on=["origin", "time_hour"], how="left")
    words, numbers = ["origin", "carrier"], ["hour", "distance", "temp", "wind_speed", "visib"]
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), words),
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
    )
    late, test = rows["arr_delay"] >= 15, rows["time_hour"] >= pd.Timestamp("2013-03-18", tz="UTC")
    model = make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(rows[~test], late[~test])
    return {
        "flights": len(rows),
        "log loss": round(log_loss(late[test], model.predict_proba(rows[test])[:, 1]), 4),
    }


# %%
home = ws.root / "six_am"  # the team's tables, as they were after February
home.mkdir(exist_ok=True)
for source in ("flights", "weather"):
    past = [pd.read_parquet(upstream / source / f"{month}.parquet") for month in ("2013-01", "2013-02")]
    pd.concat(past).to_parquet(home / f"{source}.parquet")


def six_am():
    tables = []
    for source in ("flights", "weather"):
        month = pd.read_parquet(upstream / source / "2013-03.parquet")
        path = home / f"{source}.parquet"
        tables.append(pd.concat([pd.read_parquet(path), month]))
        tables[-1].to_parquet(path)
    return train_and_score(*tables)


try:
    six_am()
except FileNotFoundError as error:
    print(f"6 a.m.: {type(error).__name__}, no {'/'.join(error.filename.split('/')[-2:])}")

# %% [markdown]
# A trace in a log file, and that is right: without weather there is nothing to train. At nine the file arrives, and the script is run again.
#
# *Before you run the next cell: what would you check to know that the second run did what the first should have done?*

# %%
shutil.copy(PROJECT / "data" / "weather" / "2013-03.parquet", upstream / "weather")
again = six_am()

right = train_and_score(
    *(
        pd.concat([pd.read_parquet(path) for path in sorted((upstream / source).glob("*.parquet"))])
        for source in ("flights", "weather")
    )
)
pd.DataFrame([again, right], index=["the script, run again", "each file once"])

# %% [markdown]
# No error, and a **better** score: PLACEHOLDER
