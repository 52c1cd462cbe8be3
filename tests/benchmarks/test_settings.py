"""What a setting costs: turns alternate, and each ratio is that of the medians."""

from benchmarks import settings


def test_variants_take_turns_after_two_that_do_not_count(monkeypatch):
    now, order = [0.0], []
    monkeypatch.setattr(settings.time, "process_time", lambda: now[0])

    def lasting(name, seconds):
        def turn():
            order.append(name)
            now[0] += seconds.pop(0)

        return turn

    one = (lasting("a", [90.0, 40.0, 1.0, 2.0, 50.0]),)
    other = (lasting("b", [90.0, 40.0, 6.0, 6.0, 6.0]),)
    assert settings.in_turn([one, other], 3) == [[2.0], [6.0]]
    assert "".join(order) == "aabb" + "ab" * 3


def test_a_row_says_how_much_longer_each_turn_takes(monkeypatch, capsys):
    monkeypatch.setattr(settings, "turns_of", lambda recipe, values: values)
    monkeypatch.setattr(settings, "cpu", lambda: "a CPU")
    found = [[2.0, 0.5, 0.6], [3.0, 0.6, 0.6]]
    monkeypatch.setattr(settings, "in_turn", lambda variants, rounds: found)
    settings.main(["--only", "cascade of 3"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "| cascade of 3 | 1.50 of 2.00 s | 1.20 of 0.50 s | 1.00 of 0.60 s |"
