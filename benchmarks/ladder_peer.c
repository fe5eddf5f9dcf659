/* The ladder's loop in C: what a compiled peer needs for the same bars, bin by bin.
 *
 * In:  the arguments of forcedflow.positions._kernels.replay, in its order, and the sizes first.
 * Out: the same arrays, changed in place; the number of levels that fell outside the window.
 * Free of everything but arrays. The benchmark compiles it in the run that measures it and
 * compares the results before it compares the times.
 */
#include <stdint.h>
#include <stdlib.h>

typedef int64_t i64;

static inline double sweep_down(double *restrict mass, i64 *restrict top, i64 reach) {
    i64 b = *top;
    double taken = 0.0;
    for (; b >= reach; b--) {
        taken += mass[b];
        mass[b] = 0.0;
    }
    *top = b;
    return taken;
}

static inline double sweep_up(double *restrict mass, i64 *restrict bottom, i64 reach) {
    i64 b = *bottom;
    double taken = 0.0;
    for (; b <= reach; b++) {
        taken += mass[b];
        mass[b] = 0.0;
    }
    *bottom = b;
    return taken;
}

static inline void enter(double *restrict bins, double amount, const double *restrict entries,
                         const double *restrict weights, i64 n_points, double offset) {
    for (i64 p = 0; p < n_points; p++) {
        const double x = entries[p] + offset;
        const i64 b = (i64)x;
        const double value = amount * weights[p];
        const double upper = value * (x - b);
        bins[b] += value - upper;
        bins[b + 1] += upper;
    }
}

static inline i64 most(i64 a, i64 b) { return a > b ? a : b; }
static inline i64 least(i64 a, i64 b) { return a < b ? a : b; }

/* One row of the picture: the sum over the atoms of one band and side, joined into view bins. */
static void paint_row(const double *restrict profile, i64 begin, i64 end, i64 shift, i64 step,
                      float *restrict row) {
    if (step == 1) {
        for (i64 b = begin; b < end; b++) row[b + shift] = (float)profile[b];
        return;
    }
    for (i64 b = begin; b < end;) {
        const i64 p = (b + shift) / step;
        const i64 stop = least(end, (p + 1) * step - shift);
        double total = 0.0;
        for (; b < stop; b++) total += profile[b];
        row[p] = (float)total;
    }
}

i64 ladder_replay(
    i64 n_bars, i64 n_atoms, i64 n_bins, i64 n_classes, i64 n_points, i64 n_roles, i64 n_bands,
    i64 n_view,
    const double *restrict low, const double *restrict high, const double *restrict close,
    const double *restrict entry, const double *restrict entry_weight,
    const double *restrict opens_long, const double *restrict opens_short,
    const double *restrict decay, i64 first,
    double *restrict long_mass, double *restrict short_mass,
    i64 *restrict top, i64 *restrict bottom, double *restrict growth,
    double *restrict added, double *restrict consumed, double *restrict closed,
    double *restrict alive,
    const double *restrict offset_long, const double *restrict offset_short,
    const double *restrict share, const i64 *restrict class_of, const i64 *restrict role_of,
    const i64 *restrict band_of,
    double *restrict swept, double *restrict alive_per_bar, const i64 *restrict column_of,
    const i64 *restrict shift_floor, const i64 *restrict shift_ceil,
    i64 view_first, i64 view_step, float *restrict image) {
    double *restrict profile = malloc((size_t)n_bins * sizeof *profile);
    if (!profile) return -1;
    i64 outside = 0;
    for (i64 t = 0; t < n_bars; t++) {
        /* 1. Voluntary closes. */
        for (i64 k = 0; k < n_classes; k++) {
            const double d = decay[t * n_classes + k];
            growth[k] *= d;
            for (int side = 0; side < 2; side++) {
                closed[side * n_classes + k] += alive[side * n_classes + k] * (1.0 - d);
                alive[side * n_classes + k] *= d;
            }
            if (growth[k] < 1e-12) {
                for (i64 a = 0; a < n_atoms; a++) {
                    if (class_of[a] != k) continue;
                    for (i64 b = 0; b < n_bins; b++) {
                        long_mass[a * n_bins + b] *= growth[k];
                        short_mass[a * n_bins + b] *= growth[k];
                    }
                }
                growth[k] = 1.0;
            }
        }
        /* 2. The mark's range takes what stood before this bar. */
        const i64 reach_long = (i64)(low[t] - first), reach_short = (i64)(high[t] - first);
        double swept_long = 0.0, swept_short = 0.0;
        for (i64 a = 0; a < n_atoms; a++) {
            const i64 k = class_of[a];
            if (top[a] >= reach_long) {
                const double taken =
                    growth[k] * sweep_down(long_mass + a * n_bins, top + a, reach_long);
                swept_long += taken;
                consumed[k] += taken;
                alive[k] -= taken;
            }
            if (bottom[a] <= reach_short) {
                const double taken =
                    growth[k] * sweep_up(short_mass + a * n_bins, bottom + a, reach_short);
                swept_short += taken;
                consumed[n_classes + k] += taken;
                alive[n_classes + k] -= taken;
            }
        }
        /* 3. This bar's opens, and what its close has already passed. */
        const i64 last = (i64)(close[t] - first);
        const double *restrict entries = entry + t * n_points;
        for (i64 a = 0; a < n_atoms; a++) {
            const i64 k = class_of[a];
            const double scale = share[a] / growth[k];
            double *restrict longs = long_mass + a * n_bins;
            double *restrict shorts = short_mass + a * n_bins;
            double amount = opens_long[t * n_roles + role_of[a]];
            if (amount > 0.0) {
                const double offset = offset_long[a] - first - 0.5;
                const i64 highest = (i64)(entries[n_points - 1] + offset) + 1;
                if (entries[0] + offset < 0.0 || highest >= n_bins) {
                    outside++;
                    continue;
                }
                enter(longs, amount * scale, entries, entry_weight, n_points, offset);
                top[a] = most(top[a], highest);
                const double entered = amount * share[a];
                added[k] += entered;
                alive[k] += entered;
                if (top[a] >= last) {
                    const double taken = growth[k] * sweep_down(longs, top + a, last);
                    swept_long += taken;
                    consumed[k] += taken;
                    alive[k] -= taken;
                }
            }
            amount = opens_short[t * n_roles + role_of[a]];
            if (amount > 0.0) {
                const double offset = offset_short[a] - first - 0.5;
                const i64 lowest = (i64)(entries[0] + offset);
                if (entries[0] + offset < 0.0 ||
                    (i64)(entries[n_points - 1] + offset) + 1 >= n_bins) {
                    outside++;
                    continue;
                }
                enter(shorts, amount * scale, entries, entry_weight, n_points, offset);
                bottom[a] = least(bottom[a], lowest);
                const double entered = amount * share[a];
                added[n_classes + k] += entered;
                alive[n_classes + k] += entered;
                if (bottom[a] <= last) {
                    const double taken = growth[k] * sweep_up(shorts, bottom + a, last);
                    swept_short += taken;
                    consumed[n_classes + k] += taken;
                    alive[n_classes + k] -= taken;
                }
            }
        }
        swept[t * 2] = swept_long;
        swept[t * 2 + 1] = swept_short;
        double total_long = 0.0, total_short = 0.0;
        for (i64 k = 0; k < n_classes; k++) {
            total_long += alive[k];
            total_short += alive[n_classes + k];
        }
        alive_per_bar[t * 2] = total_long;
        alive_per_bar[t * 2 + 1] = total_short;
        /* 4. At a column's last bar, the picture. */
        if (column_of[t] < 0) continue;
        for (i64 side = 0; side < 2; side++) {
            const i64 shift = first + (side ? shift_ceil[t] : shift_floor[t]) - view_first;
            const i64 begin = most(0, -shift);
            const i64 end = least(n_bins, n_view * view_step - shift);
            if (end <= begin) continue;
            const double *restrict mass = side ? short_mass : long_mass;
            for (i64 band = 0; band < n_bands; band++) {
                i64 from = end, to = begin;
                for (i64 b = begin; b < end; b++) profile[b] = 0.0;
                for (i64 a = 0; a < n_atoms; a++) {
                    if (band_of[a] != band) continue;
                    const i64 b0 = side ? most(begin, bottom[a]) : begin;
                    const i64 b1 = side ? end : least(end, top[a] + 1);
                    const double g = growth[class_of[a]];
                    const double *restrict row = mass + a * n_bins;
                    for (i64 b = b0; b < b1; b++) profile[b] += row[b] * g;
                    from = least(from, b0);
                    to = most(to, b1);
                }
                if (from >= to) continue;
                paint_row(profile, from, to, shift, view_step,
                          image + ((column_of[t] * 2 + side) * n_bands + band) * n_view);
            }
        }
    }
    free(profile);
    return outside;
}
