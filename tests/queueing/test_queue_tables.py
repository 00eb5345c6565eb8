"""Tables of jobs, and the jobs that are made of them."""

from __future__ import annotations

import pytest
from test_queue_values import WORKFLOW

from skyreels_core.errors import InputError
from skyreels_core.queueing.jobs import JobFactory, parted, read_table, upload_name


@pytest.fixture
def table(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "jobs.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.fixture
def factory():
    """For a server that has one picture."""
    return JobFactory(
        WORKFLOW, lambda file: 1 if (file.subfolder, file.filename) == ("old", "a.png") else None
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
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
        ("", "a header of node.input columns"),
        (" , ,\n", "is empty"),
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


@pytest.mark.parametrize(("end", "encoding"), [("\r\n", "cp1252"), ("\r", "mac_roman")])
def test_a_plain_csv_of_excel_is_read_and_said(table, caplog, end, encoding):
    columns, (row,) = read_table(table(end.join(["name;4.cfg", "Größe Zoë;2,5", ""]), encoding))
    assert (columns, row.cells) == (["name", "4.cfg"], {"name": "Größe Zoë", "4.cfg": "2,5"})
    assert f"it is read as {encoding}" in caplog.text


@pytest.mark.parametrize("encoding", ["cp1251", "gbk", "shift_jis"])
def test_another_encoding_is_named_as_such(table, encoding):
    text = {"cp1251": "привет", "gbk": "你好世界", "shift_jis": "こんにちは"}[encoding]
    with pytest.raises(InputError, match="not in UTF-8; save the table as 'CSV UTF-8'"):
        read_table(table(f"name\n{text}\n", encoding))


def test_a_line_for_excel_alone_says_what_parts_the_cells(table):
    columns, (row,) = read_table(table("sep=;\r\nname;Words.text\r\nanna;a, b, c, d\r\n", "utf-8-sig"))
    assert (columns, row.number, row.cells) == (
        ["name", "Words.text"], 2, {"name": "anna", "Words.text": "a, b, c, d"}
    )  # fmt: skip


@pytest.mark.parametrize("line", ["SEP = \t", '"sep=\t"'])
def test_that_line_may_name_a_tab_and_have_blanks(table, line):
    columns, (row,) = read_table(table(f"{line}\r\nname\tWords.text\r\nanna\ta; b, c, d\r\n"))
    assert columns == ["name", "Words.text"] and row.cells["Words.text"] == "a; b, c, d"


def test_a_quotation_mark_without_its_other_half_is_refused(table):
    with pytest.raises(InputError, match=r"from 'a big smile,12' on, all rows are in one cell\. Close it"):
        read_table(table('Words.text,4.steps\n"a big smile,12\nanother,13\n'))
    _, rows = read_table(table('Words.text,4.steps\na 5" screen,12\nanother,13\n'))
    assert rows[0].cells["Words.text"] == 'a 5" screen'


def test_blanks_around_cells_and_what_is_left_empty_are_nothing(table):
    text = ";;\n name ;4.steps;;\n\u00a0anna\u00a0; 12 ; ;\n;;\n \u00a0;;\n"
    columns, (row,) = read_table(table(text))
    assert (columns, row.number, row.cells) == (["name", "4.steps"], 3, {"name": "anna", "4.steps": "12"})


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04" + bytes(60), r"an Excel workbook \(\.xlsx\)"),
        (b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "an OpenDocument spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"an Excel workbook \(\.xls\)"),
        (b"<!DOCTYPE html><html><title>Sheets</title>", "a web page"),
        (b'{"1": {}}', "a JSON file"),
    ],
)
def test_a_workbook_is_named_with_how_to_make_a_table_of_it(tmp_path, content, kind):
    (tmp_path / "jobs.csv").write_bytes(content)
    with pytest.raises(InputError, match=rf"jobs\.csv is {kind}.*not a CSV table. Export it as 'CSV UTF-8'"):
        read_table(tmp_path / "jobs.csv")


@pytest.mark.parametrize("written", ['"{}"', " {} ", "'{}'", "\u201c{}\u201d", "file://{}"])
def test_a_path_that_was_copied_with_quotes_or_blanks_is_found(factory, table, tmp_path, written):
    face = tmp_path / "my face.png"
    face.write_bytes(b"face")
    cell = written.format(face).replace('"', '""')
    (job,) = factory.jobs("talk", [], table(f'1.image\n"{cell}"\n'))
    assert job.uploads[0].path == face.resolve()


def test_a_name_with_quotes_of_its_own_is_taken_as_it_is(factory, table, tmp_path):
    (tmp_path / "'a'.png").write_bytes(b"face")
    (tmp_path / "a.png").write_bytes(b"another")
    (job,) = factory.jobs("talk", [], table("1.image\n'a'.png\n"))
    assert job.uploads[0].path.name == "'a'.png"


def test_settings_hold_for_all_rows_and_a_row_goes_over_them(factory, table):
    path = table("name,Words.text,4.steps\nanna,hello,\n,,30\n")
    anna, third = factory.jobs("talk", ["Sampler.steps=5", "Words.text=a=b"], path)
    assert (anna.label, anna.name) == ("anna", "anna")
    assert (third.label, third.name) == ("row 3", None)
    assert [job.prompt["4"]["inputs"]["steps"] for job in (anna, third)] == [5, 30]
    assert [job.prompt["2"]["inputs"]["text"] for job in (anna, third)] == ["hello", "a=b"]


def test_without_a_table_there_is_one_job(factory):
    (job,) = factory.jobs("talk", [], None)
    assert (job.label, job.name, job.prompt) == ("talk", None, WORKFLOW.prompt)


def test_a_local_file_is_uploaded_under_a_name_of_its_content(factory, table, tmp_path):
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "Zoë 1.PNG").write_bytes(b"face")
    (job,) = factory.jobs("talk", [], table("1.image\nfaces/Zoë 1.PNG\n"))
    (upload,) = job.uploads
    name = "skyreels-audio/Zo-1-" + upload.file.filename[5:21] + ".png"
    assert job.prompt["1"]["inputs"]["image"] == name
    assert upload.path == (tmp_path / "faces" / "Zoë 1.PNG").resolve()
    (tmp_path / "faces" / "Zoë 1.PNG").write_bytes(b"another")
    assert upload_name(upload.path) != upload.file.filename


def test_a_picture_of_the_server_keeps_its_name_and_one_of_nobody_is_refused(factory, table):
    (job,) = factory.jobs("talk", ["1.image=old/a.png"], None)
    assert job.uploads == [] and job.prompt["1"]["inputs"]["image"] == "old/a.png"
    with pytest.raises(InputError, match=r"Row 2: 'old/b.png' is neither a file here nor in the server's"):
        factory.jobs("talk", [], table("1.image\nold/b.png\n"))


def test_a_wrong_cell_is_named_by_its_row_and_a_wrong_column_by_its_header(factory, table):
    with pytest.raises(InputError, match=r"^Row 3: 'steps' of node 4"):
        factory.jobs("talk", [], table("4.steps\n1\nmany\n"))
    with pytest.raises(InputError, match=r"'many' is not\. It is in the column 'Sampler\.steps'"):
        factory.jobs("talk", [], table("Sampler.steps\n1\nmany\n"))
    with pytest.raises(InputError, match=r"^'4\.stops' |^Node 4 .* has no input 'stops'"):
        factory.jobs("talk", [], table("4.stops\n1\n"))


def test_a_setting_needs_an_equals_sign():
    assert parted("a.b=c=d") == ("a.b", "c=d")
    with pytest.raises(InputError, match=r"--set a.b cannot be read; write node.input=value."):
        parted("a.b")
