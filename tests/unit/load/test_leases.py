"""How requests are distributed: each to one worker, whatever the users, the workers and the order of events."""

from hypothesis import given, settings
from hypothesis import strategies as st

from servecost.load.leases import Lease, Pool, split_in_proportion
from servecost.load.payloads import Load
from servecost.load.worker_share import WorkerShare
from tests.unit.load.fakes import Listener, answer

few = settings(max_examples=30, deadline=None)
NAMES = [f"worker-{number}" for number in range(8)]
users_by_worker = st.lists(st.integers(0, 40), min_size=1, max_size=8).map(
    lambda users: dict(zip(NAMES, users, strict=False))
)
some_users = users_by_worker.filter(lambda users: sum(users.values()) > 0)


@few
@given(st.integers(0, 100_000), some_users)
def test_parts_sum_to_the_amount_and_differ_from_the_proportion_by_less_than_one(amount, weights):
    """Rounding loses nothing and favours nobody."""
    parts = split_in_proportion(amount, weights)
    assert sum(parts.values()) == amount
    for name, weight in weights.items():
        assert abs(parts[name] - amount * weight / sum(weights.values())) < 1


@few
@given(some_users, st.integers(1, 5000))
def test_first_leases_give_every_user_a_request_if_there_are_enough(users, requests):
    """All users begin at the release; a worker without users gets an empty last lease."""
    leases = Pool(users, requests).lease_first()
    for worker, lease in leases.items():
        if requests >= sum(users.values()):
            assert lease.requests >= users[worker]
        if not users[worker]:
            assert lease[1:] == (0, True)


@few
@given(some_users, st.integers(1, 5000), st.randoms(use_true_random=False))
def test_every_request_is_leased_exactly_once(users, requests, random):
    """In whatever order workers ask, and however often."""
    pool = Pool(users, requests)
    leases = list(pool.lease_first().values())
    askers = [worker for worker, count in users.items() if count]
    while not pool.is_empty:
        leases.append(pool.lease_next(random.choice(askers)))
    numbers = [number for lease in leases for number in range(lease.first, lease.first + lease.requests)]
    assert sorted(numbers) == list(range(requests))
    assert pool.lease_next(askers[0])[1:] == (0, True)


@few
@given(some_users.filter(lambda users: len(users) > 1), st.integers(1, 5000))
def test_leases_become_small_so_that_all_workers_end_together(users, requests):
    """The last leases are one request for each user of the asking worker, or fewer."""
    pool = Pool(users, requests)
    pool.lease_first()
    asker = max(users, key=lambda worker: users[worker])
    last = Lease(0, 0, True)
    while not pool.is_empty:
        last = pool.lease_next(asker)
    assert last.requests <= users[asker]


def test_a_drained_pool_leases_nothing_more():
    """A run that cannot become valid ends soon."""
    pool = Pool({"a": 2, "b": 2}, 100)
    pool.lease_first()
    pool.drain()
    assert pool.lease_next("a")[1:] == (0, True)


class SlowWorker(Listener):
    """A worker whose events reach the pool late: when the test lets them."""

    def __init__(self, name: str, users: int, load: Load) -> None:
        super().__init__()
        self.name, self.is_asking, self.is_done = name, False, False
        self.share = WorkerShare(load, self)
        for _ in range(users):
            self.share.add_user()
        self.users = [self.share.take_requests() for _ in range(users)]

    def on_requests_low(self) -> None:
        self.is_asking = True

    def on_done(self, last_answered_ns: int | None) -> None:
        self.is_done = True

    def has_stock(self) -> bool:
        return self.share._stocked > 0


@few
@given(some_users, st.integers(1, 64), st.integers(1, 2000), st.randoms(use_true_random=False))
def test_all_workers_end_and_every_example_is_sent_once(users, batch_size, examples, random):
    """Whatever is slow: a message, a worker or one of its users."""
    load = Load(batch_size, examples)
    workers = [SlowWorker(name, count, load) for name, count in users.items()]
    pool = Pool(users, load.requests)
    for worker, lease in zip(workers, pool.lease_first().values(), strict=True):
        worker.share.supply(lease)
    sent = []
    while not all(worker.is_done for worker in workers):
        worker = random.choice([worker for worker in workers if not worker.is_done])
        if worker.is_asking and (not worker.has_stock() or random.random() < 0.3):
            worker.is_asking = False
            worker.share.supply(pool.lease_next(worker.name))
        elif worker.has_stock():
            request = next(random.choice(worker.users))
            sent.append(request)
            answer(worker.share, request)
    assert sorted(request.number for request in sent) == list(range(load.requests))
    assert sum(request.examples for request in sent) == examples
    assert sum(worker.share.tally.examples_answered for worker in workers) == examples
