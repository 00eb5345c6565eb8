"""A rank of a group: it has a small backbone with audio layers, and computes forwards alone or with others."""

from __future__ import annotations

from dataclasses import replace

import torch

from skyreels_core.model.adapter import AudioAdapter
from skyreels_core.model.backbone import WanModel
from skyreels_core.model.config import CONFIGS, AudioConfig
from skyreels_core.parallel.sequence.engines import start
from skyreels_core.parallel.sequence.groups import HERE, Groups, SequenceSettings, join_world, open_store
from skyreels_core.parallel.serving import serve
from skyreels_core.pipeline.evaluator import part_of
from skyreels_core.timeline import query_positions

HEADS, LAYERS = 6, 2  # heads that four ranks have unevenly
CONFIG = replace(CONFIGS["demo"], dim=96, ffn_dim=64, num_heads=HEADS, num_layers=LAYERS, in_dim=16)
AUDIO = AudioConfig(width=8, dim=96, num_heads=HEADS, num_layers=LAYERS, eps=1e-6, rope=True)
SHAPE = (1, 16, 3, 6, 10)  # 45 tokens: 23 and 22, or 12 and three times 11; a frame has 15


class Rank:
    def __init__(self):
        torch.manual_seed(0)
        self.model, self.adapter = WanModel(CONFIG), AudioAdapter(AUDIO)
        for parameter in (*self.model.parameters(), *self.adapter.parameters()):
            parameter.data += 0.05 * torch.randn_like(parameter)
        draw = torch.Generator().manual_seed(1)
        self.x, self.context = torch.randn(SHAPE, generator=draw), torch.randn(1, 5, 64, generator=draw)
        self.voice = torch.randn(1, 20, AUDIO.width, generator=draw)
        self.store = self.groups = None

    def __call__(self, kind, value):
        return getattr(self, kind)(value)

    def load(self, number):
        self.number = number

    def host(self, ranks):
        self.store = open_store(ranks)
        return self.store.port

    def join(self, value):
        port, ranks = value
        store = self.store or torch.distributed.TCPStore(HERE, port, ranks, is_master=False)
        join_world(store, self.number, ranks, "gloo", 300)

    def form(self, value):
        """Groups of up to so many ranks, of which so many make a ring."""
        self.groups = Groups(SequenceSettings(*value), HEADS)

    def test(self, tokens):
        self.groups.test(tokens, self.x)

    @torch.no_grad()
    def forward(self, value):
        """(group, voiced, frames per second) -> the velocity"""
        group, voiced, fps = value
        alone = len(group) == 1
        split = None if alone else self.groups.split(group, 45)
        layers = None
        if voiced:
            keys = torch.arange(20, dtype=torch.float64) - 0.3
            heard = self.adapter.prepare(self.voice, keys, query_positions(SHAPE[2], fps))
            heard = heard if alone else part_of(heard, split, 45)
            layers = lambda index, x: self.adapter.apply(index, x, heard)  # noqa: E731
        return self.model(self.x, torch.tensor([300.0]), self.context, None, 7, layers, split)

    def traffic(self, _):
        sent, self.groups.traffic.sent = self.groups.traffic.sent, 0
        return sent

    def attention(self, value):
        """An engine that computes something else, put in place of the own."""
        wrong = value
        group, engine = next(iter(self.groups.engines.items()))
        self.groups.engines[group] = lambda q, k, v, tokens: engine(q, k, v, tokens) + wrong

    def engine(self, name):
        line = next(iter(self.groups.lines.values()))
        start(name, line, line, HEADS)


def main():
    serve(Rank())
