"""Lists of videos in the original P-KAI's form."""

from pathlib import Path

import pytest

from training.datasets.recipe import Recipe, read_recipe, shipped_recipes
from training.datasets.videos import Clip, parse_time, read_clips

HEADER = "filename,ID,start_time,end_time,title\n"


def _write(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "videos.csv"
    path.write_text(HEADER + "\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:26", 26), ("010:01", 601), ("13:40", 820), ("1:02:03", 3723), ("7", 7), ("75:00", 4500), (" 01:02.5 ", 62.5)],
)
def test_times_of_all_forms_are_read(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["010:100", "1:60:00", "", "1:2:3:4", "-1:00", "ab", "1:", "1.5:00", "1e3"])
def test_a_time_that_may_mean_several_things_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write mm:ss or hh:mm:ss"):
        parse_time(text)


def test_a_video_is_named_by_its_id_or_any_address(tmp_path: Path) -> None:
    path = _write(tmp_path, "a,QY8y0vhGNGE,00:02,00:22,x", "b,https://example.org/b.mp4,0,1:00,")
    assert read_clips(path) == (
        [
            Clip("a", "https://www.youtube.com/watch?v=QY8y0vhGNGE", 2.0, 22.0),
            Clip("b", "https://example.org/b.mp4", 0.0, 60.0),
        ],
        [],
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("a,QY8y0vhGNGE,010:100,13:40,", r"line 3: time '010:100' has 100"),
        ("a,QY8y0vhGNGE,00:22,00:02,", "line 3: a starts at 00:22 and ends at 00:02"),
        ("a,short,00:02,00:22,", "line 3: ID 'short' is neither"),
        ("../a,QY8y0vhGNGE,00:02,00:22,", r"line 3: filename '\.\./a' is no name"),
        ("good,QY8y0vhGNGE,00:02,00:22,", "line 3: good is on an earlier line"),
        ("a,QY8y0vhGNGE", "line 3: time '' cannot be read"),
    ],
)
def test_a_bad_line_is_named_and_does_not_hold_back_the_others(tmp_path: Path, line: str, why: str) -> None:
    clips, problems = read_clips(_write(tmp_path, "good,QY8y0vhGNGE,00:02,00:22,", line))
    assert [clip.name for clip in clips] == ["good"]
    assert len(problems) == 1
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(problems[0])


def test_a_list_without_a_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "videos.csv"
    path.write_text("filename,ID,start_time\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"line 1: needs the columns .*; end_time is missing"):
        read_clips(path)


def test_a_correction_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no b to correct"):
        read_clips(_write(tmp_path, "a,QY8y0vhGNGE,00:02,00:22,"), corrections={"b": {"start_time": "0"}})


def test_the_originals_list_gives_ninety_clips_and_names_the_line_of_the_odd_one(shared_data: Path) -> None:
    clips, problems = read_clips(shared_data / "p-kai" / "youtube.csv")
    assert len(clips) == 90
    assert problems == [
        "youtube.csv line 54: time '010:100' has 100 where less than 60 is right; write mm:ss or hh:mm:ss"
    ]
    assert next(clip for clip in clips if clip.name == "psa22").end_s == 601.0


def test_the_recipes_take_all_91_clips_of_the_originals_list_unchanged(shared_data: Path) -> None:
    clips: list[Clip] = []
    for name in ("elise", "psa"):
        spec = read_recipe(shipped_recipes()[name]).clips
        assert spec is not None
        read, problems = read_clips(
            shared_data / "p-kai" / "youtube.csv", prefix=spec.prefix, corrections=spec.corrections
        )
        assert problems == []
        clips += read
    assert len(clips) == len({clip.name for clip in clips}) == 91
    assert next(clip for clip in clips if clip.name == "psa23").start_s == 610.0
    assert all(clip.end_s > clip.start_s for clip in clips)


def test_every_shipped_recipe_says_what_where_and_under_which_licence() -> None:
    recipes: dict[str, Recipe] = {name: read_recipe(path) for name, path in shipped_recipes().items()}
    assert set(recipes) == {"asap", "elise", "expert-novice", "percepiano", "psa"}
    for name, recipe in recipes.items():
        assert recipe.name == name
        assert recipe.what and recipe.source and recipe.licence and recipe.cite
        assert all(file.sha256 for file in recipe.files)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name: x\nwhat: y\nsource: z\nlicence: free\n", "needs files, archives or clips"),
        ("name: x\nwhat: y\nsource: z\nlicence: free\nclip: {}\n", "clip is not known; there is name, what"),
        ("name: ../x\nwhat: y\nsource: z\nlicence: l\nclips: {list: a.csv}\n", "stay inside"),
        ("name: x\nwhat: y\nsource: z\nlicence: l\nfiles: [{url: u, path: /etc/x}]\n", "stay inside"),
        ("name: x\nsource: z\nlicence: l\nclips: {list: a.csv}\n", "missing 1 required keyword-only argument: 'what'"),
        ("name: x\nwhat: y\nsource: z\nlicence: l\narchives: [{url: u, sha256: 00000}]\n", "sha256 0 is none"),
        ("- x\n", "a recipe is a mapping"),
        ("name: [\n", "bad.yaml"),
    ],
)
def test_a_recipe_that_is_wrong_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=why):
        read_recipe(path)
