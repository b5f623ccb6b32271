#pragma once
// loss.svg: the loss over steps as one self-contained picture, readable on white and in print.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace outcrop::train {

struct PlotPoint {
  double step = 0.0;
  double loss = 0.0;
};

/// Training loss as a thin line with its moving average over it, validation loss as dots joined by a line.
/// Points that are not finite are left out; long runs are thinned to what a screen can show. Never fails:
/// without points it gives empty axes.
std::string render_loss_plot(std::string_view title, std::span<const PlotPoint> training,
                             std::span<const PlotPoint> validation);

}  // namespace outcrop::train
