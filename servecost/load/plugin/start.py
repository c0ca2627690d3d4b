"""The start of a Locust process.

Owns the choice of what the process does in a run. Connected to Locust's ``init`` event, once, whichever locustfile is
loaded.
"""

import os
from typing import Any, cast

from locust.env import Environment
from locust.runners import MasterRunner, Runner, WorkerRunner
from locust.web import WebUI

from servecost.core import systems
from servecost.core.console import replace_what_it_cannot_show
from servecost.core.layout import INPUTS
from servecost.core.recipe import RecipeError, load
from servecost.core.system import Unanswerable
from servecost.load.distributed.master_end import RemoteWorkers
from servecost.load.distributed.worker_end import WorkerEnd
from servecost.load.expected import NoExpectedAnswers, find_expected_answers
from servecost.load.local_worker import LocalWorker
from servecost.load.plugin import ctrl_c
from servecost.load.plugin.await_workers import AwaitWorkers
from servecost.load.plugin.conductor import Conductor
from servecost.load.plugin.options import check, stop
from servecost.load.plugin.web_guard import guard
from servecost.load.plugin.web_tab import add_tab
from servecost.load.run_spec import LoadUser
from servecost.load.workers import Workers


def set_up(environment: Environment, runner: Runner | None, web_ui: WebUI | None, **_: Any) -> None:
    """Validate the options and set this process up as master, worker or both."""
    replace_what_it_cannot_show()
    check(environment, runner)
    assert environment.parsed_options is not None
    _take_signals(environment, runner)
    user_class = cast(type[LoadUser], environment.user_classes[0])
    try:
        recipe = load(user_class.recipe)
        if digest := os.environ.get(INPUTS):
            recipe.check_inputs(digest)
        if isinstance(runner, WorkerRunner):
            WorkerEnd(environment, recipe, runner)
            return
        system = systems.load(environment.parsed_options.system)
        expected = find_expected_answers(recipe)
        system.wire(recipe.input_type).check_answers(expected)
    except (RecipeError, systems.UnknownSystem, NoExpectedAnswers, Unanswerable) as error:
        stop(str(error))
    workers: Workers = LocalWorker(user_class, recipe)
    if isinstance(runner, MasterRunner):
        workers = RemoteWorkers(environment, runner)
    conductor = Conductor(environment, recipe, expected, workers)
    if web_ui:
        guard(web_ui, environment, conductor)
        add_tab(web_ui, conductor)


def _take_signals(environment: Environment, runner: Runner | None) -> None:
    """Have Ctrl-C end this process in order from now on; the first workers of a master may be there already."""
    options = environment.parsed_options
    assert options is not None
    if isinstance(runner, MasterRunner) and (options.headless or options.autostart):
        AwaitWorkers(environment, runner)  # which has its own way out
    elif not isinstance(runner, WorkerRunner):
        ctrl_c.install()
