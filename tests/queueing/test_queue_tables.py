"""Tables of jobs, and the jobs that are made of them."""

from __future__ import annotations

import pytest
from test_queue_values import WORKFLOW

from skyreels_core.errors import InputError
from skyreels_core.queueing.jobs import Desk, parted, read_table, upload_name


@pytest.fixture
def table(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "jobs.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.fixture
def desk():
    """For a server that has one picture."""
    return Desk(WORKFLOW, lambda file: 1 if (file.subfolder, file.filename) == ("old", "a.png") else None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_is_read_as_spreadsheets_write_it(table, encoding, separator, end):
    lines = ("name|Words.text|4.seed", 'Zoë|"a line|and ""another"""|1', "||", "Łukasz||2", "")
    columns, rows = read_table(table(end.join(lines).replace("|", separator), encoding))
    assert columns == ["name", "Words.text", "4.seed"]
    first, second = rows
    assert first.cells == {"name": "Zoë", "Words.text": f'a line{separator}and "another"', "4.seed": "1"}
    assert (second.number, second.cells) == (4, {"name": "Łukasz", "4.seed": "2"})


def test_cells_may_have_lines_and_columns_may_be_left_over(table):
    _, (row,) = read_table(table('Words.text,4.steps,,\n"one\ntwo",3,,\n'))
    assert row.cells == {"Words.text": "one\ntwo", "4.steps": "3"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "with a header of node.input columns"),
        ("4.seed\n", "has a header but no rows"),
        ("4.seed,name\n,\n", "has a header but no rows"),
        ("4.seed,,name\n1,2,a\n", "a column without a header"),
        ("4.seed,4.seed\n1,2\n", "the column '4.seed' twice"),
        ("4.seed,name\n1,a\n2,b,c\n", "Row 3 of"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(table, text, sentence):
    with pytest.raises(InputError, match=sentence):
        read_table(table(text))


def test_another_encoding_is_named_as_such(table):
    with pytest.raises(InputError, match="not in UTF-8"):
        read_table(table("name\nZoë\n", "utf-16"))


def test_settings_hold_for_all_rows_and_a_row_goes_over_them(desk, table):
    path = table("name,Words.text,4.steps\nanna,hello,\n,,30\n")
    anna, third = desk.jobs("talk", ["Sampler.steps=5", "Words.text=a=b"], path)
    assert (anna.label, anna.name) == ("anna", "anna")
    assert (third.label, third.name) == ("row 3", None)
    assert [job.prompt["4"]["inputs"]["steps"] for job in (anna, third)] == [5, 30]
    assert [job.prompt["2"]["inputs"]["text"] for job in (anna, third)] == ["hello", "a=b"]


def test_without_a_table_there_is_one_job(desk):
    (job,) = desk.jobs("talk", [], None)
    assert (job.label, job.name, job.prompt) == ("talk", None, WORKFLOW.prompt)


def test_a_local_file_is_uploaded_under_a_name_of_its_content(desk, table, tmp_path):
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "Zoë 1.PNG").write_bytes(b"face")
    (job,) = desk.jobs("talk", [], table("1.image\nfaces/Zoë 1.PNG\n"))
    (upload,) = job.uploads
    name = "skyreels-audio/Zo-1-" + upload.file.filename[5:21] + ".png"
    assert job.prompt["1"]["inputs"]["image"] == name
    assert upload.path == (tmp_path / "faces" / "Zoë 1.PNG").resolve()
    (tmp_path / "faces" / "Zoë 1.PNG").write_bytes(b"another")
    assert upload_name(upload.path) != upload.file.filename


def test_a_picture_of_the_server_keeps_its_name_and_one_of_nobody_is_refused(desk, table):
    (job,) = desk.jobs("talk", ["1.image=old/a.png"], None)
    assert job.uploads == [] and job.prompt["1"]["inputs"]["image"] == "old/a.png"
    with pytest.raises(InputError, match=r"Row 2: 'old/b.png' is neither a file here nor in the server's"):
        desk.jobs("talk", [], table("1.image\nold/b.png\n"))


def test_a_wrong_cell_is_named_by_its_row_and_a_wrong_column_by_its_header(desk, table):
    with pytest.raises(InputError, match=r"^Row 3: 'steps' of node 4"):
        desk.jobs("talk", [], table("4.steps\n1\nmany\n"))
    with pytest.raises(InputError, match=r"^'4\.stops' |^Node 4 .* has no input 'stops'"):
        desk.jobs("talk", [], table("4.stops\n1\n"))


def test_a_setting_needs_an_equals_sign():
    assert parted("a.b=c=d") == ("a.b", "c=d")
    with pytest.raises(InputError, match=r"--set a.b cannot be read; write node.input=value."):
        parted("a.b")
