"""The script of six in the morning, as such scripts are: append the month, join, train, score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from classroom import upstream
from firstflight.workspace import current

SOURCES = ("flights", "weather")
Append = Callable[[Any, Any], Any]


def table(source: str) -> Any:
    """Return one of the team's two tables, as the script has left it."""
    return pd.read_parquet(current().root / "six_am" / f"{source}.parquet")


def save(source: str, rows: Any) -> None:
    """Write one of the team's two tables."""
    rows.to_parquet(current().root / "six_am" / f"{source}.parquet")


def as_after_february() -> None:
    """Put the two tables back to what they were at the end of February."""
    (current().root / "six_am").mkdir(exist_ok=True)
    for source in SOURCES:
        paths = [upstream.DATA / source / f"2013-{month}.parquet" for month in ("01", "02")]
        save(source, pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True))


def append(table: Any, month: Any) -> Any:
    """Return the table with the month behind it."""
    return pd.concat([table, month], ignore_index=True)


def run(append: Append) -> dict[str, float]:
    """Append March to the two tables, train, and score the last two weeks.

    Parameters
    ----------
    append : callable
        Makes the new table of the old one and the month.

    Returns
    -------
    dict
        ``flights in March`` and ``log loss``.

    Raises
    ------
    FileNotFoundError
        If a file is not there.
    """
    arrived = upstream.fetch("2013-03")
    for source in ("flights", "weather"):
        month = pd.read_parquet(arrived / source / "2013-03.parquet")
        save(source, append(table(source), month))
    return train_and_score(table("flights"), table("weather"))


def train_and_score(flights: Any, weather: Any) -> dict[str, float]:
    """Join each flight with the weather three hours before, train, and score 18 to 31 March."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    known = weather.assign(time_hour=weather["time_hour"] + pd.Timedelta(hours=3))
    flown = flights.dropna(subset="arr_delay")
    rows = flown.merge(known, on=["origin", "time_hour"], how="left")
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["origin", "carrier"]),
        (make_pipeline(SimpleImputer(), StandardScaler()), ["temp", "wind_speed", "visib"]),
    )
    late, test = rows["arr_delay"] >= 15, rows["time_hour"] >= pd.Timestamp("2013-03-18", tz="UTC")
    model = make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(rows[~test], late[~test])
    loss = log_loss(late[test], model.predict_proba(rows[test])[:, 1])
    in_march = rows["time_hour"] >= "2013-03-01T05Z"
    return {"flights in March": int(in_march.sum()), "log loss": round(float(loss), 4)}
