// Small dialogs: a question, a few fields, one act. Built from text, never from HTML.
import { forget, keep, kept } from "/claw/kept.js";
import { plain } from "/claw/words.js";

function make(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function field(spec, number) {
  const box = make("div", "field");
  const id = `ask-${number}`;
  const label = make("label", "", spec.label);
  label.htmlFor = id;
  const tags = { text: "textarea", json: "textarea", choice: "select" };
  const input = make(tags[spec.type] ?? "input", spec.type === "json" ? "mono" : "");
  input.id = id;
  input.name = spec.name;
  if (spec.type === "choice")
    for (const [value, words] of spec.options) input.append(Object.assign(make("option", "", plain(words)), { value }));
  else if (spec.type === "number") Object.assign(input, { type: "number", min: 0, step: "any" });
  if (spec.type === "password") Object.assign(input, { type: "password", autocomplete: spec.name === "old" ? "current-password" : "new-password" });
  if (spec.type === "json") Object.assign(input, { rows: 10, spellcheck: false });
  if (spec.placeholder) input.placeholder = spec.placeholder;
  if (spec.value !== undefined) input.value = spec.value;
  box.append(label, input);
  if (spec.hint) box.append(make("div", "hint", spec.hint));
  const wrong = make("div", "wrong");
  wrong.id = `${id}-wrong`;
  wrong.setAttribute("role", "alert");
  input.setAttribute("aria-describedby", wrong.id);
  box.append(wrong);
  return { spec, input, wrong, box };
}

function check({ spec, input, wrong }) {
  const value = input.value;
  let problem = spec.required && !value.trim() ? spec.missing ?? "This is needed." : "";
  let parsed = value;
  if (!problem && spec.type === "json") {
    try {
      parsed = JSON.parse(value);
      if (parsed === null || typeof parsed !== "object" || Array.isArray(parsed)) problem = "This must be a JSON object.";
    } catch (error) {
      problem = `This is not JSON yet: ${error.message}`;
    }
  }
  if (!problem && spec.type === "number") {
    parsed = Number(value);
    if (!(parsed > 0)) problem = "This must be above zero.";
  }
  wrong.textContent = problem;
  input.setAttribute("aria-invalid", String(Boolean(problem)));
  return { ok: !problem, parsed };
}

/** Half-written words come back when the same question is asked again, even on a page that was loaded anew. */
function keepWords(made, about) {
  const keys = made.filter(({ spec }) => about && ["text", "json"].includes(spec.type));
  const keyOf = ({ spec }) => `${about}:${spec.name}`;
  for (const one of keys) {
    one.input.value = kept(keyOf(one)) || one.input.value;
    one.input.addEventListener("input", () => keep(keyOf(one), one.input.value));
  }
  return () => keys.forEach((one) => forget(keyOf(one)));
}

function open(title, kind = "") {
  const dialog = make("dialog", `ask ${kind}`);
  const head = make("h2", "ask-title", plain(title));
  head.id = "ask-title";
  dialog.setAttribute("aria-labelledby", head.id);
  dialog.append(head);
  dialog.addEventListener("pointerdown", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  return dialog;
}

/**
 * Asks, and gives the fields' values by name, or null when it was closed.
 * `fields`: [{name, label, type: line|text|json|number|choice, value, required, hint, options}].
 * `submit(values)` does it and gives {answer} or {problem}: with a problem the dialog stays, and every word in it;
 * `ask` gives the answer then. `about` names the question, so that its half-written words are kept in this browser.
 */
export function ask({ title, text = "", code = "", fields = [], act = "OK", kind = "primary", about = "", submit = null }) {
  return new Promise((resolve) => {
    const dialog = open(title);
    dialog.dataset.about = about.split(":")[0];
    const form = make("form", "ask-form");
    form.noValidate = true;
    if (text) form.append(make("p", "ask-text", plain(text)));
    if (code) form.append(make("pre", "code ask-code", code));
    const made = fields.map(field);
    form.append(...made.map((one) => one.box));
    const forgetWords = keepWords(made, about);
    const problem = make("p", "ask-problem");
    problem.setAttribute("role", "alert");
    problem.dir = "auto";
    form.append(problem);
    const acts = make("div", "ask-acts");
    const no = Object.assign(make("button", "btn btn-ghost", "Close"), { type: "button", onclick: () => dialog.close() });
    const yes = Object.assign(make("button", `btn btn-${kind}`, act), { type: "submit" });
    acts.append(no, yes);
    form.append(acts);
    dialog.append(form);
    let answer = null;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const checked = made.map(check);
      const wrong = checked.findIndex((one) => !one.ok);
      if (wrong >= 0) return made[wrong].input.focus();
      const values = Object.fromEntries(made.map((one, i) => [one.spec.name, checked[i].parsed]));
      yes.disabled = true;
      problem.textContent = "";
      const done = submit ? await submit(values) : { answer: values };
      if (done.problem) {
        problem.textContent = done.problem;
        yes.disabled = Boolean(done.final);
        return;
      }
      answer = done.answer;
      forgetWords();
      dialog.close();
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !yes.disabled) form.requestSubmit();
    });
    dialog.addEventListener("close", () => {
      if (dialog.dataset.settled) forgetWords(); // seen, and of no more use here
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
    (made[0]?.input ?? yes).focus();
  });
}

/** Tells whoever has this question open that it is settled; their words stay to be copied. */
export function tellSettled(about, sentence) {
  for (const dialog of document.querySelectorAll("dialog.ask[open]")) {
    if (dialog.dataset.about !== about) continue;
    dialog.dataset.settled = "yes";
    dialog.querySelector(".ask-problem").textContent = sentence;
    dialog.querySelector("[type=submit]").disabled = true;
  }
}

/** Shows the shortcuts. */
export function showKeys(rows) {
  const dialog = open("Keyboard", "ask-keys");
  const list = make("dl", "keys-list");
  const names = { Escape: "Esc", Enter: "Enter" };
  for (const [key, words] of rows) {
    const term = make("dt");
    term.append(make("kbd", "kbd", names[key] ?? key.toUpperCase()));
    list.append(term, make("dd", "", words));
  }
  const close = Object.assign(make("button", "btn", "Close"), { type: "button", onclick: () => dialog.close() });
  const acts = make("div", "ask-acts");
  acts.append(close);
  dialog.append(list, acts);
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}
