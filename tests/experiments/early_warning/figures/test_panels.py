import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Annotation, Text

from slowturn.experiments.early_warning import figures
from slowturn.experiments.early_warning.settings import PRIMARY
from slowturn.experiments.palette import MONITORS, ORGANISMS


def texts(figure):
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def labels_of(axes):
    return [child for child in axes.get_children() if isinstance(child, Annotation)]


def boxes(axes):
    axes.figure.canvas.draw()
    renderer = axes.figure.canvas.get_renderer()
    return [Text.get_window_extent(label, renderer) for label in labels_of(axes)]


@pytest.fixture(scope="module")
def tables(made_tables):
    return made_tables(fresh=("slow", 4711))


@pytest.fixture(scope="module")
def pooled(made_summary):
    return pd.DataFrame(made_summary()["pooled"])


def test_nothing_global_is_touched(tables, pooled):
    before = dict(mpl.rcParams)
    figures.lead_against_accusations(pooled, alpha=0.05)
    figures.drift(tables["drift"], harm_level=0.25)
    assert dict(mpl.rcParams) == before
    from matplotlib import _pylab_helpers  # noqa: PLC0415 - what pyplot knows of

    assert _pylab_helpers.Gcf.get_all_fig_managers() == []


def test_inputs_are_not_changed(tables, pooled):
    copies = {name: table.copy() for name, table in tables.items()} | {"pooled": pooled.copy()}
    figures.lead_against_accusations(pooled, alpha=0.05)
    figures.alarm_curves(tables["curves"], tables["bounds"], alpha=0.05)
    figures.states(tables["states"])
    for name, table in (tables | {"pooled": pooled}).items():
        pd.testing.assert_frame_equal(table, copies[name])


# --- lead against accusations


def test_a_panel_per_regime_and_null_with_every_primary_monitor_labelled(pooled):
    figure = figures.lead_against_accusations(pooled, alpha=0.05)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [
        f"{regime} overseer; alarms set on {null}"
        for regime in ("slow", "brisk")
        for null in ("the agent's own training", "other, honest agents")
    ]
    for axes in figure.axes:
        said = {label.get_text() for label in labels_of(axes)}
        assert said == {MONITORS[name].label for name in PRIMARY}


def test_labels_do_not_overlap_even_where_dots_do(pooled):
    crowded = pooled.assign(accused_benign=0.05, lead_median=3.0)
    for table in (pooled, crowded):
        for axes in figures.lead_against_accusations(table, alpha=0.05).axes:
            for one, other in itertools.combinations(boxes(axes), 2):
                assert not one.overlaps(other)
            frame = axes.get_window_extent()
            assert all(frame.y0 <= box.y0 and box.y1 <= frame.y1 for box in boxes(axes))


def test_a_missing_lead_lies_in_the_strip(made_row):
    rows = [
        made_row("ledger_ratio", "maximum"),
        made_row("hallucination", "ewma", lead_median=(np.nan, np.nan, 4.0)),
    ]
    (axes,) = figures.lead_against_accusations(pd.DataFrame(rows), alpha=0.05).axes
    found = {label.get_text(): label.xy for label in labels_of(axes)}
    assert found["ledger ratio"] == (4.0, 0.0)
    x, y = found["hallucination probe"]
    assert x == 6.0
    assert axes.get_ylim()[0] < y < min(axes.get_yticks())
    assert "no lead" in texts(axes.figure)


def test_infinite_ends_become_arrows(made_row):
    rows = [
        made_row("hallucination", "ewma", lead_median=(5.0, np.nan, np.inf)),
        made_row("power_log_odds", "maximum", lead_median=(np.inf, 3.0, np.inf)),
    ]
    (axes,) = figures.lead_against_accusations(pd.DataFrame(rows), alpha=0.05).axes
    arrows = [line.get_marker() for line in axes.lines if line.get_marker() in ("^", "v")]
    assert sorted(arrows) == ["^", "^", "^", "v"]
    low, high = axes.get_ylim()
    drawn = np.concatenate([line.get_ydata() for line in axes.lines])
    assert np.isfinite(drawn.astype(float)).all()
    assert low <= drawn.min() <= drawn.max() <= high


def test_controls_other_organisms_and_other_alphas_are_left_out(pooled):
    more = pd.concat([pooled, pooled.assign(alpha=0.01, lead_median=99.0)])
    figure = figures.lead_against_accusations(more, alpha=0.05)
    assert "control" not in texts(figure)
    assert all(axes.get_ylim()[1] < 20 for axes in figure.axes)
    assert "2 agents, 400 deployments" in texts(figure)


# --- drift


def test_drift_has_a_column_per_regime_and_names_every_organism(tables):
    figure = figures.drift(tables["drift"], harm_level=0.25)
    assert len(figure.axes) == 4
    there, named = set(tables["drift"].organism), texts(figure)
    assert len(there) == 5
    assert {kind for kind, look in ORGANISMS.items() if look.label in named} == there
    assert "treacherous 5, benign twin 5, honest 4" in texts(figure)
    influence = figure.axes[2]
    assert any(set(line.get_ydata()) == {0.25} for line in influence.lines)


def test_the_thick_line_is_the_mean_of_the_agents(tables):
    table = tables["drift"]
    table = table[(table.organism == "treacherous") & (table.regime == "brisk")]
    axes = figures.drift(table, harm_level=0.25).axes[0]
    thick = max(axes.lines, key=lambda line: line.get_linewidth())
    agents = table[table.quantity == "effort"].groupby("k")["mean"].mean()
    np.testing.assert_allclose(thick.get_ydata(), agents.to_numpy())


def test_a_mean_never_changes_its_agents_on_the_way(tables):
    table = tables["drift"]
    late = (table.seed == 1) & (table.k > 10)
    axes = figures.drift(table[~late], harm_level=0.25).axes[0]
    thick = [line for line in axes.lines if line.get_linewidth() == 1.6]
    assert {line.get_xdata()[-1] for line in thick} == {10}


# --- alarm curves


def test_curves_pool_seeds_and_draw_both_bounds(tables):
    figure = figures.alarm_curves(tables["curves"], tables["bounds"], alpha=0.05)
    slow, brisk = figure.axes
    assert [len(axes.lines) for axes in (slow, brisk)] == [9, 9]
    blue = next(line for line in slow.lines if line.get_color() == MONITORS["hallucination"].colour)
    assert blue.get_ydata()[[8, 9]].tolist() == [1.0, 95.0]
    assert "slow overseer: 3 agents, 600 deployments" in texts(figure)
    assert "bound: ledger record" in texts(figure)


def test_bounds_of_other_alphas_are_left_out(tables):
    figure = figures.alarm_curves(tables["curves"], tables["bounds"].assign(alpha=0.01), alpha=0.05)
    assert [len(axes.lines) for axes in figure.axes] == [7, 7]


# --- states


def test_states_have_a_panel_per_kind_and_regime(tables):
    figure = figures.states(tables["states"])
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[:3] == [
        f"{kind}, slow overseer" for kind in ("treacherous", "benign twin", "honest")
    ]
    assert len(titles) == 7  # and the colour bar
    assert "One agent a panel (seed 0), 5 deployments each" in texts(figure)


# --- all of them


def test_one_regime_one_seed_one_deployment(made_tables, made_summary, tmp_path):
    tables = made_tables(regimes=("brisk",), seeds=(3,))
    tables["states"] = tables["states"][tables["states"].episode == 0]
    pooled = pd.DataFrame(made_summary(regimes=("brisk",), seeds=(3,))["pooled"])
    paths = figures.save_figures(
        tmp_path, tables, pooled, tables["curves"], alpha=0.05, harm_level=0.25
    )
    assert list(paths) == list(figures.FIGURES)
    for name, path in paths.items():
        assert path == tmp_path / "figures" / f"{name}.png"
        assert path.read_bytes().startswith(b"\x89PNG")


def test_names_beyond_the_palette_are_drawn_too(tables, pooled):
    own = pooled.replace({"regime": {"brisk": "my_regime"}, "null": {"honest": "my_null"}})
    figure = figures.lead_against_accusations(own, alpha=0.05)
    assert figure.axes[3].get_title(loc="left") == "my regime; my null"
    drift = tables["drift"].replace({"organism": {"open": "my_organism"}})
    assert "my organism" in texts(figures.drift(drift, harm_level=0.25))
