# SPDX-License-Identifier: Apache-2.0
#
# Makes Doxygen's comments of the plain ones in C headers: assay.h's header becomes the file's, one after code that of the
# member before it, one on a line of its own that of the next name.
1s|^/\*.*\*/$||
1s|^/\*.*|/** @file|
s|^/\* ---- .*||
s|^/\* It would fill.*||
s|^/\* clang-format.*||
s|\([^ ].*\)/\* \(.*\)|\1/**< \2|
s|^\( *\)/\* |\1/** |
# Names that say nothing that is not written at assay_op.
s|^assay_status assay_fast_\([a-z_]*\)(const assay_row_args\* args);$|& /**< ASSAY_\U\1\E in the fast tier. */|
s|^assay_status assay_\([a-z_]*\)(const assay_row_args\* args);$|& /**< ASSAY_\U\1\E in the exact tier. */|
s|^  assay_row_kernel \([a-z_]*\);$|& /**< For ASSAY_\U\1\E. */|
s|reserved;$|& /**< 0 */|
# The table of operations stays a table, and a word that opens a paragraph stands out.
/reads (? = may be absent)/,/\*\//s|^ \*/| * @endverbatim */|
s|^ \*\( *reads (? = may be absent).*\)| * @verbatim\n *\1|
s|^ \* \([A-Z][A-Za-z-]*\)   *\(.*\)| * <br><b>\1</b> \2|
