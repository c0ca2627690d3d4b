"""What a Locust process does in a run: conduct it, take part in it, or both.

Owns the choice. Connected to Locust's ``init`` event, once, whichever locustfile is loaded.
"""

from typing import Any, cast

from _brief import Participant
from _conductor import Conductor
from _expected import NoExpectedAnswers, expected_answers
from _gate import guard
from _options import check, stop
from _panel import show
from _remote import RemoteSections
from _sections import LocalSections, Sections
from _waiting import Waiting
from _worker import Worker
from locust.env import Environment
from locust.runners import MasterRunner, Runner, WorkerRunner
from locust.web import WebUI

from contract.recipe import RecipeError, load


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
