#include "train/loss_plot.h"

#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop::train {
namespace {

/// A strict reader of the XML that a plot needs: declaration, elements, attributes, text. Returns what is
/// wrong, or nothing.
class XmlReader {
 public:
  explicit XmlReader(std::string_view text) : text_(text) {}

  std::string problem() {
    if (!take("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")) return "no declaration";
    std::vector<std::string> open;
    std::size_t roots = 0;
    while (!text_.empty()) {
      const std::size_t tag = text_.find('<');
      const std::string_view content = text_.substr(0, tag);
      if (!is_text(content)) return "bad text: " + std::string(content);
      if (open.empty() && content.find_first_not_of(" \n") != std::string_view::npos)
        return "text outside the root";
      if (tag == std::string_view::npos) break;
      text_.remove_prefix(tag + 1);
      const std::size_t end = text_.find('>');
      if (end == std::string_view::npos) return "a tag without its end";
      std::string_view inside = text_.substr(0, end);
      text_.remove_prefix(end + 1);
      if (inside.starts_with('/')) {
        if (open.empty() || open.back() != inside.substr(1)) return "wrong end tag: " + std::string(inside);
        open.pop_back();
        continue;
      }
      const bool closed = inside.ends_with('/');
      if (closed) inside.remove_suffix(1);
      const std::size_t name_end = std::min(inside.find(' '), inside.size());
      if (open.empty() && ++roots > 1) return "two roots";
      if (!are_attributes(inside.substr(name_end))) return "bad attributes: " + std::string(inside);
      if (!closed) open.emplace_back(inside.substr(0, name_end));
    }
    return open.empty() && roots == 1 ? "" : "an element is left open";
  }

 private:
  bool take(std::string_view expected) {
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }
  static bool is_text(std::string_view text) {
    for (std::size_t at = text.find('&'); at != std::string_view::npos; at = text.find('&', at + 1)) {
      const std::string_view rest = text.substr(at);
      if (!rest.starts_with("&amp;") && !rest.starts_with("&lt;") && !rest.starts_with("&gt;") &&
          !rest.starts_with("&quot;")) {
        return false;
      }
    }
    for (const char c : text) {
      if (static_cast<unsigned char>(c) < 0x20 && c != '\n') return false;
    }
    return true;
  }
  static bool are_attributes(std::string_view text) {
    while (!text.empty()) {
      if (text.front() != ' ') return false;
      const std::size_t equals = text.find("=\"");
      if (equals == std::string_view::npos || equals < 2) return false;
      const std::size_t end = text.find('"', equals + 2);
      if (end == std::string_view::npos || !is_text(text.substr(equals + 2, end - equals - 2))) return false;
      text.remove_prefix(end + 1);
    }
    return true;
  }
  std::string_view text_;
};

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

std::vector<PlotPoint> falling(std::size_t steps) {
  std::vector<PlotPoint> points;
  for (std::size_t i = 1; i <= steps; ++i) {
    points.push_back({static_cast<double>(i), 0.2 + 3.0 / static_cast<double>(i)});
  }
  return points;
}

TEST(LossPlot, IsWellFormedXml) {
  const std::vector<PlotPoint> validation{{10, 1.0}, {20, 0.5}};
  EXPECT_EQ(XmlReader(render_loss_plot("run", falling(20), validation)).problem(), "");
  EXPECT_EQ(XmlReader(render_loss_plot("", {}, {})).problem(), "");
  EXPECT_EQ(XmlReader(render_loss_plot("a <b> & \"c\"\x01", falling(1), {})).problem(), "");
}

TEST(LossPlot, ReaderOfTheTestRejectsBrokenXml) {
  std::string svg = render_loss_plot("run", falling(3), {});
  EXPECT_NE(XmlReader(svg.substr(0, svg.size() - 8)).problem(), "");
  svg.insert(svg.find(">run<") + 1, "&");
  EXPECT_NE(XmlReader(svg).problem(), "");
}

TEST(LossPlot, ShowsOneDotAValidation) {
  const std::vector<PlotPoint> validation{{10, 1.0}, {20, 0.5}, {30, 0.4}};
  const std::string svg = render_loss_plot("run", falling(30), validation);
  EXPECT_EQ(count(svg, "<circle"), 3U);
  EXPECT_EQ(count(svg, "<polyline"), 3U);
  EXPECT_EQ(count(svg, ">validation<"), 1U);
  EXPECT_EQ(count(render_loss_plot("run", falling(30), {}), ">validation<"), 0U);
}

TEST(LossPlot, LeavesOutWhatIsNotFinite) {
  std::vector<PlotPoint> points = falling(5);
  points.push_back({6, std::numeric_limits<double>::quiet_NaN()});
  points.push_back({7, std::numeric_limits<double>::infinity()});
  const std::string svg = render_loss_plot("run", points, {});
  EXPECT_EQ(svg, render_loss_plot("run", falling(5), {}));
}

TEST(LossPlot, StaysSmallForLongRuns) {
  EXPECT_LT(render_loss_plot("run", falling(200000), {}).size(), 60000U);
}

TEST(LossPlot, HasFewTicksWhateverTheScale) {
  for (const double scale : {1e-6, 0.013, 1.0, 7.7, 12345.0}) {
    std::vector<PlotPoint> points = falling(50);
    for (PlotPoint& point : points) point.loss *= scale;
    const std::size_t ticks = count(render_loss_plot("run", points, {}), "text-anchor=\"end\"");
    EXPECT_GE(ticks, 3U) << scale;
    EXPECT_LE(ticks, 9U) << scale;
  }
}

}  // namespace
}  // namespace outcrop::train
