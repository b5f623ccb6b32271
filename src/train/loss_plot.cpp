#include "train/loss_plot.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

namespace outcrop::train {
namespace {

// Pixels of the view box.
constexpr double kWidth = 800;
constexpr double kHeight = 450;
constexpr double kLeft = 64;
constexpr double kRight = 784;
constexpr double kTop = 44;
constexpr double kBottom = 402;
constexpr std::size_t kMaxPoints = 1000;

constexpr std::string_view kTrainColour = "#9bbbe0";
constexpr std::string_view kSmoothColour = "#1f5fa8";
constexpr std::string_view kValidationColour = "#c2410c";

std::string escape_xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // XML 1.0 has no way to write control characters.
        if (static_cast<unsigned char>(c) >= 0x20) out += c;
    }
  }
  return out;
}

/// 1, 2 or 5 times a power of ten, so that about `wanted` of them fill the range.
double tick_size(double range, double wanted) {
  const double raw = range / wanted;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  const double ratio = raw / power;
  return power * (ratio <= 1.0 ? 1.0 : ratio <= 2.0 ? 2.0 : ratio <= 5.0 ? 5.0 : 10.0);
}

struct Axis {
  double low;
  double high;
  double tick;
  double from;  ///< pixel of low
  double to;    ///< pixel of high
  double at(double value) const { return from + (value - low) / (high - low) * (to - from); }
};

std::vector<PlotPoint> finite_points(std::span<const PlotPoint> points) {
  std::vector<PlotPoint> kept;
  for (const PlotPoint& point : points) {
    if (std::isfinite(point.step) && std::isfinite(point.loss)) kept.push_back(point);
  }
  return kept;
}

/// At most kMaxPoints, each the mean of its neighbours.
std::vector<PlotPoint> thinned(const std::vector<PlotPoint>& points) {
  if (points.size() <= kMaxPoints) return points;
  std::vector<PlotPoint> out;
  for (std::size_t i = 0; i < kMaxPoints; ++i) {
    const std::size_t begin = i * points.size() / kMaxPoints;
    const std::size_t end = (i + 1) * points.size() / kMaxPoints;
    PlotPoint mean;
    for (std::size_t k = begin; k < end; ++k) {
      mean.step += points[k].step / static_cast<double>(end - begin);
      mean.loss += points[k].loss / static_cast<double>(end - begin);
    }
    out.push_back(mean);
  }
  return out;
}

/// Exponential moving average over about a twentieth of the run, without the bias to its start.
std::vector<PlotPoint> smoothed(const std::vector<PlotPoint>& points) {
  const double keep = 1.0 - 1.0 / std::clamp(static_cast<double>(points.size()) / 20.0, 2.0, 200.0);
  std::vector<PlotPoint> out;
  double sum = 0.0;
  double weight = 0.0;
  for (const PlotPoint& point : points) {
    sum = keep * sum + (1.0 - keep) * point.loss;
    weight = keep * weight + (1.0 - keep);
    out.push_back({point.step, sum / weight});
  }
  return out;
}

Axis step_axis(const std::vector<PlotPoint>& training, const std::vector<PlotPoint>& validation) {
  double high = 1.0;
  for (const auto* points : {&training, &validation}) {
    for (const PlotPoint& point : *points) high = std::max(high, point.step);
  }
  // Steps are whole numbers, and so are their ticks.
  return {0.0, high, std::max(1.0, tick_size(high, 8)), kLeft, kRight};
}

Axis loss_axis(const std::vector<PlotPoint>& training, const std::vector<PlotPoint>& validation) {
  double high = 0.0;
  for (const auto* points : {&training, &validation}) {
    for (const PlotPoint& point : *points) high = std::max(high, point.loss);
  }
  if (!(high > 0.0)) high = 1.0;
  const double tick = tick_size(high, 6);
  return {0.0, std::ceil(high / tick - 1e-9) * tick, tick, kBottom, kTop};
}

void draw_axes(std::string& svg, const Axis& x, const Axis& y) {
  for (double value = y.low; value <= y.high + y.tick * 1e-6; value += y.tick) {
    svg += fmt::format("<line x1=\"{}\" y1=\"{:.1f}\" x2=\"{}\" y2=\"{:.1f}\" stroke=\"#e2e2e2\"/>\n", kLeft,
                       y.at(value), kRight, y.at(value));
    svg += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:.4g}</text>\n", kLeft - 8,
                       y.at(value) + 4, value);
  }
  for (double value = x.low; value <= x.high + x.tick * 1e-6; value += x.tick) {
    svg += fmt::format("<line x1=\"{:.1f}\" y1=\"{}\" x2=\"{:.1f}\" y2=\"{}\" stroke=\"#e2e2e2\"/>\n",
                       x.at(value), kTop, x.at(value), kBottom);
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:.0f}</text>\n", x.at(value),
                       kBottom + 18, value);
  }
  svg += fmt::format("<path d=\"M{} {}V{}H{}\" fill=\"none\" stroke=\"#444444\"/>\n", kLeft, kTop, kBottom,
                     kRight);
  svg += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">step</text>\n", (kLeft + kRight) / 2,
                     kBottom + 38);
  svg += fmt::format(
      "<text transform=\"translate(18 {}) rotate(-90)\" text-anchor=\"middle\">loss (nats per target "
      "token)</text>\n",
      (kTop + kBottom) / 2);
}

void draw_line(std::string& svg, const std::vector<PlotPoint>& points, const Axis& x, const Axis& y,
               std::string_view colour, double width) {
  if (points.empty()) return;
  svg += fmt::format(
      "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\" points=\"", colour,
      width);
  for (const PlotPoint& point : points)
    svg += fmt::format("{:.1f},{:.1f} ", x.at(point.step), y.at(point.loss));
  svg += "\"/>\n";
}

void draw_dots(std::string& svg, const std::vector<PlotPoint>& points, const Axis& x, const Axis& y) {
  for (const PlotPoint& point : points) {
    svg += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\" fill=\"{}\"><title>step {:.0f}: {:.4g}</title>"
        "</circle>\n",
        x.at(point.step), y.at(point.loss), kValidationColour, point.step, point.loss);
  }
}

void draw_legend(std::string& svg, bool with_validation) {
  struct Entry {
    std::string_view label;
    std::string_view colour;
    double width;
  };
  std::vector<Entry> entries{{"training", kTrainColour, 1.0}, {"training, smoothed", kSmoothColour, 2.0}};
  if (with_validation) entries.push_back({"validation", kValidationColour, 2.0});
  double at = kRight - 150.0 * static_cast<double>(entries.size());
  for (const Entry& entry : entries) {
    svg += fmt::format("<line x1=\"{}\" y1=\"26\" x2=\"{}\" y2=\"26\" stroke=\"{}\" stroke-width=\"{}\"/>\n",
                       at, at + 22, entry.colour, entry.width);
    svg += fmt::format("<text x=\"{}\" y=\"30\">{}</text>\n", at + 28, entry.label);
    at += 150.0;
  }
}

}  // namespace

std::string render_loss_plot(std::string_view title, std::span<const PlotPoint> training,
                             std::span<const PlotPoint> validation) {
  const std::vector<PlotPoint> all = finite_points(training);
  const std::vector<PlotPoint> measured = finite_points(validation);
  const std::vector<PlotPoint> line = thinned(all);
  const Axis x = step_axis(line, measured);
  const Axis y = loss_axis(line, measured);
  std::string svg = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" "
      "font-family=\"sans-serif\" font-size=\"12\" fill=\"#222222\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n"
      "<text x=\"{2}\" y=\"30\" font-size=\"14\" font-weight=\"bold\">{3}</text>\n",
      kWidth, kHeight, kLeft, escape_xml(title));
  draw_axes(svg, x, y);
  draw_line(svg, line, x, y, kTrainColour, 1.0);
  draw_line(svg, thinned(smoothed(all)), x, y, kSmoothColour, 2.0);
  draw_line(svg, measured, x, y, kValidationColour, 1.5);
  draw_dots(svg, measured, x, y);
  draw_legend(svg, !measured.empty());
  svg += "</svg>\n";
  return svg;
}

}  // namespace outcrop::train
