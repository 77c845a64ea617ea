// What the parts of a group's page share: which sub-agent is selected, and wishes from the keyboard.
import { me } from "/claw/me.js";

export const ME = me.id; // who sits at this browser

class Room extends EventTarget {
  constructor() {
    super();
    this.selected = new URLSearchParams(location.search).get("agent");
  }

  /** Selects a sub-agent (null: none); the address keeps it, so that it can be shared. */
  select(id) {
    if (id === this.selected) return;
    this.selected = id;
    const url = new URL(location.href);
    url.searchParams.delete("at"); // a place in the other one's thread
    if (id) url.searchParams.set("agent", id);
    else url.searchParams.delete("agent");
    history.replaceState(history.state, "", url);
    this.tell("select", id);
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Hears a wish; returns the way to stop. */
  on(type, hearer) {
    const call = (event) => hearer(event.detail);
    this.addEventListener(type, call);
    return () => this.removeEventListener(type, call);
  }
}

export const room = new Room();
