// Files that are attached to words: images as thumbnails that open in full, everything else as a download.
import { bytes, plain } from "/claw/words.js";

const IMAGES = new Set(["image/png", "image/jpeg", "image/webp", "image/gif"]);

export const isImage = (file) => IMAGES.has(file.media_type);

export const Attached = {
  props: { groupId: String, files: Array },
  template: `
<div class="attached">
  <ul v-if="images.length" class="attached-images" aria-label="Images">
    <li v-for="(f, n) in images" :key="f.id"><button type="button" class="attached-image" :aria-label="'Open ' + plain(f.name)" :title="plain(f.name)" @click="open(n)">
      <img :src="href(f)" alt="" loading="lazy" @error="broken.add(f.id)"></button></li>
  </ul>
  <ul v-if="others.length" class="attached-files" aria-label="Files">
    <li v-for="f in others" :key="f.id"><a class="attached-file" :href="href(f)" :download="plain(f.name)" :title="'In workspaces: ' + f.path"><span aria-hidden="true">↓</span> <bdi class="cut">{{ plain(f.name) }}</bdi> <span class="num dim">{{ bytes(f.size) }}</span></a></li>
  </ul>
  <dialog ref="full" class="attached-full" :aria-label="shown ? plain(shown.name) : 'Image'" @click.self="close" @close="at = -1" @keydown.left.prevent="step(-1)" @keydown.right.prevent="step(1)">
    <template v-if="shown">
      <header><bdi class="cut grow">{{ plain(shown.name) }}</bdi> <span class="num dim">{{ bytes(shown.size) }}<template v-if="images.length > 1"> · {{ at + 1 }} of {{ images.length }}</template></span>
        <button v-if="images.length > 1" type="button" class="btn btn-icon btn-small" aria-label="The image before (←)" @click="step(-1)">‹</button>
        <button v-if="images.length > 1" type="button" class="btn btn-icon btn-small" aria-label="The next image (→)" @click="step(1)">›</button>
        <a class="btn btn-small" :href="href(shown)" :download="plain(shown.name)">Download</a>
        <button type="button" class="btn btn-icon btn-small" aria-label="Close (Esc)" autofocus @click="close">×</button></header>
      <div class="attached-whole"><img :key="shown.id" :src="href(shown)" :alt="plain(shown.name)"></div>
    </template>
  </dialog>
</div>`,
  data: () => ({ at: -1, broken: new Set() }),
  computed: {
    images() {
      return this.files.filter((f) => isImage(f) && !this.broken.has(f.id));
    },
    others() {
      return this.files.filter((f) => !isImage(f) || this.broken.has(f.id)); // one that no browser can draw is still a file
    },
    shown() {
      return this.images[this.at];
    },
  },
  methods: {
    bytes, plain,
    href(file) {
      return `/api/v1/groups/${encodeURIComponent(this.groupId)}/attachments/${encodeURIComponent(file.id)}`;
    },
    open(n) {
      this.at = n;
      this.$nextTick(() => this.$refs.full.showModal());
    },
    close() {
      this.$refs.full.close();
    },
    step(by) {
      this.at = (this.at + by + this.images.length) % this.images.length;
    },
  },
};
