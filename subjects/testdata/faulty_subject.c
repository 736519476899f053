/* SPDX-License-Identifier: Apache-2.0
 *
 * Subject libraries that misbehave, for the tests of the loader: compiled once for each of the cases below, chosen by
 * -DCASE_<NAME>. */
#include <assay/assay.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

#if defined(CASE_OVERFLOWS_STACK)
static int Deep(volatile int levels) {
  volatile char frame[4096];
  frame[0] = 1;
  return levels == 0 ? 0 : frame[0] + Deep(levels - 1) + frame[0];
}
#endif

static assay_status Kernel(const assay_softmax_args* args) {
  volatile float* probs = (volatile float*)args->probs;
#if defined(CASE_NULL_DEREFERENCE)
  volatile float* volatile nowhere = NULL;
  nowhere[1] = 1;
#elif defined(CASE_EXITS)
  exit(3);
#elif defined(CASE_HANGS)
  for (;;) probs[0] = 0;
#elif defined(CASE_WRITES_PAST_THE_END)
  probs[args->cols] = 1;
#elif defined(CASE_READS_BEFORE)
  probs[0] = ((const volatile float*)args->logits)[-1];
#elif defined(CASE_ABORTS)
  abort();
#elif defined(CASE_TRAPS)
  __builtin_trap();
#elif defined(CASE_OVERFLOWS_STACK)
  probs[0] = (float)Deep(1 << 30);
#elif defined(CASE_UNKNOWN_STATUS)
  return (assay_status)42;
#elif defined(CASE_CRASHES_EVERY_SECOND_TIME)
  static int calls = 0;
  if (++calls == 2) raise(SIGSEGV);
#endif
  probs[0] = 1;
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
  table.softmax = Kernel;
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
  table.softmax = NULL;
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
