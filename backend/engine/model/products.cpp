// Products of few rows with a matrix of a checkpoint, bf16, INT4 or float32; included by native.cpp.
//
// Matrices are [out, in]. Inside a group of 32 inputs, activations are kept as 16 even ones, then 16 odd ones: that is
// how pairs of bf16 in a 32-bit word, and pairs of nibbles in a byte, come apart without a shuffle. A float32 matrix
// lies parted like that, too. Every sum runs in one order that depends on the row alone, whatever the number of rows.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

typedef float F16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef float F4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t I16 __attribute__((vector_size(64)));
typedef uint32_t U16 __attribute__((vector_size(64), aligned(1), may_alias));
typedef uint8_t B16 __attribute__((vector_size(16), aligned(1), may_alias));

enum Kind : int32_t { BF16 = 0, INT4 = 1, F32 = 2 };

extern "C" struct Matrix {
    const void* data;
    const uint16_t* scale;  // bf16 [out, in / group], INT4 only
    int32_t out, in, kind, groups;  // groups: scales a row
};

static inline float from_bf16(uint16_t bits) {
    uint32_t wide = uint32_t(bits) << 16;
    float value;
    std::memcpy(&value, &wide, 4);
    return value;
}

static inline uint16_t to_bf16(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return uint16_t((bits >> 16) | 0x40);
    return uint16_t((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

static inline F16 load(const float* p) { return *reinterpret_cast<const F16*>(p); }
static inline void store(float* p, F16 v) { *reinterpret_cast<F16*>(p) = v; }

// The same value, kept in a register: GCC would rather read it from memory again for each use.
static inline F16 held(F16 v) {
#ifdef __AVX512F__
    asm("" : "+v"(v));
#endif
    return v;
}

static inline F16 spread(float v) { return F16{} + v; }

// The sums of four vectors, each over its lanes.
static inline F4 totals(F16 a, F16 b, F16 c, F16 d) {
    F4 part[4];
    const F16 all[4] = {a, b, c, d};
    for (int i = 0; i < 4; i++) {
        typedef float F8 __attribute__((vector_size(32)));
        F8 half = __builtin_shufflevector(all[i], all[i], 0, 1, 2, 3, 4, 5, 6, 7) +
                  __builtin_shufflevector(all[i], all[i], 8, 9, 10, 11, 12, 13, 14, 15);
        part[i] = __builtin_shufflevector(half, half, 0, 1, 2, 3) + __builtin_shufflevector(half, half, 4, 5, 6, 7);
    }
    F4 pair[2];
    for (int i = 0; i < 2; i++)
        pair[i] = __builtin_shufflevector(part[2 * i], part[2 * i + 1], 0, 4, 1, 5) +
                  __builtin_shufflevector(part[2 * i], part[2 * i + 1], 2, 6, 3, 7);
    F4 ab = pair[0], cd = pair[1];
    return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

static inline float total(F16 v) { return totals(v, v, v, v)[0]; }

// e to the power of each lane: 2^n times a polynomial, right to some 2 units in the last place.
static inline F16 exponential(F16 x) {
    F16 low = spread(-87.0f), high = spread(88.0f);
    x = x < low ? low : x;
    x = x > high ? high : x;
    F16 n = x * 1.44269504f;
    I16 whole = __builtin_convertvector(n + (n < 0 ? spread(-0.5f) : spread(0.5f)), I16);
    n = __builtin_convertvector(whole, F16);
    x = x - n * 0.693359375f + n * 2.12194440e-4f;
    F16 sum = spread(1.9875691500e-4f);
    for (float c : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f})
        sum = sum * x + c;
    return (sum * x * x + x + 1.0f) * (F16)((whole + 127) << 23);
}

// Bits of which the upper half is the nearest bf16; for numbers only.
static inline U16 rounded(F16 v) {
    U16 bits = (U16)v;
    return bits + 0x7fffu + ((bits >> 16) & 1);
}

static inline F16 nearest_bf16(F16 v) { return (F16)(rounded(v) & 0xffff0000u); }

// What a group's weights share: for INT4 the sixteen values that a nibble stands for, (nibble - 8) * scale as bf16:
// a checkpoint's weights are what compressed-tensors unpacks, and that rounds.
template <int KIND>
static inline F16 group_values(const Matrix& m, int64_t row, int group) {
    if (KIND != INT4) return F16{};
    const F16 codes = {-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7};
    return nearest_bf16(codes * from_bf16(m.scale[row * m.groups + group]));
}

static inline I16 widened(B16 bytes) {
#ifdef __AVX512F__
    return (I16)_mm512_cvtepu8_epi32((__m128i)bytes);  // GCC 12 takes the general form apart, lane by lane
#else
    return __builtin_convertvector(bytes, I16);
#endif
}

static inline F16 load_bf16(const uint16_t* p) {
#ifdef __AVX512F__
    return (F16)(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))) << 16);
#else
    F16 value;
    for (int i = 0; i < 16; i++) value[i] = from_bf16(p[i]);
    return value;
#endif
}

static inline F16 look_up(F16 values, I16 nibbles) {
#ifdef __AVX512F__
    return __builtin_shuffle(values, nibbles);  // one instruction, and it takes the low four bits only
#else
    F16 scale = spread(values[9]);  // of code 1
    return nearest_bf16(__builtin_convertvector((nibbles & 15) - 8, F16) * scale);
#endif
}

// 16 even and 16 odd weights of the group of 32 that starts at input `k` of row `row`.
template <int KIND>
static inline void weights(const Matrix& m, F16 values, int64_t row, int k, F16& even, F16& odd) {
    if (KIND == BF16) {
        U16 words = *reinterpret_cast<const U16*>(static_cast<const uint16_t*>(m.data) + row * m.in + k);
        even = (F16)(words << 16);
        odd = (F16)(words & 0xffff0000u);
    } else if (KIND == INT4) {
        B16 bytes = *reinterpret_cast<const B16*>(static_cast<const uint8_t*>(m.data) + (row * m.in + k) / 2);
        I16 wide = widened(bytes);
        even = look_up(values, wide);
        odd = look_up(values, wide >> 4);
    } else {
        const float* at = static_cast<const float*>(m.data) + row * m.in + k;
        even = load(at);
        odd = load(at + 16);
    }
}

// Activations of one row, evens before odds in each group of 32.
static void part(const float* x, int width, float* out) {
    for (int k = 0; k < width; k += 32)
        for (int i = 0; i < 16; i++) out[k + i] = x[k + 2 * i], out[k + 16 + i] = x[k + 2 * i + 1];
}

constexpr int OUTS = 4, ROWS = 4, MANY = 8;

template <int KIND, int N, int R>
static inline void tile(const Matrix& m, int64_t out, const float* const* x, float* const* y) {
    F16 sum[N][R] = {};
    int groups = KIND == INT4 ? m.groups : 1, width = m.in / groups;
    for (int group = 0; group < groups; group++) {
        F16 values[N];
        for (int i = 0; i < N; i++) values[i] = group_values<KIND>(m, out + i, group);
        for (int k = group * width; k < (group + 1) * width; k += 32) {
            F16 even[N], odd[N];
            for (int i = 0; i < N; i++) {
                weights<KIND>(m, values[i], out + i, k, even[i], odd[i]);
                even[i] = held(even[i]), odd[i] = held(odd[i]);
            }
            for (int r = 0; r < R; r++) {
                F16 here = held(load(x[r] + k)), there = held(load(x[r] + k + 16));
                for (int i = 0; i < N; i++) sum[i][r] += even[i] * here;
                for (int i = 0; i < N; i++) sum[i][r] += odd[i] * there;
            }
        }
    }
    for (int r = 0; r < R; r++)
        if (N == 4) {
            F4 four = totals(sum[0][r], sum[1 % N][r], sum[2 % N][r], sum[3 % N][r]);
            std::memcpy(y[r] + out, &four, 16);
        } else {
            for (int i = 0; i < N; i++) y[r][out + i] = total(sum[i][r]);
        }
}

template <int KIND, int N>
static inline void few(const Matrix& m, int64_t out, int n, const float* const* x, float* const* y) {
    int r = 0;
    for (; r + ROWS <= n; r += ROWS) tile<KIND, N, ROWS>(m, out, x + r, y + r);
    switch (n - r) {
        case 3: tile<KIND, N, 3>(m, out, x + r, y + r); break;
        case 2: tile<KIND, N, 2>(m, out, x + r, y + r); break;
        case 1: tile<KIND, N, 1>(m, out, x + r, y + r); break;
    }
}

// N outputs of all rows. For many rows their weights are written out as float32 once; the sums stay the same bits.
template <int KIND, int N>
static void column(const Matrix& m, int64_t out, int n, const float* const* x, float* const* y, float* wide) {
    if (KIND == F32 || n <= (KIND == INT4 ? ROWS : MANY)) return few<KIND, N>(m, out, n, x, y);
    int width = m.in / m.groups;
    for (int i = 0; i < N; i++)
        for (int k = 0; k < m.in; k += 32) {
            F16 even, odd;
            weights<KIND>(m, group_values<KIND>(m, out + i, k / width), out + i, k, even, odd);
            store(wide + int64_t(i) * m.in + k, even);
            store(wide + int64_t(i) * m.in + k + 16, odd);
        }
    Matrix copy = {wide - out * m.in, nullptr, m.out, m.in, F32, 1};
    few<F32, N>(copy, out, n, x, y);
}

template <int KIND>
static void multiply_kind(const Matrix& m, int n, const float* const* x, float* const* y, int threads) {
    int blocks = m.out / OUTS;
    bool together = threads > 1 && int64_t(m.out) * m.in * n > (1 << 19);
#pragma omp parallel num_threads(threads) if (together)
    {
        std::vector<float> wide(n > ROWS ? size_t(OUTS) * m.in + 16 : 0);
#pragma omp for schedule(static)
        for (int block = 0; block < blocks; block++)
            column<KIND, OUTS>(m, int64_t(block) * OUTS, n, x, y, wide.data());
#pragma omp single
        for (int64_t out = int64_t(blocks) * OUTS; out < m.out; out++) column<KIND, 1>(m, out, n, x, y, wide.data());
    }
}

// y[r] = m x[r]; `x` are parted rows.
static void multiply(const Matrix& m, int n, const float* const* x, float* const* y, int threads) {
    if (m.kind == BF16) multiply_kind<BF16>(m, n, x, y, threads);
    else if (m.kind == INT4) multiply_kind<INT4>(m, n, x, y, threads);
    else multiply_kind<F32>(m, n, x, y, threads);
}
