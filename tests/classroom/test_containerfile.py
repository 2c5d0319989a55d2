"""What can be seen of a Containerfile without building an image."""

from __future__ import annotations

from classroom import containerfile

TEXT = """FROM python:3.11-slim AS base
WORKDIR /home/bentoml/bento
COPY --chown=bentoml:bentoml ./env/docker ./env/docker/
COPY ./src ./src/
USER bentoml
ENTRYPOINT [ "/home/bentoml/bento/env/docker/entrypoint.sh" ]
"""


def test_a_containerfile_is_looked_at_in_its_folder(tmp_path):
    (tmp_path / "env" / "docker").mkdir(parents=True)
    assert containerfile.missing(TEXT, tmp_path) == ["./src"]
    found = containerfile.looked_at(TEXT, tmp_path)
    assert found["base image"] == "python:3.11-slim"
    assert found["runs as"] == "bentoml"
    assert found["starts"] == "entrypoint.sh"
    assert found["copied and not there"] == "./src"


def test_only_exact_versions_are_pinned(tmp_path):
    folder = tmp_path / "env" / "python"
    folder.mkdir(parents=True)
    (folder / "requirements.txt").write_text("numpy==2.0\npandas>=2\n\nnumpy==2.0\n")
    assert containerfile.pinned(tmp_path) == ["numpy"]
    assert containerfile.installed(tmp_path) == ["numpy"]
