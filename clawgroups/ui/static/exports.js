// The ways in which a group's record leaves: whole as JSON lines, or a table of it for a spreadsheet.
const WAYS = [
  ["jsonl", "", "JSON lines", "everything that happened, event by event"],
  ["csv", "steps", "CSV of steps", "who said what, tokens, cost"],
  ["csv", "calls", "CSV of tool calls", "arguments, results, fates"],
  ["csv", "requests", "CSV of requests", "what people were asked and answered"],
];

export const ExportLinks = {
  props: { groupId: String, name: String },
  template: `
    <ul class="exports">
      <li v-for="[format, table, label, about] in ways" :key="format + table"><a :href="href(format, table)" download :aria-label="label + (name ? ' of ' + name : '')">{{ label }} ↓</a> <span class="muted">{{ about }}</span></li>
    </ul>`,
  data: () => ({ ways: WAYS }),
  methods: {
    href(format, table) {
      const query = new URLSearchParams(table ? { format, table } : { format });
      return `/api/v1/groups/${encodeURIComponent(this.groupId)}/export?${query}`;
    },
  },
};
