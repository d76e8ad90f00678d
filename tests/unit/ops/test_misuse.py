"""A wrong call is told in Vietnamese: what was wrong, how to call, where to read on."""

import click
import pytest

from ebrvt_connect.ops.misuse import misuse_vi


@click.group()
def tool():
    pass


@tool.command()
@click.argument("number", type=int)
@click.option("--why", required=True)
@click.option("--lang", type=click.Choice(["vi", "en"]))
@click.option("--port", type=click.IntRange(0, 9))
@click.option("--share", type=float)
@click.option("--file", "path", type=click.Path(exists=True, dir_okay=False))
@click.option("--folder", type=click.Path(exists=True, file_okay=False))
@click.option("--json", "as_json", is_flag=True)
def go(**_):
    raise click.UsageError("đã có tệp này.")


def told(*call: str) -> str:
    with pytest.raises(click.ClickException) as misuse:
        tool.main(["go", *call], prog_name="tool", standalone_mode=False)
    return misuse_vi(misuse.value)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (["1"], "thiếu --why."),
        (["--why", "x"], "thiếu NUMBER."),
        (["a", "--why", "x"], "giá trị của NUMBER không dùng được, “a” không phải là số nguyên."),
        (["1", "2", "--why", "x"], "thừa tham số: 2."),
        (["1", "--wy", "x"], "không có tùy chọn --wy; có lẽ là --why."),
        (["1", "--why"], "tùy chọn --why cần một giá trị."),
        (["1", "--why", "x", "--json=1"], "tùy chọn --json không nhận giá trị."),
        (["1", "--why", "x", "--lang", "fr"], "“fr” không có trong các giá trị cho phép: 'vi', 'en'."),
        (["1", "--why", "x", "--port", "10"], "10 nằm ngoài khoảng cho phép 0<=x<=9."),
        (["1", "--why", "x", "--share", "a"], "“a” không phải là số."),
        (["1", "--why", "x", "--file", "none"], "giá trị của --file không dùng được, không có “none”."),
        (["1", "--why", "x", "--file", "."], "“.” là thư mục, ở đây cần tệp."),
        (["1", "--why", "x", "--folder", __file__], "là tệp, ở đây cần thư mục."),
        (["1", "--why", "x"], "Gọi lệnh sai: đã có tệp này."),
    ],
    ids=str,
)
def test_each_mistake_is_named_without_english(call, said):
    lines = told(*call).splitlines()
    assert lines[0].startswith("Gọi lệnh sai: ")
    assert lines[0].endswith(said)
    for english in ("Usage", "Error", "Missing", "Invalid", "valid"):
        assert english not in "\n".join(lines)


def test_the_call_is_shown_as_it_should_be():
    assert told("1").splitlines()[1:] == [
        "  Cách gọi: tool go [OPTIONS] NUMBER",
        "  Xem thêm: tool go --help",
    ]


def test_an_unknown_command_is_named():
    with pytest.raises(click.ClickException) as misuse:
        tool.main(["og"], prog_name="tool", standalone_mode=False)
    assert misuse_vi(misuse.value).startswith("Gọi lệnh sai: không có lệnh “og”.")


def test_what_has_no_place_in_a_call_is_told_as_well():
    assert misuse_vi(click.BadParameter("đã có tệp này", param_hint="--xlsx")) == (
        "Gọi lệnh sai: giá trị của --xlsx không dùng được, đã có tệp này."
    )
