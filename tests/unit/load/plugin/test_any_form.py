"""Whatever is sent to the web interface or given as a host: it is taken, or refused in a line; never a traceback."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servecost.load.plugin import options
from tests.unit.load.plugin.test_web_guard import ALL, guarded

MANY = settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
TEXT = st.text(max_size=30)


@MANY
@given(
    host=st.none() | TEXT | TEXT.map("http://{}".format) | st.text("[]:/@#?.1a", max_size=12).map("http://{}".format)
)
def test_any_host_is_an_address_or_is_none(host: str | None):
    """Locust's own parser would raise."""
    assert options.is_address(host) in (True, False)


FIELDS = st.sampled_from([*ALL, "run_time", "csv_prefix", "html_file", "locustfile", "profile"])
HOSTS, PAGES = st.text("[]:abc.1", min_size=1, max_size=12), st.text("[]:/abc.1", max_size=12)
HEADERS = st.fixed_dictionaries({}, optional={"Host": HOSTS, "Origin": PAGES})


@MANY
@given(form=st.dictionaries(FIELDS | TEXT, TEXT, max_size=5), headers=HEADERS)
def test_any_form_is_taken_or_refused(form: dict[str, str], headers: dict[str, str]):
    """With a message of one line, by the status of a refusal or by the form's own."""
    answered = guarded().post("/swarm", data=form, headers=headers)
    assert answered.status_code in (200, 400, 403)
    if answered.status_code == 200:
        content = answered.json
        assert content is not None
        assert "\n" not in content.get("message", "")
