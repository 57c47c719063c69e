"""One tab of headless Chromium, used as a person uses it: typing, clicking, choosing files."""

import base64
import json
import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

SCRIPT = Path(__file__).parents[2] / "scripts" / "screenshots"
KEYS = {"Tab": ("Tab", 9, ""), "Enter": ("Enter", 13, "\r"), " ": ("Space", 32, " ")}
NOT_LABELLED = """[...document.querySelectorAll(
  "input:not([type=hidden]), select, textarea, button, a[href], summary, img, svg[role=img]")]
  .filter((node) => {
    const named = node.getAttribute("aria-label") || node.getAttribute("alt")
      || (node.labels && [...node.labels].map((label) => label.textContent).join(""))
      || (["BUTTON", "A", "SUMMARY"].includes(node.tagName) && node.textContent);
    return !named || !named.trim();
  }).map((node) => node.outerHTML.slice(0, 120))"""
HEADINGS = """[...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map((n) => +n.tagName[1])"""
DOUBLE_IDS = """(() => { const ids = [...document.querySelectorAll("[id]")].map((n) => n.id);
  return ids.filter((id, at) => ids.indexOf(id) !== at); })()"""
FOCUSED = """(() => { const node = document.activeElement; const style = getComputedStyle(node);
  return {tag: node.tagName, name: node.name || "", value: node.value || "",
          text: (node.textContent || "").trim().slice(0, 40),
          outline: parseFloat(style.outlineWidth) > 1 ? style.outlineStyle : "none"}; })()"""


def screenshots() -> ModuleType:
    """The script that drives Chromium."""
    loader = SourceFileLoader("screenshots", str(SCRIPT))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


class Tab:
    """A tab with its own view; each step waits until the page has loaded."""

    def __init__(self, browser: Any, width: int, height: int) -> None:
        self._browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = browser.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "DOM", "Log", "Runtime"):
            self.call(f"{domain}.enable")
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Speak to this tab."""
        answer: dict[str, Any] = self._browser.call(method, self._session, **parameters)
        return answer

    def run(self, expression: str) -> Any:
        """Evaluate an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def open(self, url: str) -> None:
        """Go to a page."""
        self._browser.events.clear()
        self.call("Page.navigate", url=url)
        self._loaded()

    def press(self, selector: str) -> None:
        """Click what leads to another page or sends a form."""
        self._browser.events.clear()
        found = self.run(
            f"(() => {{ const n = document.querySelector({json.dumps(selector)}); "
            "if (!n) return false; n.click(); return true; })()"
        )
        assert found, f"{selector} is not on {self.run('location.href')}"
        self._loaded()

    def fill(self, **values: str) -> None:
        """Set fields by name: what a person types or chooses."""
        for name, value in values.items():
            self.set(f"[name={json.dumps(name)}]", value)

    def set(self, selector: str, value: str) -> None:
        """Set one field."""
        done = self.run(
            f"(() => {{ const n = document.querySelector({json.dumps(selector)}); "
            f"if (!n) return false; n.value = {json.dumps(value)}; return n.value !== ''; }})()"
        )
        assert done, f"{selector} is not on the page, or cannot be {value!r}"

    def choose_files(self, selector: str, *files: Path) -> None:
        """Choose files in a file field."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(one) for one in files])

    def key(self, name: str) -> None:
        """Press and release one key."""
        code, number, text = KEYS[name]
        common = {"key": name, "code": code, "windowsVirtualKeyCode": number}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        self.call("Input.insertText", text=text)

    def tab_to(self, wanted: str, most: int = 150) -> dict[str, Any]:
        """Press Tab until a field with this name, or a button with this text, has the focus.

        Everything on the way shows that it has it.
        """
        for _ in range(most):
            self.key("Tab")
            found: dict[str, Any] = self.run(FOCUSED)
            if found["tag"] != "BODY":
                assert found["outline"] != "none", found
            if wanted == found["name"] or (found["tag"] == "BUTTON" and wanted in found["text"]):
                return found
        raise AssertionError(f"{wanted} cannot be reached by Tab")

    def enter(self) -> None:
        """Press Enter and wait for the next page."""
        self._browser.events.clear()
        self.key("Enter")
        self._loaded()

    def text(self) -> str:
        """What the page says."""
        return str(self.run("document.body.innerText"))

    def picture(self, file: Path) -> None:
        """Keep a picture of the view."""
        shot = self.call("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(shot["data"]))

    def faults(self) -> list[str]:
        """What somebody with a screen reader or a narrow screen would stumble over."""
        faults = [f"no name: {one}" for one in self.run(NOT_LABELLED)]
        faults += [f"id twice: {one}" for one in self.run(DOUBLE_IDS)]
        levels = self.run(HEADINGS)
        if levels.count(1) != 1:
            faults.append(f"{levels.count(1)} headings of the first level")
        faults += [
            f"heading {after} after {before}"
            for before, after in pairwise(levels)
            if after > before + 1
        ]
        if self.run("document.documentElement.scrollWidth > innerWidth"):
            faults.append("the page is wider than its view")
        small = self.run(
            "[...document.querySelectorAll('.assess button, .assess select, .assess input"
            ":not([type=hidden]):not([type=checkbox])')].filter((n) => n.offsetHeight > 0 "
            "&& n.offsetHeight < 44).map((n) => n.outerHTML.slice(0, 80))"
        )
        return faults + [f"too small for a finger: {one}" for one in small]

    def _loaded(self) -> None:
        self._browser.wait_for("Page.loadEventFired")
        deadline = time.monotonic() + 30
        while self.run("document.readyState") != "complete":
            assert time.monotonic() < deadline
            time.sleep(0.02)
