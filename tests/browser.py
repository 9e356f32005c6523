"""Chromium without a window, driven by its DevTools protocol over two pipes."""

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here (apt install chromium)"
)
PATIENCE = 300  # seconds for one answer, on a machine that is busy


class Browser:
    """One page. `faults`: what the console or the network complained of since it was opened."""

    def __init__(self, folder):
        down, into = os.pipe()
        out, up = os.pipe()
        # away from 3 and 4, where Chromium looks for the pipe
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in (down, up)]
        for end in (down, up):
            os.close(end)

        def placed():
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        flags += [f"--user-data-dir={folder}", "--no-first-run", "--hide-scrollbars"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(
            [CHROMIUM, *flags], preexec_fn=placed, close_fds=False, **quiet
        )
        for end in ends:
            os.close(end)
        self.into, self.out, self.rest = into, out, b""
        self.numbers, self.session, self.faults, self.events = itertools.count(1), None, [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        """The answer to one command; what happens meanwhile is kept."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.into, json.dumps(message).encode() + b"\0")
        while (found := self._next()).get("id") != number:
            self._heard(found)
        assert "error" not in found, f"{method}: {found['error']}"
        return found["result"]

    def _next(self):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.out], [], [], max(0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            self.rest += os.read(self.out, 1 << 20)
        first, self.rest = self.rest.split(b"\0", 1)
        return json.loads(first)

    def _heard(self, event):
        kind, about = event.get("method", ""), event.get("params", {})
        self.events.append(kind)
        if kind == "Runtime.exceptionThrown":
            self.faults.append(about["exceptionDetails"]["text"])
        elif kind == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning"):
            self.faults.append(str(about["args"]))
        elif kind == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.faults.append(about["entry"]["text"])
        elif kind == "Network.loadingFailed":
            self.faults.append(about["errorText"])
        elif kind == "Network.requestWillBeSent":
            url = about["request"]["url"]
            if not url.startswith(("file:", "data:", "about:")):
                self.faults.append(f"it asks the network for {url}")

    def open(self, file):
        """Load a file and wait for all of it."""
        self.faults.clear()
        self.events.clear()
        self.call("Page.navigate", url=Path(file).resolve().as_uri())
        while "Page.loadEventFired" not in self.events:
            self._heard(self._next())

    def shape(self, width, dark=False, height=900):
        """A window of so many CSS pixels, in a light or a dark scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def ask(self, expression):
        """The value of an expression in the page."""
        found = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def picture(self, file, clip=None):
        """A screenshot of the whole page, or of (x, y, width, height)."""
        whole = {"captureBeyondViewport": True}
        if clip:
            x, y, width, height = clip
            whole["clip"] = {"x": x, "y": y, "width": width, "height": height, "scale": 1}
        data = self.call("Page.captureScreenshot", format="png", **whole)["data"]
        Path(file).write_bytes(base64.b64decode(data))

    def printed(self):
        """The page as PDF."""
        data = self.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"]
        return base64.b64decode(data)

    def close(self):
        """End the process that was started."""
        self.process.terminate()
        self.process.wait(timeout=20)
        os.close(self.into)
        os.close(self.out)


def opened(page, width=1400):
    """The elements of a page after its scripts, as text, and what the browser complains of.

    Also fails where a picture is missing or the page is wider than its window.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(folder)
        try:
            browser.shape(width)
            browser.open(page)
            broken = "[...document.images].filter((image) => !image.naturalWidth).length"
            assert browser.ask("document.documentElement.scrollWidth") <= width
            assert browser.ask(broken) == 0
            return browser.ask("document.documentElement.outerHTML"), browser.faults
        finally:
            browser.close()
