"""Publishes results: their tables, the page, the README's answer, the pictures, the notebook's outputs.

Owns which files these are. All others can be made again from the tables alone.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from servecost.core.layout import EXPERIMENT_JSON
from servecost.report.computed import Computed
from servecost.report.read import published, results
from servecost.report.write import again as again_section
from servecost.report.write import free_choice, notebook, page, plots, readme, systems_page
from servecost.report.write.pictures import save

RESULTS = Path("docs", "results")
FREE_CHOICE = RESULTS / "choices"  # of an experiment in which the system chose by itself
AGAIN = RESULTS / "again"  # of cells that were measured again
PAGE = Path("docs", "benchmarks.md")
SYSTEMS_PAGE = Path("docs", "systems.md")
NOTEBOOK = Path("analysis", notebook.NOTEBOOK.name)
PICTURES = {
    Path("docs", "overhead.png"): plots.overhead_per_request,
    Path("docs", "served-against-baseline.png"): plots.served_against_baseline,
    Path("docs", "where-the-seconds-go.png"): plots.where_the_seconds_go,
}


def publish(
    folder: Path, root: Path, free: Path | None = None, again: Path | None = None, allowed: Sequence[str] = ()
) -> None:
    """Publish a results folder in the repository at ``root``.

    Results of several systems make the page of systems instead, with its pictures. ``free``: the results folder of an
    experiment in which the system chose by itself what is fixed in the other; ``again``: that of cells that were
    measured again; by default, what has been published of either. ``allowed``: the fields of their conditions that may
    differ among the runs of a folder.
    Raises NoResults if one of them is none, and Unlike if ``again`` cannot be compared with the page.
    """
    target = root / RESULTS / folder.resolve().name
    _keep(folder, target, allowed)
    for given, kept in ((free, FREE_CHOICE), (again, AGAIN)):
        if given:
            _keep(given, root / kept, allowed)
    numbers = Computed(results.read(target))
    if len(numbers.systems) > 1:
        (root / SYSTEMS_PAGE).write_text(systems_page.page(numbers, target.name), encoding="utf-8")
        for recipe, own in numbers.summary.groupby("recipe", sort=False):
            save(plots.side_by_side, own, (root / SYSTEMS_PAGE).with_name(systems_page.picture_of(str(recipe))))
        return
    (root / PAGE).write_text(page.page(numbers, target.name, list(beside(root, target))), encoding="utf-8")
    readme_path = root / "README.md"
    readme_path.write_text(readme.with_answer(readme_path.read_text(encoding="utf-8"), numbers), encoding="utf-8")
    for path, plot in PICTURES.items():
        save(plot, numbers.summary, root / path)
    notebook.write(target, root / NOTEBOOK)


def beside(root: Path, page_results: Path) -> Iterator[str]:
    """Yield the sections of the page on what else has been published beside its own results."""
    if published.is_there(root / FREE_CHOICE):
        yield free_choice.section(Computed(results.read(root / FREE_CHOICE)))
    if published.is_there(root / AGAIN):
        yield again_section.section(page_results, root / AGAIN)


def _keep(folder: Path, target: Path, allowed: Sequence[str]) -> None:
    """Write the tables of a results folder to ``target``."""
    published.write(results.read(folder, allowed), folder / EXPERIMENT_JSON, target)
