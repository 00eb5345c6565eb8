"""One forward on 2 and 4 ranks with uneven parts of the tokens is the forward of one: video, positions and voice."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from sequence_worker import CONFIG, HEADS, LAYERS

from skyreels_core.errors import InputError
from skyreels_core.parallel.cost import Sizes, traffic
from skyreels_core.parallel.pool import Job, Pool
from skyreels_core.parallel.sequence.groups import SequenceSettings
from skyreels_core.parallel.sequence.shares import Shares
from skyreels_core.parallel.workers import WorkerProcess

RANKS, TOKENS = 4, 45
LIMIT = 120  # seconds, after which ranks that wait for each other are ended
GROUPS = [range(0, 2), range(2, 4), range(4)]
HEAD_DIM = CONFIG.dim // HEADS
SIZES = Sizes(tokens=TOKENS, dim=CONFIG.dim, layers=LAYERS, heads=HEADS, out=4 * CONFIG.out_dim, itemsize=4)


@pytest.fixture(scope="module")
def pool():
    """Four processes; the caller is in no group."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        pool = Pool(
            lambda number, inbox: WorkerProcess(number, f"Rank {number}", "sequence_worker", inbox), RANKS,
            lambda number: number, LIMIT,
        )  # fmt: skip
        yield pool
        pool.close()
    assert not torch.distributed.is_initialized()


@pytest.fixture
def ranks(pool):
    """They form one world, again where an error has ended them."""
    if not pool.workers:
        (port,) = pool.ask([Job(range(1), "host", lambda _: RANKS)])
        pool.tell("join", (port, RANKS))
    return pool


@pytest.fixture
def alone(ranks):
    return {
        (voiced, fps): forward(ranks, range(1), voiced, fps)
        for voiced, fps in ((True, 25.0), (True, 29.97), (False, 25.0))
    }


def forward(pool, group, voiced, fps):
    (velocity,) = pool.ask([Job(group, "forward", lambda _: (group, voiced, fps))])
    return velocity


@pytest.mark.parametrize("ring", [1, 2, 4], ids=["Ulysses", "Ulysses and ring", "ring"])
def test_a_forward_of_several_ranks_is_that_of_one(ranks, alone, ring):
    """Frames of 15 tokens end within a rank's part, and 6 heads do not come out even on 4 ranks."""
    ranks.tell("form", (RANKS, ring, "own"))
    ranks.tell("test", TOKENS)
    for group in GROUPS:
        for (voiced, fps), expected in alone.items():
            assert (forward(ranks, group, voiced, fps) - expected).abs().max() < 1e-5
    assert (alone[True, 25.0] - alone[False, 25.0]).abs().max() > 1e-2  # the voice is conditioned on


@pytest.mark.parametrize("ring", [1, 2, 4])
@pytest.mark.parametrize("group", [range(0, 2), range(4)], ids=len)
def test_the_bytes_of_a_forward_are_those_that_are_stated(ranks, group, ring):
    ranks.tell("form", (RANKS, ring, "own"))
    ranks.tell("traffic", None)
    forward(ranks, group, True, 25.0)
    settings = SequenceSettings(RANKS, ring)
    assert sum(ranks.tell("traffic", None)) == traffic(SIZES, len(group), settings.ring_of(len(group)))


@pytest.mark.parametrize("tokens, parts", [(45, 2), (45, 4), (32760, 7), (3, 4), (8, 8)])
def test_shares_cover_every_token_once_and_differ_by_one_at_most(tokens, parts):
    shares = Shares(tokens, parts)
    assert sum(shares.sizes) == tokens and max(shares.sizes) - min(shares.sizes) <= 1
    x = torch.arange(tokens)
    assert torch.equal(torch.cat([shares.take(x, part, 0) for part in range(parts)]), x)


@pytest.mark.parametrize(
    "given, expected",
    [("2", (2, 1)), (4, (4, 1)), ("2x2", (4, 2)), ("1x4", (4, 4)), ("3", "is not possible"), ("x", "give the number"),
     ("0", "give the number"), ("2x2x2", "give the number"), (2.5, "give the number")],
)  # fmt: skip
def test_sequence_parallelism_is_a_number_or_two(given, expected):
    if isinstance(expected, str):
        with pytest.raises(InputError, match=expected):
            SequenceSettings.read(given)
    else:
        settings = SequenceSettings.read(given)
        assert (settings.largest, settings.ring) == expected


def test_an_engine_that_computes_something_else_is_refused_by_its_numbers(ranks):
    ranks.tell("form", (RANKS, 1, "own"))
    ranks.tell("attention", 0.1)
    with pytest.raises(
        InputError, match=r"'own' failed its self-test: attention over 2 devices is wrong by 0\.1"
    ):
        ranks.tell("test", TOKENS)


def test_a_library_that_is_not_there_is_named(ranks):
    with pytest.raises(InputError, match=r"'xfuser' cannot be started \(.*\)\. Use --sequence-engine own"):
        ranks.tell("form", (RANKS, 1, "xfuser"))


def test_diffusers_gives_the_same_where_it_passes_its_test(ranks, alone):
    ranks.tell("form", (2, 1, "diffusers"))
    try:
        ranks.tell("test", TOKENS)
    except InputError as error:
        pytest.skip(str(error))
    assert (forward(ranks, range(2), True, 25.0) - alone[True, 25.0]).abs().max() < 1e-5
