"""The team's files are read strictly, and every error names file and line."""

import pytest

from service.errors import RulebookError
from service.rulebook.yamlfile import StrictModel, read_front_matter, read_yaml


class Row(StrictModel):
    name: str
    days: int


def write(tmp_path, text, name="x.yaml"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_scalars_stay_as_typed(tmp_path):
    assert read_yaml(write(tmp_path, "a: on\nb: 24:00\nc: 0571\nd: ~\n")).data == {
        "a": "on",
        "b": "24:00",
        "c": "0571",
        "d": "~",
    }


def test_a_key_twice_is_refused_with_both_lines(tmp_path):
    with pytest.raises(RulebookError) as caught:
        read_yaml(write(tmp_path, "a: 1\nb:\n  c: 1\n  c: 2\n"))
    assert caught.value.line == 4
    assert "3" in caught.value.reason


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: x\ndays: 3\nmore: 1\n", 3),
        ("name: x\ndays: soon\n", 2),
        ("name: x\n", 1),
        ("name: [x\ndays: 3\n", 2),
        (b"name: x\ndays: \xb5\xda\n", 2),
    ],
)
def test_errors_name_the_line(tmp_path, text, line):
    with pytest.raises(RulebookError) as caught:
        read_yaml(write(tmp_path, text)).parse(Row)
    assert caught.value.line == line
    assert caught.value.file.endswith("x.yaml")


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(RulebookError) as caught:
        read_yaml(tmp_path / "none.yaml")
    assert "none.yaml" in str(caught.value)


def test_front_matter_lines_count_from_the_top_of_the_file(tmp_path):
    path = write(tmp_path, "---\nname: x\ndays: soon\n---\n# 标题\n", "x.md")
    file, body, offset = read_front_matter(path)
    assert body == "# 标题\n"
    assert offset == 4
    with pytest.raises(RulebookError) as caught:
        file.parse(Row)
    assert caught.value.line == 3
