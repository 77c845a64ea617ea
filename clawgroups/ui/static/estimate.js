// What a group may cost, asked anew a moment after its form has changed. No screen.
import { api } from "/claw/api.js";

const PAUSE_MS = 400;
const IDLE = ["name", "goal", "rules", "policies", "start"]; // they change nothing about it

/** The newest question counts: whatever an older one is answered, and however late, nobody hears it. */
export class Estimate {
  constructor(path, tell) {
    Object.assign(this, { path, tell, number: 0, asked: "" });
  }

  /** Asks about a body, unless it is what was asked last; `wrong` says that it cannot be asked about yet. */
  ask(body, wrong = "") {
    const about = Object.fromEntries(Object.entries(body).filter(([name]) => !IDLE.includes(name)));
    const asked = wrong || JSON.stringify(about);
    if (asked === this.asked) return;
    this.asked = asked;
    this.number += 1; // what is under way is about something else from now on
    clearTimeout(this.timer);
    if (wrong) return this.tell({ busy: false, answer: null, problem: wrong });
    this.tell({ busy: true });
    this.timer = setTimeout(() => this.send(about, this.number), PAUSE_MS);
  }

  async send(about, number) {
    let told;
    try {
      told = { busy: false, answer: await api("POST", this.path, about), problem: "" };
    } catch (error) {
      told = { busy: false, answer: null, problem: [error.message, error.hint].filter(Boolean).join(" ") };
    }
    if (number === this.number) this.tell(told);
  }

  stop() {
    this.number += 1;
    clearTimeout(this.timer);
  }
}
