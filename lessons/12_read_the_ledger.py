# %% [markdown]
# # 12 · Read the ledger
#
# **The failure.** "So, should we buy a platform?" Nobody in the meeting knows what the tools they have cost or prevented. The loudest opinion
# wins.
#
# *What you'll do*: add up what each lesson measured; read both models' history to its end; write the sum of *build or buy*, find the number
# that it hangs on; judge five teams.
#
# *What you need*: 30 minutes, lessons 00-11, 0.4 GB of memory.

# %%
from classroom import begin, show_map

ws = begin("12")
show_map("12")

# %% [markdown]
# ## What was measured
#
# Each lesson wrote into the [ledger](glossary.ipynb#ledger) what its tools cost on this machine: disk, seconds to start, memory, and the
# lines of our own that hold them in place. Four tools came from outside.

# %% [markdown] tags=["task"]
# Which of the four has most lines of **our own code** behind it: `"Prefect"`, `"MLflow"`, `"BentoML"` or `"Evidently"`?

# %% id="12-guess1"
from classroom import guess

# BEGIN SOLUTION
guess("12-guess1", "the tool with most of our own lines behind it", "Evidently")
# END SOLUTION
# STUB: guess("12-guess1", "the tool with most of our own lines behind it", ...)

# %%
import pandas as pd

from classroom import came, ledger

tools = ["Prefect", "MLflow", "BentoML", "Evidently"]
costs = ["install_mb", "start_s", "resident_mb", "glue_lines"]
measured = pd.DataFrame(ledger.rows()).groupby("tool")[costs].max().reindex(tools)
came("12-guess1", measured["glue_lines"].idxmax())

# %% tags=["nbval-ignore-output"]
# The ledger holds measurements of this machine: another run has other figures.
from classroom import figures

figures.ledger_in_four_currencies(measured)
measured.round(1)

# %% [markdown]
# Megabytes, seconds and lines do not add. Read each bar beside the failure in its row.

# %% tags=["nbval-ignore-output"]
# The ledger holds measurements of this machine: another run has other figures.
ledger.table().reset_index()[["lesson", "tool", "prevented", "glue lines"]]

# %% [markdown]
# A cost is small or large next to what it prevented.
#
# ## What each one gave, and where it hurt
#
# | tool | it gave | it hurt |
# |---|---|---|
# | Prefect | retries, one run per month, readable failures | a server before the first flow |
# | MLflow | lineage, artifacts that load themselves, aliases | aliases move without a trace, so the history is our code |
# | BentoML | typed endpoints, health, metrics | the swap under load is our code |
# | Evidently | distances and reports | its share of drifted columns was no guide to harm |
# | `process.toml`, the gate | the decisions that the rest obeys | nobody sells it |
#
# ## What it was for
#
# What was live, when, and by whose decision: the [deployment history](glossary.ipynb#deployment-history).

# %%
from classroom import today
from firstflight import history

today("2013-11-22")
changes = history.table("flights")
changes.drop(columns=["candidate", "reason"])

# %% [markdown] tags=["task"]
# An airline asks: "On 5 November you told us 0.7 for our flight. Which release said so?" Ask `firstflight history` with its option `--at`,
# behind the exclamation mark. Put the version that it names into `answered_by`, as a text.

# %% id="12-type1"
# BEGIN SOLUTION
# !firstflight history --at 2013-11-05
answered_by = "2"
# END SOLUTION
# STUB: # !...
# STUB: answered_by = ...

# %%
from classroom import check

check("12-type1")

# %% [markdown]
# And each release names its rows, its recipe and its [verdict](glossary.ipynb#verdict):

# %%
from firstflight import registry

columns = ["recipe", "feature_version", "trained_from", "trained_to", "gate.verdict", "waiver.by"]
about = {f"flights {v}": registry.tags("flights", v) for v in registry.versions("flights")}
about |= {f"air_time {v}": registry.tags("air_time", v) for v in registry.versions("air_time")}
pd.DataFrame(about).T.reindex(columns=columns).fillna("")

# %% [markdown]
# How long was each one live? `spans` reads it off the history, a row per stretch.

# %%
from classroom.timeline import spans

flights, air_time = spans("flights"), spans("air_time")
figures.live_releases({"flights": flights, "air_time": air_time})
flights

# %% [markdown]
# Blue is no promise either. Version 1 had passed, and broke in June: no gate sees a season that it has not met. Version 2 had passed too, and
# ran for two weeks without its state. For that there are the [monitor](glossary.ipynb#monitor) and the [rollback](glossary.ipynb#rollback).

# %% [markdown] tags=["task"]
# On how many days was a release of `flights` live whose gate had not said `pass`? Compute `unproven` from the table `flights`.

# %% id="12-ex1"
# BEGIN SOLUTION
unproven = flights.loc[flights["gate"] != "pass", "days"].sum()
# END SOLUTION
# STUB: unproven = ...

# %%
check("12-ex1")

# %%
print(f"{unproven} of {flights['days'].sum()} days")

# %% [markdown]
# ## Build or buy: the worksheet
#
# A platform sells the parts that you have just built. What is in your `process.toml` it does not sell: that you pay for in both columns.
#
# The numbers are **placeholders**: put in those that you can defend. A day is one person's working day, a price is per year.

# %%
DAY_RATE = 600  # what a working day of one person costs
YEARS = 3
names = ["days to set up", "days per model", "days of care a year"]
names += ["days of care a year per model", "price a year", "price a year per model"]
options = pd.DataFrame(
    {"build": [40, 6, 20, 2, 4_000, 0], "buy": [15, 3, 6, 1, 24_000, 600]}, index=names
)
options

# %% [markdown] tags=["task"]
# Write `total`: what an `option` (one of the two columns) costs over `years` with `models`. Set-up once; each model once; care in each year,
# and for each model in each year; the price in each year, and that of each model. Days cost `DAY_RATE`.


# %% id="12-ex2"
def total(option, models, years):
    # BEGIN SOLUTION
    days = option["days to set up"] + models * option["days per model"]
    care = option["days of care a year"] + models * option["days of care a year per model"]
    price = option["price a year"] + models * option["price a year per model"]
    return DAY_RATE * (days + years * care) + years * price
    # END SOLUTION
    # STUB: return ...


# %%
check("12-ex2")

# %%
models = range(1, 21)
costs = pd.DataFrame({name: [total(options[name], n, YEARS) for n in models] for name in options})
costs.index = list(models)
figures.build_or_buy(costs, YEARS)

# %% [markdown]
# It looks like an answer, and each of its numbers is a guess. `cheaper` counts in how many cases, of 1 to 20 models, building costs less.


# %%
def cheaper(table):
    build, buy = ([total(table[name], n, YEARS) for n in models] for name in ("build", "buy"))
    return sum(a < b for a, b in zip(build, buy, strict=True))


print(f"building is cheaper in {cheaper(options)} of {len(models)} cases")

# %% [markdown] tags=["task"]
# Every number may be off by half. **In how many of the 20 cases is building still cheaper** if its days of care a year are 1.5 times as many?

# %% id="12-guess2"
# BEGIN SOLUTION
guess("12-guess2", "cases in which building wins with half as much care again", 8)
# END SOLUTION
# STUB: guess("12-guess2", "cases in which building wins with half as much care again", ...)

# %% [markdown] tags=["task"]
# Find out. Write `off_by_half`: from the worksheet, a row's name and an option's name to the number of cases in which building is cheaper
# when this one number is 1.5 times as high. Leave `table` as it is: `table.astype(float)` is a copy that can hold halves. `cheaper` counts.


# %% id="12-ex3"
def off_by_half(table, name, option):
    # BEGIN SOLUTION
    changed = table.astype(float)
    changed.loc[name, option] *= 1.5
    return cheaper(changed)
    # END SOLUTION
    # STUB: return ...


# %%
check("12-ex3")

# %%
moved = pd.DataFrame({o: [off_by_half(options, n, o) for n in names] for o in options}, index=names)
came("12-guess2", int(moved.loc["days of care a year", "build"]))
moved.rename(columns=lambda option: f"{option} 1.5 times")

# %% [markdown]
# Building wins anything between the smallest and the largest number of that table, and no opinion was needed for it.

# %% [markdown] tags=["task"]
# Now your own worksheet. Make `mine`, a copy of `options` in which at least three numbers, set with `mine.loc[row, option]`, are your team's, and behind each
# a comment: where is it from? Put the cases of building into `in_mine`; `cheaper` counts them.

# %% id="12-ex5"
# BEGIN SOLUTION
mine = options.astype(float)
mine.loc["days to set up", "build"] = 20  # two people, two weeks: this course and a first model
mine.loc["days per model", "build"] = 4  # lesson 11: one file, one table of decisions
mine.loc["price a year", "buy"] = 36_000  # the one offer that we have
in_mine = cheaper(mine)
# END SOLUTION
# STUB: mine = ...
# STUB: in_mine = ...

# %%
check("12-ex5")

# %%
print(f"building is cheaper in {in_mine} of {len(models)} cases")

# %% [markdown]
# So do not decide on a worksheet. Do the cheapest thing that makes the dearest unknown known: one model, on the smallest path, with a ledger.
#
# ## Five teams
#
# Money is one question of five. A rule of thumb: buy with few models, one cloud, hardly anybody for a platform, usual audits and tabular
# work; else compose your own.

# %%
questions = ["models", "clouds", "platform people", "audit", "workload"]
teams = pd.DataFrame(
    {
        "a web shop": [3, 1, 0, "standard", "tabular"],
        "a bank": [45, 2, 6, "heavy", "tabular"],
        "a hospital group": [6, 1, 1, "heavy", "tabular"],
        "a camera maker": [12, 1, 4, "standard", "GPU"],
        "an insurer, growing": [9, 2, 3, "standard", "tabular"],
    },
    index=questions,
).T
teams

# %% [markdown] tags=["task"]
# Write `leans_to_composing`: for a `team` (a row of the table), how many of the five answers speak for composing: 10 models or more; more
# than one cloud; 4 platform people or more; an audit that is not standard; a workload that is not tabular.


# %% id="12-ex4"
def leans_to_composing(team):
    # BEGIN SOLUTION
    return (
        int(team["models"] >= 10)
        + int(team["clouds"] > 1)
        + int(team["platform people"] >= 4)
        + int(team["audit"] != "standard")
        + int(team["workload"] != "tabular")
    )
    # END SOLUTION
    # STUB: return ...


# %%
check("12-ex4")

# %%
teams.assign(composing=[leans_to_composing(team) for _, team in teams.iterrows()])

# %% [markdown]
# The first team should buy, or wait; the second should not. The others get no answer from a count, and that is honest: buy storage,
# orchestration and identity; compose what your failures ask of you.
#
# ## What to add next
#
# Nothing, until you have had the failure that asks for it.
#
# | not here | add it when this has happened |
# |---|---|
# | a shared MLflow server and history | people on two machines changed what serves (the lock holds on one) |
# | object storage | a laptop died with the only copy of a live release |
# | real permissions | somebody typed `--by model_owner` who is not; here a role is a word |
# | a scheduler that is always on | the laptop slept at six |
# | a feature store | two teams computed one rate in two ways |
# | more workers | requests waited at the load you have |
# | Kubernetes | more services than people who can restart them |
# | a data-quality tool | a drop was wrong, and the contract cannot say it |
# | a GPU server | the model does not fit `one_row_ms_max` on a CPU |
# | a platform | you can name three of these rows, and their cost last year |
#
# ## At work tomorrow
#
# A ledger is a file with a line per tool:

# %% tags=["nbval-ignore-output"]
# Measured: the size differs between machines.
import json
from importlib.metadata import files
from pathlib import Path


def megabytes(package):
    sizes = [Path(f.locate()).stat().st_size for f in files(package) if Path(f.locate()).is_file()]
    return round(sum(sizes) / 1024**2, 1)


row = {"tool": "mlflow", "mb": megabytes("mlflow"), "prevented": "a model nobody could trace"}
json.dumps(row)

# %% [markdown] tags=["task"]
# For your own team, defend a tool of the ledger: the failure that it prevents *there*, and what it costs. Refuse a line of the table above,
# because its failure has not happened.

# %% id="12-further"
# BEGIN SOLUTION
keep = "MLflow: in May nobody knew which of two files answered; it costs a database and a history of our own"
refuse = (
    "Kubernetes: we have one service, and it was restarted twice in a year, by hand, in a minute"
)
print(keep, refuse, sep="\n")
# END SOLUTION
# STUB: ...

# %%
from classroom import checklist

checklist("12")

# %% [markdown]
# **What you did.** You took a model to production and back, watched it fail in the ways models fail, and counted what each protection cost
# and prevented.
#
# - **Write down what is good enough before there is a model.** Every tool here only obeys that file.
# - **A hold is an answer**, and the cheapest one.
# - **Go back before you need to.** A rollback that was never rehearsed is a hope.
#
# *In practice*
#
# - One year, three airports, two models: the failures are real, the proportions are yours to measure.
# - The ledger has no row for people: nights, arguments, waiting for labels. At work they are the largest cost.
# - Start with `process.toml` and the gate of [lesson 05](05_gate_with_offline_metrics.ipynb). They need no server.

# %%
from classroom import end, leaves

leaves("the ledger, read; the history of both models")
end("12")
