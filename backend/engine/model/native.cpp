// The way of few rows, compiled: all layers of one forward pass in one call, activations in float32.
//
// Written with GCC's vector extensions, so that it compiles for any processor and uses what -march=native offers.
// A row's result is the same bits whatever other rows are beside it. Weights are read where they lie in the
// checkpoint's files, which are mapped into memory. The structures are those of native.py, field for field.

#include "products.cpp"

extern "C" {
struct Mixture {
    Matrix router;
    const float* bias;
    const Matrix* experts;  // gate, up, down of each
};
struct Layer {
    const float *attention_norm, *q_norm, *kv_norm, *mixing_norm;
    Matrix q_a, q_b, kv_a, kv_b, o;  // q_a.data is null where the query has no low rank
    Matrix gate, up, down;           // dense or shared; gate.data is null where there is neither
    Mixture mixture;                 // experts is null in a dense layer
    void* cache;                     // bf16 or float32 [pages, page size, latent + rope]
};
struct Shape {
    int32_t hidden, heads, nope, rope, value, latent, experts, chosen, groups, best_groups;
    int32_t normalise, page_size, wide_cache;
    float scaling, epsilon, latent_epsilon, score_scale;
};
struct Rows {
    float* x;  // [n, hidden], in and out
    const float *cosine, *sine;  // [n, rope / 2]
    const int64_t *positions, *slots, *tables;  // tables [n, table_width]
    int32_t n, table_width;
};
}

// A block of rows that grows once and is used for every layer.
struct Block {
    std::vector<float> data;
    std::vector<float*> rows;
    void shape(int n, int width) {
        if (data.size() < size_t(n) * width + 16) data.resize(size_t(n) * width + 16);
        rows.resize(n);
        for (int r = 0; r < n; r++) rows[r] = data.data() + size_t(r) * width;
    }
    float* operator[](int r) { return rows[r]; }
};

static void norm(const float* x, const float* weight, int width, float epsilon, float* out) {
    F16 square = {};
    for (int i = 0; i < width; i += 16) square += load(x + i) * load(x + i);
    float factor = 1.0f / std::sqrt(total(square) / width + epsilon);
    for (int i = 0; i < width; i++) out[i] = x[i] * factor * weight[i];
}

static void rotate(const float* x, const float* cosine, const float* sine, int width, float* out) {
    for (int i = 0; i < width / 2; i++) {
        out[i] = x[2 * i] * cosine[i] - x[2 * i + 1] * sine[i];
        out[i + width / 2] = x[2 * i + 1] * cosine[i] + x[2 * i] * sine[i];
    }
}

static inline F16 silu(F16 v) { return v / (exponential(-v) + 1.0f); }

struct Pass {
    const Shape& s;
    Rows& rows;
    int threads;
    Block normed, parted, low, query, latent, through, latents, mixed, added, gate, up, inner, routed, scores;

    Pass(const Shape& shape, Rows& r, int t) : s(shape), rows(r), threads(t) {}

    void run(const Layer& layer) {
        attention(layer);
        mixing(layer);
    }

    // parted[r] = rows of `source`, normed by `weight`, parted.
    void prepare(const float* weight, const float* source, int64_t stride, int width, float epsilon) {
        normed.shape(rows.n, width);
        parted.shape(rows.n, width);
        for (int r = 0; r < rows.n; r++) {
            norm(source + r * stride, weight, width, epsilon, normed[r]);
            part(normed[r], width, parted[r]);
        }
    }

    void linear(const Matrix& m, Block& in, Block& out) {
        out.shape(rows.n, m.out);
        multiply(m, rows.n, in.rows.data(), out.rows.data(), threads);
    }

    void add(Block& from) {
        for (int r = 0; r < rows.n; r++)
            for (int i = 0; i < s.hidden; i++) rows.x[int64_t(r) * s.hidden + i] += from[r][i];
    }

    void attention(const Layer& layer) {
        prepare(layer.attention_norm, rows.x, s.hidden, s.hidden, s.epsilon);
        linear(layer.kv_a, parted, latent);
        remember(layer);
        if (layer.q_a.data) {
            linear(layer.q_a, parted, low);
            prepare(layer.q_norm, low[0], layer.q_a.out, layer.q_a.out, s.latent_epsilon);
        }
        linear(layer.q_b, parted, query);
        mixed.shape(rows.n, s.heads * s.value);
        attend(layer);
        parted.shape(rows.n, s.heads * s.value);
        for (int r = 0; r < rows.n; r++) part(mixed[r], s.heads * s.value, parted[r]);
        linear(layer.o, parted, added);
        add(added);
    }

    // Absorbed attention. Queries and mixed latents of a row: [heads, wide], wide = latent + rope up to a whole 32.
    void attend(const Layer& layer) {
        int wide = (s.latent + s.rope + 31) / 32 * 32, shares = rows.n >= threads ? 1 : std::min(threads, s.heads);
        through.shape(rows.n, s.heads * wide);
        latents.shape(rows.n, s.heads * s.latent);
        int64_t last = *std::max_element(rows.positions, rows.positions + rows.n);
        bool together = threads > 1 && int64_t(rows.n) * s.heads * wide * (last + s.nope) > (1 << 19);
#pragma omp parallel num_threads(threads) if (together)
        {
#pragma omp for
            for (int h = 0; h < s.heads; h++) absorb(layer, h, wide);
#pragma omp for
            for (int job = 0; job < rows.n * shares; job++) {
                int share = job % shares;
                look_back(layer, job / shares, s.heads * share / shares, s.heads * (share + 1) / shares, wide);
            }
#pragma omp for
            for (int h = 0; h < s.heads; h++) values(layer, h);
        }
    }

    void remember(const Layer& layer) {
        std::vector<float> row(s.latent + s.rope);
        for (int r = 0; r < rows.n; r++) {
            norm(latent[r], layer.kv_norm, s.latent, s.latent_epsilon, row.data());
            int64_t turn = int64_t(r) * (s.rope / 2);
            rotate(latent[r] + s.latent, rows.cosine + turn, rows.sine + turn, s.rope, row.data() + s.latent);
            int64_t at = rows.slots[r] * int64_t(row.size());
            if (s.wide_cache) {
                std::memcpy(static_cast<float*>(layer.cache) + at, row.data(), row.size() * 4);
                continue;
            }
            uint16_t* to = static_cast<uint16_t*>(layer.cache) + at;
            for (size_t i = 0; i < row.size(); i++) to[i] = to_bf16(row[i]);
        }
    }

    // One head's queries as ones over latents: the plain part through the key matrix, the rotary part turned.
    void absorb(const Layer& layer, int h, int wide) {
        const uint16_t* keys = static_cast<const uint16_t*>(layer.kv_b.data) +
                               int64_t(h) * (s.nope + s.value) * s.latent;
        for (int from = 0; from < rows.n; from += 4) {
            int count = std::min(4, rows.n - from);
            const float* mine[4];
            for (int r = 0; r < 4; r++) mine[r] = query[from + std::min(r, count - 1)] + h * (s.nope + s.rope);
            for (int i = 0; i < s.latent; i += 16) {
                F16 sum[4] = {};
                for (int d = 0; d < s.nope; d++) {
                    F16 key = load_bf16(keys + int64_t(d) * s.latent + i);
                    for (int r = 0; r < 4; r++) sum[r] += spread(mine[r][d]) * key;
                }
                for (int r = 0; r < count; r++) store(through[from + r] + h * wide + i, sum[r]);
            }
        }
        for (int r = 0; r < rows.n; r++) {
            float* turned = through[r] + h * wide + s.latent;
            int64_t turn = int64_t(r) * (s.rope / 2);
            rotate(query[r] + h * (s.nope + s.rope) + s.nope, rows.cosine + turn, rows.sine + turn, s.rope, turned);
            std::fill(turned + s.rope, turned + wide - s.latent, 0.0f);
        }
    }

    // Heads `low` to `high` of row r over its past, sixteen tokens at a time: latents mixed by softmax of scores.
    void look_back(const Layer& layer, int r, int low, int high, int wide) {
        constexpr int TOKENS = 16;
        static thread_local std::vector<float> past, score, most, all;
        int heads = high - low;
        past.assign(size_t(TOKENS) * wide, 0), score.resize(size_t(heads) * TOKENS);
        most.assign(heads, -INFINITY), all.assign(heads, 0);
        std::vector<const float*> q(heads);
        std::vector<float*> scores(heads);
        for (int h = 0; h < heads; h++) q[h] = through[r] + (low + h) * wide, scores[h] = &score[h * TOKENS];
        std::fill(latents[r] + low * s.latent, latents[r] + high * s.latent, 0.0f);
        Matrix block = {past.data(), nullptr, TOKENS, wide, F32, 1};
        int64_t length = rows.positions[r] + 1;
        for (int64_t from = 0; from < length; from += TOKENS) {
            int count = int(std::min<int64_t>(TOKENS, length - from));
            for (int t = 0; t < count; t++) recall(layer, r, from + t, past.data() + size_t(t) * wide);
            // What stands there of earlier tokens has a weight of 0 from here on.
            for (int out = 0; out < count; out += OUTS) few<F32, OUTS>(block, out, heads, q.data(), scores.data());
            for (int h = 0; h < heads; h++) weigh(scores[h], count, most[h], all[h], latents[r] + (low + h) * s.latent);
            float* to = latents[r] + low * s.latent;
            int h = 0;
            for (; h + 4 <= heads; h += 4) mix_latents<4>(past.data(), wide, &scores[h], to + h * s.latent);
            for (; h < heads; h++) mix_latents<1>(past.data(), wide, &scores[h], to + h * s.latent);
        }
        for (int h = 0; h < heads; h++)
            for (int i = 0; i < s.latent; i++) latents[r][(low + h) * s.latent + i] /= all[h];
    }

    // The latent and rotary key of the token at `position` of row r's sequence, as float32.
    void recall(const Layer& layer, int r, int64_t position, float* to) {
        int64_t page = rows.tables[int64_t(r) * rows.table_width + position / s.page_size];
        int64_t at = (page * s.page_size + position % s.page_size) * (s.latent + s.rope);
        int width = s.latent + s.rope, i = 0;
        if (s.wide_cache) {
            std::memcpy(to, static_cast<const float*>(layer.cache) + at, size_t(width) * 4);
            return;
        }
        const uint16_t* from = static_cast<const uint16_t*>(layer.cache) + at;
        for (; i + 16 <= width; i += 16) store(to + i, load_bf16(from + i));
        for (; i < width; i++) to[i] = from_bf16(from[i]);
    }

    // Scores to weights under the largest score so far; what was mixed under a smaller one shrinks.
    void weigh(float* score, int count, float& most, float& all, float* mixed_so_far) {
        float top = most;
        for (int t = 0; t < count; t++) top = std::max(top, score[t] *= s.score_scale);
        F16 weight = exponential(load(score) - top);
        for (int t = count; t < 16; t++) weight[t] = 0;
        store(score, weight);
        if (top > most) {
            float shrink = std::exp(most - top);
            all *= shrink;
            for (int i = 0; i < s.latent; i++) mixed_so_far[i] *= shrink;
        }
        most = top, all += total(weight);
    }

    template <int N>
    void mix_latents(const float* past, int wide, float* const* weight, float* to) {
        for (int i = 0; i < s.latent; i += 16) {
            F16 sum[N];
            for (int h = 0; h < N; h++) sum[h] = load(to + h * s.latent + i);
            for (int t = 0; t < 16; t++) {
                F16 here = held(load(past + size_t(t) * wide + i));
                for (int h = 0; h < N; h++) sum[h] += spread(weight[h][t]) * here;
            }
            for (int h = 0; h < N; h++) store(to + h * s.latent + i, sum[h]);
        }
    }

    // The values that one head's mixed latents stand for, of all rows.
    void values(const Layer& layer, int h) {
        Matrix m = layer.kv_b;
        m.data = static_cast<const uint16_t*>(m.data) + (int64_t(h) * (s.nope + s.value) + s.nope) * s.latent;
        m.out = s.value;
        static thread_local std::vector<float> in;
        in.resize(size_t(rows.n) * s.latent);
        std::vector<const float*> x(rows.n);
        std::vector<float*> y(rows.n);
        for (int r = 0; r < rows.n; r++) {
            float* to = in.data() + size_t(r) * s.latent;
            part(latents[r] + h * s.latent, s.latent, to);
            x[r] = to, y[r] = mixed[r] + h * s.value;
        }
        multiply(m, rows.n, x.data(), y.data(), 1);
    }

    void mixing(const Layer& layer) {
        prepare(layer.mixing_norm, rows.x, s.hidden, s.hidden, s.epsilon);
        mix(layer);
    }

    // The feed-forward parts over `parted`, added to the rows.
    void mix(const Layer& layer) {
        if (layer.mixture.experts) mixture(layer.mixture);
        if (layer.gate.data) {
            added.shape(rows.n, s.hidden);
            feed(&layer.gate, rows.n, parted.rows.data(), added, gate, up, inner);
            add(added);
        }
    }

    // out[i] = down(silu(gate x[i]) * (up x[i])); `m` are the three matrices in a row, `out` has its rows already.
    void feed(const Matrix* m, int n, const float* const* x, Block& out, Block& g, Block& u, Block& parts) {
        g.shape(n, m[0].out), u.shape(n, m[0].out), parts.shape(n, m[0].out);
        multiply(m[0], n, x, g.rows.data(), threads);
        multiply(m[1], n, x, u.rows.data(), threads);
        for (int r = 0; r < n; r++) {
            for (int i = 0; i < m[0].out; i += 16) store(g[r] + i, silu(load(g[r] + i)) * load(u[r] + i));
            part(g[r], m[0].out, parts[r]);
        }
        multiply(m[2], n, parts.rows.data(), out.rows.data(), threads);
    }

    void mixture(const Mixture& m) {
        int n = rows.n, k = s.chosen;
        linear(m.router, parted, scores);
        std::vector<int> choice(size_t(n) * k);
        std::vector<float> share(size_t(n) * k);
        for (int r = 0; r < n; r++) choose(scores[r], m.bias, &choice[size_t(r) * k], &share[size_t(r) * k]);
        std::vector<int> end(s.experts + 1), sent(size_t(n) * k);  // choices by expert, each expert's in order
        for (int e : choice) end[e + 1]++;
        for (int e = 0; e < s.experts; e++) end[e + 1] += end[e];
        std::vector<int> next(end.begin(), end.end() - 1);
        for (int i = 0; i < n * k; i++) sent[next[choice[i]]++] = i;
        routed.shape(n * k, s.hidden);
        std::vector<const float*> in;
        Block some;  // rows of `routed`
        for (int e = 0; e < s.experts; e++) {
            if (end[e] == end[e + 1]) continue;
            in.clear(), some.rows.clear();
            for (int j = end[e]; j < end[e + 1]; j++)
                in.push_back(parted[sent[j] / k]), some.rows.push_back(routed[sent[j]]);
            feed(m.experts + 3 * e, int(in.size()), in.data(), some, gate, up, inner);
        }
        for (int r = 0; r < n; r++)
            for (int j = 0; j < k; j++) {
                const float* from = routed[r * k + j];
                float weight = share[size_t(r) * k + j];
                float* to = rows.x + int64_t(r) * s.hidden;
                for (int i = 0; i < s.hidden; i++) to[i] += weight * from[i];
            }
    }

    // The best experts of one row and how much each weighs; among equals the first is taken.
    void choose(float* score, const float* bias, int* choice, float* share) {
        std::vector<float> rank(s.experts);
        for (int e = 0; e < s.experts; e++) {
            score[e] = 1.0f / (1.0f + std::exp(-score[e]));
            rank[e] = score[e] + bias[e];
            if (std::isnan(rank[e])) rank[e] = -INFINITY;  // sorting wants an order
        }
        if (s.best_groups < s.groups) keep_best_groups(rank.data());
        float all = 0;
        for (int j = 0; j < s.chosen; j++) {
            int best = int(std::max_element(rank.begin(), rank.end()) - rank.begin());
            choice[j] = best, share[j] = score[best], all += score[best], rank[best] = -INFINITY;
        }
        for (int j = 0; j < s.chosen; j++) share[j] = (s.normalise ? share[j] / (all + 1e-20f) : share[j]) * s.scaling;
    }

    void keep_best_groups(float* rank) {
        int size = s.experts / s.groups;
        std::vector<std::pair<float, int>> sums;
        for (int g = 0; g < s.groups; g++) {
            std::vector<float> mine(rank + g * size, rank + (g + 1) * size);
            std::partial_sort(mine.begin(), mine.begin() + std::min(2, size), mine.end(), std::greater<float>());
            sums.push_back({-(mine[0] + (size > 1 ? mine[1] : 0)), g});
        }
        std::sort(sums.begin(), sums.end());
        for (int g = s.best_groups; g < s.groups; g++)
            std::fill(rank + sums[g].second * size, rank + (sums[g].second + 1) * size, -INFINITY);
    }
};

extern "C" {
// All layers over the rows.
void run_layers(const Shape* shape, const Layer* layers, int32_t count, Rows* rows, int32_t threads) {
    Pass pass(*shape, *rows, threads);
    for (int i = 0; i < count; i++) pass.run(layers[i]);
}

// y [n, hidden] = the mixture of one layer, and what all tokens share, over x [n, hidden], which is normed already.
void mix_rows(const Shape* shape, const Layer* layer, int32_t n, const float* x, float* y, int32_t threads) {
    Rows rows = {y, nullptr, nullptr, nullptr, nullptr, nullptr, n, 0};
    std::fill(y, y + int64_t(n) * shape->hidden, 0.0f);
    Pass pass(*shape, rows, threads);
    pass.parted.shape(n, shape->hidden);
    for (int r = 0; r < n; r++) part(x + int64_t(r) * shape->hidden, shape->hidden, pass.parted[r]);
    pass.mix(*layer);
}

// y [n, out] = x [n, in] times the matrix.
void multiply_rows(const Matrix* m, int32_t n, const float* x, float* y, int32_t threads) {
    Block in, out;
    in.shape(n, m->in);
    out.rows.resize(n);
    for (int r = 0; r < n; r++) {
        part(x + int64_t(r) * m->in, m->in, in[r]);
        out.rows[r] = y + int64_t(r) * m->out;
    }
    multiply(*m, n, in.rows.data(), out.rows.data(), threads);
}

// bf16 [out, in] of an INT4 matrix, each value rounded once.
void dequantize(const Matrix* m, uint16_t* to, int32_t threads) {
    int width = m->in / m->groups;
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int row = 0; row < m->out; row++)
        for (int k = 0; k < m->in; k += 32) {
            F16 even, odd;
            weights<INT4>(*m, group_values<INT4>(*m, row, k / width), row, k, even, odd);
            // Even ones into the low halves of words, odd ones into the high halves: that is their order again.
            U16 words = ((U16)even >> 16) | (U16)odd;
            std::memcpy(to + int64_t(row) * m->in + k, &words, 64);
        }
}
}
