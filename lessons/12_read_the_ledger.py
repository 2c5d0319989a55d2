# %% [markdown]
# # 12 · Read the ledger
#
# **The failure.** "So, should we buy a platform?" The meeting has a price list, two demonstrations, and nobody who knows what the tools they have cost or prevented. The loudest opinion wins.
#
# *What you'll do*: add up the rows that every lesson measured on this machine; read the history of both models to its end; fill in a worksheet that answers *build or buy* with your numbers; and name the failure that would justify
# each tool that is not here.
#
# *What you need*: 30 minutes, lessons 00-11, 0.4 GB of memory. You may run the lesson as often as you like.

# %%
from classroom import begin, check, checklist, end, leaves, ledger, show, show_map

ws = begin("12")
show_map("12")

# %% [markdown]
# ## What was measured
#
# Every lesson wrote down what its tool took on disk beside what was there, how long it took to start, what it held in memory, and how many lines of our own hold it in place. An empty field was not measured, or does not apply.

# %% tags=["nbval-ignore-output"]
# The ledger holds measurements of this machine: another run has other figures.
ledger.table()

# %% [markdown]
# Three kinds of rows. Four **platform tools** came from outside, and each takes over a part of the path: Prefect, MLflow, BentoML, Evidently. Others are libraries and small helpers: pandas and scikit-learn, papermill, nbval. The rest is the team's own code or a decision, and its main cost is in lines that somebody must understand.
#
# Look at the four side by side. *Which of them is the dearest?* Say first in which currency.

# %% tags=["nbval-ignore-output"]
# Drawn from measurements: the bars differ on every run.
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import pandas as pd

tools = ("Prefect", "MLflow", "BentoML", "Evidently")
currencies = {
    "install_mb": "on disk, MB",
    "start_s": "to start, s",
    "resident_mb": "in memory, MB",
    "glue_lines": "our lines of code",
}
measured = (
    pd.DataFrame(ledger.rows(), columns=[*ledger.COLUMNS]).groupby("tool")[[*currencies]].max()
)
measured = measured.reindex(tools).astype(float)

figure, panels = plt.subplots(1, 4, figsize=(9, 2.4), sharey=True)
for axes, (column, words) in zip(panels, currencies.items(), strict=True):
    axes.barh(tools, measured[column], color="#1f5f8b")
    axes.set_xlabel(words)
    axes.invert_yaxis() if axes is panels[0] else None
dearest = measured.idxmax().value_counts() if measured.notna().any().all() else pd.Series(dtype=int)
title = "No tool is the dearest in every currency" if dearest.size > 1 else "Four currencies"
figure.suptitle(title, x=0.5, y=1.05, weight="bold")
show(
    figure,
    "Four panels of bars, one a currency: megabytes on disk, seconds to start, megabytes in memory, lines of our own code, for Prefect, MLflow, BentoML and Evidently.",
)

# %% [markdown]
# And there is no sum: megabytes, seconds and lines do not add. Read each bar beside the failure in its row. A cost is small or large next to that, and next to no failure at all it is always too large.
#
# ## What each one gave, and where it hurt
#
# The figures are above. These are the sentences that go with them; each was met on the way, in a lesson or while this course was made.
#
# | tool | it gave | it hurt |
# |---|---|---|
# | Prefect | retries, one run a month that can be found, a failure that can be read | a server before the first flow; it asks for a new FastAPI, and everybody gets that one |
# | MLflow | lineage, one artifact that loads itself, aliases | aliases move without a trace, so the history is our code; its server starts fifteen processes unless told otherwise |
# | BentoML | typed endpoints, health, metrics, a Bento to ship | how a release is swapped under load is our code, and so is the log; without a lower bound, an installer picks a version of years ago |
# | Evidently | distances and reports that nobody wants to write | an empty column is an exception; its headline, the share of drifted columns, was no guide to harm |
# | `process.toml` and the gate | the decisions that the rest obeys | nobody sells it, and it has to be written |
#
# ## What it was for
#
# The other side of the ledger is the history. What was live, when, and by whose decision?

# %%
from firstflight import clock, history, registry

clock.set_today("2013-11-22")
for usecase in ("flights", "air_time"):
    print(usecase)
    table = history.table(usecase)
    print(table.drop(columns="reason").to_string(index=False))

# %%
columns = ["recipe", "feature_version", "trained_from", "trained_to", "gate.verdict", "waiver.by"]
about = {
    f"{usecase} {version}": registry.tags(usecase, version)
    for usecase in ("flights", "air_time")
    for version in registry.versions(usecase)
}
pd.DataFrame(about).T.reindex(columns=columns).fillna("")

# %% [markdown]
# Five releases of two models. Each names its rows, its recipe and its verdict. And of each day you can say what was live on it:


# %%
def spans(usecase):
    changes = [
        entry
        for entry in history.entries(usecase)
        if entry.after.get("live") != entry.before.get("live")
    ]
    ends = [entry.date for entry in changes[1:]] + [clock.today()]
    live = pd.DataFrame(
        [
            {"version": entry.after["live"], "start": entry.date, "days": (end - entry.date).days}
            for entry, end in zip(changes, ends, strict=True)
            if "live" in entry.after and end > entry.date
        ]
    )
    return live.assign(gate=[registry.tags(usecase, v)["gate.verdict"] for v in live["version"]])


flights, air_time = spans("flights"), spans("air_time")
flights

# %%
figure, axes = plt.subplots(figsize=(8, 2.2))
colors = {"pass": "#1f5f8b", "hold": "#b35900"}
for row, table in enumerate((flights, air_time)):
    for span in table.itertuples():
        axes.barh(row, span.days, left=span.start, color=colors[span.gate], edgecolor="white")
        wide = span.days > 9
        axes.text(
            span.start, row, f" v{span.version} ",
            color="white" if wide else "black", ha="left" if wide else "right", va="center",
        )  # fmt: skip
axes.set_yticks([0, 1], ["flights", "air_time"])
axes.invert_yaxis()
axes.xaxis.set_major_locator(mdates.MonthLocator())
axes.xaxis.set_major_formatter(mdates.DateFormatter("%b"))
axes.set(xlabel="month of 2013", ylabel="live release")
axes.set_title("Both releases that shipped on a hold (orange) were taken back")
show(
    figure,
    "Timeline of live releases by gate verdict. flights: version 1, then 2, both passed; version 3, held, in October; version 2 again. "
    "air_time: version 1, held, for one week in November.",
)

# %% [markdown]
# Blue is no promise either. Version 1 had passed, and broke in June: no gate sees a season that it has not met. And after 29 October version 2, which had passed too, ran for two weeks without its state. The
# monitor and the rollback are for that.
#
# **Exercise 1.** On how many days was a release of `flights` live whose gate had not said `pass`? Take it from the table `flights`.

# %% id="12-ex1"
# BEGIN SOLUTION
unproven = flights.loc[flights["gate"] != "pass", "days"].sum()
# END SOLUTION
# STUB: unproven = ...

# %%
check("12-ex1", "unproven", hint="Filter the rows whose gate is not pass, and add up their days.")
print(f"{unproven} of {flights['days'].sum()} days")

# %% [markdown]
# ## Build or buy: the worksheet
#
# A platform sells the parts that you have just built. What it does not sell is in your `process.toml`: what is good enough, who decides, what pages whom. You pay for those in both columns.
#
# The numbers below are **placeholders**. Overwrite each with one that you can defend: a day is a working day of one person, a price is per year.

# %%
DAY_RATE = 600  # what a working day of one person costs
YEARS = 3

options = pd.DataFrame(
    {
        "build": {
            "days to set up": 40,
            "days per model": 6,
            "days of care a year": 25,
            "price a year": 4_000,
            "price per model": 0,
        },
        "buy": {
            "days to set up": 15,
            "days per model": 3,
            "days of care a year": 8,
            "price a year": 24_000,
            "price per model": 0,
        },
    }
)
options

# %% [markdown]
# **Exercise 2.** Write the sum: what does an option cost over some years with some models? Set-up once; each model once; care each year; and each year its price, with that of each model.


# %% id="12-ex2"
def total(option, models, years):
    # BEGIN SOLUTION
    days = option["days to set up"] + models * option["days per model"]
    days += years * option["days of care a year"]
    return DAY_RATE * days + years * (option["price a year"] + models * option["price per model"])
    # END SOLUTION
    # STUB: return ...


# %%
def adds_up(total):
    rows = dict.fromkeys(options.index, 0)
    each = {"days to set up": 1, "days per model": 2, "days of care a year": 5}
    for name, times in each.items():
        if total({**rows, name: 1}, 2, 5) != times * DAY_RATE:
            return f"One of the {name} is paid {times} times, with 2 models in 5 years, at the day rate."
    for name, times in {"price a year": 5, "price per model": 10}.items():
        if total({**rows, name: 1}, 2, 5) != times:
            return f"A {name} of 1 comes to {times}, with 2 models in 5 years."
    return True


check(
    "12-ex2",
    "total",
    test=adds_up,
    hint="Days times the day rate, plus the prices times the years.",
)

# %%
models = range(1, 21)
costs = pd.DataFrame({name: [total(options[name], n, YEARS) for n in models] for name in options})
wins = (costs["build"] < costs["buy"]).sum()

figure, axes = plt.subplots()
for name, color in (("build", "#1f5f8b"), ("buy", "#b35900")):
    axes.plot(models, costs[name] / 1000, color=color, label=name)
axes.set(xlabel="models in production", ylabel=f"cost over {YEARS} years, thousands")
axes.set_title(f"With these numbers, building is cheaper in {wins} of {len(models)} cases")
axes.xaxis.get_major_locator().set_params(integer=True)
axes.legend(frameon=False)
show(
    figure,
    f"Cost of build and of buy over 1 to 20 models: building is cheaper in {wins} of 20 cases.",
)

# %% [markdown]
# A picture that looks like an answer. *What becomes of it if setting up takes half as long again as you think?*

# %%
for name in options:
    late = options.copy().astype(float)
    late.loc["days to set up", name] *= 1.5
    wins = sum(total(late["build"], n, YEARS) < total(late["buy"], n, YEARS) for n in models)
    print(f"{name} takes 1.5 times as long to set up: building is cheaper in {wins} of 20 cases")

# %% [markdown]
# The answer hangs on the number that you know least. So do not buy, and do not build, on a worksheet: do the cheapest thing that makes the number known. That is one model, on the smallest path, with a ledger.
#
# ## What to add next
#
# Nothing, until a failure asks for it that you can name and have had. The right column is that failure.
#
# | not here | add it when this has happened |
# |---|---|
# | a shared MLflow server on PostgreSQL, and a shared place for the history | people on two machines had to change what serves (the lock holds on one), or CI could not see them |
# | object storage | a laptop died with the only copy of a live release, and of its backup |
# | real permissions | somebody typed `--by model_owner` who is not; here a role is a word |
# | a scheduler that is always on | the laptop slept at six, and a day had no state |
# | a feature store | two teams computed one rate in two ways, or a day is too old for the state |
# | more workers, a load balancer | requests waited at the load you have, not at the load you hope for |
# | Kubernetes | you have more services than people who can restart them |
# | a data-quality tool | a drop was wrong in a way that `drops.verify` and the contract cannot say |
# | a GPU server, such as Triton | the model does not fit the budget of `one_row_ms_max` on a CPU |
# | a platform | you can name three rows of this table that it takes off you, and what each of them cost last year |

# %%
checklist("12")

# %% [markdown]
# **What you did.** You took a model from a notebook to production and back, watched it fail in the ways models fail, and kept count of what each protection cost and what it prevented.
#
# Three sentences to take along:
#
# - **Write down what is good enough before there is a model.** Every tool here only obeys that file.
# - **A hold is an answer.** It is the cheapest one that you will get.
# - **Go back before you need to.** A rollback that was never rehearsed is a hope.
#
# *In practice*
#
# - One year of three airports, two models, one machine. The failures are real and the proportions are yours to measure.
# - The ledger has no row for people: reading a page at night, arguing about a threshold, waiting for labels. At work they are the largest.
# - Start at work with `process.toml` and lesson 05's gate. They need no server, and the rest follows from their first *no*.
# - Keep a ledger. The next meeting will ask again.

# %%
leaves("the ledger, read; the history of both models")
end("12")
