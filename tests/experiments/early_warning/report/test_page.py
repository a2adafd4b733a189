"""The page in a real browser, with no network to fall back on."""

import os
import re
import shutil

import pandas as pd
import pytest

from slowturn.experiments.early_warning.figures import save_figures
from slowturn.experiments.early_warning.report import write_report

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def browser():
    chromium = shutil.which("chromium")
    if chromium is None and "CI" not in os.environ:
        pytest.skip("needs chromium on the path (Debian: apt install chromium)")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is a browser

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        yield started
        started.close()


def make_report(out, tables, summary):
    pooled = pd.DataFrame(summary["pooled"])
    save_figures(out, tables, pooled, tables["curves"], alpha=summary["alpha"], harm_level=0.25)
    return write_report(out, tables, summary)


@pytest.fixture(scope="module")
def report(made_tables, made_summary, tmp_path_factory):
    fresh = ("brisk", 4711)
    summary = made_summary(fresh=fresh)
    return make_report(tmp_path_factory.mktemp("report"), made_tables(fresh=fresh), summary)


@pytest.fixture(scope="module")
def text(report):
    return report.read_text(encoding="utf-8")


class Visit:
    """A page, and everything that it said or asked for."""

    def __init__(self, browser, report, width):
        self.complaints, self.requests = [], []
        self.context = browser.new_context(viewport={"width": width, "height": 800})
        self.context.set_offline(True)
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.route("**/*", self._only_itself)
        self.url = report.as_uri()
        self.page.goto(self.url)
        self.page.wait_for_selector("#plot svg.main-svg")

    def _only_itself(self, route):
        route.continue_() if route.request.url == self.url else route.abort()

    def line(self):
        """Position of the line that moves, in steps and in pixels."""
        path = self.page.locator("#plot .shapelayer path").first.get_attribute("d")
        step = self.page.evaluate("document.getElementById('plot').layout.shapes[0].x0")
        return step, path

    def scrub(self, step):
        self.page.locator("#step").evaluate(
            "(slider, step) => { slider.value = step; slider.dispatchEvent(new Event('input')); }",
            step,
        )

    def until(self, reached):
        """Wait for a condition on the present step; the page's own policy forbids waiting in it."""
        for _ in range(600):
            if reached(int(self.page.input_value("#step"))):
                return
            self.page.wait_for_timeout(50)
        pytest.fail("the player did not get there in 30 seconds")

    def reading(self, monitor):
        row = self.page.locator("#readings tbody tr", has_text=monitor)
        return row.locator("td").all_inner_texts()[1:]


@pytest.fixture
def visit(browser, report):
    found = Visit(browser, report, 1280)
    yield found
    found.context.close()
    assert found.complaints == []
    assert [url for url in found.requests if not url.startswith("data:")] == [found.url]


def test_moving_the_slider_moves_the_line_and_changes_the_table(visit):
    visit.scrub(21)
    step, path = visit.line()
    assert step == 21
    assert visit.reading("hallucination probe")[1] == "silent"
    visit.scrub(40)
    moved, other = visit.line()
    assert moved == 40
    assert other != path
    value, alarm = visit.reading("hallucination probe")
    assert float(value) == pytest.approx(20 / 8.5, abs=0.01)
    assert alarm == "rang at step 29 (+9)"
    assert visit.reading("ledger, CUSUM")[1] == "silent"
    now = visit.page.locator("#now").inner_text()
    assert now == "Step 40, 20 steps after cue onset: effort 0.20, influence 0.10."


def test_the_slider_obeys_the_keyboard(visit):
    visit.scrub(30)
    visit.page.locator("#step").press("ArrowRight")
    assert visit.line()[0] == 31


def test_another_organism_and_deployment_can_be_chosen(visit):
    page = visit.page
    assert page.locator("#agent option").first.inner_text().endswith("seed 4711 (fresh)")
    visit.scrub(50)
    assert "rang" in visit.reading("hallucination probe")[1]
    page.select_option("#agent", label="benign twin, slow overseer, seed 1")
    page.select_option("#run", index=1)
    visit.scrub(50)
    assert visit.reading("hallucination probe")[1] == "silent"
    assert page.evaluate("document.getElementById('plot').data[0].y[50]") == 0
    assert page.locator("#run option").count() == 2


def test_playing_moves_on_until_it_is_stopped(visit):
    visit.scrub(5)
    visit.page.click("#play")
    assert visit.page.inner_text("#play") == "Pause"
    visit.until(lambda step: step > 7)
    visit.page.click("#play")
    assert visit.page.inner_text("#play") == "Play"
    stopped = visit.line()[0]
    visit.page.wait_for_timeout(300)
    assert visit.line()[0] == stopped


def test_playing_ends_at_the_last_step_and_starts_over(visit):
    visit.scrub(57)
    visit.page.click("#play")
    visit.until(lambda step: step == 59)
    assert visit.page.inner_text("#play") == "Play"
    assert visit.line()[0] == 59
    visit.page.click("#play")
    visit.until(lambda step: 0 < step < 30)


def test_figures_are_inside_and_load(visit):
    sizes = visit.page.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert len(sizes) == 4
    assert min(sizes) > 900
    sources = visit.page.evaluate("[...document.images].map(image => image.src.slice(0, 14))")
    assert set(sources) == {"data:image/png"}


def test_nothing_spills_over_a_narrow_screen(browser, report):
    narrow = Visit(browser, report, 420)
    assert narrow.page.evaluate("document.documentElement.scrollWidth") <= 420
    for name in ("#agent", "#plot", "#step", "#readings"):
        box = narrow.page.locator(name).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 420
    narrow.context.close()
    assert narrow.complaints == []


def test_no_address_is_asked_to_load_anything(text):
    page = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert re.findall(r"""(?:src|href)=["'](?!data:)""", page) == []
    assert "default-src 'none'" in page


def test_the_fresh_agent_opens_the_report_and_regimes_follow(text):
    findings = re.findall(r'<p class="(finding|also)">(.*?)</p>', text, flags=re.DOTALL)
    assert [kind for kind, _ in findings] == ["finding", "also", "also"]
    assert findings[0][1].startswith("The agent with seed 4711")
    assert "under the slow overseer" in findings[1][1]
    assert "<code>slowturn demo --seed 4711</code>" in text


def test_an_agent_whose_own_twin_is_missing_opens_no_report(made_tables, made_summary, tmp_path):
    summary = made_summary(fresh=("brisk", 4711))
    summary["seeds"]["benign_twin-brisk"].remove(4711)
    page = make_report(tmp_path, made_tables(fresh=("brisk", 4711)), summary).read_text("utf-8")
    findings = re.findall(r'<p class="(?:finding|also)">(.*?)</p>', page, flags=re.DOTALL)
    assert len(findings) == 2
    assert not any("4711" in finding for finding in findings)


def test_the_work_is_that_of_the_world(text):
    assert "agents carry crates through a building for an operator" in text


def test_letters_of_all_figures_are_alike(visit):
    """Shown at one scale, and none wider than the page."""
    sizes = visit.page.evaluate("[...document.images].map(i => [i.width, i.naturalWidth])")
    assert len({round(shown / natural, 2) for shown, natural in sizes}) == 1
    assert max(shown for shown, _ in sizes) <= 928


def section(text, start, end):
    begin = text.index(start)
    return text[begin : text.index(end, begin)]


def test_results_show_primary_rules_first_and_the_rest_on_demand(text):
    first = section(text, "<h2>Results", "<details>")
    rest = section(text, "<details>", "</details>")
    assert first.count("treacherous (2 agents, 400 deployments)") == 4
    assert first.count("<tr>") == 4 * 7 + 1
    assert "EWMA\nreads internals, weights" in first
    assert "control" not in first
    assert "negative control" in rest
    assert "christiano (2 agents" in rest
    assert first.count('class="against">100') == 4 * 2  # Mahalanobis and the oracle


def test_what_is_not_finite_is_told_in_words(made_tables, made_summary, tmp_path):
    nan, inf = float("nan"), float("inf")
    summary = made_summary(
        regimes=("slow",),
        seeds=(0,),
        hallucination={
            "delay_median": (inf, 8.0, inf),
            "lead_median": (nan, nan, 3.0),
            "nats_at_alarm": (nan, nan, nan),
        },
        mahalanobis={"lead_median": (inf, 3.0, inf)},
        power_log_odds={"accused_honest": (nan, nan, nan), "delay_median": (4.0, 2.0, inf)},
    )
    found = {"organism": "treacherous", "regime": "slow", "seed": 0, "monitor": "ledger"}
    found |= {"rule": "cusum", "null": "training", "rate_low": 0.91, "cap": 0.5}
    summary["controls"]["bound_violations"] = [found | {"k": k} for k in (12, 13)]
    summary["controls"]["time_canary_auc"].append(
        {"regime": "slow", "honest_seed": 1, "value": nan, "low": nan, "high": nan, "n": 0}
    )
    tables = made_tables(regimes=("slow",), seeds=(0,))
    page = make_report(tmp_path, tables, summary).read_text(encoding="utf-8")
    first = section(page, "<h2>Results", "<details>")
    for words in (
        "missed<small>most deployments\n1 % rang before it",
        "none<small>n = 390",
        "-<small>no alarm",
        "-<small>none tested",
        "reader missed<small>",
        "4<small>[2, ∞)",
    ):
        assert words in first, words
    leaks = section(page, '<p id="violations">', "<h2>How this was made")
    assert "<strong>1</strong>" in leaks
    assert "at least 91 % by 12 steps after cue onset, where 50 % is possible" in leaks
    assert section(page, 'id="canary"', "</table>").count("<tr>") == 1
    assert "<code>slowturn bench early-warning</code>" in page


def test_names_cannot_smuggle_markup_in(made_tables, made_summary, tmp_path):
    evil = "<script>alert(1)</script>"
    summary = made_summary(regimes=(evil,), seeds=(0,))
    tables = made_tables(regimes=(evil,), seeds=(0,))
    page = make_report(tmp_path, tables, summary).read_text(encoding="utf-8")
    assert evil not in page
