"""A model that says what no page may run, load or be blown up by; and what tells whether one did."""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from playwright.sync_api import Page, expect

from clawgroups.testing.model_reply import Call, Reply, Text, reasoning, says
from clawgroups.testing.model_server import ModelServer

MARK = "<img src=x onerror"  # stands in every hostile text, so that a test can see that it is on screen
TURN = "\u202e"  # from here on everything reads from the right, also what stands behind it in the same line
SHORT = f"{MARK}=pwned=1>{TURN}gpj"
TITLE = f"{SHORT}<svg/onload=pwned=2> \u202egnp.exe"
FILE = f"{SHORT} \u202edm.txt"
EVIL = " ".join((
    f"{MARK}='pwned=3'>", "<script>pwned=4</script>", "</script><script>pwned=5</script>", "<svg onload=pwned=6></svg>",
    "<iframe src='javascript:parent.pwned=7'></iframe>", "<iframe srcdoc='<script>parent.pwned=8</script>'></iframe>",
    "<a href='javascript:pwned=9'>a link</a>", "[a link](javascript:pwned=10)", "<details open ontoggle=pwned=11>",
    "<object data='data:text/html,<script>opener.pwned=12</script>'></object>", "<base href='http://evil.example/'>",
    "{{ constructor.constructor('window.pwned=13')() }}", "${window.pwned=14}", "`+(window.pwned=15)+`",
    "<div style=\"position:fixed;inset:0;background:url('http://evil.example/a.png')\">over everything</div>",
    "<style>@import url('http://evil.example/a.css'); * { background: url('http://evil.example/b.png') }</style>",
    "<meta http-equiv=refresh content='0;url=http://evil.example/'>",
    "<link rel=stylesheet href='//evil.example/c.css'>",
    "<form action='http://evil.example/'><button>Send</button></form>",
    "<math><mtext><img src=x onerror=pwned=16></mtext></math>",
    "<input autofocus onfocus=pwned=17>", "<video><source onerror=pwned=18></video>",
    "';pwned=19;//", "\\\";pwned=20;//",
    "\u202eright to left\u202d", "\u2067isolated", "e\u0301" * 40 + "\u0336" * 200,
))  # fmt: skip
MARKDOWN = (
    f"# A report {SHORT}\n\n{EVIL}\n\n[a link](javascript:pwned=21) ![shot](http://evil.example/shot.png)\n\n"
    + (
        f'<div style="width:9000px">wide</div>\n\n| {"w" * 3000} | b |\n| --- | --- |\n| 1 | 2 |\n\n'
        f"```html\n{EVIL}\n```\n"
    )
)
HUGE = "W" * 1_000_000  # one word


def script(body: dict[str, Any]) -> Reply:
    """What the model ``lead``, or a sub-agent's, says next."""
    turn = sum(message.get("role") == "assistant" for message in body["messages"])
    if body["model"] == "lead":
        return _lead(turn)
    task = next(str(message["content"]) for message in body["messages"] if message.get("role") == "user")
    return says(reasoning(EVIL), Text(f"{EVIL} ", 40, forever=True)) if "[talk]" in task else _worker(turn)


def _lead(turn: int) -> Reply:
    if turn == 0:
        role = Call("create_subagent", {"name": SHORT, "system_prompt": EVIL})
        return says(
            reasoning(EVIL), EVIL, role, Call("write_file", {"path": "report.md", "content": MARKDOWN}),
            Call("write_file", {"path": FILE, "content": EVIL}), Call("write_file", {SHORT: EVIL}),
        )  # fmt: skip
    if turn == 1:
        talk = Call("assign_task", {"agent": SHORT, "title": f"{TITLE} 1", "prompt": f"[talk] {EVIL}"})
        work = Call("assign_task", {"agent": SHORT, "title": f"{TITLE} 2", "prompt": f"[work] {EVIL}"})
        ask, post = Call("ask_person", {"question": EVIL}), Call("post_message", {"text": f"@{SHORT} {EVIL}"})
        return says(EVIL, talk, work, ask, post)
    return says(f"Result: {EVIL}")


def _worker(turn: int) -> Reply:
    if turn == 0:
        write = Call("write_file", {"path": FILE, "content": EVIL})
        return says(EVIL, write, Call("read_file", {"path": FILE}), Call(SHORT, {"text": EVIL}))
    if turn == 1:
        return says(HUGE, Call("write_file", {"path": "huge.txt", "content": HUGE}))
    return says(EVIL, Call("run_command", {"command": f"echo {EVIL}"}))  # it asks for leave first


class HostileModel:
    """The model server in a thread of its own."""

    def __init__(self) -> None:
        self.server = ModelServer(script, models=("lead", "worker"))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="hostile-model")

    def __enter__(self) -> HostileModel:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.server.__aenter__(), self._loop).result(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self.server.__aexit__(kind, error, trace), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    @property
    def base_url(self) -> str:
        """What a model member's address must be."""
        return self.server.base_url


ALARM = """
Object.defineProperty(window, "pwned", { set(way) { window.wasPwned = way; console.error(`PWNED by ${way}`); } });
"""
_STRANGE = """
() => [...document.querySelectorAll("style, link")].filter((one) => one.outerHTML.includes("evil"))
  .concat([...document.querySelectorAll("iframe, object, embed, base, meta[http-equiv], form[action]")])
  .concat([...document.querySelectorAll("*")].filter((one) => [...one.attributes].some(({ name, value }) =>
    /^on/i.test(name) || (/^(href|src|action|formaction|xlink:href)$/i.test(name) && /^\\s*javascript:/i.test(value))
    || (name === "style" && /url\\(/i.test(value)))))
  .map((one) => one.outerHTML.slice(0, 200))
"""
# Words of ours that a hostile text turns around: behind it in one text node, or in another node of the part of the page
# in which the directions of characters are worked out together. What is hostile as a whole may turn as it likes.
_TURNED = """
() => {
  const words = ["drives? holds asks? ended wants? steps? drivers? sub-agents? goes back waits? has took settled",
    "pauses another"].join(" ");
  const ours = new RegExp(`\\u202e[^\\n]*\\\\b(${words.replaceAll(" ", "|")})\\\\b`);
  const foreign = "script, style, .result-page, .past-snippet, .cm-editor";
  const found = [];
  const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = nodes.nextNode(); node; node = nodes.nextNode()) {
    let part = node.parentElement;
    if (!node.data.includes("\\u202e") || part.closest(foreign)) continue;
    if (!part.checkVisibility()) continue;
    if (part.closest("pre") && node.data.endsWith("\\n")) continue; // nothing reaches beyond a line
    const apart = (one) => {
      const { display, unicodeBidi } = getComputedStyle(one);
      return !/^(inline|contents)$/.test(display) || /isolate|plaintext/.test(unicodeBidi);
    };
    while (!apart(part)) part = part.parentElement;
    const beside = [...part.childNodes].filter((one) => one !== node && !one.contains(node)).some((one) =>
      one.textContent.trim() && !(one instanceof Element && apart(one)));
    if (ours.test(node.data) || beside) found.push(`${part.outerHTML.slice(0, 160)} … ${node.data.slice(-60)}`);
  }
  return found;
}
"""
_WIDTHS = """
() => [document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]
"""


class OtherHost:
    """Another host of the net, as far as a browser can tell. ``asked``: what was wanted from it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """What was asked stands in ``asked``."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self._thread = threading.Thread(target=self._server.serve_forever, name="other-host")
        self.place = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> OtherHost:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(30)


def watch(page: Page) -> None:
    """From now on this page says an error when something in it runs, and a dialogue fails the test."""
    page.add_init_script(ALARM)

    def opened(dialog: Any) -> None:
        dialog.dismiss()
        raise AssertionError(f"a dialogue opened: {dialog.message}")

    page.on("dialog", opened)


def harmless(page: Page, *places: str) -> None:
    """The hostile text stands in each of ``places`` as text, nothing of it is an element, the page keeps its width."""
    for place in places:
        expect(page.locator(place).filter(has_text=MARK).first).to_be_attached()
    assert page.evaluate("() => window.wasPwned ?? null") is None
    strange = page.evaluate(_STRANGE)
    assert not strange, f"{page.url} has elements made of hostile text:\n" + "\n".join(strange)
    turned = page.evaluate(_TURNED)
    assert not turned, f"{page.url} has words that a hostile name turns around:\n" + "\n".join(turned)
    document, body, window = page.evaluate(_WIDTHS)
    assert max(document, body) <= window, f"{page.url} is {max(document, body)} px wide in a window of {window}"


def planted(host: str) -> str:
    """A script that puts the hostile texts into the page as HTML, as a fault of ours would; they ask ``host``.

    Without the one thing that no policy can refuse: a page that leads elsewhere.
    """
    html = (EVIL + MARKDOWN).replace("evil.example", host).replace("http-equiv=refresh", "")
    return f"document.querySelector('#content').insertAdjacentHTML('beforeend', {json.dumps(html)})"
