"""What a Locust process does in a run: conduct it, take part in it, or both.

Owns the choice. Connected to Locust's ``init`` event, once, whichever locustfile is loaded.
"""

from typing import Any, cast

from locust.env import Environment
from locust.runners import MasterRunner, Runner, WorkerRunner
from locust.web import WebUI

from servecost.core.recipe import RecipeError, load
from servecost.load.distributed.master_end import RemoteSections
from servecost.load.distributed.worker_end import Worker
from servecost.load.expected import NoExpectedAnswers, expected_answers
from servecost.load.plugin.await_workers import Waiting
from servecost.load.plugin.conductor import Conductor
from servecost.load.plugin.options import check, stop
from servecost.load.plugin.web_guard import guard
from servecost.load.plugin.web_tab import show
from servecost.load.run_spec import Participant
from servecost.load.workers import LocalSections, Sections


def prepare(environment: Environment, runner: Runner | None, web_ui: WebUI | None, **_: Any) -> None:
    """Check the options, and make this process what Locust has started it as."""
    check(environment, runner)
    assert environment.parsed_options is not None
    user_class = cast(type[Participant], environment.user_classes[0])
    try:
        recipe = load(user_class.recipe)
        if isinstance(runner, WorkerRunner):
            Worker(environment, recipe, runner)
            return
        expected = expected_answers(recipe)
    except (RecipeError, NoExpectedAnswers) as error:
        stop(str(error))
    sections: Sections = LocalSections(user_class, recipe)
    if isinstance(runner, MasterRunner):
        sections = RemoteSections(environment, runner)
        if environment.parsed_options.headless or environment.parsed_options.autostart:
            Waiting(environment, runner)
    conductor = Conductor(environment, recipe, expected, sections)
    if web_ui:
        guard(web_ui, environment, conductor)
        show(web_ui, conductor)
