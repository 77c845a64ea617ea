// The drawer's markup; drawer.js says what happens in it.
export const TEMPLATE = `
<aside class="drawer" :class="{ 'drawer-shut': !id }" aria-label="Selected sub-agent">
  <template v-if="tile">
    <header class="drawer-head">
      <div class="drawer-title"><i class="dot" :style="{ '--c': color(look) }" aria-hidden="true"></i>
        <h2 ref="title" tabindex="-1"><bdi>{{ tile.name }}</bdi></h2>
        <span v-for="r in requests.slice(0, 1)" :key="r.id" class="tag" :class="kind(r).tag">{{ kind(r).label }}</span>
        <ul v-if="there.shown.length" class="faces" :aria-label="there.words" :title="there.words"><li v-for="f in there.shown" :key="f.id" class="face" :style="{ '--hue': f.hue }" :data-face="f.id" :title="f.name"><span aria-hidden="true">{{ f.initials }}</span><span class="sr">{{ f.name }}</span></li><li v-if="there.more" class="face face-more">+{{ there.more }}</li></ul>
        <button type="button" class="btn btn-icon btn-small btn-ghost drawer-close" aria-label="Close (Esc)" @click="close">×</button></div>
      <p class="drawer-sub"><bdi class="drawer-task">{{ tile.title || tile.role }}</bdi>
        <template v-if="parent"> · child of <button type="button" class="link" @click="go(parent.id)"><bdi>{{ parent.name }}</bdi></button></template></p>
      <p class="drawer-driver" :class="{ 'drawer-human': held }">
        <template v-if="tile.driver"><b><bdi>{{ tile.driver.name }}</bdi></b> ({{ tile.driver.kind }}) drives since <span class="num">{{ time(tile.driver.since) }}</span></template>
        <template v-else-if="ended">Nobody drives any more</template>
        <template v-else>Nobody drives; <b><bdi>{{ detail ? memberName : tile.member }}</bdi></b> will</template></p>
      <dl class="kv">
        <div><dt>Step</dt><dd class="num">{{ tile.step }}</dd></div>
        <div><dt>Tokens</dt><dd class="num">{{ short(tile.tokens) }}</dd></div>
        <div><dt>{{ tile.cost ? "Cost" : "Tokens/s" }}</dt><dd class="num">{{ tile.cost ? money(tile.cost) : short(rate) }}</dd></div>
        <div><dt class="cut" :title="state">{{ state.split(",")[0] }}</dt><dd class="num" :style="{ color: look === 'att' ? 'var(--attention)' : ['bad', 'hum'].includes(look) ? color(look) : null }">{{ ended ? when(tile.since, now) : clock((now - tile.since) / 1000) }}</dd></div>
      </dl>
      <div class="drawer-acts" v-if="!ended">
        <a v-if="held" class="btn" :class="{ 'btn-human': mine }" :href="'/agents/' + id + '/drive'"><template v-if="mine">Take-over screen</template><template v-else>Watch <bdi>{{ tile.driver.name }}</bdi></template></a>
        <button v-else type="button" class="btn btn-human" :disabled="!!off('TakeOver')" :title="off('TakeOver')" @click="deed('takeOver')">Take over <kbd class="kbd" aria-hidden="true">T</kbd></button>
        <button v-if="tile.asked_by" type="button" class="btn" :disabled="!!off('WithdrawTakeOver')" :title="off('WithdrawTakeOver')" @click="deed('withdraw')">Withdraw</button>
        <button v-else-if="!held" type="button" class="btn" :disabled="!!off('TakeOver')" :title="off('TakeOver') || 'Take over when the step under way has ended'" @click="deed('takeOverAfter')">After this step</button>
        <button v-if="!held" type="button" class="btn" @click="deed('pauseOrResume')" :disabled="!!off('PauseAgent') || (!!tile.pausing && tile.state !== 'paused')" :title="off('PauseAgent')">{{ tile.state === "paused" ? "Resume" : tile.pausing ? "Pausing…" : "Pause" }}</button>
        <details class="menu" @click="(e) => e.target.closest('.menu-list') && (e.currentTarget.open = false)">
          <summary class="btn btn-icon" aria-label="More">⋯</summary>
          <div class="menu-list">
            <button type="button" :disabled="!!off('Reassign')" :title="off('Reassign')" @click="deed('reassign')">Give to another member…</button>
            <button type="button" :disabled="!!off('ForkAgent')" :title="off('ForkAgent')" @click="fork">Fork from a step…</button>
            <a :href="'/agents/' + id + '/drive'">Open the take-over screen</a>
            <button type="button" class="menu-bad" :disabled="!!off('CancelAgent')" :title="off('CancelAgent')" @click="deed('cancel')">End it…</button>
          </div></details>
      </div>
      <div class="drawer-acts" v-else><button type="button" class="btn" :disabled="!!off('ForkAgent')" :title="off('ForkAgent')" @click="fork">Fork…</button>
        <a class="btn btn-ghost" :href="'/agents/' + id + '/drive'">Open its own page</a></div>
      <p v-if="off('TakeOver') && !ended" class="drawer-note">{{ off("TakeOver") }}</p>
      <p v-if="tile.asked_by" class="drawer-note">A person takes over after this step.</p>
    </header>
    <div class="tabs" role="tablist" aria-label="About this sub-agent" @keydown="tabKey">
      <button v-for="[key, label] in tabs" :key="key" type="button" role="tab" :aria-selected="String(tab === key)" :tabindex="tab === key ? 0 : -1" @click="pick(key)">{{ label }}<span v-if="key === 'files' && changed.length" class="tabs-n num">{{ changed.length }}</span></button>
    </div>
    <p v-if="problem" class="drawer-problem" role="alert">{{ problem }}</p>
    <div class="drawer-body" v-show="tab === 'live'" role="tabpanel" aria-label="Live">
      <section v-for="r in requests" :key="r.id" class="ask-card">
        <h3><span aria-hidden="true">▲</span> {{ r.kind === 'question' ? 'Asks you' : requestTitle(r) }}</h3>
        <pre v-if="r.kind === 'question'" class="ask-card-words" dir="auto">{{ r.detail || r.title }}</pre>
        <pre v-else-if="r.tool && !['budget', 'stall'].includes(r.kind)" class="code">{{ r.tool }}\n{{ argumentLines(r.arguments) }}</pre>
        <p v-if="r.detail && r.kind !== 'question'" dir="auto">{{ r.detail }}</p>
        <claim-line :request="r" :now="now"></claim-line>
        <div class="item-acts"><button v-for="b in buttonsOf(r, true)" :key="b.key" type="button" class="btn btn-small" :class="b.look" :disabled="!!noAnswer(r, b.choice.id, b.given.scope)" :title="noAnswer(r, b.choice.id, b.given.scope) || b.title" @click="answer(r, b)">{{ b.label }}</button>
          <button v-if="r.kind === 'question'" type="button" class="btn btn-small btn-primary" :disabled="!!noAnswer(r)" :title="noAnswer(r)" @click="answer(r, { choice: r.choices[0], given: {} })">Answer…</button></div>
      </section>
      <section v-if="!ended" class="live">
        <header><span>Live text</span><span class="num">{{ rate ? short(rate) + " tok/s" : look === "tool" ? "in " + plain(tile.tool) : state.split(",")[0].toLowerCase() }}</span></header>
        <div ref="live" class="live-text" tabindex="0" aria-label="Live text"><span v-if="live.reasoning" class="live-reasoning" dir="auto">{{ live.reasoning }}</span><bdi>{{ live.text }}</bdi><i v-if="rate" class="caret" aria-hidden="true"></i><span v-if="!live.text && !live.reasoning" class="dim">{{ silence }}</span></div>
      </section>
      <section v-else-if="tile.state === 'failed' && detail?.reason" class="live live-failed"><header><span>Why it failed</span></header><div class="live-text" tabindex="0" aria-label="Why it failed">{{ detail.reason }}</div></section>
      <section v-else-if="tile.state === 'done' && result" class="live"><header><span>Result</span></header><div class="live-text" tabindex="0" aria-label="Result" dir="auto">{{ result }}</div></section>
      <h3 class="drawer-h3" v-if="steps.length">Last steps</h3>
      <ol class="steps"><li v-for="s in steps" :key="s.key"><time class="num">{{ time(s.at) }}</time><i class="dot" :style="{ '--c': 'var(' + s.color + ')' }" aria-hidden="true"></i>
        <div><b><bdi>{{ s.title }}</bdi></b><span dir="auto" :class="{ mono: s.mono }" :title="s.text">{{ s.text }}</span></div><em class="num">{{ s.step ? s.step : "" }}</em></li></ol>
      <div v-if="!detail && !problem" class="inbox-loading" aria-busy="true"><div v-for="n in 3" :key="n" class="skeleton"></div></div>
    </div>
    <div class="drawer-body drawer-thread" v-show="tab === 'thread'" role="tabpanel" aria-label="Thread"><slot></slot></div>
    <div class="drawer-body" v-if="tab === 'files'" role="tabpanel" aria-label="Files">
      <div v-if="!files" class="inbox-loading" aria-busy="true"><div class="skeleton"></div></div>
      <p v-else-if="!files.files.length" class="drawer-empty">The workspace is empty.</p>
      <template v-else>
        <p class="drawer-empty" v-if="!changed.length">Nothing changed since the last take-over.</p>
        <ul class="files"><li v-for="f in (changed.length ? changed : files.files)" :key="f.path"><span class="mono cut" :title="f.path"><bdi>{{ f.path }}</bdi></span><span class="tag" v-if="f.status !== 'same'">{{ f.status }}</span><span class="num dim">{{ bytes(f.bytes) }}</span></li></ul>
        <pre v-if="files.diff" class="code diff"><span v-for="(line, n) in diff" :key="n" :class="'diff-' + line.kind">{{ line.text + "\\n" }}</span></pre>
      </template>
    </div>
    <div class="drawer-body" v-if="tab === 'about'" role="tabpanel" aria-label="Task">
      <template v-if="detail"><h3 class="drawer-h3">Task</h3><pre class="about" dir="auto">{{ detail.task }}</pre>
        <template v-if="detail.acceptance"><h3 class="drawer-h3">Accepted when</h3><pre class="about" dir="auto">{{ detail.acceptance }}</pre></template>
        <template v-if="detail.children.length"><h3 class="drawer-h3">Its sub-agents</h3>
          <ul class="files"><li v-for="c in detail.children.slice(0, 100)" :key="c.id"><button type="button" class="link cut" @click="go(c.id)"><bdi>{{ c.name }}</bdi></button><span class="dim cut"><bdi>{{ c.title }}</bdi></span></li></ul></template></template>
    </div>
    <form v-if="(!ended && !held) || message.trim()" class="composer" @submit.prevent="send">
      <label class="sr" for="steer-text">Words for its next step</label>
      <textarea id="steer-text" ref="steer" v-model="message" rows="2" :placeholder="'Steer ' + plain(tile.name) + ' at its next step…'"
        @keydown.ctrl.enter.prevent="send" @keydown.meta.enter.prevent="send" @keydown.escape="(e) => e.target.blur()"></textarea>
      <div class="composer-row"><span class="dim cut">{{ composerNote }}</span>
        <button class="btn btn-small btn-primary" :disabled="!message.trim() || sending || ended || held || !!off('SteerAgent')" :title="off('SteerAgent')">Send</button></div>
    </form>
  </template>
  <div v-else-if="id" class="inbox-loading" aria-busy="true"><div v-for="n in 4" :key="n" class="skeleton"></div></div>
</aside>`;
