"""The table of backbones: what stands in a row, and which way the ratio goes."""

import pytest

from benchmarks import backbones


@pytest.fixture
def clock(monkeypatch):
    """clock(seconds) -> a model whose forward pass takes so long."""
    now = [0.0]

    def lasting(seconds):
        def forward(image):
            now[0] += seconds.pop(0)
            return [image]

        return forward

    monkeypatch.setattr(backbones, "compiled", lambda model, *_, **__: model)
    monkeypatch.setattr(backbones.time, "perf_counter", lambda: now[0])
    return lasting


def test_the_ratio_is_that_of_the_medians_without_the_first_pass(clock):
    """Compiling takes the first pass 90 and 40 seconds, and one pass was disturbed."""
    assert backbones.time_ratio(
        clock([90.0, 6, 6, 50]), clock([40.0, 3, 3, 3]), (8, 8), 3
    ) == pytest.approx(2)


def test_a_row_has_weights_in_millions_multiply_adds_and_the_ratio(plain_config, monkeypatch):
    from mrcnn.modeling.build import BACKBONES

    monkeypatch.setattr(
        backbones, "time_ratio", lambda backbone, standard, image_hw, repeats: 0.125
    )
    plain = BACKBONES["plain"]("plain")
    _, name, millions, gmac, ratio, _ = (
        cell.strip() for cell in backbones.row("plain", None, (64, 64), 3).split("|")
    )
    assert (name, float(millions), ratio) == (
        "plain",
        round(plain.count_params() / 1e6, 1),
        "0.12",
    ) and float(gmac) >= 0


@pytest.mark.slow
def test_the_standard_is_beside_itself_once(monkeypatch, capsys):
    monkeypatch.setattr(backbones, "backbone_macs", lambda backbone, image_hw: 1e9)
    monkeypatch.setattr(
        backbones, "time_ratio", lambda *_: pytest.fail("ResNet-50 was timed against itself")
    )
    backbones.main(["--quick", "--only", "resnet50"])
    assert capsys.readouterr().out.splitlines()[2] == "| resnet50 | 23.6 | 1.00 | 1.00 |"
