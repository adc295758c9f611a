"""HTML pages in a real browser: can they be read on a screen, a phone, paper, in the dark, aloud?

    pages.py DIRECTORY [PICTURES]

Opens every .html below DIRECTORY in Chromium and says what is wrong with it, a line each; exit status 1
if anything is. With PICTURES it leaves a picture of every view there, to be looked at. Nothing is
fetched: a page that asks for anything but itself is wrong.
"""

import pathlib
import shutil
import sys

import axe_playwright_python
from playwright.sync_api import sync_playwright

AXE = pathlib.Path(axe_playwright_python.__file__).parent / "axe.min.js"

# Where Debian and others put the browser.
BROWSERS = ["chromium", "chromium-browser", "google-chrome"]

# How a page is looked at: width, colours, screen or paper (a page of A4 less its margins).
VIEWS = {
    "wide": {"width": 1200, "colours": "light", "media": "screen"},
    "dark": {"width": 1200, "colours": "dark", "media": "screen"},
    "phone": {"width": 375, "colours": "light", "media": "screen"},
    "phone-dark": {"width": 375, "colours": "dark", "media": "screen"},
    "paper": {"width": 680, "colours": "light", "media": "print"},
}

# What no rule of axe's says. Returns sentences.
OWN = """() => {
  const wrong = [];
  const all = (what) => [...document.querySelectorAll(what)];
  const page = document.documentElement;
  if (page.scrollWidth > innerWidth)
    wrong.push(`the page is ${page.scrollWidth} px wide, the screen ${innerWidth}`);
  for (const m of all("math")) {
    if (!m.getAttribute("alttext")) wrong.push("a formula without its text");
    if (m.namespaceURI !== "http://www.w3.org/1998/Math/MathML") wrong.push("no MathML");
    const box = m.getBoundingClientRect();
    if (m.checkVisibility() && !(box.width > 0 && box.height > 0))
      wrong.push(`a formula that is not drawn: ${m.getAttribute("alttext")}`);
  }
  for (const t of all("mtd, .formula, td, th, p, summary")) {
    const box = t.getBoundingClientRect();
    const scrolls = t.closest(".scroll, .formula, math");
    if (!scrolls && box.right > innerWidth + 1)
      wrong.push(`cut off on the right: ${t.textContent.slice(0, 60)}`);
  }
  let last = 0;
  for (const h of all("h1, h2, h3, h4, h5, h6")) {
    const level = Number(h.tagName[1]);
    if (level > last + 1) wrong.push(`heading ${h.textContent} jumps from ${last} to ${level}`);
    last = level;
  }
  if (all("h1").length !== 1) wrong.push("not exactly one h1");
  return wrong;
}"""

# All rules of axe's but one: browsers let the keyboard reach whatever scrolls, formulas too.
RULES = """axe.run({resultTypes: ["violations"],
  rules: {"scrollable-region-focusable": {enabled: false}}})"""

# Opens and closes each fold as a reader does; its steps must come and go.
FOLDS = """async () => {
  const wrong = [];
  const drawn = () => new Promise(requestAnimationFrame);
  for (const d of document.querySelectorAll("details")) {
    const inside = d.querySelector(":scope > :not(summary)");
    const was = d.open;
    for (const open of [true, false]) {
      if (d.open !== open) d.querySelector("summary").click();
      await drawn();
      // Only in a fold that is open itself can anything be seen.
      const closed = d.parentElement.closest("details:not([open])");
      if (inside && !closed && inside.checkVisibility({contentVisibilityAuto: true}) !== open)
        wrong.push(`a fold does not ${open ? "open" : "close"}: ${d.textContent.slice(0, 50)}`);
    }
    d.open = was;
  }
  return wrong;
}"""

# On paper nobody can open a fold.
PAPER = """() => {
  const wrong = [];
  for (const d of document.querySelectorAll("details")) {
    const inside = d.querySelector(":scope > :not(summary)");
    if (inside && inside.getBoundingClientRect().height === 0)
      wrong.push(`a fold is closed on paper: ${d.textContent.slice(0, 50)}`);
  }
  return wrong;
}"""


def look(page, view):
    """What is wrong with the page as it stands in this view."""
    found = page.evaluate(OWN)
    if view["media"] == "print":
        return found + page.evaluate(PAPER)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for v in page.evaluate(RULES)["violations"]:
        # A head that is a formula alone has its name by aria-label; axe sees no text in MathML.
        named = v["id"] == "empty-table-header"
        nodes = [n["html"] for n in v["nodes"] if not (named and "aria-label=" in n["html"])]
        found += [f"{v['id']}: {v['help']}: {html[:120]}" for html in nodes]
    return found + page.evaluate(FOLDS)


def views(browser, path, pictures):
    """All views of one page."""
    wrong = []
    for name, view in VIEWS.items():
        size = {"width": view["width"], "height": 900}
        context = browser.new_context(viewport=size, color_scheme=view["colours"])
        page = context.new_page()
        asked = []
        page.on("request", lambda r: asked.append(r.url))
        page.on("pageerror", lambda e: wrong.append(f"{path.name}: {e}"))
        page.emulate_media(media=view["media"])
        page.goto(path.resolve().as_uri())
        if pictures:
            page.screenshot(path=pictures / f"{path.parent.name}-{path.stem}-{name}.png", full_page=True)
        found = look(page, view)
        found += [f"asks for {u}" for u in asked[1:]]
        wrong += [f"{path.parent.name}/{path.name}, {name}: {w}" for w in found]
        context.close()
    return wrong


def main(folder, pictures=None):
    pages = sorted(pathlib.Path(folder).rglob("*.html"))
    assert pages, f"no page below {folder}"
    pictures = pictures and pathlib.Path(pictures)
    browser_at = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert browser_at, f"none of {BROWSERS} is installed"
    with sync_playwright() as p:
        # Root, as in a container, has no sandbox; the pages are our own.
        browser = p.chromium.launch(executable_path=browser_at, args=["--no-sandbox"])
        wrong = [w for path in pages for w in views(browser, path, pictures)]
        browser.close()
    print("\n".join(wrong) or f"{len(pages)} pages, {len(VIEWS)} views each: nothing wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
