// The room's markup; talk.js says what happens in it.
export const TEMPLATE = `
<section class="talk" aria-label="Room">
  <div class="talk-main" :class="{ 'talk-dropping': dropping }" @dragenter="dragged" @dragover="dragged" @dragleave="left" @drop="dropped">
    <header class="talk-head">
      <div class="seg" role="group" aria-label="What is shown">
        <button type="button" :aria-pressed="String(!only)" @click="narrow('')">Everything</button>
        <button v-if="only || picked" type="button" :aria-pressed="String(Boolean(only))" @click="narrow(only || picked)">Only <bdi>{{ nameOf(only || picked) }}</bdi></button>
      </div>
      <p v-if="stale" class="talk-stale" role="status">Reconnecting: what is said meanwhile comes afterwards.</p>
    </header>
    <div ref="list" class="talk-list" role="log" aria-label="What was said" tabindex="0" @scroll.passive="scrolled" @load.capture="grew">
      <p v-if="phase === 'loading'" class="talk-loading" aria-busy="true"><span v-for="n in 4" :key="n" class="skeleton"></span></p>
      <div v-else-if="phase === 'failed'" class="blank" role="alert"><div class="blank-title">The room cannot be read now</div>
        <div class="blank-text">{{ problem }}</div><button type="button" class="btn" @click="read()">Try again</button></div>
      <div v-else-if="!messages.length" class="blank"><div class="blank-title">Nothing was said yet</div>
        <div class="blank-text">{{ only ? "Words to this sub-agent show up here." : "Write to the conductor, or to a sub-agent by @name. What members post and what they finish, changes of the rules and of who drives stand here too." }}</div></div>
      <button v-if="more" type="button" class="btn btn-small talk-more" :disabled="earlier" @click="readEarlier">{{ earlier ? "One moment…" : "Earlier" }}</button>
      <template v-for="row in rows" :key="row.key">
      <div v-if="row.bunch" class="talk-one talk-bunch" :data-count="row.bunch.length"><span class="talk-face" aria-hidden="true">✓</span>
        <div class="talk-body"><p class="talk-by"><span class="talk-who">{{ plural(row.bunch.length, "result") }}</span>
          <span v-if="failedOf(row.bunch)" class="talk-bad">{{ failedOf(row.bunch) }} failed</span>
          <time class="num" :datetime="iso(row.bunch.at(-1).at)" :title="whole(row.bunch.at(-1).at)">{{ when(row.bunch.at(-1).at, now) }}</time></p>
          <p class="talk-to">of <template v-for="(r, n) in row.bunch.slice(0, 3)" :key="r.seq">{{ n ? ", " : "" }}<button type="button" class="talk-who" @click="pick(r.by_agent)"><bdi>{{ r.by_name }}</bdi></button></template><template v-if="row.bunch.length > 3"> and {{ row.bunch.length - 3 }} more</template> · <button type="button" class="talk-fold" :aria-expanded="String(row.open)" @click="showEach(row)">{{ row.open ? "Fold" : "Show each" }}</button></p></div>
      </div>
      <article v-else class="talk-one" :class="['talk-' + row.m.kind, { 'talk-agent': row.m.by_agent, 'talk-whole': row.m.conducts }]" :data-seq="row.m.seq" :aria-label="labelOf(row.m)">
        <span class="talk-face" aria-hidden="true">{{ faceOf(row.m) }}</span>
        <div class="talk-body">
          <p class="talk-by"><button v-if="row.m.by_agent" type="button" class="talk-who" @click="pick(row.m.by_agent)"><bdi>{{ row.m.by_name }}</bdi></button><bdi v-else class="talk-who">{{ row.m.by_name }}</bdi>
            <span v-if="row.m.kind !== 'post'" class="talk-did">{{ didOf(row.m) }} <button v-if="row.m.about" type="button" class="talk-who" @click="pick(row.m.about)"><bdi>{{ row.m.about_name }}</bdi></button></span>
            <time class="num" :datetime="iso(row.m.at)" :title="whole(row.m.at)">{{ when(row.m.at, now) }}</time></p>
          <p v-if="row.m.text" class="talk-text" dir="auto" :class="{ 'talk-cut': isLong(row.m) && !opened.has(row.m.seq) }">{{ shown(row.m) }}</p>
          <p v-else-if="row.m.kind === 'rules'" class="talk-text dim">There are none any more.</p>
          <p v-else-if="row.m.kind === 'finished'" class="talk-text dim">Without a word.</p>
          <button v-if="isLong(row.m)" type="button" class="talk-fold" :aria-expanded="String(opened.has(row.m.seq))" @click="fold(row.m)">{{ opened.has(row.m.seq) ? "Less" : row.m.cut ? "More of it" : "All of it" }}</button>
          <button v-if="row.m.cut && opened.has(row.m.seq)" type="button" class="talk-fold" @click="pick(row.m.by_agent)">All of it, in the thread</button>
          <attached v-if="row.m.attachments.length" :group-id="groupId" :files="row.m.attachments"></attached>
          <p v-if="row.m.to.length" class="talk-to">to <template v-for="(t, n) in row.m.to.slice(0, 6)" :key="t.agent">{{ n ? ", " : "" }}<button type="button" class="talk-who" @click="pick(t.agent)"><bdi>{{ t.name }}</bdi></button></template><template v-if="row.m.to.length > 6"> and {{ row.m.to.length - 6 }} more</template>
            <span class="talk-read" :class="{ 'talk-queued': waiting(row.m) }"> · {{ readOf(row.m) }}</span></p>
        </div>
      </article>
      </template>
    </div>
    <form class="talk-write" @submit.prevent="send">
      <button v-if="below" type="button" class="btn btn-small btn-primary talk-below" @click="toEnd">{{ plural(below, "new message") }} ↓</button>
      <label class="sr" :for="id">Your words in the room</label>
      <textarea :id="id" ref="words" class="input" rows="2" dir="auto" v-model="text" :disabled="Boolean(off)" :placeholder="off || 'Write to the conductor, or to somebody by @name…'"
        role="combobox" aria-autocomplete="list" :aria-expanded="String(Boolean(offers))" :aria-controls="id + '-offers'" :aria-activedescendant="offers ? id + '-' + at : null"
        @input="typed" @click="look" @keydown="keys" @blur="later" @paste="pasted"></textarea>
      <picked ref="picked" :group-id="groupId" @change="files = $event"></picked>
      <ul v-if="offers" :id="id + '-offers'" class="talk-offers" role="listbox" aria-label="Sub-agents">
        <li v-for="(p, n) in offers.people" :key="p.name" :id="id + '-' + n" role="option" :aria-selected="String(n === at)" @mousedown.prevent="take(p)"><bdi>{{ p.name }}</bdi> <span class="dim cut">{{ p.about }}</span></li>
      </ul>
      <button type="button" class="btn btn-icon talk-clip" :disabled="Boolean(off)" aria-label="Attach files" title="Attach files: up to 10, of 20 MiB each" @click="$refs.picked.pick()"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M20 11.5 12 19.5a5 5 0 0 1-7-7l8.5-8.5a3.4 3.4 0 0 1 4.8 4.8L9.9 17.2a1.7 1.7 0 0 1-2.4-2.4l7.6-7.6"/></svg></button>
      <p v-if="unsent" class="talk-route talk-unsent" role="alert">{{ unsent }}</p>
      <p v-else class="talk-route" role="status">{{ route }}</p>
      <button type="submit" class="btn btn-primary" :disabled="!ready">{{ busy ? "Sending…" : files.under ? "Uploading…" : "Send" }}<span class="kbd" aria-hidden="true">Ctrl ⏎</span></button>
    </form>
  </div>
  <aside class="talk-rules" aria-label="Standing rules">
    <header><h2>Standing rules</h2><button v-if="!editing" type="button" class="btn btn-small" :disabled="Boolean(noRules)" :title="noRules" @click="edit">Edit</button></header>
    <template v-if="!editing"><p v-if="rules.trim()" class="talk-rules-text" dir="auto">{{ rules }}</p>
      <p v-else class="muted">None. What holds for everybody here goes in: tone, sources, what to leave alone. Each member reads them before its next task.</p></template>
    <form v-else class="field" @submit.prevent="saveRules">
      <label :for="id + '-rules'">In plain words</label>
      <textarea :id="id + '-rules'" ref="rules" class="input" rows="10" dir="auto" v-model="draft" @input="keepRules" @keydown.escape.prevent="stopEditing"></textarea>
      <p v-if="rules !== base" class="wrong" role="alert">Somebody has changed them meanwhile to: “<bdi>{{ rules || "none" }}</bdi>”. Saving puts yours in their place.</p>
      <label class="form-check"><input type="checkbox" v-model="tellAll"><span>Tell everybody who is under way, too, at the next step</span></label>
      <p v-if="unsaved" class="wrong" role="alert">{{ unsaved }}</p>
      <div class="row"><button class="btn btn-primary" :disabled="saving || draft.trim() === rules.trim()">{{ saving ? "Saving…" : "Save" }}</button><button type="button" class="btn btn-ghost" @click="stopEditing">Discard</button></div>
    </form>
  </aside>
</section>`;
