/* What the generated code needs and C lacks: total integer operations, NaN-keeping extrema, half floats, vector math.
   Every function is static; what a model does not use costs nothing. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(__GNUC__)
_Static_assert(0, "the generated code uses vector types of GCC and Clang");
#endif
#define AIC_INLINE static inline __attribute__((always_inline, unused))
#define AIC_LANES(N) for (int i = 0; i < N; i++)

/* A vector that is in a register from here on, and no part of the instructions that read it. */
#if defined(__AVX512F__)
#define AIC_REGISTER 64
#elif defined(__AVX__)
#define AIC_REGISTER 32
#else
#define AIC_REGISTER 16
#endif
#if defined(__x86_64__) && !defined(__clang__)
#define AIC_KEPT(T, X) \
  __builtin_choose_expr(sizeof(T) <= AIC_REGISTER, ({ T kept = (X); __asm__("" : "+v"(kept)); kept; }), (X))
#else
#define AIC_KEPT(T, X) (X)
#endif

#if defined(__AVX2__) && !defined(__clang__)
#define AIC_GCC_AVX2 1
#else
#define AIC_GCC_AVX2 0
#endif
typedef char AIC_BYTES __attribute__((vector_size(16), unused));
typedef long long AIC_HALVES __attribute__((vector_size(16), unused));

#ifndef AIC_BF16
#define AIC_BF16
typedef struct { uint16_t bits; } aic_bf16;
#endif

AIC_INLINE float aic_from_bf16(aic_bf16 x) {
  uint32_t wide = (uint32_t)x.bits << 16;
  float y;
  memcpy(&y, &wide, 4);
  return y;
}
AIC_INLINE aic_bf16 aic_to_bf16(float x) { /* to nearest, ties to even; NaN stays NaN */
  uint32_t wide;
  memcpy(&wide, &x, 4);
  if (x != x) return (aic_bf16){(uint16_t)((wide >> 16) | 0x40)};
  return (aic_bf16){(uint16_t)((wide + 0x7fff + ((wide >> 16) & 1)) >> 16)};
}

/* Division by zero answers 0, the least number by -1 itself; a shift by the width or more shifts everything out;
   powers wrap, and those of negative exponents are 0 but for 1 and -1. */
#define AIC_INTEGER(W)                                                                                        \
  AIC_INLINE int##W##_t aic_divs_i##W(int##W##_t a, int##W##_t b) {                                           \
    return b == 0 ? 0 : b == -1 ? (int##W##_t)(0 - (uint##W##_t)a) : (int##W##_t)(a / b);                     \
  }                                                                                                           \
  AIC_INLINE int##W##_t aic_rems_i##W(int##W##_t a, int##W##_t b) {                                           \
    return b == 0 || b == -1 ? 0 : (int##W##_t)(a % b);                                                       \
  }                                                                                                           \
  AIC_INLINE int##W##_t aic_divu_i##W(int##W##_t a, int##W##_t b) {                                           \
    return b == 0 ? 0 : (int##W##_t)((uint##W##_t)a / (uint##W##_t)b);                                        \
  }                                                                                                           \
  AIC_INLINE int##W##_t aic_remu_i##W(int##W##_t a, int##W##_t b) {                                           \
    return b == 0 ? 0 : (int##W##_t)((uint##W##_t)a % (uint##W##_t)b);                                        \
  }                                                                                                           \
  AIC_INLINE int##W##_t aic_shl_i##W(int##W##_t a, int##W##_t b) {                                            \
    return (uint##W##_t)b >= W ? 0 : (int##W##_t)((uint64_t)(uint##W##_t)a << b);                             \
  }                                                                                                           \
  AIC_INLINE int##W##_t aic_shru_i##W(int##W##_t a, int##W##_t b) {                                           \
    return (uint##W##_t)b >= W ? 0 : (int##W##_t)((uint##W##_t)a >> b);                                       \
  }                                                                                                           \
  AIC_INLINE int##W##_t aic_shrs_i##W(int##W##_t a, int##W##_t b) {                                           \
    return (int##W##_t)(a >> ((uint##W##_t)b >= W ? W - 1 : b));                                              \
  }                                                                                                           \
  AIC_INLINE int##W##_t aic_mins_i##W(int##W##_t a, int##W##_t b) { return a < b ? a : b; }                   \
  AIC_INLINE int##W##_t aic_maxs_i##W(int##W##_t a, int##W##_t b) { return a > b ? a : b; }                   \
  AIC_INLINE int##W##_t aic_minu_i##W(int##W##_t a, int##W##_t b) {                                           \
    return (uint##W##_t)a < (uint##W##_t)b ? a : b;                                                           \
  }                                                                                                           \
  AIC_INLINE int##W##_t aic_maxu_i##W(int##W##_t a, int##W##_t b) {                                           \
    return (uint##W##_t)a > (uint##W##_t)b ? a : b;                                                           \
  }                                                                                                           \
  AIC_INLINE int##W##_t aic_abs_i##W(int##W##_t a) { return (int##W##_t)(a < 0 ? 0 - (uint##W##_t)a : (uint##W##_t)a); } \
  AIC_INLINE int##W##_t aic_powi_i##W(int##W##_t a, int##W##_t n) {                                           \
    uint64_t square = (uint64_t)a, result = 1;                                                                \
    if (n < 0) return a == 1 ? 1 : a == -1 ? (n & 1 ? -1 : 1) : 0;                                            \
    for (; n; n >>= 1, square *= square) result *= n & 1 ? square : 1;                                        \
    return (int##W##_t)result;                                                                                \
  }
AIC_INTEGER(8)
AIC_INTEGER(16)
AIC_INTEGER(32)
AIC_INTEGER(64)

/* max and min answer NaN if either is; pick_max(c, x), c a number that is not NaN, is one instruction on x86. */
#define AIC_FLOAT(NAME, T, F)                                                                                 \
  AIC_INLINE T aic_pick_max_##NAME(T c, T x) { return c > x ? c : x; }                                        \
  AIC_INLINE T aic_pick_min_##NAME(T c, T x) { return c < x ? c : x; }                                        \
  AIC_INLINE T aic_max_##NAME(T a, T b) { return a != a ? a : a > b ? a : b; }                                \
  AIC_INLINE T aic_min_##NAME(T a, T b) { return a != a ? a : a < b ? a : b; }                                \
  AIC_INLINE T aic_maxnum_##NAME(T a, T b) { return fmax##F(a, b); }                                          \
  AIC_INLINE T aic_minnum_##NAME(T a, T b) { return fmin##F(a, b); }                                          \
  AIC_INLINE T aic_round_##NAME(T x) { return roundeven_##NAME(x); }
AIC_INLINE float roundeven_f32(float x) { return rintf(x); }
AIC_INLINE double roundeven_f64(double x) { return rint(x); }
AIC_FLOAT(f32, float, f)
AIC_FLOAT(f64, double, )

/* A float out of the range of an integer type is converted as numpy on x86 does it: by way of 64 (or 32) bits. */
AIC_INLINE int64_t aic_f64_to_i64(double x) {
  return x >= -9223372036854775808.0 && x < 9223372036854775808.0 ? (int64_t)x : INT64_MIN;
}
AIC_INLINE int64_t aic_f64_to_u64(double x) {
  if (x >= 9223372036854775808.0 && x < 18446744073709551616.0) return (int64_t)(uint64_t)x;
  return aic_f64_to_i64(x);
}
AIC_INLINE int32_t aic_f64_to_i32(double x) {
  return x > -2147483649.0 && x < 2147483648.0 ? (int32_t)x : INT32_MIN;
}

/* Any two-argument or one-argument function, lane by lane. */
#define AIC_EACH1(NAME, V, N, CALL)                                                                           \
  AIC_INLINE V NAME(V x) { V r; AIC_LANES(N) r[i] = CALL(x[i]); return r; }
#define AIC_EACH2(NAME, V, N, CALL)                                                                           \
  AIC_INLINE V NAME(V x, V y) { V r; AIC_LANES(N) r[i] = CALL(x[i], y[i]); return r; }

/* exp: x = n ln 2 + r, a polynomial in r (Cephes expf), times 2^n in two factors so that the ends are right. */
#define AIC_EXP_F32(N)                                                                                        \
  AIC_INLINE f32x##N aic_exp_f32x##N(f32x##N x) {                                                             \
    const f32x##N zero = {0}, low = zero - 104.0f, high = zero + 89.0f, magic = zero + 12582912.0f;           \
    x = aic_pick_max_f32x##N(low, x);                                                                         \
    x = aic_pick_min_f32x##N(high, x);                                                                        \
    f32x##N z = x * 1.44269504088896341f + magic;                                                             \
    f32x##N n = z - magic;                                                                                    \
    f32x##N r = x - n * 0.693359375f;                                                                         \
    r = r - n * -2.12194440e-4f;                                                                              \
    f32x##N p = r * 1.9875691500e-4f + 1.3981999507e-3f;                                                      \
    p = p * r + 8.3334519073e-3f;                                                                             \
    p = p * r + 4.1665795894e-2f;                                                                             \
    p = p * r + 1.6666665459e-1f;                                                                             \
    p = p * r + 5.0000001201e-1f;                                                                             \
    p = p * (r * r) + r + 1.0f;                                                                               \
    i32x##N k = (i32x##N)z - 0x4b400000;                                                                      \
    i32x##N half = k >> 1;                                                                                    \
    return p * (f32x##N)((half + 127) << 23) * (f32x##N)((k - half + 127) << 23);                             \
  }

/* log: x = m 2^e with m in [sqrt(1/2), sqrt(2)), a polynomial in m - 1 (Cephes logf). */
#define AIC_LOG_F32(N)                                                                                        \
  AIC_INLINE f32x##N aic_log_f32x##N(f32x##N x) {                                                             \
    const f32x##N zero = {0}, infinity = zero + INFINITY;                                                     \
    i32x##N tiny = (x < 1.17549435e-38f) & (x > zero);                                                        \
    f32x##N y = AIC_SELECT(f32x##N, i32x##N, tiny, x * 8388608.0f, x);                                        \
    i32x##N bits = (i32x##N)y;                                                                                \
    i32x##N e = ((bits >> 23) & 255) - 126 - (tiny & 23);                                                     \
    f32x##N m = (f32x##N)((bits & 0x007fffff) | 0x3f000000);                                                  \
    i32x##N less = m < 0.707106781186547524f;                                                                 \
    e = e + less;                                                                                             \
    m = m + (f32x##N)(less & (i32x##N)m) - 1.0f;                                                              \
    f32x##N z = m * m;                                                                                        \
    f32x##N p = m * 7.0376836292e-2f - 1.1514610310e-1f;                                                      \
    p = p * m + 1.1676998740e-1f;                                                                             \
    p = p * m - 1.2420140846e-1f;                                                                             \
    p = p * m + 1.4249322787e-1f;                                                                             \
    p = p * m - 1.6668057665e-1f;                                                                             \
    p = p * m + 2.0000714765e-1f;                                                                             \
    p = p * m - 2.4999993993e-1f;                                                                             \
    p = p * m + 3.3333331174e-1f;                                                                             \
    f32x##N f = __builtin_convertvector(e, f32x##N);                                                          \
    f32x##N r = p * m * z + f * -2.12194440e-4f - z * 0.5f + m + f * 0.693359375f;                            \
    r = AIC_SELECT(f32x##N, i32x##N, x == infinity, infinity, r);                                             \
    r = AIC_SELECT(f32x##N, i32x##N, x == zero, zero - INFINITY, r);                                          \
    r = AIC_SELECT(f32x##N, i32x##N, x < zero, zero + NAN, r);                                                \
    return AIC_SELECT(f32x##N, i32x##N, x != x, x, r);                                                        \
  }

/* tanh: an odd rational function of degree 13 over 6 on |x| < 7.9 (the coefficients of Eigen's fast tanh). */
#define AIC_TANH_F32(N)                                                                                       \
  AIC_INLINE f32x##N aic_tanh_f32x##N(f32x##N x) {                                                            \
    const f32x##N zero = {0};                                                                                 \
    f32x##N c = aic_pick_max_f32x##N(zero - 7.90531110763549805f, x);                                         \
    c = aic_pick_min_f32x##N(zero + 7.90531110763549805f, c);                                                 \
    f32x##N z = c * c;                                                                                        \
    f32x##N p = z * -2.76076847742355e-16f + 2.00018790482477e-13f;                                           \
    p = p * z - 8.60467152213735e-11f;                                                                        \
    p = p * z + 5.12229709037114e-08f;                                                                        \
    p = p * z + 1.48572235717979e-05f;                                                                        \
    p = p * z + 6.37261928875436e-04f;                                                                        \
    p = p * z + 4.89352455891786e-03f;                                                                        \
    f32x##N q = z * 1.19825839466702e-06f + 1.18534705686654e-04f;                                            \
    q = q * z + 2.26843463243900e-03f;                                                                        \
    q = q * z + 4.89352518554385e-03f;                                                                        \
    f32x##N r = c * p / q;                                                                                    \
    return AIC_SELECT(f32x##N, i32x##N, z < 1.6e-7f, x, r);                                                   \
  }

/* erf: an odd rational function of degree 13 over 8 on |x| < 4 (the coefficients of Eigen's fast erf). */
#define AIC_ERF_F32(N)                                                                                        \
  AIC_INLINE f32x##N aic_erf_f32x##N(f32x##N x) {                                                             \
    const f32x##N zero = {0};                                                                                 \
    f32x##N c = aic_pick_max_f32x##N(zero - 4.0f, x);                                                         \
    c = aic_pick_min_f32x##N(zero + 4.0f, c);                                                                 \
    f32x##N z = c * c;                                                                                        \
    f32x##N p = z * -2.72614225801306e-10f + 2.77068142495902e-08f;                                           \
    p = p * z - 2.10102402082508e-06f;                                                                        \
    p = p * z - 5.69250639462346e-05f;                                                                        \
    p = p * z - 7.34990630326855e-04f;                                                                        \
    p = p * z - 2.95459980854025e-03f;                                                                        \
    p = p * z - 1.60960333262415e-02f;                                                                        \
    f32x##N q = z * -1.45660718464996e-05f - 2.13374055278905e-04f;                                           \
    q = q * z - 1.68282697438203e-03f;                                                                        \
    q = q * z - 7.37332916720468e-03f;                                                                        \
    q = q * z - 1.42647390514189e-02f;                                                                        \
    return c * p / q;                                                                                         \
  }

#define AIC_SELECT(V, M, MASK, A, B) ((V)(((M)(A) & (MASK)) | ((M)(B) & ~(MASK))))
