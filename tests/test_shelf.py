"""What was learned is kept, taken again, and learned anew when it is damaged or the examples changed."""

from pathlib import Path

import pytest

from service.rulebook.alike import ByExample
from service.rulebook.facts import load_facts
from service.rulebook.listening import load_listening
from service.rulebook.messages import load_weighings
from service.rulebook.shelf import Shelf, fingerprint
from tests.desk import KNOWLEDGE
from tests.test_alike import SMALL

SAID = "我的快递停在半路三天不动了"


def kept(folder: Path) -> list[Path]:
    """The files on the shelf."""
    return sorted(folder.glob("*.npz"))


def test_what_was_learned_is_taken_again_and_says_the_same(tmp_path):
    first = ByExample(SMALL, shelf=Shelf(tmp_path, "a")).hear(SAID)
    (file,) = kept(tmp_path)
    written = file.stat().st_mtime_ns
    assert ByExample(SMALL, shelf=Shelf(tmp_path, "a")).hear(SAID) == first == ByExample(SMALL).hear(SAID)
    assert file.stat().st_mtime_ns == written


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a file", b"nothing of ours" * 50])
def test_a_damaged_file_is_learned_anew(tmp_path, content):
    expected = ByExample(SMALL, shelf=Shelf(tmp_path, "a")).hear(SAID)
    (file,) = kept(tmp_path)
    file.write_bytes(content)
    assert ByExample(SMALL, shelf=Shelf(tmp_path, "a")).hear(SAID) == expected
    assert file.read_bytes() != content


def test_what_older_examples_taught_does_not_stay(tmp_path):
    ByExample(SMALL, shelf=Shelf(tmp_path, "old")).hear(SAID)
    ByExample(SMALL, shelf=Shelf(tmp_path, "new")).hear(SAID)
    assert [file.name[:3] for file in kept(tmp_path)] == ["new"]


def test_a_folder_that_cannot_be_written_only_means_learning_once_more(tmp_path):
    (tmp_path / "file").write_text("in the way", "utf-8")
    assert ByExample(SMALL, shelf=Shelf(tmp_path / "file", "a")).hear(SAID) is not None


def test_the_fingerprint_follows_the_examples(tmp_path):
    path = tmp_path / "examples" / "x.yaml"
    path.parent.mkdir()
    path.write_text("a", "utf-8")
    before = fingerprint(tmp_path)
    path.write_text("b", "utf-8")
    assert fingerprint(tmp_path) != before


def test_labelled_messages_teach_and_say_which_values_they_speak_of(tmp_path):
    (tmp_path / "m.yaml").write_text(
        "leads:\n  原因: {add: 0.4}\nmessages:\n"
        + "".join(
            f"  - {{said: 快递停在半路{word}没动静, heard: {{原因: [延误]}}}}\n" for word in ("三天", "一周", "好久")
        ),
        "utf-8",
    )
    facts = load_facts(KNOWLEDGE / "facts.yaml")
    (weighing,) = load_weighings(tmp_path, facts, [ByExample(SMALL)])
    scores = weighing.scores("快递停在半路好几天没动静")
    assert max(scores, key=scores.get) == "延误"
    assert weighing.told == {"延误", "没说"}


def test_what_a_folder_of_examples_teaches_is_kept_and_taken_again(tmp_path, monkeypatch):
    facts = load_facts(KNOWLEDGE / "facts.yaml")
    folder = tmp_path / "reading"
    (folder / "examples").mkdir(parents=True)
    (folder / "examples" / "x.yaml").write_text(
        "fact: 原因\nridge: 1\nmargin: 0.1\nsilent: [没说]\n"
        "examples:\n  延误: [快递三天不动了, 等了三天还没到]\n  没说: [在吗, 谢谢你, 你在吗]\n",
        "utf-8",
    )
    for one in load_listening(folder, facts, tmp_path / "learned").by_example:
        one.learn()
    assert len(kept(tmp_path / "learned")) == 1
    monkeypatch.setattr("service.rulebook.alike.Learned", None)  # whoever learns now fails
    (again,) = load_listening(folder, facts, tmp_path / "learned").by_example
    assert again.hear("快递三天不动了").value == "延误"
    assert again.nearest("快递三天不动了", "延误") == "快递三天不动了"
