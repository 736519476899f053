// SPDX-License-Identifier: Apache-2.0
//
// All files of a report are written beside their names; only when every one of them is complete are they renamed.

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "reports/report.h"

namespace assay::reports {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Refuse(const fs::path& path, std::string_view why, std::string_view remedy) {
  throw ReportError(fmt::format("cannot write the report to {}: {}; {}", path.string(), why, remedy));
}

// Removes what was written beside, unless it was renamed meanwhile.
class Parts {
 public:
  Parts() = default;
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;
  ~Parts() {
    for (const auto& [part, path] : parts_) {
      std::error_code ignored;
      fs::remove(part, ignored);
    }
  }

  void Write(const fs::path& path, const std::string& text) {
    const fs::path part = path.parent_path() / fmt::format(".{}.{}.part", path.filename().string(), getpid());
    parts_.emplace_back(part, path);
    std::FILE* file = std::fopen(part.c_str(), "wb");
    bool ok = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
    int error = errno;
    if (file != nullptr && std::fclose(file) != 0) {
      error = errno;
      ok = false;
    }
    if (!ok) Refuse(path, std::strerror(error), "check the disk and the permissions, or choose another --out");
  }

  void RenameAll() {
    for (const auto& [part, path] : parts_) {
      std::error_code error;
      fs::rename(part, path, error);
      if (error) Refuse(path, error.message(), "check the disk and the permissions, or choose another --out");
    }
  }

 private:
  std::vector<std::pair<fs::path, fs::path>> parts_;
};

}  // namespace

void PrepareOutDir(const fs::path& out_dir) {
  std::error_code error;
  if (fs::exists(out_dir, error) && !fs::is_directory(out_dir, error)) {
    Refuse(out_dir, "it is a file, not a folder", "choose another --out");
  }
  fs::create_directories(out_dir, error);
  if (error)
    Refuse(out_dir, error.message(), "choose another --out, or make the folder and give yourself write access");
  for (const char* const name : {"index.html", "report.md", "report.json", "figure.svg"}) {
    if (fs::is_directory(out_dir / name)) {
      Refuse(out_dir / name, "there is a folder of that name", "remove it, or choose another --out");
    }
  }
  Parts().Write(out_dir / "index.html", "");
}

void WriteReport(const Report& report, const fs::path& out_dir) {
  PrepareOutDir(out_dir);
  Parts parts;
  parts.Write(out_dir / "index.html", ToHtml(report));
  parts.Write(out_dir / "report.md", ToMarkdown(report));
  parts.Write(out_dir / "report.json", ToJson(report));
  parts.Write(out_dir / "figure.svg", ToSvg(report));
  parts.RenameAll();
}

}  // namespace assay::reports
