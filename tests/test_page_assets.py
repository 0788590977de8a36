"""What the pages are made of keeps to the content policy, and each macro works with StrictUndefined."""

from __future__ import annotations

import datetime as dt
import enum
import re
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
MACROS = sorted((ROOT / "templates/macros").glob("*.html"))
VENDORED = sorted(path for path in (ROOT / "static/vendor").iterdir() if path.is_dir())
SPRITE = ROOT / "static/vendor/bootstrap-icons@1.13.2/icons.svg"
FORBIDDEN = {
    "an inline style": re.compile(r"<[^>]*\sstyle\s*=", re.I),
    "a style element": re.compile(r"<style\b", re.I),
    "an inline script": re.compile(r"<script\b(?![^>]*\ssrc=)", re.I),
    "an event attribute": re.compile(r"<[a-z][^>]*\son[a-z]+\s*=", re.I),
    "htmx code that needs eval": re.compile(r"hx-on|\bjs:", re.I),
}


@pytest.fixture
def pages() -> Environment:
    loader = FileSystemLoader(ROOT / "templates")
    environment = Environment(loader=loader, undefined=StrictUndefined, autoescape=True)
    environment.globals.update(asset=lambda path: f"/static/{path}", csrf_token=lambda: "a-token")
    return environment


def macros(pages: Environment, name: str) -> Any:
    return pages.get_template(f"macros/{name}.html").module


def faults_in(markup: str) -> list[str]:
    return [words for words, pattern in FORBIDDEN.items() if pattern.search(markup)]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_template_holds_what_the_content_policy_forbids(path: Path) -> None:
    assert faults_in(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("planted", "fault"),
    [
        ('<p class="a" style="width: 3%">', "an inline style"),
        ("<style>p {}</style>", "a style element"),
        ("<script>alert(1)</script>", "an inline script"),
        ('<a href="/" onclick="x()">', "an event attribute"),
        ('<a hx-on:click="x()">', "htmx code that needs eval"),
    ],
)
def test_the_gate_finds_each_planted_fault(planted: str, fault: str) -> None:
    assert fault in faults_in(planted)


def icons_in(markup: str) -> set[str]:
    calls = re.findall(r"\bicon\((.*?)\)", markup)
    names = [re.findall(r"""["']([a-z0-9-]+)["']""", re.sub(r'== "[a-z]+"', "", call)) for call in calls]
    return {name for found in names for name in found}


def test_every_icon_in_use_is_in_the_sprite() -> None:
    symbols = set(re.findall(r'<symbol id="(.+?)"', SPRITE.read_text(encoding="utf-8")))
    used = {name for path in TEMPLATES for name in icons_in(path.read_text(encoding="utf-8"))}
    assert {"arrow-up", "arrow-down", "search"} <= used
    assert used - symbols == set()


@pytest.mark.parametrize("folder", VENDORED, ids=lambda folder: folder.name)
def test_vendored_code_names_its_version_and_carries_its_licence_but_no_source_map(folder: Path) -> None:
    assert re.fullmatch(r"[A-Za-z-]+@\d+\.\d+\.\d+", folder.name)
    assert (folder / "LICENSE").read_text(encoding="utf-8").strip()
    for path in folder.iterdir():
        assert "sourceMappingURL" not in path.read_text(encoding="utf-8"), path.name


@pytest.mark.parametrize("path", MACROS, ids=lambda path: path.name)
def test_every_macro_that_pages_call_says_what_it_expects(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    public = re.findall(r"{%-? macro ([a-z]\w*)\(.*?%}\s*({#- Expects:)?", text)
    assert public
    assert [name for name, expects in public if not expects] == []


def test_a_time_is_told_in_utc_whatever_its_zone(pages: Environment) -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    told = macros(pages, "dates").moment(dt.datetime(2024, 3, 11, 1, 5, tzinfo=zone))
    assert told == '<time datetime="2024-03-10T23:05:00Z">10 Mar 2024, 23:05 UTC</time>'


def test_a_time_that_is_not_set_is_said_in_words(pages: Environment) -> None:
    assert "not set" in macros(pages, "dates").moment(None)
    assert "not set" in macros(pages, "dates").day(None)


def test_a_field_with_an_error_is_described_by_it_and_escapes_what_was_typed(pages: Environment) -> None:
    errors = ["Too old", "Not a number"]
    drawn = macros(pages, "forms").field("age", "Age", '"><b>', hint="In years", error=errors)
    assert 'aria-describedby="f-age-hint f-age-error"' in drawn
    assert 'aria-invalid="true"' in drawn
    assert "Too old Not a number" in drawn
    assert "<b>" not in drawn


def test_a_password_is_never_sent_back(pages: Environment) -> None:
    assert "secret" not in macros(pages, "forms").field("password", "Password", "secret", type="password")


def test_the_error_summary_links_to_an_input_that_each_kind_of_field_draws(pages: Environment) -> None:
    forms = macros(pages, "forms")
    summary = forms.error_summary({"a": "One", "b": ["Two"], "": "About it all"})
    assert '<a href="#f-a">One</a>' in summary
    assert '<a href="#f-b">Two</a>' in summary
    assert "<li>About it all</li>" in summary
    options = [("x", "X"), ("y", "Y", "more")]
    for drawn in (
        forms.field("a", "A"),
        forms.select("a", "A", options[:1]),
        forms.radios("a", "A", options),
        forms.checkboxes("a", "A", options),
        forms.checkbox("a", "A"),
        forms.textarea("a", "A"),
        forms.datetime_range("A", "a", "b"),
    ):
        assert drawn.count('id="f-a"') == 1


def test_no_error_draws_no_summary(pages: Environment) -> None:
    assert macros(pages, "forms").error_summary({}).strip() == ""


def test_choices_compare_as_text_so_that_a_number_finds_its_option(pages: Environment) -> None:
    forms = macros(pages, "forms")
    assert '<option value="2" selected>' in forms.select("o", "O", [(1, "One"), (2, "Two")], 2)
    assert forms.checkboxes("o", "O", [(1, "One"), (2, "Two")], ["1", 2]).count(" checked") == 2


class State(enum.StrEnum):
    READY = "ready"


def test_an_export_state_is_told_in_a_word_from_an_enum_or_a_text(pages: Environment) -> None:
    status = macros(pages, "status")
    states = ("queued", "BUILDING", State.READY, "failed", "cancelled", "expired")
    words = [re.sub("<.*?>", "", status.export_badge(state)) for state in states]
    assert words == ["Waiting", "Running", "Ready", "Failed", "Cancelled", "Expired"]


@pytest.mark.parametrize(
    ("value", "maximum", "share"), [(None, 10, None), (0, 0, None), (5, 10, "50 %"), (2, 3, "66 %")]
)
def test_progress_says_a_share_only_when_it_is_known(
    pages: Environment, value: int | None, maximum: int, share: str | None
) -> None:
    drawn = macros(pages, "status").progress("Archive", value, maximum)
    assert ("%" in drawn) is (share is not None)
    assert share is None or share in drawn


@pytest.mark.parametrize("points", [[], [(0, 1)], [(0, 1), (5.5, 2)]])
def test_a_sparkline_of_any_length_says_what_it_shows(pages: Environment, points: list[tuple[float, float]]) -> None:
    drawn = macros(pages, "sparkline").sparkline(points, "CD4 <falls>")
    assert drawn.startswith("<svg")
    assert drawn.endswith("</svg>")
    assert 'role="img" aria-label="CD4 &lt;falls&gt;"' in drawn
    assert ("<polyline" in drawn) is (len(points) > 1)


def test_a_file_row_escapes_the_name_everywhere(pages: Environment) -> None:
    drawn = macros(pages, "files").file_row("<img>.pdf", "/d", "PDF", remove_url="/r", kind="PDF")
    assert "<img>" not in drawn
    assert "Remove" in drawn
    assert "Download" in drawn


def test_a_pager_with_nowhere_to_go_draws_nothing(pages: Environment) -> None:
    assert macros(pages, "tables").pager().strip() == ""


def test_a_sorted_column_tells_its_direction(pages: Environment) -> None:
    tables = macros(pages, "tables")
    assert 'aria-sort="descending"' in tables.sort_column("Age", "?sort=age", "descending")
    assert 'aria-sort="none"' in tables.sort_column("Age", "?sort=age")
