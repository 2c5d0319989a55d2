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
# Two kinds of rows. Four **tools** came from outside. The rest is the team's own code or a decision: no install, no server, and still a cost, in lines that somebody must understand.
#
# Look at the four side by side. *Which of them is the dearest?* Say first in which currency.

# %% tags=["nbval-ignore-output"]
# Drawn from measurements: the bars differ on every run.
import matplotlib.pyplot as plt
import pandas as pd

tools = ("Prefect", "MLflow", "BentoML", "Evidently")
currencies = {
    "install_mb": "on disk, MB",
    "start_s": "to start, s",
    "resident_mb": "in memory, MB",
    "glue_lines": "our lines of code",
}
measured = pd.DataFrame(ledger.rows(), columns=[*ledger.COLUMNS]).set_index("tool")
measured = measured.reindex(tools)[[*currencies]].astype(float)

figure, panels = plt.subplots(1, 4, figsize=(9, 2.4), sharey=True)
for axes, (column, words) in zip(panels, currencies.items(), strict=True):
    axes.barh(tools, measured[column], color="#1f5f8b")
    axes.set_xlabel(words)
    axes.invert_yaxis() if axes is panels[0] else None
dearest = measured.idxmax().value_counts() if measured.notna().any().all() else pd.Series(dtype=int)
figure.suptitle(
    f"The dearest tool is another one in {dearest.size} of 4 currencies"
    if dearest.size > 1
    else "What each tool costs, in four currencies",
    x=0.5, y=1.05, weight="bold",
)  # fmt: skip
show(figure, "Four panels of bars, one a currency: megabytes on disk, seconds to start, megabytes in memory, lines of our own code, for Prefect, MLflow, BentoML and Evidently.")

# %% [markdown]
# There is no dearest tool, and no sum either: megabytes, seconds and lines do not add. What they have in common is that each is small beside the failure in its row, and large beside no failure at all.
#
# ## What each one gave, and where it hurt
#
# The figures are above. These are the sentences that go with them; all of them happened in this course.
#
# | tool | it gave | it hurt |
# |---|---|---|
# | Prefect | retries, one run a month that can be found, a failure that can be read | a server before the first flow; it pins the version of FastAPI for everybody |
# | MLflow | lineage, one artifact that loads itself, aliases | aliases move without a trace, so the history is our code; its server starts fifteen processes unless told otherwise |
# | BentoML | a typed contract, batches, health, metrics, a log | how a release is swapped under load is our code; without a lower bound, an installer picks a version of years ago |
# | Evidently | distances and reports that nobody wants to write | an empty column is an exception; its headline, the share of drifted columns, was no guide to harm |
# | `process.toml` and the gate | the decisions that the rest obeys | nobody sells it, and it has to be written |
#
# ## What it was for
#
# The other side of the ledger is the history. What was live, when, and by whose decision?

# %%
from firstflight import clock, registry

clock.set_today("2013-11-22")
for usecase in ("flights", "air_time"):
    print(usecase)
    table = registry.history_table(usecase)
    print(table[["date", "action", "live", "candidate", "previous", "rollout", "by"]].to_string(index=False))

# %%
columns = ["recipe", "feature_version", "trained_from", "trained_to", "gate.verdict", "waiver.by"]
about = {
    f"{usecase} {version}": registry.tags(usecase, version)
    for usecase in ("flights", "air_time")
    for version in registry.versions(usecase)
}
pd.DataFrame(about).T.reindex(columns=columns).fillna("")

# %% [markdown]
# Five releases. Each can be traced to its rows, each has a verdict, and for each that was live you can say why. Here are the spans in which something was live.

# %%
def spans(usecase):
    entries = [entry for entry in registry.history(usecase) if entry.phase == "done"]
    dates = [entry.date for entry in entries[1:]] + [clock.today()]
    rows = [
        {
            "version": entry.after.get("live", ""),
            "start": entry.date,
            "days": (until - entry.date).days,
        }
        for entry, until in zip(entries, dates, strict=True)
    ]
    live = pd.DataFrame(rows).query("version != '' and days > 0")
    gates = {v: registry.tags(usecase, v)["gate.verdict"] for v in registry.versions(usecase)}
    return live.assign(gate=live["version"].map(gates))


flights = spans("flights")
flights
