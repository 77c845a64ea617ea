// A form made from a tool's JSON schema. What is typed stays in the browser until the call is made.
import { ours } from "/claw/kept.js";
import { setUnsent } from "/claw/unsent.js";

const LONG = /^(content|text|command|prompt|system_prompt|old_text|new_text|old|new|body|message|question|patch|note|acceptance)$/;

const PATIENCE_MS = 20000;

/** The schema of one field with references and "or nothing" unfolded. */
function plain(schema, root) {
  let found = schema === true || !schema ? {} : schema;
  for (let depth = 0; found.$ref && depth < 8; depth++) {
    const target = found.$ref.replace(/^#\//, "").split("/").reduce((at, key) => at?.[key.replace(/~1/g, "/").replace(/~0/g, "~")], root);
    found = { ...target, ...found, $ref: target?.$ref };
  }
  const options = found.anyOf || found.oneOf;
  const real = options?.filter((option) => option.type !== "null");
  if (real?.length === 1) found = { ...found, ...plain(real[0], root), anyOf: undefined, oneOf: undefined, nullable: true };
  if (Array.isArray(found.type)) found = { ...found, type: found.type.find((type) => type !== "null"), nullable: found.type.includes("null") };
  return found;
}

function kindOf(schema, name, root) {
  if (schema.const !== undefined) return "fixed";
  if (schema.enum) return "enum";
  if (schema.type === "boolean") return "boolean";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "string") return (LONG.test(name) && !(schema.maxLength <= 1000)) || schema.maxLength > 1000 ? "long" : "string";
  if (schema.type === "array") {
    const item = plain(schema.items, root);
    return ["string", "number", "integer"].includes(item.type) || item.enum ? "list" : "json";
  }
  return "json";
}

function fieldsOf(schema) {
  const required = new Set(schema.required || []);
  return Object.entries(schema.properties || {}).map(([name, raw]) => {
    const found = plain(raw, schema);
    const kind = kindOf(found, name, schema);
    return { name, schema: found, kind, item: kind === "list" ? plain(found.items, schema) : null, required: required.has(name), limits: limitsOf(found), known: found.default !== undefined };
  });
}

function limitsOf(schema) {
  const say = [];
  if (schema.type === "integer") say.push("a whole number");
  if (schema.type === "number") say.push("a number");
  if (schema.minimum !== undefined && schema.maximum !== undefined) say.push(`${schema.minimum} to ${schema.maximum}`);
  else if (schema.minimum !== undefined) say.push(`${schema.minimum} or more`);
  else if (schema.maximum !== undefined) say.push(`at most ${schema.maximum}`);
  if (schema.exclusiveMinimum !== undefined) say.push(`above ${schema.exclusiveMinimum}`);
  if (schema.exclusiveMaximum !== undefined) say.push(`below ${schema.exclusiveMaximum}`);
  if (schema.maxLength !== undefined && schema.maxLength <= 1000) say.push(`at most ${schema.maxLength} characters`);
  if (schema.minItems || schema.maxItems) say.push(`${schema.minItems || 0} to ${schema.maxItems ?? "any number of"} items`);
  if (schema.default !== undefined && schema.default !== "" && schema.type !== "boolean") say.push(`${JSON.stringify(schema.default)} when left empty`);
  return say.join(" · ");
}

/** The value that a field stands for, or what is wrong with it. Nothing when it is left out. */
function valueOf(field, typed) {
  const { schema, kind, required } = field;
  if (kind === "fixed") return { value: schema.const };
  if (kind === "boolean") return typed === undefined && !required ? {} : { value: Boolean(typed ?? schema.default) };
  if (kind === "list") return listOf(field, typed || []);
  if (typed === undefined || typed === "") {
    if (kind === "long" && required) return schema.minLength > 0 ? { wrong: "This is needed." } : { value: "" };
    return required ? { wrong: "This is needed." } : {};
  }
  if (kind === "enum") return { value: schema.enum.find((option) => JSON.stringify(option) === typed) };
  if (kind === "number") return numberOf(schema, typed);
  if (kind === "json") return jsonOf(schema, typed);
  return stringOf(schema, typed);
}

function stringOf(schema, typed) {
  if (schema.minLength && typed.length < schema.minLength) return { wrong: `At least ${schema.minLength} characters.` };
  if (schema.maxLength && typed.length > schema.maxLength) return { wrong: `At most ${schema.maxLength} characters; these are ${typed.length}.` };
  if (schema.pattern && !new RegExp(schema.pattern, "u").test(typed)) return { wrong: `It must fit the pattern ${schema.pattern}` };
  return { value: typed };
}

function numberOf(schema, typed) {
  const value = Number(String(typed).trim());
  if (!Number.isFinite(value)) return { wrong: "This must be a number." };
  if (schema.type === "integer" && !Number.isInteger(value)) return { wrong: "This must be a whole number." };
  if (value < schema.minimum) return { wrong: `At least ${schema.minimum}.` };
  if (value > schema.maximum) return { wrong: `At most ${schema.maximum}.` };
  if (value <= schema.exclusiveMinimum) return { wrong: `Above ${schema.exclusiveMinimum}.` };
  if (value >= schema.exclusiveMaximum) return { wrong: `Below ${schema.exclusiveMaximum}.` };
  if (schema.multipleOf && Math.abs(value / schema.multipleOf - Math.round(value / schema.multipleOf)) > 1e-9) return { wrong: `A multiple of ${schema.multipleOf}.` };
  return { value };
}

function jsonOf(schema, typed) {
  let value;
  try {
    value = JSON.parse(typed);
  } catch (error) {
    return { wrong: `This is not JSON: ${error.message}` };
  }
  const type = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
  if ((schema.type === "object" || schema.type === "array") && type !== schema.type) return { wrong: `This must be a JSON ${schema.type}.` };
  return { value };
}

function listOf({ schema, item, required }, rows) {
  const values = [];
  for (const row of rows) {
    const one = item.enum ? { value: item.enum.find((option) => String(option) === row) } : item.type === "string" ? stringOf(item, row) : numberOf(item, row);
    if (one.wrong) return { wrong: `Item ${values.length + 1}: ${one.wrong}` };
    values.push(one.value);
  }
  if (!values.length && !required && !schema.minItems) return {};
  if (values.length < (schema.minItems || 0)) return { wrong: `At least ${schema.minItems} items.` };
  if (values.length > (schema.maxItems ?? Infinity)) return { wrong: `At most ${schema.maxItems} items.` };
  return { value: values };
}

/** A value as those who watch read it. */
function lines(value) {
  const text = Array.isArray(value) ? value.map((one) => `\n  - ${one}`).join("") : String(value);
  return text.includes("\n") && !Array.isArray(value) ? `\n${text}` : text;
}

export default {
  template: `
<form class="tool-form" @submit.prevent="run" @keydown.enter.ctrl.prevent="run" @keydown.enter.meta.prevent="run" novalidate>
  <div class="tool-pick" role="group" aria-label="Tool"><button v-for="tool in tools" :key="tool.name" type="button" class="chip mono"
    :aria-pressed="tool.name === picked" :data-tool="tool.name" :class="{'is-off': tool.off}" @click="pick(tool.name)">{{ tool.name }}</button></div>
  <p v-if="!tools.length" class="tool-note">No tool is known yet: the runner has not joined.</p>
  <template v-if="tool">
    <p class="tool-note"><bdi>{{ tool.description }}</bdi>
      <span v-if="tool.writes" class="tag">changes files</span> <span v-if="!tool.safe" class="tag tag-attention">not safe to repeat</span>
      <span v-if="tool.policy === 'ask'" class="tag tag-human" title="An agent must ask for this tool; your own call is the approval">asks agents first</span></p>
    <p v-if="tool.off" class="tool-wrong" role="alert">{{ tool.name }} is off here: {{ tool.off }}</p>
    <div class="tool-fields"><div v-for="field in fields" :key="tool.name + field.name" class="field" :class="{'is-short': isShort(field)}" :data-field="field.name">
      <label :for="id(field)">{{ field.name }}<span v-if="field.required" class="need"> needed</span></label>
      <label v-if="field.kind === 'boolean'" class="tool-check"><input :id="id(field)" type="checkbox" :checked="values[field.name] ?? field.schema.default"
        :aria-describedby="id(field) + '-about'" @change="set(field, $event.target.checked)"> <span>{{ field.schema.description || 'yes' }}</span></label>
      <select v-else-if="field.kind === 'enum'" :id="id(field)" :value="values[field.name] ?? ''" v-bind="aria(field)" @change="set(field, $event.target.value)">
        <option value="">{{ field.known ? 'as usual: ' + field.schema.default : field.required ? 'choose…' : 'left out' }}</option>
        <option v-for="option in field.schema.enum" :key="String(option)" :value="JSON.stringify(option)">{{ option }}</option></select>
      <textarea v-else-if="field.kind === 'long' || field.kind === 'json'" :id="id(field)" class="mono" :rows="field.kind === 'json' ? 4 : 5" spellcheck="false"
        :value="values[field.name] ?? ''" :placeholder="field.kind === 'json' ? 'JSON' : ''" v-bind="aria(field)" @input="set(field, $event.target.value)"></textarea>
      <div v-else-if="field.kind === 'list'" class="tool-list">
        <div v-for="(row, n) in values[field.name] || []" :key="n" class="row">
          <select v-if="field.item.enum" class="grow" :value="row" :aria-label="field.name + ' ' + (n + 1)" @change="setRow(field, n, $event.target.value)"><option v-for="option in field.item.enum" :key="String(option)">{{ option }}</option></select>
          <input v-else class="grow" :id="id(field) + '-' + n" :value="row" :aria-label="field.name + ' ' + (n + 1)" @input="setRow(field, n, $event.target.value)">
          <button type="button" class="btn btn-icon" :aria-label="'Remove ' + field.name + ' ' + (n + 1)" @click="dropRow(field, n)">×</button></div>
        <button :id="id(field)" type="button" class="btn btn-small" v-bind="aria(field)" @click="addRow(field)">Add an item</button></div>
      <input v-else-if="field.kind === 'fixed'" :id="id(field)" :value="field.schema.const" disabled>
      <input v-else :id="id(field)" type="text" :inputmode="field.kind === 'number' ? 'decimal' : 'text'" autocomplete="off" spellcheck="false" :value="values[field.name] ?? ''"
        :placeholder="field.known ? String(field.schema.default) : ''" v-bind="aria(field)" @input="set(field, $event.target.value)">
      <span v-if="wrong[field.name]" class="wrong" :id="id(field) + '-wrong'" role="alert">{{ wrong[field.name] }}</span>
      <span v-if="about(field)" class="hint" :id="id(field) + '-about'">{{ about(field) }}</span>
    </div></div>
    <p v-if="!fields.length" class="tool-note">It takes no arguments.</p>
    <p v-if="wrong['']" class="tool-wrong" role="alert">{{ wrong[""] }}</p>
    <div class="row tool-row"><button type="submit" class="btn btn-primary" :disabled="Boolean(off || tool.off || sending)" :title="off || tool.off || null">Run <bdi>{{ tool.name }}</bdi><span class="kbd" aria-hidden="true">Ctrl ⏎</span></button>
      <span v-if="running" class="tool-note" role="status">Running: {{ running }}</span><span v-else-if="off" class="tool-off">{{ off }}</span>
      <button v-if="request" type="button" class="btn btn-small" data-act="asked" @click="toAsked">Show it</button></div>
  </template>
</form>`,
  props: { keep: String, tools: Array, off: String, running: String, request: Boolean },
  emits: ["call"],
  data: () => ({ picked: "", drafts: {}, wrong: {}, sending: false }),
  computed: {
    tool() {
      return this.tools.find((tool) => tool.name === this.picked) || null;
    },
    fields() {
      return this.tool ? fieldsOf(this.tool.parameters) : [];
    },
    values() {
      return this.drafts[this.picked] || {};
    },
  },
  watch: {
    tools() {
      this.choose();
    },
    values(values) {
      setUnsent({ tool: this.picked, arguments: Object.entries(values).map(([name, value]) => `${name}: ${lines(value)}`).join("\n") });
    },
  },
  mounted() {
    const kept = JSON.parse(localStorage.getItem(this.key()) || "{}");
    this.picked = kept.picked || "";
    this.drafts = kept.drafts || {};
    this.choose();
  },
  unmounted() {
    clearTimeout(this.patience);
  },
  methods: {
    key() {
      return ours("tool", this.keep);
    },
    id(field) {
      return `tool-${this.picked}-${field.name}`;
    },
    aria(field) {
      const wrong = Boolean(this.wrong[field.name]);
      return { "aria-invalid": wrong, "aria-required": field.required, "aria-describedby": `${this.id(field)}-${wrong ? "wrong" : "about"}` };
    },
    isShort: (field) => !field.required && ["string", "number", "boolean", "enum"].includes(field.kind),
    about(field) {
      return [field.kind === "boolean" ? "" : field.schema.description, field.limits].filter(Boolean).join(" · ");
    },
    choose() {
      if (!this.tool && this.tools.length) this.picked = (this.tools.find((tool) => !tool.off) || this.tools[0]).name;
    },
    pick(name) {
      this.picked = name;
      this.wrong = {};
      this.store();
    },
    store() {
      localStorage.setItem(this.key(), JSON.stringify({ picked: this.picked, drafts: this.drafts }));
    },
    set(field, value) {
      this.drafts[this.picked] = { ...this.values, [field.name]: value };
      if (this.wrong[field.name]) delete this.wrong[field.name];
      this.store();
    },
    setRow(field, index, value) {
      this.set(field, this.values[field.name].map((row, n) => (n === index ? value : row)));
    },
    addRow(field) {
      this.set(field, [...(this.values[field.name] || []), field.item.enum ? String(field.item.enum[0]) : ""]);
    },
    dropRow(field, index) {
      this.set(field, this.values[field.name].filter((_, n) => n !== index));
    },
    run() {
      if (!this.tool || this.off || this.tool.off || this.sending) return;
      this.wrong = {};
      const values = {};
      for (const field of this.fields) {
        const { value, wrong } = valueOf(field, this.values[field.name]);
        if (wrong) this.wrong[field.name] = wrong;
        else if (value !== undefined) values[field.name] = value;
      }
      if (Object.keys(this.wrong).length) return this.point();
      this.sending = true;
      this.asked = JSON.stringify(this.drafts[this.picked]);
      this.patience = setTimeout(() => this.refuse({ "": "No answer yet. Look at the thread before you run it again." }), PATIENCE_MS);
      this.$emit("call", { name: this.picked, arguments: values });
    },
    point() {
      this.$nextTick(() => this.$el.querySelector("[aria-invalid=true]")?.focus());
    },
    toAsked() {
      const card = document.querySelector(".asks article.ask[data-request]:not(.ask-left)");
      card?.scrollIntoView({ block: "nearest" });
      card?.querySelector("[data-choice]:not(:disabled)")?.focus({ preventScroll: true });
    },
    /** The call is on record. What was written since stays. */
    sent(name) {
      clearTimeout(this.patience);
      this.sending = false;
      if (JSON.stringify(this.drafts[name]) !== this.asked) return;
      delete this.drafts[name];
      this.store();
    },
    refuse(wrong) {
      clearTimeout(this.patience);
      this.sending = false;
      this.wrong = wrong;
      this.point();
    },
  },
};
