// What the inbox looks like: its head, what is selected, items and folded causes, and the other two lists.
export const template = `
    <section class="inbox" aria-label="Needs you" :data-tab="tab">
      <header class="pane-head"><h2>Needs you</h2>
        <span class="count" :class="{ 'count-none': !live }" aria-live="polite" :aria-label="live + ' open'">{{ live }}</span>
        <span class="pane-note" v-if="live > 1">by cost of waiting</span></header>
      <div v-if="loaded" class="inbox-bar"><div class="seg" role="group" aria-label="Which requests">
        <button type="button" :aria-pressed="String(tab === 'open')" @click="turn('open')">Open <span class="num dim">{{ live }}</span></button>
        <button v-if="asleep.length || tab === 'snoozed'" type="button" :aria-pressed="String(tab === 'snoozed')" @click="turn('snoozed')">Snoozed ({{ asleep.length }})</button>
        <button type="button" :aria-pressed="String(tab === 'answered')" @click="turn('answered')">Answered</button></div></div>
      <div v-if="loaded && hint" class="inbox-many inbox-hint" role="group" aria-label="Notifications"><span class="grow">Be told when something urgent needs you and this page is not in front?</span>
        <button type="button" class="btn btn-small" data-hint="yes" @click="wantNotify">Notify me</button><button type="button" class="btn btn-small btn-ghost" data-hint="no" @click="noHint">No, thanks</button></div>
      <div v-if="!loaded" class="inbox-loading" aria-busy="true"><div v-for="n in 3" :key="n" class="skeleton"></div></div>
      <answered v-else-if="tab === 'answered'" :group-id="groupId" :news="closings"></answered>
      <template v-else>
      <div v-if="chosen.length" class="inbox-many" role="group" aria-label="Selected requests"><span class="num" role="status">{{ chosen.length }} selected</span>
        <button v-for="c in choicesOf(chosen)" :key="c.id" type="button" class="btn btn-small" :class="harmful(c) ? 'btn-ghost btn-no' : ''" :disabled="!!(off || c.off)" :title="off || c.off" @click="many(chosen, c)">{{ c.label }} {{ c.count }}…</button>
        <button type="button" class="btn btn-small btn-ghost" :disabled="!!off" :title="off" @click="giveTo(chosen)">Assign…</button>
        <button type="button" class="btn btn-small btn-ghost" @click="sleep(chosen)">Snooze…</button>
        <button type="button" class="btn btn-small btn-ghost" @click="picked = {}">Clear</button></div>
      <div v-if="!rows.length" class="inbox-none"><span class="inbox-none-mark" aria-hidden="true">✓</span>
        <strong>{{ tab === "snoozed" ? "Nothing is snoozed." : asleep.length ? "Everything else is snoozed." : "Nothing waits for you." }}</strong><span>{{ tab === "snoozed" ? "What is put off wakes by itself." : quiet }}</span></div>
      <ol v-else class="inbox-list" :class="{ 'inbox-picking': chosen.length }">
        <template v-for="row in rows.slice(0, shown)" :key="row.key">
        <li v-if="row.all" class="item item-same" :class="{ 'item-open': row.key === open }" :data-cause="row.key" @click="chooseSame(row)">
          <div class="item-head"><input type="checkbox" class="item-pick" :checked="allPicked(row.all)" :aria-label="'Select all ' + row.all.length" @click.stop @change="pick(row.all)">
            <button type="button" class="item-name" :aria-expanded="String(!!unfolded[row.key])" @click.stop="fold(row)"><span class="item-fold" aria-hidden="true">{{ unfolded[row.key] ? "▾" : "▸" }}</span>{{ sameWords(row.all) }}</button>
            <span class="tag" :class="kind(row.all[0]).tag">{{ kind(row.all[0]).label }}</span>
            <time class="num" :title="new Date(row.all[0].opened_at).toLocaleString()">{{ clock((now - row.all[0].opened_at) / 1000) }}</time></div>
          <p class="item-title" dir="auto">{{ sameTitle(row.all[0]) }}</p>
          <pre v-if="code(row.all[0])" class="code item-code item-code-cut" tabindex="-1" :aria-label="'Arguments of ' + row.all[0].tool">{{ code(row.all[0]) }}</pre>
          <p class="item-blocked"><span v-if="row.all[0].risk" class="item-risk">{{ row.all[0].risk.words }} · </span>{{ names(row.all) }}</p>
          <div class="item-acts" @click.stop>
            <button v-for="(c, n) in choicesOf(row.all)" :key="c.id" type="button" class="btn btn-small" :class="harmful(c) ? 'btn-ghost btn-no' : n === 0 && row.key === open ? 'btn-primary' : ''" :disabled="!!(off || c.off)" :title="off || c.off" @click="many(row.all, c)">{{ c.label }}{{ c.label.includes(" ") ? ":" : "" }} all {{ c.count }}…</button>
            <button type="button" class="btn btn-small btn-ghost" :aria-expanded="String(!!unfolded[row.key])" @click="fold(row)">{{ unfolded[row.key] ? "Fold" : "Show each" }}</button></div>
        </li>
        <li v-else class="item" :class="{ 'item-open': row.r.id === open, 'item-taken': taken[row.r.id], 'item-settled': settled[row.r.id], 'item-inside': row.inside }"
            :data-request="row.r.id" @click="choose(row.r)">
          <div class="item-head"><input type="checkbox" class="item-pick" :checked="!!picked[row.r.id]" :aria-label="'Select ' + row.r.agent_name" @click.stop @change="pick([row.r])">
            <button type="button" class="item-name" :aria-expanded="String(row.r.id === open)" :aria-label="row.r.agent_name + ': ' + kind(row.r).label"><bdi>{{ row.r.agent_name }}</bdi></button>
            <span class="tag" :class="kind(row.r).tag">{{ kind(row.r).label }}</span>
            <time class="num" :title="new Date(row.r.opened_at).toLocaleString()">{{ clock((now - row.r.opened_at) / 1000) }}</time></div>
          <p class="item-title" dir="auto">{{ title(row.r) }}</p>
          <pre v-if="code(row.r)" class="code item-code" :class="{ 'item-code-cut': row.r.id !== open }" :tabindex="row.r.id === open ? 0 : -1"
               :aria-label="'Arguments of ' + row.r.tool">{{ code(row.r) }}</pre>
          <p v-if="row.r.id === open && row.r.detail && row.r.kind !== 'question'" class="item-detail" dir="auto">{{ row.r.detail }}</p>
          <p v-if="row.r.risk || waiting(row.r)" class="item-blocked"><span v-if="row.r.risk" class="item-risk">{{ row.r.risk.words }}</span>{{ row.r.risk && waiting(row.r) ? " · " : "" }}{{ waiting(row.r) }}</p>
          <p v-if="tab === 'snoozed'" class="item-blocked">{{ wakes(row.r) }} <button type="button" class="btn btn-small btn-ghost" @click.stop="wake([row.r.id])">Wake now</button></p>
          <div v-if="taken[row.r.id]" class="item-done">{{ taken[row.r.id] }}</div>
          <div v-else-if="settled[row.r.id]" class="item-answer" @click.stop>
            <p class="item-by" role="status" dir="auto">{{ settled[row.r.id].words }}</p>
            <template v-if="drafts[row.r.id]"><label :for="'answer-' + row.r.id">Your words were not sent. They stay here until you put them away.</label>
              <textarea :id="'answer-' + row.r.id" class="input" rows="2" readonly :value="drafts[row.r.id]"></textarea></template>
            <button type="button" class="btn btn-small" @click="putAway(row.r)">Put away</button>
          </div>
          <template v-else>
            <claim-line :request="row.r" :now="now" :quiet="row.r.id !== open"></claim-line>
            <form v-if="row.r.id === open && row.r.kind === 'question'" class="item-answer" @submit.prevent="send(row.r)" @click.stop>
              <label class="sr" :for="'answer-' + row.r.id">Your answer to <bdi>{{ row.r.agent_name }}</bdi></label>
              <textarea :id="'answer-' + row.r.id" class="input" rows="2" v-model="drafts[row.r.id]" placeholder="Your answer…" @input="keepDraft(row.r)" @focus="begin(row.r)"
                        @keydown.ctrl.enter.prevent="send(row.r)" @keydown.meta.enter.prevent="send(row.r)"></textarea>
              <button class="btn btn-small btn-primary" :disabled="!(drafts[row.r.id] || '').trim() || busy === row.r.id || !!no(row.r)" :title="no(row.r)">Send</button>
            </form>
            <div class="item-acts" @click.stop>
              <button v-for="b in buttons(row.r)" :key="b.key" type="button" class="btn btn-small" :class="b.look" :title="no(row.r, b.choice.id, b.given.scope) || b.title" :disabled="busy === row.r.id || !!no(row.r, b.choice.id, b.given.scope)"
                      @click="act(row.r, b)">{{ b.label }}<kbd v-if="b.kbd && row.r.id === open" class="kbd" aria-hidden="true">{{ b.kbd }}</kbd></button>
              <a v-if="row.r.kind === 'task'" class="btn btn-small btn-human" :href="'/agents/' + row.r.agent + '/drive'">Take the wheel</a>
              <button v-if="row.r.id === open && tab === 'open'" type="button" class="btn btn-small btn-ghost" @click="sleep([row.r])">Snooze…</button>
            </div>
          </template>
        </li>
        </template>
        <li v-if="rows.length > shown" class="inbox-rest"><button type="button" class="btn btn-small" @click="more">Show {{ Math.min(page, rows.length - shown) }} more of {{ rows.length - shown }}</button></li>
      </ol>
      </template>
    </section>`;
