"""ComfyUI's front end in headless Chromium: open workflows, press Run, read what it says."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

WIDTH, HEIGHT = 1600, 1000  # pixels of the window
SECONDS = 1000  # milliseconds
DEADLINE, CLICK_AGAIN = 180 * SECONDS, 2 * SECONDS
SETTINGS = {
    "Comfy.TutorialCompleted": True, "Comfy.Minimap.Visible": False, "Comfy.RightSidePanel.IsOpen": False,
    "Comfy.Locale": "en",
}  # fmt: skip
NEEDED = (
    'the tests in the browser need `pip install ".[browser]"` and Chromium, on the path or in CHROMIUM_PATH'
)
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip

READY = (
    "() => window.app?.vueAppReady && Object.keys(window.LiteGraph?.registered_node_types ?? {}).length > 50"
)

ERRORS = '[data-testid="error-overlay"]'
CARD = '[data-testid="template-workflow-{}"]'

# Each a list of sentences on the open graph.
MISSING_NODES = """() => app.graph._nodes
  .filter(node => !LiteGraph.registered_node_types[node.type])
  .map(node => `${node.title}: there is no node ${node.type}`)"""

WRONG_SOCKETS = """() => app.graph._nodes.flatMap(node => {
  const required = node.constructor.nodeData?.input?.required ?? {}
  return (node.inputs ?? []).flatMap(input => {
    const link = input.link == null ? null : app.graph.links.get(input.link)
    const source = link && app.graph.getNodeById(link.origin_id)?.outputs[link.origin_slot]
    if (link) return LiteGraph.isValidConnection(source?.type, input.type) ? []
      : [`${node.title}: ${input.name} takes ${input.type} and gets ${source?.type}`]
    return input.widget || !(input.name in required) ? [] : [`${node.title}: ${input.name} is open`]
  })
})"""

WRONG_CHOICES = """() => app.graph._nodes.flatMap(node => (node.widgets ?? []).flatMap(widget => {
  const linked = node.inputs?.find(input => input.widget?.name === widget.name)?.link != null
  const choices = widget.type === "combo" && !linked ? widget.options?.values : null
  return !Array.isArray(choices) || choices.includes(widget.value) ? []
    : [`${node.title}: ${widget.name} has no choice ${widget.value}`]
}))"""

MARKED = (
    """() => app.graph._nodes.filter(node => node.has_errors).map(node => `${node.title}: marked as wrong`)"""
)

OVERLAPS = """() => {
  const outline = ({pos: [x, y], size: [width, height]}) => [x, y - LiteGraph.NODE_TITLE_HEIGHT, x + width, y + height]
  const meet = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
  return app.graph._nodes.flatMap((node, index) => app.graph._nodes.slice(index + 1)
    .filter(other => meet(outline(node), outline(other))).map(other => `${node.title} and ${other.title}`))
}"""

# Where the middle of a node's title bar is on the screen.
TITLE = """id => {
  const node = app.graph.getNodeById(id), {scale, offset} = app.canvas.ds
  const corner = app.canvas.canvas.getBoundingClientRect()
  return [corner.x + (node.pos[0] + node.size[0] / 2 + offset[0]) * scale,
          corner.y + (node.pos[1] - LiteGraph.NODE_TITLE_HEIGHT / 2 + offset[1]) * scale]
}"""

ADD_NODE = """type => {
  const node = LiteGraph.createNode(type)
  node.pos = [100, 100]
  app.graph.add(node)
  app.canvas.ds.scale = 1
  app.canvas.ds.offset = [200, 100]
  app.canvas.setDirty(true, true)
  return node.id
}"""


class NoBrowser(RuntimeError):
    """Says what to install."""


class FrontEnd:
    """A tab with a ComfyUI in it."""

    def __init__(self, page, address: str) -> None:
        self.page, self.address = page, address

    def wait_until_ready(self) -> None:
        self.page.wait_for_function(READY, timeout=DEADLINE)
        self.page.wait_for_timeout(2 * SECONDS)

    def open(self, graph: dict, name: str = "test") -> None:
        """Open a workflow, in UI or in API format, and show all of it."""
        self._close_dialogs()
        call = (
            "app.loadGraphData(graph, true, true, name)"
            if "nodes" in graph
            else "app.loadApiJson(graph, name)"
        )
        self.page.evaluate(f"([graph, name]) => {call}", [graph, name])
        self.page.wait_for_timeout(SECONDS)
        self.fit()

    def fit(self) -> None:
        self.page.evaluate("() => { app.canvas.deselectAll(); return app.extensionManager.command.execute("
                           "'Comfy.Canvas.FitView') }")  # fmt: skip
        self.page.wait_for_timeout(SECONDS)

    def _close_dialogs(self) -> None:
        self.page.keyboard.press("Escape")
        self.page.get_by_role("dialog").first.wait_for(state="detached")

    def serialize(self) -> dict:
        """The open graph as the front end would save it."""
        return json.loads(self.page.evaluate("() => JSON.stringify(app.graph.serialize())"))

    def prompt(self) -> dict:
        """What Run would queue of the open graph."""
        return json.loads(
            self.page.evaluate("async () => JSON.stringify((await app.graphToPrompt()).output)")
        )

    def missing_nodes(self) -> list[str]:
        return self.page.evaluate(MISSING_NODES)

    def wrong_sockets(self) -> list[str]:
        """Inputs that are required and open, or that get what they do not take."""
        return self.page.evaluate(WRONG_SOCKETS)

    def overlaps(self) -> list[str]:
        """Pairs of nodes that lie on each other."""
        return self.page.evaluate(OVERLAPS)

    def zoom(self) -> float:
        return self.page.evaluate("() => app.canvas.ds.scale")

    def problems(self) -> list[str]:
        """All that keeps the open graph from running, then what the front end itself says."""
        kinds = (MISSING_NODES, WRONG_SOCKETS, WRONG_CHOICES, MARKED)
        found = [line for kind in kinds for line in self.page.evaluate(kind)]
        return found + self.page.locator(ERRORS).all_inner_texts()

    def missing_models(self) -> str:
        """What the front end lists as missing models, with their folders; empty where none is."""
        if self.page.locator(ERRORS).count() == 0:
            return ""
        self.page.click('[data-testid="error-overlay-see-errors"]')
        self.page.wait_for_timeout(SECONDS)
        return "\n".join(self.page.locator('[data-testid="error-group-missing-model"]').all_inner_texts())

    def run(self, limit: float) -> dict:
        """Press Run and wait for the end, at most `limit` seconds: the run's entry in the host's history."""
        with self.page.expect_response("**/api/prompt") as answer:
            self.page.click('[data-testid="queue-button"]')
        accepted = answer.value.json()
        if "prompt_id" not in accepted:
            raise AssertionError(f"the host refused the workflow: {json.dumps(accepted)}")
        return self._finished(accepted["prompt_id"], limit)

    def _finished(self, prompt_id: str, limit: float) -> dict:
        for _ in range(max(1, round(limit))):
            if entry := read_json(f"{self.address}/history/{prompt_id}").get(prompt_id):
                self.page.wait_for_timeout(2 * SECONDS)  # for the pictures and videos to show
                return entry
            self.page.wait_for_timeout(SECONDS)
        raise AssertionError(f"the run did not end within {limit} s")

    def help_of(self, node_type: str) -> str:
        """What the page says that a node's info button opens."""
        self._close_dialogs()
        self.page.evaluate("() => app.extensionManager.command.execute('Comfy.NewBlankWorkflow')")
        node_id = self.page.evaluate(ADD_NODE, node_type)
        self.page.wait_for_timeout(SECONDS)
        self._click_title(node_id, self.page.locator('[data-testid="info-button"]').first)
        page = self.page.locator(".node-help-content")
        page.locator("h1, h2, p").first.wait_for()
        self.page.wait_for_timeout(SECONDS)
        return page.inner_text()

    def _click_title(self, node_id: int, shown) -> None:
        """Click a node until its toolbox shows; a busy browser draws the node after the first click."""
        for _ in range(DEADLINE // CLICK_AGAIN):
            self.page.mouse.click(*self.page.evaluate(TITLE, node_id))
            self.page.wait_for_timeout(CLICK_AGAIN)
            if shown.is_visible():
                break
        shown.click()

    def browse_templates(self, pack: str) -> list[str]:
        """Open the templates of a pack: their names."""
        self._close_dialogs()
        self.page.evaluate("() => app.extensionManager.command.execute('Comfy.BrowseTemplates')")
        # not `click`, which waits for a list to stand still that loads moving pictures
        self.page.get_by_role("dialog").get_by_text(pack, exact=True).evaluate("line => line.click()")
        served = read_json(f"{self.address}/api/workflow_templates")[pack]
        self.page.locator(CARD.format(served[0])).wait_for()
        self.page.wait_for_timeout(2 * SECONDS)
        shown = [name for name in served if self.page.locator(CARD.format(name)).count()]
        return sorted(shown)

    def template_picture(self, name: str) -> list[int]:
        """Width and height in pixels of a picture in the open list of templates, which loads what is seen."""
        card = self.page.locator(CARD.format(name))
        card.evaluate("card => card.scrollIntoView()")
        return card.locator("img").first.evaluate("picture => [picture.naturalWidth, picture.naturalHeight]")

    def open_template(self, pack: str, name: str) -> None:
        self.browse_templates(pack)
        self.page.evaluate("() => { app.graph.extra.before = true }")
        self.page.locator(CARD.format(name)).evaluate("card => card.click()")
        self.page.wait_for_function("() => app.graph._nodes.length && !app.graph.extra.before")
        self.page.wait_for_timeout(3 * SECONDS)

    def screenshot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path)


@contextmanager
def open_front_end(address: str) -> Iterator[FrontEnd]:
    """The front end of the host at `address`, in a browser with a fresh profile."""
    for name, value in SETTINGS.items():
        post_json(f"{address}/api/settings/{name}", value)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.set_default_timeout(DEADLINE)
        front_end = FrontEnd(page, address)
        page.goto(address, wait_until="domcontentloaded")
        front_end.wait_until_ready()
        yield front_end


@contextmanager
def chromium() -> Iterator:
    with sync_playwright()() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


def sync_playwright():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NoBrowser(f"no playwright found: {NEEDED}") from None
    return sync_playwright


def find_chromium() -> str:
    """CHROMIUM_PATH, else the first of its usual names on the path."""
    if path := os.environ.get("CHROMIUM_PATH") or next(filter(None, map(shutil.which, CHROMIUM)), None):
        return path
    raise NoBrowser(f"no Chromium found: {NEEDED}")


def read_json(address: str):
    with urlopen(address) as answer:
        return json.load(answer)


def read_text(address: str) -> str:
    with urlopen(address) as answer:
        return answer.read().decode()


def post_json(address: str, value) -> None:
    body = json.dumps(value).encode()
    with urlopen(Request(address, body, {"Content-Type": "application/json"}, method="POST")):
        pass
