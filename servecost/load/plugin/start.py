"""The start of a Locust process.

Owns the choice of what the process does in a run. Connected to Locust's ``init`` event, once, whichever locustfile is
loaded.
"""

from typing import Any, cast

from locust.env import Environment
from locust.runners import MasterRunner, Runner, WorkerRunner
from locust.web import WebUI

from servecost.core import systems
from servecost.core.recipe import RecipeError, load
from servecost.load.distributed.master_end import RemoteWorkers
from servecost.load.distributed.worker_end import WorkerEnd
from servecost.load.expected import NoExpectedAnswers, find_expected_answers
from servecost.load.local_worker import LocalWorker
from servecost.load.plugin.await_workers import AwaitWorkers
from servecost.load.plugin.conductor import Conductor
from servecost.load.plugin.options import check, stop
from servecost.load.plugin.web_guard import guard
from servecost.load.plugin.web_tab import add_tab
from servecost.load.run_spec import LoadUser
from servecost.load.workers import Workers


def set_up(environment: Environment, runner: Runner | None, web_ui: WebUI | None, **_: Any) -> None:
    """Validate the options and set this process up as master, worker or both."""
    check(environment, runner)
    assert environment.parsed_options is not None
    user_class = cast(type[LoadUser], environment.user_classes[0])
    try:
        recipe = load(user_class.recipe)
        if isinstance(runner, WorkerRunner):
            WorkerEnd(environment, recipe, runner)
            return
        systems.load(environment.parsed_options.system)
        expected = find_expected_answers(recipe)
    except (RecipeError, systems.UnknownSystem, NoExpectedAnswers) as error:
        stop(str(error))
    workers: Workers = LocalWorker(user_class, recipe)
    if isinstance(runner, MasterRunner):
        workers = RemoteWorkers(environment, runner)
        if environment.parsed_options.headless or environment.parsed_options.autostart:
            AwaitWorkers(environment, runner)
    conductor = Conductor(environment, recipe, expected, workers)
    if web_ui:
        guard(web_ui, environment, conductor)
        add_tab(web_ui, conductor)
