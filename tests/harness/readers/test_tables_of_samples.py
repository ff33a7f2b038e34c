"""The readers whose columns the task file names: JSON, CSV, parquet and `datasets` give the same samples."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from harness.errors import ConfigurationError, DataError, EnvironmentProblem, MissingDataError
from harness.interfaces import Reader
from harness.readers.csv_table import CsvReader
from harness.readers.huggingface import DatasetsReader
from harness.readers.json_lines import JsonLinesReader
from harness.readers.json_rows import JsonReader
from harness.readers.parquet import ParquetReader
from harness.records import Sample

ROWS = [
    {"n": "7", "text": "Is it red?", "gt": "yes", "kind": "colour", "pic": "a.png"},
    {"n": "8", "text": "How many?", "gt": "3", "kind": "number", "pic": "b.png"},
]
COLUMNS: dict[str, Any] = {
    "fields": {"question": "text"}, "target": "gt", "id": "n", "image": "pic", "images": "imgs",
    "tags": {"type": "kind"}, "rename": {"type": {"number": "count"}},
}  # fmt: skip


def write_json(root: Path, rows: list[dict[str, Any]], **options: Any) -> Reader:
    (root / "t.json").write_text(json.dumps(rows))
    return JsonReader("t.json", **options)


def write_lines(root: Path, rows: list[dict[str, Any]], **options: Any) -> Reader:
    (root / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return JsonLinesReader("t.jsonl", **options)


def write_csv(root: Path, rows: list[dict[str, Any]], **options: Any) -> Reader:
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    (root / "t.csv").write_text("\ufeff" + "\r\n".join(lines) + "\r\n", "utf-8")
    return CsvReader("t.csv", **options)


def write_parquet(root: Path, rows: list[dict[str, Any]], **options: Any) -> Reader:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(rows), root / "t.parquet")
    return ParquetReader("t.parquet", **options)


def write_datasets(root: Path, rows: list[dict[str, Any]], **options: Any) -> Reader:
    from datasets import Dataset, DatasetDict

    DatasetDict({"test": Dataset.from_list(rows)}).save_to_disk(str(root / "hub"))
    return DatasetsReader("hub", split="test", **options)


WRITERS = [write_json, write_lines, write_csv, write_parquet, write_datasets]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GEOPIX_CACHE", str(tmp_path / "cache"))
    data = tmp_path / "data"
    (data / "imgs").mkdir(parents=True)
    for name, colour in (("a.png", "red"), ("b.png", "blue")):
        Image.new("RGB", (4, 4), colour).save(data / "imgs" / name)
    return data


@pytest.mark.parametrize("write", WRITERS)
def test_all_tables_give_the_same_samples(root: Path, write: Callable[..., Reader]) -> None:
    first, second = write(root, ROWS, **COLUMNS).samples(root)
    assert (first.id, second.id) == ("7", "8")
    assert first.fields == {"question": "Is it red?"}
    assert first.target.texts == ("yes",)
    assert first.images[0].path == root / "imgs" / "a.png"
    assert (first.tags, second.tags) == ({"type": "colour"}, {"type": "count"})
    assert first.defect is second.defect is None


@pytest.mark.parametrize("write", WRITERS)
def test_all_mistakes_of_a_table_are_told_at_once(root: Path, write: Callable[..., Reader]) -> None:
    with pytest.raises(DataError) as caught:
        list(write(root, [{**row, "n": 7} for row in ROWS], **{**COLUMNS, "target": "gtt"}).samples(root))
    assert str(caught.value).count("the key 'gtt' is missing. Did you mean 'gt'?") == 2
    with pytest.raises(DataError, match="the id '7' stands in .* already"):
        list(write(root, [{**row, "n": 7} for row in ROWS], **COLUMNS).samples(root))


@pytest.mark.parametrize("write", WRITERS)
def test_an_absent_image_and_one_outside_are_defects(root: Path, write: Callable[..., Reader]) -> None:
    rows = [{**ROWS[0], "pic": "x.png"}, {**ROWS[1], "pic": "../../../x.png"}]
    absent, outside = write(root, rows, **COLUMNS).samples(root)
    assert "x.png is not in" in (absent.defect or "")
    assert "outside its root" in (outside.defect or "")


@pytest.mark.parametrize(
    "reader", [JsonReader("t.json"), CsvReader("t.csv"), ParquetReader("t.parquet"), DatasetsReader("hub")]
)
def test_an_absent_table_says_where_it_was_looked_for(root: Path, reader: Reader) -> None:
    with pytest.raises(MissingDataError, match="does not exist; expected the data set's rows there"):
        list(reader.samples(root))


@pytest.mark.parametrize("reader", [JsonReader("../t"), CsvReader("../t"), ParquetReader("../t"), DatasetsReader("..")])
def test_a_table_outside_the_data_is_refused(root: Path, reader: Reader) -> None:
    with pytest.raises(DataError, match="outside its root"):
        list(reader.samples(root))


def nested(root: Path, content: Any, rows: list[str], **options: Any) -> list[Sample]:
    (root / "t.json").write_text(json.dumps(content))
    return list(JsonReader("t.json", rows=rows, **options).samples(root))


def test_lists_within_lists_have_what_is_around_them(root: Path) -> None:
    pairs = [{"question": "a?", "answer": "1"}, {"question": "b?", "answer": "2"}]
    content = {"annotations": [{"filename": "a.png", "qa_pairs": pairs}, {"filename": "b.png", "qa_pairs": pairs[:1]}]}
    samples = nested(root, content, ["annotations", "qa_pairs"], target="answer", image="filename", images="imgs")
    assert [(s.id, s.image_id, s.target.texts[0]) for s in samples] == [
        ("1", "a.png", "1"), ("2", "a.png", "2"), ("3", "b.png", "1"),
    ]  # fmt: skip
    samples = nested(root, {"a.png": pairs, "b.png": []}, ["*"], image="*", images="imgs")
    assert [(s.image_id, s.fields["question"]) for s in samples] == [("a.png", "a?"), ("a.png", "b?")]


@pytest.mark.parametrize(
    ("content", "rows", "words"),
    [
        ({"a": []}, [], "expected a list of objects, found an object"),
        ({"a": []}, ["b"], "expected the list 'b'; found the keys 'a'"),
        ({"a": [{"b": 3}]}, ["a", "b"], "a[0].b: expected a list of objects, found a whole number, 3"),
        ({"a": [{"c": 3}, "x"]}, ["a", "b"], "a[0]: expected the list 'b'; found the keys 'c'\nt.json: a[1]: expected"),
        ([{"question": "?"}, 3], [], "[1]: expected an object, found a whole number, 3"),
    ],
)
def test_json_of_another_form_is_refused(root: Path, content: Any, rows: list[str], words: str) -> None:
    with pytest.raises(DataError) as caught:
        nested(root, content, rows)
    assert words in str(caught.value)


def test_several_images_boxes_and_lists(root: Path) -> None:
    row = {"q": ["A. road", "B. roof"], "one": "a.png", "two": "b.png", "box": [1, 2, 3, 4], "x": 1, "y": 2}
    (sample,) = write_json(
        root, [row], fields={"choices": "q"}, image=["one", "two"], images="imgs", box="box", box_format="xywh"
    ).samples(root)
    assert [image.id for image in sample.images] == ["a.png", "b.png"]
    assert sample.fields["choices"] == "A. road\nB. roof"
    assert sample.target.boxes == ((1.0, 2.0, 4.0, 6.0),)
    rows = [row | {"box": "1 2 3 4"}, row | {"box": [3, 3, 3, 9]}]
    bad, flat = write_json(root, rows, fields={}, box="box").samples(root)
    assert bad.defect == "t.json: [0]: 'box': expected four numbers (xyxy), found '1 2 3 4'"
    assert flat.defect == "t.json: [1]: 'box': the box [3, 3, 3, 9] (xyxy) has no area"


def test_csv_that_is_none_is_refused(root: Path) -> None:
    (root / "t.csv").write_text("question,a\nyes\nx,y\nx,y,z\n")
    with pytest.raises(DataError) as caught:
        list(CsvReader("t.csv").samples(root))
    assert "line 2: expected 2 cells, as the first line has names, found 1" in str(caught.value)
    assert "line 4: expected 2 cells, as the first line has names, found 3" in str(caught.value)
    (root / "t.csv").write_bytes("question\nWo ist das Häuschen?\n".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8.*Save the table in that encoding"):
        list(CsvReader("t.csv").samples(root))
    (root / "t.csv").write_text('question\n"open\n')
    with pytest.raises(DataError, match="not valid CSV"):
        list(CsvReader("t.csv").samples(root))


def test_tab_separated_tables_are_read(root: Path) -> None:
    (root / "t.tsv").write_text("question\ta\nOne, two?\tx\n")
    (sample,) = CsvReader("t.tsv", delimiter="\t").samples(root)
    assert sample.fields == {"question": "One, two?"}
    with pytest.raises(ConfigurationError, match="`delimiter` must be one character; found '::'"):
        CsvReader("t.tsv", delimiter="::")


def test_parquet_that_is_none_and_an_empty_folder_are_refused(root: Path) -> None:
    (root / "t.parquet").write_text("no")
    with pytest.raises(DataError, match="no parquet file that can be read"):
        list(ParquetReader("t.parquet").samples(root))
    with pytest.raises(DataError, match=r"holds no file that ends in \.parquet"):
        list(ParquetReader("imgs").samples(root))


def test_images_inside_a_table_get_a_path(root: Path) -> None:
    from datasets import Dataset, Features, Value, load_from_disk
    from datasets import Image as ImageFeature

    files = [str(root / "imgs" / name) for name in ("a.png", "b.png", "a.png")]
    features = Features({"question": Value("string"), "image": ImageFeature()})
    data = Dataset.from_dict({"question": ["x"] * 3, "image": files}, features=features)
    data.save_to_disk(str(root / "hub"))
    first, second, third = DatasetsReader("hub", image="image").samples(root)
    assert first.images[0].path.read_bytes() == (root / "imgs" / "a.png").read_bytes()
    assert first.image_id == third.image_id != second.image_id
    assert first.images[0].path.is_relative_to(root.parent / "cache")
    load_from_disk(str(root / "hub")).to_parquet(str(root / "t.parquet"))
    (again, *_) = ParquetReader("t.parquet", image="image").samples(root)
    assert again.images == first.images


def test_images_beside_a_table_must_be_below_the_data(root: Path) -> None:
    (root.parent / "secret.png").write_bytes(b"x")
    paths = [str(root / "imgs" / "a.png"), str(root / "imgs" / "c.png"), str(root.parent / "secret.png")]
    rows = [{"question": "x", "image": {"bytes": None, "path": path}} for path in paths]
    inside, absent, outside = write_parquet(root, rows, image="image").samples(root)
    assert (inside.image_id, inside.defect) == ("imgs/a.png", None)
    assert "c.png does not exist" in (absent.defect or "")
    assert "outside its root" in (outside.defect or "")


def test_folders_and_splits_that_are_not_there_are_named(root: Path) -> None:
    with pytest.raises(DataError, match="is no folder that `datasets` has written with save_to_disk"):
        list(DatasetsReader("imgs").samples(root))
    reader = write_datasets(root, ROWS)
    assert isinstance(reader, DatasetsReader)
    with pytest.raises(DataError, match="has no split 'tset'. Did you mean 'test'"):
        list(DatasetsReader("hub", split="tset").samples(root))


def test_real_tables_are_read(shared: Path) -> None:
    dota = shared / "data/layouts/dota"
    options = {"fields": {"question": "split"}, "target": "version", "image": "image_path"}
    from_csv = list(CsvReader("samples.csv", **options).samples(dota))
    from_parquet = list(ParquetReader("samples.parquet", **options).samples(dota))
    assert len(from_csv) == 15
    assert not [sample.defect for sample in from_csv if sample.defect]
    assert len(from_parquet) == 10  # of another version, whose images are not there
    assert "train/images/P1_0000.png is not in" in (from_parquet[0].defect or "")


@pytest.mark.parametrize(("module", "write"), [("pyarrow", write_parquet), ("datasets", write_datasets)])
def test_a_missing_extra_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch, module: str, write: Callable[..., Reader]
) -> None:
    reader = write(root, ROWS, **COLUMNS)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(EnvironmentProblem, match=r"Install the extra: `pip install 'geopix\[data\]'`"):
        list(reader.samples(root))
