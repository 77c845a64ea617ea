// What a form knows of its fields: which are shown, what is wrong with a value, what goes into the body. No screen.

/** Whether a field or section is shown while the form has these values. */
export function shown(spec, values) {
  return Object.entries(spec.when ?? {}).every(([name, wanted]) => wanted.includes(values[name]));
}

const FRESH = { check: () => false, tools: () => ({}) };

/** A field's value before anybody touched it. */
export function fresh(input) {
  return input.value ?? FRESH[input.kind]?.() ?? "";
}

/** A kept value that still fits the field, or what it has when fresh. */
export function fitting(input, kept) {
  if (input.kind === "choice" || input.kind === "pick") return (input.options ?? []).some((one) => one.value === kept) ? kept : fresh(input);
  if (input.kind === "check") return typeof kept === "boolean" ? kept : fresh(input);
  if (input.kind === "tools") return kept && typeof kept === "object" && !Array.isArray(kept) ? kept : fresh(input);
  return typeof kept === "string" ? kept : fresh(input);
}

/** Splits a command line into words as a shell would, with quotes and backslashes, and with no shell. */
export function splitCommand(line) {
  const words = [];
  let word = null;
  let quote = "";
  for (let i = 0; i < line.length; i++) {
    const c = line[i];
    if (quote) {
      if (c === quote) quote = "";
      else if (c === "\\" && quote === '"' && '"\\'.includes(line[i + 1])) word += line[++i];
      else word += c;
    } else if (c === "'" || c === '"') {
      quote = c;
      word ??= "";
    } else if (c === "\\" && i + 1 < line.length) word = (word ?? "") + line[++i];
    else if (/\s/.test(c)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? "") + c;
  }
  if (word !== null) words.push(word);
  return { words, open: quote };
}

const splitList = (text) => text.split(",").map((one) => one.trim()).filter(Boolean);
const NUMBER = /^-?\d+(\.\d+)?$/;

function numberProblem(input, text) {
  if (!NUMBER.test(text)) return "Write a number, like 12 or 0.5.";
  const value = Number(text);
  if (input.whole && !Number.isInteger(value)) return "Write a whole number.";
  const [low, high] = [input.low ?? -Infinity, input.high ?? Infinity];
  if (value < low || value > high) {
    if (input.low === undefined) return `At most ${high.toLocaleString("en")}.`;
    return input.high === undefined ? `At least ${low.toLocaleString("en")}.` : `Between ${low.toLocaleString("en")} and ${high.toLocaleString("en")}.`;
  }
  return "";
}

/** What is wrong with a value; empty: nothing that can be seen from here. */
export function problemOf(input, value) {
  if (["check", "given", "tools", "choice", "pick"].includes(input.kind)) return input.need && !value ? input.need : "";
  const text = String(value ?? "").trim();
  if (!text) return input.need ?? "";
  if (input.kind === "number") return numberProblem(input, text);
  if (input.kind === "command" && splitCommand(text).open) return `A quote (${splitCommand(text).open}) is not closed.`;
  if (input.longest && text.length > input.longest)
    return `This has ${text.length.toLocaleString("en")} characters; at most ${input.longest.toLocaleString("en")} fit.`;
  if (input.pattern && !new RegExp(input.pattern).test(text)) return input.unlike;
  return "";
}

/** A field's value as the API wants it; undefined: leave it out. */
function sent(input, value) {
  if (input.kind === "check" || input.kind === "given") return value;
  if (input.kind === "tools") return Object.keys(value).length ? value : undefined;
  const text = input.kind === "long" || input.kind === "secret" ? String(value) : String(value).trim();
  if (!text) return input.blank;
  if (input.raw) return JSON.parse(text);
  if (input.kind === "number") return Number(text);
  if (input.kind === "command") return splitCommand(text).words;
  if (input.kind === "list") return splitList(text);
  return `${input.before ?? ""}${text}`;
}

/** The body of the request; fields that are not shown are not in it. `suggested`: what empty fields stand for. */
export function bodyOf(inputs, values, suggested, fixed) {
  const body = { ...fixed }; // flat: what is always in it
  for (const input of inputs) {
    const own = sent(input, values[input.name]);
    const value = own === undefined ? suggested[input.name] || undefined : own; // null is an answer
    if (value === undefined || input.aside) continue;
    const parts = (input.path || input.name).split(".");
    let at = body;
    for (const part of parts.slice(0, -1)) at = at[part] ??= {};
    at[parts.at(-1)] = value;
  }
  return body;
}

/** The field that an error of the API is about. */
export function fieldOf(inputs, place) {
  const of = (input) => input.path || input.name;
  return inputs.find((input) => of(input) === place) ?? inputs.find((input) => place.startsWith(`${of(input)}.`));
}

/** A field's line in the summary. */
export function brief(input, value, suggested) {
  if (input.kind === "check") return value ? "yes" : "no";
  if (input.kind === "tools") {
    const changed = Object.keys(value).length;
    return changed ? `${changed} changed` : "as they come";
  }
  if (input.options) return input.options.find((one) => one.value === value)?.label ?? "–";
  const text = String(value ?? "").trim() || suggested || "";
  if (input.kind === "number") {
    if (text && Number(text) === 0 && input.zero) return input.zero;
    return NUMBER.test(text) ? `${input.unit === "$" ? "$" : ""}${Number(text).toLocaleString("en")}${input.unit && input.unit !== "$" ? ` ${input.unit}` : ""}` : "–";
  }
  return text || input.zero || "–";
}

/** Options by heading, in their order. */
export function headed(options = []) {
  const groups = [];
  for (const one of options) {
    const heading = one.heading ?? "";
    if (groups.at(-1)?.heading !== heading) groups.push({ heading, options: [] });
    groups.at(-1).options.push(one);
  }
  return groups;
}
