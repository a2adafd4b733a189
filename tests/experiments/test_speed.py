import json

import pytest

from slowturn.experiments import speed
from slowturn.experiments.cli import main


def test_speed_reports_numbers_as_json(monkeypatch, capsys):
    monkeypatch.setattr(speed, "_ROUNDS", 1)
    monkeypatch.setattr(speed, "_EPISODES", 8)
    with pytest.raises(SystemExit) as stop:
        main(["speed", "--json"])
    assert stop.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert found["steward_over_minigrid"] > 1
    assert found["threads"] == 1
    assert found["policy_inference_steps_per_second"] > 0
    assert found["scoring_cost_share"] > 0
    assert {"recorder_steps_per_second", "recording_cost_share", "batch"} <= found.keys()
