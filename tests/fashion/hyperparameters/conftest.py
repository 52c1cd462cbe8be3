"""Searches whose trainings are made up: see fake_train.py."""

import importlib.util
import os
from pathlib import Path

import pytest

FAKE = Path(__file__).with_name("fake_train.py")


def load_fake():
    spec = importlib.util.spec_from_file_location("fake_train", FAKE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def fake(monkeypatch):
    """Trainings happen in this process, at once.

    `fake.statuses` maps the name of a run folder to exit statuses of its next starts; `fake.raises`
    maps (name, epoch) to what is raised after that epoch; `fake.started` lists all starts.
    """
    from fashion.hyperparameters.training import LOG, Training

    monkeypatch.setattr(os, "fsync", lambda file: None)  # milliseconds each, and there are many
    module = load_fake()
    module.statuses, module.raises, module.started = {}, {}, []

    def once(self, done):
        name = self.folder.name
        module.started.append(name)
        if module.statuses.get(name):
            (self.folder).mkdir(parents=True, exist_ok=True)
            (self.folder / LOG).write_text(module.ERROR)
            return module.statuses[name].pop(0)
        words = [*self.words, "--out", str(self.folder.parent), "--name", name]
        for epoch in module.train(words):
            if (name, epoch) in module.raises:
                raise module.raises.pop((name, epoch))
            yield epoch
        return 0

    monkeypatch.setattr(Training, "_once", once)
    return module
