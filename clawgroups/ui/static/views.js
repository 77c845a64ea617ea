// Which view of a group's page is shown. The address keeps a chosen one; back and forward go through those.
import { room } from "/claw/room.js";

export const VIEWS = [
  ["inbox", "Needs you"], ["wall", "Wall"], ["timeline", "Timeline"], ["tree", "Tree"], ["table", "Table"], ["room", "Room"], ["result", "Result"],
];
export const KEYED = VIEWS.map(([key]) => key).filter((key) => key !== "inbox"); // one key each; wide screens show the inbox always
const KNOWN = new Set(VIEWS.map(([key]) => key));

class Views extends EventTarget {
  constructor() {
    super();
    this.fallback = "wall"; // what an address without a view means
    this.view = "";
    this.following = false;
    addEventListener("popstate", () => this.read());
  }

  /** The view that the address names; empty where it names none. */
  named() {
    const name = new URLSearchParams(location.search).get("view");
    return KNOWN.has(name) ? name : "";
  }

  /** Follows the address: at the beginning, and when somebody goes back or forward. */
  read() {
    this.following = true; // the address leads here: nobody may lead it elsewhere
    try {
      room.select(new URLSearchParams(location.search).get("agent"));
      this._set(this.named() || this.fallback);
    } finally {
      this.following = false;
    }
  }

  /** Somebody chose this view. */
  choose(view) {
    if (view === this.named() && view === this.view) return;
    const url = new URL(location.href);
    url.searchParams.set("view", view);
    history.pushState(history.state, "", url);
    this._set(view);
  }

  /** Shows a view that nobody chose: where the address names none. */
  suggest(view) {
    this.fallback = view;
    if (!this.named()) this._set(view);
  }

  /** Hears every change, and the present view at once if there is one; returns the way to stop. */
  watch(hearer) {
    const call = () => hearer(this.view);
    this.addEventListener("view", call);
    if (this.view) call();
    return () => this.removeEventListener("view", call);
  }

  _set(view) {
    if (view === this.view) return;
    this.view = view;
    this.dispatchEvent(new Event("view"));
  }
}

export const views = new Views();
