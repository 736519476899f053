// SPDX-License-Identifier: Apache-2.0
//
// ASSAY_SANITIZED is defined in builds with a sanitizer that maps memory of its own: there memory cannot be limited.

#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ASSAY_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define ASSAY_SANITIZED
#endif
#endif
