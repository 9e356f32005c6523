"""The page in a real browser: it is whole, fits, can be read, sorts and prints."""

import json
import re
from pathlib import Path

import pytest

from harness.report.page.render import page
from harness.report.page.sources import read
from tests.browser import Browser, needs_browser

ROOT = Path(__file__).parents[2]
COMMITTED = sorted(path.parent.name for path in ROOT.glob("results/*/table2.json"))
pytestmark = needs_browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    found = Browser(tmp_path_factory.mktemp("chromium"))
    yield found
    found.close()


@pytest.fixture(scope="module", params=COMMITTED)
def file(request, tmp_path_factory):
    place = tmp_path_factory.mktemp(request.param) / "report.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        place.write_text(page(read(request.param)), encoding="utf-8")
    return place


def test_nothing_is_complained_of_and_no_picture_is_missing(browser, file):
    browser.shape(1400)
    browser.open(file)
    empty = browser.ask(
        """[...document.querySelectorAll('svg')].filter((e) => {
          const box = e.getBoundingClientRect();
          return !e.closest('svg svg') && (box.width < 5 || box.height < 5);
        }).length"""
    )
    broken = browser.ask("[...document.images].filter((e) => !e.naturalWidth).length")
    assert (browser.faults, empty, broken) == ([], 0, 0)


@pytest.mark.parametrize("width", [360, 1400])
def test_nothing_is_wider_than_the_window(browser, file, width):
    browser.shape(width)
    browser.open(file)
    assert browser.ask("document.documentElement.scrollWidth") <= width
    wide = browser.ask(
        f"""[...document.querySelectorAll('body *')].filter((e) =>
          !e.closest('.scroll') && e.getBoundingClientRect().right > {width} + 1
        ).map((e) => e.outerHTML.slice(0, 200))"""
    )
    assert wide == []


CONTRAST = """(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const over = (layers) => {  // colours from the bottom up, as the browser blends them
    canvas.clearRect(0, 0, 1, 1);
    for (const layer of layers) { canvas.fillStyle = layer; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = {};
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || element.closest('script, style')) continue;
    const backgrounds = [];
    for (let e = element; e; e = e.parentElement)
      backgrounds.unshift(getComputedStyle(e).backgroundColor);
    const style = getComputedStyle(element);
    const ink = element.closest('svg') ? style.fill : style.color;
    const key = backgrounds.join() + ink;
    if (key in found) continue;
    const page = over(backgrounds), text = over([...backgrounds, ink]);
    const [low, high] = [luminance(page), luminance(text)].sort((a, b) => a - b);
    found[key] = [(high + 0.05) / (low + 0.05), element.outerHTML.slice(0, 120)];
  }
  return Object.values(found).sort((a, b) => a[0] - b[0]);
})()"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_can_be_read_on_what_is_behind_it(browser, file, dark):
    browser.shape(1400, dark)
    browser.open(file)
    found = browser.ask(CONTRAST)
    assert len(found) > 5
    assert found[0][0] >= 4.5, found[0]
    paper = browser.ask("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", paper))) < 200) == dark


COLUMN = """[...document.querySelector('table.sortable').tBodies[0].rows]
  .map((row) => row.cells[{}].textContent.trim())"""


def test_a_click_sorts_a_table_by_its_numbers_and_another_the_other_way(browser, file):
    browser.shape(1400)
    browser.open(file)
    heads = browser.ask(
        "[...document.querySelector('table.sortable').tHead.rows[1].cells].map((e) => e.innerText)"
    )
    content = json.loads((ROOT / f"results/{file.parent.name[:-1]}/table2.json").read_text())
    order = [row["row"] for row in sorted(content["rows"], key=lambda row: row["ccc"])]
    column = [head.strip() for head in heads].index("± sd")
    click = (
        "document.querySelector('table.sortable').tHead.rows[1]"
        f".cells[{column}].querySelector('button').click()"
    )
    for expected, way in ((order, "ascending"), (order[::-1], "descending")):
        browser.ask(click)
        assert browser.ask(COLUMN.format(0)) == expected
        told = "document.querySelector('th[aria-sort]').getAttribute('aria-sort')"
        assert browser.ask(told) == way
    gain = heads.index(next(head for head in heads if head.startswith("gain")))
    browser.ask(click.replace(f"cells[{column}]", f"cells[{gain}]"))
    texts = browser.ask(COLUMN.format(gain))
    values = [float(text.split()[0].replace("−", "-")) for text in texts if text != "–"]
    assert values == sorted(values)
    assert texts[len(values) :] == ["–"] * (len(texts) - len(values))


def test_the_page_prints(browser, file):
    browser.shape(1400, dark=True)
    browser.open(file)
    pdf = browser.printed()
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 3
