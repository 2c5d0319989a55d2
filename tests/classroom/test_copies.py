"""The learner's copies: new where nothing was done, kept where something was."""

from __future__ import annotations

import pytest

from classroom import copies


@pytest.fixture
def root(tmp_path):
    (tmp_path / "notebooks").mkdir()
    for name in ("00_a", "01_b"):
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text(f"{name}, first")
    assert copies.update(tmp_path) == []
    return tmp_path


def texts(root):
    return {p.stem: p.read_text() for p in sorted((root / copies.FOLDER).glob("*.ipynb"))}


def newer(root, name):
    (root / "notebooks" / f"{name}.ipynb").write_text(f"{name}, second")


def mine(root, name, text="mine"):
    (root / copies.FOLDER / f"{name}.ipynb").write_text(text)


def test_the_first_time_all_are_copied(root):
    assert texts(root) == {"00_a": "00_a, first", "01_b": "01_b, first"}
    assert copies.update(root) == []


def test_an_unchanged_copy_follows_the_course(root):
    newer(root, "00_a")
    assert copies.update(root) == [] and texts(root)["00_a"] == "00_a, second"


def test_a_changed_copy_is_kept_and_told_only_where_there_is_a_newer_one(root):
    mine(root, "00_a")
    assert copies.update(root) == []
    newer(root, "00_a")
    newer(root, "01_b")
    for _ in range(2):
        (line,) = copies.update(root)
        assert line.startswith("my-notebooks/00_a.ipynb is yours and was kept") and "rename" in line
    assert texts(root) == {"00_a": "mine", "01_b": "01_b, second"}
    (root / copies.FOLDER / "00_a.ipynb").rename(root / copies.FOLDER / "old.ipynb")
    assert copies.update(root) == []
    assert texts(root) == {"00_a": "00_a, second", "01_b": "01_b, second", "old": "mine"}


def test_a_copy_that_was_deleted_comes_back(root):
    (root / copies.FOLDER / "00_a.ipynb").unlink()
    copies.update(root)
    assert texts(root)["00_a"] == "00_a, first"


@pytest.mark.parametrize("noted", [None, "", "{", "[]", "3"])
def test_without_its_notes_nothing_of_the_learner_is_lost(root, noted):
    mine(root, "00_a")
    notes = root / copies.FOLDER / copies.NOTED
    notes.unlink() if noted is None else notes.write_text(noted)
    (line,) = copies.update(root)
    assert "00_a" in line and texts(root)["00_a"] == "mine"
    newer(root, "01_b")  # the control: 01 was as the course's, so it is known again
    copies.update(root)
    assert texts(root)["01_b"] == "01_b, second"


def test_a_copy_that_was_put_back_by_hand_follows_again(root):
    mine(root, "00_a")
    newer(root, "00_a")
    mine(root, "00_a", "00_a, second")
    assert copies.update(root) == []
    (root / "notebooks" / "00_a.ipynb").write_text("third")
    assert copies.update(root) == [] and texts(root)["00_a"] == "third"
