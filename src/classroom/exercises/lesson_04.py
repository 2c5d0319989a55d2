"""What lesson 04 asks: a run of one's own, an alias that moves, who did what, what made a model."""

from __future__ import annotations

import datetime as dt
import re
import shlex
from numbers import Real
from typing import Any

from classroom import untraced
from classroom.equality import is_bool, mistake, same
from classroom.exercises import Given, exercise

VERSION_1 = {
    "recipe": "logistic_regression",
    "trained_from": "2013-01-01",
    "trained_to": "2013-03-17",
    "feature_version": "1",
}
SHOWN = 0.0011  # MLflow's page rounds to three places, so a difference of two can be that far off


def _client() -> Any:
    from mlflow import MlflowClient

    return MlflowClient()


@exercise(
    "04-ex1",
    "mine",
    "third",
    hint="Fit mine; then the five lines of the second run, with another pair of recipe and first "
    "day, mine for trees, and **how.",
)
def third_run(mine: Any, third: Any, given: Given) -> bool | str:
    import mlflow

    if mlflow.active_run() is not None:
        mlflow.end_run()  # or no later cell could start one
        return "Your run was still open when the cell had ended: start it with `with`."
    if not hasattr(third, "model_uri"):
        kind = type(third).__name__
        return f"third is a {kind}: it should hold what mlflow.sklearn.log_model returns."
    try:
        run = _client().get_run(third.run_id)
    except mlflow.exceptions.MlflowException:
        return "MLflow has no run of this model: log it inside `with mlflow.start_run(...)`."
    earlier = [_client().get_run(one.run_id) for one in (given.first, given.second)]
    if third.run_id in [one.info.run_id for one in earlier]:
        return "That is one of the earlier runs: start a new one with mlflow.start_run."
    where = _client().get_experiment(run.info.experiment_id).name
    if where != "scratch":
        return f"Your run is in the experiment {where!r}, and the others are in 'scratch'."
    return (
        _params_of(run, earlier, given)
        or _figures_of(mine, third, run, given)
        or _rest_of(third, run, earlier, given)
        or True
    )


def _params_of(run: Any, earlier: list[Any], given: Given) -> str:
    params = run.data.params
    if not params:
        return "The model's run has no parameter: are log_params and log_model in one `with`?"
    for name in ("recipe", "first_day"):
        if name not in params:
            return f"Your run has no parameter {name!r}: it has {', '.join(sorted(params))}."
    recipes = list(given.case.recipes)
    if params["recipe"] not in recipes:
        return f"{params['recipe']!r} is no recipe; there are {' and '.join(recipes)}."
    day = _day(params["first_day"])
    if day is None:
        return f"{params['first_day']!r} is no day: write it as 2013-01-15."
    if not dt.date(2013, 1, 1) <= day <= dt.date(2013, 3, 17):
        return f"The winter's rows go from 1 January to 17 March, and {day} is outside."
    pair = ("recipe", "first_day")
    for one in earlier:
        if all(params[name] == one.data.params[name] for name in pair):
            return f"{one.info.run_name!r} had this recipe and day already: choose another pair."
    return ""


def _figures_of(mine: Any, third: Any, run: Any, given: Given) -> str:
    import mlflow

    found = run.data.metrics
    if "log_loss" not in found:
        named = ", ".join(sorted(found))
        as_param = "log_loss" in run.data.params
        return "log_loss is a parameter of your run: a result goes to log_metric." * as_param or (
            f"Your run's metric is called {named}; the others have log_loss."
            if named
            else "Your run has no metric log_loss: log_metric writes it."
        )
    model = mlflow.sklearn.load_model(third.model_uri)
    kind = type(model[-1]).__name__.lower()
    recipe = run.data.params["recipe"]
    if ("logistic" in recipe) != ("logistic" in kind):
        return (
            f"The run says {recipe}, and the model that it logged is a {type(model[-1]).__name__}."
        )
    logged, wanted = found["log_loss"], given.loss(model)
    if same(logged, wanted):
        return ""
    if hasattr(mine, "predict_proba") and same(logged, given.loss(mine)):
        return "The log_loss is that of mine, and the run logged another model."
    for name, other in (("the first run's", given.plain), ("the second run's", given.trees)):
        if same(logged, given.loss(other)):
            return f"The log_loss is {name}: give loss() the model that you log."
    if logged < wanted - 0.0005 and same(logged, _training_loss(model, run, given), close=1e-3):
        return "The log_loss is that of the training rows: the two weeks after them count."
    return mistake(logged, wanted) or (
        f"Your run says log_loss {logged:.4f}, and its model has {wanted:.4f} on the two weeks."
    )


def _training_loss(model: Any, run: Any, given: Given) -> float:
    from sklearn.metrics import log_loss

    rows = given.requests["date"] >= run.data.params["first_day"]
    return float(log_loss(given.label[rows], model.predict_proba(given.features[rows])[:, 1]))


def _rest_of(third: Any, run: Any, earlier: list[Any], given: Given) -> str:
    data = [one.dataset for one in run.inputs.dataset_inputs]
    if not data:
        return "Your run does not say which data it had: log_input(data_from(...), ...)."
    day = run.data.params["first_day"]
    if data[-1].digest != given.data_from(day).digest:
        return f"The data that you logged are not those from {day}: compare the two days."
    if third.signature is None:
        return "The model has no signature: log_model(..., signature=signature, ...)."
    if run.info.run_name in [one.info.run_name for one in earlier]:
        return f"There is a run {run.info.run_name!r} already: give yours a run_name of its own."
    return ""


@exercise(
    "04-look1",
    "lowest",
    "lower_by",
    hint="The row log_loss of the page, below Metrics; the names are in the row Run Name.",
)
def compared(lowest: Any, lower_by: Any, given: Given) -> bool | str:
    runs = [_client().get_run(one.run_id) for one in (given.first, given.second, given.third)]
    losses = {run.info.run_name: run.data.metrics["log_loss"] for run in runs}
    best, second, worst = sorted(losses, key=lambda name: losses[name])
    if lowest != best:
        if not isinstance(lowest, str):
            return "lowest is the name of a run, as the page shows it: a text."
        if lowest == worst:
            return "That run has the highest log loss: lower is better."
        if lowest in losses:
            return "Another run has a lower log loss than that one."
        if lowest in [run.info.run_id for run in runs]:
            return "That is a run's id: write its name, from the row Run Name."
        return mistake(lowest, best) or (
            f"No run of the three is called {lowest!r}: copy the name from the row Run Name."
        )
    if is_bool(lower_by) or not isinstance(lower_by, Real):
        return "lower_by is a number: how much lower than the next one."
    lower_by = float(lower_by)
    apart = losses[second] - losses[best]
    if abs(lower_by - apart) <= SHOWN and (lower_by > 0 or apart <= SHOWN):
        return True
    if abs(-lower_by - apart) <= SHOWN:
        return "Say how much lower, without a sign in front."
    if abs(lower_by - losses[best]) <= SHOWN:
        return "That is the run's own log loss: take it from that of the next one."
    if abs(lower_by - (losses[worst] - losses[best])) <= SHOWN:
        return "That is how far the worst is away: compare with the next best."
    if same(lower_by, 100 * apart, close=0.1) or same(
        lower_by, 100 * apart / losses[second], close=0.1
    ):
        return "That is in percent: take one number of the page from the other."
    return mistake(lower_by, apart) or "It is not the difference of the two lowest log losses."


@exercise(
    "04-ex2",
    "newest",
    hint="client.create_model_version with third.model_uri and third.run_id, then "
    "client.set_registered_model_alias with newest.version.",
)
def candidate_moved(newest: Any, given: Given) -> bool | str:
    if not hasattr(newest, "version") or not hasattr(newest, "run_id"):
        return f"newest is {newest!r:.40}: keep what client.create_model_version returns."
    if newest.name != "scratch":
        # The story's own model begins with the version that is made below.
        untraced.keep_only(newest.name, VERSION_1)
        return f"You registered it as {newest.name!r}: a version of 'scratch' was asked for."
    runs = {given.first.run_id: "first", given.second.run_id: "second"}
    if newest.run_id != given.third.run_id:
        whose = runs.get(newest.run_id or "", "")
        if whose:
            return f"Version {newest.version} is of the {whose} run: register the third."
        return "Its version names no run: give it run_id=third.run_id."
    if not str(newest.source).startswith((given.third.model_uri, f"runs:/{newest.run_id}/")):
        return "Its source is not the third run's model: give it source=third.model_uri."
    aliases = _client().get_registered_model("scratch").aliases
    now = aliases.get("candidate")
    if now is None:
        there = ", ".join(sorted(aliases)) or "none"
        return f"scratch has no alias candidate any more; there is {there}."
    if str(now) != str(newest.version):
        other = [name for name, one in aliases.items() if str(one) == str(newest.version)]
        if other:
            return f"Your version has the alias {other[0]!r}, and it is candidate that moves."
        return (
            f"Registered as version {newest.version}, and candidate points at version {now}: "
            "client.set_registered_model_alias moves it."
        )
    return True


@exercise(
    "04-look2",
    "answered",
    "ended_by",
    hint="!firstflight history --usecase NAME prints one row per change, the oldest first.",
)
def who_did_what(answered: Any, ended_by: Any) -> bool | str:
    from firstflight import history

    changes = history.entries("rehearsal")
    then = history.at("rehearsal", dt.date(2013, 3, 26))
    if then is None or len(changes) < 3:
        return "rehearsal has no history here: run the cell that plays it."
    version, role = then.after["live"], changes[-1].by
    if is_bool(answered) or not re.fullmatch(r"\d+", str(answered)):
        return "answered is the number of a version, from the column live."
    if str(answered) != version:
        if str(answered) == then.before.get("live"):
            return "That version had answered until the day before: read the row of that day."
        return f"Version {answered} of rehearsal was never live: read the column live."
    if ended_by == role:
        return True
    if not isinstance(ended_by, str):
        return "ended_by is one role, as a text."
    if ended_by == then.by:
        return "That role made it live. Who ended it, in the row below?"
    if ended_by in [one.reason for one in changes]:
        return "That is the reason: the role stands in the column by."
    if ended_by in [one.action for one in changes]:
        return "That is what was done: the role stands in the column by."
    return mistake(ended_by, role) or f"{ended_by!r} is in no row: look at the column by."


@exercise(
    "04-type1", hint="!firstflight train RECIPE --start DAY --end DAY: the task says all three."
)
def trained(given: Given) -> bool | str:
    lines = [line.strip() for line in given.source.splitlines()]
    lines = [line for line in lines if line and line[0] != "#" and line not in ("pass", "...")]
    wrong = _command(" ".join(lines)) if lines else ""
    taken_back = untraced.keep_only("flights", VERSION_1)
    if wrong:
        return wrong + (
            " The version that it made was taken back, so that the numbers stay; at work it would "
            "stay, and the right one would be the next."
            if taken_back
            else ""
        )
    found = _client().search_model_versions("name = 'flights'")
    if [str(one.version) for one in found] == ["1"]:
        return True
    return "flights has no version 1 yet: did the command say so?"


def _command(text: str) -> str:
    """Return what is wrong with the command that was typed, or ""."""
    if "firstflight" not in text:
        return "Type the whole command: firstflight train, and what it needs."
    if "!" not in text and "system(" not in text and "run(" not in text:
        return "Put an exclamation mark before it: the line is for the shell."
    words = shlex.split(text[text.index("firstflight") :].replace("=", " "))
    if words[1:2] != ["train"]:
        return "The command that makes a version is firstflight train."
    given = {"--feature-version": "1", "--usecase": "flights"}
    plain = []
    rest = iter(words[2:])
    for word in rest:
        if word.startswith("-"):
            given[{"-u": "--usecase"}.get(word, word)] = next(rest, "")
        else:
            plain.append(word)
    if not plain:
        return "Which recipe? It stands behind train, without an option's name."
    if plain[0] == "hist_gradient_boosting":
        return "Version 1 is the plain recipe, as in the first run; the trees come later."
    if plain[0] != VERSION_1["recipe"]:
        return f"There is no recipe {plain[0]!r}: look at the parameters of the first run."
    if given["--usecase"] != "flights" or given["--feature-version"] != "1":
        return "Train flights with feature version 1: both are what you get without asking."
    for option, tag in (("--start", "trained_from"), ("--end", "trained_to")):
        if option not in given:
            return f"The command needs {option}: a day, such as 2013-02-01."
        day, wanted = _day(given[option]), _day(VERSION_1[tag])
        if day is None:
            return f"{given[option]!r} is no day: write the year first, such as 2013-02-01."
        if day != wanted:
            return f"{option}: {mistake(day, wanted) or 'another day was asked for.'}"
    return ""


@exercise(
    "04-ex3",
    "made_from",
    hint="client.get_model_version(name, version) has the tags, and the id of its run.",
)
def made_from(made_from: Any, given: Given) -> bool | str:
    if not callable(made_from):
        return "made_from is a function of a name and a version."
    with untraced.other_versions() as (name, digests):
        for version, digest in digests.items():
            try:
                found = made_from(name, version)
            except TypeError as error:
                return f"It is called as made_from(name, version), and then: {error}."
            except Exception as error:
                if "flights" in given.source:
                    return "It asks for flights, whatever name it is given: use `name`."
                return f"For version {version} of another model it raises {_first_line(error)}"
            wrong = _not_that(found, name, version, digest, digests, given)
            if wrong:
                return wrong
    if made_from("flights", "1") != given.winter.digest:
        return "It is right for other models, and not for version 1 of flights."
    return True


def _not_that(
    found: Any, name: str, version: str, digest: str, digests: dict[str, str], given: Given
) -> str:
    if isinstance(found, str) and found == digest:
        return ""
    asked = f"Asked for version {version} of another model, it returns"
    of = {value: number for number, value in digests.items()}
    one = _client().get_model_version(name, version)
    if found is None:
        return f"{asked} nothing: is there a return?"
    if not isinstance(found, str):
        return f"{asked} a {type(found).__name__}: take the digest out of it, a text."
    if found == given.winter.digest:
        return f"{asked} this winter's digest: another version was made of other rows."
    if found in of:
        return f"{asked} what made version {of[found]}: use `version`."
    if found == one.run_id:
        return f"{asked} the run's id: which data did that run have?"
    if found == one.tags["release_digest"]:
        return f"{asked} the digest of the release's files: that of the rows is another tag."
    if found == name:
        return f"{asked} the data's name: its digest is wanted."
    return f"{asked} {found!r:.40}, which is not the digest of its snapshot."


def _first_line(error: Exception) -> str:
    text = (str(error).splitlines() or [""])[0][:120]
    return f"{type(error).__name__}: {text}"


def _day(text: Any) -> dt.date | None:
    try:
        return dt.date.fromisoformat(str(text))
    except ValueError:
        return None
