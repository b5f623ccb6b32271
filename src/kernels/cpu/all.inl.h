#pragma once
// Every kernel body but those with files of their own (attention, matvec); all_<level>.cpp instantiate.

#include "kernels/cpu/activation.inl.h"
#include "kernels/cpu/dropout.inl.h"
#include "kernels/cpu/elementwise.inl.h"
#include "kernels/cpu/loss.inl.h"
#include "kernels/cpu/norm.inl.h"
#include "kernels/cpu/optimizer.inl.h"
#include "kernels/cpu/rope.inl.h"
