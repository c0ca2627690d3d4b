"""Publishes results: their tables, the page, the README's answer, the pictures, the notebook's outputs.

Owns which files these are. All others can be made again from the tables alone.
"""

from pathlib import Path

from servecost.core.layout import EXPERIMENT_JSON
from servecost.report import overhead
from servecost.report.read import published, results
from servecost.report.write import page, plots, readme, report

PAGE = Path("docs", "benchmarks.md")
NOTEBOOK = Path("analysis", report.NOTEBOOK.name)
PICTURES = {
    Path("docs", "overhead.png"): plots.overhead_per_request,
    Path("docs", "served-against-baseline.png"): plots.served_against_baseline,
    Path("docs", "where-the-seconds-go.png"): plots.where_the_seconds_go,
}


def publish(folder: Path, root: Path) -> None:
    """Publish a results folder in the repository at ``root``.

    Raises NoResults if it is none, or has results of several systems.
    """
    found = results.read(folder)
    if len(set(found.plan["system"])) > 1:
        raise results.NoResults(f"{folder} has results of several systems; the page is of one")
    target = root / "docs" / "results" / folder.resolve().name
    published.write(found, folder / EXPERIMENT_JSON, target)
    found = results.read(target)
    summary = overhead.summary(overhead.pairs(found))
    (root / PAGE).write_text(page.page(found, target.name))
    readme_path = root / "README.md"
    readme_path.write_text(readme.with_answer(readme_path.read_text(), found))
    for path, plot in PICTURES.items():
        report.save(plot(summary), root / path)
    report.write_notebook(target, root / NOTEBOOK)
