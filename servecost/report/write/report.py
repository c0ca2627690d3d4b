"""Writes a report into a results folder: table.md, table.csv, the plots, and report.html.

Owns the report's files. The numbers come from ``overhead``, the words and the pictures from the modules beside it; the
tables are written first, and a picture that cannot be drawn costs itself alone.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from servecost.core.reasons import printable
from servecost.core.recipe import ROOT
from servecost.report.computed import Computed
from servecost.report.read import results
from servecost.report.read.tables import CELL, QUANTILES, NoResults
from servecost.report.write import wording
from servecost.report.write.caption import caption, idleness, wall
from servecost.report.write.notes import under_table
from servecost.report.write.pictures import Picture
from servecost.report.write.sections import SECTIONS, Block

__all__ = ["NoResults", "Written", "write"]

TEMPLATE = ROOT / "analysis" / "report.html"
TABLE_MD, TABLE_CSV, REPORT_HTML = "table.md", "table.csv", "report.html"


@dataclass(frozen=True)
class Written:
    """A report that has been written.

    Attributes:
        table: the published table with its caption and verdicts, as Markdown.
        html: the path of the HTML report.
        broken: the rules that rows of the table break.
        problems: which pictures could not be drawn, and why, a line each.
    """

    table: str
    html: Path
    broken: frozenset[str]
    problems: tuple[str, ...]


def write(folder: Path, allowed: Sequence[str] = ()) -> Written:
    """Write the report of a results folder into it.

    Raises NoResults if it is none, or if its runs were made under conditions that differ in more than the ``allowed``
    fields.
    """
    found = results.read(folder, allowed)
    numbers = Computed(found)
    table = "\n".join(_tables(numbers))
    (folder / TABLE_MD).write_text(table, encoding="utf-8")
    with_percentiles(numbers.summary, found.response_times).to_csv(folder / TABLE_CSV, index=False, encoding="utf-8")
    page = _Page(folder)
    html = folder / REPORT_HTML
    html.write_text(page.html(numbers), encoding="utf-8")
    broken = frozenset(numbers.summary["rule"]) - {""}
    return Written(table, html.resolve(), broken, tuple(page.problems))


def _tables(numbers: Computed) -> Iterator[str]:
    """Yield each system's table with its notes, and the caption with the last."""
    found, systems = numbers.found, numbers.systems
    for cells in systems:
        is_last = cells is systems[-1]
        beside = [caption(numbers), idleness(found.idle), wall(found.wall), ""] if is_last else []
        table = wording.markdown(wording.published_table(cells))
        yield "\n".join([table, "", *beside, under_table(cells, found.asked), ""])


def with_percentiles(summary: pd.DataFrame, response_times: pd.DataFrame) -> pd.DataFrame:
    """Return a summary with the percentiles of the response times in ms."""
    times = response_times.drop(columns=["requests", "histogram"]).rename(
        columns={name: f"{name}_ms" for name in QUANTILES}
    )
    return summary.merge(times, how="left", on=CELL)


class _Page:
    """The HTML page of a report, whose pictures are files of the results folder, too.

    Attributes:
        problems: which pictures could not be drawn, and why.
    """

    def __init__(self, folder: Path) -> None:
        self.problems: list[str] = []
        self._folder = folder
        self._markdown = MarkdownIt("commonmark", {"html": False}).enable("table")

    def html(self, numbers: Computed) -> str:
        """Return the page; it needs no other file."""
        environment = Environment(
            loader=FileSystemLoader(TEMPLATE.parent, encoding="utf-8"), autoescape=True, undefined=StrictUndefined
        )
        shown = [
            (section.title, [self._shown(block) for block in (section.text, *section.blocks(numbers))])
            for section in SECTIONS
        ]
        return environment.get_template(TEMPLATE.name).render(sections=shown)

    def _shown(self, block: Block) -> Markup:
        if isinstance(block, str):
            return Markup(self._markdown.render(block))
        if isinstance(block, pd.DataFrame):
            return Markup(block.to_html(index=False, border=0))
        return self._drawn(block)

    def _drawn(self, picture: Picture) -> Markup:
        """Return a picture as a part of the page, and write it to its file; words in its place if it cannot be had."""
        path = self._folder / f"{picture.cells['system'].iloc[0]}-{picture.name}.png"
        try:
            content, width = picture.draw()
        except Exception as error:  # noqa: BLE001  # a library that draws may raise anything; the numbers are there
            problem = printable(f"{path.name} could not be drawn: {type(error).__name__}: {error}")
            self.problems.append(problem)
            return Markup("<p><em>{}</em></p>").format(problem)
        path.write_bytes(content)
        image = Markup('<img alt="{}" width="{}" src="data:image/png;base64,{}">')
        return image.format(picture.title, width, base64.b64encode(content).decode())
