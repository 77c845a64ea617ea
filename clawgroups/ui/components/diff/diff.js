// A unified diff or a text file, as text nodes only.
const SHOWN = 4000; // lines

export default {
  template: `
<section v-if="title" class="diff" :aria-label="title">
  <header><h3 class="mono"><bdi>{{ title }}</bdi></h3><span v-if="isDiff" class="num"><b class="add">+{{ added }}</b> <b class="cut-line">−{{ removed }}</b></span></header>
  <p v-if="note" class="diff-note">{{ note }}</p>
  <div class="diff-body mono" tabindex="0"><div v-for="(line, n) in lines" :key="n" class="diff-line" :class="line.tone"><span
    class="diff-no" aria-hidden="true">{{ line.no }}</span><bdi class="diff-text">{{ line.text || " " }}</bdi></div></div>
  <p v-if="more" class="diff-note">{{ more.toLocaleString() }} more lines are not shown.</p>
</section>`,
  props: { title: String, text: String, note: String, isDiff: Boolean },
  computed: {
    all() {
      const lines = (this.text || "").replace(/\n$/, "").split("\n");
      return this.isDiff ? numbered(lines) : lines.map((text, n) => ({ text, no: n + 1, tone: "" }));
    },
    lines() {
      return this.all.slice(0, SHOWN);
    },
    more() {
      return this.all.length - this.lines.length;
    },
    added() {
      return this.all.filter((line) => line.tone === "add").length;
    },
    removed() {
      return this.all.filter((line) => line.tone === "cut-line").length;
    },
  },
};

function numbered(lines) {
  let no = 0;
  let body = false;
  const made = [];
  for (const text of lines) {
    const at = text.match(/^@@ -\d+(?:,\d+)? \+(\d+)/);
    if (at) {
      no = Number(at[1]);
      body = true;
      made.push({ text, no: "", tone: "at" });
    } else if (text.startsWith("diff --git")) {
      body = false;
    } else if (!body) {
      if (/^(new|deleted|Binary|rename|similarity)/.test(text)) made.push({ text, no: "", tone: "at" });
    } else if (text.startsWith("+")) made.push({ text, no: no++, tone: "add" });
    else if (text.startsWith("-")) made.push({ text, no: "", tone: "cut-line" });
    else if (text.startsWith("\\")) made.push({ text, no: "", tone: "at" });
    else made.push({ text, no: no++, tone: "" });
  }
  return made;
}
