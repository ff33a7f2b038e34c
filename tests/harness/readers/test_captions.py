"""Files of captions: what is read, what is a defect, and what stops the run with all mistakes at once."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DataError, MissingDataError
from harness.readers.karpathy import KarpathyReader
from harness.readers.nwpu_captions import NwpuCaptionReader
from harness.readers.rsieval import RsievalCaptionReader
from harness.readers.vrsbench_captions import VrsbenchCaptionReader
from harness.records import Sample


def image(name: str = "1.jpg", split: str = "test", *texts: str, **changes: Any) -> dict[str, Any]:
    return {"filename": name, "split": split, "sentences": [{"raw": text} for text in texts], **changes}


def write(root: Path, file: str, content: Any, *pictures: str) -> Path:
    (root / file).write_text(json.dumps(content))
    for picture in pictures:
        (root / picture).parent.mkdir(parents=True, exist_ok=True)
        (root / picture).touch()
    return root


def karpathy(root: Path, *rows: Any, pictures: tuple[str, ...] = ("imgs/1.jpg",), **options: Any) -> list[Sample]:
    return list(KarpathyReader(**options).samples(write(root, "dataset.json", {"images": list(rows)}, *pictures)))


def test_an_image_becomes_a_sample_with_all_its_sentences(tmp_path: Path) -> None:
    (sample,) = karpathy(tmp_path, image("2.jpg", "train", "x"), image("1.jpg", "test", "A plane .", "", "A plane ."))
    assert (sample.id, sample.image_id, sample.defect) == ("1.jpg", "1.jpg", None)
    assert sample.target.texts == ("A plane .", "", "A plane .")
    assert sample.images[0].path == tmp_path / "imgs/1.jpg"
    assert [found.id for found in karpathy(tmp_path, image("2.jpg", "train", "x"), split="train")] == ["2.jpg"]


def test_an_image_without_words_or_file_is_a_defect(tmp_path: Path) -> None:
    wordless, lost, outside = karpathy(
        tmp_path, image("1.jpg", "test", " "), image("3.jpg", "test", "x"), image("../../etc/passwd", "test", "x")
    )
    assert wordless.defect == "dataset.json: images[0]: image 1.jpg has no caption"
    assert lost.defect is not None
    assert "3.jpg is not in" in lost.defect
    assert outside.images == ()
    assert outside.defect is not None
    assert "outside its root" in outside.defect


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        karpathy(
            tmp_path, image("1.jpg"), image("1.jpg"), {"file": 1}, image(sentences=[{"row": "x"}, 7], filename="4.jpg")
        )
    for part in (
        "images[1].filename: '1.jpg' stands in images[0].filename already",
        "images[2].filename: missing",
        "images[3].sentences[0].raw: missing; expected text. Did you mean 'row'?",
        "images[3].sentences[1]: expected an object, found a whole number, 7",
    ):
        assert part in str(caught.value)


def test_a_split_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no image is of the split 'tset'.*Did you mean 'test'\?"):
        karpathy(tmp_path, image("1.jpg", "test", "x"), split="tset")


def test_the_real_files(shared: Path) -> None:
    samples = list(KarpathyReader().samples(shared / "data/real/UCM_captions"))
    assert [(sample.id, len(sample.target.texts), sample.defect) for sample in samples] == [
        (f"{number}.jpg", 5, None) for number in (1, 2, 3, 4)
    ]
    assert samples[0].target.texts[0] == "Two white round storage tanks stand on bare land next to trees ."


def nwpu_row(name: str, split: str = "test", **changes: Any) -> dict[str, Any]:
    return {"filename": name, "split": split, "raw": "a", **{f"raw_{n}": "" for n in (1, 2, 3, 4)}, **changes}


def test_nwpu_has_a_table_and_a_folder_for_each_class(tmp_path: Path) -> None:
    table = {
        "airport": [nwpu_row("airport_1.jpg"), nwpu_row("airport_2.jpg", "val")],
        "beach": [nwpu_row("beach_1.jpg")],
    }
    write(tmp_path, "dataset_nwpu.json", table, "NWPU_images/airport/airport_1.jpg", "NWPU_images/beach/other.jpg")
    first, second = NwpuCaptionReader().samples(tmp_path)
    assert (first.id, first.tags, first.defect) == ("airport/airport_1.jpg", {"scene": "airport"}, None)
    assert first.target.texts == ("a", "", "", "", "")
    assert second.defect is not None
    assert "beach_1.jpg is not in" in second.defect


def test_nwpu_mistakes(tmp_path: Path) -> None:
    table = {"airport": [nwpu_row("1.jpg"), nwpu_row("1.jpg"), {"filename": "x"}], "beach": 5}
    write(tmp_path, "dataset_nwpu.json", table)
    with pytest.raises(DataError) as caught:
        list(NwpuCaptionReader().samples(tmp_path))
    for part in (
        "airport[2].split: missing",
        "beach: expected a list",
        "airport[1]: 'airport/1.jpg' stands in airport[0]",
    ):
        assert part in str(caught.value)
    write(tmp_path, "dataset_nwpu.json", [1])
    with pytest.raises(DataError, match="expected an object with a list for each class, found a list"):
        list(NwpuCaptionReader().samples(tmp_path))
    write(tmp_path, "dataset_nwpu.json", {"airport": [nwpu_row("1.jpg")]})
    with pytest.raises(DataError, match=r"no image is of the split 'dev'\. Splits there: test"):
        list(NwpuCaptionReader(split="dev").samples(tmp_path))


def test_rsieval_reads_captions_and_another_key(tmp_path: Path) -> None:
    rows = [{"filename": "P1.png", "caption": "Long.", "text": "Other.", "qa_pairs": []}]
    write(tmp_path, "annotations.json", {"annotations": rows}, "images/P1.png")
    (sample,) = RsievalCaptionReader().samples(tmp_path)
    assert (sample.id, sample.target.texts, sample.defect) == ("P1.png", ("Long.",), None)
    (other,) = RsievalCaptionReader(caption="text").samples(tmp_path)
    assert other.target.texts == ("Other.",)
    with pytest.raises(
        DataError, match=r"annotations\[0\]\.captions: missing; expected text\. Did you mean 'caption'\?"
    ):
        list(RsievalCaptionReader(caption="captions").samples(tmp_path))


def test_vrsbench_reads_its_list(tmp_path: Path) -> None:
    row = {"image_id": "P1.png", "question": "Describe", "ground_truth": "Long.", "question_id": 7, "dataset": "DOTA"}
    write(tmp_path, "VRSBench_EVAL_Cap.json", [row, {**row, "question_id": 8, "dataset": 3}], "Images_val/P1.png")
    first, second = VrsbenchCaptionReader().samples(tmp_path)
    assert (first.id, first.image_id, first.fields) == ("7", "P1.png", {"question": "Describe"})
    assert (first.tags, second.tags) == ({"dataset": "DOTA"}, {})
    write(tmp_path, "VRSBench_EVAL_Cap.json", [row, row, {}])
    with pytest.raises(DataError, match=r"(?s)\[2\]\.image_id: missing.*\[1\]\.question_id: '7' stands in \[0\]"):
        list(VrsbenchCaptionReader().samples(tmp_path))
    write(tmp_path, "VRSBench_EVAL_Cap.json", {})
    with pytest.raises(DataError, match="expected a list of rows, found an object"):
        list(VrsbenchCaptionReader().samples(tmp_path))


@pytest.mark.parametrize(
    ("reader", "file"),
    [
        (KarpathyReader(), "dataset.json"),
        (NwpuCaptionReader(), "dataset_nwpu.json"),
        (RsievalCaptionReader(), "annotations.json"),
        (VrsbenchCaptionReader(), "VRSBench_EVAL_Cap.json"),
    ],
)
def test_an_absent_file_is_named(tmp_path: Path, reader: Any, file: str) -> None:
    with pytest.raises(MissingDataError, match=file):
        list(reader.samples(tmp_path))
