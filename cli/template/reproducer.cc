// @TITLE@
//
//   c++ -std=c++17 THIS_FILE.cc -o reproducer -ldl && ./reproducer KERNEL.so
//
// One call with the bytes of the case, between inaccessible pages, and the exact values beside what came back. It judges
// each result by itself: a law that compares several calls may be broken though all of them are within their bounds.
// Exit codes: 0 all within what is allowed · 1 not · 2 usage · 3 KERNEL.so cannot be loaded · killed by a signal: it was
// the kernel.
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>

// ---- The C API, as of the version of assay that wrote this file -------------------------------------------------
@HEADER@
// ---- The case ------------------------------------------------------------------------------------------------------
namespace {

enum Element { kF32, kF64, kF16, kBF16, kI64, kU8 };

struct Operand {
  const char* name;
  Element element;
  size_t rows, cols;
  ptrdiff_t row_stride, col_stride;
  const uint64_t* bits;  // of each entry, row by row; null for out
};

// |got - (nearest + remainder_ulp * ulp)| <= ulps * ulp + absolute
struct Want {
  double nearest, ulp, remainder_ulp, ulps, absolute;
};

@DATA@
// ---- Putting it in front of the kernel --------------------------------------------------------------------------

size_t BytesOf(Element element) {
  return element == kF64 || element == kI64 ? 8 : element == kF32 ? 4 : element == kU8 ? 1 : 2;
}

// Entry [0, 0] of a buffer of its own; what is no entry holds `fill`.
unsigned char* Place(const Operand& o, int fill) {
  const ptrdiff_t bytes = static_cast<ptrdiff_t>(BytesOf(o.element));
  ptrdiff_t low = 0, high = 0;
  const ptrdiff_t reach[] = {o.rows == 0 ? 0 : static_cast<ptrdiff_t>(o.rows - 1) * o.row_stride,
                             o.cols == 0 ? 0 : static_cast<ptrdiff_t>(o.cols - 1) * o.col_stride};
  for (const ptrdiff_t r : reach) (r < 0 ? low : high) += r;
  const size_t size = o.rows * o.cols == 0 ? 0 : static_cast<size_t>(high - low + 1) * BytesOf(o.element);
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t unit = kAlignmentBytes > BytesOf(o.element) ? kAlignmentBytes : BytesOf(o.element);
  const size_t slack = kOffset * BytesOf(o.element) + kOverReadBytes + unit;
  const size_t inner = (size + slack + page - 1) / page * page;
  auto* const map = static_cast<unsigned char*>(
      mmap(nullptr, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (map == MAP_FAILED || mprotect(map + page, inner, PROT_READ | PROT_WRITE) != 0) return nullptr;
  unsigned char* const begin = map + page;
  std::memset(begin, fill, inner);
  const size_t offset = kOffset * BytesOf(o.element);
  const size_t start = kGuardBefore ? (offset + unit - 1) / unit * unit
                                    : (inner - kOverReadBytes - offset - size) / unit * unit;
  unsigned char* const first = begin + start - low * bytes;
  for (size_t i = 0; o.bits != nullptr && i < o.rows * o.cols; ++i) {
    const ptrdiff_t at = static_cast<ptrdiff_t>(i / o.cols) * o.row_stride + static_cast<ptrdiff_t>(i % o.cols) * o.col_stride;
    std::memcpy(first + at * bytes, &o.bits[i], BytesOf(o.element));  // little-endian
  }
  return first;
}

double ValueOf(Element element, uint64_t bits) {
  if (element == kF64) {
    double value;
    std::memcpy(&value, &bits, 8);
    return value;
  }
  if (element == kF16) {
    const int exponent = static_cast<int>(bits >> 10 & 31);
    const double fraction = static_cast<double>(bits & 1023);
    const double size = exponent == 31 ? (fraction == 0 ? INFINITY : NAN)
                        : exponent == 0 ? std::ldexp(fraction, -24)
                                        : std::ldexp(fraction + 1024, exponent - 25);
    return (bits & 0x8000) != 0 ? -size : size;
  }
  const uint32_t word = static_cast<uint32_t>(element == kBF16 ? bits << 16 : bits);
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

double Load(const Operand& o, const unsigned char* first, size_t row, size_t col) {
  uint64_t bits = 0;
  const ptrdiff_t at = static_cast<ptrdiff_t>(row) * o.row_stride + static_cast<ptrdiff_t>(col) * o.col_stride;
  std::memcpy(&bits, first + at * static_cast<ptrdiff_t>(BytesOf(o.element)), BytesOf(o.element));
  return ValueOf(o.element, bits);
}

// Error in ULP, and whether it is allowed.
bool Judge(double got, const Want& want, double* error) {
  *error = std::isnan(got) == std::isnan(want.nearest) ? 0 : INFINITY;
  if (std::isnan(got) || std::isnan(want.nearest)) return *error == 0;
  if (got == want.nearest && std::isinf(got)) return true;
  *error = std::fabs((got - want.nearest) / want.ulp - want.remainder_ulp);
  if (want.ulps == 0.5 && want.absolute == 0) return got == want.nearest;  // correctly rounded
  return *error <= want.ulps + want.absolute / want.ulp;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s KERNEL.so, a shared library that exports assay_subject_v1\n", argv[0]);
    return 2;
  }
  void* const library = dlopen(argv[1], RTLD_NOW);
  void* const symbol = library == nullptr ? nullptr : dlsym(library, ASSAY_SUBJECT_SYMBOL);
  if (symbol == nullptr) {
    std::fprintf(stderr, "%s: %s\n", argv[1], dlerror());
    return 3;
  }
  assay_subject_v1_fn get_subject;
  std::memcpy(&get_subject, &symbol, sizeof symbol);
  const assay_subject* const subject = get_subject();
  if (subject == nullptr || subject->abi_major != ASSAY_ABI_MAJOR || subject->struct_size < sizeof(assay_subject) ||
      subject->@OP@.run == nullptr) {
    std::fprintf(stderr, "%s: no table of ABI %d with @OP@\n", argv[1], ASSAY_ABI_MAJOR);
    return 3;
  }

  assay_row_args args = {};
  args.struct_size = sizeof args;
  FillArguments(&args);
  unsigned char* out = nullptr;
  for (const Operand& o : kInputs) {
    unsigned char* const first = Place(o, o.element == kU8 || o.element == kI64 ? 0xA5 : 0xFF);
    const assay_const_matrix matrix = {first, o.row_stride, o.col_stride};
    *InputOf(&args, o.name) = matrix;
    if (std::strcmp(o.name, kInPlace) == 0) out = first;
  }
  if (out == nullptr) out = Place(kOut, 0xA5);
  const assay_matrix matrix = {out, kOut.row_stride, kOut.col_stride};
  args.out = matrix;

  const assay_status status = subject->@OP@.run(&args);
  std::printf("%s, @OP@: status %d\n", subject->name, static_cast<int>(status));
  if (status == ASSAY_UNSUPPORTED) return 0;
  if (kMustRefuse || status != ASSAY_OK) return kMustRefuse == (status != ASSAY_OK) ? 0 : 1;

  const size_t count = kOut.rows * kOut.cols;
  size_t bad = 0, worst = 0;
  double worst_error = -1;
  std::printf("%10s %24s %24s %14s %14s\n", "entry", "got", "nearest", "error, ULP", "allowed");
  for (size_t i = 0; i < count; ++i) {
    const Want& want = kWant[i];
    double error;
    const double got = Load(kOut, out, i / kOut.cols, i % kOut.cols);
    const bool fine = Judge(got, want, &error);
    bad += fine ? 0 : 1;
    if (error > worst_error) worst_error = error, worst = i;
    if (i < 16 || (!fine && bad <= 16)) {
      std::printf("%s[%zu, %zu] %24a %24a %14.5g %14.5g\n", fine ? "  " : "> ", i / kOut.cols, i % kOut.cols, got,
                  want.nearest, error, want.ulps + want.absolute / want.ulp);
    }
  }
  if (count > 0) std::printf("%zu of %zu results are not within what is allowed; the largest error is that of entry %zu, %g ULP\n", bad, count, worst, worst_error);
  return bad == 0 ? 0 : 1;
}
