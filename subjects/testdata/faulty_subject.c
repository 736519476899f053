/* SPDX-License-Identifier: Apache-2.0
 *
 * Subject libraries that misbehave, for the tests of the loader: compiled once for each of the cases below, chosen by
 * -DCASE_<NAME>. */
#define _GNU_SOURCE /* feenableexcept */
#include <assay/assay.h>
#include <fenv.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#define EXPORT __attribute__((visibility("default")))

#if defined(CASE_OVERFLOWS_STACK)
static int Deep(volatile int levels) {
  volatile char frame[4096];
  frame[0] = 1;
  return levels == 0 ? 0 : frame[0] + Deep(levels - 1) + frame[0];
}
#endif

static assay_status Kernel(const assay_row_args* args) {
  volatile float* out = (volatile float*)args->out.data;
#if defined(CASE_NULL_DEREFERENCE)
  volatile float* volatile nowhere = NULL;
  nowhere[1] = 1;
#elif defined(CASE_EXITS)
  exit(3);
#elif defined(CASE_HANGS)
  for (;;) out[0] = 0;
#elif defined(CASE_WRITES_PAST_THE_END)
  out[args->cols] = 1;
#elif defined(CASE_READS_PAST_THE_END)
  out[0] = ((const volatile float*)args->logits.data)[args->cols];
#elif defined(CASE_READS_BEFORE)
  out[0] = ((const volatile float*)args->logits.data)[-1];
#elif defined(CASE_ABORTS)
  abort();
#elif defined(CASE_TRAPS)
  __builtin_trap();
#elif defined(CASE_OVERFLOWS_STACK)
  out[0] = (float)Deep(1 << 30);
#elif defined(CASE_UNKNOWN_STATUS)
  return (assay_status)42;
#elif defined(CASE_CRASHES_EVERY_SECOND_TIME)
  static int calls = 0;
  if (++calls == 2) raise(SIGSEGV);
#elif defined(CASE_ALLOCATES_WITHOUT_END)
  for (;;) {
    volatile char* const block = malloc(1 << 20);
    for (int i = 0; i < 1 << 20; i += 4096) block[i] = 1;
  }
#elif defined(CASE_ABORTS_WITHOUT_MEMORY)
  if (malloc((size_t)1 << 46) == NULL) abort();
#elif defined(CASE_CHANGES_ROUNDING)
  fesetround(fegetround() == FE_UPWARD ? FE_DOWNWARD : FE_UPWARD);
#elif defined(CASE_TOGGLES_FTZ) && defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() ^ 0x8000);
#elif defined(CASE_UNMASKS_EXCEPTIONS)
  feenableexcept(FE_DIVBYZERO);
#elif defined(CASE_LEAVES_FLAGS)
  feraiseexcept(FE_INEXACT);
#elif defined(CASE_CLEARS_FLAGS)
  feclearexcept(FE_ALL_EXCEPT);
#elif defined(CASE_TELLS_ENVIRONMENT) /* out = 1 + 2^-30 and 2^-127 * 2, as the caller's environment has them */
  volatile float one = 1, tiny = 0x1p-30F, subnormal = 0x1p-127F;
  out[0] = one + tiny;
  out[1] = subnormal * 2;
  return ASSAY_OK;
#elif defined(CASE_MEETS_ITS_LIKE)    /* returns once four calls are under way */
  static volatile int calls = 0;
  __sync_fetch_and_add(&calls, 1);
  while (calls < 4) {
  }
  for (size_t j = 0; j < args->cols; ++j) out[j] = (float)(j + 1);
  return ASSAY_OK;
#endif
  out[0] = 1;
  return ASSAY_OK;
}

static assay_subject table;

#if defined(CASE_NO_SYMBOL)
EXPORT const assay_subject* another_name(void);
EXPORT const assay_subject* another_name(void)
#else
EXPORT const assay_subject* assay_subject_v1(void);
EXPORT const assay_subject* assay_subject_v1(void)
#endif
{
  memset(&table, 0, sizeof table);
  table.struct_size = sizeof table;
  table.abi_major = ASSAY_ABI_MAJOR;
  table.name = "misbehaves";
  table.features = ASSAY_FEATURES_ALL;
  table.softmax.run = Kernel;
#if defined(CASE_WRONG_ABI)
  table.abi_major = 2;
#elif defined(CASE_NEWER_MINOR)
  table.abi_minor = 9;
  table.struct_size = sizeof table + 64;
#elif defined(CASE_SMALL_STRUCT)
  table.struct_size = 24;
#elif defined(CASE_NO_NAME)
  table.name = NULL;
#elif defined(CASE_NO_SOFTMAX)
  table.softmax.run = NULL;
#elif defined(CASE_BAD_DTYPES)
  table.softmax.dtypes = 1 << ASSAY_NUM_DTYPES;
#elif defined(CASE_BAD_CLAIM)
  table.softmax.dtypes = 1 << ASSAY_F16;
  table.softmax.claims[ASSAY_F16].kind = ASSAY_CLAIM_BOUND;
  table.softmax.claims[ASSAY_F16].max_ulp = 0.25;
#elif defined(CASE_NULL_TABLE)
  return NULL;
#endif
  return &table;
}

#if defined(CASE_CRASHES_IN_CONSTRUCTOR)
__attribute__((constructor)) static void Crash(void) {
  volatile int* volatile nowhere = NULL;
  *nowhere = 1;
}
#elif defined(CASE_EXITS_IN_CONSTRUCTOR)
__attribute__((constructor)) static void Exit(void) { exit(5); }
#endif
