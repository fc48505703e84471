/* Steps a model through time, and carries derivatives back: the loops of `stepping.py` and
   `sweep.py`, with the model's functions as lists of operations (`tape.py`). */

#include "operations.h"
#include <string.h>

typedef struct { const int *rows, *runs; long count; } Part;

static void perform(const Part *part, double *w)
{
    const int *p = part->rows;
    for (long i = 0; i < part->count; i++) {
        const int *end = p + 3 * part->runs[2 * i + 1];
        switch (part->runs[2 * i]) {
#define OP(name, value) \
        case name: \
            for (; p < end; p += 3) { \
                const double x = w[p[1]], y = w[p[2]]; \
                (void)y; \
                w[p[0]] = (value); \
            } \
            break;
        OPERATIONS
        }
    }
}

static double dot(const double *a, const double *b, long n)
{
    double sum = 0;
    for (long i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static double largest(const double *a, long n)
{
    double most = 0;
    for (long i = 0; i < n; i++) most = fabs(a[i]) > most || isnan(a[i]) ? fabs(a[i]) : most;
    return most;
}

/* Solves m x = b in place (Gauss, the largest pivot of each column); 0 when m is singular. */
static int solve(double *m, double *b, long n)
{
    for (long k = 0; k < n; k++) {
        long best = k;
        for (long i = k + 1; i < n; i++)
            if (fabs(m[i * n + k]) > fabs(m[best * n + k])) best = i;
        double pivot = m[best * n + k];
        if (!(fabs(pivot) > 0) || !isfinite(pivot)) return 0;
        if (best != k) {
            for (long j = k; j < n; j++) {
                double t = m[k * n + j];
                m[k * n + j] = m[best * n + j];
                m[best * n + j] = t;
            }
            double t = b[k];
            b[k] = b[best];
            b[best] = t;
        }
        for (long i = k + 1; i < n; i++) {
            double f = m[i * n + k] / pivot;
            if (f == 0) continue;
            for (long j = k + 1; j < n; j++) m[i * n + j] -= f * m[k * n + j];
            b[i] -= f * b[k];
        }
    }
    for (long i = n - 1; i >= 0; i--) {
        for (long j = i + 1; j < n; j++) b[i] -= m[i * n + j] * b[j];
        b[i] /= m[i * n + i];
    }
    return 1;
}

enum { GOOD, NOT_FINITE, SINGULAR, NOT_CONVERGED };

/* All sizes are in numbers; arrays over time have one row for each step. */
typedef struct {
    long n, m, steps, most;  /* coordinates, muscles, steps, Newton iterations at most */
    long lags;               /* 1: dampers are implicit */
    double h, tolerance;
    Part parts[3];           /* before qacc is known; the residual; its slope */
    const int *residual, *slope, *rate, *mass, *lagging;  /* places of outputs */
    long a, q, v, act, exc;  /* places of inputs */
    double *w;               /* all places, with parameters and constants filled in */
    double *qpos, *qvel, *activation;  /* (steps + 1, ...), the first row given */
    const double *excitation;
    double *qacc, *applied;  /* (steps, n): of Newton's law; what the velocity changed by, over h */
    int *iterations;
    double *room;            /* n * n + 3 n */
} Rollout;

static void residual_at(const Rollout *r, const double *a, double *out)
{
    memcpy(r->w + r->a, a, r->n * sizeof(double));
    perform(&r->parts[1], r->w);
    for (long i = 0; i < r->n; i++) out[i] = r->w[r->residual[i]];
}

/* a += alpha d. Where the residual is a convex potential's slope, its product with d grows along d:
   from the whole step back, by false position, until it is not far uphill. */
static void search(const Rollout *r, double *a, const double *d, double *res, double *trial)
{
    long n = r->n;
    double start = dot(res, d, n), alpha = 1;
    for (int k = 0; k < 30; k++) {
        for (long i = 0; i < n; i++) trial[i] = a[i] + alpha * d[i];
        residual_at(r, trial, res);
        double here = dot(res, d, n), cut = start / (start - here);
        if (start >= 0 || here <= -0.5 * start) break;
        if (!(cut > 0.1)) cut = 0.1; /* also where it is not finite */
        alpha *= cut < 0.9 ? cut : 0.9;
    }
    memcpy(a, trial, n * sizeof(double));
}

/* qacc of the state in r->w, from the guess in a. */
static int newton(const Rollout *r, double *a, int *iterations)
{
    long n = r->n;
    double *m = r->room, *res = m + n * n, *d = res + n, *trial = d + n;
    residual_at(r, a, res);
    for (int k = 1; k <= r->most; k++) {
        *iterations = k;
        perform(&r->parts[2], r->w);
        for (long j = 0; j < n; j++) /* the output is column by column */
            for (long i = 0; i < n; i++) m[i * n + j] = r->w[r->slope[j * n + i]];
        for (long i = 0; i < n; i++) d[i] = -res[i];
        if (!isfinite(largest(d, n))) return NOT_FINITE;
        if (!solve(m, d, n)) return SINGULAR;
        if (!isfinite(largest(d, n))) return NOT_FINITE;
        if (largest(d, n) <= r->tolerance * (1 + largest(a, n))) {
            for (long i = 0; i < n; i++) a[i] += d[i];
            return GOOD;
        }
        search(r, a, d, res, trial);
    }
    return NOT_CONVERGED;
}

/* (M + h D) b = M a */
static int damped(const Rollout *r, const double *a, double *b)
{
    long n = r->n;
    double *m = r->room;
    for (long i = 0; i < n; i++) {
        b[i] = 0;
        for (long j = 0; j < n; j++) {
            b[i] += r->w[r->mass[j * n + i]] * a[j];
            m[i * n + j] = r->w[r->lagging[j * n + i]];
        }
    }
    return solve(m, b, n);
}

/* Returns the number of steps done; the state and, when that is fewer, the reason in status. */
long roll(const Rollout *r, int *status)
{
    long n = r->n, m = r->m;
    double h = r->h, *w = r->w;
    for (long t = 0; t < r->steps; t++) {
        const double *q = r->qpos + t * n, *v = r->qvel + t * n, *act = r->activation + t * m;
        double *a = r->qacc + t * n, *b = r->applied + t * n;
        memcpy(w + r->q, q, n * sizeof(double));
        memcpy(w + r->v, v, n * sizeof(double));
        memcpy(w + r->act, act, m * sizeof(double));
        memcpy(w + r->exc, r->excitation + t * m, m * sizeof(double));
        if (t) memcpy(a, a - n, n * sizeof(double));
        perform(&r->parts[0], w);
        *status = newton(r, a, &r->iterations[t]);
        if (*status != GOOD) return t;
        if (!r->lags) memcpy(b, a, n * sizeof(double));
        else if (!damped(r, a, b)) { *status = SINGULAR; return t; }
        for (long i = 0; i < n; i++) {
            r->qvel[(t + 1) * n + i] = v[i] + h * b[i];
            r->qpos[(t + 1) * n + i] = q[i] + h * r->qvel[(t + 1) * n + i];
        }
        for (long i = 0; i < m; i++)
            r->activation[(t + 1) * m + i] = act[i] + h * w[r->rate[i]];
        if (!isfinite(largest(r->qpos + (t + 1) * n, n)) ||
            !isfinite(largest(r->activation + (t + 1) * m, m))) { *status = NOT_FINITE; return t; }
    }
    *status = GOOD;
    return r->steps;
}

/* Matrices (rows, n) or (rows, m) of every step, column by column. */
typedef struct {
    long n, m, count, lags;
    double h;
    const double *by_a, *by_q, *by_v, *by_act;  /* of the residual */
    const double *rate_act, *rate_exc;          /* (m,) */
    const double *mass, *lagging;               /* M, M + h D; when dampers are implicit */
    const double *lag_q, *lag_v, *lag_act;      /* of M (b - a) + h D b; null where zero */
    const double *cost_x, *cost_a, *cost_exc;   /* what the scalar changes by directly */
    double *total;                   /* (2 n + m): by the state after the last step; then before */
    double *state, *excitation;      /* (count, ...) the scalar's whole derivatives */
    double *force, *rate, *applied;  /* (count, ...) multipliers: of the residual, of the rate of
                                        activation, of M (b - a) + h D b */
    double *room;                    /* n * n + n */
} Sweep;

static void add_product(double *out, const double *columns, const double *row, long n, long count)
{
    if (columns)
        for (long c = 0; c < count; c++) out[c] += dot(columns + c * n, row, n);
}

static const double *at(const double *matrices, long place)
{
    return matrices ? matrices + place : NULL;
}

/* Returns -1, or the step whose equations are singular or whose derivative is not finite. */
long sweep(const Sweep *s)
{
    long n = s->n, m = s->m, nx = 2 * n + m;
    double h = s->h, *matrix = s->room, *pull = matrix + n * n;
    for (long t = s->count - 1; t >= 0; t--) {
        double *q = s->total, *v = q + n, *act = v + n;
        double *force = s->force + t * n, *applied = s->applied + t * n, *rate = s->rate + t * m;
        for (long i = 0; i < n; i++) {
            v[i] += h * q[i];
            pull[i] = h * v[i];
        }
        if (s->lags) { /* matrices read row by row are their transposes */
            for (long i = 0; i < n; i++) applied[i] = -pull[i];
            memcpy(matrix, s->lagging + t * n * n, n * n * sizeof(double));
            if (!solve(matrix, applied, n)) return t;
            memset(pull, 0, n * sizeof(double));
            add_product(pull, s->mass + t * n * n, applied, n, n);
            for (long i = 0; i < n; i++) pull[i] = -pull[i];
            add_product(q, at(s->lag_q, t * n * n), applied, n, n);
            add_product(v, at(s->lag_v, t * n * n), applied, n, n);
        }
        for (long i = 0; i < n; i++) force[i] = -(pull[i] + s->cost_a[t * n + i]);
        memcpy(matrix, s->by_a + t * n * n, n * n * sizeof(double));
        if (!solve(matrix, force, n)) return t;
        add_product(q, s->by_q + t * n * n, force, n, n);
        add_product(v, s->by_v + t * n * n, force, n, n);
        for (long i = 0; i < m; i++) {
            rate[i] = h * act[i];
            s->excitation[t * m + i] = s->rate_exc[t * m + i] * rate[i] + s->cost_exc[t * m + i];
            act[i] += s->rate_act[t * m + i] * rate[i];
        }
        add_product(act, s->by_act + t * n * m, force, n, m);
        if (s->lags) add_product(act, at(s->lag_act, t * n * m), applied, n, m);
        for (long i = 0; i < nx; i++) s->total[i] += s->cost_x[t * nx + i];
        memcpy(s->state + t * nx, s->total, nx * sizeof(double));
        if (!isfinite(largest(s->total, nx))) return t;
    }
    return -1;
}
