"""The release: model, feature version, contract, snapshot and proof in one MLflow model.

What is rolled back together must be saved together. The estimator is stored with skops, never
pickle, and loading one names every type that it may hold. A release that is not exactly what was
saved, or that does not give exactly the answers it gave when it was made, is refused.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import inspect
import json
import platform
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from firstflight import arrays
from firstflight import usecase as usecases
from firstflight.errors import ReleaseError
from firstflight.state import Met, States
from firstflight.train import Fitted
from firstflight.usecase import FeatureSet, UseCase, predict

PINNED = ("numpy", "pandas", "scikit-learn", "scipy", "skops")
N_REFERENCE = 5000
N_GOLDEN = 20
N_ALONE = 100
SEED = 20130401
EQUAL = 1e-12  # predictions are rounded to 12 digits


@dataclass(frozen=True)
class Release:
    """A loaded release, ready to answer.

    Attributes
    ----------
    usecase : UseCase
    version : str or None
        Version in the registry; None if it was loaded without one.
    estimator : sklearn estimator
        Fitted.
    about : dict
        ``release.json``: recipe, feature version, code digest, snapshot, training days,
        environment, contract.
    reference : DataFrame
        Features and predictions of a sample of the training rows; drift is measured against it.
    golden : dict
        Frozen requests with their state and the answers this release gave when it was made.
    digest : str
        Digest of all its files (16 hex digits), see `folder_digest`.
    matrix : callable or None
        The pipeline before its last step, translated to arrays (`firstflight.arrays`); None if it
        could not be, or did not give the same answers.
    path : str
        Which way `answer` takes: ``"arrays"``, or ``"pipeline"`` and why.
    """

    usecase: UseCase
    version: str | None
    estimator: Any
    about: dict
    reference: pd.DataFrame
    golden: dict
    digest: str
    matrix: arrays.Block | None = field(default=None, repr=False)
    path: str = "pipeline"

    @property
    def feature_version(self) -> int:
        """The feature version that it was fitted on and must be served with."""
        return int(self.about["feature_version"])

    def features(self, requests: pd.DataFrame, states: States) -> pd.DataFrame:
        """Return the features of these requests, computed by this release's feature version.

        Parameters
        ----------
        requests : DataFrame of shape (n_requests, n_fields)
            The fields of the use case's request contract.
        states : States
            The states at hand; the feature version looks up what each request gets.

        Returns
        -------
        DataFrame of shape (n_requests, n_features)
            With the index of `requests`; state is missing where there is none.
        """
        return self.usecase.features[self.feature_version].build(requests, states.lookup)

    def predict(self, requests: pd.DataFrame, states: States) -> np.ndarray:
        """Return one prediction a request, by the estimator's own pipeline.

        Parameters
        ----------
        requests : DataFrame of shape (n_requests, n_fields)
            The fields of the use case's request contract.
        states : States
            The states at hand.

        Returns
        -------
        ndarray of shape (n_requests,)
            In the use case's unit, rounded to 12 digits after the point.
        """
        return predict(self.usecase, self.estimator, self.features(requests, states))

    def answer(self, columns: Mapping[str, np.ndarray], states: Met) -> np.ndarray:
        """Return one prediction a request, from arrays: what a server needs.

        Parameters
        ----------
        columns : mapping of str to ndarray of shape (n_requests,)
            The request's fields, as `firstflight.usecase.columns` makes them.
        states : Met
            The states these requests met, ``states.met(columns["date"])``.

        Returns
        -------
        ndarray of shape (n_requests,)
            In the use case's unit, rounded to 12 digits after the point.
        """
        features = self.usecase.features[self.feature_version].build(columns, states.lookup)
        if self.matrix is None:
            # With each array's own type: pandas would make another one of text.
            frame = pd.DataFrame({k: pd.Series(v, dtype=v.dtype) for k, v in features.items()})
            return predict(self.usecase, self.estimator, frame)
        return predict(self.usecase, self.estimator[-1], self.matrix(features))


def environment() -> dict[str, str]:
    """Return the versions that decide whether a saved estimator gives the same answers."""
    versions = {name: metadata.version(name) for name in PINNED}
    return {"python": ".".join(platform.python_version_tuple()[:2]), **versions}


def folder_digest(folder: Path) -> str:
    """Return one digest of every file below a folder and its relative name (16 hex digits).

    ``registered_model_meta`` is left out: MLflow writes it when a registered version is read.

    Parameters
    ----------
    folder : Path
        The folder.

    Returns
    -------
    str
        The digest. It depends on the files' names and contents only.
    """
    whole = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if path.name == "registered_model_meta":
            continue
        whole.update(path.relative_to(folder).as_posix().encode() + b"\0")
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:16]


def log(fitted: Fitted) -> tuple[str, str]:
    """Save the fitted model as a release in the active MLflow run.

    Parameters
    ----------
    fitted : Fitted
        What `firstflight.train.fit` returned.

    Returns
    -------
    uri : str
        ``models:/<id>`` of the logged model.
    digest : str
        Digest of its files, to be kept with the registered version.
    """
    import mlflow
    from mlflow.models import infer_signature

    case, snapshot = fitted.usecase, fitted.snapshot
    feature_set = case.features[snapshot.manifest["feature_version"]]
    predictions = predict(case, fitted.estimator, fitted.features)
    about = {
        "usecase": case.name,
        "recipe": fitted.recipe,
        "feature_version": feature_set.version,
        "feature_columns": list(feature_set.columns),
        "code_digest": feature_set.code_digest,
        "snapshot": snapshot.digest,
        "trained_from": snapshot.manifest["start"],
        "trained_to": snapshot.manifest["end"],
        "n_rows": len(fitted.label),
        "environment": environment(),
        "contract": case.request.model_json_schema(),
    }
    rng = np.random.default_rng(SEED)
    sample = rng.permutation(len(fitted.features))[:N_REFERENCE]
    reference = fitted.features.iloc[sample].assign(
        prediction=predictions[sample], label=fitted.label.to_numpy()[sample]
    )
    golden = _golden(fitted, predictions)

    with tempfile.TemporaryDirectory() as temp:
        extra = Path(temp)
        (extra / "release.json").write_text(json.dumps(about, indent=1, sort_keys=True) + "\n")
        (extra / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")
        reference.reset_index(drop=True).to_parquet(extra / "reference.parquet")
        (extra / "feature_code.py").write_text(_feature_code(case, feature_set))
        info = mlflow.sklearn.log_model(
            fitted.estimator,
            name="release",
            serialization_format="skops",
            skops_trusted_types=list(case.trusted_types),
            signature=infer_signature(fitted.features.head(100), predictions[:100]),
            pip_requirements=[f"{name}=={metadata.version(name)}" for name in PINNED],
            # As addresses, which MLflow takes them for: a "?" in a path would cut it off.
            extra_files=[path.as_uri() for path in sorted(extra.iterdir())],
            pyfunc_predict_fn="predict_proba" if case.kind == "classification" else "predict",
        )
    return info.model_uri, folder_digest(download(info.model_uri))


def _feature_code(case: UseCase, feature_set: FeatureSet) -> str:
    """Return the source of every module that makes requests or features, one after the other."""
    files = {inspect.getsourcefile(f) for f in (case.requests, *feature_set.code)}
    parts = [(Path(file).name, Path(file).read_text()) for file in files if file is not None]
    return "\n".join(f"# --- {name} ---\n{text}" for name, text in sorted(parts))


def _golden(fitted: Fitted, predictions: np.ndarray) -> dict:
    """Freeze requests of the last training day, the state they met and the answers given."""
    last = fitted.requests["date"] == fitted.requests["date"].max()
    rows = fitted.requests[last].iloc[:: max(1, int(last.sum()) // N_GOLDEN)].head(N_GOLDEN)
    day = rows["date"].iloc[0].date()
    found = fitted.snapshot.states().at(day)
    return {
        "requests": as_json_rows(rows),
        "state": {"date": day.isoformat(), "values": found[1] if found else {}},
        "answers": [float(p) for p in predictions[rows.index]],
    }


def as_json_rows(requests: pd.DataFrame) -> list[dict]:
    """Return request rows as dicts that JSON can hold: dates as text, missing values as None.

    Parameters
    ----------
    requests : DataFrame of shape (n_requests, n_fields)
        With a column ``date``.

    Returns
    -------
    list of dict
        One per row, in their order.

    Examples
    --------
    >>> rows = pd.DataFrame({"date": pd.to_datetime(["2013-07-14"]), "temp": [float("nan")]})
    >>> as_json_rows(rows)
    [{'date': '2013-07-14', 'temp': None}]
    """
    rows = requests.assign(date=pd.to_datetime(requests["date"]).dt.strftime("%Y-%m-%d"))
    rows = rows.astype(object).where(rows.notna(), None)
    return rows.to_dict(orient="records")


def download(uri: str) -> Path:
    """Return the folder of a model, which MLflow fetches if it lies elsewhere.

    Parameters
    ----------
    uri : str
        An MLflow model address.

    Returns
    -------
    Path
        A folder of this machine.
    """
    import mlflow

    return Path(mlflow.artifacts.download_artifacts(uri))


def load(
    uri: str,
    *,
    digest: str | None = None,
    version: str | None = None,
    folder: Path | None = None,
) -> Release:
    """Load a release and prove that it is the one that was saved.

    Parameters
    ----------
    uri : str
        An MLflow model address.
    digest : str, optional
        The digest that its files must have (see `folder_digest`). Without it they may be any.
    version : str, optional
        The version in the registry, for the release to name in its answers.
    folder : Path, optional
        Where the files of `uri` lie, if that is known: MLflow is not asked then.

    Returns
    -------
    Release
        Ready to answer.

    Raises
    ------
    ReleaseError
        If its files cannot be read or have another digest, a type is not on the allow-list, the
        environment or the feature code is another one, or a frozen request gets another answer.
    FirstFlightError
        If it is of a use case that this code does not have.
    """
    import skops.io

    try:
        folder = folder or download(uri)
        if not folder.is_dir():
            raise NotADirectoryError(folder)
        found = folder_digest(folder)
    except Exception as error:
        raise ReleaseError(
            f"Release {uri} cannot be read ({type(error).__name__}): check that the registry "
            "names it "
            "and that the workspace still holds its files."
        ) from error
    if digest is not None and found != digest:
        raise ReleaseError(
            f"Release {uri} has digest {found}, registered was {digest}: its files were altered; "
            "restore them from a backup."
        )
    about = json.loads((folder / "extra_files" / "release.json").read_text())
    case = usecases.get(about["usecase"])
    check_environment(uri, about)
    check_code(uri, about, case)
    path = folder / "model.skops"
    unknown = set(skops.io.get_untrusted_types(file=path)) - set(case.trusted_types)
    if unknown:
        raise ReleaseError(
            f"Release {uri} holds types that {case.name} does not allow "
            f"({', '.join(sorted(unknown))}): "
            "do not load it; find out where it came from."
        )
    release = Release(
        usecase=case,
        version=version,
        estimator=skops.io.load(path, trusted=list(case.trusted_types)),
        about=about,
        reference=pd.read_parquet(folder / "extra_files" / "reference.parquet"),
        golden=json.loads((folder / "extra_files" / "golden.json").read_text()),
        digest=found,
    )
    check_golden(uri, release)
    return with_arrays(release)


def with_arrays(release: Release) -> Release:
    """Return the release with its pipeline translated to arrays, if that changes no answer.

    The translation answers every reference row, all together and the first hundred alone, and the
    frozen requests, which go the whole way from their fields. If any answer is off by 1e-12 or
    more, or there is any error, the release goes on with its own pipeline and says so.

    Parameters
    ----------
    release : Release
        One that has no translation yet.

    Returns
    -------
    Release
        The same one with ``matrix`` and ``path`` set; ``matrix`` is None if it keeps its pipeline.
    """
    parts = arrays.split(release.estimator)
    if parts is None:
        return replace(release, path="pipeline: it holds a step that is not translated to arrays")
    try:
        worst = _worst_difference(replace(release, matrix=parts[0]))
    except Exception as error:  # whatever it is, there is a way that works
        return replace(release, path=f"pipeline: asked with arrays it fails ({error})")
    if not worst < EQUAL:
        return replace(release, path=f"pipeline: with arrays it is off by {worst:.3g}")
    return replace(release, matrix=parts[0], path="arrays")


def _worst_difference(release: Release) -> float:
    """Return the largest difference between the answers from arrays and the saved ones."""
    assert release.matrix is not None
    case, columns = release.usecase, release.about["feature_columns"]
    features = {name: release.reference[name].to_numpy() for name in columns}
    saved = release.reference["prediction"].to_numpy()
    last = release.estimator[-1]
    together = predict(case, last, release.matrix(features))
    alone = [
        predict(case, last, release.matrix({k: v[i : i + 1] for k, v in features.items()}))[0]
        for i in range(min(N_ALONE, len(saved)))
    ]
    asked = [case.request.model_validate_json(json.dumps(r)) for r in release.golden["requests"]]
    requests = usecases.columns(usecases.field_types(case.request), asked)
    frozen = release.golden["state"]
    states = States({dt.date.fromisoformat(frozen["date"]): frozen["values"]})
    answers = release.answer(requests, states.met(requests["date"]))
    differences = (
        together - saved,
        np.array(alone) - saved[: len(alone)],
        answers - np.asarray(release.golden["answers"]),
    )
    return max(float(np.max(np.abs(part), initial=0.0)) for part in differences)


def check_environment(uri: str, about: dict) -> None:
    """Refuse a release that was saved under other library versions.

    Parameters
    ----------
    uri : str
        The address of the release, for the sentence.
    about : dict
        Its ``release.json``.

    Raises
    ------
    ReleaseError
        If the version of Python, or of one of the libraries in `PINNED`, is another one here.
    """
    here = environment()
    for name, wanted in about["environment"].items():
        if here.get(name) != wanted:
            raise ReleaseError(
                f"Release {uri} was made with {name} {wanted}, here is {here.get(name)}: "
                "install the release's versions (requirements.txt in its folder)."
            )


def check_code(uri: str, about: dict, case: UseCase) -> None:
    """Refuse a release whose feature code is not the code that runs here.

    Parameters
    ----------
    uri : str
        The address of the release, for the sentence.
    about : dict
        Its ``release.json``.
    case : UseCase
        The use case of the release.

    Raises
    ------
    ReleaseError
        If the use case does not have the feature version any more, or its code was changed.
    """
    version = about["feature_version"]
    if version not in case.features:
        raise ReleaseError(
            f"Release {uri} needs feature version {version} of {case.name}, which this code no "
            "longer "
            "has: restore it from feature_code.py in the release."
        )
    digest = case.features[version].code_digest
    if digest != about["code_digest"]:
        raise ReleaseError(
            f"Release {uri} was made by feature code {about['code_digest']}, here is {digest} "
            "under the "
            f"same version {version}: a change needs a new version; restore feature_code.py."
        )


def check_golden(uri: str, release: Release) -> None:
    """Refuse a release that does not repeat its frozen answers.

    Parameters
    ----------
    uri : str
        The address of the release, for the sentence.
    release : Release
        Loaded.

    Raises
    ------
    ReleaseError
        If an answer is off by more than 1e-12, the last digit that predictions are rounded to.
    """
    rows = pd.DataFrame(release.golden["requests"])
    rows["date"] = pd.to_datetime(rows["date"]).astype("datetime64[s]")
    frozen = release.golden["state"]
    states = States({dt.date.fromisoformat(frozen["date"]): frozen["values"]})
    answers = release.predict(rows, states)
    worst = float(np.max(np.abs(answers - np.asarray(release.golden["answers"]))))
    if not worst <= 1e-12:
        raise ReleaseError(
            f"Release {uri} answers its frozen requests differently (by up to {worst:.3g}): "
            "it is not the release that was saved; do not serve it."
        )
